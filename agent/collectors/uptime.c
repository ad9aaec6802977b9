/* How long the host has been up, and which boot this is. */
#include "collectors/uptime.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "collectors/scan.h"
#include "collectors/source.h"

enum { UPTIME_BYTES = 128 /* two numbers */, BOOT_ID_FILE_BYTES = 64 };

enum { UPTIME, BOOT_ID };
static const mst_signal signals[] = {
    [UPTIME] = {"system.uptime", MST_SIGNAL_GAUGE, "s", "Time since boot"},
    [BOOT_ID] = {"muster.host.boot.id", MST_SIGNAL_STATE, "1", "Random name of this boot: another one is another boot"},
};

struct state {
  mst_source uptime;
  bool has_id;
  char boot_id[MST_BOOT_ID_BYTES + 1]; /* never changes while the kernel runs */
};

mst_err
mst_uptime_parse(const char *text, size_t length, double *ret_uptime_s, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length);
  double uptime;

  if (!mst_scan_decimal(&all, &uptime) || all.at == all.end)
    return mst_fail(ctx, MST_EMALFORMED, "/proc/uptime: \"%.*s\" does not begin with a time", mst_scan_shown(mst_scan_over(text, length)),
                    text);
  *ret_uptime_s = uptime;
  return MST_OK;
}

mst_err
mst_boot_id_parse(const char *text, size_t length, char ret_id[static MST_BOOT_ID_BYTES + 1], mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), word;
  bool is_id = mst_scan_word(&all, &word) && mst_scan_length(word) == MST_BOOT_ID_BYTES;

  for (size_t i = 0; is_id && i < MST_BOOT_ID_BYTES; i++) {
    bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    char c = word.at[i];

    is_id = is_dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  }
  if (!is_id)
    return mst_fail(ctx, MST_EMALFORMED, "/proc/sys/kernel/random/boot_id: \"%.*s\" is no UUID",
                    mst_scan_shown(mst_scan_over(text, length)), text);
  memcpy(ret_id, word.at, MST_BOOT_ID_BYTES);
  ret_id[MST_BOOT_ID_BYTES] = '\0';
  return MST_OK;
}

static void
close_uptime(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->uptime);
  mst_free(st);
}

static mst_err
open_uptime(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);
  char text[BOOT_ID_FILE_BYTES];
  size_t length = 0;

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "uptime: no memory for its state");

  mst_err err = mst_source_open(&st->uptime, env->root_fd, "proc/uptime", UPTIME_BYTES, UPTIME_BYTES, ctx);

  if (err == MST_OK) {
    err = mst_source_read_once(env->root_fd, "proc/sys/kernel/random/boot_id", text, sizeof text, &length, ctx);
    st->has_id = err == MST_OK;
    if (err == MST_OK)
      err = mst_boot_id_parse(text, length, st->boot_id, ctx);
    else if (err == MST_EABSENT)
      err = MST_OK;
  }
  if (err != MST_OK) {
    close_uptime(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

static mst_err
sample_uptime(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  double uptime_s;
  mst_err err;

  if (st->has_id)
    mst_emit_state(&emit, &signals[BOOT_ID], NULL, 0, st->boot_id);
  err = mst_source_read_head(&st->uptime, ctx);
  if (err == MST_OK)
    err = mst_uptime_parse(st->uptime.text, st->uptime.length, &uptime_s, ctx);
  if (err != MST_OK)
    return err;
  mst_emit_gauge(&emit, &signals[UPTIME], NULL, 0, uptime_s);
  return emit.err;
}

const mst_collector mst_collector_uptime = {
    .name = "uptime",
    .help = "Time since boot, and which boot this is",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_uptime,
    .sample = sample_uptime,
    .close = close_uptime,
};

/* Probe kind tcp: whether a port takes connections, or must not; see proto/probes/tcp.c. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "dial.h"
#include "kinds.h"

enum { EXPECT_OPEN, EXPECT_REFUSED, EXPECT_UNREACHABLE }; /* as in proto/probes/tcp.c */
enum { ANSWER_BYTES = 4096, PLACE_BYTES = 128, SHOWN_BYTES = 60 };

typedef struct config {
  mst_probe_address address;
  int expect;
  char *send; /* owned */
  size_t send_bytes;
  pcre2_code *banner;
} config;

typedef struct state {
  const config *config; /* until stop() */
  mst_probe_attempt *attempt;
  mst_dial *dial;
  char answer[ANSWER_BYTES];
  size_t answer_bytes;
} state;

static void
close_tcp(void *opaque)
{
  config *tcp = opaque;

  if (!tcp)
    return;
  pcre2_code_free(tcp->banner);
  mst_free(tcp->send);
  mst_free(tcp);
}

static mst_err
read_texts(const mst_probe_options *options, config *tcp, mst_errctx *ctx)
{
  const char *send = mst_probe_text(options, "send"), *banner = mst_probe_text(options, "banner");
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[128];
  mst_err err = MST_OK;

  if (tcp->expect != EXPECT_OPEN && (send || banner))
    return mst_fail(ctx, MST_EUSAGE, "send and banner ask for a port that is open; leave them out, or expect: open");
  if (send) {
    tcp->send = mst_alloc(strlen(send) + 1, 1);
    err = tcp->send ? mst_probe_unescape(send, tcp->send, &tcp->send_bytes, ctx) : mst_fail(ctx, MST_ENOMEM, "no memory for what is sent");
  }
  if (err != MST_OK || !banner)
    return err;
  tcp->banner = pcre2_compile((PCRE2_SPTR)banner, PCRE2_ZERO_TERMINATED, 0, &number, &offset, NULL);
  if (tcp->banner)
    return MST_OK;
  (void)pcre2_get_error_message(number, message, sizeof message);
  return mst_fail(ctx, MST_EUSAGE, "banner: the pattern is wrong at its character %zu: %s", (size_t)offset + 1, (const char *)message);
}

static mst_err
open_tcp(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *tcp = mst_alloc(1, sizeof *tcp);

  if (!tcp)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  tcp->expect = mst_probe_choice(options, "expect");
  mst_err err = mst_probe_address_parse(mst_probe_text(options, "address"), &tcp->address, ctx);
  if (err == MST_OK)
    err = read_texts(options, tcp, ctx);
  if (err != MST_OK) {
    close_tcp(tcp);
    return err;
  }
  *ret_config = tcp;
  return MST_OK;
}

/* ---- an attempt ---- */

static void
free_state(void *opaque)
{
  mst_free(opaque);
}

/* Lets everything go; the state is freed when the connection is closed. */
static void
let_go(state *tcp)
{
  if (tcp->dial)
    mst_dial_close(tcp->dial);
  else
    free_state(tcp);
}

static void
finish(state *tcp, const char *reason)
{
  mst_probe_attempt *attempt = tcp->attempt;

  if (reason)
    mst_probe_fail(attempt, "%s", reason);
  else
    mst_probe_pass(attempt);
  let_go(tcp);
}

/* What came, as a person may read it. */
static const char *
shown(const state *tcp, char text[static SHOWN_BYTES])
{
  size_t count = tcp->answer_bytes < SHOWN_BYTES - 1 ? tcp->answer_bytes : SHOWN_BYTES - 1;

  for (size_t i = 0; i < count; i++)
    text[i] = tcp->answer[i] >= ' ' && tcp->answer[i] <= '~' ? tcp->answer[i] : '.';
  text[count] = '\0';
  return text;
}

static bool
fits(const state *tcp)
{
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(tcp->config->banner, NULL);
  int found = match ? pcre2_match(tcp->config->banner, (PCRE2_SPTR)tcp->answer, tcp->answer_bytes, 0, 0, match, NULL) : -1;

  pcre2_match_data_free(match);
  return found >= 0;
}

static void
on_got(void *arg, size_t size_bytes, int outcome)
{
  state *tcp = arg;
  char reason[2 * PLACE_BYTES + SHOWN_BYTES], text[SHOWN_BYTES];

  tcp->answer_bytes = size_bytes;
  if (fits(tcp)) {
    mst_probe_phase(tcp->attempt, "banner");
    finish(tcp, NULL);
  } else if (outcome != 0) {
    snprintf(reason, sizeof reason, "read from %.100s:%u: its answer \"%s\" does not match: %s", tcp->config->address.host,
             tcp->config->address.port, shown(tcp, text),
             outcome == UV_EOF       ? "it closed the connection"
             : outcome == UV_ENOBUFS ? "over 4 KiB came"
                                     : uv_strerror(outcome));
    finish(tcp, reason);
  }
}

static void
on_open(state *tcp)
{
  const config *wanted = tcp->config;
  char reason[PLACE_BYTES + MST_PROBE_HOST_BYTES];

  if (wanted->expect != EXPECT_OPEN) {
    snprintf(reason, sizeof reason, "connect to %s:%u: it accepts the connection, which must not be", wanted->address.host,
             wanted->address.port);
    finish(tcp, reason);
    return;
  }
  if (wanted->send)
    mst_dial_write(tcp->dial, wanted->send, wanted->send_bytes);
  if (!wanted->banner) {
    finish(tcp, NULL);
    return;
  }
  mst_probe_doing(tcp->attempt, "read from %.100s:%u", wanted->address.host, wanted->address.port);
  mst_dial_read(tcp->dial, tcp->answer, sizeof tcp->answer, on_got);
}

static void
on_done(void *arg, mst_dial_outcome outcome, const char *reason)
{
  state *tcp = arg;
  int expect = tcp->config->expect;
  bool passes = (expect == EXPECT_REFUSED && outcome == MST_DIAL_REFUSED) ||
                (expect == EXPECT_UNREACHABLE && (outcome == MST_DIAL_REFUSED || outcome == MST_DIAL_UNREACHABLE));

  if (outcome == MST_DIAL_OPEN)
    on_open(tcp);
  else
    finish(tcp, passes ? NULL : reason);
}

static void *
begin_tcp(void *opaque, mst_probe_attempt *attempt)
{
  const config *wanted = opaque;
  state *tcp = mst_alloc(1, sizeof *tcp);

  if (!tcp) {
    mst_probe_fail(attempt, "connect to %.200s:%u: out of memory", wanted->address.host, wanted->address.port);
    return NULL;
  }
  *tcp = (state){.config = wanted, .attempt = attempt};
  tcp->dial = mst_dial_begin(attempt, &wanted->address, on_done, free_state, tcp);
  if (tcp->dial)
    return tcp;
  free_state(tcp); /* it has failed already */
  return NULL;
}

static void
stop_tcp(void *opaque)
{
  state *tcp = opaque;

  if (tcp)
    let_go(tcp);
}

/* A port that must not be reachable is not reachable when nobody answers; a name that is not found is no silence of the port's. */
static void
take_silence(void *opaque, mst_probe_attempt *attempt)
{
  const state *tcp = opaque;

  if (tcp && tcp->config->expect == EXPECT_UNREACHABLE && mst_dial_is_connecting(tcp->dial))
    mst_probe_pass(attempt);
}

const mst_probe_kind mst_probe_kind_tcp = {
    .schema = &mst_probe_schema_tcp,
    .open = open_tcp,
    .close = close_tcp,
    .begin = begin_tcp,
    .stop = stop_tcp,
    .take_silence = take_silence,
};

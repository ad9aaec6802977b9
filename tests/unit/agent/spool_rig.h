#ifndef MST_TEST_SPOOL_RIG_H
#define MST_TEST_SPOOL_RIG_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>
#include <mst/common/key.h>
#include <mst/proto/report.h>

#include "folder.h"
#include "spool.h"
#include "spool_state.h"

#define SPOOL_UNUSED __attribute__((unused))

/* A spool in a folder of its own, with a model beside it that knows what became of every record. */
enum { MODEL_MAX = 4000 };
typedef enum fate { FATE_NONE, FATE_WAITING, FATE_STORED, FATE_LOST } fate;

typedef struct made {
  mst_session_id session;
  uint64_t sequence;
  uint32_t samples;
  mst_envelope_kind kind;
  fate fate;
} made;

typedef struct fixture {
  char folder[64];
  mst_clock_manual clock;
  mst_spool *spool;
  mst_key *key;
  mst_spool_setup setup;
  mst_session_id session;
  uint64_t sequence;
  made model[MODEL_MAX];
  size_t made;
  uint64_t random;
  bool is_saving; /* collectors save something with some of the reports */
} fixture;

static fixture fx;

static SPOOL_UNUSED uint32_t
draw(uint32_t below)
{
  fx.random = fx.random * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(fx.random >> 33) % below;
}

static SPOOL_UNUSED void
open_spool(void)
{
  mst_errctx ctx = {0};
  cr_assert_eq(mst_spool_open(&fx.setup, &fx.spool, &ctx), MST_OK, "%s", ctx.text);
}

static SPOOL_UNUSED void
new_session(void)
{
  mst_random_bytes(fx.session.bytes, sizeof fx.session.bytes);
  fx.sequence = 0;
  cr_assert_eq(mst_spool_begin(fx.spool, &fx.session, NULL), MST_OK);
}

static SPOOL_UNUSED void
setup(void)
{
  mst_errctx ctx = {0};
  memset(&fx, 0, sizeof fx);
  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  cr_assert_eq(mst_key_create(&fx.key, &ctx), MST_OK);
  snprintf(fx.folder, sizeof fx.folder, "/tmp/mst-spool-XXXXXX");
  cr_assert_not_null(mkdtemp(fx.folder));
  mst_clock_manual_init(&fx.clock, 1700000000LL * MST_NS_PER_S);
  fx.setup = (mst_spool_setup){.folder = fx.folder, .max_bytes = 1 << 20, .max_age_ns = 3600 * MST_NS_PER_S, .clock = &fx.clock.base};
  fx.random = 42;
  open_spool();
  new_session();
}

static SPOOL_UNUSED void
teardown(void)
{
  mst_spool_destroy(fx.spool);
  mst_key_destroy(fx.key);
  folder_remove(fx.folder);
}

static SPOOL_UNUSED uint8_t *
envelope_of(mst_envelope_kind kind, const mst_buf *body, size_t *ret_size)
{
  const mst_envelope envelope = {.version = MST_WIRE_VERSION,
                                 .session = fx.session,
                                 .sequence = fx.sequence,
                                 .kind = kind,
                                 .sent_at = mst_clock_wall(&fx.clock.base),
                                 .body = {body->data, body->size_bytes}};
  mst_buf bytes;
  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES);
  mst_errctx ctx = {0};
  cr_assert_eq(mst_envelope_encode(&envelope, fx.key, &bytes, &ctx), MST_OK, "%s", ctx.text);
  return mst_buf_take(&bytes, ret_size);
}

/* Keeps a record of about size bytes. The spool looks into loss records only, so that other bodies may be anything. */
static SPOOL_UNUSED mst_err
keep(mst_envelope_kind kind, size_t size, uint32_t samples, bool take, mst_spool_handle *ret_handle)
{
  mst_buf body;
  mst_spool_item item = {
      .session = fx.session, .sequence = ++fx.sequence, .samples = samples, .kind = kind, .made_at = mst_clock_wall(&fx.clock.base)};
  mst_spool_handle handle;
  mst_errctx ctx = {0};

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  uint8_t *at = mst_buf_extend(&body, size);
  memset(at, (int)(fx.sequence & 0xff), size);
  item.envelope = envelope_of(kind, &body, &item.size_bytes);
  uint8_t saved[300];
  memset(saved, (int)(fx.sequence & 0xff), sizeof saved);
  if (fx.is_saving && kind == MST_ENVELOPE_REPORT && draw(3) > 0) {
    item.saved = saved;
    item.saved_bytes = 1 + draw(sizeof saved);
  }
  mst_err err = mst_spool_append(fx.spool, &item, take, &handle, &ctx);
  mst_free(item.envelope);
  mst_buf_done(&body);
  cr_assert_eq(err, MST_OK, "%s", ctx.text);
  cr_assert_lt(fx.made, MODEL_MAX);
  fx.model[fx.made++] = (made){fx.session, fx.sequence, samples, kind, FATE_WAITING};
  if (ret_handle)
    *ret_handle = handle;
  return err;
}

static SPOOL_UNUSED made *
find_made(const mst_session_id *session, uint64_t sequence)
{
  for (size_t i = 0; i < fx.made; i++)
    if (fx.model[i].sequence == sequence && mst_session_id_equal(&fx.model[i].session, session))
      return &fx.model[i];
  return NULL;
}

static SPOOL_UNUSED mst_err
take(mst_spool_order order, mst_spool_item *ret_item)
{
  mst_errctx ctx = {0};
  mst_err err = mst_spool_take(fx.spool, order, ret_item, &ctx);
  if (err == MST_OK)
    mst_free(ret_item->envelope);
  return err;
}

static SPOOL_UNUSED void
store(const mst_spool_item *item)
{
  mst_errctx ctx = {0};
  cr_assert_eq(mst_spool_acknowledge(fx.spool, item->handle, &ctx), MST_OK, "%s", ctx.text);
  made *record = find_made(&item->session, item->sequence);
  if (record)
    record->fate = FATE_STORED;
}

static SPOOL_UNUSED void
reopen(void)
{
  mst_spool_destroy(fx.spool);
  fx.spool = NULL;
  open_spool();
}

static SPOOL_UNUSED size_t
count_files(const char *prefix)
{
  size_t count = 0;
  DIR *folder = opendir(fx.folder);
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
    count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
  closedir(folder);
  return count;
}

/* Sends the losses that are not reported yet as a loss record, and has it stored. Marks them in the model; a record that the model has as
 * stored must not be among them. Returns their samples. */
static SPOOL_UNUSED uint64_t
report_losses(void)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  uint64_t samples = 0;
  mst_errctx ctx = {0};

  for (;;) {
    uint32_t count = mst_spool_losses(fx.spool, ranges);
    if (count == 0)
      return samples;
    for (uint32_t i = 0; i < count; i++) {
      uint64_t in_range = 0;
      for (uint64_t sequence = ranges[i].first; sequence <= ranges[i].last; sequence++) {
        made *record = find_made(&ranges[i].session, sequence);
        cr_assert_not_null(record);
        cr_assert_eq(record->fate, FATE_WAITING, "sequence %llu was not waiting but %d", (unsigned long long)sequence, record->fate);
        record->fate = FATE_LOST;
        in_range += record->samples;
      }
      cr_assert_eq(in_range, ranges[i].samples, "range %llu-%llu: %llu samples reported, %llu lost", (unsigned long long)ranges[i].first,
                   (unsigned long long)ranges[i].last, (unsigned long long)ranges[i].samples, (unsigned long long)in_range);
      samples += in_range;
    }
    mst_buf body;
    mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
    cr_assert_eq(mst_loss_encode(ranges, count, &body, &ctx), MST_OK, "%s", ctx.text);
    mst_spool_item item = {
        .session = fx.session, .sequence = ++fx.sequence, .kind = MST_ENVELOPE_LOSS, .made_at = mst_clock_wall(&fx.clock.base)};
    item.envelope = envelope_of(MST_ENVELOPE_LOSS, &body, &item.size_bytes);
    fx.model[fx.made++] = (made){fx.session, fx.sequence, 0, MST_ENVELOPE_LOSS, FATE_WAITING};
    cr_assert_eq(mst_spool_append(fx.spool, &item, true, &item.handle, &ctx), MST_OK, "%s", ctx.text);
    store(&item);
    mst_free(item.envelope);
    mst_buf_done(&body);
  }
}

/* Everything that still waits is handed out once and stored. */
static SPOOL_UNUSED void
drain(void)
{
  mst_spool_item item;
  while (take(MST_SPOOL_OLDEST, &item) == MST_OK) {
    made *record = find_made(&item.session, item.sequence);
    cr_assert_not_null(record);
    cr_assert_neq(record->fate, FATE_LOST, "a lost record was handed out");
    store(&item);
  }
}

#endif

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

#include "spool.h"
#include "spool_state.h"

/* A spool in a folder of its own, with a model beside it that knows what became of every record. */
enum { MODEL_MAX = 4000, ROUNDS = 60, ROUNDS_FULL = 1500 };
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
} fixture;

static fixture fx;

static uint32_t
draw(uint32_t below)
{
  fx.random = fx.random * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(fx.random >> 33) % below;
}

static void
open_spool(void)
{
  mst_errctx ctx = {0};
  cr_assert_eq(mst_spool_open(&fx.setup, &fx.spool, &ctx), MST_OK, "%s", ctx.text);
}

static void
new_session(void)
{
  mst_random_bytes(fx.session.bytes, sizeof fx.session.bytes);
  fx.sequence = 0;
  cr_assert_eq(mst_spool_begin(fx.spool, &fx.session, NULL), MST_OK);
}

static void
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

static void
remove_folder(void)
{
  char path[512];
  DIR *folder = opendir(fx.folder);
  for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
    snprintf(path, sizeof path, "%s/%s", fx.folder, entry->d_name);
    (void)unlink(path);
  }
  if (folder)
    closedir(folder);
  (void)rmdir(fx.folder);
}

static void
teardown(void)
{
  mst_spool_destroy(fx.spool);
  mst_key_destroy(fx.key);
  remove_folder();
}

TestSuite(spool, .init = setup, .fini = teardown);

static uint8_t *
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
static mst_err
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

static made *
find_made(const mst_session_id *session, uint64_t sequence)
{
  for (size_t i = 0; i < fx.made; i++)
    if (fx.model[i].sequence == sequence && mst_session_id_equal(&fx.model[i].session, session))
      return &fx.model[i];
  return NULL;
}

static mst_err
take(mst_spool_order order, mst_spool_item *ret_item)
{
  mst_errctx ctx = {0};
  mst_err err = mst_spool_take(fx.spool, order, ret_item, &ctx);
  if (err == MST_OK)
    mst_free(ret_item->envelope);
  return err;
}

static void
store(const mst_spool_item *item)
{
  mst_errctx ctx = {0};
  cr_assert_eq(mst_spool_acknowledge(fx.spool, item->handle, &ctx), MST_OK, "%s", ctx.text);
  made *record = find_made(&item->session, item->sequence);
  if (record)
    record->fate = FATE_STORED;
}

static void
reopen(void)
{
  mst_spool_destroy(fx.spool);
  fx.spool = NULL;
  open_spool();
}

static size_t
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
static uint64_t
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
static void
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

Test(spool, take__several_waiting__definitions_then_newest_or_oldest)
{
  mst_spool_item item;
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  keep(MST_ENVELOPE_DEFINITIONS, 100, 0, false, NULL);
  const uint64_t expected[] = {4, 3, 1, 2};
  for (size_t i = 0; i < 4; i++) {
    cr_assert_eq(take(i == 1 ? MST_SPOOL_NEWEST : MST_SPOOL_OLDEST, &item), MST_OK);
    cr_expect_eq(item.sequence, expected[i]);
  }
  cr_expect_eq(take(MST_SPOOL_OLDEST, &item), MST_EABSENT);
  mst_spool_return(fx.spool, item.handle);
  cr_expect_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  cr_expect_eq(item.sequence, 2);
}

Test(spool, append__taken__not_handed_out_until_returned)
{
  mst_spool_handle handle;
  mst_spool_item item;
  keep(MST_ENVELOPE_REPORT, 100, 5, true, &handle);
  cr_expect_eq(take(MST_SPOOL_OLDEST, &item), MST_EABSENT);
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 1);
  cr_expect_eq(mst_spool_get_stats(fx.spool).waiting, 0);
  mst_spool_return(fx.spool, handle);
  cr_expect_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  cr_expect_eq(item.sequence, 1);
}

Test(spool, append__sequence_that_was_there__refused)
{
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  uint8_t byte = 1;
  const mst_spool_item item = {.session = fx.session, .sequence = 1, .kind = MST_ENVELOPE_REPORT, .envelope = &byte, .size_bytes = 1};
  mst_spool_handle handle;
  cr_expect_eq(mst_spool_append(fx.spool, &item, false, &handle, NULL), MST_ESTATE);
}

Test(spool, append__numbers_left_out__counted_as_lost)
{
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  for (int i = 0; i < 2; i++)
    fx.model[fx.made++] = (made){fx.session, ++fx.sequence, 0, MST_ENVELOPE_REPORT, FATE_WAITING};
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 2);
  report_losses();
}

Test(spool, lose__too_big_to_send__counted_with_its_samples)
{
  mst_errctx ctx = {0};
  fx.model[fx.made++] = (made){fx.session, ++fx.sequence, 77, MST_ENVELOPE_REPORT, FATE_WAITING};
  cr_assert_eq(mst_spool_lose(fx.spool, &fx.session, 1, 77, "too_big", &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_samples, 77);
  cr_expect_eq(report_losses(), 77);
}

Test(spool, reopen__backlog__same_bytes_and_states)
{
  mst_spool_item before[3];
  mst_spool_item after;
  keep(MST_ENVELOPE_DEFINITIONS, 300, 0, false, NULL);
  keep(MST_ENVELOPE_REPORT, 200, 7, false, NULL);
  keep(MST_ENVELOPE_REPORT, 210, 8, false, NULL);
  for (int i = 0; i < 3; i++)
    cr_assert_eq(mst_spool_take(fx.spool, MST_SPOOL_OLDEST, &before[i], NULL), MST_OK);
  cr_assert_eq(mst_spool_acknowledge(fx.spool, before[1].handle, NULL), MST_OK);
  reopen();
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 2);
  for (int i = 0; i < 3; i += 2) {
    cr_assert_eq(mst_spool_take(fx.spool, MST_SPOOL_OLDEST, &after, NULL), MST_OK);
    cr_expect_eq(after.sequence, before[i].sequence);
    cr_expect_eq(after.samples, before[i].samples);
    cr_assert_eq(after.size_bytes, before[i].size_bytes);
    cr_expect_arr_eq(after.envelope, before[i].envelope, after.size_bytes);
    mst_free(after.envelope);
  }
  for (int i = 0; i < 3; i++)
    mst_free(before[i].envelope);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 0);
}

Test(spool, open__folder_in_use__refused)
{
  mst_spool *second;
  mst_errctx ctx = {0};
  cr_expect_eq(mst_spool_open(&fx.setup, &second, &ctx), MST_EEXIST);
  cr_expect_not_null(strstr(ctx.text, "another agent"));
}

Test(spool, acknowledge__whole_files__are_removed)
{
  mst_spool_item item;
  for (int i = 0; i < 300; i++)
    keep(MST_ENVELOPE_REPORT, 2000, 10, false, NULL);
  cr_expect_gt(count_files("reports-"), 4);
  while (take(MST_SPOOL_OLDEST, &item) == MST_OK)
    store(&item);
  cr_expect_leq(count_files("reports-"), 1);
  reopen();
  cr_expect_eq(count_files("reports-"), 0);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 0);
}

Test(spool, definitions__stored_and_reports_waiting__stay_until_the_last_report)
{
  mst_spool_item item;
  mst_session_id old = fx.session;
  keep(MST_ENVELOPE_DEFINITIONS, 300, 0, false, NULL);
  keep(MST_ENVELOPE_REPORT, 300, 4, false, NULL);
  cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  store(&item);
  reopen();
  new_session();
  cr_assert_eq(mst_spool_definitions(fx.spool, &old, 0, &item, NULL), MST_OK);
  mst_free(item.envelope);
  cr_expect_eq(mst_spool_definitions(fx.spool, &old, 1, &item, NULL), MST_EABSENT);
  cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  store(&item);
  cr_expect_eq(mst_spool_definitions(fx.spool, &old, 0, &item, NULL), MST_EABSENT);
  cr_expect_eq(count_files("definitions-"), 0);
}

Test(spool, definitions__current_session_all_stored__stay)
{
  mst_spool_item item;
  keep(MST_ENVELOPE_DEFINITIONS, 300, 0, false, NULL);
  keep(MST_ENVELOPE_REPORT, 300, 4, false, NULL);
  drain();
  cr_expect_eq(mst_spool_definitions(fx.spool, &fx.session, 0, &item, NULL), MST_OK);
  mst_free(item.envelope);
}

Test(spool, append__bound_reached__oldest_reports_go_and_are_reported_exactly)
{
  keep(MST_ENVELOPE_DEFINITIONS, 3000, 0, false, NULL);
  for (uint32_t i = 0; i < 1000; i++) {
    keep(MST_ENVELOPE_REPORT, 3000, 100 + i, false, NULL);
    cr_assert_leq(fx.spool->file_bytes, (uint64_t)fx.setup.max_bytes);
  }
  mst_spool_stats stats = mst_spool_get_stats(fx.spool);
  cr_expect_gt(stats.lost_records, 600);
  cr_expect_eq(stats.lost_records + stats.records, fx.made);
  uint64_t samples = report_losses();
  cr_expect_eq(samples, stats.lost_samples);
  cr_expect_eq(mst_spool_get_stats(fx.spool).unreported, 0);
  for (size_t i = 1; i < fx.made; i++) /* the oldest, and none between */
    cr_assert_leq(fx.model[i].fate == FATE_LOST, i == 1 || fx.model[i - 1].fate == FATE_LOST);
  drain();
  for (size_t i = 0; i < fx.made; i++)
    cr_assert_eq(fx.model[i].fate, fx.model[i].sequence > 1 && fx.model[i].sequence <= stats.lost_records + 1 ? FATE_LOST : FATE_STORED);
  reopen();
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_samples, samples);
  cr_expect_eq(mst_spool_get_stats(fx.spool).unreported, 0);
}

Test(spool, append__bound_reached_by_old_sessions__their_definitions_go_with_their_last_report)
{
  for (int i = 0; i < 20; i++) {
    keep(MST_ENVELOPE_DEFINITIONS, 30000, 0, false, NULL);
    for (int k = 0; k < 20; k++)
      keep(MST_ENVELOPE_REPORT, 3000, 10, false, NULL);
    reopen();
    new_session();
  }
  mst_spool_stats stats = mst_spool_get_stats(fx.spool);
  cr_expect_eq(stats.lost_records + stats.records, fx.made);
  cr_expect_lt(count_files("definitions-"), 15);
  report_losses();
  for (size_t i = 0; i < fx.made; i++) /* no report that is left misses its definitions */
    if (fx.model[i].kind == MST_ENVELOPE_REPORT && fx.model[i].fate == FATE_WAITING)
      cr_assert_eq(find_made(&fx.model[i].session, 1)->fate, FATE_WAITING);
  drain();
}

Test(spool, expire__old_reports__given_up_and_reported)
{
  for (int i = 0; i < 10; i++) {
    keep(MST_ENVELOPE_REPORT, 300, 5, false, NULL);
    mst_clock_manual_advance(&fx.clock, 600 * MST_NS_PER_S);
  }
  cr_assert_eq(mst_spool_expire(fx.spool, NULL), MST_OK);
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 6);
  cr_expect_eq(report_losses(), 20);
}

Test(spool, give_up__refused_record__becomes_a_loss)
{
  mst_spool_item item;
  keep(MST_ENVELOPE_REPORT, 300, 5, false, NULL);
  keep(MST_ENVELOPE_REPORT, 300, 6, false, NULL);
  cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  cr_assert_eq(mst_spool_give_up(fx.spool, item.handle, "refused:too_old", NULL), MST_OK);
  reopen();
  new_session();
  cr_expect_eq(mst_spool_get_stats(fx.spool).unreported, 1);
  cr_expect_eq(report_losses(), 5);
  reopen();
  cr_expect_eq(mst_spool_get_stats(fx.spool).unreported, 0);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_samples, 5);
}

Test(spool, reopen__loss_record_not_acknowledged__still_there_and_not_made_twice)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  mst_spool_item item;
  mst_spool_item loss = {.kind = MST_ENVELOPE_LOSS};
  mst_buf body;
  keep(MST_ENVELOPE_REPORT, 300, 5, false, NULL);
  cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  cr_assert_eq(mst_spool_give_up(fx.spool, item.handle, "refused:limit", NULL), MST_OK);
  uint32_t count = mst_spool_losses(fx.spool, ranges);
  mst_buf_init(&body, 1 << 16);
  cr_assert_eq(mst_loss_encode(ranges, count, &body, NULL), MST_OK);
  loss.session = fx.session;
  loss.sequence = ++fx.sequence;
  loss.envelope = envelope_of(MST_ENVELOPE_LOSS, &body, &loss.size_bytes);
  cr_assert_eq(mst_spool_append(fx.spool, &loss, false, &loss.handle, NULL), MST_OK);
  mst_buf_done(&body);
  mst_free(loss.envelope);
  reopen();
  cr_expect_eq(mst_spool_get_stats(fx.spool).unreported, 0);
  cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
  cr_expect_eq(item.kind, MST_ENVELOPE_LOSS);
  cr_assert_eq(mst_spool_acknowledge(fx.spool, item.handle, NULL), MST_OK);
  reopen();
  cr_expect_eq(mst_spool_get_stats(fx.spool).unreported, 0);
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 0);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 1);
}

Test(spool, append__disk_takes_nothing__memory_then_disk_again)
{
  mst_spool_item item;
  keep(MST_ENVELOPE_REPORT, 300, 5, false, NULL);
  /* A bound that is used up by what may not go stands for a full disk: the code path is the same. */
  const int64_t max_bytes = fx.spool->setup.max_bytes;
  fx.spool->setup.max_bytes = 0;
  mst_spool_handle held;
  cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK); /* in flight: may not go */
  keep(MST_ENVELOPE_DEFINITIONS, 300, 0, false, NULL);
  keep(MST_ENVELOPE_REPORT, 300, 6, true, &held);
  keep(MST_ENVELOPE_REPORT, 300, 7, false, NULL);
  cr_expect_eq(mst_spool_get_stats(fx.spool).memory_records, 3);
  cr_expect_neq(mst_spool_trouble(fx.spool)[0], '\0');
  fx.spool->setup.max_bytes = max_bytes;
  keep(MST_ENVELOPE_REPORT, 300, 8, false, NULL);
  cr_expect_eq(mst_spool_trouble(fx.spool)[0], '\0');
  cr_expect_eq(mst_spool_get_stats(fx.spool).memory_records, 2); /* the definitions, and what is in flight */
  mst_spool_return(fx.spool, held);
  mst_spool_return(fx.spool, item.handle);
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 5);
  drain();
  for (size_t i = 0; i < fx.made; i++)
    cr_expect_eq(fx.model[i].fate, FATE_STORED);
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 0);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 0);
}

Test(spool, append__memory_overflows__oldest_lost_and_reported)
{
  const int64_t max_bytes = fx.spool->setup.max_bytes;
  fx.spool->setup.max_bytes = 0;
  for (int i = 0; i < 30; i++)
    keep(MST_ENVELOPE_REPORT, 100000, 10, false, NULL);
  mst_spool_stats stats = mst_spool_get_stats(fx.spool);
  cr_expect_eq(stats.records + stats.lost_records, 30);
  cr_expect_leq(stats.bytes, MST_SPOOL_MEMORY_BYTES);
  cr_expect_gt(stats.lost_records, 10);
  fx.spool->setup.max_bytes = max_bytes * 8;
  cr_expect_eq(report_losses(), stats.lost_records * 10);
  drain();
}

Test(spool, journal__grows__is_rewritten_and_nothing_forgotten)
{
  mst_spool_item item;
  for (int i = 0; i < 1500; i++) {
    keep(MST_ENVELOPE_REPORT, 50, 2, false, NULL);
    cr_assert_eq(take(MST_SPOOL_OLDEST, &item), MST_OK);
    if (i % 100 == 0)
      cr_assert_eq(mst_spool_give_up(fx.spool, item.handle, "refused:limit", NULL), MST_OK);
    else
      store(&item);
  }
  cr_expect_lt(fx.spool->journal.size_bytes, (uint64_t)MST_JOURNAL_RESERVE_BYTES);
  reopen();
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 15);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_samples, 30);
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 0);
  new_session();
  cr_expect_eq(report_losses(), 30);
}

Test(spool, append__allocation_fails_anywhere__record_kept_or_error_and_no_leak)
{
  for (size_t nth = 1; nth < 12; nth++) {
    uint8_t bytes[100] = {1};
    const mst_spool_item item = {
        .session = fx.session, .sequence = fx.sequence + 1, .kind = MST_ENVELOPE_REPORT, .envelope = bytes, .size_bytes = 100};
    mst_spool_handle handle;
    mst_alloc_fail_at(nth);
    mst_err err = mst_spool_append(fx.spool, &item, false, &handle, NULL);
    mst_alloc_fail_at(0);
    fx.sequence += err == MST_OK;
    cr_assert(err == MST_OK || err == MST_ENOMEM, "%s", mst_err_name(err));
  }
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, fx.sequence);
}

Test(spool, reopen__journal_older_than_the_files__every_record_found)
{
  char path[400];
  mst_buf old;
  keep(MST_ENVELOPE_DEFINITIONS, 300, 0, false, NULL);
  keep(MST_ENVELOPE_REPORT, 300, 5, false, NULL);
  snprintf(path, sizeof path, "%s/journal", fx.folder);
  mst_buf_init(&old, 1 << 20);
  cr_assert_eq(mst_file_read(path, &old, NULL), MST_OK);
  keep(MST_ENVELOPE_REPORT, 300, 6, false, NULL);
  mst_spool_destroy(fx.spool);
  cr_assert_eq(mst_file_replace(path, old.data, old.size_bytes, 0600, NULL), MST_OK);
  mst_buf_done(&old);
  open_spool();
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 3);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 0);
}

/* ---- random damage: the round is the seed ---- */

static int
rounds(void)
{
  const char *full = getenv("MST_FULL");
  return full && strcmp(full, "yes") == 0 ? ROUNDS_FULL : ROUNDS;
}

static void
some_traffic(void)
{
  mst_spool_item item;
  mst_spool_item held[64];
  size_t count = 0;
  uint32_t steps = 5 + draw(60);

  keep(MST_ENVELOPE_DEFINITIONS, 100 + draw(2000), 0, false, NULL);
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t what = draw(10);
    if (what < 6) {
      keep(MST_ENVELOPE_REPORT, 50 + draw(3000), draw(200), false, NULL);
    } else if (what < 9 && count < 64 && take(draw(2) ? MST_SPOOL_NEWEST : MST_SPOOL_OLDEST, &item) == MST_OK) {
      held[count++] = item;
    } else if (count > 0) {
      uint32_t at = draw((uint32_t)count);
      if (draw(3))
        store(&held[at]);
      else
        mst_spool_return(fx.spool, held[at].handle);
      held[at] = held[--count];
    }
  }
  /* The rest is in flight when the power goes. */
}

static size_t
list_data_files(char names[][256], size_t most, bool with_journal)
{
  size_t count = 0;
  DIR *folder = opendir(fx.folder);
  for (const struct dirent *entry = readdir(folder); entry && count < most; entry = readdir(folder))
    if (strstr(entry->d_name, ".seg") || (with_journal && strcmp(entry->d_name, "journal") == 0))
      snprintf(names[count++], 256, "%s", entry->d_name);
  closedir(folder);
  return count;
}

static void
damage(bool with_journal)
{
  static char names[2000][256];
  char path[400];
  struct stat stat_buf;
  size_t count = list_data_files(names, 2000, with_journal);

  if (count == 0)
    return;
  snprintf(path, sizeof path, "%s/%s", fx.folder, names[draw((uint32_t)count)]);
  cr_assert_eq(stat(path, &stat_buf), 0);
  if (stat_buf.st_size == 0)
    return;
  uint32_t at = draw((uint32_t)stat_buf.st_size);
  if (draw(2)) {
    cr_assert_eq(truncate(path, at), 0);
  } else {
    uint8_t byte;
    int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= (uint8_t)(1u << draw(8));
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
  }
}

/* After any damage to the data files: what is not handed out any more is reported as lost to the sample, what was stored is never lost, and
 * nothing is both. */
Test(spool, reopen__data_files_damaged_anywhere__loss_reported_is_the_loss, .timeout = 120)
{
  for (int round = 0; round < rounds(); round++) {
    fx.random = 1000 + (uint64_t)round;
    for (int crash = 0; crash < 4; crash++) {
      some_traffic();
      mst_spool_destroy(fx.spool);
      fx.spool = NULL;
      for (uint32_t i = draw(3); i > 0; i--)
        damage(false);
      open_spool();
      new_session();
    }
    report_losses();
    drain();
    for (size_t i = 0; i < fx.made; i++)
      cr_assert(fx.model[i].fate == FATE_STORED || fx.model[i].fate == FATE_LOST, "round %d: %s %llu is neither stored nor lost", round,
                mst_envelope_kind_name(fx.model[i].kind), (unsigned long long)fx.model[i].sequence);
    cr_assert_eq(mst_spool_get_stats(fx.spool).unreported, 0);
    fx.made = 0;
    reopen();
    cr_assert_eq(mst_spool_get_stats(fx.spool).records, 0, "round %d", round);
    new_session();
  }
}

/* A damaged journal may forget what was stored. Then stored records are sent once more or counted as lost, but none that waits gets lost
 * without a word. */
Test(spool, reopen__journal_damaged_too__never_silent, .timeout = 120)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  for (int round = 0; round < rounds(); round++) {
    mst_spool_item item;
    fx.random = 5000 + (uint64_t)round;
    for (int crash = 0; crash < 3; crash++) {
      some_traffic();
      mst_spool_destroy(fx.spool);
      fx.spool = NULL;
      damage(true);
      open_spool();
      new_session();
      uint32_t count = mst_spool_losses(fx.spool, ranges);
      for (uint32_t i = 0; i < count; i++)
        for (uint64_t sequence = ranges[i].first; sequence <= ranges[i].last; sequence++) {
          made *record = find_made(&ranges[i].session, sequence);
          if (record && record->fate == FATE_WAITING)
            record->fate = FATE_LOST;
        }
    }
    while (take(MST_SPOOL_OLDEST, &item) == MST_OK)
      store(&item);
    size_t silent = 0;
    for (size_t i = 0; i < fx.made; i++)
      silent += fx.model[i].fate == FATE_WAITING;
    cr_assert_eq(silent, 0, "round %d: %zu records vanished", round, silent);
    fx.made = 0;
  }
}

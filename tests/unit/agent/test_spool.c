#include "spool_rig.h"

TestSuite(spool, .init = setup, .fini = teardown);

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

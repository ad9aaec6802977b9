/* What every back end must do: transactions, handles, allocation. */
#include "contract.h"

Test(store_table, unknown_name__is_no_store)
{
  cr_expect(mst_store_find("none") == NULL);
  cr_expect(mst_store_at(1000) == NULL);
}

/* ---- transactions ---- */

CONTRACT(commit__keeps_and_rollback__drops)
{
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("1"), ctx));
  rig_commit(ops, store);
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("2"), ctx));
  RIG_OK(ops->meta_put(store, "b", rig_bytes("2"), ctx));
  cr_expect_str_eq(rig_meta(ops, store, "a"), "2");
  ops->rollback(store);
  cr_expect_str_eq(rig_meta(ops, store, "a"), "1");
  cr_expect_str_eq(rig_meta(ops, store, "b"), "");
  reopen();
  cr_expect_str_eq(rig_meta(ops, store, "a"), "1");
}

CONTRACT(close_within_a_transaction__drops_it)
{
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("1"), ctx));
  reopen();
  cr_expect_str_eq(rig_meta(ops, store, "a"), "");
}

CONTRACT(transaction_out_of_place__is_refused)
{
  mst_errctx said = {0};

  cr_expect_eq(ops->meta_put(store, "a", rig_bytes("1"), &said), MST_ESTATE);
  cr_expect(strstr(said.text, "outside a transaction"), "%s", said.text);
  cr_expect_eq(ops->commit(store, NULL), MST_ESTATE);
  ops->rollback(store);
  rig_begin(ops, store);
  cr_expect_eq(ops->begin(store, NULL), MST_ESTATE);
  cr_expect_eq(ops->backup(store, "/tmp/never", NULL), MST_ESTATE);
  rig_commit(ops, store);
  cr_expect_str_eq(rig_meta(ops, store, "a"), "");
}

CONTRACT(taken_key__leaves_the_transaction_whole)
{
  mst_store_statement statement = {.kind = "attest", .run = "r-1", .bytes = rig_bytes("x")};

  rig_begin(ops, store);
  RIG_OK(ops->statement_put(store, &statement, ctx));
  cr_expect_eq(ops->statement_put(store, &statement, NULL), MST_EEXIST);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("1"), ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(rig_meta(ops, store, "a"), "1");
}

/* ---- handles ---- */

CONTRACT(second_writer__is_refused)
{
  mst_errctx said = {0};
  mst_store *second = NULL;

  cr_expect_eq(ops->open(folder.store, false, &second, &said), MST_ESTATE);
  cr_expect(strstr(said.text, "another musterd has it open"), "%s", said.text);
  cr_expect(second == NULL);
}

CONTRACT(reader__sees_what_was_committed_and_writes_nothing)
{
  mst_store *reader = NULL;

  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("1"), ctx));
  RIG_OK(ops->open(folder.store, true, &reader, ctx));
  cr_expect_str_eq(rig_meta(ops, reader, "a"), "");
  rig_commit(ops, store);
  cr_expect_str_eq(rig_meta(ops, reader, "a"), "1");
  cr_expect_eq(ops->begin(reader, NULL), MST_EPERM);
  cr_expect_eq(ops->meta_put(reader, "a", rig_bytes("2"), NULL), MST_ESTATE);
  ops->close(reader);
  cr_expect_str_eq(rig_meta(ops, store, "a"), "1");
}

CONTRACT(reader_of_nothing__is_told)
{
  char path[128];
  mst_store *reader = NULL;

  snprintf(path, sizeof path, "%s/other", folder.path);
  cr_expect_eq(ops->open(path, true, &reader, NULL), MST_EABSENT);
  cr_expect_neq(access(path, F_OK), 0);
  ops->close(NULL);
}

static bool
ask_again(void *user, const void *record)
{
  (void)record;
  *(mst_err *)user = ops->series_each(store, ask_again, user, NULL);
  return true;
}

CONTRACT(visitor_that_asks_for_what_it_is_shown__is_refused)
{
  mst_err inner = MST_OK;

  rig_begin(ops, store);
  RIG_OK(ops->series_put(store, 0, rig_bytes("s"), ctx));
  rig_commit(ops, store);
  RIG_OK(ops->series_each(store, ask_again, &inner, ctx));
  cr_expect_eq(inner, MST_ESTATE);
}

static bool
count_one(void *user, const void *record)
{
  (void)record;
  return ++*(int *)user < 2;
}

CONTRACT(visitor_that_has_enough__ends_the_walk)
{
  int seen = 0;

  rig_begin(ops, store);
  for (uint32_t i = 0; i < 5; i++)
    RIG_OK(ops->series_put(store, i, rig_bytes("s"), ctx));
  RIG_OK(ops->series_each(store, count_one, &seen, ctx));
  cr_expect_eq(seen, 2);
  RIG_OK(ops->series_put(store, 9, rig_bytes("s"), ctx));
  rig_commit(ops, store);
}

CONTRACT(backup_that_fails__leaves_nothing)
{
  mst_errctx said = {0};

  cr_expect_eq(ops->backup(store, "/nowhere/at/all", &said), MST_EIO);
  cr_expect(strstr(said.text, "/nowhere/at/all"), "%s", said.text);
}

/* Every allocation of opening and writing may fail. */
CONTRACT(memory_out__is_said_and_nothing_is_kept)
{
  for (size_t nth = 1; nth < 12; nth++) {
    mst_store *reader = NULL;
    mst_alloc_fail_at(nth);
    mst_err err = ops->open(folder.store, true, &reader, NULL);
    mst_alloc_fail_at(0);
    cr_assert(err == MST_OK || err == MST_ENOMEM);
    if (err == MST_OK)
      ops->close(reader);
  }
}

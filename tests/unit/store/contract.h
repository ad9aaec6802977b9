#ifndef MST_TESTS_STORE_CONTRACT_H
#define MST_TESTS_STORE_CONTRACT_H

/* A test of the contract runs on a new store of every back end in the table: CONTRACT(name) { ... } with `ops` and `store`. */
#include "rig.h"

static const mst_store_ops *ops;
static rig_folder folder;
static mst_store *store;

static inline void
start(void)
{
  folder = rig_make_folder();
  store = rig_open(ops, folder.store);
}

static inline void
stop(void)
{
  ops->close(store);
  store = NULL;
  rig_drop_folder(&folder);
}

static inline void
reopen(void)
{
  ops->close(store);
  store = rig_open(ops, folder.store);
}

/* Runs `body` on a new store of each back end, all of them. */
static inline void
over_all(void (*body)(void))
{
  cr_assert(mst_store_at(0));
  for (size_t i = 0; (ops = mst_store_at(i)); i++) {
    cr_assert_eq(mst_store_find(ops->name), ops);
    start();
    body();
    stop();
  }
}

#define CONTRACT(name)                                                                                                                     \
  static void body_##name(void);                                                                                                           \
  Test(store, name)                                                                                                                        \
  {                                                                                                                                        \
    over_all(body_##name);                                                                                                                 \
  }                                                                                                                                        \
  static void body_##name(void)

/* A walk writes what it is shown into one text, one line a record. */
static mst_buf shown;

static inline const char *
show(mst_err (*each)(mst_store *, mst_store_visit, void *, mst_errctx *), mst_store_visit visit)
{
  mst_buf_done(&shown);
  mst_buf_init(&shown, 1 << 20);
  RIG_OK(each(store, visit, NULL, ctx));
  return mst_buf_text(&shown);
}

#endif

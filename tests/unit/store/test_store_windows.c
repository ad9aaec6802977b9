/* What every back end must do with windows, and its backup. */
#include "contract.h"

enum { MINUTE_S = 60 };

static mst_wall
minute(int64_t n)
{
  return (mst_wall){n * MINUTE_S * MST_NS_PER_S};
}

static bool
show_window(void *user, const void *record)
{
  const mst_store_window *window = record;
  (void)user;
  mst_buf_printf(&shown, "%lld/%u=%.*s ", (long long)(window->start.ns / MST_NS_PER_S / MINUTE_S), window->agent,
                 (int)window->document.size_bytes, (const char *)window->document.data);
  return true;
}

static const char *
show_windows(uint32_t agent, mst_wall from, mst_wall to)
{
  mst_buf_done(&shown);
  mst_buf_init(&shown, 1 << 20);
  RIG_OK(ops->window_each(store, agent, from, to, show_window, NULL, ctx));
  return mst_buf_text(&shown);
}

CONTRACT(windows__are_found_by_time_and_by_agent)
{
  static const struct {
    int minute;
    uint32_t agent;
  } some[] = {{3, 2}, {1, 2}, {1, 1}, {2, 3}, {3, 1}, {5, 2}, {0, 2097151}};
  mst_buf document;

  rig_begin(ops, store);
  for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
    RIG_OK(ops->window_put(store, minute(some[i].minute), some[i].agent, rig_bytes("x"), ctx));
  RIG_OK(ops->window_put(store, minute(3), 1, rig_bytes("y"), ctx));
  rig_commit(ops, store);
  reopen();
  cr_expect_str_eq(show_windows(0, minute(0), minute(9)), "0/2097151=x 1/1=x 1/2=x 2/3=x 3/1=y 3/2=x 5/2=x ");
  cr_expect_str_eq(show_windows(2, minute(0), minute(9)), "1/2=x 3/2=x 5/2=x ");
  cr_expect_str_eq(show_windows(2, minute(1), minute(5)), "1/2=x 3/2=x ");
  cr_expect_str_eq(show_windows(2, (mst_wall){minute(1).ns + 1}, (mst_wall){minute(5).ns + 1}), "3/2=x 5/2=x ");
  cr_expect_str_eq(show_windows(1, minute(0), minute(9)), "1/1=x 3/1=y ");
  cr_expect_str_eq(show_windows(3, minute(0), minute(9)), "2/3=x ");
  cr_expect_str_eq(show_windows(4, minute(0), minute(9)), "");
  cr_expect_str_eq(show_windows(2097151, (mst_wall){INT64_MIN}, (mst_wall){INT64_MAX}), "0/2097151=x ");
  cr_expect_str_eq(show_windows(2, (mst_wall){INT64_MIN}, (mst_wall){INT64_MAX}), "1/2=x 3/2=x 5/2=x ");
  cr_expect_str_eq(show_windows(0, minute(3), minute(3)), "");
  cr_expect_str_eq(show_windows(0, minute(5), minute(3)), "");
  cr_expect_str_eq(show_windows(UINT32_MAX, minute(0), minute(9)), "");
  mst_buf_init(&document, 100);
  RIG_OK(ops->window_get(store, minute(3), 1, &document, ctx));
  cr_expect_str_eq(mst_buf_text(&document), "y");
  cr_expect_eq(ops->window_get(store, minute(4), 1, &document, NULL), MST_EABSENT);
  mst_buf_done(&document);
}

CONTRACT(windows_of_one_agent__are_the_same_in_either_way_of_asking)
{
  uint32_t random = 12345;

  rig_begin(ops, store);
  for (int i = 0; i < 600; i++) {
    random = random * 1664525 + 1013904223;
    RIG_OK(ops->window_put(store, minute(random >> 24 & 63), (random >> 16 & 15) + 1, rig_bytes("x"), ctx));
  }
  rig_commit(ops, store);
  for (uint32_t agent = 1; agent <= 17; agent++) {
    char one[64 * 1024], all[64 * 1024], mark[32], wanted[64 * 1024] = "";
    size_t used = 0;
    snprintf(mark, sizeof mark, "/%u=", agent);
    snprintf(all, sizeof all, "%s", show_windows(0, minute(5), minute(60)));
    for (char *word = all, *end; (end = strchr(word, ' ')); word = end + 1) {
      *end = '\0';
      if (strstr(word, mark) && used < sizeof wanted)
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%.100s ", word);
    }
    snprintf(one, sizeof one, "%s", show_windows(agent, minute(5), minute(60)));
    cr_assert_str_eq(one, wanted);
  }
}

CONTRACT(windows_that_cannot_be__are_refused)
{
  static const struct {
    int64_t start_ns;
    uint32_t agent;
  } wrong[] = {{0, 0}, {0, 2097152}, {-60 * MST_NS_PER_S, 1}, {1, 1}};
  mst_errctx said = {0};

  rig_begin(ops, store);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_eq(ops->window_put(store, (mst_wall){wrong[i].start_ns}, wrong[i].agent, rig_bytes("x"), &said), MST_EUSAGE, "%zu", i);
  RIG_OK(ops->window_put(store, (mst_wall){(int64_t)4398046511102 * MST_NS_PER_MS}, 2097151, rig_bytes("z"), ctx));
  rig_commit(ops, store);
  mst_buf_done(&shown);
  mst_buf_init(&shown, 1000);
  RIG_OK(ops->window_each(store, 2097151, (mst_wall){0}, (mst_wall){INT64_MAX}, show_window, NULL, ctx));
  cr_expect(strstr(mst_buf_text(&shown), "/2097151=z "));
}

CONTRACT(prune__deletes_the_oldest_and_not_too_many)
{
  uint32_t deleted = 0;

  rig_begin(ops, store);
  for (int i = 0; i < 6; i++)
    RIG_OK(ops->window_put(store, minute(i), 1, rig_bytes("x"), ctx));
  RIG_OK(ops->window_prune(store, minute(4), 3, &deleted, ctx));
  cr_expect_eq(deleted, 3);
  cr_expect_str_eq(show_windows(0, minute(0), minute(9)), "3/1=x 4/1=x 5/1=x ");
  RIG_OK(ops->window_prune(store, minute(4), 3, &deleted, ctx));
  cr_expect_eq(deleted, 1);
  RIG_OK(ops->window_prune(store, minute(4), 3, &deleted, ctx));
  cr_expect_eq(deleted, 0);
  rig_commit(ops, store);
  cr_expect_str_eq(show_windows(1, minute(0), minute(9)), "4/1=x 5/1=x ");
}

CONTRACT(big_documents__come_back_whole)
{
  enum { BIG = 8 * 1024 * 1024 };
  uint8_t *big = mst_alloc(1, BIG);
  mst_buf back;

  cr_assert(big);
  for (size_t i = 0; i < BIG; i++)
    big[i] = (uint8_t)(i * 31 + i / 4099);
  rig_begin(ops, store);
  RIG_OK(ops->window_put(store, minute(1), 1, (mst_bytes){big, BIG}, ctx));
  rig_commit(ops, store);
  reopen();
  mst_buf_init(&back, BIG);
  RIG_OK(ops->window_get(store, minute(1), 1, &back, ctx));
  cr_expect(back.size_bytes == BIG && memcmp(back.data, big, BIG) == 0);
  cr_expect_gt(ops->size_bytes(store), BIG);
  mst_buf_done(&back);
  mst_buf_init(&back, BIG - 1);
  cr_expect_eq(ops->window_get(store, minute(1), 1, &back, NULL), MST_ELIMIT);
  mst_buf_done(&back);
  mst_free(big);
}

CONTRACT(backup__is_a_store_of_its_own)
{
  char path[128];
  mst_store *reader = NULL, *writer = store;

  snprintf(path, sizeof path, "%s/backup.db", folder.path);
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("1"), ctx));
  RIG_OK(ops->window_put(store, minute(1), 1, rig_bytes("w"), ctx));
  rig_commit(ops, store);
  RIG_OK(ops->open(folder.store, true, &reader, ctx));
  /* While the writer is in the middle of something. */
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("2"), ctx));
  RIG_OK(ops->backup(reader, path, ctx));
  rig_commit(ops, store);
  cr_expect_eq(ops->backup(reader, path, NULL), MST_EEXIST);
  ops->close(reader);
  store = rig_open(ops, path);
  cr_expect_str_eq(rig_meta(ops, store, "a"), "1");
  cr_expect_str_eq(show_windows(1, minute(0), minute(9)), "1/1=w ");
  RIG_OK(ops->check(store, ctx));
  ops->close(store);
  store = writer;
  cr_expect_str_eq(rig_meta(ops, store, "a"), "2");
}

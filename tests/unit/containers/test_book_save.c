#include "fixture.h"

#include <mst/common/alloc.h>

#include "book.h"

static const int64_t base_ns = 1795470910LL * MST_NS_PER_S;

static mst_buf
save(const mst_book *book, size_t max_bytes)
{
  mst_buf text;
  mst_errctx ctx = {0};

  mst_buf_init(&text, 1024 * 1024);
  cr_assert_eq(mst_book_save(book, &text, max_bytes, &ctx), MST_OK, "%s", ctx.text);
  return text;
}

static mst_err
load(mst_book *book, const mst_buf *text, int64_t booted_ns, mst_errctx *ctx)
{
  mst_book_init(book, 60 * MST_NS_PER_S, (mst_wall){1});
  return mst_book_load(book, (mst_bytes){text->data, text->size_bytes}, (mst_wall){booted_ns}, ctx);
}

static void
tell(mst_book *book, mst_docker_action action, int64_t ms, int code)
{
  mst_docker_event event = {
      .action = action, .at = {base_ns + ms * MST_NS_PER_MS}, .exit_code = action == MST_ACTION_DIE ? code : -1, .signal = code};
  bool is_new;
  mst_errctx ctx = {0};

  snprintf(event.id, sizeof event.id, "%s", web_id);
  snprintf(event.name, sizeof event.name, "web");
  cr_assert_eq(mst_book_event(book, &event, &is_new, &ctx), MST_OK, "%s", ctx.text);
}

/* Every kind of event, so that no field stays empty that may be filled. */
static const struct {
  mst_docker_action action;
  int code;
} story[] = {{MST_ACTION_CREATE, 0}, {MST_ACTION_START, 0},   {MST_ACTION_OOM, 0},       {MST_ACTION_DIE, 3},
             {MST_ACTION_START, 0},  {MST_ACTION_KILL, 15},   {MST_ACTION_DIE, 143},     {MST_ACTION_STOP, 0},
             {MST_ACTION_START, 0},  {MST_ACTION_RESTART, 0}, {MST_ACTION_UNHEALTHY, 0}, {MST_ACTION_KILL, 9},
             {MST_ACTION_DIE, 137},  {MST_ACTION_OOM, 0},     {MST_ACTION_START, 0},     {MST_ACTION_DIE, 1}};
enum { STORY = sizeof story / sizeof story[0] };

static void
expect_same(const mst_book *left, const mst_book *right, int cut)
{
  mst_buf a = save(left, 65536), b = save(right, 65536);

  cr_expect_str_eq(mst_buf_text(&a), mst_buf_text(&b), "cut after %d events", cut);
  mst_buf_done(&a);
  mst_buf_done(&b);
}

Test(book_save, cut_between_any_two_events__goes_on_as_if_it_had_not_been)
{
  for (int cut = 0; cut <= STORY; cut++) {
    mst_book whole, first, second;
    mst_errctx ctx = {0};

    mst_book_init(&whole, 60 * MST_NS_PER_S, (mst_wall){1});
    mst_book_init(&first, 60 * MST_NS_PER_S, (mst_wall){1});
    for (int i = 0; i < STORY; i++)
      tell(&whole, story[i].action, 1000 * i, story[i].code);
    for (int i = 0; i < cut; i++)
      tell(&first, story[i].action, 1000 * i, story[i].code);

    mst_buf text = save(&first, 65536);

    cr_assert_eq(load(&second, &text, 1, &ctx), MST_OK, "%s", ctx.text);
    expect_same(&first, &second, cut);
    /* Those that were seen just before are told again. */
    for (int i = cut > 2 ? cut - 2 : 0; i < STORY; i++)
      tell(&second, story[i].action, 1000 * i, story[i].code);
    expect_same(&whole, &second, cut);
    cr_expect_eq(mst_book_of_id(&second, web_id)->restarts, 3);
    mst_buf_done(&text);
    mst_book_done(&whole);
    mst_book_done(&first);
    mst_book_done(&second);
  }
}

Test(book_save, reboot_in_between__drops_what_might_have_been_the_daemons_end)
{
  mst_book book, after;
  mst_errctx ctx = {0};

  mst_book_init(&book, 60 * MST_NS_PER_S, (mst_wall){1});
  for (int i = 0; i < 8; i++)
    tell(&book, story[i].action, 1000 * i, story[i].code);

  mst_buf text = save(&book, 65536);

  cr_assert_eq(load(&after, &text, base_ns + 60 * MST_NS_PER_S, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_book_of_id(&book, web_id)->held, 1);
  cr_expect_eq(mst_book_of_id(&after, web_id)->held, 0);
  mst_buf_done(&text);
  mst_book_done(&book);
  mst_book_done(&after);
}

Test(book_save, too_many__keeps_those_that_fit)
{
  mst_book book, after;
  mst_docker_record *record;
  mst_errctx ctx = {0};
  char name[32];

  mst_book_init(&book, 60 * MST_NS_PER_S, (mst_wall){1});
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "container-number-%d", i);
    cr_assert_eq(mst_book_open(&book, name, (mst_wall){base_ns}, &record, &ctx), MST_OK);
    record->started_at.ns = base_ns + i;
    snprintf(record->id, sizeof record->id, "%064d", i);
  }

  mst_buf text = save(&book, 48 * 1024);

  cr_expect_leq(text.size_bytes, 48 * 1024);
  cr_assert_eq(load(&after, &text, 1, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_gt(after.count, 300, "%zu fit", after.count);
  mst_buf_done(&text);
  mst_book_done(&book);
  mst_book_done(&after);
}

Test(book_load, broken_texts__are_refused_and_leak_nothing)
{
  mst_book book, after;

  mst_book_init(&book, 60 * MST_NS_PER_S, (mst_wall){1});
  for (int i = 0; i < STORY; i++)
    tell(&book, story[i].action, 1000 * i, story[i].code);

  mst_buf text = save(&book, 65536);

  for (size_t length = 1; length < text.size_bytes - 1; length++) {
    mst_buf part = text;
    mst_errctx ctx = {0};

    part.size_bytes = length;
    /* A cut within the last number of a line leaves a shorter number. */
    if (load(&after, &part, 1, &ctx) != MST_OK)
      cr_expect(strstr(ctx.text, "kept of containers"), "%s", ctx.text);
    mst_book_done(&after);
  }
  for (size_t i = 0; i < text.size_bytes; i++) {
    mst_errctx ctx = {0};
    uint8_t old = text.data[i];

    text.data[i] = (uint8_t)(old ^ 0x55);
    (void)!load(&after, &text, 1, &ctx);
    mst_book_done(&after);
    text.data[i] = old;
  }
  mst_buf_done(&text);
  mst_book_done(&book);
}

Test(book_load, another_version__is_told_from_broken_text)
{
  static const char text[] = "docker 2 0\n";
  mst_book book;
  mst_errctx ctx = {0};

  mst_book_init(&book, 60 * MST_NS_PER_S, (mst_wall){1});
  cr_expect_eq(mst_book_load(&book, (mst_bytes){(const uint8_t *)text, strlen(text)}, (mst_wall){0}, &ctx), MST_EVERSION);
  mst_book_done(&book);
}

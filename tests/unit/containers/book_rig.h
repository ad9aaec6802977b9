#ifndef MST_TEST_BOOK_RIG_H
#define MST_TEST_BOOK_RIG_H

/* A book of one container, "web", and what is told of it at milliseconds after some moment. */
#include "fixture.h"

#include <mst/common/alloc.h>

#include "book.h"

#define RIG_UNUSED __attribute__((unused))

static const RIG_UNUSED int64_t base_ns = 1795470910LL * MST_NS_PER_S;

/* Milliseconds after some moment. */
static RIG_UNUSED mst_wall
at(int64_t ms)
{
  return (mst_wall){base_ns + ms * MST_NS_PER_MS};
}

static RIG_UNUSED mst_book
new_book(void)
{
  mst_book book;

  mst_book_init(&book, 60 * MST_NS_PER_S, (mst_wall){1});
  return book;
}

static RIG_UNUSED bool
tell_of(mst_book *book, const char *id, const char *name, mst_docker_action action, int64_t ms, int code)
{
  mst_docker_event event = {.action = action, .at = at(ms), .exit_code = action == MST_ACTION_DIE ? code : -1};
  bool is_new = false;
  mst_errctx ctx = {0};

  if (action == MST_ACTION_KILL)
    event.signal = code;
  snprintf(event.id, sizeof event.id, "%s", id);
  snprintf(event.name, sizeof event.name, "%s", name);
  mst_err err = mst_book_event(book, &event, &is_new, &ctx);

  cr_expect(err == MST_OK || err == MST_EABSENT, "%s", ctx.text);
  return is_new;
}

static RIG_UNUSED bool
tell(mst_book *book, mst_docker_action action, int64_t ms, int code)
{
  return tell_of(book, web_id, "web", action, ms, code);
}

static RIG_UNUSED mst_docker_inspect
answer(mst_container_state state, int64_t started_ms, int64_t finished_ms)
{
  mst_docker_inspect seen = {.state = state, .policy = MST_POLICY_ALWAYS, .name = "web", .pid = state == MST_CONTAINER_RUNNING ? 7 : 0};

  snprintf(seen.id, sizeof seen.id, "%s", web_id);
  seen.started_at = started_ms > 0 ? at(started_ms) : (mst_wall){0};
  seen.finished_at = finished_ms > 0 ? at(finished_ms) : (mst_wall){0};
  return seen;
}

static RIG_UNUSED mst_docker_record *
observe(mst_book *book, const mst_docker_inspect *seen, int64_t now_ms)
{
  mst_docker_record *record = mst_book_of_id(book, seen->id);
  mst_errctx ctx = {0};

  if (record)
    record->needs_inspect = false; /* as whoever asks */
  cr_assert_eq(mst_book_inspect(book, seen, at(now_ms), &ctx), MST_OK, "%s", ctx.text);
  return mst_book_of_id(book, seen->id);
}

/* A container that has run for long when it is first seen. */
static RIG_UNUSED mst_docker_record *
begin(mst_book *book)
{
  mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

  return observe(book, &seen, 100000);
}

static RIG_UNUSED void
confirm(mst_book *book, int64_t ms)
{
  mst_book_confirm(book, at(ms));
}

#endif

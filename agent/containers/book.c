/* What is known of each container, and what happened to it; see book.h. What events and answers say of its lives is in book_lives.c. */
#include "book.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "book_lives.h"

/* One that is deployed anew goes on counting. Longer, and names made at random would pile up. */
static const int64_t kept_when_gone_ns = 3600 * MST_NS_PER_S;
/* An answer about a container costs the daemon a millisecond: one that restarts in a loop is not asked about more often. */
static const int64_t inspect_pause_ns = 500 * MST_NS_PER_MS;

enum { RECORDS_MAX = 2 * MST_DOCKER_CONTAINERS_MAX /* as many again that are gone */ };

void
mst_book_init(mst_book *book, int64_t recover_within_ns, mst_wall now)
{
  *book = (mst_book){.recover_within_ns = recover_within_ns, .totals = {.since = now, .by_hand_since = now}};
}

void
mst_book_done(mst_book *book)
{
  for (size_t i = 0; i < book->count; i++)
    mst_free(book->list[i]);
  mst_free(book->list);
  *book = (mst_book){0};
}

mst_docker_record *
mst_book_of_name(const mst_book *book, const char *name)
{
  for (size_t i = 0; i < book->count; i++)
    if (strcmp(book->list[i]->name, name) == 0)
      return book->list[i];
  return NULL;
}

static bool
is_same_id(const mst_docker_record *record, const char *id)
{
  return strncmp(record->id, id, MST_BOOK_ID_BYTES) == 0;
}

mst_docker_record *
mst_book_of_id(const mst_book *book, const char *id)
{
  for (size_t i = 0; i < book->count; i++)
    if (is_same_id(book->list[i], id))
      return book->list[i];
  return NULL;
}

mst_err
mst_book_open(mst_book *book, const char *name, mst_wall now, mst_docker_record **ret_record, mst_errctx *ctx)
{
  mst_docker_record *record = mst_book_of_name(book, name);

  if (!record) {
    if (book->count >= RECORDS_MAX)
      return mst_fail(ctx, MST_ELIMIT, "over %d containers came and went within an hour; leave some out with the option \"ignore\"",
                      RECORDS_MAX);
    if (book->count == book->capacity) {
      size_t capacity = book->capacity ? book->capacity * 2 : 16;
      mst_docker_record **list = mst_realloc(book->list, capacity, sizeof *list);

      if (!list)
        return mst_fail(ctx, MST_ENOMEM, "no memory for %zu containers", capacity);
      book->list = list;
      book->capacity = capacity;
    }
    record = mst_alloc(1, sizeof *record);
    if (!record)
      return mst_fail(ctx, MST_ENOMEM, "no memory for one more container");
    memcpy(record->name, name, strnlen(name, MST_DOCKER_NAME_BYTES));
    record->known_since = now;
    book->list[book->count++] = record;
  }
  *ret_record = record;
  return MST_OK;
}

/* Another container has the name now. */
static void
begin_container(mst_docker_record *record, const char *id)
{
  if (is_same_id(record, id)) {
    memcpy(record->id, id, sizeof record->id); /* only its head is saved */
    return;
  }
  mst_book_end_life(record);
  memcpy(record->id, id, sizeof record->id);
  record->is_inspected = record->is_mapped = false;
  record->digest[0] = '\0';
  record->was_created = record->has_run = record->is_up = record->is_stopping = false;
  record->was_by_hand = record->was_by_daemon = record->restart_is_told = false;
  record->started_at = record->died_at = record->killed_at = (mst_wall){0};
  record->restart_count = record->restarts_since = 0;
}

static void
want_inspect(mst_docker_record *record)
{
  record->needs_inspect = true;
  record->inspect_after.ns = record->inspected_at.ns + inspect_pause_ns;
}

bool
mst_book_is_due(const mst_docker_record *record, mst_wall now)
{
  return record->needs_inspect &&
         (now.ns >= record->inspect_after.ns || record->inspect_after.ns - now.ns > 2 * MST_BOOK_QUIET_NS /* the clock was set back */);
}

mst_err
mst_book_list(mst_book *book, const mst_docker_listed *list, size_t count, mst_wall now, mst_errctx *ctx)
{
  for (size_t i = 0; i < book->count; i++)
    book->list[i]->is_listed = false;
  for (size_t i = 0; i < count; i++) {
    const mst_docker_listed *entry = &list[i];
    mst_docker_record *record;
    mst_err err = mst_book_open(book, entry->name, now, &record, ctx);

    if (err != MST_OK)
      return err;
    begin_container(record, entry->id);
    record->is_listed = true;
    record->gone_at = (mst_wall){0};
    if ((!record->is_inspected || record->seen.state != entry->state || record->seen.health != entry->health) && !record->needs_inspect)
      want_inspect(record);
  }
  for (size_t i = 0; i < book->count; i++) {
    mst_docker_record *record = book->list[i];

    if (!record->is_listed && record->gone_at.ns == 0)
      record->gone_at = now;
    if (!record->is_listed)
      record->needs_inspect = false;
  }
  return MST_OK;
}

/* FNV-1a over what makes an event that event. */
static uint64_t
hash_event(const mst_docker_event *event)
{
  uint64_t hash = 0xcbf29ce484222325ULL ^ (uint64_t)event->at.ns;

  for (const char *at = event->id; *at; at++)
    hash = (hash ^ (unsigned char)*at) * 0x100000001b3ULL;
  return (hash ^ (uint64_t)event->action) * 0x100000001b3ULL;
}

static bool
is_told_before(mst_book *book, const mst_docker_event *event)
{
  uint64_t hash = hash_event(event);

  for (size_t i = 0; i < MST_BOOK_RECENT_EVENTS; i++)
    if (book->recent[i] == hash)
      return true;
  book->recent[book->recent_at++ % MST_BOOK_RECENT_EVENTS] = hash;
  if (event->at.ns > book->events_at.ns)
    book->events_at = event->at;
  return false;
}

static mst_err
take_create(mst_book *book, const mst_docker_event *event, mst_errctx *ctx)
{
  mst_docker_record *record;
  mst_err err = mst_book_open(book, event->name[0] ? event->name : event->id, event->at, &record, ctx);

  if (err != MST_OK)
    return err;
  if (!is_same_id(record, event->id)) {
    begin_container(record, event->id);
    record->was_created = true;
  }
  record->is_listed = true;
  record->gone_at = (mst_wall){0};
  want_inspect(record);
  return MST_OK;
}

mst_err
mst_book_event(mst_book *book, const mst_docker_event *event, bool *ret_is_new, mst_errctx *ctx)
{
  mst_docker_record *record;

  if (is_told_before(book, event)) {
    *ret_is_new = false;
    return MST_OK;
  }
  *ret_is_new = true;
  if (event->action == MST_ACTION_CREATE)
    return take_create(book, event, ctx);
  record = mst_book_of_id(book, event->id);
  if (!record)
    return mst_fail(ctx, MST_EABSENT, "an event of a container that is not known yet");
  if (event->action == MST_ACTION_DESTROY) {
    record->is_listed = record->needs_inspect = false;
    record->gone_at = event->at;
    if (!record->is_expected)
      record->failed_at = (mst_wall){0}; /* it is not meant to come back */
    return MST_OK;
  }
  mst_book_tell(book, record, event);
  want_inspect(record);
  return MST_OK;
}

mst_err
mst_book_inspect(mst_book *book, const mst_docker_inspect *seen, mst_wall now, mst_errctx *ctx)
{
  mst_docker_record *record;
  mst_err err = mst_book_open(book, seen->name, now, &record, ctx);

  if (err != MST_OK)
    return err;
  begin_container(record, seen->id);
  record->seen = *seen;
  record->is_inspected = record->is_listed = true;
  record->inspected_at = now;
  record->gone_at = (mst_wall){0};
  if (!mst_book_observe(book, record, now) && !record->needs_inspect) {
    record->needs_inspect = true;
    record->inspect_after.ns = now.ns + MST_BOOK_QUIET_NS;
  }
  return MST_OK;
}

void
mst_book_confirm(mst_book *book, mst_wall asked_at)
{
  for (size_t i = 0; i < book->count; i++) {
    mst_docker_record *record = book->list[i];

    if (record->held == 0 || record->held_at.ns + MST_BOOK_QUIET_NS > asked_at.ns)
      continue;
    record->by_hand += record->held;
    book->totals.by_hand += record->held;
    record->held = 0;
    record->held_start = false;
  }
}

bool
mst_book_wants_confirmation(const mst_book *book, mst_wall now)
{
  for (size_t i = 0; i < book->count; i++)
    if (book->list[i]->held > 0 && book->list[i]->held_at.ns + MST_BOOK_QUIET_NS <= now.ns)
      return true;
  return false;
}

void
mst_book_daemon_ended(mst_book *book)
{
  for (size_t i = 0; i < book->count; i++) {
    mst_docker_record *record = book->list[i];

    record->held = 0;
    record->held_start = false;
    /* What comes up when the daemon does is its own doing, whoever stopped it. */
    record->was_by_daemon = true;
  }
}

void
mst_book_forget(mst_book *book, mst_wall now, void (*drop)(mst_docker_record *record))
{
  size_t kept = 0;

  for (size_t i = 0; i < book->count; i++) {
    mst_docker_record *record = book->list[i];

    if (record->is_expected || record->gone_at.ns == 0 || now.ns - record->gone_at.ns < kept_when_gone_ns) {
      book->list[kept++] = record;
      continue;
    }
    if (drop)
      drop(record);
    mst_free(record);
  }
  book->count = kept;
}

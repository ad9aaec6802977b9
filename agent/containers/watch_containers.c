/* What is asked of the daemon about its containers; see watch_state.h. */
#include "watch_state.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

enum {
  LIST_BYTES = 16 * 1024 * 1024, /* 1000 containers with labels and ports at some KB each */
  INSPECT_BYTES = 1024 * 1024,   /* mostly 6 KB; environments and outputs of health checks make it longer */
  STATS_BYTES = 256 * 1024,
  PATH_BYTES = 256,
};

static const int64_t list_pause_ns = 200 * MST_NS_PER_MS, unreadable_pause_ns = 5 * MST_NS_PER_S;
/* Each container is asked about again this often even if nothing seems to have happened. */
static const int64_t look_again_ns = 300 * MST_NS_PER_S;

static bool
ask_about(mst_watch *watch, mst_watch_kind kind, const char *subject, const char *format_head, const char *format_tail, size_t max_bytes)
{
  char path[PATH_BYTES];

  snprintf(path, sizeof path, "/v1.%u/%s/%s/%s", watch->api_minor, format_head, subject, format_tail);
  return mst_watch_get(watch, kind, subject, path, max_bytes, false);
}

void
mst_watch_take_list(mst_watch *watch, const mst_engine_reply *reply)
{
  mst_wall now = mst_clock_wall(watch->setup.clock);
  mst_docker_listed *list;
  size_t count, kept = 0;
  mst_errctx why = {0};

  watch->is_list_asked = false;
  if (mst_docker_parse_list(reply->body, reply->length, &list, &count, &why) != MST_OK) {
    mst_watch_fail(watch, why.text);
    return;
  }
  for (size_t i = 0; i < count; i++)
    if (!mst_watch_ignores(watch, list[i].name))
      list[kept++] = list[i];

  mst_err err = mst_book_list(&watch->book, list, kept, now, &why);

  mst_free(list);
  if (err != MST_OK) {
    mst_watch_fail(watch, why.text);
    return;
  }
  if (watch->listed_at.ns >= watch->round_began.ns)
    watch->is_round_listed = true;
  watch->has_listed = watch->is_up = watch->is_known = true;
  watch->pause_ns = 0;
  watch->reason[0] = '\0';

  mst_mono mono = mst_clock_mono(watch->setup.clock);

  if (watch->looked_at.ns > 0 && mono.ns - watch->looked_at.ns < look_again_ns)
    return;
  watch->looked_at = mono;
  for (size_t i = 0; i < watch->book.count; i++)
    if (watch->book.list[i]->is_listed)
      watch->book.list[i]->needs_inspect = true;
}

void
mst_watch_take_inspect(mst_watch *watch, const mst_engine_reply *reply)
{
  mst_docker_record *record = mst_book_of_id(&watch->book, reply->subject);
  mst_wall now = mst_clock_wall(watch->setup.clock);
  mst_docker_inspect seen;
  mst_errctx why = {0};

  if (watch->asked > 0)
    watch->asked--;
  if (reply->err == MST_EABSENT) { /* removed since it was listed */
    watch->is_list_wanted = true;
    return;
  }
  if (reply->err == MST_OK && mst_docker_parse_inspect(reply->body, reply->length, &seen, &why) == MST_OK) {
    if (strcmp(seen.id, reply->subject) == 0 && !mst_watch_ignores(watch, seen.name) &&
        mst_book_inspect(&watch->book, &seen, now, &why) != MST_OK)
      mst_watch_say(watch->trouble, why.text);
    if (record)
      record->is_unreadable = false;
    return;
  }
  mst_watch_say(watch->trouble, reply->err == MST_OK ? why.text : reply->why);
  if (!record)
    return;
  record->is_unreadable = true;
  record->needs_inspect = true;
  record->inspect_after.ns = now.ns + unreadable_pause_ns;
}

void
mst_watch_take_image(mst_watch *watch, const mst_engine_reply *reply)
{
  watch->is_image_asked = false;
  for (size_t i = 0; i < watch->book.count; i++) {
    mst_docker_record *record = watch->book.list[i];
    mst_errctx ignored = {0};

    if (!record->is_inspected || record->digest[0] || strcmp(record->seen.image_id, reply->subject) != 0)
      continue;
    if (reply->err != MST_OK || mst_docker_parse_digest(reply->body, reply->length, record->seen.image, record->digest, &ignored) != MST_OK)
      memcpy(record->digest, record->seen.image_id, sizeof record->digest);
  }
}

void
mst_watch_take_stats(mst_watch *watch, const mst_engine_reply *reply)
{
  mst_docker_record *record = mst_book_of_id(&watch->book, reply->subject);
  mst_docker_usage usage;
  mst_errctx ignored = {0};

  watch->is_stats_asked = false;
  if (!record || reply->err != MST_OK || mst_docker_parse_stats(reply->body, reply->length, &usage, &ignored) != MST_OK)
    return;
  mst_usage_add(&record->usage, &record->usage_last, &usage);
  record->usage_last = usage;
}

void
mst_watch_ask_list(mst_watch *watch, mst_mono now)
{
  char path[PATH_BYTES];

  if (!watch->is_list_wanted || watch->is_list_asked || (watch->has_listed && now.ns - watch->listed_at.ns < list_pause_ns))
    return;
  snprintf(path, sizeof path, "/v1.%u/containers/json?all=1", watch->api_minor);
  if (!mst_watch_get(watch, MST_ASK_LIST, "", path, LIST_BYTES, false))
    return;
  watch->is_list_wanted = false;
  watch->is_list_asked = true;
  watch->listed_at = now;
}

/* One place is kept free for the list, one for the question whether the daemon takes new connections. */
void
mst_watch_ask_containers(mst_watch *watch, mst_wall now)
{
  for (size_t i = 0; i < watch->book.count && mst_engine_free(watch->engine) > 2; i++) {
    mst_docker_record *record = watch->book.list[i];

    if (!record->is_listed || strlen(record->id) != MST_DOCKER_ID_BYTES)
      continue;
    if (mst_book_is_due(record, now)) {
      if (!ask_about(watch, MST_ASK_INSPECT, record->id, "containers", "json", INSPECT_BYTES))
        return;
      record->needs_inspect = false;
      watch->asked++;
    } else if (record->is_inspected && !record->digest[0] && record->seen.image_id[0] && !watch->is_image_asked) {
      watch->is_image_asked = ask_about(watch, MST_ASK_IMAGE, record->seen.image_id, "images", "json", INSPECT_BYTES);
    }
  }
}

/* Figures of those that cannot be measured from here, one after the other: each costs the daemon some milliseconds. */
void
mst_watch_ask_stats(mst_watch *watch)
{
  while (!watch->is_stats_asked && watch->stats_next < watch->book.count && mst_engine_free(watch->engine) > 2) {
    const mst_docker_record *record = watch->book.list[watch->stats_next++];

    if (record->is_listed && record->needs_stats)
      watch->is_stats_asked = ask_about(watch, MST_ASK_STATS, record->id, "containers",
                                        watch->api_minor >= 41 ? "stats?stream=false&one-shot=true" : "stats?stream=false", STATS_BYTES);
  }
}

bool
mst_watch_has_questions(const mst_watch *watch)
{
  mst_wall now = mst_clock_wall(watch->setup.clock);

  if (watch->asked > 0 || watch->is_list_wanted)
    return true;
  for (size_t i = 0; i < watch->book.count; i++)
    if (watch->book.list[i]->is_listed && mst_book_is_due(watch->book.list[i], now))
      return true;
  return false;
}

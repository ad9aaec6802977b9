/* What of the book outlives the agent: text lines, one for each container; see book.h.
 *
 *   docker 1 EVENTS_AT SINCE NOT_RECOVERED BY_HAND BY_HAND_SINCE DOUBT_AT
 *   e HASH                          an event near EVENTS_AT
 *   c NAME ID FLAGS NUMBER...       a container: booleans as bits in the order of `flags`, numbers in the order of `numbers`
 */
#include "book.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "collectors/scan.h"

enum { VERSION = 1 };

#define PLACE(field) offsetof(mst_docker_record, field)
/* New ones go to the end, with a new VERSION. */
static const size_t flags[] = {PLACE(has_exit_code), PLACE(was_created),    PLACE(has_run),       PLACE(is_up),
                               PLACE(is_stopping),   PLACE(was_by_hand),    PLACE(was_by_daemon), PLACE(restart_is_told),
                               PLACE(held_start),    PLACE(is_failure_told)};
static const size_t numbers[] = {
    PLACE(known_since),    PLACE(gone_at),     PLACE(restarts),  PLACE(by_hand),    PLACE(not_recovered), PLACE(oom_kills_before),
    PLACE(oom_events),     PLACE(oom_counted), PLACE(exit_code), PLACE(started_at), PLACE(died_at),       PLACE(restart_count),
    PLACE(restarts_since), PLACE(killed_at),   PLACE(held),      PLACE(held_at),    PLACE(failed_at),     PLACE(well_at)};
enum { FLAGS = sizeof flags / sizeof flags[0], NUMBERS = sizeof numbers / sizeof numbers[0] };
_Static_assert(sizeof(mst_wall) == sizeof(uint64_t), "numbers are eight bytes each");

static void
save_record(const mst_docker_record *record, mst_buf *line)
{
  const char *bytes = (const char *)record;
  unsigned bits = 0;

  for (int i = 0; i < FLAGS; i++) {
    bool is_set;

    memcpy(&is_set, bytes + flags[i], sizeof is_set);
    bits |= (unsigned)is_set << i;
  }
  mst_buf_printf(line, "c %s %.*s %u", record->name, MST_BOOK_ID_BYTES, record->id[0] ? record->id : "-", bits);
  for (int i = 0; i < NUMBERS; i++) {
    uint64_t number;

    memcpy(&number, bytes + numbers[i], sizeof number);
    mst_buf_printf(line, " %" PRIu64, number);
  }
  mst_buf_puts(line, "\n");
}

mst_err
mst_book_save(const mst_book *book, mst_buf *ret_text, size_t max_bytes, mst_errctx *ctx)
{
  size_t start = ret_text->size_bytes;
  mst_buf line;

  const mst_docker_totals *totals = &book->totals;

  mst_buf_printf(ret_text, "docker %d %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 "\n", VERSION,
                 book->events_at.ns, totals->since.ns, totals->not_recovered, totals->by_hand, totals->by_hand_since.ns, book->doubt_at.ns);
  for (int i = 0; i < MST_BOOK_RECENT_EVENTS; i++)
    if (book->recent[i] != 0)
      mst_buf_printf(ret_text, "e %" PRIu64 "\n", book->recent[i]);
  mst_buf_init(&line, 4096); /* 18 numbers of 20 digits and a name */
  for (size_t i = 0; i < book->count; i++) {
    mst_buf_reset(&line);
    save_record(book->list[i], &line);
    if (line.failed == MST_OK && ret_text->size_bytes - start + line.size_bytes <= max_bytes)
      mst_buf_append(ret_text, line.data, line.size_bytes);
  }

  mst_err err =
      line.failed == MST_OK ? mst_buf_check(ret_text, "what is kept of containers", ctx) : mst_buf_check(&line, "a container", ctx);

  mst_buf_done(&line);
  return err;
}

static bool
load_record(mst_book *book, mst_scan line, mst_wall booted_at, mst_errctx *ctx)
{
  char name_text[MST_DOCKER_NAME_BYTES + 1] = "";
  mst_docker_record *record;
  mst_scan name, id;
  uint64_t bits;

  if (!mst_scan_word(&line, &name) || mst_scan_length(name) > MST_DOCKER_NAME_BYTES || !mst_scan_word(&line, &id) ||
      mst_scan_length(id) > MST_BOOK_ID_BYTES || !mst_scan_u64(&line, &bits) || bits >> FLAGS != 0)
    return false;
  memcpy(name_text, name.at, mst_scan_length(name));
  if (mst_book_open(book, name_text, (mst_wall){0}, &record, ctx) != MST_OK)
    return false;
  if (!mst_scan_equal(id, "-"))
    memcpy(record->id, id.at, mst_scan_length(id));
  for (int i = 0; i < FLAGS; i++) {
    bool is_set = bits >> i & 1;

    memcpy((char *)record + flags[i], &is_set, sizeof is_set);
  }
  for (int i = 0; i < NUMBERS; i++) {
    uint64_t number;

    if (!mst_scan_u64(&line, &number))
      return false;
    memcpy((char *)record + numbers[i], &number, sizeof number);
  }
  if (book->events_at.ns < booted_at.ns) { /* the daemon went down with the host, and starts what is to run */
    record->held = 0;
    record->held_start = false;
    record->was_by_daemon = !record->is_up;
  }
  return true;
}

mst_err
mst_book_load(mst_book *book, mst_bytes text, mst_wall booted_at, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over((const char *)text.data, text.size_bytes), line, word;
  uint64_t version, times[4];

  if (!mst_scan_line(&all, &line) || !mst_scan_word(&line, &word) || !mst_scan_equal(word, "docker") || !mst_scan_u64(&line, &version))
    return mst_fail(ctx, MST_EMALFORMED, "what was kept of containers has no head");
  if (version != VERSION)
    return mst_fail(ctx, MST_EVERSION, "what was kept of containers has version %" PRIu64 ", this agent reads %d", version, VERSION);
  if (!mst_scan_u64(&line, &times[0]) || !mst_scan_u64(&line, &times[1]) || !mst_scan_u64(&line, &book->totals.not_recovered) ||
      !mst_scan_u64(&line, &book->totals.by_hand) || !mst_scan_u64(&line, &times[2]) || !mst_scan_u64(&line, &times[3]))
    return mst_fail(ctx, MST_EMALFORMED, "what was kept of containers has a broken head");
  book->events_at.ns = (int64_t)times[0];
  book->totals.since.ns = (int64_t)times[1];
  book->totals.by_hand_since.ns = (int64_t)times[2];
  book->doubt_at.ns = (int64_t)times[3];
  while (mst_scan_line(&all, &line)) {
    uint64_t hash;

    if (!mst_scan_word(&line, &word))
      continue;
    if (mst_scan_equal(word, "c") && load_record(book, line, booted_at, ctx))
      continue;
    if (!mst_scan_equal(word, "e") || !mst_scan_u64(&line, &hash))
      return mst_fail(ctx, MST_EMALFORMED, "what was kept of containers has a broken line: %.*s", mst_scan_shown(line), line.at);
    book->recent[book->recent_at++ % MST_BOOK_RECENT_EVENTS] = hash;
  }
  return MST_OK;
}

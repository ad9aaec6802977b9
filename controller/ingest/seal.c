/* Closing windows: from journal records to one document. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "ingest/batch.h"
#include "judging.h"
#include "round.h"

enum { SEAL_MAX_WINDOWS = 200 };
/* A transaction of this length is not noticed by who waits for an answer. */
static const int64_t seal_time_ns = 50 * MST_NS_PER_MS;
/* After a failure of the store, and after one that only a person can mend. */
static const int64_t retry_ns = 5 * MST_NS_PER_S, damaged_retry_ns = 60 * MST_NS_PER_S;

typedef struct sealed {
  mst_open_window *open;
  mst_window *window; /* owned until judging takes it */
  bool is_changed;    /* there was a document before */
} sealed;

typedef struct sealing {
  mst_core *core;
  sealed list[SEAL_MAX_WINDOWS];
  uint32_t count;
  uint32_t overflowed;
} sealing;

/* ---- one window ---- */

struct adding {
  mst_core *core;
  mst_window *window;
  const mst_open_report *report;
  mst_err err;
  mst_errctx *ctx;
};

static bool
add_record(void *user, const void *data)
{
  const mst_store_journal *record = data;
  struct adding *adding = user;
  const mst_series_map *map = adding->report->session->data.map;
  mst_window_column column = {.session = adding->report->session->id, .sequence = record->sequence};
  mst_report report;

  adding->err = mst_report_decode(record->body, &report, adding->ctx);
  if (adding->err != MST_OK)
    return false;
  memcpy(column.digest, record->digest.bytes, sizeof column.digest);
  column.at = report.header.at;
  column.interval_ns = report.header.interval_ns;
  adding->err = mst_window_add(adding->window, &column, &report, map ? map->numbers : NULL, map ? map->count : 0,
                               adding->core->state.series, adding->ctx);
  return false;
}

/* Adds the journal's records. Room for each was found before it was acknowledged (open_windows.c, check_room); one that does not fit all
 * the same comes from a database that something else wrote, and is given up, loudly: it can never fit. */
static mst_err
add_reports(sealing *work, const mst_open_window *open, mst_window *window, mst_errctx *ctx)
{
  mst_core *core = work->core;

  for (uint32_t i = 0; i < open->committed; i++) {
    struct adding adding = {.core = core, .window = window, .report = &open->reports[i], .ctx = ctx};
    mst_err err = core->ops->journal_get(core->store, open->reports[i].id, add_record, &adding, ctx);
    if (err == MST_OK)
      err = adding.err;
    if (err == MST_ELIMIT || err == MST_EMALFORMED) {
      mst_log(MST_LOG_ERROR, "report-does-not-fit", "reason", ctx->text, NULL);
      work->overflowed++;
    } else if (err != MST_OK && err != MST_EEXIST) {
      return err;
    }
    err = core->ops->journal_delete(core->store, open->reports[i].id, ctx);
    if (err != MST_OK)
      return err;
  }
  return MST_OK;
}

static mst_err
load_window(mst_core *core, const mst_open_window *open, mst_window **ret_window, bool *ret_existed, mst_errctx *ctx)
{
  mst_buf document;

  mst_buf_init(&document, MST_WINDOW_MAX_BYTES);
  mst_err err = core->ops->window_get(core->store, open->start, open->agent, &document, ctx);
  *ret_existed = err == MST_OK;
  if (err == MST_OK)
    err = mst_window_decode((mst_bytes){document.data, document.size_bytes}, ret_window, ctx);
  else if (err == MST_EABSENT)
    err = mst_window_create(open->start, core->window_ns, ret_window, ctx);
  mst_buf_done(&document);
  return err;
}

mst_err
mst_open_base_load(mst_core *core, uint32_t agent, mst_wall start, mst_open_base *ret_base, mst_errctx *ctx)
{
  const mst_open_window *open = mst_open_windows_find(&core->windows, agent, start, false);
  const mst_open_window wanted = {.agent = agent, .start = start};
  mst_window *window = NULL;
  bool is_there;

  *ret_base = (mst_open_base){0};
  if (!open)
    open = mst_open_windows_find(&core->windows, agent, start, true);
  if (open) { /* each knows it */
    *ret_base = open->base;
    return MST_OK;
  }
  mst_err err = load_window(core, &wanted, &window, &is_there, ctx);
  if (err == MST_OK && is_there)
    *ret_base = (mst_open_base){mst_window_column_count(window), mst_window_charge_bytes(window)};
  mst_window_destroy(window);
  /* A damaged document is said when the window is closed; until then its late reports wait in the journal. */
  return err == MST_EMALFORMED || err == MST_EVERSION || err == MST_ELIMIT ? MST_OK : err;
}

static mst_err
seal_window(sealing *work, mst_open_window *open, mst_errctx *ctx)
{
  mst_core *core = work->core;
  sealed *done = &work->list[work->count];
  mst_window *window = NULL;
  mst_buf document;

  mst_err err = load_window(core, open, &window, &done->is_changed, ctx);
  if (err == MST_EMALFORMED || err == MST_EVERSION || err == MST_ELIMIT)
    err = mst_fail_within(ctx, MST_ECORRUPT, "a stored window of agent %u", open->agent);
  if (err != MST_OK)
    return err;
  mst_buf_init(&document, MST_WINDOW_MAX_BYTES);
  err = add_reports(work, open, window, ctx);
  if (err == MST_OK)
    err = mst_window_seal(window, ctx);
  if (err == MST_OK)
    err = mst_window_encode(window, &document, ctx);
  if (err == MST_OK)
    err = core->ops->window_put(core->store, open->start, open->agent, (mst_bytes){document.data, document.size_bytes}, ctx);
  mst_buf_done(&document);
  if (err != MST_OK) {
    mst_window_destroy(window);
    return err;
  }
  done->open = open;
  done->window = window;
  work->count++;
  return MST_OK;
}

/* ---- some of them ---- */

static uint64_t
hash_address(const void *entry)
{
  const uintptr_t address = (uintptr_t)entry;

  return mst_index_hash(MST_INDEX_SEED, &address, sizeof address);
}

static bool
equal_address(const void *entry, const void *key)
{
  return entry == key;
}

/* Ranges and counts of the sessions whose reports leave the journal: from now on only their own record tells what is taken. */
static mst_err
put_sessions(sealing *work, mst_errctx *ctx)
{
  mst_session_entry *last = NULL;
  mst_index seen;
  mst_err err = MST_OK;
  static const mst_index_kind by_address = {hash_address, equal_address};

  mst_index_init(&seen, &by_address);
  for (uint32_t i = 0; err == MST_OK && i < work->count; i++) {
    const mst_open_window *open = work->list[i].open;
    for (uint32_t k = 0; err == MST_OK && k < open->committed; k++) {
      mst_session_entry *session = open->reports[k].session;
      if (session == last || mst_index_find(&seen, session))
        continue;
      last = session;
      err = mst_index_add(&seen, session, ctx);
      if (err == MST_OK)
        err = mst_core_put_session(work->core, session, ctx);
    }
  }
  mst_index_done(&seen);
  return err;
}

static mst_err
seal_due(sealing *work, mst_wall now, uint32_t most, mst_open_window **ret_damaged, mst_errctx *ctx)
{
  mst_core *core = work->core;
  const mst_mono begun = mst_clock_mono(mst_clock_system());
  mst_wall out_of_the_way = {INT64_MAX};
  mst_err err = MST_OK;

  while (work->count < most) {
    mst_open_window *open = mst_open_windows_first(&core->windows);
    if (!open || open->due.ns > now.ns || mst_clock_mono(mst_clock_system()).ns - begun.ns > seal_time_ns)
      break;
    err = seal_window(work, open, ctx);
    if (err != MST_OK) {
      *ret_damaged = err == MST_ECORRUPT ? open : NULL;
      break;
    }
    mst_open_windows_postpone(&core->windows, open, out_of_the_way);
  }
  return err;
}

static void
hand_to_judge(mst_core *core, sealed *done)
{
  const mst_open_window *open = done->open;

  if (core->run && !core->run->is_frozen && !core->run->is_ended && mst_run_covers(core->run, open->agent, open->start))
    mst_judging_window(core, open->agent, done->window, done->is_changed);
  else
    mst_window_destroy(done->window);
}

static void
take_effect(sealing *work)
{
  mst_counters *counters = &work->core->counters;

  for (uint32_t i = 0; i < work->count; i++) {
    sealed *done = &work->list[i];
    hand_to_judge(work->core, done);
    mst_open_windows_close(&work->core->windows, done->open);
    atomic_fetch_add(done->is_changed ? &counters->windows_changed : &counters->windows_sealed, 1);
  }
  atomic_fetch_add(&counters->windows_overflowed, work->overflowed);
}

static void
put_back(sealing *work, mst_wall due)
{
  for (uint32_t i = 0; i < work->count; i++) {
    mst_window_destroy(work->list[i].window);
    mst_open_windows_postpone(&work->core->windows, work->list[i].open, due);
  }
}

mst_err
mst_seal_some(mst_core *core, mst_wall now, bool *ret_more, mst_errctx *ctx)
{
  const mst_open_window *first = mst_open_windows_first(&core->windows);
  sealing *work = NULL;
  mst_open_window *damaged = NULL;
  uint32_t room = mst_judging_room(core);

  *ret_more = false;
  if (!first || first->due.ns > now.ns || room == 0)
    return MST_OK;
  work = mst_alloc(1, sizeof *work);
  if (!work)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for closing windows");
  work->core = core;
  mst_err err = mst_core_begin(core, ctx);
  if (err == MST_OK) {
    err = seal_due(work, now, room < SEAL_MAX_WINDOWS ? room : SEAL_MAX_WINDOWS, &damaged, ctx);
    if (err == MST_OK)
      err = put_sessions(work, ctx);
    err = mst_core_end(core, err, ctx);
  }
  if (err == MST_OK) {
    take_effect(work);
    first = mst_open_windows_first(&core->windows);
    *ret_more = first && first->due.ns <= now.ns;
  } else {
    put_back(work, (mst_wall){damaged ? now.ns : now.ns + retry_ns});
    if (damaged) /* the others go on */
      mst_open_windows_postpone(&core->windows, damaged, (mst_wall){now.ns + damaged_retry_ns});
  }
  mst_free(work);
  return err;
}

/* The judge's bench: what the keeper's notes do to the judge. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "judging_parts.h"

/* Something could not be given to the judge: its results would not be those of the data. */
static void
fail_bench(mst_bench *bench, const char *what, const mst_errctx *ctx)
{
  bench->is_broken = true;
  mst_log(MST_LOG_ERROR, "judging-stopped", "what", what, "reason", ctx->text, "remedy", "mend the cause and restart musterd", NULL);
}

static void
drop(mst_bench *bench)
{
  mst_judge_destroy(bench->judge);
  mst_run_unref(bench->run);
  for (size_t i = 0; i < bench->statement_count; i++)
    mst_free(bench->statements[i]);
  mst_free(bench->statements);
  mst_free(bench->needs_reload);
  mst_free(bench->frozen_states);
  *bench = (mst_bench){.core = bench->core, .store = bench->store};
}

void
mst_bench_done(mst_bench *bench)
{
  drop(bench);
  if (bench->store)
    bench->core->ops->close(bench->store);
  bench->store = NULL;
}

/* ---- reading a host from the store ---- */

struct reading {
  mst_bench *bench;
  uint32_t host;
  mst_err err;
  mst_errctx *ctx;
};

static bool
take_series(void *user, const void *data)
{
  const mst_store_agent_series *record = data;
  struct reading *reading = user;

  reading->err = mst_judge_add_series(reading->bench->judge, reading->host, record->series, record->defined_at, reading->ctx);
  return reading->err == MST_OK;
}

static bool
take_window(void *user, const void *data)
{
  const mst_store_window *record = data;
  struct reading *reading = user;
  mst_window *window = NULL;

  reading->err = mst_window_decode(record->document, &window, reading->ctx);
  if (reading->err == MST_OK)
    reading->err = mst_judge_add_window(reading->bench->judge, reading->host, window, reading->ctx);
  mst_window_destroy(window);
  return reading->err == MST_OK;
}

/* All of a host: first what it defined, then its windows. Series are looked at under their lock, in pieces, so that agents do not wait for
 * long. */
static mst_err
read_host(mst_bench *bench, uint32_t host, mst_errctx *ctx)
{
  mst_core *core = bench->core;
  struct reading reading = {.bench = bench, .host = host, .ctx = ctx};
  const uint32_t agent = bench->run->agents[host];

  pthread_rwlock_rdlock(&core->state.series_lock);
  mst_judge_forget_windows(bench->judge, host);
  mst_err err = core->ops->agent_series_each(bench->store, agent, take_series, &reading, ctx);
  if (err == MST_OK && reading.err == MST_OK)
    err = core->ops->window_each(bench->store, agent, bench->run->start, bench->run->end, take_window, &reading, ctx);
  pthread_rwlock_unlock(&core->state.series_lock);
  return err != MST_OK ? err : reading.err;
}

void
mst_bench_reload(mst_bench *bench)
{
  mst_errctx ctx = {0};

  for (uint32_t host = 0; bench->any_reload && host < bench->run->host_count; host++) {
    if (!bench->needs_reload[host])
      continue;
    bench->needs_reload[host] = false;
    if (read_host(bench, host, &ctx) != MST_OK)
      fail_bench(bench, "read a host's windows", &ctx);
  }
  bench->any_reload = false;
}

/* ---- notes ---- */

static mst_err
begin(mst_bench *bench, mst_run *run, mst_errctx *ctx)
{
  mst_core *core = bench->core;
  const mst_judge_setup setup = {
      .checklist = run->checklist,
      .hosts = run->hosts,
      .host_count = run->host_count,
      .series = core->state.series,
      .run_id = run->id,
      .start = run->start,
      .window_ns = run->window_ns,
      .grace_ns = run->grace_ns,
  };

  drop(bench);
  bench->run = run;
  bench->needs_reload = mst_alloc(run->host_count ? run->host_count : 1, sizeof *bench->needs_reload);
  if (!bench->needs_reload)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the judge");
  mst_err err = mst_judge_create(&setup, &bench->judge, ctx);
  if (err == MST_OK && !bench->store)
    err = core->ops->open(core->store_location, true, &bench->store, ctx);
  for (uint32_t host = 0; err == MST_OK && host < run->host_count; host++)
    err = read_host(bench, host, ctx);
  return err;
}

static void
mark_changed(mst_bench *bench, uint32_t host)
{
  bench->needs_reload[host] = true;
  bench->any_reload = true;
}

static mst_err
add_window(mst_bench *bench, uint32_t host, const mst_window *window, mst_errctx *ctx)
{
  pthread_rwlock_rdlock(&bench->core->state.series_lock);
  mst_err err = mst_judge_add_window(bench->judge, host, window, ctx);
  pthread_rwlock_unlock(&bench->core->state.series_lock);
  /* It was in the store already when the host was read: as it is here, or newer. */
  return err == MST_EEXIST ? MST_OK : err;
}

static mst_err
add_series(mst_bench *bench, const mst_note *note, mst_errctx *ctx)
{
  pthread_rwlock_rdlock(&bench->core->state.series_lock);
  mst_err err = mst_judge_add_series(bench->judge, note->host, note->series, note->at, ctx);
  pthread_rwlock_unlock(&bench->core->state.series_lock);
  if (err == MST_ESTATE) { /* it reaches back into windows that were judged without it */
    mark_changed(bench, note->host);
    return MST_OK;
  }
  return err;
}

static mst_err
add_statement(mst_bench *bench, mst_note *note, mst_errctx *ctx)
{
  mst_judge_statement **list = mst_realloc(bench->statements, bench->statement_count + 1, sizeof *list);

  if (!list)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  bench->statements = list;
  list[bench->statement_count++] = note->statement;
  note->statement = NULL;
  mst_judge_statement *all = mst_alloc(bench->statement_count, sizeof *all);
  if (!all)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  for (size_t i = 0; i < bench->statement_count; i++)
    all[i] = *list[i];
  mst_err err = mst_judge_set_statements(bench->judge, all, bench->statement_count, ctx);
  mst_free(all);
  return err;
}

void
mst_bench_take(mst_bench *bench, mst_note *note)
{
  mst_errctx ctx = {0};
  mst_err err = MST_OK;

  if (note->kind == MST_NOTE_BEGIN) {
    mst_run *run = note->run;
    note->run = NULL;
    err = begin(bench, run, &ctx);
  } else if (bench->judge) {
    switch (note->kind) {
    case MST_NOTE_SERIES:
      err = add_series(bench, note, &ctx);
      break;
    case MST_NOTE_WINDOW:
      err = add_window(bench, note->host, note->window, &ctx);
      break;
    case MST_NOTE_CHANGED:
      mark_changed(bench, note->host);
      break;
    case MST_NOTE_STATEMENT:
      err = add_statement(bench, note, &ctx);
      break;
    case MST_NOTE_FREEZE:
      bench->is_frozen = true;
      mst_free(bench->frozen_states);
      bench->frozen_states = note->states;
      note->states = NULL;
      break;
    case MST_NOTE_END:
      bench->is_ended = true;
      mst_judge_end(bench->judge, note->at);
      break;
    default:
      drop(bench);
      break;
    }
  }
  if (err != MST_OK)
    fail_bench(bench, "give something to the judge", &ctx);
  mst_note_destroy(note);
}

void
mst_bench_refresh(mst_bench *bench)
{
  mst_core *core = bench->core;
  const mst_run *run = bench->run;

  pthread_rwlock_rdlock(&core->state.lock);
  for (uint32_t i = 0; i < run->host_count; i++) {
    const mst_agent_entry *agent = core->state.agents[run->agents[i]];
    mst_host_state state = agent->state == MST_AGENT_REVOKED            ? MST_HOST_REVOKED
                           : strcmp(agent->labels, run->labels[i]) != 0 ? MST_HOST_RELABELLED
                                                                        : MST_HOST_OK;
    /* Nobody can report to a controller that is down: silence counts from its start. */
    mst_wall last = agent->live.last_received_at;
    if (last.ns < core->started_at.ns && agent->sessions)
      last = core->started_at;
    if (bench->is_frozen && bench->frozen_states)
      state = bench->frozen_states[i];
    mst_judge_set_host(bench->judge, i, state, last, agent->live.interval_ns);
  }
  pthread_rwlock_unlock(&core->state.lock);
}

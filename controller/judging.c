/* The judging thread, and what it found. */
#include "judging.h"

#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "judging_parts.h"
#include "keeper.h"
#include <mst/common/wait.h>

/* How often the thread looks at the clock while a run is on. */
static const int64_t tick_ns = 50 * MST_NS_PER_MS;
/* What closes late is waited for at most so long. */
static const int64_t patience_ns = 30 * MST_NS_PER_S;
/* Between evaluations that new windows ask for. */
static const int64_t pause_least_ns = 100 * MST_NS_PER_MS;

struct mst_judging {
  mst_core *core;
  pthread_t thread;
  bool is_started;
  pthread_mutex_t lock;
  pthread_cond_t wake, changed;
  mst_note *first, *last;
  uint32_t window_count; /* that wait */
  bool is_stopping;
  mst_finding finding; /* under the lock */
  /* of the thread alone */
  mst_bench bench;
  mst_digest shown_digest;
  bool is_dirty, is_decided;
  mst_wall evaluated_at, decided_at;
  mst_mono evaluated_mono;
  int64_t evaluation_ns;
};

/* ---- notes ---- */

void
mst_note_destroy(mst_note *note)
{
  mst_run_unref(note->run);
  mst_window_destroy(note->window);
  mst_free(note->states);
  mst_free(note->statement);
  mst_free(note);
}

/* Queues a note; takes over what it points to, also when memory is out. */
static void
tell(mst_core *core, const mst_note *from)
{
  mst_judging *judging = core->judging;
  mst_note *note = mst_alloc(1, sizeof *note);

  if (!note) {
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", "the judge misses something until the next restart", NULL);
    mst_run_unref(from->run);
    mst_window_destroy(from->window);
    mst_free(from->states);
    mst_free(from->statement);
    return;
  }
  *note = *from;
  pthread_mutex_lock(&judging->lock);
  if (judging->last)
    judging->last->next = note;
  else
    judging->first = note;
  judging->last = note;
  judging->window_count += note->kind == MST_NOTE_WINDOW;
  pthread_cond_signal(&judging->wake);
  pthread_mutex_unlock(&judging->lock);
}

void
mst_judging_begin(mst_core *core, mst_run *run)
{
  tell(core, &(mst_note){.kind = MST_NOTE_BEGIN, .run = mst_run_ref(run)});
}

void
mst_judging_series(mst_core *core, uint32_t agent, uint32_t series, mst_wall defined_at)
{
  uint32_t host = core->run ? mst_run_host(core->run, agent) : UINT32_MAX;

  if (host != UINT32_MAX)
    tell(core, &(mst_note){.kind = MST_NOTE_SERIES, .host = host, .series = series, .at = defined_at});
}

uint32_t
mst_judging_room(mst_core *core)
{
  mst_judging *judging = core->judging;

  pthread_mutex_lock(&judging->lock);
  uint32_t count = judging->window_count;
  pthread_mutex_unlock(&judging->lock);
  return count < MST_JUDGING_WINDOWS_MAX ? MST_JUDGING_WINDOWS_MAX - count : 0;
}

void
mst_judging_window(mst_core *core, uint32_t agent, mst_window *window, bool is_changed)
{
  uint32_t host = mst_run_host(core->run, agent);

  if (!is_changed) {
    tell(core, &(mst_note){.kind = MST_NOTE_WINDOW, .host = host, .window = window});
    return;
  }
  mst_window_destroy(window); /* all of the host's are read anew */
  tell(core, &(mst_note){.kind = MST_NOTE_CHANGED, .host = host});
}

static const char *
copy_text(char **at, const char *text)
{
  size_t bytes = strlen(text ? text : "") + 1;
  char *copy = memcpy(*at, text ? text : "", bytes);

  *at += bytes;
  return copy;
}

void
mst_judging_statement(mst_core *core, const char *run_id, const mst_judge_statement *from)
{
  const char *const texts[] = {from->kind, from->subject, from->operator_name, from->role, from->reason, from->detail};
  size_t bytes = 0;

  if (!core->run || strcmp(core->run->id, run_id) != 0)
    return;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    bytes += strlen(texts[i] ? texts[i] : "") + 1;
  mst_judge_statement *copy = mst_alloc(1, sizeof *copy + bytes);
  if (!copy) {
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", "a statement counts after the next restart only", NULL);
    return;
  }
  char *at = (char *)(copy + 1);
  *copy = *from;
  copy->kind = copy_text(&at, from->kind);
  copy->subject = copy_text(&at, from->subject);
  copy->operator_name = copy_text(&at, from->operator_name);
  copy->role = copy_text(&at, from->role);
  copy->reason = copy_text(&at, from->reason);
  copy->detail = copy_text(&at, from->detail);
  tell(core, &(mst_note){.kind = MST_NOTE_STATEMENT, .statement = copy});
}

void
mst_judging_freeze(mst_core *core, const mst_host_state *states, uint32_t count)
{
  mst_host_state *copy = mst_alloc(count ? count : 1, sizeof *copy);

  if (copy)
    memcpy(copy, states, count * sizeof *copy);
  tell(core, &(mst_note){.kind = MST_NOTE_FREEZE, .host = count, .states = copy});
}

void
mst_judging_end(mst_core *core, mst_wall ended_at)
{
  tell(core, &(mst_note){.kind = MST_NOTE_END, .at = ended_at});
}

void
mst_judging_drop(mst_core *core)
{
  tell(core, &(mst_note){.kind = MST_NOTE_DROP});
}

/* ---- findings ---- */

mst_err
mst_judging_finding(mst_core *core, bool with_json, mst_finding *ret_finding, mst_errctx *ctx)
{
  mst_judging *judging = core->judging;
  mst_err err = MST_OK;

  pthread_mutex_lock(&judging->lock);
  if (judging->finding.json) {
    *ret_finding = judging->finding;
    ret_finding->json = with_json ? mst_strdup(judging->finding.json) : NULL;
    if (with_json && !ret_finding->json)
      err = mst_fail(ctx, MST_ENOMEM, "out of memory for the verdict");
  } else {
    err = mst_fail(ctx, MST_EABSENT, "nothing was judged yet");
  }
  pthread_mutex_unlock(&judging->lock);
  return err;
}

uint64_t
mst_judging_version(mst_core *core)
{
  pthread_mutex_lock(&core->judging->lock);
  uint64_t version = core->judging->finding.version;
  pthread_mutex_unlock(&core->judging->lock);
  return version;
}

uint64_t
mst_judging_wait(mst_core *core, uint64_t version, int64_t timeout_ns)
{
  mst_judging *judging = core->judging;
  const mst_mono until = {mst_clock_mono(mst_clock_system()).ns + (timeout_ns > 0 ? timeout_ns : 0)};

  pthread_mutex_lock(&judging->lock);
  while (judging->finding.version == version && !judging->is_stopping)
    if (!mst_wait_until(&judging->changed, &judging->lock, &until))
      break;
  version = judging->finding.version;
  pthread_mutex_unlock(&judging->lock);
  return version;
}

/* Shows a verdict; a new version only when it says something new. */
static void
show(mst_judging *judging, const mst_verdict *verdict)
{
  const mst_digest digest = mst_verdict_digest(verdict);
  mst_finding *finding = &judging->finding;
  char *json = mst_strdup(mst_verdict_json(verdict));

  if (!json) {
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", "the verdict", NULL);
    return;
  }
  pthread_mutex_lock(&judging->lock);
  bool is_new = !finding->json || strcmp(finding->run_id, judging->bench.run->id) != 0 ||
                !mst_digest_equal(&digest, &judging->shown_digest) || finding->verdict != mst_verdict_get(verdict) ||
                finding->so_far != mst_verdict_so_far(verdict) || finding->is_final != mst_verdict_is_final(verdict);
  mst_free(finding->json);
  finding->json = json;
  memcpy(finding->run_id, judging->bench.run->id, sizeof finding->run_id);
  finding->verdict = mst_verdict_get(verdict);
  finding->so_far = mst_verdict_so_far(verdict);
  finding->is_final = mst_verdict_is_final(verdict);
  memset(finding->counts, 0, sizeof finding->counts);
  for (size_t i = 0; i < mst_verdict_item_count(verdict); i++)
    finding->counts[mst_verdict_item_at(verdict, i)->outcome]++;
  if (is_new) {
    finding->version++;
    pthread_cond_broadcast(&judging->changed);
  }
  pthread_mutex_unlock(&judging->lock);
  judging->shown_digest = digest;
}

/* ---- the final verdict goes to the keeper ---- */

typedef struct decision {
  char run_id[MST_RUN_ID_BYTES];
  const char *verdict; /* static */
  char *json;
  mst_digest digest;
} decision;

static mst_err
keep_decision(mst_core *core, void *arg, mst_errctx *ctx)
{
  decision *made = arg;
  mst_err err = mst_run_decide(core, made->run_id, made->verdict, made->json, &made->digest, ctx);

  mst_free(made->json);
  mst_free(made);
  return err;
}

static void
hand_over(mst_judging *judging, const mst_verdict *verdict)
{
  decision *made = mst_alloc(1, sizeof *made);
  mst_errctx ctx = {0};

  if (made)
    made->json = mst_strdup(mst_verdict_json(verdict));
  if (!made || !made->json) {
    mst_free(made);
    return; /* tried again with the next evaluation */
  }
  memcpy(made->run_id, judging->bench.run->id, sizeof made->run_id);
  made->verdict = mst_verdict_name(mst_verdict_get(verdict));
  made->digest = mst_verdict_digest(verdict);
  if (mst_keeper_post(judging->core->keeper, keep_decision, made, &ctx) != MST_OK) {
    mst_free(made->json);
    mst_free(made);
  }
}

/* ---- evaluation ---- */

/* The point of time to judge: before the freeze is complete, nothing after it is looked at. */
static mst_wall
time_to_judge(const mst_bench *bench, mst_wall now)
{
  mst_wall last = {bench->run->end.ns + mst_checklist_freeze_ns(bench->run->checklist) - 1};

  return bench->is_frozen || bench->is_ended || now.ns < last.ns ? now : last;
}

static bool
is_due(const mst_judging *judging, mst_wall now)
{
  const mst_bench *bench = &judging->bench;
  int64_t since_ns = now.ns - judging->evaluated_at.ns;
  int64_t pause_ns = 4 * judging->evaluation_ns > pause_least_ns ? 4 * judging->evaluation_ns : pause_least_ns;

  if (!bench->judge || bench->is_broken)
    return false;
  if (judging->evaluated_at.ns == 0)
    return true;
  if (mst_clock_mono(mst_clock_system()).ns - judging->evaluated_mono.ns < pause_ns)
    return false;
  /* Windows that are due but not closed yet would look like missing ones. */
  if (atomic_load(&judging->core->first_due_ns) <= now.ns && since_ns >= 0 && since_ns < patience_ns)
    return false;
  return judging->is_dirty || since_ns < 0 || since_ns >= atomic_load(&judging->core->evaluate_every_ns);
}

static void
evaluate(mst_judging *judging, mst_wall now)
{
  mst_core *core = judging->core;
  const mst_mono begun = mst_clock_mono(mst_clock_system());
  mst_verdict *verdict = NULL;
  mst_errctx ctx = {0};

  mst_bench_reload(&judging->bench);
  mst_bench_refresh(&judging->bench);
  pthread_rwlock_rdlock(&core->state.series_lock);
  mst_err err = mst_judge_evaluate(judging->bench.judge, time_to_judge(&judging->bench, now), &verdict, &ctx);
  pthread_rwlock_unlock(&core->state.series_lock);
  judging->evaluated_at = now;
  judging->evaluated_mono = mst_clock_mono(mst_clock_system());
  judging->evaluation_ns = judging->evaluated_mono.ns - begun.ns;
  judging->is_dirty = false;
  atomic_store(&core->counters.evaluate_ns, (uint64_t)judging->evaluation_ns);
  atomic_fetch_add(&core->counters.evaluations, 1);
  if (err != MST_OK) {
    mst_log(MST_LOG_ERROR, "evaluation-failed", "reason", ctx.text, NULL);
    return;
  }
  show(judging, verdict);
  if (mst_verdict_is_final(verdict) || judging->bench.is_ended)
    hand_over(judging, verdict);
  mst_verdict_destroy(verdict);
}

/* ---- the thread ---- */

static void
take_notes(mst_judging *judging, mst_note *notes)
{
  while (notes) {
    mst_note *note = notes;
    notes = note->next;
    if (note->kind == MST_NOTE_WINDOW) {
      pthread_mutex_lock(&judging->lock);
      judging->window_count--;
      pthread_mutex_unlock(&judging->lock);
    }
    if (note->kind == MST_NOTE_BEGIN)
      judging->evaluated_at = (mst_wall){0};
    judging->is_dirty = true;
    mst_bench_take(&judging->bench, note);
  }
}

static void *
run(void *arg)
{
  mst_judging *judging = arg;
  bool is_stopping = false;

  while (!is_stopping) {
    const mst_mono tick = {mst_clock_mono(mst_clock_system()).ns + tick_ns};
    pthread_mutex_lock(&judging->lock);
    while (!judging->first && !judging->is_stopping)
      if (!mst_wait_until(&judging->wake, &judging->lock, judging->bench.judge ? &tick : NULL))
        break;
    mst_note *notes = judging->first;
    judging->first = judging->last = NULL;
    is_stopping = judging->is_stopping;
    pthread_mutex_unlock(&judging->lock);
    take_notes(judging, notes);
    const mst_wall now = mst_core_now(judging->core);
    if (!is_stopping && is_due(judging, now))
      evaluate(judging, now);
  }
  return NULL;
}

mst_err
mst_judging_create(mst_core *core, mst_judging **ret_judging, mst_errctx *ctx)
{
  mst_judging *judging = mst_alloc(1, sizeof *judging);

  if (!judging)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for judging");
  judging->core = judging->bench.core = core;
  pthread_mutex_init(&judging->lock, NULL);
  mst_wait_init(&judging->wake);
  mst_wait_init(&judging->changed);
  *ret_judging = judging;
  return MST_OK;
}

mst_err
mst_judging_start(mst_judging *judging, mst_errctx *ctx)
{
  if (pthread_create(&judging->thread, NULL, run, judging) != 0)
    return mst_fail(ctx, MST_EIO, "start the thread that judges");
  judging->is_started = true;
  return MST_OK;
}

void
mst_judging_stop(mst_judging *judging)
{
  if (!judging || !judging->is_started)
    return;
  pthread_mutex_lock(&judging->lock);
  judging->is_stopping = true;
  pthread_cond_broadcast(&judging->wake);
  pthread_cond_broadcast(&judging->changed);
  pthread_mutex_unlock(&judging->lock);
  pthread_join(judging->thread, NULL);
  judging->is_started = false;
}

void
mst_judging_destroy(mst_judging *judging)
{
  if (!judging)
    return;
  mst_judging_stop(judging);
  while (judging->first) {
    mst_note *note = judging->first;
    judging->first = note->next;
    mst_note_destroy(note);
  }
  mst_bench_done(&judging->bench);
  mst_free(judging->finding.json);
  pthread_cond_destroy(&judging->wake);
  pthread_cond_destroy(&judging->changed);
  pthread_mutex_destroy(&judging->lock);
  mst_free(judging);
}

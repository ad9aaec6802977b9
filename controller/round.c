/* What the keeper does by the clock. */
#include "round.h"

#include <mst/common/log.h>

#include "judging.h"
#include "rotation.h"
#include "runs.h"

enum { PRUNE_WINDOWS = 500 };

static const int64_t prune_every_ns = 10 * MST_NS_PER_S;

static void
say(const char *event, mst_err err, const mst_errctx *ctx)
{
  if (err != MST_OK)
    mst_log(MST_LOG_ERROR, event, "reason", ctx->text, NULL);
}

/* Closes windows; once the run's inputs are all in, freezes it. */
static bool
close_windows(mst_core *core, mst_wall now)
{
  mst_errctx ctx = {0};
  bool more = false;
  mst_run *run = core->run;
  bool is_freezing = run && !run->is_frozen && !run->is_ended && now.ns >= run->freeze_at.ns;

  /* What came before the freeze counts, though its window may not be due yet. */
  if (is_freezing)
    mst_open_windows_hasten(&core->windows, run->start, run->end, now);
  say("windows-not-closed", mst_seal_some(core, now, &more, &ctx), &ctx);
  const mst_open_window *first = mst_open_windows_first(&core->windows);
  atomic_store(&core->first_due_ns, first ? first->due.ns : INT64_MAX);
  atomic_store(&core->counters.open_windows, core->windows.index.used);
  if (is_freezing && !mst_open_windows_any(&core->windows, run->start, run->end))
    say("run-not-frozen", mst_run_freeze(core, &ctx), &ctx);
  return more && mst_judging_room(core) > 0;
}

/* Old windows go, a few at a time; those of the run that is on stay. */
static bool
prune(mst_core *core, mst_wall now)
{
  mst_wall before = {now.ns - core->config->retention_ns};
  uint32_t deleted = 0;
  mst_errctx ctx = {0};

  if (now.ns - core->pruned_at.ns < prune_every_ns && now.ns >= core->pruned_at.ns)
    return false;
  core->pruned_at = now;
  if (core->run && core->run->start.ns < before.ns)
    before = core->run->start;
  mst_err err = mst_core_begin(core, &ctx);
  if (err == MST_OK)
    err = mst_core_end(core, core->ops->window_prune(core->store, before, PRUNE_WINDOWS, &deleted, &ctx), &ctx);
  say("old-windows-not-deleted", err, &ctx);
  if (deleted < PRUNE_WINDOWS)
    return false;
  core->pruned_at = (mst_wall){0}; /* there are more */
  return true;
}

bool
mst_round(mst_core *core)
{
  const mst_wall now = mst_core_now(core);
  mst_errctx ctx = {0};

  if (atomic_load(&core->is_store_failing) && mst_clock_mono(mst_clock_system()).ns - core->store_failed_at.ns < MST_STORE_PAUSE_NS)
    return false;
  bool more = close_windows(core, now);
  more = prune(core, now) || more;
  say("key-not-changed", mst_rotation_step(core, now, &ctx), &ctx);
  return more;
}

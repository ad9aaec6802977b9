/* Transactions of the keeper, and what is known of the store's health. */
#include <mst/common/log.h>

#include "core_parts.h"

static void
note_failure(mst_core *core, mst_err err, const mst_errctx *ctx)
{
  bool is_full = err == MST_ELIMIT;
  bool was_full = atomic_exchange(&core->is_disk_full, is_full), was_failing = atomic_exchange(&core->is_store_failing, true);

  core->store_failed_at = mst_clock_mono(mst_clock_system());
  atomic_fetch_add(&core->counters.store_errors, 1);
  if (!was_failing || was_full != is_full)
    mst_log(MST_LOG_ERROR, is_full ? "disk-full" : "store-failed", "reason", ctx ? ctx->text : "", "meaning",
            "agents keep their reports until this is mended", NULL);
}

static void
note_success(mst_core *core)
{
  core->store_failed_at = (mst_mono){0};
  if (atomic_exchange(&core->is_store_failing, false))
    mst_log(MST_LOG_INFO, "store-works-again", NULL);
  atomic_store(&core->is_disk_full, false);
}

mst_err
mst_core_begin(mst_core *core, mst_errctx *ctx)
{
  /* Asking a full disk for every batch anew would only make it busier. */
  if (core->store_failed_at.ns != 0 && mst_clock_mono(mst_clock_system()).ns - core->store_failed_at.ns < MST_STORE_PAUSE_NS) {
    bool is_full = atomic_load(&core->is_disk_full);
    return mst_fail(ctx, is_full ? MST_ELIMIT : MST_EIO, "the store failed a moment ago%s", is_full ? ": the disk is full" : "");
  }
  mst_err err = core->ops->begin(core->store, ctx);
  if (err != MST_OK)
    note_failure(core, err, ctx);
  return err;
}

mst_err
mst_core_end(mst_core *core, mst_err err, mst_errctx *ctx)
{
  if (err == MST_OK) {
    err = core->ops->commit(core->store, ctx);
    if (err == MST_OK)
      note_success(core);
    else
      note_failure(core, err, ctx);
    return err;
  }
  core->ops->rollback(core->store);
  if (err == MST_EIO || err == MST_ELIMIT)
    note_failure(core, err, ctx);
  return err;
}

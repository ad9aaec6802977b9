/* The controller: made, started, stopped. */
#include <string.h>
#include <sys/stat.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>
#include <mst/common/log.h>

#include "audit.h"
#include "core_parts.h"
#include "ingest/ingest.h"
#include "judging.h"
#include "keeper.h"
#include "rotation.h"
#include "rules.h"
#include "runs.h"

enum { PATH_BYTES = 4096 };

static mst_err
open_store(mst_core *core, mst_errctx *ctx)
{
  const mst_controller_config *config = core->config;
  char path[PATH_BYTES];

  int length = config->store.file ? snprintf(path, sizeof path, "%s", config->store.file)
                                  : snprintf(path, sizeof path, "%s/muster.db", config->state_dir);
  if (length < 0 || length >= PATH_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "the path of the store is too long");
  core->store_location = mst_strdup(path);
  if (!core->store_location)
    return mst_fail(ctx, MST_ENOMEM, "out of memory");
  core->ops = mst_store_find(config->store.backend);
  if (!core->ops)
    return mst_fail(ctx, MST_ECONFIG, "there is no store \"%s\"", config->store.backend);
  return core->ops->open(path, false, &core->store, ctx);
}

static mst_err
load_plan(mst_core *core, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  char line[256];
  mst_diags diags;

  if (!core->config->plan)
    return MST_OK;
  mst_diags_init(&diags);
  core->plans = mst_plan_set_load(core->config->plan, core->config->plan_overlay, &diags);
  if (!core->plans)
    err = mst_fail(ctx, MST_ECONFIG, "the plan has errors: %s; `musterd --check` shows all",
                   diags.count > 0 ? mst_diag_format(&diags.list[0], line, sizeof line) : "");
  mst_diags_done(&diags);
  return err;
}

static mst_err
set_up(mst_core *core, mst_errctx *ctx)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES];
  bool made_key = false;

  mst_err err = mst_file_mkdirs(core->config->state_dir, 0700, ctx);
  if (err == MST_OK)
    err = open_store(core, ctx);
  if (err == MST_OK)
    err = mst_keys_open(core->config->state_dir, &core->keys, &made_key, ctx);
  if (err != MST_OK)
    return err;
  if (made_key)
    mst_log(MST_LOG_INFO, "controller-key-made", "key", mst_public_key_format(mst_key_public(core->keys.current), text), NULL);
  err = load_plan(core, ctx);
  if (err == MST_OK)
    err = mst_keeper_create(core, &core->keeper, ctx);
  if (err == MST_OK)
    err = mst_judging_create(core, &core->judging, ctx);
  if (err == MST_OK)
    err = mst_core_load(core, ctx);
  if (err == MST_OK)
    err = mst_rotation_look(core, ctx);
  if (err == MST_OK)
    err = mst_rules_note(core, ctx);
  return err == MST_OK ? mst_run_check_rules(core, ctx) : err;
}

mst_err
mst_core_create(const mst_controller_config *config, const mst_clock *clock, mst_core **ret_core, mst_errctx *ctx)
{
  mst_core *core = mst_alloc(1, sizeof *core);

  if (!core)
    return mst_fail(ctx, MST_ENOMEM, "out of memory");
  core->config = config;
  core->clock = clock;
  core->window_ns = config->window_ns;
  core->grace_ns = config->grace_ns;
  core->started_at = mst_core_now(core);
  atomic_store(&core->evaluate_every_ns, config->evaluate_every_ns);
  atomic_store(&core->first_due_ns, INT64_MAX);
  mst_open_windows_init(&core->windows);
  mst_err err = mst_crypto_start(ctx);
  if (err == MST_OK)
    err = mst_state_init(&core->state, ctx);
  if (err == MST_OK)
    err = set_up(core, ctx);
  if (err != MST_OK) {
    mst_core_destroy(core);
    return err;
  }
  *ret_core = core;
  return MST_OK;
}

mst_err
mst_core_start(mst_core *core, mst_errctx *ctx)
{
  mst_err err = mst_keeper_start(core->keeper, ctx);

  if (err == MST_OK)
    err = mst_judging_start(core->judging, ctx);
  if (err == MST_OK)
    err = mst_ingest_start(core, &core->ingest, ctx);
  if (err != MST_OK)
    mst_core_stop(core);
  return err;
}

void
mst_core_stop(mst_core *core)
{
  if (!core || atomic_exchange(&core->is_stopping, true))
    return;
  mst_ingest *ingest = core->ingest;
  core->ingest = NULL;
  mst_ingest_stop(ingest); /* the keeper answers what was received */
  mst_keeper_stop(core->keeper);
  mst_judging_stop(core->judging);
}

void
mst_core_destroy(mst_core *core)
{
  if (!core)
    return;
  mst_core_stop(core);
  mst_judging_destroy(core->judging);
  mst_keeper_destroy(core->keeper);
  mst_run_unref(core->run);
  mst_open_windows_done(&core->windows);
  mst_plan_set_destroy(core->plans);
  mst_state_done(&core->state);
  mst_keys_done(&core->keys);
  if (core->store)
    core->ops->close(core->store);
  mst_free(core->store_location);
  mst_free(core);
}

mst_err
mst_core_listener_url(const mst_core *core, uint32_t i, char *ret_url, size_t size_bytes, mst_errctx *ctx)
{
  return mst_ingest_url(core->ingest, i, ret_url, size_bytes, ctx);
}

mst_err
mst_core_ready(mst_core *core, mst_errctx *ctx)
{
  if (atomic_load(&core->is_stopping))
    return mst_fail(ctx, MST_ESTATE, "stopping");
  if (atomic_load(&core->is_disk_full))
    return mst_fail(ctx, MST_ELIMIT, "the disk is full: agents keep their reports until there is room in %s", core->store_location);
  if (atomic_load(&core->is_store_failing))
    return mst_fail(ctx, MST_EIO, "the store fails; the log says why");
  return MST_OK;
}

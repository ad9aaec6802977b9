/* Checklists and plan: noted in the audit chain when they change, taken anew on SIGHUP. */
#include "rules.h"

#include <string.h>

#include <mst/common/log.h>

#include "audit.h"
#include "keeper.h"
#include "rotation.h"
#include "runs.h"
#include "statements/agent_change.h"

enum { KEY_BYTES = 160 };

/* Writes a record when the digest is not the one that was noted last. */
static mst_err
note_one(mst_core *core, const char *kind, const char *name, const mst_digest *digest, mst_errctx *ctx)
{
  char key[KEY_BYTES], hex[MST_DIGEST_HEX_BYTES], body[128];
  mst_buf value;

  snprintf(key, sizeof key, "rules:%s:%s", kind, name);
  mst_buf_init(&value, MST_DIGEST_BYTES);
  mst_err err = core->ops->meta_get(core->store, key, &value, ctx);
  bool is_same = err == MST_OK && value.size_bytes == MST_DIGEST_BYTES && memcmp(value.data, digest->bytes, MST_DIGEST_BYTES) == 0;
  mst_buf_done(&value);
  if (is_same || (err != MST_OK && err != MST_EABSENT))
    return is_same ? MST_OK : err;
  snprintf(body, sizeof body, "{\"digest\":\"%s\"}", mst_digest_hex(digest, hex));
  err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  err = core->ops->meta_put(core->store, key, (mst_bytes){digest->bytes, MST_DIGEST_BYTES}, ctx);
  if (err == MST_OK)
    err = mst_audit_append(core, kind, name, body, strlen(body), ctx);
  err = mst_core_end(core, err, ctx);
  if (err == MST_OK)
    mst_log(MST_LOG_INFO, "rules-noted", "kind", kind, "name", name, "digest", hex, NULL);
  return err;
}

mst_err
mst_rules_note(mst_core *core, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (core->plans) {
    mst_digest digest = mst_plan_set_digest(core->plans);
    err = note_one(core, "plan", mst_plan_set_name(core->plans), &digest, ctx);
  }
  for (size_t i = 0; err == MST_OK && i < core->config->checklists.count; i++) {
    const mst_controller_checklist *entry = (const mst_controller_checklist *)core->config->checklists.items + i;
    mst_diags diags;
    mst_diags_init(&diags);
    mst_checklist *checklist = mst_checklist_load(entry->file, entry->overlay, &diags);
    if (checklist) {
      mst_digest digest = mst_checklist_digest(checklist);
      err = note_one(core, "checklist", entry->name, &digest, ctx);
    } else {
      char line[256];
      mst_log(MST_LOG_ERROR, "checklist-has-errors", "name", entry->name, "first",
              diags.count > 0 ? mst_diag_format(&diags.list[0], line, sizeof line) : "", "remedy", "musterd --check shows all", NULL);
    }
    mst_checklist_destroy(checklist);
    mst_diags_done(&diags);
  }
  return err;
}

/* ---- SIGHUP ---- */

struct reloading {
  const mst_controller_config *config;
  mst_plan_set *plans;
};

static void
say_what_stays(const mst_controller_config *old, const mst_controller_config *fresh)
{
  bool differs = old->window_ns != fresh->window_ns || old->grace_ns != fresh->grace_ns || old->contexts != fresh->contexts ||
                 strcmp(old->state_dir, fresh->state_dir) != 0 || old->listen.count != fresh->listen.count;

  for (size_t i = 0; !differs && i < old->listen.count; i++)
    differs = strcmp(old->listen.items[i], fresh->listen.items[i]) != 0;
  if (differs)
    mst_log(MST_LOG_WARN, "restart-needed", "for", "state_dir, listen, window, grace and contexts count from the next start", NULL);
}

static mst_err
take_config(mst_core *core, void *arg, mst_errctx *ctx)
{
  struct reloading *reloading = arg;
  mst_plan_set *old = core->plans;

  say_what_stays(core->config, reloading->config);
  core->config = reloading->config;
  atomic_store(&core->evaluate_every_ns, core->config->evaluate_every_ns);
  pthread_rwlock_wrlock(&core->state.lock);
  core->plans = reloading->plans;
  reloading->plans = NULL;
  for (uint32_t i = 0; i < core->state.agent_slots; i++)
    if (core->state.agents[i])
      mst_agent_take_plan(core, core->state.agents[i]);
  pthread_rwlock_unlock(&core->state.lock);
  mst_plan_set_destroy(old);
  mst_err err = mst_rotation_look(core, ctx);
  if (err == MST_OK)
    err = mst_rules_note(core, ctx);
  return err == MST_OK ? mst_run_check_rules(core, ctx) : err;
}

mst_err
mst_core_reload(mst_core *core, const mst_controller_config *config, mst_errctx *ctx)
{
  struct reloading reloading = {.config = config};
  char line[256];
  mst_diags diags;

  if (config->plan) {
    mst_diags_init(&diags);
    reloading.plans = mst_plan_set_load(config->plan, config->plan_overlay, &diags);
    mst_err err = reloading.plans ? MST_OK
                                  : mst_fail(ctx, MST_ECONFIG, "the plan has errors: %s",
                                             diags.count > 0 ? mst_diag_format(&diags.list[0], line, sizeof line) : "");
    mst_diags_done(&diags);
    if (err != MST_OK)
      return err;
  }
  mst_err err = mst_keeper_run(core->keeper, take_config, &reloading, ctx);
  mst_plan_set_destroy(reloading.plans);
  return err;
}

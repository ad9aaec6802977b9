/* run.start and run.end. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "judging.h"
#include "runs.h"
#include "statements/act.h"

enum { SHOWN_DIAGS = 3 };

static const char *const deployment_keys[] = {"commit", "deployed_by", "method", "backup", "deployment_date", NULL};

/* "r-20261123-0001": the day, and how many runs it had. */
static void
make_id(const mst_core *core, mst_wall now, char id[static MST_RUN_ID_BYTES])
{
  char time[MST_TIME_TEXT_BYTES], prefix[16];
  unsigned number = 1;

  mst_wall_format(now, time);
  snprintf(prefix, sizeof prefix, "r-%.4s%.2s%.2s-", time, time + 5, time + 8);
  for (uint32_t i = 0; i < core->state.run_count; i++)
    number += strncmp(core->state.runs[i].id, prefix, strlen(prefix)) == 0;
  snprintf(id, MST_RUN_ID_BYTES, "%s%04u", prefix, number);
}

static json_t *
deployment_json(const mst_act *act)
{
  json_t *object = json_object();

  for (const char *const *key = deployment_keys; object && *key; key++) {
    mst_text value = mst_statement_get(act->statement, *key);
    if (value.size_bytes > 0 && json_object_set_new(object, *key, json_stringn(value.data, value.size_bytes)) != 0) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

static json_t *
roster_json(const mst_core *core)
{
  json_t *roster = json_array();

  for (uint32_t i = 0; roster && i < core->state.agent_slots; i++) {
    const mst_agent_entry *agent = core->state.agents[i];
    char hex[MST_KEY_ID_HEX_BYTES];
    if (!agent || agent->state != MST_AGENT_APPROVED)
      continue;
    json_t *host = json_pack("{s:s,s:s,s:o}", "id", mst_key_id_hex(&agent->id, hex), "hostname", agent->hostname, "labels",
                             mst_labels_json(agent->labels));
    if (json_array_append_new(roster, host) != 0) {
      json_decref(roster);
      return NULL;
    }
  }
  return roster;
}

static json_t *
make_document(const mst_core *core, const mst_act *act, const mst_controller_checklist *entry, const mst_checklist *checklist)
{
  const mst_digest digest = mst_checklist_digest(checklist), plan = core->plans ? mst_plan_set_digest(core->plans) : (mst_digest){{0}};
  const int64_t now = act->received_at.ns, start = mst_core_window_start(core, act->received_at).ns + core->window_ns;
  char id[MST_RUN_ID_BYTES], key_id[MST_KEY_ID_HEX_BYTES];

  make_id(core, (mst_wall){now}, id);
  return json_pack(
      "{s:s,s:s,s:o,s:o,s:n,s:{s:s,s:s,s:o},s:{s:s,s:o},s:o,s:o,s:{s:s,s:s},s:s,s:s,s:I,s:I,s:n}", "id", id, "state", "running",
      "started_at", mst_wall_json((mst_wall){start}), "ends_at", mst_wall_json((mst_wall){start + mst_checklist_period_ns(checklist)}),
      "ended_at", "checklist", "name", entry->name, "title", mst_checklist_name(checklist), "digest", mst_digest_json(&digest), "plan",
      "name", core->plans ? mst_plan_set_name(core->plans) : "", "digest", mst_digest_json(&plan), "deployment", deployment_json(act),
      "roster", roster_json(core), "started_by", "name", act->by->name, "key_id", mst_key_id_hex(&act->by->id, key_id), "reason", "",
      "verdict", "PENDING", "window_ns", (json_int_t)core->window_ns, "grace_ns", (json_int_t)core->grace_ns, "frozen");
}

static const mst_controller_checklist *
find_checklist(const mst_core *core, const mst_act *act)
{
  const mst_text name = mst_statement_get(act->statement, "checklist");

  for (size_t i = 0; i < core->config->checklists.count; i++) {
    const mst_controller_checklist *entry = (const mst_controller_checklist *)core->config->checklists.items + i;
    if (mst_text_equal(name, entry->name))
      return entry;
  }
  return NULL;
}

static mst_err
fail_diags(mst_errctx *ctx, mst_err err, const char *what, const mst_diags *diags, const char *remedy)
{
  char text[MST_ERRCTX_TEXT_BYTES] = "", line[256];
  size_t used = 0;

  for (size_t i = 0; i < diags->count && i < SHOWN_DIAGS && used < sizeof text - 1; i++)
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s%.150s", i ? "; " : "", mst_diag_format(&diags->list[i], line, sizeof line));
  return mst_fail(ctx, err, "%s (%zu): %s%s", what, diags->count, text, remedy);
}

/* Selectors without hosts, hosts too few, periods that do not fit the windows: said at the start, not after two days. */
static mst_err
check_run(const mst_core *core, const mst_run *run, bool is_forced, mst_errctx *ctx)
{
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
  mst_judge *judge = NULL;
  mst_diags diags;

  mst_err err = mst_judge_create(&setup, &judge, ctx);
  mst_judge_destroy(judge);
  if (err != MST_OK || is_forced)
    return err;
  if (run->host_count == 0)
    return mst_fail(ctx, MST_ESTATE, "no agent is approved yet; `muster token new` and `muster-agent enrol` bring hosts in (or --force)");
  mst_diags_init(&diags);
  mst_checklist_check_roster(run->checklist, run->hosts, run->host_count, &diags);
  if (diags.count > 0)
    err = fail_diags(ctx, MST_ESTATE, "the checklist does not fit the hosts", &diags, "; label the hosts, or start with --force");
  mst_diags_done(&diags);
  return err;
}

static mst_err
load_checklist(const mst_controller_checklist *entry, mst_checklist **ret_checklist, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  mst_diags diags;

  mst_diags_init(&diags);
  *ret_checklist = mst_checklist_load(entry->file, entry->overlay, &diags);
  if (!*ret_checklist)
    err = fail_diags(ctx, MST_ECONFIG, "the checklist has errors", &diags, "; `muster lint` shows all");
  mst_diags_done(&diags);
  return err;
}

static mst_err
keep_run(mst_core *core, const mst_act *act, mst_run *run, mst_errctx *ctx)
{
  mst_err err = mst_core_begin(core, ctx);

  if (err != MST_OK)
    return err;
  err = mst_act_record(core, act, run->id, run->id, ctx);
  if (err == MST_OK)
    err = mst_run_store(core, run, ctx);
  return mst_core_end(core, err, ctx);
}

static mst_err
start(mst_core *core, const mst_act *act, const mst_controller_checklist *entry, bool is_forced, mst_errctx *ctx)
{
  mst_checklist *checklist = NULL;
  json_t *document = NULL;
  mst_run *run = NULL;

  mst_err err = load_checklist(entry, &checklist, ctx);
  if (err != MST_OK)
    return err;
  document = make_document(core, act, entry, checklist);
  err = document ? mst_run_create(document, checklist, &core->state, &run, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
  json_decref(document);
  if (err != MST_OK) {
    mst_checklist_destroy(checklist);
    return err;
  }
  err = check_run(core, run, is_forced, ctx);
  if (err == MST_OK)
    err = keep_run(core, act, run, ctx);
  if (err != MST_OK) {
    mst_run_unref(run);
    return err;
  }
  *act->ret_answer = json_pack("{s:b,s:s,s:O,s:O}", "ok", 1, "run", run->id, "started_at", json_object_get(run->document, "started_at"),
                               "ends_at", json_object_get(run->document, "ends_at"));
  mst_log(MST_LOG_INFO, "run-started", "run", run->id, "checklist", entry->name, NULL);
  mst_run_publish(core, run);
  pthread_rwlock_wrlock(&core->state.lock);
  core->run = run;
  pthread_rwlock_unlock(&core->state.lock);
  mst_judging_begin(core, run);
  return MST_OK;
}

mst_err
mst_act_run_start(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"checklist", "commit", "deployed_by", "method", "backup", "deployment_date", "force", NULL};
  const mst_controller_checklist *entry = find_checklist(core, act);
  const mst_text name = mst_statement_get(act->statement, "checklist");

  mst_err err = mst_act_only(act, keys, ctx);
  if (err != MST_OK)
    return err;
  if (core->run)
    return mst_fail(ctx, MST_ESTATE,
                    core->run->is_ended ? "run %s is just being closed; try again" : "run %s is on; end it first (`muster run end`)",
                    core->run->id);
  if (!entry)
    return mst_fail(ctx, MST_EABSENT, "the controller has no checklist \"%.*s\"; its config lists them", (int)name.size_bytes,
                    name.data ? name.data : "");
  return start(core, act, entry, mst_text_equal(mst_statement_get(act->statement, "force"), "true"), ctx);
}

mst_err
mst_act_run_end(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"reason", NULL};
  char id[MST_RUN_ID_BYTES], *reason = NULL;

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK && (!core->run || !mst_text_equal(act->statement->subject, core->run->id)))
    err = mst_fail(ctx, MST_ESTATE, "the run %.*s is not on; `muster run list` shows the runs", (int)act->statement->subject.size_bytes,
                   act->statement->subject.data ? act->statement->subject.data : "");
  if (err == MST_OK && core->run->is_ended)
    err = mst_fail(ctx, MST_ESTATE, "the run was ended already");
  if (err == MST_OK)
    err = mst_act_need(act, "reason", &reason, ctx);
  if (err != MST_OK)
    return err;
  memcpy(id, core->run->id, sizeof id);
  err = mst_run_end(core, reason, act, ctx);
  if (err == MST_OK)
    *act->ret_answer = json_pack("{s:b,s:s}", "ok", 1, "run", id);
  mst_free(reason);
  return err;
}

/* Restoring everything from the store: after a restart the controller knows what it knew. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "ingest/batch.h"
#include "ingest/blob.h"
#include "judging.h"
#include "runs.h"
#include "statements/act.h"
#include "statements/agent_change.h"

struct loading {
  mst_core *core;
  mst_err err;
  mst_errctx *ctx;
  uint32_t count;
};

static bool
take_agent(void *user, const void *data)
{
  const mst_store_agent *record = data;
  struct loading *loading = user;
  mst_agent_entry *entry = mst_alloc(1, sizeof *entry);

  if (entry) {
    entry->number = record->number;
    entry->state = record->state;
    entry->key = record->key;
    entry->id = mst_key_id_of(&record->key);
    entry->hostname = mst_strdup(record->hostname);
    entry->labels = mst_strdup(record->labels);
    memcpy(entry->token_id, record->token_id, sizeof entry->token_id);
    entry->enrolled_at = record->enrolled_at;
    entry->changed_at = record->changed_at;
  }
  if (!entry || !entry->hostname || !entry->labels)
    loading->err = mst_fail(loading->ctx, MST_ENOMEM, "out of memory for the agents");
  else if (record->number == 0 || record->number > 64 * MST_STATE_MAX_AGENTS)
    loading->err = mst_fail(loading->ctx, MST_ECORRUPT, "the store has an agent of number %u", record->number);
  else
    loading->err = mst_state_agent_add(&loading->core->state, entry, loading->ctx);
  if (loading->err != MST_OK)
    mst_agent_entry_destroy(entry);
  return loading->err == MST_OK;
}

static bool
take_token(void *user, const void *data)
{
  struct loading *loading = user;

  loading->err = mst_state_token_put(&loading->core->state, data, loading->ctx);
  return loading->err == MST_OK;
}

static bool
take_operator(void *user, const void *data)
{
  struct loading *loading = user;

  loading->err = mst_state_operator_put(&loading->core->state, data, loading->ctx);
  return loading->err == MST_OK;
}

static bool
take_run(void *user, const void *data)
{
  struct loading *loading = user;

  loading->err = mst_state_run_put(&loading->core->state, data, loading->ctx);
  return loading->err == MST_OK;
}

static bool
take_series(void *user, const void *data)
{
  const mst_store_series *record = data;
  struct loading *loading = user;
  mst_state *state = &loading->core->state;
  mst_series series;
  uint32_t number = 0;
  bool is_new = false;

  loading->err = mst_series_decode(record->series, &series, loading->ctx);
  if (loading->err == MST_OK)
    loading->err = mst_series_table_intern(state->series, &series, &number, &is_new, loading->ctx);
  if (loading->err == MST_OK && (!is_new || number != record->number))
    loading->err = mst_fail(loading->ctx, MST_ECORRUPT,
                            "the store's series are not numbered from 0 without gaps: %u stands where %u is due", record->number, number);
  return loading->err == MST_OK;
}

static bool
take_session(void *user, const void *data)
{
  const mst_store_session *record = data;
  struct loading *loading = user;
  mst_state *state = &loading->core->state;
  mst_session_entry *entry = NULL;

  if (record->number == 0 || record->agent >= state->agent_slots || !state->agents[record->agent]) {
    loading->err =
        mst_fail(loading->ctx, MST_ECORRUPT, "the store has session %u of agent %u, which is not there", record->number, record->agent);
    return false;
  }
  loading->err = mst_session_entry_create(record->agent, &record->session, record->first_seen_at, &entry, loading->ctx);
  if (loading->err == MST_OK) {
    entry->number = record->number;
    loading->err = mst_session_decode(state, record, &entry->data, loading->ctx);
  }
  if (loading->err == MST_OK)
    loading->err = mst_state_session_add(state, entry, loading->ctx);
  if (loading->err != MST_OK)
    mst_session_entry_destroy(state, entry);
  return loading->err == MST_OK;
}

/* A record of the journal is taken, though the session's own record may not say so yet. */
static mst_err
take_sequence(mst_session_data *data, uint64_t sequence, uint32_t samples, mst_errctx *ctx)
{
  if (mst_ranges_has(&data->taken, sequence))
    return MST_OK;
  mst_err err = mst_ranges_add(&data->taken, sequence, sequence, ctx);
  if (err == MST_OK)
    err = mst_ranges_remove(&data->lost, sequence, sequence, ctx);
  data->stored_reports++;
  data->stored_samples += samples;
  return err;
}

static bool
take_journal(void *user, const void *data)
{
  const mst_store_journal *record = data;
  struct loading *loading = user;
  mst_core *core = loading->core;
  mst_session_entry *session = record->session < core->state.session_slots ? core->state.sessions[record->session] : NULL;
  mst_open_report open = {.id = record->id, .session = session, .sequence = record->sequence};
  uint64_t charge_bytes = 0;
  mst_open_base base;
  mst_report report;

  if (!session || session->agent != record->agent) {
    loading->err = mst_fail(loading->ctx, MST_ECORRUPT, "the journal names session %u, which is not there", record->session);
    return false;
  }
  const mst_series_map *map = session->data.map;
  loading->err = mst_report_decode(record->body, &report, loading->ctx);
  if (loading->err == MST_OK)
    loading->err =
        mst_window_check(&report, map ? map->numbers : NULL, map ? map->count : 0, core->state.series, &charge_bytes, loading->ctx);
  if (loading->err == MST_OK)
    loading->err = take_sequence(&session->data, record->sequence, report.header.sample_count, loading->ctx);
  if (loading->err != MST_OK)
    return false;
  open.charge_bytes = (uint32_t)charge_bytes;
  memcpy(open.digest, record->digest.bytes, sizeof open.digest);
  bool is_held = core->run && mst_run_holds(core->run, record->agent, record->window, record->received_at);
  mst_wall due = {record->window.ns + core->window_ns + core->grace_ns};
  loading->err = mst_open_base_load(core, record->agent, record->window, &base, loading->ctx);
  if (loading->err == MST_OK)
    loading->err = mst_open_windows_add(&core->windows, record->agent, record->window, is_held, due, &base, &open, loading->ctx);
  loading->count++;
  return loading->err == MST_OK;
}

/* ---- the run ---- */

static bool
take_statement(void *user, const void *data)
{
  static const char *const kinds[] = {"sign-off", "attest", "waive", "na", "intervention"};
  const mst_store_statement *record = data;
  struct loading *loading = user;
  mst_core *core = loading->core;
  bool is_input = false;

  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    is_input = is_input || strcmp(record->kind, kinds[i]) == 0;
  mst_statement *statement = is_input ? mst_alloc(1, sizeof *statement) : NULL;
  if (is_input && !statement) {
    loading->err = mst_fail(loading->ctx, MST_ENOMEM, "out of memory for the statements");
    return false;
  }
  if (is_input && mst_statement_decode(record->bytes.data, record->bytes.size_bytes, statement, loading->ctx) == MST_OK) {
    const mst_operator_entry *by = mst_state_operator_find(&core->state, &statement->key_id);
    if (by)
      mst_act_tell_judge(core, core->run->id, statement, by, record->received_at);
  }
  mst_free(statement);
  return true;
}

static mst_err
tell_freeze(mst_core *core, const mst_run *run, mst_errctx *ctx)
{
  const json_t *frozen = json_object_get(run->document, "frozen");
  mst_host_state *states = mst_alloc(run->host_count ? run->host_count : 1, sizeof *states);
  const json_t *id;
  size_t index;

  if (!states)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
  for (uint32_t i = 0; i < run->host_count; i++) {
    json_array_foreach(json_object_get(frozen, "revoked"), index, id)
    {
      if (strcmp(json_string_value(id) ? json_string_value(id) : "", run->hosts[i].agent_id) == 0)
        states[i] = MST_HOST_REVOKED;
    }
    json_array_foreach(json_object_get(frozen, "relabelled"), index, id)
    {
      if (strcmp(json_string_value(id) ? json_string_value(id) : "", run->hosts[i].agent_id) == 0)
        states[i] = MST_HOST_RELABELLED;
    }
  }
  mst_judging_freeze(core, states, run->host_count);
  mst_free(states);
  return MST_OK;
}

static mst_err
tell_judge(mst_core *core, mst_errctx *ctx)
{
  struct loading loading = {.core = core, .ctx = ctx};
  const mst_run *run = core->run;
  mst_wall ended_at = {0};

  mst_judging_begin(core, core->run);
  mst_err err = core->ops->statement_each(core->store, run->id, take_statement, &loading, ctx);
  if (err == MST_OK)
    err = loading.err;
  if (err == MST_OK && run->is_frozen)
    err = tell_freeze(core, run, ctx);
  if (err == MST_OK && run->is_ended) {
    err = mst_wall_parse(mst_run_json_text(run->document, "ended_at"), &ended_at, ctx);
    if (err == MST_OK)
      mst_judging_end(core, ended_at);
  }
  return err;
}

/* The checklist as the run was started with; NULL when the config or the file is another by now. */
static mst_checklist *
find_checklist(const mst_core *core, const json_t *document)
{
  const json_t *wanted = json_object_get(document, "checklist");
  mst_checklist *found = NULL;
  char hex[MST_DIGEST_HEX_BYTES];

  for (size_t i = 0; !found && i < core->config->checklists.count; i++) {
    const mst_controller_checklist *entry = (const mst_controller_checklist *)core->config->checklists.items + i;
    mst_diags diags;
    if (strcmp(entry->name, mst_run_json_text(wanted, "name")) != 0)
      continue;
    mst_diags_init(&diags);
    found = mst_checklist_load(entry->file, entry->overlay, &diags);
    mst_diags_done(&diags);
    mst_digest digest = found ? mst_checklist_digest(found) : (mst_digest){{0}};
    if (found && strcmp(mst_digest_hex(&digest, hex), mst_run_json_text(wanted, "digest")) != 0) {
      mst_checklist_destroy(found);
      found = NULL;
    }
  }
  return found;
}

/* The run was on, but what it was started with is gone: it ends without a verdict. */
static mst_err
close_orphan(mst_core *core, json_t *document, mst_errctx *ctx)
{
  static const char reason[] = "its checklist was changed while the controller was down";
  mst_run orphan = {.document = document};

  snprintf(orphan.id, sizeof orphan.id, "%s", mst_run_json_text(document, "id"));
  mst_err err = mst_wall_parse(mst_run_json_text(document, "started_at"), &orphan.start, ctx);
  if (err == MST_OK && (json_object_set_new(document, "state", json_string("ended")) != 0 ||
                        json_object_set_new(document, "reason", json_string(reason)) != 0 ||
                        json_object_set_new(document, "ended_at", mst_wall_json(mst_core_now(core))) != 0 ||
                        json_object_set_new(document, "result", json_string("")) != 0))
    err = mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
  if (err == MST_OK)
    err = mst_run_close_orphan(core, &orphan, reason, ctx);
  return err;
}

static mst_err
restore_run(mst_core *core, mst_errctx *ctx)
{
  const mst_run_entry *last = core->state.run_count > 0 ? &core->state.runs[core->state.run_count - 1] : NULL;
  json_t *document = last ? json_loads(last->document, 0, NULL) : NULL;
  mst_run *run = NULL;

  if (last && !document)
    return mst_fail(ctx, MST_ECORRUPT, "the document of run %s cannot be read", last->id);
  if (!document || json_is_string(json_object_get(document, "result"))) { /* there is none, or it is decided */
    json_decref(document);
    return MST_OK;
  }
  mst_checklist *checklist = find_checklist(core, document);
  if (!checklist) {
    mst_err err = close_orphan(core, document, ctx);
    json_decref(document);
    return err;
  }
  mst_err err = mst_run_create(document, checklist, &core->state, &run, ctx);
  json_decref(document);
  if (err != MST_OK) {
    mst_checklist_destroy(checklist);
    return err;
  }
  core->run = run;
  return MST_OK;
}

/* ---- all of it ---- */

/* The window's length is the database's: other windows would not fit those that are there. */
static mst_err
check_window(mst_core *core, mst_errctx *ctx)
{
  static const char key[] = "window-ns";
  char then[MST_TIME_TEXT_BYTES], now[MST_TIME_TEXT_BYTES];
  uint64_t ns = 0;
  mst_buf value;

  mst_buf_init(&value, 64);
  mst_err err = core->ops->meta_get(core->store, key, &value, ctx);
  mst_bytes bytes = {value.data, value.size_bytes};
  if (err == MST_OK && (!mst_blob_get(&bytes, 8, &ns) || (int64_t)ns != core->window_ns))
    err = mst_fail(ctx, MST_ECONFIG, "the database was begun with window: %s, the config says %s; keep the first, or begin a new database",
                   mst_duration_format((int64_t)ns, then), mst_duration_format(core->window_ns, now));
  if (err == MST_EABSENT) {
    mst_buf_reset(&value);
    mst_blob_put(&value, (uint64_t)core->window_ns, 8);
    err = mst_core_begin(core, ctx);
    if (err == MST_OK)
      err = mst_core_end(core, core->ops->meta_put(core->store, key, (mst_bytes){value.data, value.size_bytes}, ctx), ctx);
  }
  mst_buf_done(&value);
  return err;
}

mst_err
mst_core_load(mst_core *core, mst_errctx *ctx)
{
  const mst_store_ops *ops = core->ops;
  const struct {
    mst_err (*each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
    mst_store_visit visit;
  } parts[] = {{ops->agent_each, take_agent}, {ops->token_each, take_token},   {ops->operator_each, take_operator},
               {ops->run_each, take_run},     {ops->series_each, take_series}, {ops->session_each, take_session}};
  struct loading loading = {.core = core, .ctx = ctx};
  char count[24];

  mst_err err = check_window(core, ctx);
  for (size_t i = 0; err == MST_OK && i < sizeof parts / sizeof parts[0]; i++) {
    err = parts[i].each(core->store, parts[i].visit, &loading, ctx);
    err = err == MST_OK ? loading.err : err;
  }
  if (err == MST_OK)
    err = restore_run(core, ctx);
  if (err == MST_OK)
    err = ops->journal_each(core->store, take_journal, &loading, ctx);
  if (err == MST_OK)
    err = loading.err;
  mst_open_windows_commit(&core->windows);
  if (err != MST_OK)
    return mst_fail_within(ctx, err, "restore what was stored");
  core->state.series_stored = mst_series_table_count(core->state.series);
  for (uint32_t i = 0; i < core->state.agent_slots; i++)
    if (core->state.agents[i])
      mst_agent_take_plan(core, core->state.agents[i]);
  snprintf(count, sizeof count, "%u", core->state.agent_count);
  mst_log(MST_LOG_INFO, "store-loaded", "file", core->store_location, "agents", count, NULL);
  return core->run ? tell_judge(core, ctx) : MST_OK;
}

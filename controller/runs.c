/* The run that is on, and the documents of runs. */
#include "runs.h"

#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "labels.h"

const char *
mst_run_json_text(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));

  return text ? text : "";
}

json_t *
mst_labels_json(const char *labels)
{
  mst_label list[MST_LABELS_MAX];
  size_t count = mst_labels_split(labels, list);
  json_t *object = json_object();

  for (size_t i = 0; object && i < count; i++) {
    json_t *value = json_stringn(list[i].value.data, list[i].value.size_bytes);
    char key[MST_LABEL_KEY_BYTES];
    if (list[i].key.size_bytes >= sizeof key) {
      json_decref(value);
      continue;
    }
    memcpy(key, list[i].key.data, list[i].key.size_bytes);
    key[list[i].key.size_bytes] = '\0';
    if (json_object_set_new(object, key, value) != 0) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

json_t *
mst_wall_json(mst_wall at)
{
  char text[MST_TIME_TEXT_BYTES];

  return at.ns == 0 ? json_null() : json_string(mst_wall_format(at, text));
}

json_t *
mst_digest_json(const mst_digest *digest)
{
  char hex[MST_DIGEST_HEX_BYTES];

  return json_string(mst_digest_hex(digest, hex));
}

mst_run *
mst_run_ref(mst_run *run)
{
  atomic_fetch_add(&run->refs, 1);
  return run;
}

void
mst_run_unref(mst_run *run)
{
  if (!run || atomic_fetch_sub(&run->refs, 1) != 1)
    return;
  for (uint32_t i = 0; i < run->host_count; i++) {
    mst_free((void *)(uintptr_t)run->hosts[i].agent_id);
    mst_free((void *)(uintptr_t)run->hosts[i].hostname);
    mst_free((void *)(uintptr_t)run->hosts[i].labels);
    mst_free(run->labels[i]);
  }
  mst_free(run->hosts);
  mst_free(run->labels);
  mst_free(run->agents);
  mst_free(run->host_of_agent);
  mst_free(run->checklist_name);
  mst_checklist_destroy(run->checklist);
  json_decref(run->document);
  mst_free(run);
}

static mst_err
no_memory(mst_errctx *ctx)
{
  return mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
}

/* "role=api\nzone=a" of {"role": "api", "zone": "a"}; the object's keys come sorted. */
static char *
labels_of(const json_t *object)
{
  mst_buf text, sorted;
  mst_errctx ctx = {0};
  void *at = json_object_iter((json_t *)(uintptr_t)object);

  mst_buf_init(&text, MST_LABELS_TEXT_BYTES * 2);
  mst_buf_init(&sorted, MST_LABELS_TEXT_BYTES * 2);
  for (; at; at = json_object_iter_next((json_t *)(uintptr_t)object, at))
    mst_buf_printf(&text, "%s%s=%s", text.size_bytes ? "\n" : "", json_object_iter_key(at), json_string_value(json_object_iter_value(at)));
  char *labels = NULL;
  if (text.failed == MST_OK && mst_labels_parse(mst_buf_text(&text), text.size_bytes, &sorted, &ctx) == MST_OK)
    labels = mst_strdup(mst_buf_text(&sorted));
  mst_buf_done(&text);
  mst_buf_done(&sorted);
  return labels;
}

static mst_err
add_host(mst_run *run, const json_t *entry, const mst_state *state, mst_errctx *ctx)
{
  const uint32_t i = run->host_count;
  mst_roster_host *host = &run->hosts[i];
  mst_key_id id;

  run->host_count++;
  host->agent_id = mst_strdup(mst_run_json_text(entry, "id"));
  host->hostname = mst_strdup(mst_run_json_text(entry, "hostname"));
  run->labels[i] = labels_of(json_object_get(entry, "labels"));
  if (!host->agent_id || !host->hostname || !run->labels[i])
    return no_memory(ctx);
  mst_label split[MST_LABELS_MAX];
  host->label_count = mst_labels_split(run->labels[i], split);
  mst_label *labels = mst_alloc(host->label_count ? host->label_count : 1, sizeof *labels);
  if (!labels)
    return no_memory(ctx);
  memcpy(labels, split, host->label_count * sizeof *labels);
  host->labels = labels;
  mst_err err = mst_hex_decode(host->agent_id, id.bytes, sizeof id.bytes, ctx);
  const mst_agent_entry *agent = err == MST_OK ? mst_state_agent_by_key(state, &id) : NULL;
  if (!agent)
    return mst_fail(ctx, MST_ECORRUPT, "the roster of the run names an agent that is not known: %.64s", host->agent_id);
  run->agents[i] = agent->number;
  run->host_of_agent[agent->number] = i;
  return MST_OK;
}

static mst_err
read_times(mst_run *run, mst_errctx *ctx)
{
  const json_t *document = run->document;

  run->window_ns = json_integer_value(json_object_get(document, "window_ns"));
  run->grace_ns = json_integer_value(json_object_get(document, "grace_ns"));
  mst_err err = mst_wall_parse(mst_run_json_text(document, "started_at"), &run->start, ctx);
  if (err != MST_OK)
    return err;
  int64_t freeze_ns = mst_checklist_freeze_ns(run->checklist);
  run->end = (mst_wall){run->start.ns + mst_checklist_period_ns(run->checklist)};
  /* The last window closes its grace after the end: it must not miss the freeze. */
  run->freeze_at = (mst_wall){run->end.ns + (freeze_ns > run->grace_ns ? freeze_ns : run->grace_ns)};
  run->is_frozen = json_is_object(json_object_get(document, "frozen"));
  run->is_ended = strcmp(mst_run_json_text(document, "state"), "running") != 0;
  return MST_OK;
}

mst_err
mst_run_create(json_t *document, mst_checklist *checklist, const mst_state *state, mst_run **ret_run, mst_errctx *ctx)
{
  const json_t *roster = json_object_get(document, "roster");
  const size_t count = json_array_size(roster), slots = count ? count : 1;
  mst_run *run = mst_alloc(1, sizeof *run);

  if (!run)
    return no_memory(ctx);
  atomic_init(&run->refs, 1);
  run->document = json_incref(document);
  run->checklist = checklist;
  snprintf(run->id, sizeof run->id, "%s", mst_run_json_text(document, "id"));
  run->checklist_name = mst_strdup(mst_run_json_text(json_object_get(document, "checklist"), "name"));
  run->hosts = mst_alloc(slots, sizeof *run->hosts);
  run->labels = mst_alloc(slots, sizeof *run->labels);
  run->agents = mst_alloc(slots, sizeof *run->agents);
  run->host_of_agent_count = state->agent_slots;
  run->host_of_agent = mst_alloc(state->agent_slots ? state->agent_slots : 1, sizeof *run->host_of_agent);
  mst_err err = run->checklist_name && run->hosts && run->labels && run->agents && run->host_of_agent ? MST_OK : no_memory(ctx);
  if (err == MST_OK) {
    memset(run->host_of_agent, 0xff, run->host_of_agent_count * sizeof *run->host_of_agent);
    err = read_times(run, ctx);
  }
  for (size_t i = 0; err == MST_OK && i < count; i++)
    err = add_host(run, json_array_get(roster, i), state, ctx);
  if (err != MST_OK) {
    run->checklist = NULL; /* still the caller's */
    mst_run_unref(run);
    return err;
  }
  *ret_run = run;
  return MST_OK;
}

/* The run as the store has it; ret_record's document is the caller's to free. */
static mst_err
make_record(const mst_run *run, mst_store_run *ret_record, char **ret_text, mst_errctx *ctx)
{
  const char *ended_at = mst_run_json_text(run->document, "ended_at");
  mst_wall end = {0};

  mst_err err = ended_at[0] ? mst_wall_parse(ended_at, &end, ctx) : MST_OK;
  if (err != MST_OK)
    return err;
  char *text = json_dumps(run->document, JSON_COMPACT | JSON_SORT_KEYS);
  if (!text)
    return no_memory(ctx);
  *ret_record = (mst_store_run){.id = run->id, .document = text, .start = run->start, .end = end};
  *ret_text = text;
  return MST_OK;
}

mst_err
mst_run_store(mst_core *core, const mst_run *run, mst_errctx *ctx)
{
  mst_store_run record;
  char *text = NULL;

  mst_err err = make_record(run, &record, &text, ctx);
  if (err == MST_OK)
    err = core->ops->run_put(core->store, &record, ctx);
  mst_free(text);
  return err;
}

void
mst_run_publish(mst_core *core, const mst_run *run)
{
  mst_store_run record;
  mst_errctx ctx = {0};
  char *text = NULL;

  mst_err err = make_record(run, &record, &text, &ctx);
  if (err == MST_OK) {
    pthread_rwlock_wrlock(&core->state.lock);
    err = mst_state_run_put(&core->state, &record, &ctx);
    pthread_rwlock_unlock(&core->state.lock);
  }
  if (err != MST_OK)
    mst_log(MST_LOG_ERROR, "run-not-shown", "reason", ctx.text, NULL);
  mst_free(text);
}

/* The result as canonical JSON: keys sorted, no white space, numbers with nine digits. The document around it holds what changes without a
 * change of the result: the verdict, sign-offs, follow-ups, the time. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "verdict_state.h"

enum { DUMP_FLAGS = JSON_SORT_KEYS | JSON_COMPACT, NUMBER_DIGITS = 9, NEXT_MAX = 10, TEXT_BYTES = 1024 };

/* A JSON object that is being filled; failed stays true once memory was out. */
typedef struct writer {
  json_t *object;
  bool failed;
} json_writer;

/* Texts come from checklists and hosts, and may have been cut within a character: what is no UTF-8 becomes "?". */
static json_t *
text_json(const char *text)
{
  json_t *json = json_string(text);
  char clean[TEXT_BYTES];
  size_t size = strlen(text);

  if (json)
    return json;
  if (size >= sizeof clean)
    size = sizeof clean - 1;
  for (size_t i = 0; i < size; i++)
    clean[i] = (unsigned char)text[i] < 128 ? text[i] : '?';
  clean[size] = '\0';
  return json_string(clean);
}

static void
put(json_writer *writer, const char *key, json_t *value)
{
  if (!writer->object || !value || json_object_set_new(writer->object, key, value) != 0)
    writer->failed = true;
}

static void
put_text(json_writer *writer, const char *key, const char *text)
{
  put(writer, key, text_json(text));
}

static void
put_count(json_writer *writer, const char *key, size_t count)
{
  put(writer, key, json_integer((json_int_t)count));
}

/* A list that takes over each entry. */
static void
append(json_t *list, json_t *entry, bool *failed)
{
  if (!list || !entry || json_array_append_new(list, entry) != 0)
    *failed = true;
}

static json_t *
finish(json_writer *writer)
{
  if (writer->failed) {
    json_decref(writer->object);
    return NULL;
  }
  return writer->object;
}

static void
describe_check(const mst_check *check, char *buf, size_t size_bytes)
{
  char stat[32];

  if (check->kind == &mst_check_kind_measure) {
    if (check->measure.stat == MST_STAT_QUANTILE)
      snprintf(stat, sizeof stat, "p%.6g", check->measure.quantile / 1000.0);
    else
      snprintf(stat, sizeof stat, "%s", mst_stat_name(check->measure.stat));
    snprintf(buf, size_bytes, "%s of %s%s%s", stat, check->measure.signal, check->measure.of_signal ? " / " : "",
             check->measure.of_signal ? check->measure.of_signal : "");
  } else if (check->kind == &mst_check_kind_evidence) {
    snprintf(buf, size_bytes, "%s of evidence %s %s", check->evidence.field, check->evidence.kind, check->evidence.name);
  } else if (check->kind == &mst_check_kind_attest) {
    snprintf(buf, size_bytes, "attestation by %s", check->attest.roles.items[0]);
  } else if (check->kind == &mst_check_kind_rollup) {
    snprintf(buf, size_bytes, "roll-up of %zu items", check->rollup.source_count);
  } else if (check->kind == &mst_check_kind_statements) {
    snprintf(buf, size_bytes, "statements of kind %s", check->statements.kind);
  } else {
    snprintf(buf, size_bytes, "follow-up by %s", check->follow_up.roles.items[0]);
  }
}

static json_t *
check_json(const mst_check *check, const mst_check_result *result)
{
  json_writer writer = {.object = json_object()};
  char text[TEXT_BYTES];

  describe_check(check, text, sizeof text);
  put_text(&writer, "what", text);
  put_text(&writer, "outcome", mst_outcome_name(result->outcome));
  put_text(&writer, "reason", result->reason);
  if (check->bounds.target.type != MST_TARGET_NONE)
    put_text(&writer, "target", check->bounds.target.text);
  if (check->bounds.critical.type != MST_TARGET_NONE)
    put_text(&writer, "critical", check->bounds.critical.text);
  if (result->value[0] != '\0')
    put_text(&writer, "value", result->value);
  if (result->has_number)
    put(&writer, "number", json_real(result->number == 0 ? 0 : result->number));
  if (result->has_number && result->unit)
    put_text(&writer, "unit", result->unit);
  if (result->host[0] != '\0')
    put_text(&writer, "host", result->host);
  if (result->series[0] != '\0')
    put_text(&writer, "series", result->series);
  if (result->expected > 0) {
    put_count(&writer, "windows_expected", result->expected);
    put_count(&writer, "windows_missing", result->missing);
    snprintf(text, sizeof text, "%.4g %%", 100.0 * (result->expected - result->missing) / result->expected);
    put_text(&writer, "coverage", text);
  }
  return finish(&writer);
}

static json_t *
statement_json(const mst_judge_statement *statement)
{
  json_writer writer = {.object = json_object()};
  char time[MST_TIME_TEXT_BYTES], key[2 * sizeof statement->key_id + 1];

  put_text(&writer, "by", statement->operator_name);
  put_text(&writer, "role", statement->role);
  put_text(&writer, "reason", statement->reason);
  put_text(&writer, "key", mst_hex_encode(statement->key_id, sizeof statement->key_id, key));
  put_text(&writer, "issued_at", mst_wall_format(statement->issued_at, time));
  if (statement->expires_at.ns != 0)
    put_text(&writer, "expires_at", mst_wall_format(statement->expires_at, time));
  return finish(&writer);
}

static json_t *
item_json(const mst_verdict *verdict, size_t index)
{
  const mst_item *item = &verdict->judge->list->items[index];
  const mst_item_result *result = &verdict->items[index];
  const mst_item_state *state = &verdict->states[index];
  json_writer writer = {.object = json_object()};
  json_t *checks = json_array();

  put_text(&writer, "id", item->id);
  put_text(&writer, "title", item->title);
  put_text(&writer, "section", item->section);
  put_text(&writer, "class", item->class);
  put(&writer, "critical", json_boolean(item->critical));
  put(&writer, "counted", json_boolean(result->counted));
  put_text(&writer, "outcome", mst_outcome_name(result->outcome));
  put_text(&writer, "value", result->value);
  put_text(&writer, "bound", result->bound);
  put_text(&writer, "reason", result->reason);
  if (state->waiver)
    put(&writer, "waiver", statement_json(state->waiver));
  if (state->na)
    put(&writer, "not_applicable", statement_json(state->na));
  for (size_t i = 0; i < item->check_count; i++)
    append(checks, check_json(&item->checks[i], &state->checks[i]), &writer.failed);
  put(&writer, "checks", checks);
  return finish(&writer);
}

static json_t *
items_json(const mst_verdict *verdict, bool follow_ups)
{
  json_t *list = json_array();
  bool failed = !list;

  for (size_t i = 0; i < verdict->item_count; i++)
    if (mst_item_is_follow_up(&verdict->judge->list->items[i]) == follow_ups)
      append(list, item_json(verdict, i), &failed);
  if (!failed)
    return list;
  json_decref(list);
  return NULL;
}

static json_t *
rate_json(const mst_verdict *verdict)
{
  const mst_policy *policy = &verdict->judge->list->file.policy;
  const mst_rate *rate = &verdict->rate;
  json_writer writer = {.object = json_object()};

  put_count(&writer, "counted", rate->counted);
  put_count(&writer, "passed", rate->passed);
  put_count(&writer, "critical", rate->critical);
  put_count(&writer, "critical_passed", rate->critical_passed);
  put_count(&writer, "critical_warned", rate->critical_warned);
  put(&writer, "go", json_real(policy->go));
  put(&writer, "conditional", json_real(policy->conditional));
  return finish(&writer);
}

static json_t *
checklist_json(const mst_verdict *verdict)
{
  const mst_checklist *list = verdict->judge->list;
  json_writer writer = {.object = json_object()};
  char hex[MST_DIGEST_HEX_BYTES];

  put_text(&writer, "name", list->file.name);
  put_text(&writer, "version", list->file.version);
  put_text(&writer, "digest", mst_digest_hex(&list->digest, hex));
  return finish(&writer);
}

static json_t *
run_json(const mst_verdict *verdict)
{
  const mst_judge *judge = verdict->judge;
  json_writer writer = {.object = json_object()};
  char time[MST_TIME_TEXT_BYTES];
  json_t *hosts = json_array();

  put_text(&writer, "id", judge->run_id);
  put_text(&writer, "started_at", mst_wall_format(judge->grid.start, time));
  put_text(&writer, "period", mst_duration_format(judge->list->file.period_ns, time));
  put_text(&writer, "window", mst_duration_format(judge->grid.window_ns, time));
  if (judge->ended_at.ns != 0)
    put_text(&writer, "ended_at", mst_wall_format(judge->ended_at, time));
  for (uint32_t i = 0; i < judge->host_count; i++)
    append(hosts, text_json(judge->hosts[i].agent_id), &writer.failed);
  put(&writer, "roster", hosts);
  return finish(&writer);
}

/* Takes the value over. */
static char *
dump(json_t *value)
{
  char *text = value ? json_dumps(value, DUMP_FLAGS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(NUMBER_DIGITS)) : NULL;
  char *copy = text ? mst_strdup(text) : NULL;

  json_decref(value);
  mst_free(text); /* jansson takes it from malloc, as mst_alloc does */
  return copy;
}

char *
mst_result_json(const mst_verdict *verdict)
{
  json_writer writer = {.object = json_object()};

  put(&writer, "checklist", checklist_json(verdict));
  put(&writer, "run", run_json(verdict));
  put(&writer, "rate", rate_json(verdict));
  put(&writer, "items", items_json(verdict, false));
  put_text(&writer, "decision", mst_verdict_name(verdict->so_far));
  return dump(finish(&writer));
}

static json_t *
sign_offs_json(const mst_verdict *verdict)
{
  const mst_config_strings *roles = &verdict->judge->list->file.policy.sign_offs;
  json_t *list = json_array();
  bool failed = !list;

  for (size_t i = 0; i < roles->count; i++) {
    const mst_judge_statement *statement = verdict->sign_offs.by_role[i];
    json_writer writer = {.object = statement ? statement_json(statement) : json_object()};
    put_text(&writer, "role", roles->items[i]);
    put(&writer, "given", json_boolean(statement != NULL));
    append(list, finish(&writer), &failed);
  }
  if (verdict->sign_offs.rejected)
    append(list, statement_json(verdict->sign_offs.rejected), &failed);
  if (!failed)
    return list;
  json_decref(list);
  return NULL;
}

static json_t *
counts_json(const mst_verdict *verdict)
{
  static const mst_outcome outcomes[] = {MST_PASS, MST_WARN, MST_FAIL, MST_NO_DATA, MST_WAIVED, MST_NA, MST_PENDING};
  json_writer writer = {.object = json_object()};

  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    size_t count = 0;
    for (size_t j = 0; j < verdict->item_count; j++)
      count += verdict->items[j].outcome == outcomes[i] && !mst_item_is_follow_up(&verdict->judge->list->items[j]);
    put_count(&writer, mst_outcome_name(outcomes[i]), count);
  }
  return finish(&writer);
}

/* What is still to be done, critical items first. */
static void
append_open_items(const mst_verdict *verdict, bool critical, json_t *list, bool *failed)
{
  char line[TEXT_BYTES];

  for (size_t i = 0; i < verdict->item_count && json_array_size(list) < NEXT_MAX; i++) {
    const mst_item_result *item = &verdict->items[i];
    if (item->critical != critical || item->outcome == MST_PASS || item->outcome == MST_NA || item->outcome == MST_PENDING)
      continue;
    snprintf(line, sizeof line, "%s %s (%s): %s", item->id, mst_outcome_name(item->outcome), item->title, item->reason);
    append(list, text_json(line), failed);
  }
}

static json_t *
next_json(const mst_verdict *verdict)
{
  const mst_config_strings *roles = &verdict->judge->list->file.policy.sign_offs;
  json_t *list = json_array();
  bool failed = !list;
  char line[TEXT_BYTES];

  append_open_items(verdict, true, list, &failed);
  append_open_items(verdict, false, list, &failed);
  for (size_t i = 0; i < roles->count && verdict->verdict == MST_VERDICT_PENDING && verdict->so_far != MST_NO_GO; i++) {
    if (verdict->sign_offs.by_role[i])
      continue;
    snprintf(line, sizeof line, "sign-off by %s over the final result", roles->items[i]);
    append(list, text_json(line), &failed);
  }
  if (!failed)
    return list;
  json_decref(list);
  return NULL;
}

/* Appends "key":value; takes the value over. */
static void
append_member(mst_buf *buf, const char *key, json_t *value)
{
  char *text = dump(value);

  if (!text && buf->failed == MST_OK)
    buf->failed = MST_ENOMEM;
  mst_buf_printf(buf, "%s\"%s\":", buf->size_bytes > 1 ? "," : "", key);
  mst_buf_puts(buf, text ? text : "null");
  mst_free(text);
}

char *
mst_verdict_json_write(const mst_verdict *verdict, const char *result)
{
  char hex[MST_DIGEST_HEX_BYTES], time[MST_TIME_TEXT_BYTES];
  json_t *reasons = json_array();
  bool failed = !reasons;
  mst_buf buf;
  char *text;
  size_t size;

  append(reasons, text_json(verdict->reason), &failed);
  mst_buf_init(&buf, 64 * 1024 * 1024); /* 2000 items of 32 checks at 1 KB */
  mst_buf_puts(&buf, "{");
  append_member(&buf, "counts", counts_json(verdict));
  append_member(&buf, "digest", json_string(mst_digest_hex(&verdict->digest, hex)));
  append_member(&buf, "evaluated_at", json_string(mst_wall_format(verdict->evaluated_at, time)));
  append_member(&buf, "final", json_boolean(verdict->final));
  append_member(&buf, "follow_ups", items_json(verdict, true));
  append_member(&buf, "next", next_json(verdict));
  append_member(&buf, "reasons", reasons);
  mst_buf_puts(&buf, ",\"result\":");
  mst_buf_puts(&buf, result);
  append_member(&buf, "sign_offs", sign_offs_json(verdict));
  append_member(&buf, "verdict", json_string(mst_verdict_name(verdict->verdict)));
  append_member(&buf, "verdict_so_far", json_string(mst_verdict_name(verdict->so_far)));
  mst_buf_puts(&buf, "}");
  text = buf.failed == MST_OK && !failed ? (char *)mst_buf_take(&buf, &size) : NULL;
  mst_buf_done(&buf);
  return text;
}

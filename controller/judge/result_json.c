/* The result as canonical JSON: keys sorted, no white space, numbers with nine digits. The document around it holds what changes without a
 * change of the result: the verdict, sign-offs, follow-ups, the time. */
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "canon.h"
#include "verdict_state.h"

/* 2000 items of 32 checks at 1 KB. */
enum { RESULT_MAX_BYTES = 64 * 1024 * 1024, NEXT_MAX = 10, LINE_BYTES = 1024 };

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

static void
put_check(mst_buf *buf, const mst_check *check, const mst_check_result *result)
{
  char text[LINE_BYTES];

  mst_canon_entry(buf);
  mst_canon_open(buf, '{');
  if (result->expected > 0) {
    snprintf(text, sizeof text, "%.4g %%", 100.0 * (result->expected - result->missing) / result->expected);
    mst_canon_put_text(buf, "coverage", text);
  }
  if (check->bounds.critical.type != MST_TARGET_NONE)
    mst_canon_put_text(buf, "critical", check->bounds.critical.text);
  if (result->host[0] != '\0')
    mst_canon_put_text(buf, "host", result->host);
  if (result->has_number)
    mst_canon_put_number(buf, "number", result->number == 0 ? 0 : result->number);
  mst_canon_put_text(buf, "outcome", mst_outcome_name(result->outcome));
  mst_canon_put_text(buf, "reason", result->reason);
  if (result->series[0] != '\0')
    mst_canon_put_text(buf, "series", result->series);
  if (check->bounds.target.type != MST_TARGET_NONE)
    mst_canon_put_text(buf, "target", check->bounds.target.text);
  if (result->has_number && result->unit)
    mst_canon_put_text(buf, "unit", result->unit);
  if (result->value[0] != '\0')
    mst_canon_put_text(buf, "value", result->value);
  describe_check(check, text, sizeof text);
  mst_canon_put_text(buf, "what", text);
  if (result->expected > 0) {
    mst_canon_put_count(buf, "windows_expected", result->expected);
    mst_canon_put_count(buf, "windows_missing", result->missing);
  }
  mst_canon_close(buf, '}');
}

/* given: NULL where it says nothing. */
static void
put_statement(mst_buf *buf, const mst_judge_statement *statement, const bool *given)
{
  char time[MST_TIME_TEXT_BYTES], key[2 * sizeof statement->key_id + 1];

  mst_canon_open(buf, '{');
  mst_canon_put_text(buf, "by", statement->operator_name);
  if (statement->expires_at.ns != 0)
    mst_canon_put_text(buf, "expires_at", mst_wall_format(statement->expires_at, time));
  if (given)
    mst_canon_put_flag(buf, "given", *given);
  mst_canon_put_text(buf, "issued_at", mst_wall_format(statement->issued_at, time));
  mst_canon_put_text(buf, "key", mst_hex_encode(statement->key_id, sizeof statement->key_id, key));
  mst_canon_put_text(buf, "reason", statement->reason);
  mst_canon_put_text(buf, "role", statement->role);
  mst_canon_close(buf, '}');
}

static void
put_item(mst_buf *buf, const mst_verdict *verdict, size_t index)
{
  const mst_item *item = &verdict->judge->list->items[index];
  const mst_item_result *result = &verdict->items[index];
  const mst_item_state *state = &verdict->states[index];

  mst_canon_entry(buf);
  mst_canon_open(buf, '{');
  mst_canon_put_text(buf, "bound", result->bound);
  mst_canon_key(buf, "checks");
  mst_canon_open(buf, '[');
  for (size_t i = 0; i < item->check_count; i++)
    put_check(buf, &item->checks[i], &state->checks[i]);
  mst_canon_close(buf, ']');
  mst_canon_put_text(buf, "class", item->class);
  mst_canon_put_flag(buf, "counted", result->counted);
  mst_canon_put_flag(buf, "critical", item->critical);
  mst_canon_put_text(buf, "id", item->id);
  if (state->na) {
    mst_canon_key(buf, "not_applicable");
    put_statement(buf, state->na, NULL);
  }
  mst_canon_put_text(buf, "outcome", mst_outcome_name(result->outcome));
  mst_canon_put_text(buf, "reason", result->reason);
  mst_canon_put_text(buf, "section", item->section);
  mst_canon_put_text(buf, "title", item->title);
  mst_canon_put_text(buf, "value", result->value);
  if (state->waiver) {
    mst_canon_key(buf, "waiver");
    put_statement(buf, state->waiver, NULL);
  }
  mst_canon_close(buf, '}');
}

static void
put_items(mst_buf *buf, const mst_verdict *verdict, const char *key, bool follow_ups)
{
  mst_canon_key(buf, key);
  mst_canon_open(buf, '[');
  for (size_t i = 0; i < verdict->item_count; i++)
    if (mst_item_is_follow_up(&verdict->judge->list->items[i]) == follow_ups)
      put_item(buf, verdict, i);
  mst_canon_close(buf, ']');
}

static void
put_checklist(mst_buf *buf, const mst_checklist *list)
{
  char hex[MST_DIGEST_HEX_BYTES];

  mst_canon_key(buf, "checklist");
  mst_canon_open(buf, '{');
  mst_canon_put_text(buf, "digest", mst_digest_hex(&list->digest, hex));
  mst_canon_put_text(buf, "name", list->file.name);
  mst_canon_put_text(buf, "version", list->file.version);
  mst_canon_close(buf, '}');
}

static void
put_rate(mst_buf *buf, const mst_verdict *verdict)
{
  const mst_policy *policy = &verdict->judge->list->file.policy;
  const mst_rate *rate = &verdict->rate;

  mst_canon_key(buf, "rate");
  mst_canon_open(buf, '{');
  mst_canon_put_number(buf, "conditional", policy->conditional);
  mst_canon_put_count(buf, "counted", rate->counted);
  mst_canon_put_count(buf, "critical", rate->critical);
  mst_canon_put_count(buf, "critical_passed", rate->critical_passed);
  mst_canon_put_count(buf, "critical_warned", rate->critical_warned);
  mst_canon_put_number(buf, "go", policy->go);
  mst_canon_put_count(buf, "passed", rate->passed);
  mst_canon_close(buf, '}');
}

static void
put_run(mst_buf *buf, const mst_judge *judge)
{
  char time[MST_TIME_TEXT_BYTES];

  mst_canon_key(buf, "run");
  mst_canon_open(buf, '{');
  if (judge->ended_at.ns != 0)
    mst_canon_put_text(buf, "ended_at", mst_wall_format(judge->ended_at, time));
  mst_canon_put_text(buf, "id", judge->run_id);
  mst_canon_put_text(buf, "period", mst_duration_format(judge->list->file.period_ns, time));
  mst_canon_key(buf, "roster");
  mst_canon_open(buf, '[');
  for (uint32_t i = 0; i < judge->host_count; i++) {
    mst_canon_entry(buf);
    mst_canon_text(buf, judge->hosts[i].agent_id);
  }
  mst_canon_close(buf, ']');
  mst_canon_put_text(buf, "started_at", mst_wall_format(judge->grid.start, time));
  mst_canon_put_text(buf, "window", mst_duration_format(judge->grid.window_ns, time));
  mst_canon_close(buf, '}');
}

/* The buffer's text, or NULL when memory was out; the buffer is done with. */
static char *
take(mst_buf *buf)
{
  size_t size;
  char *text = buf->failed == MST_OK ? (char *)mst_buf_take(buf, &size) : NULL;

  mst_buf_done(buf);
  return text;
}

char *
mst_result_json(const mst_verdict *verdict)
{
  mst_buf buf;

  mst_buf_init(&buf, RESULT_MAX_BYTES);
  mst_canon_open(&buf, '{');
  put_checklist(&buf, verdict->judge->list);
  mst_canon_put_text(&buf, "decision", mst_verdict_name(verdict->so_far));
  put_items(&buf, verdict, "items", false);
  put_rate(&buf, verdict);
  put_run(&buf, verdict->judge);
  mst_canon_close(&buf, '}');
  return take(&buf);
}

/* One entry a role, and the rejection if there is one. */
static void
put_sign_offs(mst_buf *buf, const mst_verdict *verdict)
{
  const mst_config_strings *roles = &verdict->judge->list->file.policy.sign_offs;

  mst_canon_key(buf, "sign_offs");
  mst_canon_open(buf, '[');
  for (size_t i = 0; i < roles->count; i++) {
    const mst_judge_statement *statement = verdict->sign_offs.by_role[i];
    bool given = statement != NULL;
    mst_canon_entry(buf);
    if (given) {
      put_statement(buf, statement, &given);
      continue;
    }
    mst_canon_open(buf, '{');
    mst_canon_put_flag(buf, "given", false);
    mst_canon_put_text(buf, "role", roles->items[i]);
    mst_canon_close(buf, '}');
  }
  if (verdict->sign_offs.rejected) {
    mst_canon_entry(buf);
    put_statement(buf, verdict->sign_offs.rejected, NULL);
  }
  mst_canon_close(buf, ']');
}

static void
put_counts(mst_buf *buf, const mst_verdict *verdict)
{
  static const mst_outcome by_name[] = {MST_FAIL, MST_NA, MST_NO_DATA, MST_PASS, MST_PENDING, MST_WAIVED, MST_WARN};

  mst_canon_key(buf, "counts");
  mst_canon_open(buf, '{');
  for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++) {
    size_t count = 0;
    for (size_t j = 0; j < verdict->item_count; j++)
      count += verdict->items[j].outcome == by_name[i] && !mst_item_is_follow_up(&verdict->judge->list->items[j]);
    mst_canon_put_count(buf, mst_outcome_name(by_name[i]), count);
  }
  mst_canon_close(buf, '}');
}

/* What is still to be done, critical items first. */
static size_t
put_open_items(mst_buf *buf, const mst_verdict *verdict, bool critical, size_t before)
{
  char line[LINE_BYTES];

  for (size_t i = 0; i < verdict->item_count && before < NEXT_MAX; i++) {
    const mst_item_result *item = &verdict->items[i];
    if (item->critical != critical || item->outcome == MST_PASS || item->outcome == MST_NA || item->outcome == MST_PENDING)
      continue;
    snprintf(line, sizeof line, "%s %s (%s): %s", item->id, mst_outcome_name(item->outcome), item->title, item->reason);
    mst_canon_entry(buf);
    mst_canon_text(buf, line);
    before++;
  }
  return before;
}

static void
put_next(mst_buf *buf, const mst_verdict *verdict)
{
  const mst_config_strings *roles = &verdict->judge->list->file.policy.sign_offs;
  bool asked = verdict->verdict == MST_VERDICT_PENDING && verdict->so_far != MST_NO_GO;
  char line[LINE_BYTES];

  mst_canon_key(buf, "next");
  mst_canon_open(buf, '[');
  (void)put_open_items(buf, verdict, false, put_open_items(buf, verdict, true, 0));
  for (size_t i = 0; i < roles->count && asked; i++) {
    if (verdict->sign_offs.by_role[i])
      continue;
    snprintf(line, sizeof line, "sign-off by %s over the final result", roles->items[i]);
    mst_canon_entry(buf);
    mst_canon_text(buf, line);
  }
  mst_canon_close(buf, ']');
}

char *
mst_verdict_json_write(const mst_verdict *verdict, const char *result)
{
  char hex[MST_DIGEST_HEX_BYTES], time[MST_TIME_TEXT_BYTES];
  mst_buf buf;

  mst_buf_init(&buf, 2 * RESULT_MAX_BYTES);
  mst_canon_open(&buf, '{');
  put_counts(&buf, verdict);
  mst_canon_put_text(&buf, "digest", mst_digest_hex(&verdict->digest, hex));
  mst_canon_put_text(&buf, "evaluated_at", mst_wall_format(verdict->evaluated_at, time));
  mst_canon_put_flag(&buf, "final", verdict->final);
  put_items(&buf, verdict, "follow_ups", true);
  put_next(&buf, verdict);
  mst_canon_key(&buf, "reasons");
  mst_canon_open(&buf, '[');
  mst_canon_text(&buf, verdict->reason);
  mst_canon_close(&buf, ']');
  mst_canon_key(&buf, "result");
  mst_buf_puts(&buf, result);
  put_sign_offs(&buf, verdict);
  mst_canon_put_text(&buf, "verdict", mst_verdict_name(verdict->verdict));
  mst_canon_put_text(&buf, "verdict_so_far", mst_verdict_name(verdict->so_far));
  mst_canon_close(&buf, '}');
  return take(&buf);
}

/* `evidence:` — a field of an imported document. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "judge/judge_state.h"

static const char *const within_names[] = {"any", "run", NULL};

typedef struct evidence_keys {
  char *kind, *name, *field;
  const mst_yaml_node *target, *critical;
  int64_t max_age_ns;
  int within;
} evidence_keys;

static const mst_config_field fields[] = {
    {.key = "evidence",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(evidence_keys, kind),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_TEXT_BYTES,
     .help = "Kind of the document: junit, coverage, sarif, drill..."},
    {.key = "name",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(evidence_keys, name),
     .default_text = "*",
     .help = "Its name, or a glob; the newest that matches counts"},
    {.key = "field",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(evidence_keys, field),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_TEXT_BYTES,
     .help = "The number or text in it"},
    {.key = "target", .type = MST_CONFIG_NODE, .offset = offsetof(evidence_keys, target), .required = true, .help = "What must hold"},
    {.key = "critical", .type = MST_CONFIG_NODE, .offset = offsetof(evidence_keys, critical), .help = "What must not be"},
    {.key = "max_age", .type = MST_CONFIG_DURATION, .offset = offsetof(evidence_keys, max_age_ns), .help = "Older documents do not count"},
    {.key = "within",
     .type = MST_CONFIG_ENUM,
     .offset = offsetof(evidence_keys, within),
     .default_text = "any",
     .names = within_names,
     .help = "run: only documents made since the run's start"},
};
static const mst_config_schema schema = {
    .name = "evidence check",
    .struct_size_bytes = sizeof(evidence_keys),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

static bool
compile_evidence(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  evidence_keys keys = {0};
  bool fine = mst_config_map(node, &schema, &keys, compile->diags);

  check->evidence = (mst_check_evidence){
      .kind = keys.kind, .name = keys.name, .field = keys.field, .max_age_ns = keys.max_age_ns, .within_run = keys.within == 1};
  keys.kind = keys.name = keys.field = NULL;
  fine = keys.target && mst_bounds_parse(keys.target, keys.critical, false, &check->bounds, compile->diags) && fine;
  mst_config_free(&schema, &keys);
  return fine;
}

static void
evidence_done(mst_check *check)
{
  mst_free(check->evidence.kind);
  mst_free(check->evidence.name);
  mst_free(check->evidence.field);
}

/* Why a document that fits does not count; NULL when it does. */
static const char *
too_old(const mst_evaluation *evaluation, const mst_check_evidence *evidence, const mst_judge_evidence *document, char *buf,
        size_t size_bytes)
{
  char age[MST_TIME_TEXT_BYTES], bound[MST_TIME_TEXT_BYTES];
  int64_t age_ns = evaluation->now.ns - document->made_at.ns;

  if (evidence->max_age_ns > 0 && age_ns > evidence->max_age_ns) {
    snprintf(buf, size_bytes, "%s %s is %s old; at most %s is borne: import a newer one", evidence->kind, document->name,
             mst_duration_format_short(age_ns, age), mst_duration_format_short(evidence->max_age_ns, bound));
    return buf;
  }
  if (evidence->within_run && document->made_at.ns < evaluation->judge->grid.start.ns) {
    snprintf(buf, size_bytes, "%s %s is from before the run; import one that was made in it", evidence->kind, document->name);
    return buf;
  }
  return NULL;
}

static void
grade_field(const mst_check *check, const mst_judge_evidence *document, const mst_evidence_field *field, mst_check_result *result)
{
  const mst_bounds *bounds = &check->bounds;
  mst_grade grade;

  if (bounds->target.type == MST_TARGET_NUMBER) {
    if (!field->is_number || !isfinite(field->number)) {
      snprintf(result->reason, sizeof result->reason, "%s of %s %s is no number", field->name, document->kind, document->name);
      return;
    }
    grade = mst_bounds_grade(bounds, field->number);
    result->number = field->number;
    result->has_number = true;
    result->unit = bounds->target.unit;
    mst_value_format(field->number, bounds->target.unit, result->value, sizeof result->value);
  } else {
    grade = mst_bounds_grade_text(bounds, field->text, strlen(field->text), NULL);
    snprintf(result->value, sizeof result->value, "%s", field->text);
  }
  result->outcome = mst_outcome_of_grade(grade);
  snprintf(result->reason, sizeof result->reason, "%s of %s %s %s", field->name, document->kind, document->name,
           grade == MST_GRADE_PASS   ? "holds"
           : grade == MST_GRADE_WARN ? "is past the target"
           : bounds->critical.type   ? "is past the critical bound"
                                     : "is past the target");
}

static void
evaluate_evidence(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result)
{
  const mst_check_evidence *evidence = &check->evidence;
  const mst_judge_evidence *document = mst_evidence_find(evaluation, evidence->kind, evidence->name);
  const mst_evidence_field *field = document ? mst_evidence_field_find(document, evidence->field) : NULL;
  mst_check_result result = {.outcome = MST_NO_DATA};

  if (!document)
    snprintf(result.reason, sizeof result.reason, "no evidence of kind %s named %s yet; import it with `muster evidence import --kind %s`",
             evidence->kind, evidence->name, evidence->kind);
  else if (!too_old(evaluation, evidence, document, result.reason, sizeof result.reason) && field)
    grade_field(check, document, field, &result);
  else if (result.reason[0] == '\0')
    snprintf(result.reason, sizeof result.reason, "%s %s has no field %s", document->kind, document->name, evidence->field);
  *ret_result = result;
}

const mst_check_kind mst_check_kind_evidence = {
    .key = "evidence",
    .class_letter = 'E',
    .compile = compile_evidence,
    .done = evidence_done,
    .evaluate = evaluate_evidence,
};

/* `attest:` — a person with that role has signed that it holds. Only for what cannot be measured. */
#include <stddef.h>
#include <stdio.h>

#include "judge/judge_state.h"

static const char *const document_names[] = {"optional", "required", NULL};

static const mst_config_field fields[] = {
    {.key = "attest",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_check_attest, roles),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_ROLES,
     .help = "Role, or several of which one suffices"},
    {.key = "document",
     .type = MST_CONFIG_ENUM,
     .offset = offsetof(mst_check_attest, document),
     .default_text = "optional",
     .names = document_names,
     .help = "Whether the attestation must carry a document's hash"},
    {.key = "max_age",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(mst_check_attest, max_age_ns),
     .help = "Older attestations do not count"},
};
static const mst_config_schema schema = {
    .name = "attest check",
    .struct_size_bytes = sizeof(mst_check_attest),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

static bool
compile_attest(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  return mst_config_map(node, &schema, &check->attest, compile->diags);
}

static void
attest_done(mst_check *check)
{
  mst_config_free(&schema, &check->attest);
}

static void
evaluate_attest(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result)
{
  const mst_check_attest *attest = &check->attest;
  bool refused;
  const mst_judge_statement *statement =
      mst_statement_find(evaluation, "attest", evaluation->judge->list->items[check->item].id, &attest->roles, &refused);
  mst_check_result result = {.outcome = MST_NO_DATA};
  char age[MST_TIME_TEXT_BYTES];

  if (!statement)
    snprintf(result.reason, sizeof result.reason, "waits for an attestation by %s%s", attest->roles.items[0],
             refused ? "; the one that was given is by another role" : "");
  else if (attest->max_age_ns > 0 && evaluation->now.ns - statement->issued_at.ns > attest->max_age_ns)
    snprintf(result.reason, sizeof result.reason, "the attestation by %s is %s old; it must be given anew", statement->operator_name,
             mst_duration_format_short(evaluation->now.ns - statement->issued_at.ns, age));
  else if (attest->document == MST_DOCUMENT_REQUIRED && statement->detail[0] == '\0')
    snprintf(result.reason, sizeof result.reason, "the attestation by %s carries no document's hash", statement->operator_name);
  else {
    result.outcome = MST_PASS;
    snprintf(result.value, sizeof result.value, "%s", statement->operator_name);
    snprintf(result.reason, sizeof result.reason, "attested by %s as %s", statement->operator_name, statement->role);
  }
  *ret_result = result;
}

const mst_check_kind mst_check_kind_attest = {
    .key = "attest",
    .class_letter = 'H',
    .compile = compile_attest,
    .done = attest_done,
    .evaluate = evaluate_attest,
};

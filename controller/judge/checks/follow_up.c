/* `follow_up:` — what is to be done after the verdict; outside rate and verdict. */
#include <stddef.h>
#include <stdio.h>

#include "judge/judge_state.h"

static const mst_config_field fields[] = {
    {.key = "follow_up",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_check_follow_up, roles),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_ROLES,
     .help = "Role that ticks it off, or several of which one suffices"},
};
static const mst_config_schema schema = {
    .name = "follow-up check",
    .struct_size_bytes = sizeof(mst_check_follow_up),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

static bool
compile_follow_up(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  return mst_config_map(node, &schema, &check->follow_up, compile->diags);
}

static void
follow_up_done(mst_check *check)
{
  mst_config_free(&schema, &check->follow_up);
}

/* Follow-ups are done after the verdict, so no freeze holds for them. */
static void
evaluate_follow_up(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result)
{
  const mst_config_strings *roles = &check->follow_up.roles;
  mst_evaluation unfrozen = *evaluation;
  bool refused;
  const mst_judge_statement *statement;
  mst_check_result result = {.outcome = MST_PENDING};

  unfrozen.freeze.ns = INT64_MAX;
  statement = mst_statement_find(&unfrozen, "attest", evaluation->judge->list->items[check->item].id, roles, &refused);
  if (!statement) {
    snprintf(result.reason, sizeof result.reason, "to be done; ticked off by %s%s", roles->items[0],
             refused ? "; the attestation that was given is by another role" : "");
  } else {
    result.outcome = MST_PASS;
    snprintf(result.value, sizeof result.value, "%s", statement->operator_name);
    snprintf(result.reason, sizeof result.reason, "done, says %s as %s", statement->operator_name, statement->role);
  }
  *ret_result = result;
}

const mst_check_kind mst_check_kind_follow_up = {
    .key = "follow_up",
    .class_letter = 'P',
    .compile = compile_follow_up,
    .done = follow_up_done,
    .evaluate = evaluate_follow_up,
};

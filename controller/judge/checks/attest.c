/* `attest:` — a person with that role has signed that it holds. Only for what cannot be measured. */
#include <stddef.h>

#include "judge/kind.h"

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

const mst_check_kind mst_check_kind_attest = {
    .key = "attest",
    .class_letter = 'H',
    .compile = compile_attest,
    .done = attest_done,
};

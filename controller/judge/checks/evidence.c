/* `evidence:` — a field of an imported document. */
#include <stddef.h>

#include <mst/common/alloc.h>

#include "judge/kind.h"

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

  if (fine) {
    check->evidence = (mst_check_evidence){
        .kind = keys.kind, .name = keys.name, .field = keys.field, .max_age_ns = keys.max_age_ns, .within_run = keys.within == 1};
    keys.kind = keys.name = keys.field = NULL;
    fine = mst_bounds_parse(keys.target, keys.critical, false, &check->bounds, compile->diags);
  }
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

const mst_check_kind mst_check_kind_evidence = {
    .key = "evidence",
    .class_letter = 'E',
    .compile = compile_evidence,
    .done = evidence_done,
};

#ifndef MST_CONTROLLER_PLAN_FILE_H
#define MST_CONTROLLER_PLAN_FILE_H

#include <mst/common/config.h>

#include "plan_probe.h"
#include "plan_tail.h"

/* The plan file as it stands. */
typedef struct mst_plan_entry_file {
  char *name;
  const mst_yaml_node *hosts, *options; /* NULL: all hosts; none */
  int64_t period_ns;
  mst_config_place place;
} mst_plan_entry_file;

typedef struct mst_plan_file {
  char *name;
  int64_t interval_ns;
  double jitter_ratio;
  const mst_yaml_node *variables;
  mst_config_list collectors; /* of mst_plan_entry_file */
  mst_config_list tails;      /* of mst_plan_tail_file */
  mst_config_list probes;     /* of mst_plan_probe_file */
} mst_plan_file;

extern const mst_config_schema mst_plan_file_schema;
/* What the schema cannot say: collectors and options that agents do not know, selectors. */
void mst_plan_file_check(const mst_plan_file *file, const mst_yaml_node *root, mst_diags *diags);

#endif

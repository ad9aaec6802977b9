#ifndef MST_CONTROLLER_PLAN_TAIL_H
#define MST_CONTROLLER_PLAN_TAIL_H

#include <mst/common/config.h>
#include <mst/proto/plan.h>

/* One entry of a plan's `tails:`: logs that agents follow. docs/plan.md has the keys. */
typedef struct mst_plan_tail_file {
  char *name;
  const mst_yaml_node *hosts;
  mst_config_strings files;
  int format, from;
  mst_config_strings required;
  const mst_yaml_node *journal; /* in place of files */
  const mst_yaml_node *fields, *rules;
  bool secrets, pii;
  int64_t line_max_bytes, backlog_max_bytes;
  int64_t files_max;
  double cpu_share;
  mst_config_place place;
} mst_plan_tail_file;

enum { MST_PLAN_TAILS_MAX = 32 };

extern const mst_config_schema mst_plan_tail_schema;
/* What the schema cannot say: rules, fields, files, the journal. */
void mst_plan_tail_check(const mst_plan_tail_file *tail, mst_diags *diags);
/* What an agent is told: the collector "tail" with the tail's name for an instance. The texts of *ret_collector are borrowed from the file,
 * what it owns is finished with mst_plan_tail_done. MST_ENOMEM. */
mst_err mst_plan_tail_compile(const mst_plan_tail_file *tail, mst_plan_collector *ret_collector, mst_errctx *ctx) MST_MUST_USE;
void mst_plan_tail_done(mst_plan_collector *collector);

#endif

#ifndef MST_JUDGE_CHECKLIST_H
#define MST_JUDGE_CHECKLIST_H

/* A loaded checklist, compiled: what the judge works on. Immutable. */
#include <mst/common/buf.h>
#include <mst/common/config.h>
#include <mst/common/yaml.h>
#include <mst/controller/judge.h>

#include "select.h"
#include "span.h"
#include "stat.h"
#include "target.h"

enum {
  MST_CHECKLIST_MAX_ITEMS = 2000, /* seven times the list that started it */
  MST_ITEM_MAX_CHECKS = 32,
  MST_ITEM_ID_MAX_BYTES = 64,
  MST_CHECKLIST_MAX_TEXT_BYTES = 1024,
  MST_CHECKLIST_MAX_ROLES = 16,
};

typedef enum mst_combine {
  MST_COMBINE_EACH, /* the worst */
  MST_COMBINE_ANY,  /* the best */
  MST_COMBINE_QUORUM,
  MST_COMBINE_SUM,
  MST_COMBINE_AVG,
  MST_COMBINE_MIN,
  MST_COMBINE_MAX,
} mst_combine;

typedef enum mst_baseline_as { MST_BASELINE_REDUCTION, MST_BASELINE_SPEEDUP } mst_baseline_as;

typedef struct mst_baseline {
  char *evidence; /* NULL: no comparison */
  char *name, *field;
  int as;
} mst_baseline;

typedef struct mst_check_measure {
  char *signal;
  mst_select where;
  char *of_signal; /* NULL unless a ratio */
  mst_select of_where;
  mst_stat stat;
  uint32_t quantile;
  mst_span span;
  mst_select hosts;
  bool measuring; /* hosts: only those that have such a series */
  int64_t least_hosts, least_series;
  int64_t every_ns; /* a sample is expected at least so often; 0: in every window */
  mst_combine series, combine;
  int64_t quorum;      /* a count of hosts, when quorum_ratio is 0 */
  uint32_t quorum_ppm; /* a share of the hosts, in millionths */
  mst_target state;    /* share, time_in_state: what counts */
  double coverage;
  int64_t max_gap_ns;
  bool needs_coverage;
  bool weigh_samples;
  int64_t bucket_ns;
  double significance; /* one-sided normal quantile of trend.confidence */
  mst_baseline baseline;
} mst_check_measure;

typedef struct mst_check_evidence {
  char *kind, *name, *field;
  int64_t max_age_ns; /* 0: any */
  bool within_run;
} mst_check_evidence;

typedef struct mst_check_attest {
  mst_config_strings roles;
  int document; /* mst_document */
  int64_t max_age_ns;
} mst_check_attest;
typedef enum mst_document { MST_DOCUMENT_OPTIONAL, MST_DOCUMENT_REQUIRED } mst_document;

typedef struct mst_check_rollup {
  size_t *sources; /* indices of items, ascending */
  size_t source_count;
  bool by_rate; /* bounds hold over the share of passed sources */
} mst_check_rollup;

typedef struct mst_check_statements {
  char *kind;
} mst_check_statements;

typedef struct mst_check_follow_up {
  mst_config_strings roles;
} mst_check_follow_up;

struct mst_check_kind;
typedef struct mst_check {
  const struct mst_check_kind *kind;
  const mst_yaml_node *node;
  size_t item;       /* index of its item */
  size_t number;     /* over all checks of the checklist */
  mst_bounds bounds; /* target type NONE where the kind has none */
  union {
    mst_check_measure measure;
    mst_check_evidence evidence;
    mst_check_attest attest;
    mst_check_rollup rollup;
    mst_check_statements statements;
    mst_check_follow_up follow_up;
  };
} mst_check;

typedef struct mst_item {
  /* As the file has it; mapped by mst_config. */
  char *id, *title, *class, *section, *note, *remedy;
  bool critical;
  int na; /* mst_na */
  const mst_yaml_node *check_node, *checks_node;
  mst_config_place place;
  /* Compiled. */
  const char *section_title; /* borrowed; NULL without sections */
  bool feeds_critical;       /* source, perhaps through others, of a critical roll-up: cannot be waived */
  mst_check *checks;
  size_t check_count;
} mst_item;
typedef enum mst_na { MST_NA_FORBIDDEN, MST_NA_ALLOWED } mst_na;

typedef struct mst_section {
  char *id, *title;
  mst_config_place place;
} mst_section;

typedef struct mst_policy {
  double go, conditional, coverage;
  int64_t deadline_ns, freeze_ns, max_gap_ns;
  mst_config_strings sign_offs, waive_roles, na_roles;
  mst_config_place place;
} mst_policy;

/* The file's top level, mapped by mst_config. */
typedef struct mst_checklist_file {
  char *name, *title, *version;
  int64_t period_ns;
  const mst_yaml_node *variables;
  mst_policy policy;
  mst_config_list sections, items; /* mst_section, mst_item */
} mst_checklist_file;

struct mst_checklist {
  mst_yaml *yaml; /* after variables were put in; nodes of items and checks point into it */
  mst_checklist_file file;
  mst_item *items; /* file.items */
  size_t item_count;
  size_t check_count; /* of all items */
  size_t *order;      /* item indices, sources of a roll-up before it */
  mst_digest digest;
};

/* What the check kinds get when they compile. */
typedef struct mst_compile {
  struct mst_checklist *list;
  mst_diags *diags;
} mst_compile;

/* As mst_checklist_load, from text. overlay NULL: none. Names are for messages. */
mst_checklist *mst_checklist_parse(const char *name, const char *text, size_t size_bytes, const char *overlay_name, const char *overlay,
                                   size_t overlay_bytes, mst_diags *diags);

/* items.c */
extern const mst_config_schema mst_item_schema;
bool mst_items_compile(mst_compile *compile);
void mst_items_done(struct mst_checklist *list);
/* rollups.c: after all items are there: resolves sources, finds cycles, sets order and feeds_critical. */
bool mst_rollups_resolve(mst_compile *compile);

#endif

#ifndef MST_CONTROLLER_PLAN_H
#define MST_CONTROLLER_PLAN_H

#include <mst/common/diag.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>
#include <mst/proto/plan.h>

/* The plan file: what is measured on which hosts. docs/plan.md has its keys. Compiled for each host from its labels; hosts for which the
 * same entries hold share one sealed plan. */
typedef struct mst_plan_set mst_plan_set;

typedef struct mst_sealed_plan {
  mst_digest digest; /* as agents name it: of the plan without its signature */
  mst_bytes bytes;   /* signed, as it goes over the wire */
} mst_sealed_plan;

/* overlay: a file that sets the plan's variables; NULL: none. NULL when there was an error; all are in diags. */
mst_plan_set *mst_plan_set_load(const char *path, const char *overlay, mst_diags *diags);
void mst_plan_set_destroy(mst_plan_set *set);
const char *mst_plan_set_name(const mst_plan_set *set);
/* Of the bytes of file and overlay: what a run is bound to. */
mst_digest mst_plan_set_digest(const mst_plan_set *set);
int64_t mst_plan_set_interval_ns(const mst_plan_set *set);
/* The plan of a host with these labels ("role=api\nzone=a"). Lives as long as the set. One thread at a time. */
mst_err mst_plan_set_for(mst_plan_set *set, const char *labels, const mst_key *key, const mst_sealed_plan **ret_plan,
                         mst_errctx *ctx) MST_MUST_USE;
/* Signs all plans that were given out anew; their digests stay. */
mst_err mst_plan_set_reseal(mst_plan_set *set, const mst_key *key, mst_errctx *ctx) MST_MUST_USE;

/* plan_known.c: what agents of this version can collect, with the options that each takes; NULL-terminated. */
typedef struct mst_known_collector {
  const char *name;
  const char *const *options;
} mst_known_collector;
extern const mst_known_collector mst_known_collectors[];
const mst_known_collector *mst_known_collector_find(const char *name);

#endif

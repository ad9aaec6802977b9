#ifndef MST_PROTO_PLAN_H
#define MST_PROTO_PLAN_H

#include <mst/proto/envelope.h>

/* What one agent is told to measure: compiled by the controller from the plan file for this host. */
enum {
  MST_PLAN_MAX_COLLECTORS = 768, /* some hundred collectors and tails, the rest are probes */
  MST_PLAN_MAX_OPTIONS = 256,    /* a tail has one for each of its 64 rules, a probe one for each key of its 16 steps */
  MST_PLAN_MAX_OPTION_VALUES = 128,
  MST_PLAN_MAX_BYTES = 512 * 1024,
  MST_PLAN_TEXT_MAX_BYTES = 512,
  MST_PLAN_VALUE_MAX_BYTES = 2048, /* of an option's value: a rule's pattern may be long */
};
#define MST_PLAN_MAX_PERIOD_NS (30LL * 24 * 3600 * MST_NS_PER_S) /* far under where adding it to a clock could overflow */

typedef struct mst_plan_option {
  mst_text key;
  uint32_t value_count;
  mst_text *values; /* owned by the plan; the texts point into its bytes */
} mst_plan_option;

typedef struct mst_plan_collector {
  mst_text name;            /* "cpu", "processes" */
  mst_text instance;        /* tells several of one name apart: a tail's name; empty for the only one */
  int64_t period_ns;        /* 0: with every report; at most MST_PLAN_MAX_PERIOD_NS */
  uint32_t option_count;    /* no key stands twice */
  mst_plan_option *options; /* owned by the plan */
} mst_plan_collector;

typedef struct mst_plan {
  mst_text name;
  int64_t interval_ns; /* between reports: 100 ms .. 1 h */
  double jitter_ratio; /* 0..0.5 of the interval */
  uint32_t collector_count;
  mst_plan_collector *collectors; /* owned */
  mst_digest digest;              /* of the encoded plan without its signature; set by open */
  uint8_t *bytes;                 /* owned copy that the texts point into; set by open */
} mst_plan;

/* Appends the plan with its signature (context "muster/1/plan"). */
mst_err mst_plan_seal(const mst_plan *plan, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Verifies and decodes. The caller finishes *ret_plan with mst_plan_done on success. */
mst_err mst_plan_open(const void *data, size_t size_bytes, const mst_public_key *key, mst_plan *ret_plan, mst_errctx *ctx) MST_MUST_USE;
void mst_plan_done(mst_plan *plan);

#endif

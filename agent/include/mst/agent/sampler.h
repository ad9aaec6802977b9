#ifndef MST_AGENT_SAMPLER_H
#define MST_AGENT_SAMPLER_H

#include <mst/agent/collector.h>
#include <mst/proto/plan.h>

/* Runs the collectors that a plan names and turns what they give into definitions and samples. Lives on the loop thread. Opaque. */
typedef struct mst_sampler mst_sampler;

typedef struct mst_sampler_setup {
  const char *root; /* "/" */
  const mst_clock *clock;
  const char *const *forbidden; /* collectors that the host's own config forbids */
  size_t forbidden_count;
  const mst_allow *allow;                 /* what it lets a plan ask for; borrowed for life. NULL: nothing */
  const mst_collector *const *collectors; /* NULL: mst_collectors; tests hand in their own. Borrowed for life */
  size_t collector_count;
  const uint8_t *fingerprint_key; /* 32 bytes; copied. NULL: a key of this run */
  mst_bytes saved;                /* what mst_sampler_save gave for the last report that is durable; empty: nothing. For the call */
} mst_sampler_setup;

/* MST_EMALFORMED: saved is none of its own. */
mst_err mst_sampler_create(const mst_sampler_setup *setup, mst_sampler **ret_sampler, mst_errctx *ctx) MST_MUST_USE;
void mst_sampler_destroy(mst_sampler *sampler);

/* Puts a plan's collectors in force; NULL: the base plan (every collector that is no module's, default options, every report). Collectors
 * whose entry did not change go on undisturbed with their state. An unknown or forbidden collector becomes a state series
 * muster.collector.status{collector=NAME, instance=NAME if it has one} with "unknown"/"forbidden", others "ok", "absent: why" or "error:
 * why". The plan is not kept. Until the first call nothing is in force. MST_EMALFORMED: the plan names a collector and instance twice;
 * MST_ELIMIT, MST_ENOMEM. On failure what was in force stays so. */
mst_err mst_sampler_apply(mst_sampler *sampler, const mst_plan *plan, mst_errctx *ctx) MST_MUST_USE;

/* Takes all samples that are due. `at` is put on them by the caller. A series known from before that a working collector no longer gives is
 * written as ABSENT; all series of a collector that failed as ERROR with its reason. Writes samples into writer (which the caller reset).
 * A collector that took longer than its deadline is said to be in error, but what it measured stands. Fails only when the writer does or
 * memory is out. */
mst_err mst_sampler_tick(mst_sampler *sampler, mst_report_writer *writer, mst_errctx *ctx) MST_MUST_USE;

/* Appends what collectors save with the samples of the last tick; nothing when none ever saved. At most MST_SAVED_MAX_BYTES. */
mst_err mst_sampler_save(const mst_sampler *sampler, mst_buf *ret_saved, mst_errctx *ctx) MST_MUST_USE;

/* Series defined so far this session; ids 0 .. count-1. Definitions never change and never go away in a session. */
uint32_t mst_sampler_series_count(const mst_sampler *sampler);
/* id below the count. Texts live as long as the sampler, the struct until the next call: copy it. */
const mst_series *mst_sampler_series_at(const mst_sampler *sampler, uint32_t id);
/* The collector that gives it, for --once and messages. */
const char *mst_sampler_series_collector(const mst_sampler *sampler, uint32_t id);

/* For each collector in force: its name, state ("ok", "absent", "error", "forbidden", "unknown"), reason, duration of its last run and
 * signals; for --once and for saying once what cannot be read. */
typedef struct mst_collector_state {
  const char *name;          /* "cpu", "tail/genesis" */
  const mst_collector *kind; /* NULL: unknown */
  const char *state;
  const char *reason; /* "" when ok */
  int64_t last_run_ns;
} mst_collector_state;
size_t mst_sampler_collector_count(const mst_sampler *sampler);
mst_collector_state mst_sampler_collector_at(const mst_sampler *sampler, size_t index);

#endif

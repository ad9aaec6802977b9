#ifndef MST_AGENT_COLLECTOR_H
#define MST_AGENT_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/agent/allow.h>
#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/err.h>
#include <mst/common/hist.h>
#include <mst/proto/report.h>

enum { MST_COLLECTOR_SAVED_MAX_BYTES = 48 * 1024 }; /* some 300 followed files */

/* A signal that a collector can give. Const, named by OpenTelemetry's semantic conventions ("system.cpu.time"), "muster." where these have
 * no name. */
typedef struct mst_signal {
  const char *name;
  mst_signal_kind kind;
  const char *unit; /* UCUM: "1", "s", "By", "{operation}" */
  const char *help;
} mst_signal;

typedef struct mst_tag {
  const char *key, *value; /* borrowed for the call */
} mst_tag;

/* Where a collector puts what it measured; valid during one sample() call on the loop thread. Values are copied. */
typedef struct mst_sink mst_sink;

/* tags: at most MST_SERIES_LABELS_MAX, any order, unique keys. start_at: for counters, since when they count; {0} elsewhere.
 * Label values and states are cut at their limits, and what is no valid UTF-8 in them becomes '?'.
 * MST_ELIMIT: more series than MST_SERIES_MAX (counted and said once); MST_EMALFORMED: value not finite, or a counter below zero;
 * MST_EEXIST: given before in this run, or another collector's; MST_EUSAGE: labels or kind of signal are wrong. */
mst_err mst_sink_gauge(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, double value,
                       mst_errctx *ctx) MST_MUST_USE;
mst_err mst_sink_counter(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, mst_wall start_at, double value,
                         mst_errctx *ctx) MST_MUST_USE;
mst_err mst_sink_state(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *state,
                       mst_errctx *ctx) MST_MUST_USE;
mst_err mst_sink_distribution(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const mst_hist *hist,
                              mst_errctx *ctx) MST_MUST_USE;
/* A thing that should be there and could not be read; the rest of the collector's signals go on. */
mst_err mst_sink_error(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason,
                       mst_errctx *ctx) MST_MUST_USE;

/* A thing that is not there just now: what it gives is not missing but has no value. */
mst_err mst_sink_absent(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason,
                        mst_errctx *ctx) MST_MUST_USE;

/* Options of a collector as the plan gives them: key -> values. Owned by whoever made them; borrowed from open() until close() has
 * returned. Only keys that the collector's `options` name come here. */
typedef struct mst_option {
  const char *key;
  const char *const *values;
  size_t value_count;
} mst_option;

typedef struct mst_collector_env {
  const char *instance; /* what the plan calls this one of several of a kind (a tail's name); "" for the only one. Borrowed until close() */
  mst_bytes saved;      /* what save() gave for the last report of this name and instance that is durable; empty: nothing. For the call */
  int root_fd;          /* the root below which proc/, sys/, etc/ are opened: "/" or a test's tree */
  const mst_clock *clock; /* borrowed for the life of the collector */
  mst_wall boot_at; /* when this host came up, read once a session so that it never flickers; 0: not known. The start of most counters */
  const uint8_t *fingerprint_key; /* 32 bytes of this host's own, that secrets are told apart by without being known; borrowed for life */
  const mst_allow *allow;         /* what this host's own configuration lets a plan ask for; borrowed for life. NULL: nothing */
  const mst_option *options;
  size_t option_count;
} mst_collector_env;
/* The values of an option or, when the plan gives none, NULL and 0. */
const mst_option *mst_collector_option(const mst_collector_env *env, const char *key);

typedef struct mst_option_help {
  const char *key, *default_text, *help;
} mst_option_help;

/* One kind of measurement. One file each in agent/collectors/, one line in agent/collectors/table.c. Const.
 * All functions run on the agent's loop thread, sample at most once at a time; none may block longer than deadline_ns. */
typedef struct mst_collector {
  const char *name;
  const char *help;
  int64_t deadline_ns;
  const mst_signal *signals;
  size_t signal_count;
  const mst_option_help *options;
  size_t option_count;
  /* MST_EABSENT: this host has no such thing (no PSI, no swap): said once, signals are simply not defined. Others: the reason is reported.
   * A failed open is tried again every minute. */
  mst_err (*open)(const mst_collector_env *env, void **ret_state, mst_errctx *ctx);
  mst_err (*sample)(void *state, mst_sink *sink, mst_errctx *ctx);
  void (*close)(void *state);
  /* NULL: nothing of it outlives the agent. Otherwise called after each sample() that succeeded: appends what belongs to exactly the values
   * that were just given, at most MST_COLLECTOR_SAVED_MAX_BYTES. It is written in one record with them: after a crash the collector goes on
   * from what was kept together with its values, so that nothing counts twice. */
  mst_err (*save)(void *state, mst_buf *ret_saved, mst_errctx *ctx);
  /* NULL, or: writes an error with this reason for each series that checks ask it for, when it is forbidden or could not be opened; so a
   * check finds the reason, and "hosts: measuring" does not pass the host over. */
  mst_err (*withhold)(const mst_collector_env *env, const char *reason, mst_sink *sink, mst_errctx *ctx);
  /* NULL: built in. Otherwise the four functions are NULL here and come from the shared object of that name (module.h), which is loaded
   * when a plan first asks for it, so that its libraries cost other hosts nothing. Of what stands there only name and functions count. */
  const char *module;
  bool needs_options; /* built in, but nothing to do unless a plan tells it what: not in the base plan */
} mst_collector;

/* The table of all collectors, in the order of their names; mst_collectors_count entries. */
extern const mst_collector *const mst_collectors[];
extern const size_t mst_collectors_count;
const mst_collector *mst_collector_find(const char *name);

#endif

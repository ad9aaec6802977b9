#ifndef MST_PROBES_PROBE_H
#define MST_PROBES_PROBE_H

#include <stdbool.h>

#include <uv.h>

#include <mst/agent/collector.h>
#include <mst/proto/probe.h>

/* How one kind of probe measures. A kind is one file here and one line in kinds.c; what it is called and told is in proto/probes/.
 *
 * All attempts of all probes run on one thread with one loop: none may block. A kind that cannot but block (a file on a dead mount, a
 * driver) hands its work to mst_probe_work. The prober, not the kind, keeps the time limit, repeats, and publishes. */

/* One attempt. Valid from begin() until mst_probe_pass or mst_probe_fail is called, or stop() is: the kind must not use it afterwards. */
typedef struct mst_probe_attempt mst_probe_attempt;

enum { MST_PROBE_STEP_BYTES = 32 };

/* The options of one probe as the plan gives them, borrowed from open() until close() has returned. Reading them never fails: the plan was
 * checked by the same table when it was opened. */
typedef struct mst_probe_options {
  const char *name; /* the probe's */
  const mst_probe_schema *schema;
  const mst_option *options;
  size_t option_count;
  int64_t timeout_ns; /* of one attempt */
  int root_fd;        /* below which files of this host are opened: "/" or a test's tree */
  const mst_clock *clock;
  const mst_allow *allow;          /* what this host's own configuration allows; NULL: nothing */
  char step[MST_PROBE_STEP_BYTES]; /* "" or, of one step's options, "steps.1." */
} mst_probe_options;

typedef struct mst_probe_kind {
  const mst_probe_schema *schema;
  /* Reads its options once; what it makes is finished with close(). Agent's loop thread; may not block. NULL: it needs none. */
  mst_err (*open)(const mst_probe_options *options, void **ret_config, mst_errctx *ctx);
  void (*close)(void *config);
  /* Begins an attempt; it ends with one call of mst_probe_pass or mst_probe_fail, now or later. Returns what stop() is to be called with.
   * Prober's thread. */
  void *(*begin)(void *config, mst_probe_attempt *attempt);
  /* The attempt's time is over, or the prober ends: lets go of all it holds, at once or in callbacks of handles that it closes (the loop
   * runs until none is left), and calls nothing of the attempt. Not called after pass or fail: the kind lets go of everything itself then.
   */
  void (*stop)(void *state);
  /* NULL, or: after the time limit has passed without an answer, this decides in place of "no answer": a port that must not be reachable
   * passes by silence. Called before stop(); calls mst_probe_pass or returns. */
  void (*take_silence)(void *state, mst_probe_attempt *attempt);
} mst_probe_kind;

/* ---- options ---- */

/* The option's text or its default; NULL when there is neither. */
const char *mst_probe_text(const mst_probe_options *options, const char *key);
/* values and count as they came over the wire: of a list its texts, of a map name, text, name, text. *ret_values stays the options'. */
size_t mst_probe_texts(const mst_probe_options *options, const char *key, const char *const **ret_values);
/* Index among the schema's choices. */
int mst_probe_choice(const mst_probe_options *options, const char *key);
bool mst_probe_flag(const mst_probe_options *options, const char *key);
/* 0 when it is not given and has no default; has() tells that apart from a 0. Integers, numbers; durations in ns, sizes in bytes. */
double mst_probe_number(const mst_probe_options *options, const char *key);
int64_t mst_probe_duration(const mst_probe_options *options, const char *key);
int64_t mst_probe_size(const mst_probe_options *options, const char *key);
bool mst_probe_has(const mst_probe_options *options, const char *key);

/* How many steps an option of type MST_PROBE_STEPS has, and one of them (from 1 on) as options of its own: read it by the same functions.
 */
size_t mst_probe_step_count(const mst_probe_options *options, const char *key);
mst_probe_options mst_probe_step(const mst_probe_options *options, const char *key, size_t number);

enum { MST_PROBE_SECRET_MAX_BYTES = 8192 };
/* What env:NAME or file:PATH stands for on this host, read now, without the line's end. Owned by the caller, who wipes it with
 * mst_probe_secret_done. MST_EPERM: the host's configuration does not allow it (allow.secrets). MST_EABSENT, MST_EIO, MST_ELIMIT. No
 * reason holds any of it. Any thread; a file may be slow, so that those of the agent and of the prober had better not. */
mst_err mst_probe_secret_read(const mst_probe_options *options, const char *reference, char **ret_secret, mst_errctx *ctx) MST_MUST_USE;
/* NULL is fine. */
void mst_probe_secret_done(char *secret);

/* Cuts " as UNIT" off the end of a text that says where a figure is found. *ret_unit: of mst_probe_units; "1" when none stands there.
 * MST_EUSAGE: another unit. Any thread. */
mst_err mst_probe_unit_cut(char *text, const char **ret_unit, mst_errctx *ctx) MST_MUST_USE;

/* Turns \r \n \t \0 \\ \xHH into bytes. MST_EUSAGE: another escape. ret_data: at least strlen(text) bytes. */
mst_err mst_probe_unescape(const char *text, char *ret_data, size_t *ret_bytes, mst_errctx *ctx) MST_MUST_USE;

/* ---- during an attempt; prober's thread ---- */

uv_loop_t *mst_probe_loop(const mst_probe_attempt *attempt);
/* The time on the loop's monotonic clock, and how long the attempt may still take; at least 0. */
int64_t mst_probe_elapsed_ns(const mst_probe_attempt *attempt);
int64_t mst_probe_left_ns(const mst_probe_attempt *attempt);
/* What it is doing from now on, "connect to 127.0.0.1:6379": the beginning of the reason when the time is over. */
void mst_probe_doing(mst_probe_attempt *attempt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The time since the attempt began, or since the last phase, was the named phase of the schema. */
void mst_probe_phase(mst_probe_attempt *attempt, const char *phase);
/* The same with a length that was measured elsewhere. */
void mst_probe_phase_took(mst_probe_attempt *attempt, const char *phase, int64_t took_ns);
/* Figures and texts of the schema's fields; the last one given counts. Those of an attempt that fails are given as well: a limit that was
 * missed is better shown with how far. Not finite: left out. */
void mst_probe_value(mst_probe_attempt *attempt, const char *field, double value);
/* The same for a field whose unit the plan says; one of mst_probe_units. */
void mst_probe_value_in(mst_probe_attempt *attempt, const char *field, double value, const char *unit);
void mst_probe_state(mst_probe_attempt *attempt, const char *field, const char *text);
/* A series that the probe read elsewhere, given as muster.scrape.value, or, when it counts, as muster.scrape.total since start_at: told
 * apart by metric= and its labels. Each once an attempt. False: over MST_PROBE_SERIES_MAX, or there before, or no memory. */
enum { MST_PROBE_SERIES_LABELS_MAX = 12, MST_PROBE_SERIES_MAX = 400 };
bool mst_probe_series(mst_probe_attempt *attempt, const char *metric, const mst_tag *labels, size_t label_count, double value);
bool mst_probe_total(mst_probe_attempt *attempt, const char *metric, const mst_tag *labels, size_t label_count, mst_wall start_at,
                     double value);
/* The duration that counts, where it is not the whole attempt (a load probe's, a scenario's one step). */
void mst_probe_took(mst_probe_attempt *attempt, int64_t took_ns);

void mst_probe_pass(mst_probe_attempt *attempt);
/* The reason is for a person: what was being done, with what, what went wrong. "connect to 127.0.0.1:6379: refused". */
void mst_probe_fail(mst_probe_attempt *attempt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- work that blocks ---- */

/* What a kind hands to a thread of its own. `work` runs there and may block; it must not touch the attempt, only what `arg` holds. `done`
 * runs on the prober's thread afterwards; attempt is NULL when it ended before (its time was over): then only arg is to be freed. A thread
 * that hangs costs its stack and stays until what it waits for lets go; the probe is not begun anew meanwhile. */
typedef struct mst_probe_job mst_probe_job;
/* NULL: no thread could be had, and the attempt has failed with the reason; arg is the caller's still. */
mst_probe_job *mst_probe_work(mst_probe_attempt *attempt, void (*work)(void *arg), void (*done)(void *arg, mst_probe_attempt *attempt),
                              void *arg);
/* For stop(): done will be called with NULL. */
void mst_probe_work_abandon(mst_probe_job *job);

/* ---- names ---- */

/* kinds.c; NULL: this agent has none of that name. May load the module that has it; *ret_kind is const and stays. MST_EIO. */
mst_err mst_probe_kind_find(const char *name, const mst_probe_kind **ret_kind, mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_AGENT_MODULES_TAIL_STATE_H
#define MST_AGENT_MODULES_TAIL_STATE_H

/* A followed log within the agent. Shared by the tail's own files only. */
#include <pthread.h>

#include <mst/agent/collector.h>
#include <mst/tails/follow.h>
#include <mst/tails/journal.h>
#include <mst/tails/scan.h>

enum {
  MST_TAIL_PATHS_MAX = 32, /* files whose bytes are counted apart; those of the rest come together */
  MST_TAIL_PATH_BYTES = 200,
  MST_TAIL_SECRETS_MAX = 32, /* different secrets that are told apart; the rest counts under rule=secret all the same */
  MST_TAIL_RULE_NAME_BYTES = 65,
  MST_TAIL_TEXT_BYTES = MST_ERRCTX_TEXT_BYTES,
};

/* What a rule is called and how it looks for it: a rule that is changed counts anew. */
typedef struct mst_tail_rule {
  char name[MST_TAIL_RULE_NAME_BYTES];
  uint8_t print[8];
  mst_wall since;
} mst_tail_rule;

typedef struct mst_tail_path {
  char path[MST_TAIL_PATH_BYTES];
  mst_wall since; /* when it was met: it counts from nothing, although the log has been followed for longer */
  uint64_t bytes;
} mst_tail_path;

typedef struct mst_tail_secret {
  const char *pattern; /* static */
  uint8_t print[MST_SCAN_PRINT_BYTES];
  uint16_t path;  /* index; MST_TAIL_PATHS_MAX: one of the rest */
  mst_wall since; /* when it was found first */
  uint64_t count;
} mst_tail_secret;

/* All that is counted. It is saved together with the positions, so that it goes on after a restart. */
typedef struct mst_tail_totals {
  mst_wall first_since; /* when the log was first followed */
  mst_wall since;       /* from when on all was read: later than first_since when something was lost */
  mst_scan_counts scan;
  uint64_t cut_lines;
  uint64_t rotations, lost, skipped_bytes; /* since first_since */
  uint32_t rule_count;
  mst_tail_rule rules[MST_SCAN_RULES_MAX];
  uint32_t path_count;
  mst_tail_path paths[MST_TAIL_PATHS_MAX + 1]; /* the last one is for the rest */
  uint32_t secret_count;
  mst_tail_secret secrets[MST_TAIL_SECRETS_MAX];
} mst_tail_totals;

/* What the worker has found out, as of one moment. */
typedef struct mst_tail_view {
  bool is_ready;
  mst_tail_totals totals;
  mst_follow_stats stats;
  int64_t cpu_ns;
  bool is_behind;
  char broken[MST_TAIL_TEXT_BYTES]; /* why the totals began anew; "" */
  char failed[MST_TAIL_TEXT_BYTES]; /* why nothing is read; "" */
  mst_buf saved;
} mst_tail_view;

struct mst_tail_source;

typedef struct mst_tail_options {
  const struct mst_tail_source *source;
  bool secrets, pii;
  mst_scan_setup scan;
  mst_scan_rule rules[MST_SCAN_RULES_MAX];
  const char *names[MST_SCAN_FIELDS][MST_SCAN_NAMES_MAX + 1];
  mst_follow_setup follow;   /* when it is of files */
  mst_journal_setup journal; /* when it is of a journal */
  double cpu_share;
  uint64_t backlog_max_bytes;
} mst_tail_options;

/* Where the lines of a tail come from: files, or a journal, which stands in a module of its own (docs/adr/0044). Const. What the functions
 * do is said in follow.h; the worker's thread calls them. */
typedef struct mst_tail_source {
  mst_err (*create)(const mst_tail_options *options, mst_bytes saved, void **ret_source, mst_errctx *ctx);
  void (*destroy)(void *source);
  mst_err (*refresh)(void *source, mst_errctx *ctx);
  mst_err (*read)(void *source, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes, mst_errctx *ctx);
  uint64_t (*skip)(void *source, uint64_t leave_bytes);
  void (*get_stats)(const void *source, mst_follow_stats *ret_stats);
  mst_err (*save)(void *source, mst_buf *ret_saved, mst_errctx *ctx);
} mst_tail_source;
extern const mst_tail_source mst_tail_files; /* tail_files.c */
/* What the module "journal" exports under the name mst_tail_journal. */
extern const mst_tail_source mst_tail_journal;

typedef struct mst_tail {
  mst_collector_env env; /* as it was opened with; its texts are borrowed until close() */
  mst_tail_options options;
  mst_wall opened_at;
  mst_buf before; /* what was saved before; given until there is something newer */

  /* The worker's. */
  const mst_tail_source *kind;
  void *source; /* owned, of that kind */
  mst_scanner *scanner;
  mst_tail_totals totals;
  uint64_t seen_rotations, seen_lost;
  char broken[MST_TAIL_TEXT_BYTES];
  mst_mono behind_since; /* 0: it has caught up */
  mst_scan_job job;
  uint16_t path; /* of what is being scanned */

  pthread_t thread;
  bool has_thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool is_stopping;        /* under lock */
  mst_tail_view published; /* under lock */

  mst_tail_view given; /* loop thread: of the last sample */
} mst_tail;

/* tail_options.c: fills options from what the plan says. MST_EUSAGE names the option that is wrong; MST_EIO: the module that reads journals
 * cannot be loaded. */
mst_err mst_tail_options_read(const mst_collector_env *env, mst_tail_options *ret_options, mst_errctx *ctx) MST_MUST_USE;

/* tail_totals.c */
void mst_tail_totals_begin(mst_tail_totals *totals, const mst_tail_options *options, mst_wall at);
/* Something was lost: what counts from its beginning counts anew. */
void mst_tail_totals_renew(mst_tail_totals *totals, mst_wall at);
mst_err mst_tail_totals_save(const mst_tail_totals *totals, mst_buf *ret_saved, mst_errctx *ctx) MST_MUST_USE;
/* Takes what was saved, for rules that are still the same; *ret_positions: what stands behind it. MST_EMALFORMED. */
mst_err mst_tail_totals_load(mst_tail_totals *totals, mst_bytes saved, mst_bytes *ret_positions, mst_errctx *ctx) MST_MUST_USE;

/* tail_worker.c: the thread. */
void *mst_tail_work(void *tail);
void mst_tail_view_done(mst_tail_view *view);
/* Takes over what is published. Loop thread. */
mst_err mst_tail_view_take(mst_tail *tail, mst_errctx *ctx) MST_MUST_USE;

/* tail_give.c: writes the samples of tail->given. */
mst_err mst_tail_give(const mst_tail *tail, mst_sink *sink, mst_errctx *ctx) MST_MUST_USE;

#endif

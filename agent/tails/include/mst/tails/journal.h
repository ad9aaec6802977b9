#ifndef MST_TAILS_JOURNAL_H
#define MST_TAILS_JOURNAL_H

#include <mst/tails/follow.h>

/* Follows a systemd journal and hands out each entry once, also over restarts: whoever owns the reader saves its position together with
 * what was counted up to it. Gives and says the same things as a follower of files (follow.h). Blocks on the disk; one thread at a time.
 * Opaque.
 *
 * All entries are read, and those that do not fit are passed over here: so the position is always near the newest entry, and is gone only
 * when something newer than what was read last may be gone with it. */
typedef struct mst_journal mst_journal;

enum {
  MST_JOURNAL_PATTERNS_MAX = 32, /* units, and as many identifiers */
  MST_JOURNAL_PRIORITY_DEBUG = 7 /* the least urgent of syslog's priorities */
};

typedef struct mst_journal_setup {
  int root_fd;                    /* the folder that paths begin at; borrowed for life */
  const char *path;               /* absolute: a folder of journal files; NULL: the host's own journal. Borrowed for the call */
  const char *const *units;       /* shell patterns; "nginx" stands for nginx.service. Borrowed for life */
  size_t unit_count;              /* 0 .. MST_JOURNAL_PATTERNS_MAX; 0: entries of all units, and those of none */
  const char *const *identifiers; /* shell patterns of SYSLOG_IDENTIFIER; borrowed for life */
  size_t identifier_count;        /* 0 .. MST_JOURNAL_PATTERNS_MAX; 0: any */
  int priority_max;               /* 0 (emerg) .. 7 (debug): entries of this or a more urgent one, and those without */
  bool from_start;                /* begin at the oldest entry of a journal that is there when it is first met, and not behind its newest */
  size_t line_max_bytes;          /* longer texts are cut */
  const mst_clock *clock;         /* borrowed for life */
  mst_bytes saved;                /* of mst_journal_save; empty: the first start. Borrowed for the call */
} mst_journal_setup;

/* MST_EMALFORMED: saved is no save of a journal; create it without. MST_EUSAGE: too many patterns, or no absolute path. */
mst_err mst_journal_create(const mst_journal_setup *setup, mst_journal **ret_journal, mst_errctx *ctx) MST_MUST_USE;
void mst_journal_destroy(mst_journal *journal);

/* Opens the journal when it is not open, and takes note of files that came and went. Why it cannot be read is said in `trouble` of the
 * stats and tried again by the next refresh. MST_ENOMEM. */
mst_err mst_journal_refresh(mst_journal *journal, mst_errctx *ctx) MST_MUST_USE;

/* Hands out what waits, in the order of the journal, until most_bytes or some thousand entries were read. A block is one entry's MESSAGE
 * with a newline behind it (is_entry), a JSON text on one line. is_end: it is a record by itself; otherwise it is a line of a stream (a
 * service's output), and user is that stream's own, at most 64 streams at once. path: "journal:UNIT"; of what belongs to no unit,
 * "journal:" and how it came (kernel, syslog, ...).
 *
 * ret_read_bytes  0 when nothing more can be handed out before the next refresh; what was passed over counts, too
 *
 * MST_ENOMEM  the entry at which it happened is passed over: it is lost, which the caller has to say */
mst_err mst_journal_read(mst_journal *journal, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes,
                         mst_errctx *ctx) MST_MUST_USE;
/* Gives up all that waits, when that is estimated to be over leave_bytes, and goes on behind it. Returns the bytes given up, estimated.
 * They count as lost. */
uint64_t mst_journal_skip(mst_journal *journal, uint64_t leave_bytes);

/* families: 1 while a journal is open, else 0. files, rotated_files: active and archived journal files. rotations: always 0, a journal's
 * are not counted. unread_bytes: estimated from the number of entries that wait and the mean size of those that were read. appended_at: of
 * the newest entry that fits and was read. lost_bytes: 0 but for those that were skipped; nobody knows how much a vacuumed file held. */
void mst_journal_get_stats(const mst_journal *journal, mst_follow_stats *ret_stats);

/* Appends the position, some 2 KiB. MST_ELIMIT: it does not fit into what ret_saved may hold. */
mst_err mst_journal_save(const mst_journal *journal, mst_buf *ret_saved, mst_errctx *ctx) MST_MUST_USE;

#endif

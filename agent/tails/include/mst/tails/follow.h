#ifndef MST_TAILS_FOLLOW_H
#define MST_TAILS_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/err.h>
#include <mst/proto/cursor.h>

/* Follows the log files that patterns fit, through rotation by rename and by copytruncate, and hands out each line once, also over
 * restarts: whoever owns a follower saves its positions together with what was counted up to them. Blocks on the disk; one thread at a
 * time. Opaque.
 *
 * A family is a live path and its rotated siblings (app.log: app.log.1, app.log-20261123, app-2026-11-23.log). A file is known by its
 * device and inode and by fingerprints of its first bytes and of those before the position, since inode numbers are used again at once. */
typedef struct mst_follow mst_follow;

enum {
  MST_FOLLOW_GLOBS_MAX = 32,
  MST_FOLLOW_FILES_MAX = 256, /* live ones: their positions, with 64 bytes of user each, fit into a collector's save */
  MST_FOLLOW_FAMILIES_MAX = 1024,
  MST_FOLLOW_USER_BYTES = 64,
  MST_FOLLOW_BLOCK_BYTES = 256 * 1024, /* what is handed out at once, unless a line is longer */
  MST_FOLLOW_REASON_BYTES = MST_ERRCTX_TEXT_BYTES,
};

typedef struct mst_follow_setup {
  int root_fd;              /* the folder that absolute patterns begin at; borrowed for life */
  const char *const *globs; /* absolute; borrowed for the call */
  size_t glob_count;        /* 1 .. MST_FOLLOW_GLOBS_MAX */
  bool from_start;          /* begin at the start of files that are there when they are first met, and not at their end */
  uint32_t files_max;       /* live files, 1 .. MST_FOLLOW_FILES_MAX; those beyond are not followed, and counted as left_out */
  size_t line_max_bytes;    /* longer lines are cut; one that fits into a block with others may be handed out whole */
  const mst_clock *clock;   /* borrowed for life */
  mst_bytes saved;          /* of mst_follow_save; empty: the first start. Borrowed for the call */
} mst_follow_setup;

/* MST_EMALFORMED: saved is no save of a follower; create it without. MST_EUSAGE: no absolute pattern, or too many. MST_EIO: no /proc. */
mst_err mst_follow_create(const mst_follow_setup *setup, mst_follow **ret_follow, mst_errctx *ctx) MST_MUST_USE;
void mst_follow_destroy(mst_follow *follow);

/* Looks for new, grown, rotated and vanished files. What cannot be read of them is said in `trouble` of the stats and tried again by the
 * next refresh. MST_ENOMEM: as much as was found stays as it was. */
mst_err mst_follow_refresh(mst_follow *follow, mst_errctx *ctx) MST_MUST_USE;

/* Whole lines. The last lacks its newline only when is_end or is_cut. Borrowed for the call. */
typedef struct mst_follow_block {
  const char *path; /* the live path of the family */
  uint32_t family;  /* 0 .. families - 1; stays the same for as long as something is left of the family */
  void *user;       /* MST_FOLLOW_USER_BYTES of the file's own, zeroed for a new file, saved with the position */
  const char *data;
  size_t size_bytes; /* 0 only with is_end */
  bool is_end;       /* the file was rotated and is finished: what was open in it is over. Again, when its writer wrote to it after that */
  bool is_cut;       /* one line, which is longer and was cut */
  bool is_entry;     /* of a journal (journal.h): the lines are one entry */
  uint8_t entry_level; /* mst_log_level that came with it; MST_LEVEL_UNKNOWN: none */
} mst_follow_block;
/* Must not call the follower. */
typedef void (*mst_follow_deliver)(void *arg, const mst_follow_block *block);

/* Hands out what waits, the oldest of each family first, until most_bytes were read: at most a line and a block more.
 *
 * ret_read_bytes  read from the disk: 0 when nothing more can be handed out before the next refresh
 *
 * MST_ENOMEM  what was handed out stays so */
mst_err mst_follow_read(mst_follow *follow, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes,
                        mst_errctx *ctx) MST_MUST_USE;
/* Gives up the oldest of what waits until at most leave_bytes do, in the logs in which most waits; goes on at the beginning of a line, with
 * the user bytes zeroed. Returns the bytes given up; they count as lost. */
uint64_t mst_follow_skip(mst_follow *follow, uint64_t leave_bytes);

typedef struct mst_follow_stats {
  uint32_t families, files;              /* live paths that were met; live files there now */
  uint32_t rotated_files;                /* siblings there now, compressed ones too */
  uint32_t left_out;                     /* files over files_max */
  uint64_t unread_bytes;                 /* as of the last refresh or read; a line that is not whole yet does not count */
  uint64_t rotations, lost_events;       /* since the follower was created */
  uint64_t appended_bytes;               /* what files were seen to grow, since then; skipped and lost bytes are part of it */
  uint64_t lost_bytes, skipped_bytes;    /* known to be lost; of them those that were given up */
  mst_wall appended_at;                  /* newest change of a live file; 0: none is there */
  char lost[MST_FOLLOW_REASON_BYTES];    /* what the last loss was; "" while there was none */
  char trouble[MST_FOLLOW_REASON_BYTES]; /* why a file is not read now; "" when all are */
} mst_follow_stats;
void mst_follow_get_stats(const mst_follow *follow, mst_follow_stats *ret_stats);
/* Live path of a family. */
const char *mst_follow_path(const mst_follow *follow, uint32_t family);

/* Appends the positions: at most some 40 KiB; over that the oldest finished files are left out, which their time tells to have been read.
 * MST_ELIMIT: it does not fit into what ret_saved may hold. */
mst_err mst_follow_save(mst_follow *follow, mst_buf *ret_saved, mst_errctx *ctx) MST_MUST_USE;

#endif

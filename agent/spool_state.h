#ifndef MST_AGENT_SPOOL_STATE_H
#define MST_AGENT_SPOOL_STATE_H

/* Shared by the spool's own files only. */
#include "ledger.h"
#include "spool.h"
#include "spool_journal.h"
#include "spool_ranges.h"
#include "spool_segment.h"

typedef struct mst_spool_session {
  bool is_used;
  bool is_current;
  mst_session_id id;
  mst_ranges settled;
  mst_ranges known; /* while opening: settled, and what was found in the files */
  uint64_t last;    /* highest sequence made */
  uint64_t samples; /* made up to it */
  size_t reports;   /* not settled */
  size_t others;    /* definitions and losses not settled */
  size_t losses;    /* of spool->losses, those of this session */
} mst_spool_session;

typedef struct mst_spool_loss {
  mst_session_id session;
  mst_range range;
  uint64_t carrier; /* id of the loss record's segment; 0: none yet */
} mst_spool_loss;

/* What is given up together: one journal write, one sync. */
typedef struct mst_loss_batch {
  mst_journal_entry *entries; /* owned */
  size_t count, capacity;
} mst_loss_batch;

struct mst_spool {
  mst_spool_setup setup;
  char *folder; /* owned */
  int lock_fd;
  mst_ledger ledger;
  mst_journal journal;
  bool is_journal_behind;    /* the disk refused an entry: only a rewrite makes it whole again */
  uint64_t compact_at_bytes; /* rewrite the journal when it is bigger */
  mst_segment **segments;    /* owned, by rising id */
  size_t segment_count, segment_capacity;
  mst_segment *active; /* borrowed: the reports file that is written to */
  mst_segment *memory; /* borrowed: reports that the disk did not take */
  uint64_t next_id, next_number;
  uint64_t segment_bytes;      /* size at which a reports file is full */
  uint64_t file_bytes;         /* of all segments on disk */
  mst_spool_session *sessions; /* owned; records name them by index */
  size_t session_count;
  size_t session_hint;
  mst_spool_loss *losses; /* owned */
  size_t loss_count, loss_capacity;
  uint64_t lost_records, lost_samples;
  uint64_t cut_bytes;
  bool is_folder_dirty;
  mst_buf saved;          /* with the last report on the disk */
  uint64_t saved_segment; /* id of the file that holds it and therefore stays; 0: none */
  struct {
    mst_session_id session;
    uint64_t sequence; /* 0: none */
    mst_buf bytes;
  } found; /* while opening: saved, and its report has not followed yet */
  char trouble[MST_ERRCTX_TEXT_BYTES];
};

/* spool_state.c */
bool mst_session_id_equal(const mst_session_id *a, const mst_session_id *b);
mst_err mst_spool_session_find(mst_spool *spool, const mst_session_id *id, bool add, uint32_t *ret_index, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_spool_segment_add(mst_spool *spool, mst_segment *segment, mst_errctx *ctx) MST_MUST_USE;
/* Index in spool->segments; segment_count when it is gone. */
size_t mst_spool_segment_find(const mst_spool *spool, uint64_t id);
/* Destroys a segment and removes its file. */
mst_err mst_spool_segment_remove(mst_spool *spool, size_t at, mst_errctx *ctx) MST_MUST_USE;
/* Adds to the journal; a refusal of the disk is remembered, not returned. */
void mst_spool_note(mst_spool *spool, const mst_journal_entry *entries, size_t count);
/* Rewrites the journal when it has grown or fallen behind. */
void mst_spool_compact(mst_spool *spool);
/* Lets go of what a session no longer needs. is_pressed: its definitions go although they were never stored. */
mst_err mst_spool_session_release(mst_spool *spool, uint32_t index, bool is_pressed, mst_errctx *ctx) MST_MUST_USE;
/* Takes a record out of the counts of its session and segment. */
void mst_spool_record_settle(mst_spool *spool, mst_segment *segment, size_t index);

/* spool_saved.c */
/* What was read from a file is saved with the record that comes next. */
mst_err mst_spool_saved_found(mst_spool *spool, const mst_record_image *image, mst_errctx *ctx) MST_MUST_USE;
/* That record came, in the segment of this id. */
void mst_spool_saved_confirm(mst_spool *spool, const mst_record_image *image, uint64_t segment);
/* Whether it must be written with the next report to this segment. */
bool mst_spool_saved_is_news(const mst_spool *spool, mst_bytes saved, const mst_segment *segment);
/* Whether the file that holds it has records of this session. */
bool mst_spool_saved_is_beside(const mst_spool *spool, uint32_t session);
/* It is in this segment now; the file that held it before goes when nothing waits in it. Failures make it be written once more, and the
 * file stay until the next start. */
void mst_spool_saved_keep(mst_spool *spool, mst_bytes saved, const mst_segment *segment);
/* A file that nothing waits in any more goes, unless it is being written to, holds definitions or what was saved last. */
mst_err mst_spool_drop_if_settled(mst_spool *spool, uint64_t id, mst_errctx *ctx) MST_MUST_USE;

/* spool_loss.c */
void mst_loss_batch_done(mst_loss_batch *batch);
mst_err mst_loss_batch_add(mst_loss_batch *batch, const mst_session_id *session, mst_range range, mst_errctx *ctx) MST_MUST_USE;
/* Counts, remembers and journals what is in the batch, durably when the setup asks for that. */
mst_err mst_spool_losses_commit(mst_spool *spool, const mst_loss_batch *batch, const char *reason, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_spool_losses_remember(mst_spool *spool, const mst_journal_entry *entry, mst_errctx *ctx) MST_MUST_USE;
void mst_spool_losses_forget(mst_spool *spool, const mst_session_id *session, const mst_range *range);
/* Marks the ranges that this loss envelope names as carried by the segment; is_reported: as done with. */
mst_err mst_spool_losses_carry(mst_spool *spool, const uint8_t *envelope, size_t size_bytes, uint64_t carrier, bool is_reported,
                               mst_errctx *ctx) MST_MUST_USE;
/* Gives up the waiting records of a segment that were made before `before_s` and takes them out of the counts. */
mst_err mst_spool_segment_lose(mst_spool *spool, mst_segment *segment, uint64_t before_s, const char *reason, mst_errctx *ctx) MST_MUST_USE;
/* Gives up reports, the oldest first, until `need_bytes` more fit. MST_ELIMIT when they cannot. */
mst_err mst_spool_make_room(mst_spool *spool, uint64_t need_bytes, mst_errctx *ctx) MST_MUST_USE;

/* spool_open.c */
mst_err mst_spool_load(mst_spool *spool, mst_errctx *ctx) MST_MUST_USE;

#endif

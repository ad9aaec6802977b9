#ifndef MST_AGENT_SPOOL_H
#define MST_AGENT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>
#include <mst/proto/report.h>

/* What is not acknowledged, on disk: bounded in size and age, crash-safe, and never silent about what it had to give up. Files and their
 * order of writing: docs/spool-format.md. Every call may block on the disk; one thread at a time (spooler.h puts it behind a queue).
 * Opaque. */
typedef struct mst_spool mst_spool;

enum {
  /* Of all collectors together: some 800 followed files. It is written with each report that changed it. */
  MST_SPOOL_SAVED_MAX_BYTES = 128 * 1024,
  /* Below this a few big reports would already push each other out. */
  MST_SPOOL_LEAST_BYTES = 256 * 1024,
  /* What waits in memory while the disk takes nothing: an hour and a half of reports of 2 KB every 10 s. */
  MST_SPOOL_MEMORY_BYTES = 1024 * 1024,
};

typedef struct mst_spool_setup {
  const char *folder; /* is made when it is not there */
  const char *ledger; /* NULL: none (ledger.h) */
  int64_t max_bytes;  /* of all files but the journal; >= MST_SPOOL_LEAST_BYTES */
  int64_t max_age_ns; /* older reports are given up by mst_spool_expire */
  bool sync;          /* false: a power cut may lose what was made last */
  const mst_clock *clock;
} mst_spool_setup;

/* Names a record for as long as the spool is open, also after it is gone. */
typedef struct mst_spool_handle {
  uint64_t segment;
  uint32_t index;
} mst_spool_handle;

typedef struct mst_spool_item {
  mst_spool_handle handle;
  mst_session_id session;
  uint64_t sequence;
  uint32_t samples;
  mst_envelope_kind kind;
  mst_wall made_at;
  uint8_t *envelope; /* owned by whoever holds the item */
  size_t size_bytes;
  uint8_t *saved; /* only on the way in, owned like the envelope: what collectors save with this report; NULL: nothing */
  size_t saved_bytes;
} mst_spool_item;

typedef enum mst_spool_order { MST_SPOOL_OLDEST, MST_SPOOL_NEWEST } mst_spool_order;

typedef struct mst_spool_stats {
  uint64_t records, bytes;             /* not settled, taken ones included */
  uint64_t waiting;                    /* of these, not taken */
  uint64_t lost_records, lost_samples; /* since the folder was made */
  uint64_t unreported;                 /* loss ranges that no loss record in the spool carries yet */
  uint64_t memory_records;             /* of records, those that the disk did not take */
  uint64_t cut_bytes;                  /* cut off as corrupt or half-written at the start */
} mst_spool_stats;

/* MST_EEXIST when another process holds the folder; MST_EIO. What is in the folder becomes the backlog; what its files once held and hold
 * no more is counted as lost. The caller destroys *ret_spool. */
mst_err mst_spool_open(const mst_spool_setup *setup, mst_spool **ret_spool, mst_errctx *ctx) MST_MUST_USE;
void mst_spool_destroy(mst_spool *spool);

/* Names the session whose definitions stay although no report of it waits. */
mst_err mst_spool_begin(mst_spool *spool, const mst_session_id *session, mst_errctx *ctx) MST_MUST_USE;
/* Keeps a record. Sequences of a session come without gaps, from 1; numbers that are left out count as lost records. item: everything but
 * handle is read; the envelope is copied. take: hand it out at once, so that mst_spool_take does not give it. When the disk refuses it, it
 * stays in memory (mst_spool_trouble says why), without what was saved with it; a loss record does not: MST_EIO, and its ranges stay to be
 * reported. MST_ESTATE for a sequence that was there. */
mst_err mst_spool_append(mst_spool *spool, const mst_spool_item *item, bool take, mst_spool_handle *ret_handle,
                         mst_errctx *ctx) MST_MUST_USE;
/* What collectors saved with the last report that is on the disk, or was when it was settled; empty: nothing. Borrowed until the next call
 * that changes the spool. */
mst_bytes mst_spool_saved(const mst_spool *spool);
/* Makes what was appended durable, if the setup asks for it. */
mst_err mst_spool_sync(mst_spool *spool, mst_errctx *ctx) MST_MUST_USE;
/* Counts the session's sequences up to this one as lost before they were ever kept (too big to send). */
mst_err mst_spool_lose(mst_spool *spool, const mst_session_id *session, uint64_t sequence, uint32_t samples, const char *reason,
                       mst_errctx *ctx) MST_MUST_USE;

/* Hands out a waiting record: definitions and losses first, then the newest or oldest report. MST_EABSENT: none waits. */
mst_err mst_spool_take(mst_spool *spool, mst_spool_order order, mst_spool_item *ret_item, mst_errctx *ctx) MST_MUST_USE;
/* Hands out definitions record number `nth` of a session, whatever its state. MST_EABSENT: there are no more. */
mst_err mst_spool_definitions(mst_spool *spool, const mst_session_id *session, size_t nth, mst_spool_item *ret_item,
                              mst_errctx *ctx) MST_MUST_USE;
/* A taken record waits again. Handles of records that are settled already are fine here and below. */
void mst_spool_return(mst_spool *spool, mst_spool_handle handle);
/* A record is stored by the controller. An error is one of the disk; the record counts as settled all the same. */
mst_err mst_spool_acknowledge(mst_spool *spool, mst_spool_handle handle, mst_errctx *ctx) MST_MUST_USE;
/* A record will never be stored: it becomes a loss to be reported. A loss record that is given up takes its ranges with it. */
mst_err mst_spool_give_up(mst_spool *spool, mst_spool_handle handle, const char *reason, mst_errctx *ctx) MST_MUST_USE;
/* Gives up the reports that are older than the setup allows. */
mst_err mst_spool_expire(mst_spool *spool, mst_errctx *ctx) MST_MUST_USE;

/* The loss ranges that no loss record carries: at most MST_LOSS_RANGES_MAX. A loss record that is appended carries the ranges that it
 * names. */
uint32_t mst_spool_losses(const mst_spool *spool, mst_loss_range ret_ranges[static MST_LOSS_RANGES_MAX]);

mst_spool_stats mst_spool_get_stats(const mst_spool *spool);
/* Why the disk takes nothing; "" while it does. */
const char *mst_spool_trouble(const mst_spool *spool);

#endif

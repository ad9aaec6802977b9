#ifndef MST_AGENT_SPOOL_SEGMENT_H
#define MST_AGENT_SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>
#include <mst/proto/envelope.h>

/* One file of the spool: a header and records, one after the other. docs/spool-format.md describes it to the byte.
 * Blocks; one thread at a time. */
enum {
  MST_SEGMENT_HEADER_BYTES = 8,
  MST_RECORD_HEADER_BYTES = 64,
  MST_RECORD_MAX_BYTES = MST_RECORD_HEADER_BYTES + MST_ENVELOPE_MAX_BYTES,
};

typedef enum mst_segment_kind {
  MST_SEGMENT_REPORTS,     /* reports of any session, in the order in which they were made */
  MST_SEGMENT_DEFINITIONS, /* the definitions of one session */
  MST_SEGMENT_LOSS,        /* one loss record */
} mst_segment_kind;

typedef enum mst_record_state {
  MST_RECORD_WAITING,
  MST_RECORD_TAKEN,   /* handed out to be sent, no answer yet */
  MST_RECORD_SETTLED, /* stored, or given up and counted */
} mst_record_state;

/* The spool's memory of one record: 40 bytes, so that 72 hours of reports stay near 1 MB. */
typedef struct mst_record {
  uint64_t sequence;
  uint64_t samples_before; /* samples of the session before this record */
  uint32_t offset;         /* of its header in the file */
  uint32_t size_bytes;     /* of the envelope */
  uint32_t samples;
  uint32_t made_at_s; /* Unix seconds */
  uint32_t session;   /* index into the spool's sessions */
  uint8_t kind;       /* mst_envelope_kind */
  uint8_t state;      /* mst_record_state */
} mst_record;

typedef struct mst_segment {
  uint64_t id;     /* of this run; rising */
  uint64_t number; /* in the name of a reports file */
  mst_segment_kind kind;
  char *path;       /* owned; NULL: in memory only */
  int fd;           /* -1: closed */
  uint8_t **blocks; /* in memory: one envelope for each record; NULL once settled */
  uint64_t size_bytes;
  bool is_dirty;
  mst_record *records; /* owned */
  size_t count, capacity;
  size_t waiting, taken; /* records in these states */
  uint64_t live_bytes;   /* of their envelopes */
} mst_segment;

/* A record as it is written and read. envelope is borrowed. */
typedef struct mst_record_image {
  mst_session_id session;
  uint64_t sequence, samples_before;
  uint32_t samples;
  mst_wall made_at;
  mst_envelope_kind kind;
  const uint8_t *envelope;
  size_t size_bytes;
  mst_bytes saved; /* on the way to the disk: written before the record, in one piece with it; empty: nothing */
} mst_record_image;

/* The kind of what stands before a report and was saved with it. No envelope: it is handed to `found` and never indexed. */
enum { MST_RECORD_SAVED = 0x80 };

/* An empty segment: with path a new file, without one it is kept in memory. The caller destroys it; that does not remove the file. */
mst_err mst_segment_create(mst_segment_kind kind, const char *path, mst_segment **ret_segment, mst_errctx *ctx) MST_MUST_USE;
void mst_segment_destroy(mst_segment *segment);

/* Opens a file that is there, hands every good record to `found` (which decides whether to call mst_segment_index), and cuts it at the
 * first bad byte. *ret_cut_bytes says how much that was. */
typedef mst_err (*mst_segment_found)(void *arg, mst_segment *segment, const mst_record_image *image, uint32_t offset, mst_errctx *ctx);
mst_err mst_segment_open(mst_segment_kind kind, const char *path, mst_segment_found found, void *arg, mst_segment **ret_segment,
                         uint64_t *ret_cut_bytes, mst_errctx *ctx) MST_MUST_USE;

/* Adds an entry to the memory of the segment and counts its state. */
mst_err mst_segment_index(mst_segment *segment, const mst_record *record, mst_errctx *ctx) MST_MUST_USE;
/* Writes a record at the end and gives its offset; the segment is as it was on failure. Memory segments copy the envelope instead. The next
 * call must be mst_segment_index, which then cannot fail. */
mst_err mst_segment_write(mst_segment *segment, const mst_record_image *image, uint32_t *ret_offset, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_segment_sync(mst_segment *segment, mst_errctx *ctx) MST_MUST_USE;
/* Copies the envelope of record `index`; free with mst_free. Its checksum is checked again: MST_ECORRUPT. */
mst_err mst_segment_read(mst_segment *segment, size_t index, uint8_t **ret_envelope, mst_errctx *ctx) MST_MUST_USE;
/* Puts a record into another state and keeps the counts. */
void mst_segment_set_state(mst_segment *segment, size_t index, mst_record_state state);
void mst_segment_close_file(mst_segment *segment);

#endif

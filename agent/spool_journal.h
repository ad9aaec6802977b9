#ifndef MST_AGENT_SPOOL_JOURNAL_H
#define MST_AGENT_SPOOL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>
#include <mst/proto/envelope.h>

#include "spool_ranges.h"

/* What became of the records of the spool: an append-only file of entries of one size, each with its checksum. docs/spool-format.md
 * describes it to the byte. Blocks; one thread at a time. */
typedef enum mst_journal_type {
  MST_JOURNAL_HEAD = 1,     /* range.last: the highest sequence made in the session; range.samples_after: samples made so far */
  MST_JOURNAL_SETTLED = 2,  /* these need no more sending: stored, or given up and counted */
  MST_JOURNAL_LOST = 3,     /* given up; to be reported */
  MST_JOURNAL_REPORTED = 4, /* the report of exactly this LOST entry is stored */
  MST_JOURNAL_TOTALS = 5,   /* range.first: records, range.last: samples given up so far; replaces what was summed before it */
} mst_journal_type;

typedef struct mst_journal_entry {
  mst_journal_type type;
  mst_session_id session; /* zero for TOTALS */
  mst_range range;
} mst_journal_entry;

enum {
  MST_JOURNAL_ENTRY_BYTES = 64,
  MST_JOURNAL_HEADER_BYTES = 8,
  /* Asked for beforehand, so that settling records still works when the disk is full: 2000 entries. */
  MST_JOURNAL_RESERVE_BYTES = 128 * 1024,
  /* 10 million entries are more than any spool holds: a bigger file is not ours. */
  MST_JOURNAL_MAX_BYTES = 640 * 1024 * 1024,
};

typedef struct mst_journal {
  char *path; /* owned */
  int fd;     /* -1: closed */
  uint64_t size_bytes;
  bool is_dirty; /* written to since the last sync */
} mst_journal;

/* Opens or makes the file and hands every entry to `replay` in order. From the first bad entry on the file is cut; *ret_cut_bytes says how
 * much that was. An error of replay ends the opening. The caller closes *journal after success. */
typedef mst_err (*mst_journal_replay)(void *arg, const mst_journal_entry *entry, mst_errctx *ctx);
mst_err mst_journal_open(mst_journal *journal, const char *path, mst_journal_replay replay, void *arg, uint64_t *ret_cut_bytes,
                         mst_errctx *ctx) MST_MUST_USE;
void mst_journal_close(mst_journal *journal);
/* All entries or none. */
mst_err mst_journal_append(mst_journal *journal, const mst_journal_entry *entries, size_t count, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_journal_sync(mst_journal *journal, mst_errctx *ctx) MST_MUST_USE;
/* Puts these entries in place of the whole file, durably, or leaves it as it was. */
mst_err mst_journal_replace(mst_journal *journal, const mst_journal_entry *entries, size_t count, mst_errctx *ctx) MST_MUST_USE;

#endif

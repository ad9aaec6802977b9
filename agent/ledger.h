#ifndef MST_AGENT_LEDGER_H
#define MST_AGENT_LEDGER_H

#include <mst/common/err.h>

#include "spool_ranges.h"
#include "spool_segment.h"

/* An append-only text journal of every record's life, for audits and tests; off unless the config names a file. One line an event:
 *   made SESSION SEQUENCE KIND SAMPLES DIGEST     durable in the spool (or, on a full disk, in memory), before it is first sent
 *   found SESSION SEQUENCE KIND SAMPLES DIGEST    was in the spool at the start and still waits
 *   stored SESSION SEQUENCE                       acknowledged
 *   lost SESSION FIRST LAST SAMPLES REASON        given up, both sequences inclusive
 * A line that cannot be written is left out: the ledger must not stand in the way of the data. Blocks; one thread at a time. */
typedef struct mst_ledger {
  int fd; /* -1: off */
} mst_ledger;

/* path NULL: off. */
mst_err mst_ledger_open(mst_ledger *ledger, const char *path, mst_errctx *ctx) MST_MUST_USE;
void mst_ledger_close(mst_ledger *ledger);
/* event: "made" or "found". */
void mst_ledger_record(mst_ledger *ledger, const char *event, const mst_record_image *image);
void mst_ledger_stored(mst_ledger *ledger, const mst_session_id *session, uint64_t sequence);
void mst_ledger_lost(mst_ledger *ledger, const mst_session_id *session, const mst_range *range, const char *reason);

#endif

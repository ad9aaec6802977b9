#ifndef MST_AGENT_SESSION_H
#define MST_AGENT_SESSION_H

#include <stdint.h>

#include <mst/agent/sampler.h>
#include <mst/common/clock.h>
#include <mst/common/key.h>
#include <mst/proto/report.h>

#include "spool.h"

/* One run of the agent as the controller sees it: a random id, and records numbered from 1 without gaps. Makes each record once, as signed
 * bytes that every re-send repeats. Loop thread. */
typedef struct mst_session {
  mst_session_id id;
  const mst_key *key;     /* borrowed */
  const mst_clock *clock; /* borrowed */
  char hostname[256], boot_id[64];
  uint64_t sequence; /* of the last record */
  uint32_t defined;  /* series that definitions were made for */
} mst_session;

/* What was made and still has to be kept: items without a handle. Zero-initialise; the envelopes are owned. */
typedef struct mst_session_items {
  mst_spool_item *list;
  size_t count, capacity;
} mst_session_items;

void mst_session_items_done(mst_session_items *items);

/* A new random id. Texts are copied, cut to what fits. */
void mst_session_init(mst_session *session, const mst_key *key, const mst_clock *clock, const char *hostname, const char *boot_id);

/* Makes definitions records for series that have none yet and appends them to items. On failure none of them counts. */
mst_err mst_session_define(mst_session *session, const mst_sampler *sampler, mst_session_items *items, mst_errctx *ctx) MST_MUST_USE;
/* Makes a report. header: at, interval_ns, definitions, offset, plan, spool and lost figures. saved: what collectors save with it; copied.
 * MST_ELIMIT: too big for one envelope; it has then no number: ask mst_session_skip for one and count it as lost. */
mst_err mst_session_report(mst_session *session, mst_report_writer *writer, const mst_report_header *header, mst_bytes saved,
                           mst_session_items *items, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_session_loss(mst_session *session, const mst_loss_range *ranges, uint32_t count, mst_session_items *items,
                         mst_errctx *ctx) MST_MUST_USE;
/* The number of a record that was never made. */
uint64_t mst_session_skip(mst_session *session);

#endif

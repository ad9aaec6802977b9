#ifndef MST_AGENT_EMIT_H
#define MST_AGENT_EMIT_H

#include <mst/agent/collector.h>

/* Gives many samples and asks for their success once, at the end. A value that is refused (not finite, given twice) becomes an error sample
 * or is dropped; too many series are counted by the sampler; any other failure stays in `err` and stops what follows. */
typedef struct mst_emit {
  mst_sink *sink;
  mst_errctx *ctx; /* not NULL */
  mst_err err;
} mst_emit;

void mst_emit_gauge(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, double value);
void mst_emit_counter(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, mst_wall start_at, double value);
void mst_emit_state(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *state);
void mst_emit_absent(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason);
void mst_emit_error(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason);

#endif

/* Many samples, one check; see emit.h. */
#include "collectors/emit.h"

static void
keep(mst_emit *emit, mst_err err)
{
  /* MST_ELIMIT: the sampler counts these and says so; the series that are known go on. MST_EEXIST: the first sample stands. */
  if (err != MST_OK && err != MST_ELIMIT && err != MST_EEXIST)
    emit->err = err;
}

static void
keep_or_say(mst_emit *emit, mst_err err, const mst_signal *signal, const mst_tag *tags, size_t tag_count)
{
  if (err == MST_EMALFORMED)
    err = mst_sink_error(emit->sink, signal, tags, tag_count, emit->ctx->text, emit->ctx);
  keep(emit, err);
}

void
mst_emit_gauge(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, double value)
{
  if (emit->err == MST_OK)
    keep_or_say(emit, mst_sink_gauge(emit->sink, signal, tags, tag_count, value, emit->ctx), signal, tags, tag_count);
}

void
mst_emit_counter(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, mst_wall start_at, double value)
{
  if (emit->err == MST_OK)
    keep_or_say(emit, mst_sink_counter(emit->sink, signal, tags, tag_count, start_at, value, emit->ctx), signal, tags, tag_count);
}

void
mst_emit_state(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *state)
{
  if (emit->err == MST_OK)
    keep_or_say(emit, mst_sink_state(emit->sink, signal, tags, tag_count, state, emit->ctx), signal, tags, tag_count);
}

void
mst_emit_error(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason)
{
  if (emit->err == MST_OK)
    keep(emit, mst_sink_error(emit->sink, signal, tags, tag_count, reason, emit->ctx));
}

void
mst_emit_absent(mst_emit *emit, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason)
{
  if (emit->err == MST_OK)
    keep(emit, mst_sink_absent(emit->sink, signal, tags, tag_count, reason, emit->ctx));
}

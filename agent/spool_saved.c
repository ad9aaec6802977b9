/* What collectors save with their reports: the newest stays on the disk for as long as there is no newer, also after its report was stored.
 */
#include <string.h>

#include "spool_state.h"

mst_err
mst_spool_drop_if_settled(mst_spool *spool, uint64_t id, mst_errctx *ctx)
{
  size_t at = mst_spool_segment_find(spool, id);

  if (at == spool->segment_count)
    return MST_OK;
  const mst_segment *segment = spool->segments[at];
  if (segment->kind == MST_SEGMENT_DEFINITIONS || segment == spool->active || segment->waiting + segment->taken > 0 ||
      id == spool->saved_segment)
    return MST_OK;
  return mst_spool_segment_remove(spool, at, ctx);
}

static mst_err
replace(mst_buf *to, const uint8_t *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_buf_reset(to);
  mst_buf_append(to, data, size_bytes);
  return mst_buf_check(to, "what collectors save", ctx);
}

mst_err
mst_spool_saved_found(mst_spool *spool, const mst_record_image *image, mst_errctx *ctx)
{
  spool->found.session = image->session;
  spool->found.sequence = image->sequence;
  return replace(&spool->found.bytes, image->envelope, image->size_bytes, ctx);
}

void
mst_spool_saved_confirm(mst_spool *spool, const mst_record_image *image, uint64_t segment)
{
  if (spool->found.sequence == image->sequence && mst_session_id_equal(&spool->found.session, &image->session)) {
    const mst_buf old = spool->saved;
    spool->saved = spool->found.bytes;
    spool->found.bytes = old;
    spool->saved_segment = segment;
  }
  spool->found.sequence = 0;
}

bool
mst_spool_saved_is_beside(const mst_spool *spool, uint32_t session)
{
  size_t at = mst_spool_segment_find(spool, spool->saved_segment);

  for (size_t i = 0; at < spool->segment_count && i < spool->segments[at]->count; i++)
    if (spool->segments[at]->records[i].session == session)
      return true;
  return false;
}

bool
mst_spool_saved_is_news(const mst_spool *spool, mst_bytes saved, const mst_segment *segment)
{
  /* Also what did not change is written once to each file, so that the oldest file is never the only one that has it. */
  return saved.size_bytes > 0 && (spool->saved_segment != segment->id || spool->saved.size_bytes != saved.size_bytes ||
                                  memcmp(spool->saved.data, saved.data, saved.size_bytes) != 0);
}

void
mst_spool_saved_keep(mst_spool *spool, mst_bytes saved, const mst_segment *segment)
{
  const uint64_t before = spool->saved_segment;
  mst_errctx ignored = {0};

  (void)!replace(&spool->saved, saved.data, saved.size_bytes, &ignored);
  spool->saved_segment = segment->id;
  if (before == segment->id)
    return;
  (void)!mst_spool_drop_if_settled(spool, before, &ignored);
  for (size_t i = 0; i < spool->session_count; i++)
    (void)!mst_spool_session_release(spool, (uint32_t)i, false, &ignored);
}

mst_bytes
mst_spool_saved(const mst_spool *spool)
{
  return (mst_bytes){spool->saved.data, spool->saved.size_bytes};
}

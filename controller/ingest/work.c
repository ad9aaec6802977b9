/* An envelope under way, from its message to its answer's bytes. */
#include <string.h>

#include <mst/common/alloc.h>

#include "ingest/server.h"

mst_work *
mst_work_begin(mst_loop *loop, mst_connection *connection, const uint8_t *message, size_t size_bytes, size_t head_bytes)
{
  mst_core *core = loop->ingest->core;
  const size_t body_bytes = size_bytes - head_bytes;

  atomic_fetch_add(&core->counters.received, 1);
  mst_work *work = mst_alloc(1, sizeof *work + body_bytes);
  if (!work)
    return NULL;
  memcpy(work->data, message + head_bytes, body_bytes);
  work->loop = loop;
  work->connection = connection;
  mst_buf_init(&work->answer, MST_FRAME_LENGTH_BYTES + MST_SERVER_HEAD_MAX_BYTES + MST_REPLY_MAX_BYTES);
  mst_buf_append(&work->answer, (uint8_t[MST_FRAME_LENGTH_BYTES]){0}, MST_FRAME_LENGTH_BYTES);
  mst_buf_append(&work->answer, message, head_bytes);
  mst_buf_init(&work->job.body, MST_REPLY_MAX_BYTES);
  work->job.data = work->data;
  work->job.size_bytes = body_bytes;
  work->job.received_at = mst_core_now(core);
  work->job.finish = mst_loop_finish;
  mst_ingest_verify(core, &work->job);
  if (work->job.fate != MST_JOB_DROP)
    return work;
  mst_work_free(work);
  return NULL;
}

void
mst_work_end(mst_work *work, const mst_buf *answer)
{
  if (answer)
    mst_buf_append(&work->answer, answer->data, answer->size_bytes);
  if (!answer || work->answer.failed != MST_OK)
    mst_buf_reset(&work->answer); /* the agent asks again */
  else
    mst_frame_put(work->answer.data, work->answer.size_bytes - MST_FRAME_LENGTH_BYTES, MST_FRAME_LENGTH_BYTES);
}

void
mst_work_free(mst_work *work)
{
  mst_buf_done(&work->job.body);
  mst_buf_done(&work->answer);
  mst_free(work);
}

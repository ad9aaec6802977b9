#include <mst/common/alloc.h>
#include <mst/common/file.h>
#include <mst/common/log.h>

#include "delivery_state.h"

/* Jobs without a result that anybody waits for. */
typedef struct small_job {
  mst_spool_job job;
  mst_err err;
  mst_errctx ctx;
  const char *what; /* static */
  /* lose */
  mst_session_id session;
  uint64_t sequence;
  uint32_t samples;
  const char *reason; /* static */
  /* file */
  char *path; /* owned */
  mst_buf data;
  mst_pins pins;
} small_job;

static void
small_done(mst_spool_job *job)
{
  small_job *small = (small_job *)job;
  mst_delivery *delivery = job->arg;

  if (small->err != MST_OK)
    mst_log(MST_LOG_ERROR, "not-saved", "what", small->what, "reason", small->ctx.text, NULL);
  mst_buf_done(&small->data);
  mst_free(small->path);
  mst_free(small);
  mst_delivery_look_around(delivery);
}

static small_job *
new_small_job(mst_delivery *delivery, void (*run)(mst_spool_job *job, mst_spool *spool), const char *what)
{
  small_job *small = mst_alloc(1, sizeof *small);

  if (!small) {
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", what, NULL);
    return NULL;
  }
  small->job = (mst_spool_job){.run = run, .done = small_done, .arg = delivery};
  small->what = what;
  mst_buf_init(&small->data, MST_PLAN_MAX_BYTES);
  return small;
}

static void
run_lose(mst_spool_job *job, mst_spool *spool)
{
  small_job *small = (small_job *)job;

  small->err = mst_spool_lose(spool, &small->session, small->sequence, small->samples, small->reason, &small->ctx);
}

void
mst_delivery_lose(mst_delivery *delivery, uint64_t sequence, uint32_t samples, const char *reason)
{
  small_job *small = new_small_job(delivery, run_lose, "loss");

  if (!small)
    return;
  small->session = delivery->setup.session->id;
  small->sequence = sequence;
  small->samples = samples;
  small->reason = reason;
  mst_spooler_post(delivery->setup.spooler, &small->job);
}

static void
run_expire(mst_spool_job *job, mst_spool *spool)
{
  small_job *small = (small_job *)job;

  small->err = mst_spool_expire(spool, &small->ctx);
}

void
mst_delivery_expire(mst_delivery *delivery)
{
  small_job *small = new_small_job(delivery, run_expire, "expiry");

  if (small)
    mst_spooler_post(delivery->setup.spooler, &small->job);
}

static void
run_file(mst_spool_job *job, mst_spool *spool)
{
  small_job *small = (small_job *)job;

  (void)spool;
  small->err = mst_buf_check(&small->data, small->path, &small->ctx);
  if (small->err == MST_OK)
    small->err = mst_file_replace(small->path, small->data.data, small->data.size_bytes, 0600, &small->ctx);
}

void
mst_delivery_post_file(mst_delivery *delivery, const char *path, const void *data, size_t size_bytes, const char *what)
{
  small_job *small = new_small_job(delivery, run_file, what);

  if (!small)
    return;
  small->path = mst_strdup(path);
  if (!small->path) {
    mst_free(small);
    return;
  }
  mst_buf_append(&small->data, data, size_bytes);
  mst_spooler_post(delivery->setup.spooler, &small->job);
}

static void
run_pins(mst_spool_job *job, mst_spool *spool)
{
  small_job *small = (small_job *)job;

  (void)spool;
  small->err = mst_pins_save(&small->pins, small->path, &small->ctx);
}

void
mst_delivery_post_pins(mst_delivery *delivery)
{
  small_job *small = new_small_job(delivery, run_pins, "controller key");

  if (!small)
    return;
  mst_log(MST_LOG_INFO, "controller-key-changed", "next", delivery->setup.pins->has_next ? "announced" : "in force", NULL);
  small->path = mst_strdup(delivery->setup.pins_path);
  if (!small->path) {
    mst_free(small);
    return;
  }
  small->pins = *delivery->setup.pins;
  mst_spooler_post(delivery->setup.spooler, &small->job);
}

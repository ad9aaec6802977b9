/* The collector of followed logs: opened, sampled, saved, closed on the loop; all that blocks is the worker's. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/wait.h>

#include "collectors/tail.h"
#include "module.h"
#include "tail_state.h"

enum { STACK_BYTES = 512 * 1024 /* PCRE2's interpreter and Hyperscan need some 100 KB */ };

static mst_err
start_thread(mst_tail *tail, mst_errctx *ctx)
{
  pthread_attr_t attributes;
  sigset_t all, before;

  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all); /* signals are the loop's */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&tail->thread, &attributes, mst_tail_work, tail);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  tail->has_thread = failed == 0;
  return failed == 0 ? MST_OK : mst_fail(ctx, MST_EIO, "tail %s: no thread: %s", tail->env.instance, strerror(failed));
}

static void
close_tail(void *opaque)
{
  mst_tail *tail = opaque;

  if (!tail)
    return;
  if (tail->has_thread) {
    pthread_mutex_lock(&tail->lock);
    tail->is_stopping = true;
    pthread_cond_signal(&tail->wake);
    pthread_mutex_unlock(&tail->lock);
    pthread_join(tail->thread, NULL);
  }
  pthread_mutex_destroy(&tail->lock);
  pthread_cond_destroy(&tail->wake);
  if (tail->source)
    tail->kind->destroy(tail->source);
  mst_scanner_destroy(tail->scanner);
  mst_tail_view_done(&tail->published);
  mst_tail_view_done(&tail->given);
  mst_buf_done(&tail->before);
  mst_free(tail);
}

static mst_err
open_tail(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  mst_tail *tail = mst_alloc(1, sizeof *tail);

  if (!tail)
    return mst_fail(ctx, MST_ENOMEM, "tail %s: no memory for its state", env->instance);
  tail->env = *env;
  tail->env.saved = (mst_bytes){0}; /* lent for this call only */
  tail->opened_at = mst_clock_wall(env->clock);
  pthread_mutex_init(&tail->lock, NULL);
  mst_wait_init(&tail->wake);
  mst_buf_init(&tail->before, MST_COLLECTOR_SAVED_MAX_BYTES);
  mst_buf_init(&tail->published.saved, MST_COLLECTOR_SAVED_MAX_BYTES);
  mst_buf_init(&tail->given.saved, MST_COLLECTOR_SAVED_MAX_BYTES);
  mst_buf_append(&tail->before, env->saved.data, env->saved.size_bytes);
  mst_err err = mst_buf_check(&tail->before, "what was saved of a log", ctx);
  if (err == MST_OK)
    err = mst_tail_options_read(env, &tail->options, ctx);
  tail->kind = tail->options.source;
  if (err == MST_OK)
    err = start_thread(tail, ctx);
  if (err != MST_OK) {
    close_tail(tail);
    return err;
  }
  *ret_state = tail;
  return MST_OK;
}

static mst_err
sample_tail(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  mst_tail *tail = opaque;
  mst_err err = mst_tail_view_take(tail, ctx);

  if (err != MST_OK)
    return err;
  if (tail->given.failed[0]) {
    err = mst_tail_miss(&tail->env, false, tail->given.failed, sink, ctx);
    return err == MST_OK ? mst_fail(ctx, MST_EIO, "%s", tail->given.failed) : err;
  }
  return tail->given.is_ready ? mst_tail_give(tail, sink, ctx) : MST_OK;
}

static mst_err
save_tail(void *opaque, mst_buf *ret_saved, mst_errctx *ctx)
{
  const mst_tail *tail = opaque;
  const mst_buf *saved = tail->given.is_ready ? &tail->given.saved : &tail->before;

  mst_buf_append(ret_saved, saved->data, saved->size_bytes);
  return mst_buf_check(ret_saved, "what is saved of a log", ctx);
}

const mst_collector mst_tail_collector = {
    .name = "tail",
    .open = open_tail,
    .sample = sample_tail,
    .save = save_tail,
    .close = close_tail,
};

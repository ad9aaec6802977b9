/* A thread with its connections, and the way back from the keeper. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "ingest/server.h"

enum {
  ACCEPTS_PER_TURN = 16, /* so that other loops get their share */
  SWEEP_MS = 2000,
  STOP_TICK_MS = 20,
  STOP_PATIENCE_MS = 1000, /* for peers that are slow to read their answers */
};

/* ---- from other threads ---- */

void
mst_loop_wake(mst_loop *loop)
{
  (void)uv_async_send(&loop->wake);
}

void
mst_loop_finish(mst_job *job, const mst_buf *answer)
{
  mst_work *work = (mst_work *)(void *)((char *)job - offsetof(mst_work, job));
  mst_loop *loop = work->loop;

  mst_work_end(work, answer);
  work->next = NULL;
  pthread_mutex_lock(&loop->lock);
  const bool is_first = !loop->first;
  if (is_first)
    loop->first = work;
  else
    loop->last->next = work;
  loop->last = work;
  pthread_mutex_unlock(&loop->lock);
  if (is_first) /* else it is awake, or about to be: it takes all there are */
    mst_loop_wake(loop);
}

/* ---- the thread ---- */

static void
close_handle(uv_handle_t *handle, void *arg)
{
  (void)arg;
  if (!uv_is_closing(handle))
    uv_close(handle, NULL);
}

/* Nothing more is read; connections go when they have their answers. */
static void
go_on_stopping(mst_loop *loop)
{
  if (!loop->is_stopping) {
    loop->is_stopping = true;
    loop->stop_at_ms = uv_now(&loop->uv) + STOP_PATIENCE_MS;
    for (uint32_t i = 0; i < loop->accept_count; i++)
      uv_close((uv_handle_t *)&loop->accepts[i], NULL);
    (void)uv_timer_set_repeat(&loop->timer, STOP_TICK_MS);
    (void)uv_timer_again(&loop->timer);
  }
  const bool is_over = loop->in_flight == 0 && uv_now(&loop->uv) >= loop->stop_at_ms;
  mst_connection_stop_all(loop, is_over);
  /* Jobs come back through this loop even when their connections are gone. */
  if (!loop->connections && loop->in_flight == 0)
    uv_walk(&loop->uv, close_handle, NULL);
}

static void
on_wake(uv_async_t *handle)
{
  mst_loop *loop = handle->data;

  pthread_mutex_lock(&loop->lock);
  mst_work *work = loop->first;
  loop->first = loop->last = NULL;
  const bool must_stop = loop->must_stop;
  pthread_mutex_unlock(&loop->lock);
  while (work) {
    mst_work *next = work->next;
    mst_connection_answer(work);
    work = next;
  }
  if (must_stop)
    go_on_stopping(loop);
  else
    mst_connection_resume_waiting(loop);
}

/* Until the timer tries again: it would spin. */
static void
stop_accepting(uv_poll_t *handle, const char *reason)
{
  const mst_loop *loop = handle->data;

  mst_log(MST_LOG_ERROR, "accept-failed", "url", loop->ingest->listeners[handle - loop->accepts].url, "reason", reason, NULL);
  (void)uv_poll_stop(handle);
}

static void
on_accept(uv_poll_t *handle, int status, int events)
{
  mst_loop *loop = handle->data;
  const mst_listener *listener = &loop->ingest->listeners[handle - loop->accepts];

  (void)status;
  (void)events;
  for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
    if (loop->connection_count >= loop->ingest->connection_max && !mst_connection_make_room(loop)) {
      stop_accepting(handle, "as many agents are connected as descriptors allow; raise LimitNOFILE");
      return;
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      mst_connection_accept(loop, fd, listener->is_tls);
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR)
      continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      stop_accepting(handle, strerror(errno));
    return;
  }
}

static void
on_timer(uv_timer_t *handle)
{
  mst_loop *loop = handle->data;

  if (loop->is_stopping) {
    go_on_stopping(loop);
    return;
  }
  mst_connection_sweep(loop);
  for (uint32_t i = 0; i < loop->accept_count; i++)
    if (!uv_is_active((uv_handle_t *)&loop->accepts[i]))
      (void)uv_poll_start(&loop->accepts[i], UV_READABLE, on_accept);
}

static void *
run(void *arg)
{
  mst_loop *loop = arg;

  (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
  return NULL;
}

static int
watch_listeners(mst_loop *loop)
{
  int failed = 0;

  for (; failed == 0 && loop->accept_count < loop->ingest->listener_count; loop->accept_count++) {
    uv_poll_t *accept = &loop->accepts[loop->accept_count];
    failed = uv_poll_init(&loop->uv, accept, loop->ingest->listeners[loop->accept_count].fd);
    if (failed != 0)
      break;
    accept->data = loop;
    failed = uv_poll_start(accept, UV_READABLE, on_accept);
  }
  return failed;
}

static int
open_handles(mst_loop *loop)
{
  int failed = uv_loop_init(&loop->uv);

  if (failed != 0)
    return failed;
  loop->is_made = true;
  loop->wake.data = loop->timer.data = loop;
  failed = uv_async_init(&loop->uv, &loop->wake, on_wake);
  if (failed == 0)
    failed = uv_timer_init(&loop->uv, &loop->timer);
  if (failed == 0)
    failed = uv_timer_start(&loop->timer, on_timer, SWEEP_MS, SWEEP_MS);
  return failed == 0 ? watch_listeners(loop) : failed;
}

mst_err
mst_loop_start(mst_loop *loop, mst_ingest *ingest, mst_errctx *ctx)
{
  loop->ingest = ingest;
  pthread_mutex_init(&loop->lock, NULL);
  loop->scratch = mst_alloc(1, MST_SERVER_READ_BYTES);
  loop->accepts = mst_alloc(ingest->listener_count, sizeof *loop->accepts);
  if (!loop->scratch || !loop->accepts)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the listeners");
  int failed = open_handles(loop);
  if (failed != 0)
    return mst_fail(ctx, MST_EIO, "listen for agents: %s", uv_strerror(failed));
  if (pthread_create(&loop->thread, NULL, run, loop) != 0)
    return mst_fail(ctx, MST_EIO, "start a thread that listens for agents");
  loop->is_started = true;
  return MST_OK;
}

void
mst_loop_stop(mst_loop *loop)
{
  if (loop->is_started) {
    pthread_mutex_lock(&loop->lock);
    loop->must_stop = true;
    pthread_mutex_unlock(&loop->lock);
    mst_loop_wake(loop);
    pthread_join(loop->thread, NULL);
  } else if (loop->is_made) {
    uv_walk(&loop->uv, close_handle, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
  }
  if (loop->is_made)
    (void)uv_loop_close(&loop->uv);
  mst_free(loop->scratch);
  mst_free(loop->accepts);
  pthread_mutex_destroy(&loop->lock);
}

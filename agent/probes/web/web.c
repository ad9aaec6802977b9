/* libcurl's sockets and timer on a loop of libuv; see web.h. https://curl.se/libcurl/c/libcurl-multi.html, "event-driven". */
#include "web_state.h"

#include <pthread.h>
#include <string.h>

#include <mst/common/alloc.h>

/* A socket that libcurl wants to hear of. */
typedef struct place {
  uv_poll_t poll;
  mst_web *web;
  curl_socket_t socket;
} place;

struct mst_web {
  uv_loop_t *loop;
  CURLM *multi;
  uv_timer_t timer;
  mst_web_call *calls;
  size_t open_handles;
  bool is_closing;
  int depth; /* within libcurl, or within a callback: then closing waits */
  void (*closed)(void *arg);
  void *arg;
};

/* ---- the end ---- */

static void
free_when_closed(mst_web *web)
{
  if (!web->is_closing || web->open_handles > 0)
    return;
  void (*closed)(void *arg) = web->closed;
  void *arg = web->arg;

  mst_free(web);
  if (closed)
    closed(arg);
}

static void
on_timer_closed(uv_handle_t *handle)
{
  mst_web *web = handle->data;

  web->open_handles--;
  free_when_closed(web);
}

static void
on_place_closed(uv_handle_t *handle)
{
  place *at = handle->data;
  mst_web *web = at->web;

  mst_free(at);
  web->open_handles--;
  free_when_closed(web);
}

static void
tear_down(mst_web *web)
{
  while (web->calls) {
    mst_web_call *call = web->calls;
    web->calls = call->next;
    curl_multi_remove_handle(web->multi, call->easy);
    mst_web_call_free(call);
  }
  curl_multi_cleanup(web->multi); /* closes the connections, and through on_socket their polls */
  web->multi = NULL;
  uv_close((uv_handle_t *)&web->timer, on_timer_closed);
}

void
mst_web_close(mst_web *web)
{
  if (!web || web->is_closing)
    return;
  web->is_closing = true;
  if (web->depth == 0)
    tear_down(web);
}

/* ---- events ---- */

static void
take_ended(mst_web *web)
{
  int left;
  CURLMsg *message;

  while (!web->is_closing && (message = curl_multi_info_read(web->multi, &left))) {
    mst_web_call *call = NULL;
    CURLcode code = message->data.result;
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&call);
    for (mst_web_call **at = &web->calls; *at; at = &(*at)->next) {
      if (*at == call) {
        *at = call->next;
        break;
      }
    }
    curl_multi_remove_handle(web->multi, call->easy);
    mst_web_call_finish(call, code);
    mst_web_call_free(call);
  }
}

static void
act(mst_web *web, curl_socket_t socket, int events)
{
  int running;

  web->depth++;
  curl_multi_socket_action(web->multi, socket, events, &running);
  take_ended(web);
  web->depth--;
  if (web->is_closing && web->depth == 0)
    tear_down(web);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
  place *at = poll->data;
  int action = status < 0 ? CURL_CSELECT_ERR : (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

  act(at->web, at->socket, action);
}

static void
on_timer(uv_timer_t *timer)
{
  act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_timeout_wanted(CURLM *multi, long timeout_ms, void *opaque)
{
  mst_web *web = opaque;

  (void)multi;
  if (uv_is_closing((uv_handle_t *)&web->timer))
    return 0;
  uv_update_time(web->loop); /* it may be old when callbacks before this one took long */
  if (timeout_ms < 0)
    uv_timer_stop(&web->timer);
  else
    (void)uv_timer_start(&web->timer, on_timer, (uint64_t)timeout_ms, 0); /* fails only while it is closing */
  return 0;
}

static place *
make_place(mst_web *web, curl_socket_t socket)
{
  place *at = mst_alloc(1, sizeof *at);

  if (!at)
    return NULL;
  *at = (place){.web = web, .socket = socket};
  if (uv_poll_init_socket(web->loop, &at->poll, socket) != 0) {
    mst_free(at);
    return NULL;
  }
  at->poll.data = at;
  web->open_handles++;
  curl_multi_assign(web->multi, socket, at);
  return at;
}

/* -1 ends the transfers of that socket, which says so. */
static int
on_socket(CURL *easy, curl_socket_t socket, int what, void *opaque, void *opaque_place)
{
  mst_web *web = opaque;
  place *at = opaque_place;

  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (at) {
      curl_multi_assign(web->multi, socket, NULL);
      uv_close((uv_handle_t *)&at->poll, on_place_closed);
    }
    return 0;
  }
  if (!at)
    at = make_place(web, socket);
  if (!at)
    return -1;
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  return uv_poll_start(&at->poll, events, on_poll) == 0 ? 0 : -1;
}

/* ---- the beginning ---- */

/* Probers and load generators are several threads. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode begun;

static void
begin_curl(void)
{
  begun = curl_global_init(CURL_GLOBAL_DEFAULT);
}

mst_err
mst_web_open(uv_loop_t *loop, size_t connections_max, void (*closed)(void *arg), void *arg, mst_web **ret_web, mst_errctx *ctx)
{
  mst_web *web;

  pthread_once(&once, begin_curl);
  if (begun != CURLE_OK)
    return mst_fail(ctx, MST_EIO, "libcurl cannot start: %s", curl_easy_strerror(begun));
  web = mst_alloc(1, sizeof *web);
  if (web)
    web->multi = curl_multi_init();
  if (!web || !web->multi) {
    mst_free(web);
    return mst_fail(ctx, MST_ENOMEM, "no memory for requests");
  }
  web->loop = loop;
  web->closed = closed;
  web->arg = arg;
  uv_timer_init(loop, &web->timer);
  web->timer.data = web;
  web->open_handles = 1;
  curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web);
  curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
  curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web);
  curl_multi_setopt(web->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections_max);
  curl_multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, (long)connections_max);
  *ret_web = web;
  return MST_OK;
}

mst_err
mst_web_send(mst_web *web, const mst_web_request *request, mst_errctx *ctx)
{
  mst_web_call *call = NULL;
  mst_err err = web->is_closing ? mst_fail(ctx, MST_ESTATE, "it is being closed") : mst_web_call_make(web, request, &call, ctx);

  if (err != MST_OK)
    return err;
  web->depth++; /* libcurl calls on_timeout_wanted, nothing else */
  CURLMcode code = curl_multi_add_handle(web->multi, call->easy);
  web->depth--;
  if (code != CURLM_OK) {
    mst_web_call_free(call);
    return mst_fail(ctx, MST_ENOMEM, "begin a request: %s", curl_multi_strerror(code));
  }
  call->next = web->calls;
  web->calls = call;
  return MST_OK;
}

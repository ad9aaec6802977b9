/* Secrets and connections of one attempt; see session.h. */
#include "session.h"

#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>

/* What the thread that reads secrets holds: it may outlive the session. */
typedef struct reading {
  const mst_probe_options *options;
  mst_vars vars;
  mst_err err;
  mst_errctx why;
  mst_session *session; /* NULL: nobody waits any more */
} reading;

struct mst_session {
  mst_session_setup setup;
  mst_web *web;
  mst_vars vars;
  mst_probe_job *job; /* under way */
  reading *reading;
  uv_timer_t start; /* ready() is not called within begin() */
  bool is_closing;
  int open_parts; /* web and timer */
};

static void
free_when_closed(mst_session *session)
{
  void (*closed)(void *arg) = session->setup.closed;
  void *arg = session->setup.arg;

  if (!session->is_closing || session->open_parts > 0)
    return;
  mst_vars_done(&session->vars);
  mst_free(session);
  closed(arg);
}

static void
on_web_closed(void *arg)
{
  mst_session *session = arg;

  session->open_parts--;
  free_when_closed(session);
}

static void
on_timer_closed(uv_handle_t *handle)
{
  on_web_closed(handle->data);
}

void
mst_session_close(mst_session *session)
{
  if (!session || session->is_closing)
    return;
  session->is_closing = true;
  if (session->job) {
    session->reading->session = NULL;
    mst_probe_work_abandon(session->job);
  }
  session->open_parts++; /* what closes at once must not free it between the two */
  uv_close((uv_handle_t *)&session->start, on_timer_closed);
  mst_web_close(session->web);
  session->open_parts--;
  free_when_closed(session);
}

/* {{run}}: the same through all requests of an attempt; 32 hex digits, as a trace's id. */
static void
set_run(mst_session *session)
{
  uint8_t bytes[16];
  char text[2 * sizeof bytes + 1];
  mst_errctx ignored; /* without memory a text that needs it says that it is not there */

  mst_random_bytes(bytes, sizeof bytes);
  (void)!mst_vars_set(&session->vars, "run", mst_hex_encode(bytes, sizeof bytes, text), false, &ignored);
}

/* ---- secrets ---- */

mst_err
mst_session_read_secrets(const mst_probe_options *options, mst_vars *vars, mst_errctx *ctx)
{
  const char *const *pairs = NULL;
  size_t count = mst_probe_schema_option(options->schema, "secrets") ? mst_probe_texts(options, "secrets", &pairs) : 0;
  mst_err err = MST_OK;

  for (size_t i = 0; i + 1 < count && err == MST_OK; i += 2) {
    char *secret = NULL;
    err = mst_probe_secret_read(options, pairs[i + 1], &secret, ctx);
    if (err == MST_OK)
      err = mst_vars_set(vars, pairs[i], secret, true, ctx);
    mst_probe_secret_done(secret);
  }
  return err;
}

static void
read_secrets(void *arg)
{
  reading *secrets = arg;

  secrets->err = mst_session_read_secrets(secrets->options, &secrets->vars, &secrets->why);
}

static void
on_secrets(void *arg, mst_probe_attempt *attempt)
{
  reading *secrets = arg;
  mst_session *session = attempt ? secrets->session : NULL;

  if (session) {
    session->job = NULL;
    session->vars = secrets->vars;
    secrets->vars = (mst_vars){0};
    if (secrets->err == MST_OK) {
      set_run(session);
      session->setup.ready(session->setup.arg);
    } else {
      mst_probe_fail(attempt, "%s", secrets->why.text);
      mst_session_close(session);
    }
  }
  mst_vars_done(&secrets->vars);
  mst_free(secrets);
}

static mst_err
begin_reading(mst_session *session, mst_errctx *ctx)
{
  reading *secrets = mst_alloc(1, sizeof *secrets);

  if (!secrets)
    return mst_fail(ctx, MST_ENOMEM, "no memory for secrets");
  *secrets = (reading){.options = session->setup.options, .session = session};
  mst_probe_doing(session->setup.attempt, "read its secrets");
  session->reading = secrets;
  session->job = mst_probe_work(session->setup.attempt, read_secrets, on_secrets, secrets);
  if (session->job)
    return MST_OK;
  mst_free(secrets);
  return mst_fail(ctx, MST_EIO, "no thread"); /* the attempt has said more */
}

/* ---- beginning ---- */

static void
on_start(uv_timer_t *timer)
{
  mst_session *session = timer->data;

  set_run(session);
  session->setup.ready(session->setup.arg);
}

static void
ignore(void *arg)
{
  (void)arg;
}

mst_session *
mst_session_begin(const mst_session_setup *setup)
{
  mst_session *session = mst_alloc(1, sizeof *session);
  uv_loop_t *loop = mst_probe_loop(setup->attempt);
  const char *const *pairs = NULL;
  mst_errctx why = {0};

  if (!session) {
    mst_probe_fail(setup->attempt, "no memory for a request");
    return NULL;
  }
  session->setup = *setup;
  mst_err err = mst_web_open(loop, setup->connections_max, on_web_closed, session, &session->web, &why);
  if (err != MST_OK) {
    mst_probe_fail(setup->attempt, "%s", why.text);
    mst_free(session);
    return NULL;
  }
  uv_timer_init(loop, &session->start);
  session->start.data = session;
  session->open_parts = 2;
  size_t count = mst_probe_schema_option(setup->options->schema, "secrets") ? mst_probe_texts(setup->options, "secrets", &pairs) : 0;
  if (count > 0)
    err = begin_reading(session, &why);
  else
    (void)uv_timer_start(&session->start, on_start, 0, 0);
  if (err == MST_OK)
    return session;
  mst_probe_fail(setup->attempt, "%s", why.text); /* says nothing where it has failed before */
  session->setup.closed = ignore;
  mst_session_close(session);
  return NULL;
}

mst_web *
mst_session_web(mst_session *session)
{
  return session->web;
}

mst_vars *
mst_session_vars(mst_session *session)
{
  return &session->vars;
}

mst_probe_attempt *
mst_session_attempt(mst_session *session)
{
  return session->setup.attempt;
}

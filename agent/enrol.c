#include "enrol.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

#include <mst/common/file.h>
#include <mst/common/key.h>
#include <mst/proto/enrol.h>
#include <mst/proto/reply.h>

#include "agent.h"
#include "paths.h"
#include "pins.h"
#include "uplink_wire.h"

/* For connecting, TLS handshake included. */
enum { DIAL_MS = 15000 };

typedef struct request {
  mst_buf bytes;
  mst_digest digest;
} request;

static mst_err
load_or_make_key(const mst_paths *paths, mst_key **ret_key, bool *ret_is_new, mst_errctx *ctx)
{
  mst_key *key = NULL;

  mst_err err = mst_key_load(paths->key, NULL, &key, ctx);
  bool is_new = err == MST_EABSENT;
  if (is_new) {
    err = mst_key_create(&key, ctx);
    if (err == MST_OK)
      err = mst_key_save(key, paths->key, NULL, ctx);
  }
  if (err != MST_OK) {
    mst_key_destroy(key);
    return err;
  }
  *ret_key = key;
  *ret_is_new = is_new;
  return MST_OK;
}

static mst_err
make_request(const mst_agent_config *config, const mst_token *token, const mst_key *key, const mst_clock *clock, request *ret_request,
             mst_errctx *ctx)
{
  char hostname[256];
  mst_enrol enrol = {.key = *mst_key_public(key), .agent_version = {MST_VERSION, strlen(MST_VERSION)}};
  mst_envelope envelope = {.version = MST_WIRE_VERSION, .kind = MST_ENVELOPE_ENROL, .sent_at = mst_clock_wall(clock)};
  mst_buf body;

  enrol.hostname.data = mst_agent_hostname(config, hostname);
  enrol.hostname.size_bytes = strlen(hostname);
  memcpy(enrol.token_id, token->id, MST_TOKEN_ID_BYTES);
  mst_enrol_tag(token->secret, &enrol.key, enrol.hostname, enrol.tag);
  mst_random_bytes(envelope.session.bytes, MST_SESSION_BYTES);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_err err = mst_enrol_encode(&enrol, &body, ctx);
  if (err == MST_OK) {
    envelope.body = (mst_bytes){body.data, body.size_bytes};
    err = mst_envelope_encode(&envelope, key, &ret_request->bytes, ctx);
  }
  if (err == MST_OK)
    ret_request->digest = mst_envelope_digest(ret_request->bytes.data, ret_request->bytes.size_bytes);
  mst_buf_done(&body);
  return err;
}

/* One request over one connection, and what came of it. */
typedef struct exchange {
  uv_loop_t loop;
  uv_timer_t deadline;
  mst_wire *wire;
  const request *req;
  mst_buf answer;
  int64_t timeout_ns; /* for the answer */
  bool was_up;
  char reason[256];
} exchange;

static void
on_deadline(uv_timer_t *timer)
{
  exchange *ex = timer->data;

  mst_wire_hang_up(ex->wire, "timed out");
}

static void
on_up(void *arg)
{
  exchange *ex = arg;

  ex->was_up = true;
  uv_timer_start(&ex->deadline, on_deadline, (uint64_t)(ex->timeout_ns / MST_NS_PER_MS), 0);
  if (mst_wire_send(ex->wire, 1, ex->req->bytes.data, ex->req->bytes.size_bytes, NULL) != MST_OK)
    mst_wire_hang_up(ex->wire, "the request could not be sent");
}

static void
on_frame(void *arg, uint32_t number, const void *data, size_t size_bytes, mst_mono came)
{
  exchange *ex = arg;

  (void)number, (void)came;
  mst_buf_append(&ex->answer, data, size_bytes);
  mst_wire_hang_up(ex->wire, "answered");
}

static void
on_down(void *arg, const char *reason)
{
  exchange *ex = arg;

  snprintf(ex->reason, sizeof ex->reason, "%s", reason);
  uv_close((uv_handle_t *)&ex->deadline, NULL);
  mst_wire_close(ex->wire);
}

/* Sends the request to one controller and gives what it answered; the caller finishes *ret_answer on success. */
static mst_err
ask(const mst_agent_config *config, const char *url, const mst_clock *clock, const request *req, mst_buf *ret_answer, mst_errctx *ctx)
{
  const mst_wire_target target = {url, config->tls.ca_file, config->tls.server_name};
  exchange ex = {.req = req, .timeout_ns = config->uplink.timeout_ns};
  const mst_wire_setup setup = {.loop = &ex.loop, .clock = clock, .on_up = on_up, .on_frame = on_frame, .on_down = on_down, .arg = &ex};

  mst_buf_init(&ex.answer, MST_REPLY_MAX_BYTES);
  if (uv_loop_init(&ex.loop) != 0)
    return mst_fail(ctx, MST_EIO, "no event loop");
  mst_err err = mst_wire_create(&setup, &ex.wire, ctx);
  if (err != MST_OK)
    goto out;
  uv_timer_init(&ex.loop, &ex.deadline);
  ex.deadline.data = &ex;
  err = mst_wire_dial(ex.wire, &target, ctx);
  if (err != MST_OK) {
    on_down(&ex, "");
    uv_run(&ex.loop, UV_RUN_DEFAULT);
    goto out;
  }
  uv_timer_start(&ex.deadline, on_deadline, DIAL_MS, 0);
  uv_run(&ex.loop, UV_RUN_DEFAULT);
  if (ex.answer.size_bytes > 0)
    *ret_answer = ex.answer;
  else if (ex.was_up)
    err = mst_fail(ctx, MST_EUNREACHABLE,
                   "%s: connected, but no answer (%s): the token is wrong, expired or used up; make a new one with `muster token new`", url,
                   ex.reason);
  else
    err = mst_fail(ctx, MST_EUNREACHABLE, "%s: cannot connect: %s", url, ex.reason);

out:
  mst_wire_destroy(ex.wire);
  if (err != MST_OK)
    mst_buf_done(&ex.answer);
  (void)uv_loop_close(&ex.loop);
  return err;
}

static mst_err
take_answer(const mst_reply *reply, const mst_key *key, const mst_agent_config *config, const char *url, FILE *out, mst_errctx *ctx)
{
  const mst_key_id id = mst_key_id_of(mst_key_public(key));
  char hostname[256];
  char hex[MST_KEY_ID_HEX_BYTES];

  mst_key_id_hex(&id, hex);
  switch (reply->status) {
  case MST_REPLY_STORED:
    fprintf(out, "enrolled: host %s, key %s, controller %s\n", mst_agent_hostname(config, hostname), hex, url);
    if (reply->reason.size_bytes > 0)
      fprintf(out, "the controller says: %.*s\n", (int)reply->reason.size_bytes, reply->reason.data);
    return MST_OK;
  case MST_REPLY_LATER:
    fprintf(out, "enrolled, pending approval: host %s, key %s, controller %s\n", mst_agent_hostname(config, hostname), hex, url);
    fprintf(out, "approve it with: muster agents approve %s\nThe agent may be started now: it keeps its reports until then.\n", hex);
    return MST_OK;
  case MST_REPLY_REFUSED:
    if (reply->refusal == MST_REFUSED_NOT_APPROVED) {
      fprintf(out, "enrolled, pending approval: host %s, key %s\napprove it with: muster agents approve %s\n",
              mst_agent_hostname(config, hostname), hex, hex);
      return MST_OK;
    }
    return mst_fail(ctx, MST_EPERM, "%s refused: %s%s%.*s", url, mst_refusal_name(reply->refusal), reply->reason.size_bytes ? ": " : "",
                    (int)reply->reason.size_bytes, reply->reason.data ? reply->reason.data : "");
  case MST_REPLY_NEED_DEFINITIONS:
    break;
  }
  return mst_fail(ctx, MST_EMALFORMED, "%s: an answer that does not fit an enrolment", url);
}

static mst_err
enrol_at(const mst_agent_config *config, const char *url, const mst_token *token, const mst_key *key, const request *req,
         const mst_paths *paths, const mst_clock *clock, FILE *out, mst_errctx *ctx)
{
  const mst_pins pins = {.current = token->controller};
  mst_buf answer;
  mst_reply reply;

  mst_err err = ask(config, url, clock, req, &answer, ctx);
  if (err != MST_OK)
    return err;
  err = mst_reply_open(answer.data, answer.size_bytes, &token->controller, &req->digest, &reply, ctx);
  if (err != MST_OK)
    err = mst_fail_within(ctx, err, "%s: the answer is not from the controller that made this token", url);
  if (err == MST_OK)
    err = take_answer(&reply, key, config, url, out, ctx);
  if (err == MST_OK)
    err = mst_pins_save(&pins, paths->pins, ctx);
  mst_buf_done(&answer);
  return err;
}

mst_err
mst_agent_enrol(const mst_agent_config *config, const char *token_text, const mst_clock *clock, FILE *out, mst_errctx *ctx)
{
  mst_paths paths = {0};
  mst_key *key = NULL;
  request req;
  mst_token token;
  bool is_new = false;

  mst_buf_init(&req.bytes, MST_ENVELOPE_MAX_BYTES);
  mst_err err = mst_token_parse(token_text, &token, ctx);
  if (err != MST_OK) {
    err = mst_fail_within(ctx, MST_EUSAGE, "the token is damaged; copy it whole, as `muster token new` printed it");
    goto out;
  }
  err = mst_paths_init(&paths, config->state_dir, ctx);
  if (err == MST_OK)
    err = mst_file_mkdirs(config->state_dir, 0700, ctx);
  if (err == MST_OK)
    err = load_or_make_key(&paths, &key, &is_new, ctx);
  if (err == MST_OK && is_new)
    fprintf(out, "made a key for this host: %s\n", paths.key);
  if (err == MST_OK)
    err = make_request(config, &token, key, clock, &req, ctx);
  if (err != MST_OK)
    goto out;
  for (size_t i = 0; i < config->controllers.count; i++) {
    mst_errctx one = {0};
    err = enrol_at(config, config->controllers.items[i], &token, key, &req, &paths, clock, out, &one);
    if (err == MST_OK)
      break;
    if (i + 1 < config->controllers.count)
      fprintf(out, "%s\n", one.text);
    else if (ctx)
      *ctx = one;
  }

out:
  mst_key_destroy(key);
  mst_paths_done(&paths);
  mst_buf_done(&req.bytes);
  return err;
}

#ifndef MST_TEST_CONTROLLER_LIVE_H
#define MST_TEST_CONTROLLER_LIVE_H

/* A running controller with all its threads, on the machine's clock with windows of half a second, and agents over nng. */
#include "rig.h"

#include <jansson.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <mst/common/file.h>
#include <mst/common/log.h>
#include <mst/proto/statement.h>

#include "keeper.h"
#include "runs.h"
#include "statements/operators.h"

enum { LIVE_WAIT_S = 60, LIVE_REPORT_MS = 100 };

static RIG_UNUSED const char live_checklist[] =
    "checklist: test\ntitle: Test\nversion: \"1\"\nperiod: %s\n"
    "policy: {go: 95%%, conditional: 90%%, sign_offs: [%s], na_by: [technical-lead], sign_off_deadline: 1m, freeze: 500ms, coverage: 50%%, "
    "max_gap: 1m}\n"
    "sections: [{id: \"1\", title: One}]\n"
    "items:\n"
    "  - {id: 1.1, title: Value, class: S, check: {signal: test.value, stat: last, target: \"< 10\"}}\n"
    "  - {id: 1.2, title: Doc, class: H, na: allowed, check: {attest: security-lead}}\n"
    "  - {id: 1.3, title: There, class: S, critical: true, check: {signal: test.value, stat: last, target: \"> 0\"}}\n";
static RIG_UNUSED const char live_plan[] = "plan: test\ninterval: %s\ncollectors: [{name: cpu}]\n";

typedef struct live {
  rig r; /* config and folder; its clock is not used */
  mst_key *admin;
  char url[128];
} live;

static RIG_UNUSED void
live_write_rules(live *l, const char *period, const char *sign_offs, const char *interval)
{
  char text[2048];

  snprintf(text, sizeof text, live_checklist, period, sign_offs);
  rig_write(&l->r, "checklist.yml", text);
  snprintf(text, sizeof text, live_plan, interval);
  rig_write(&l->r, "plan.yml", text);
}

static RIG_UNUSED void
live_open(live *l)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_core_create(&l->r.config, mst_clock_system(), &l->r.core, &ctx), MST_OK, "%s", ctx.text);
  if (l->r.core->state.operator_count == 0)
    cr_assert_eq(mst_first_operator(l->r.core, "admin", mst_key_public(l->admin), &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_core_start(l->r.core, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_core_listener_url(l->r.core, 0, l->url, sizeof l->url, &ctx), MST_OK, "%s", ctx.text);
}

static RIG_UNUSED void
live_start(live *l, const char *period, const char *sign_offs)
{
  char text[1024];
  mst_errctx ctx = {0};

  mst_log_start("test", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
  *l = (live){0};
  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  cr_assert_eq(mst_key_create(&l->admin, &ctx), MST_OK);
  snprintf(l->r.folder, sizeof l->r.folder, "/tmp/mst_live_XXXXXX");
  cr_assert_not_null(mkdtemp(l->r.folder));
  snprintf(l->r.config_path, sizeof l->r.config_path, "%s/musterd.yml", l->r.folder);
  snprintf(text, sizeof text,
           "state_dir: %s/state\nlisten: [\"tcp://127.0.0.1:0\"]\nwindow: 500ms\ngrace: 100ms\nevaluate_every: 200ms\nkey_overlap: "
           "1s\n"
           "contexts: 16\nchecklists: [{name: test, file: checklist.yml}]\nplan: plan.yml\n",
           l->r.folder);
  rig_write(&l->r, "musterd.yml", text);
  live_write_rules(l, period, sign_offs, "100ms");
  rig_load_config(&l->r);
  live_open(l);
}

static RIG_UNUSED void
live_close(live *l)
{
  mst_core_destroy(l->r.core);
  l->r.core = NULL;
}

static RIG_UNUSED void
live_stop(live *l)
{
  mst_key_destroy(l->admin);
  rig_stop(&l->r);
}

/* ---- waiting ---- */

/* Waits until the condition holds; fails the test after a minute. */
#define live_wait(condition)                                                                                                               \
  do {                                                                                                                                     \
    const int64_t until_ = mst_clock_mono(mst_clock_system()).ns + LIVE_WAIT_S * MST_NS_PER_S;                                             \
    while (!(condition)) {                                                                                                                 \
      cr_assert(mst_clock_mono(mst_clock_system()).ns < until_, "waited in vain for %s", #condition);                                      \
      poll(NULL, 0, 5);                                                                                                                    \
    }                                                                                                                                      \
  } while (0)

/* ---- statements ---- */

typedef struct pair {
  const char *key, *value;
} pair;

/* Fields sorted by key, ended by {NULL, NULL}. */
static RIG_UNUSED mst_err
live_state_at(live *l, const mst_key *key, const char *kind, const char *subject, const pair *fields, mst_wall expires_at,
              json_t **ret_answer, mst_errctx *ctx)
{
  mst_statement *statement = mst_alloc(1, sizeof *statement);
  json_t *answer = NULL;
  mst_buf bytes;

  statement->issued_at = mst_clock_wall(mst_clock_system());
  statement->expires_at = expires_at;
  statement->kind = text_of(kind);
  statement->subject = text_of(subject);
  mst_random_bytes(statement->id, sizeof statement->id);
  for (; fields->key; fields++)
    statement->fields[statement->field_count++] = (mst_statement_field){text_of(fields->key), text_of(fields->value)};
  mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
  mst_err err = mst_statement_seal(statement, key, &bytes, ctx);
  if (err == MST_OK)
    err = mst_core_statement(l->r.core, bytes.data, bytes.size_bytes, &answer, ctx);
  mst_buf_done(&bytes);
  mst_free(statement);
  if (ret_answer)
    *ret_answer = answer;
  else
    json_decref(answer);
  return err;
}
#define live_state(l, key, kind, subject, answer, ctx, ...)                                                                                \
  live_state_at((l), (key), (kind), (subject), (const pair[]){__VA_ARGS__{NULL, NULL}}, (mst_wall){0}, (answer), (ctx))

static RIG_UNUSED mst_key *
live_operator(live *l, const char *name, const char *roles)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_key *key = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_key_create(&key, &ctx), MST_OK);
  mst_err err = live_state(l, l->admin, "operator.add", name, NULL, &ctx, {"key", mst_public_key_format(mst_key_public(key), text)},
                           {"roles", roles}, );
  cr_assert_eq(err, MST_OK, "%s", ctx.text);
  return key;
}

/* ---- agents over the network ---- */

typedef struct net_agent {
  fake_agent fake;
  live *l;
  nng_socket socket;
  mst_public_key controller;
  pthread_t thread;
  atomic_bool is_stopping;
  atomic_int value;
  atomic_uint stored, refused;
  atomic_bool saw_plan, saw_next_key;
} net_agent;

static RIG_UNUSED rig_answer
net_send(net_agent *agent, const mst_buf *bytes)
{
  mst_digest digest = mst_envelope_digest(bytes->data, bytes->size_bytes);
  rig_answer answer = {0};
  nng_msg *message = NULL;
  mst_errctx ctx = {0};
  mst_reply reply;

  if (nng_msg_alloc(&message, 0) != 0 || nng_msg_append(message, bytes->data, bytes->size_bytes) != 0)
    abort();
  if (nng_sendmsg(agent->socket, message, 0) != 0) {
    nng_msg_free(message);
    return answer;
  }
  if (nng_recvmsg(agent->socket, &message, 0) != 0)
    return answer;
  if (mst_reply_open(nng_msg_body(message), nng_msg_len(message), &agent->controller, &digest, &reply, &ctx) == MST_OK) {
    answer.is_there = true;
    answer.status = reply.status;
    answer.refusal = reply.refusal;
    if (reply.plan.size_bytes > 0)
      atomic_store(&agent->saw_plan, true);
    if (reply.next_key.size_bytes > 0)
      atomic_store(&agent->saw_next_key, true);
    snprintf(answer.reason, sizeof answer.reason, "%.*s", (int)reply.reason.size_bytes, reply.reason.data ? reply.reason.data : "");
  }
  nng_msg_free(message);
  return answer;
}

static RIG_UNUSED void
net_dial(net_agent *agent)
{
  cr_assert_eq(nng_req0_open(&agent->socket), 0);
  cr_assert_eq(nng_socket_set_ms(agent->socket, NNG_OPT_RECVTIMEO, 2000), 0);
  cr_assert_eq(nng_socket_set_ms(agent->socket, NNG_OPT_SENDTIMEO, 2000), 0);
  cr_assert_eq(nng_socket_set_ms(agent->socket, NNG_OPT_REQ_RESENDTIME, 1000000), 0);
  cr_assert_eq(nng_dial(agent->socket, agent->l->url, NULL, 0), 0);
}

/* Enrols with a fresh token and defines two series. */
static RIG_UNUSED void
net_enrol(net_agent *agent, live *l, uint8_t seed, const char *labels)
{
  json_t *answer = NULL;
  mst_errctx ctx = {0};
  mst_token token;
  mst_buf body, bytes;

  memset(agent, 0, sizeof *agent);
  agent->l = l;
  fake_init(&agent->fake, seed);
  atomic_store(&agent->value, 1);
  mst_err err = live_state(l, l->admin, "token.new", "", &answer, &ctx, {"labels", labels}, {"ttl", "5m"}, );
  cr_assert_eq(err, MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_token_parse(json_string_value(json_object_get(answer, "token")), &token, &ctx), MST_OK, "%s", ctx.text);
  json_decref(answer);
  agent->controller = token.controller;
  net_dial(agent);
  mst_enrol enrol = {.key = *mst_key_public(agent->fake.key), .hostname = text_of("web-1"), .agent_version = text_of("1.0")};
  memcpy(enrol.token_id, token.id, sizeof enrol.token_id);
  mst_enrol_tag(token.secret, &enrol.key, enrol.hostname, enrol.tag);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_enrol_encode(&enrol, &body, &ctx), MST_OK);
  fake_envelope(&agent->fake, MST_ENVELOPE_ENROL, 0, mst_clock_wall(mst_clock_system()), &body, &bytes);
  expect_status(net_send(agent, &bytes), MST_REPLY_STORED);
  mst_buf_done(&bytes);
  mst_buf_done(&body);
  fake_definitions(&agent->fake, ++agent->fake.sequence, 0, 2, mst_clock_wall(mst_clock_system()), &bytes);
  agent->fake.defined = 2;
  expect_status(net_send(agent, &bytes), MST_REPLY_STORED);
  mst_buf_done(&bytes);
}

static RIG_UNUSED rig_answer
net_report(net_agent *agent, mst_wall at)
{
  mst_buf bytes;

  fake_report(&agent->fake, ++agent->fake.sequence, at, 2, atomic_load(&agent->value), &bytes);
  rig_answer answer = net_send(agent, &bytes);
  mst_buf_done(&bytes);
  return answer;
}

static RIG_UNUSED void *
net_run(void *arg)
{
  net_agent *agent = arg;

  while (!atomic_load(&agent->is_stopping)) {
    rig_answer answer = net_report(agent, mst_clock_wall(mst_clock_system()));
    if (answer.is_there)
      atomic_fetch_add(answer.status == MST_REPLY_STORED ? &agent->stored : &agent->refused, 1);
    poll(NULL, 0, LIVE_REPORT_MS);
  }
  return NULL;
}

/* Reports on and on until net_rest. */
static RIG_UNUSED void
net_go(net_agent *agent)
{
  atomic_store(&agent->is_stopping, false);
  cr_assert_eq(pthread_create(&agent->thread, NULL, net_run, agent), 0);
}

static RIG_UNUSED void
net_rest(net_agent *agent)
{
  atomic_store(&agent->is_stopping, true);
  pthread_join(agent->thread, NULL);
}

static RIG_UNUSED void
net_done(net_agent *agent)
{
  nng_close(agent->socket);
  fake_done(&agent->fake);
}

/* ---- runs ---- */

static RIG_UNUSED void
live_run(live *l, char id[static MST_RUN_ID_BYTES])
{
  json_t *answer = NULL;
  mst_errctx ctx = {0};

  mst_err err = live_state(l, l->admin, "run.start", "", &answer, &ctx, {"checklist", "test"}, {"commit", "abc"}, );
  cr_assert_eq(err, MST_OK, "%s", ctx.text);
  snprintf(id, MST_RUN_ID_BYTES, "%s", mst_run_json_text(answer, "run"));
  json_decref(answer);
}

/* A member of the run's document, "state" or "verdict". */
static RIG_UNUSED bool
live_run_is(live *l, const char *id, const char *key, const char *wanted)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_core_run_json(l->r.core, id, &document, &ctx), MST_OK, "%s", ctx.text);
  bool is_so = strcmp(mst_run_json_text(document, key), wanted) == 0;
  json_decref(document);
  return is_so;
}

static RIG_UNUSED json_t *
live_verdict(live *l, const char *id)
{
  char *text = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_core_verdict_text(l->r.core, id, &text, &ctx), MST_OK, "%s", ctx.text);
  json_t *document = json_loads(text, 0, NULL);
  mst_free(text);
  cr_assert_not_null(document);
  return document;
}

static RIG_UNUSED bool
live_verdict_is(live *l, const char *id, const char *key, const char *wanted)
{
  json_t *document = live_verdict(l, id);
  bool is_so = strcmp(mst_run_json_text(document, key), wanted) == 0;

  json_decref(document);
  return is_so;
}

#endif

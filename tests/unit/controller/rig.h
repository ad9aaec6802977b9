#ifndef MST_TEST_CONTROLLER_RIG_H
#define MST_TEST_CONTROLLER_RIG_H

/* A controller in a folder of its own, on a clock that stands still, without threads: the test is its keeper. And agents with real keys. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "core_parts.h"
#include "ingest/batch.h"
#include "ingest/ingest.h"
#include "round.h"

#define RIG_UNUSED   __attribute__((unused))
#define RIG_START_NS (1795500000LL * MST_NS_PER_S) /* a whole minute */
enum { RIG_ANSWER_BYTES = MST_REPLY_MAX_BYTES };

typedef struct rig {
  char folder[64], config_path[128];
  mst_clock_manual clock;
  mst_controller_config config;
  mst_core *core;
} rig;

static RIG_UNUSED void
rig_write(const rig *r, const char *name, const char *text)
{
  char path[256];

  snprintf(path, sizeof path, "%s/%s", r->folder, name);
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  cr_assert(fputs(text, file) >= 0 && fclose(file) == 0);
}

static RIG_UNUSED void
rig_load_config(rig *r)
{
  char line[1024];
  mst_diags diags;

  mst_diags_init(&diags);
  bool is_good = mst_controller_config_load(r->config_path, &r->config, &diags);
  cr_assert(is_good, "%s", diags.count ? mst_diag_format(&diags.list[0], line, sizeof line) : "");
  mst_diags_done(&diags);
}

static RIG_UNUSED void
rig_open(rig *r)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_core_create(&r->config, &r->clock.base, &r->core, &ctx), MST_OK, "%s", ctx.text);
}

static RIG_UNUSED void
rig_start(rig *r)
{
  char text[512];

  *r = (rig){0};
  snprintf(r->folder, sizeof r->folder, "/tmp/mst_core_XXXXXX");
  cr_assert_not_null(mkdtemp(r->folder));
  snprintf(r->config_path, sizeof r->config_path, "%s/musterd.yml", r->folder);
  snprintf(text, sizeof text, "state_dir: %s/state\nlisten: [\"tcp://127.0.0.1:0\"]\nwindow: 1m\ngrace: 5s\n", r->folder);
  rig_write(r, "musterd.yml", text);
  mst_clock_manual_init(&r->clock, RIG_START_NS);
  rig_load_config(r);
  rig_open(r);
}

static RIG_UNUSED void
rig_restart(rig *r)
{
  mst_core_destroy(r->core);
  r->core = NULL;
  rig_open(r);
}

static int
rig_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static RIG_UNUSED void
rig_stop(rig *r)
{
  mst_core_destroy(r->core);
  mst_controller_config_done(&r->config);
  nftw(r->folder, rig_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- envelopes in, answers out ---- */

typedef struct rig_answer {
  bool is_there;
  mst_reply_status status;
  mst_refusal refusal;
  int64_t retry_after_ns;
  bool has_plan, has_next_key;
  char reason[MST_REPLY_REASON_MAX_BYTES + 1];
} rig_answer;

typedef struct rig_job {
  mst_job job;
  uint8_t bytes[RIG_ANSWER_BYTES];
  size_t size_bytes;
  bool is_done, is_answered;
} rig_job;

static void
rig_finish(mst_job *job, const mst_buf *answer)
{
  rig_job *to = (rig_job *)(void *)job;

  to->is_done = true;
  if (answer) {
    to->is_answered = true;
    to->size_bytes = answer->size_bytes;
    memcpy(to->bytes, answer->data, answer->size_bytes);
  }
}

/* As the receiving threads and the keeper do it, one after the other. */
static RIG_UNUSED rig_answer
rig_send(rig *r, const void *data, size_t size_bytes)
{
  rig_job *to = mst_alloc(1, sizeof *to);
  rig_answer answer = {0};
  mst_job *job = &to->job;
  mst_errctx ctx = {0};

  /* A copy of its own, so that a read past its end is seen. */
  void *copy = mst_alloc(size_bytes ? size_bytes : 1, 1);
  memcpy(copy, data, size_bytes);
  mst_buf_init(&job->body, MST_REPLY_MAX_BYTES);
  job->data = copy;
  job->size_bytes = size_bytes;
  job->received_at = mst_clock_wall(&r->clock.base);
  job->finish = rig_finish;
  mst_ingest_verify(r->core, job);
  if (job->fate != MST_JOB_DROP) {
    mst_batch_run(r->core, &job, 1);
    cr_assert(to->is_done);
  }
  if (to->is_answered) {
    mst_digest digest = mst_envelope_digest(data, size_bytes);
    mst_reply reply;
    cr_assert_eq(mst_reply_open(to->bytes, to->size_bytes, mst_key_public(r->core->keys.current), &digest, &reply, &ctx), MST_OK, "%s",
                 ctx.text);
    answer.is_there = true;
    answer.status = reply.status;
    answer.refusal = reply.refusal;
    answer.retry_after_ns = reply.retry_after_ns;
    answer.has_plan = reply.plan.size_bytes > 0;
    answer.has_next_key = reply.next_key.size_bytes > 0;
    snprintf(answer.reason, sizeof answer.reason, "%.*s", (int)reply.reason.size_bytes, reply.reason.data ? reply.reason.data : "");
    cr_expect_eq(reply.received_at.ns, job->received_at.ns);
  }
  mst_buf_done(&job->body);
  mst_free(copy);
  mst_free(to);
  return answer;
}

static RIG_UNUSED uint64_t
rig_refused(const rig *r, mst_refusal refusal)
{
  return atomic_load(&r->core->counters.refused[refusal]);
}

/* Runs the keeper's round until it has no more to do. */
static RIG_UNUSED void
rig_round(rig *r)
{
  while (mst_round(r->core))
    ;
}

/* ---- agents ---- */

typedef struct fake_agent {
  mst_key *key;
  mst_session_id session;
  uint64_t sequence;
  uint32_t defined;
} fake_agent;

static RIG_UNUSED mst_text
text_of(const char *text)
{
  return (mst_text){text, strlen(text)};
}

static RIG_UNUSED void
fake_init(fake_agent *agent, uint8_t seed)
{
  uint8_t bytes[32];
  mst_errctx ctx = {0};

  *agent = (fake_agent){0};
  memset(bytes, seed, sizeof bytes);
  memset(agent->session.bytes, seed, sizeof agent->session.bytes);
  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  cr_assert_eq(mst_key_create_from_seed(bytes, &agent->key, &ctx), MST_OK);
}

static RIG_UNUSED void
fake_done(fake_agent *agent)
{
  mst_key_destroy(agent->key);
}

static RIG_UNUSED void
fake_envelope(const fake_agent *agent, mst_envelope_kind kind, uint64_t sequence, mst_wall sent_at, const mst_buf *body, mst_buf *ret_bytes)
{
  mst_envelope envelope = {.version = MST_WIRE_VERSION,
                           .session = agent->session,
                           .sequence = sequence,
                           .sent_at = sent_at,
                           .kind = kind,
                           .body = {body->data, body->size_bytes}};
  mst_errctx ctx = {0};

  mst_buf_init(ret_bytes, 2 * MST_ENVELOPE_MAX_BYTES);
  cr_assert_eq(mst_envelope_encode(&envelope, agent->key, ret_bytes, &ctx), MST_OK, "%s", ctx.text);
}

/* Definitions of ids first .. first + count - 1, named test.value{n=id}. */
static RIG_UNUSED void
fake_definitions(fake_agent *agent, uint64_t sequence, uint32_t first, uint32_t count, mst_wall at, mst_buf *ret_bytes)
{
  mst_series *series = mst_alloc(count, sizeof *series);
  char(*labels)[12] = mst_alloc(count, sizeof *labels);
  const mst_definitions header = {
      .boot_id = text_of("boot"), .agent_version = text_of("1.0"), .hostname = text_of("host"), .first_id = first, .count = count};
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  for (uint32_t i = 0; i < count; i++) {
    snprintf(labels[i], sizeof labels[i], "%u", first + i);
    series[i] = (mst_series){.name = text_of("test.value"),
                             .kind = MST_SIGNAL_GAUGE,
                             .unit = text_of("1"),
                             .label_count = 1,
                             .labels = {{text_of("n"), text_of(labels[i])}}};
  }
  cr_assert_eq(mst_definitions_encode(&header, series, &body, &ctx), MST_OK, "%s", ctx.text);
  fake_envelope(agent, MST_ENVELOPE_DEFINITIONS, sequence, at, &body, ret_bytes);
  mst_buf_done(&body);
  mst_free(series);
  mst_free(labels);
}

/* A report of `samples` values, all `value`. */
static RIG_UNUSED void
fake_report(const fake_agent *agent, uint64_t sequence, mst_wall at, uint32_t samples, double value, mst_buf *ret_bytes)
{
  const mst_report_header header = {.at = at, .interval_ns = 10 * MST_NS_PER_S, .definitions = samples};
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_buf body;

  mst_report_writer_init(&writer);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  for (uint32_t i = 0; i < samples; i++)
    cr_assert_eq(mst_report_write_number(&writer, i, value, &ctx), MST_OK);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &body, &ctx), MST_OK, "%s", ctx.text);
  fake_envelope(agent, MST_ENVELOPE_REPORT, sequence, at, &body, ret_bytes);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

/* Puts an approved (or other) agent into the store and the memory, as an enrolment would. */
static RIG_UNUSED uint32_t
rig_add_agent(rig *r, const fake_agent *agent, mst_agent_state state)
{
  mst_core *core = r->core;
  mst_store_agent record = {.key = *mst_key_public(agent->key), .state = state, .hostname = "host", .labels = "role=test"};
  mst_agent_entry *entry = mst_alloc(1, sizeof *entry);
  mst_errctx ctx = {0};

  cr_assert_eq(mst_core_begin(core, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_core_end(core, core->ops->agent_put(core->store, &record, &ctx), &ctx), MST_OK, "%s", ctx.text);
  entry->number = record.number;
  entry->state = state;
  entry->key = record.key;
  entry->id = mst_key_id_of(&record.key);
  entry->hostname = mst_strdup("host");
  entry->labels = mst_strdup("role=test");
  cr_assert_eq(mst_state_agent_add(&core->state, entry, &ctx), MST_OK);
  return record.number;
}

static RIG_UNUSED rig_answer
rig_define(rig *r, fake_agent *agent, uint32_t count)
{
  mst_buf bytes;

  fake_definitions(agent, ++agent->sequence, agent->defined, count, mst_clock_wall(&r->clock.base), &bytes);
  rig_answer answer = rig_send(r, bytes.data, bytes.size_bytes);
  if (answer.status == MST_REPLY_STORED)
    agent->defined += count;
  mst_buf_done(&bytes);
  return answer;
}

static RIG_UNUSED rig_answer
rig_report(rig *r, const fake_agent *agent, uint64_t sequence, int64_t at_ns, double value)
{
  mst_buf bytes;

  fake_report(agent, sequence, (mst_wall){at_ns}, agent->defined, value, &bytes);
  rig_answer answer = rig_send(r, bytes.data, bytes.size_bytes);
  mst_buf_done(&bytes);
  return answer;
}

/* The document of a window; empty when there is none. */
static RIG_UNUSED void
rig_window(const rig *r, uint32_t agent, int64_t start_ns, mst_buf *ret_document)
{
  mst_errctx ctx = {0};

  mst_buf_init(ret_document, MST_WINDOW_MAX_BYTES);
  mst_err err = r->core->ops->window_get(r->core->store, (mst_wall){start_ns}, agent, ret_document, &ctx);
  cr_assert(err == MST_OK || err == MST_EABSENT, "%s", ctx.text);
}

#define expect_refused(answer, reason_)                                                                                                    \
  do {                                                                                                                                     \
    rig_answer got_ = (answer);                                                                                                            \
    cr_expect(got_.is_there &&got_.status == MST_REPLY_REFUSED && got_.refusal == (reason_), "there %d status %d refusal %s: %s",          \
              got_.is_there, got_.status, mst_refusal_name(got_.refusal), got_.reason);                                                    \
  } while (0)
#define expect_status(answer, status_)                                                                                                     \
  do {                                                                                                                                     \
    rig_answer got_ = (answer);                                                                                                            \
    cr_expect(got_.is_there &&got_.status == (status_), "there %d status %d refusal %s: %s", got_.is_there, got_.status,                   \
              mst_refusal_name(got_.refusal), got_.reason);                                                                                \
  } while (0)
#define expect_silence(answer)                                                                                                             \
  do {                                                                                                                                     \
    rig_answer got_ = (answer);                                                                                                            \
    cr_expect(!got_.is_there, "answered: status %d refusal %s", got_.status, mst_refusal_name(got_.refusal));                              \
  } while (0)

#endif

#ifndef MST_TEST_HTTP_DOUBLE_H
#define MST_TEST_HTTP_DOUBLE_H

/* A core that answers what a test tells it to. Included by one file of a test program: it defines the functions of core.h. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <mst/common/alloc.h>
#include <mst/controller/core.h>

struct mst_core {
  pthread_mutex_t lock; /* over everything below */
  pthread_cond_t changed;
  uint64_t version;
  mst_err err; /* what everything that can fail answers */
  const char *err_text;
  bool no_memory; /* documents are NULL */
  const char *verdict;
  unsigned waits;         /* calls of verdict_wait so far */
  size_t statement_bytes; /* of the latest one, when all its bytes were 'b' */
};

static const char double_verdict[] =
    "{\"counts\":{\"FAIL\":1,\"PASS\":1},\"digest\":\"00ff\",\"follow_ups\":[{\"class\":\"P\",\"id\":\"14.1\",\"outcome\":\"PENDING\","
    "\"section\":\"14\"}],\"result\":{\"items\":[{\"id\":\"5.3.1\",\"number\":0.95,\"outcome\":\"PASS\",\"section\":\"5.3\"},"
    "{\"id\":\"50.1\",\"outcome\":\"FAIL\",\"section\":\"50\"},{\"id\":\"5.1\",\"outcome\":\"FAIL\",\"section\":\"5\"}]},\"verdict\":"
    "\"PENDING\"}";

static inline void
double_init(mst_core *core)
{
  pthread_condattr_t attributes;

  *core = (mst_core){.version = 7, .err_text = "", .verdict = double_verdict};
  pthread_mutex_init(&core->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&core->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

static inline void
double_done(mst_core *core)
{
  pthread_cond_destroy(&core->changed);
  pthread_mutex_destroy(&core->lock);
}

static inline void
double_set_error(mst_core *core, mst_err err, const char *text)
{
  pthread_mutex_lock(&core->lock);
  core->err = err;
  core->err_text = text;
  pthread_mutex_unlock(&core->lock);
}

/* As the core does when it has evaluated. */
static inline void
double_change(mst_core *core)
{
  pthread_mutex_lock(&core->lock);
  core->version++;
  pthread_cond_broadcast(&core->changed);
  pthread_mutex_unlock(&core->lock);
}

static inline unsigned
double_waits(mst_core *core)
{
  pthread_mutex_lock(&core->lock);
  unsigned waits = core->waits;
  pthread_mutex_unlock(&core->lock);
  return waits;
}

/* Bytes of the latest statement; forgets it. */
static inline size_t
double_take_statement(mst_core *core)
{
  pthread_mutex_lock(&core->lock);
  size_t bytes = core->statement_bytes;
  core->statement_bytes = 0;
  pthread_mutex_unlock(&core->lock);
  return bytes;
}

static json_t *
document(mst_core *core, const char *what)
{
  pthread_mutex_lock(&core->lock);
  bool no_memory = core->no_memory;
  pthread_mutex_unlock(&core->lock);
  return no_memory ? NULL : json_pack("{s:s}", "what", what);
}

static mst_err
answer(mst_core *core, const char *what, const char *id, json_t **ret_document, mst_errctx *ctx)
{
  pthread_mutex_lock(&core->lock);
  mst_err err = core->err;
  const char *text = core->err_text;
  pthread_mutex_unlock(&core->lock);
  if (err != MST_OK)
    return text[0] ? mst_fail(ctx, err, "%s", text) : err;
  if (ret_document)
    *ret_document = json_pack("{s:s,s:s%}", "what", what, "id", id, strlen(id));
  return MST_OK;
}

json_t *
mst_core_status_json(mst_core *core)
{
  return document(core, "status");
}

json_t *
mst_core_agents_json(mst_core *core)
{
  return document(core, "agents");
}

json_t *
mst_core_tokens_json(mst_core *core)
{
  return document(core, "tokens");
}

json_t *
mst_core_operators_json(mst_core *core)
{
  return document(core, "operators");
}

json_t *
mst_core_runs_json(mst_core *core)
{
  return document(core, "runs");
}

mst_err
mst_core_agent_json(mst_core *core, const char *id, json_t **ret_document, mst_errctx *ctx)
{
  return answer(core, "agent", id, ret_document, ctx);
}

mst_err
mst_core_run_json(mst_core *core, const char *run_id, json_t **ret_document, mst_errctx *ctx)
{
  return answer(core, "run", run_id, ret_document, ctx);
}

mst_err
mst_core_verdict_text(mst_core *core, const char *run_id, char **ret_json, mst_errctx *ctx)
{
  if (strcmp(run_id, "gone") == 0)
    return mst_fail(ctx, MST_EABSENT, "there is no run gone");
  mst_err err = answer(core, "verdict", run_id, NULL, ctx);
  if (err != MST_OK)
    return err;
  char *text = mst_strdup(core->verdict);
  if (!text)
    return mst_fail(ctx, MST_ENOMEM, "copy the verdict");
  *ret_json = text;
  return MST_OK;
}

uint64_t
mst_core_verdict_version(mst_core *core)
{
  pthread_mutex_lock(&core->lock);
  uint64_t version = core->version;
  pthread_mutex_unlock(&core->lock);
  return version;
}

uint64_t
mst_core_verdict_wait(mst_core *core, uint64_t version, int64_t timeout_ns)
{
  struct timespec until;

  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + timeout_ns;
  until.tv_sec += ns / MST_NS_PER_S;
  until.tv_nsec = ns % MST_NS_PER_S;
  pthread_mutex_lock(&core->lock);
  core->waits++;
  while (core->version == version && pthread_cond_timedwait(&core->changed, &core->lock, &until) == 0)
    ;
  uint64_t now = core->version;
  pthread_mutex_unlock(&core->lock);
  return now;
}

mst_err
mst_core_statement(mst_core *core, const void *data, size_t size_bytes, json_t **ret_answer, mst_errctx *ctx)
{
  pthread_mutex_lock(&core->lock);
  for (core->statement_bytes = 0; core->statement_bytes < size_bytes; core->statement_bytes++)
    if (((const char *)data)[core->statement_bytes] != 'b')
      break;
  pthread_mutex_unlock(&core->lock);
  return answer(core, "statement", "", ret_answer, ctx);
}

void
mst_core_metrics(mst_core *core, mst_core_metric_visit visit, void *user)
{
  char name[] = "muster_refused_total"; /* not static: whoever keeps the pointer is found out */

  (void)core;
  visit(user, name, "Refused\nby \\ reason.", "counter", "reason=\"future\"", 3);
  visit(user, name, "Refused\nby \\ reason.", "counter", "reason=\"a\nmuster_up 1\"", 4);
  memset(name, 'x', sizeof name - 1);
  visit(user, "muster_ratio", "A share.", "gauge", "", 0.25);
  visit(user, "muster_odd", "Not a number.", "gauge", "k=\"nan\"", 0.0 / 0.0);
  visit(user, "muster_odd", "Not a number.", "gauge", "k=\"up\"", 1.0 / 0.0);
  visit(user, "muster_odd", "Not a number.", "gauge", "k=\"down\"", -1.0 / 0.0);
}

mst_err
mst_core_ready(mst_core *core, mst_errctx *ctx)
{
  return answer(core, "ready", "", NULL, ctx);
}

#endif

/* Is this envelope what it says it is? */
#include <stdio.h>
#include <string.h>

#include <mst/common/log.h>

#include "ingest/ingest.h"

/* How long an agent that nobody has approved yet waits before it asks again. */
static const int64_t approval_retry_ns = 15 * MST_NS_PER_S;

void
mst_core_count_refusal(mst_core *core, mst_refusal refusal, const mst_envelope *envelope, const char *reason)
{
  char hex[MST_KEY_ID_HEX_BYTES] = "", sequence[24] = "";

  atomic_fetch_add(&core->counters.refused[refusal < MST_REFUSAL_COUNT ? refusal : 0], 1);
  if (envelope) {
    mst_key_id_hex(&envelope->key_id, hex);
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)envelope->sequence);
  }
  mst_log(MST_LOG_WARN, "envelope-refused", "refusal", mst_refusal_name(refusal), "key", hex, "sequence", sequence, "reason", reason, NULL);
}

static void
drop(mst_core *core, mst_job *job, mst_refusal refusal, bool has_envelope, const mst_errctx *why)
{
  mst_core_count_refusal(core, refusal, has_envelope ? &job->envelope : NULL, why->text);
  mst_job_drop(job, refusal);
}

static bool
equal_in_constant_time(const uint8_t *a, const uint8_t *b, size_t size_bytes)
{
  volatile uint8_t difference = 0;

  for (size_t i = 0; i < size_bytes; i++)
    difference = (uint8_t)(difference | (a[i] ^ b[i]));
  return difference == 0;
}

/* The sender proves that it holds the key that it brings, and knows the token's secret. */
static void
verify_enrolment(mst_core *core, mst_job *job)
{
  uint8_t tag[MST_ENROL_TAG_BYTES], secret[MST_TOKEN_SECRET_BYTES];
  mst_errctx why = {0};

  mst_err err = mst_enrol_decode(job->envelope.body, &job->enrol, &why);
  if (err != MST_OK) {
    drop(core, job, MST_REFUSED_MALFORMED, true, &why);
    return;
  }
  if (mst_envelope_verify(&job->envelope, &job->enrol.key, &why) != MST_OK) {
    drop(core, job, MST_REFUSED_SIGNATURE, true, &why);
    return;
  }
  pthread_rwlock_rdlock(&core->state.lock);
  const mst_token_entry *token = mst_state_token_find(&core->state, job->enrol.token_id);
  bool is_known = token != NULL;
  if (is_known)
    memcpy(secret, token->token.secret, sizeof secret);
  pthread_rwlock_unlock(&core->state.lock);
  if (is_known)
    mst_enrol_tag(secret, &job->enrol.key, job->enrol.hostname, tag);
  if (!is_known || !equal_in_constant_time(tag, job->enrol.tag, sizeof tag)) {
    (void)mst_fail(&why, MST_EPERM, "%s", is_known ? "the token's secret does not fit" : "no such token");
    drop(core, job, MST_REFUSED_TOKEN, true, &why);
    return;
  }
  job->fate = MST_JOB_APPLY;
}

static void
decode_body(mst_job *job)
{
  mst_errctx why = {0};
  mst_err err = MST_OK;

  switch (job->envelope.kind) {
  case MST_ENVELOPE_REPORT:
    err = mst_report_decode(job->envelope.body, &job->report, &why);
    break;
  case MST_ENVELOPE_DEFINITIONS:
    err = mst_definitions_decode(job->envelope.body, &job->definitions, &why);
    break;
  default: /* losses are decoded where they are applied: they are rare and big */
    break;
  }
  if (err == MST_OK && job->envelope.sequence == 0)
    err = mst_fail(&why, MST_EMALFORMED, "sequence 0 is for enrolment only");
  if (err == MST_OK)
    job->fate = MST_JOB_APPLY;
  else
    mst_job_refuse(job, err == MST_ELIMIT ? MST_REFUSED_LIMIT : MST_REFUSED_MALFORMED, "%s", why.text);
}

static void
verify_agent(mst_core *core, mst_job *job)
{
  mst_agent_state state = MST_AGENT_PENDING;
  mst_public_key key;
  mst_errctx why = {0};

  pthread_rwlock_rdlock(&core->state.lock);
  const mst_agent_entry *agent = mst_state_agent_by_key(&core->state, &job->envelope.key_id);
  if (agent) {
    job->agent = agent->number;
    key = agent->key;
    state = agent->state;
  }
  pthread_rwlock_unlock(&core->state.lock);
  if (job->agent == 0) {
    drop(core, job, MST_REFUSED_UNKNOWN_KEY, true, &why);
    return;
  }
  if (mst_envelope_verify(&job->envelope, &key, &why) != MST_OK) {
    drop(core, job, MST_REFUSED_SIGNATURE, true, &why);
    return;
  }
  if (state == MST_AGENT_REVOKED)
    mst_job_refuse(job, MST_REFUSED_REVOKED_KEY, "this agent was revoked");
  else if (state == MST_AGENT_PENDING)
    mst_job_later(job, approval_retry_ns, "waits for `muster agents approve`");
  else
    decode_body(job);
}

void
mst_ingest_verify(mst_core *core, mst_job *job)
{
  mst_errctx why = {0};

  job->agent = 0;
  job->is_fresh = false;
  if (job->size_bytes > MST_ENVELOPE_MAX_BYTES) {
    drop(core, job, MST_REFUSED_OVERSIZED, false, &why);
    return;
  }
  mst_err err = mst_envelope_decode(job->data, job->size_bytes, &job->envelope, &why);
  if (err != MST_OK) {
    drop(core, job,
         err == MST_ELIMIT     ? MST_REFUSED_OVERSIZED
         : err == MST_EVERSION ? MST_REFUSED_VERSION
                               : MST_REFUSED_MALFORMED,
         false, &why);
    return;
  }
  job->digest = mst_envelope_digest(job->data, job->size_bytes);
  if (job->envelope.kind == MST_ENVELOPE_ENROL)
    verify_enrolment(core, job);
  else
    verify_agent(core, job);
}

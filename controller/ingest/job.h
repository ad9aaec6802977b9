#ifndef MST_CONTROLLER_JOB_H
#define MST_CONTROLLER_JOB_H

#include <stdbool.h>

#include <mst/proto/enrol.h>
#include <mst/proto/reply.h>
#include <mst/proto/report.h>

/* One received envelope on its way: socket -> verify -> keeper -> socket. It is in one hand at a time: queues pass it on. */
typedef enum mst_job_fate {
  MST_JOB_DROP,  /* no answer: an unknown sender learns nothing */
  MST_JOB_REPLY, /* the answer is known */
  MST_JOB_APPLY, /* authentic and well formed: the keeper decides */
} mst_job_fate;

typedef struct mst_job {
  struct mst_job *next; /* in a queue */
  const void *data;     /* as received; the sender of the job keeps it until finish */
  size_t size_bytes;
  mst_wall received_at;
  /* Takes the job back with the signed reply, or with none (NULL). */
  void (*finish)(struct mst_job *job, const mst_buf *answer);

  /* verify.c */
  mst_job_fate fate;
  mst_envelope envelope;
  mst_digest digest;
  uint32_t agent; /* number; 0: not known yet (enrolment) */
  union {
    mst_report report;
    mst_definitions definitions;
    mst_enrol enrol;
  };

  /* the decision */
  mst_reply_status status;
  mst_refusal refusal;
  int64_t retry_after_ns;
  char reason[MST_REPLY_REASON_MAX_BYTES + 1];
  bool is_fresh; /* stored by this batch, not a repeat */
  mst_buf body;
} mst_job;

/* Set the decision; the texts go to the agent's log. */
void mst_job_accept(mst_job *job, bool is_fresh);
void mst_job_refuse(mst_job *job, mst_refusal refusal, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void mst_job_later(mst_job *job, int64_t retry_after_ns, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void mst_job_need_definitions(mst_job *job);
void mst_job_drop(mst_job *job, mst_refusal refusal);

#endif

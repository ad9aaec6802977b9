#ifndef MST_CONTROLLER_CORE_H
#define MST_CONTROLLER_CORE_H

#include <jansson.h>

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/err.h>
#include <mst/controller/judge.h>

/* The running controller behind its interfaces: what ingest feeds and what HTTP reads. Every function may be called from any thread. */
typedef struct mst_core mst_core;

/* Documents for /api/v1, new references that the caller decrefs; NULL only when memory is out. Shapes: docs/api.md. */
json_t *mst_core_status_json(mst_core *core);
json_t *mst_core_agents_json(mst_core *core);
/* One agent with its sessions and their taken ranges; NULL with MST_EABSENT when id (hex, or a hostname that is unique) is not known. */
mst_err mst_core_agent_json(mst_core *core, const char *id, json_t **ret_document, mst_errctx *ctx) MST_MUST_USE;
json_t *mst_core_tokens_json(mst_core *core);
json_t *mst_core_operators_json(mst_core *core);
json_t *mst_core_runs_json(mst_core *core);
mst_err mst_core_run_json(mst_core *core, const char *run_id, json_t **ret_document, mst_errctx *ctx) MST_MUST_USE;
/* The canonical verdict of a run as of its last evaluation, NUL-terminated, to be freed with mst_free; run_id "" or NULL: the current or
 * else the latest run. MST_EABSENT: no such run. */
mst_err mst_core_verdict_text(mst_core *core, const char *run_id, char **ret_json, mst_errctx *ctx) MST_MUST_USE;
/* Waits until the verdict changed from `version` (a number in the status and verdict documents' header) or the timeout passed; returns the
 * version now. */
uint64_t mst_core_verdict_wait(mst_core *core, uint64_t version, int64_t timeout_ns);
uint64_t mst_core_verdict_version(mst_core *core);

/* Checks and carries out an operator's signed statement; the answer is a JSON document for the CLI, e.g. {"token": "mst1..."}.
 * MST_EMALFORMED, MST_ECRYPTO (unknown operator or bad signature), MST_EPERM (role does not allow it), MST_EEXIST (id used before),
 * MST_EABSENT, MST_ESTATE, MST_EIO. */
mst_err mst_core_statement(mst_core *core, const void *data, size_t size_bytes, json_t **ret_answer, mst_errctx *ctx) MST_MUST_USE;

/* Numbers for /metrics: visits each as (name, help, type "counter"|"gauge", label text like reason="future" or "", value). */
typedef void (*mst_core_metric_visit)(void *user, const char *name, const char *help, const char *type, const char *labels, double value);
void mst_core_metrics(mst_core *core, mst_core_metric_visit visit, void *user);

/* MST_OK when it can take reports: store open, ingest listening, disk not full; else why not. */
mst_err mst_core_ready(mst_core *core, mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_CONTROLLER_JUDGE_H
#define MST_CONTROLLER_JUDGE_H

#include <mst/common/diag.h>
#include <mst/common/digest.h>
#include <mst/controller/window.h>
#include <mst/proto/statement.h>

/* ---- checklist ---- */
typedef struct mst_checklist mst_checklist; /* immutable once loaded */

/* Loads and compiles a checklist. overlay: a file that sets its variables (bounds), or NULL. Every error is in diags; NULL when there was
 * one. */
mst_checklist *mst_checklist_load(const char *path, const char *overlay, mst_diags *diags);
void mst_checklist_destroy(mst_checklist *checklist);
const char *mst_checklist_name(const mst_checklist *checklist);
/* Over the checklist's bytes and those of its overlay. */
mst_digest mst_checklist_digest(const mst_checklist *checklist);
size_t mst_checklist_item_count(const mst_checklist *checklist);
int64_t mst_checklist_period_ns(const mst_checklist *checklist);
int64_t mst_checklist_freeze_ns(const mst_checklist *checklist);   /* inputs count until this long after the period's end */
int64_t mst_checklist_deadline_ns(const mst_checklist *checklist); /* sign-offs count until this long after the period's end */

/* ---- roster: frozen when the run starts ---- */
typedef struct mst_roster_host {
  const char *agent_id; /* key id in hex */
  const char *hostname;
  const mst_label *labels; /* role and others; sorted by key */
  size_t label_count;
} mst_roster_host;
/* Selectors that match no host of this roster, too few hosts for a check's minimum: one line each in diags (lint, and refused at run start
 * unless forced). */
void mst_checklist_check_roster(const mst_checklist *checklist, const mst_roster_host *hosts, size_t count, mst_diags *diags);

/* ---- the judge: a pure function kept incremental ---- */
typedef struct mst_judge mst_judge; /* one owner at a time: the caller locks */

typedef struct mst_judge_setup {
  const mst_checklist *checklist; /* borrowed, outlives the judge */
  const mst_roster_host *hosts;   /* copied */
  size_t host_count;
  const mst_series_table *series; /* borrowed, outlives the judge; may grow */
  const char *run_id;             /* copied */
  mst_wall start;                 /* of the run: a multiple of window_ns */
  int64_t window_ns;
  int64_t grace_ns; /* a window may be judged this long after its end */
} mst_judge_setup;

mst_err mst_judge_create(const mst_judge_setup *setup, mst_judge **ret_judge, mst_errctx *ctx) MST_MUST_USE;
void mst_judge_destroy(mst_judge *judge);

/* That host (index into the roster) has defined this series at this time; the earliest one counts. Series stay expected from then on:
 * deleting windows does not make a series unknown. Rows of series that were never defined for a host are passed over, so define first:
 * MST_ESTATE when windows from defined_at on are judged already (a backlog that came late): forget the host's windows, define, and add them
 * anew. MST_EABSENT when the table has no such series. */
mst_err mst_judge_add_series(mst_judge *judge, size_t host, uint32_t series, mst_wall defined_at, mst_errctx *ctx) MST_MUST_USE;
/* Adds a closed, sealed window of that host. Each (host, start) at most once: MST_EEXIST. Windows outside the period are passed over.
 * Any order gives the same results. MST_EMALFORMED when it is not of the run's grid. On MST_ENOMEM all windows of the host are forgotten.
 */
mst_err mst_judge_add_window(mst_judge *judge, size_t host, const mst_window *window, mst_errctx *ctx) MST_MUST_USE;
/* Forgets all windows of a host, so that they can be added anew after late data changed one. */
void mst_judge_forget_windows(mst_judge *judge, size_t host);

typedef enum mst_host_state { MST_HOST_OK, MST_HOST_REVOKED, MST_HOST_RELABELLED } mst_host_state;
/* Live facts of a host: when its last report was received (0: never), its interval. Silence over 3 intervals is NO_DATA while the run is
 * on. */
void mst_judge_set_host(mst_judge *judge, size_t host, mst_host_state state, mst_wall last_received_at, int64_t interval_ns);

/* The run was ended before its time: it can only be NO_GO now. */
void mst_judge_end(mst_judge *judge, mst_wall ended_at);

/* Operator statements that count for this run (attest, waive, na, sign-off, intervention), verified by the caller. */
typedef struct mst_judge_statement {
  uint8_t id[MST_STATEMENT_ID_BYTES];
  const char *kind, *subject;       /* subject: item id; "" for sign-off and intervention */
  const char *operator_name, *role; /* role under which it was signed */
  uint8_t key_id[16];
  mst_wall issued_at, expires_at, received_at;
  const char *reason, *detail; /* detail: document hash of an attestation, digest of a sign-off, "approved"/"rejected" in reason */
} mst_judge_statement;
/* Replaces the whole list; copies. */
mst_err mst_judge_set_statements(mst_judge *judge, const mst_judge_statement *list, size_t count, mst_errctx *ctx) MST_MUST_USE;

/* Imported documents, reduced to numbers and texts. */
typedef struct mst_evidence_field {
  const char *name; /* "pass_ratio", "severity.high" */
  bool is_number;
  double number;
  const char *text;
} mst_evidence_field;
typedef struct mst_judge_evidence {
  const char *kind, *name; /* "junit", "smoke" */
  mst_digest digest;
  mst_wall made_at, imported_at;
  const mst_evidence_field *fields;
  size_t field_count;
} mst_judge_evidence;
mst_err mst_judge_set_evidence(mst_judge *judge, const mst_judge_evidence *list, size_t count, mst_errctx *ctx) MST_MUST_USE;

/* ---- results ---- */
typedef enum mst_outcome { MST_PASS, MST_WARN, MST_FAIL, MST_NO_DATA, MST_WAIVED, MST_NA, MST_PENDING } mst_outcome;
typedef enum mst_verdict_kind { MST_GO, MST_CONDITIONAL_GO, MST_NO_GO, MST_VERDICT_PENDING } mst_verdict_kind;
const char *mst_outcome_name(mst_outcome outcome);      /* "PASS", "NO_DATA", ... */
const char *mst_verdict_name(mst_verdict_kind verdict); /* "GO", "CONDITIONAL_GO", ... */

typedef struct mst_item_result {
  const char *id, *title, *section;
  char class; /* S E H D R P as in checklist-map.tsv */
  bool critical;
  bool counted; /* in the denominator */
  mst_outcome outcome;
  const char *value;  /* "63.1 % (p95, worst host web-1)"; for a table */
  const char *bound;  /* "< 70 %" */
  const char *reason; /* one line for a person: why this outcome, and what to do */
} mst_item_result;

typedef struct mst_verdict mst_verdict;
/* Evaluates everything at `now`; costs the number of items, not the length of the history. The caller destroys the result. */
mst_err mst_judge_evaluate(mst_judge *judge, mst_wall now, mst_verdict **ret_verdict, mst_errctx *ctx) MST_MUST_USE;
void mst_verdict_destroy(mst_verdict *verdict);
mst_verdict_kind mst_verdict_get(const mst_verdict *verdict);    /* what decide answers now */
mst_verdict_kind mst_verdict_so_far(const mst_verdict *verdict); /* what it would be if the period ended now */
bool mst_verdict_is_final(const mst_verdict *verdict);           /* no later input can change it */
size_t mst_verdict_item_count(const mst_verdict *verdict);
const mst_item_result *mst_verdict_item_at(const mst_verdict *verdict, size_t index);
/* The canonical JSON (keys sorted, no white space): the same inputs give the same bytes on any machine. `result` holds what is signed:
 * checklist, decision, items, rate, run; `digest` is over exactly its bytes (domain "muster/1/result"). Around it stands what changes
 * without a change of the result: counts, evaluated_at, final, follow_ups, next, reasons, sign_offs, verdict, verdict_so_far. Texts live as
 * long as the verdict. */
const char *mst_verdict_json(const mst_verdict *verdict);
mst_digest mst_verdict_digest(const mst_verdict *verdict);

#endif

#ifndef MST_CONTROLLER_STORE_H
#define MST_CONTROLLER_STORE_H

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/digest.h>
#include <mst/common/err.h>
#include <mst/common/key.h>
#include <mst/proto/envelope.h>
#include <mst/proto/enrol.h>

/* Where the controller keeps what must outlive it. One writer thread owns a store; a second handle on the same file may read (WAL).
 * Back ends: one file each in controller/store/, a static const mst_store_ops in one table, one contract test suite over all of them.
 *
 * Layout by access (FACTS.md): reports are appended to a journal in order of arrival, windows are keyed (start, agent). When a window is
 * closed its journal records become one window document in one transaction. */
typedef struct mst_store mst_store;

typedef enum mst_agent_state { MST_AGENT_PENDING = 1, MST_AGENT_APPROVED = 2, MST_AGENT_REVOKED = 3 } mst_agent_state;

typedef struct mst_store_agent {
  uint32_t number; /* small, stable, given by the store at first put (0 in: new) */
  mst_public_key key;
  mst_agent_state state;
  const char *hostname;                 /* borrowed for the call; in results valid until the callback returns */
  const char *labels;                   /* "role=api\nzone=a": sorted by key */
  uint8_t token_id[MST_TOKEN_ID_BYTES]; /* enrolled with */
  mst_wall enrolled_at, changed_at;
} mst_store_agent;

typedef struct mst_store_token {
  uint8_t id[MST_TOKEN_ID_BYTES];
  uint8_t secret[MST_TOKEN_SECRET_BYTES];
  const char *labels;
  mst_wall created_at, expires_at;
  uint32_t uses_left, uses_made;
  bool revoked, manual; /* manual: agents wait for `muster agents approve` */
} mst_store_token;

typedef struct mst_store_operator {
  mst_public_key key;
  const char *name;
  const char *roles; /* "admin\ntechnical-lead": sorted */
  bool revoked;
  mst_wall added_at;
} mst_store_operator;

typedef struct mst_store_session {
  uint32_t number; /* given by the store at first put (0 in: new) */
  uint32_t agent;
  mst_session_id session;
  mst_wall first_seen_at;
  mst_bytes ranges;      /* taken sequences: opaque to the store (controller/ingest/ranges.c) */
  mst_bytes definitions; /* series numbers by id, opaque to the store */
  uint64_t stored_samples, lost_samples, lost_records;
} mst_store_session;

typedef struct mst_store_journal {
  int64_t id; /* given by append, increasing */
  uint32_t agent, session;
  uint64_t sequence;
  mst_envelope_kind kind;
  mst_wall window; /* start of the window that it belongs to; reports */
  mst_wall received_at;
  mst_digest digest;
  mst_bytes body;
} mst_store_journal;

typedef struct mst_store_run {
  const char *id;       /* "r-20261123-0001" */
  const char *document; /* JSON: deployment info, names, digests, roster, state ("running", "ended", "decided"), reason */
  mst_wall start, end;  /* end 0: running */
} mst_store_run;

typedef struct mst_store_statement {
  uint8_t id[16];
  const char *kind, *run; /* run: id of the run that it belongs to, "" for none */
  mst_wall received_at;
  mst_bytes bytes; /* as signed */
} mst_store_statement;

typedef struct mst_store_audit {
  int64_t sequence; /* from 1, no gaps; given by append */
  mst_wall at;
  const char *kind, *subject;
  mst_bytes body;  /* statement as signed, or what was done */
  mst_digest hash; /* BLAKE2b-256 over previous hash and this record (domain "muster/1/audit") */
} mst_store_audit;

/* Returning false ends the walk. A visitor may read other kinds of records; it must not write, nor ask for the kind that it is shown
 * (MST_ESTATE). */
typedef bool (*mst_store_visit)(void *user, const void *record);

/* All functions: MST_EIO with the store's text on failure, MST_ELIMIT when the disk is full (the caller answers "later"), MST_EABSENT when
 * there is no such record (also: put with a number that was not given), MST_EEXIST when a key is taken, MST_ECORRUPT. Writes outside
 * begin/commit are an error (MST_ESTATE). Strings and bytes are borrowed for the call; a NULL string is an empty one. A write that fails
 * with anything but MST_EEXIST, MST_EABSENT, MST_EUSAGE fails the whole transaction: writes after it and the commit fail too, and nothing
 * of it is kept. */
typedef struct mst_store_ops {
  const char *name; /* "sqlite" */
  /* Makes or migrates the schema. One handle at a time may write (MST_ESTATE: another process has it open); a reading one needs a store
   * that is there (MST_EABSENT) and of this version. MST_EVERSION: written by a newer muster; MST_EMALFORMED: another program's; MST_EPERM:
   * open to group or others. */
  mst_err (*open)(const char *location, bool read_only, mst_store **ret_store, mst_errctx *ctx);
  void (*close)(mst_store *store);
  mst_err (*begin)(mst_store *store, mst_errctx *ctx);
  mst_err (*commit)(mst_store *store, mst_errctx *ctx); /* durable when it returns MST_OK; rolled back when not */
  void (*rollback)(mst_store *store);

  mst_err (*meta_put)(mst_store *store, const char *key, mst_bytes value, mst_errctx *ctx);
  mst_err (*meta_get)(mst_store *store, const char *key, mst_buf *ret_value, mst_errctx *ctx);

  mst_err (*agent_put)(mst_store *store, mst_store_agent *agent, mst_errctx *ctx);
  mst_err (*agent_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
  mst_err (*token_put)(mst_store *store, const mst_store_token *token, mst_errctx *ctx);
  mst_err (*token_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
  mst_err (*operator_put)(mst_store *store, const mst_store_operator *operator_, mst_errctx *ctx);
  mst_err (*operator_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);

  mst_err (*series_put)(mst_store *store, uint32_t number, mst_bytes series, mst_errctx *ctx);
  mst_err (*series_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx); /* record: mst_store_series */
  /* Which series an agent has defined, and since when. */
  mst_err (*agent_series_put)(mst_store *store, uint32_t agent, uint32_t series, mst_wall defined_at,
                              mst_errctx *ctx); /* the earliest stays */
  mst_err (*agent_series_each)(mst_store *store, uint32_t agent, mst_store_visit visit, void *user,
                               mst_errctx *ctx); /* record: mst_store_agent_series */

  mst_err (*session_put)(mst_store *store, mst_store_session *session, mst_errctx *ctx);
  mst_err (*session_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);

  mst_err (*journal_append)(mst_store *store, mst_store_journal *record, mst_errctx *ctx);
  mst_err (*journal_get)(mst_store *store, int64_t id, mst_store_visit visit, void *user, mst_errctx *ctx);
  mst_err (*journal_delete)(mst_store *store, int64_t id, mst_errctx *ctx);
  mst_err (*journal_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx); /* in order of arrival */

  /* Replaces. start: whole milliseconds; agent: as agent_put gave it, below 2^21 (MST_EUSAGE). */
  mst_err (*window_put)(mst_store *store, mst_wall start, uint32_t agent, mst_bytes document, mst_errctx *ctx);
  mst_err (*window_get)(mst_store *store, mst_wall start, uint32_t agent, mst_buf *ret_document, mst_errctx *ctx);
  /* Windows with from <= start < to, of one agent (or all with agent 0), by (start, agent). record: mst_store_window */
  mst_err (*window_each)(mst_store *store, uint32_t agent, mst_wall from, mst_wall to, mst_store_visit visit, void *user, mst_errctx *ctx);
  /* Deletes windows that start before `before`, at most `most` of them; *ret_deleted says how many. */
  mst_err (*window_prune)(mst_store *store, mst_wall before, uint32_t most, uint32_t *ret_deleted, mst_errctx *ctx);

  mst_err (*run_put)(mst_store *store, const mst_store_run *run, mst_errctx *ctx);
  mst_err (*run_each)(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
  mst_err (*statement_put)(mst_store *store, const mst_store_statement *statement, mst_errctx *ctx); /* MST_EEXIST: its id is taken */
  mst_err (*statement_each)(mst_store *store, const char *run, mst_store_visit visit, void *user, mst_errctx *ctx); /* run NULL: all */
  mst_err (*audit_append)(mst_store *store, mst_store_audit *record, mst_errctx *ctx); /* computes sequence and hash */
  mst_err (*audit_each)(mst_store *store, int64_t from, mst_store_visit visit, void *user, mst_errctx *ctx);

  /* A consistent copy into a new file (MST_EEXIST), while the store is in use. Takes as long as reading it all: use a reading handle and
   * another thread, so that the writer need not wait. */
  mst_err (*backup)(mst_store *store, const char *path, mst_errctx *ctx);
  uint64_t (*size_bytes)(mst_store *store);
  /* Reads everything: MST_ECORRUPT says what is damaged, or where the audit chain breaks. */
  mst_err (*check)(mst_store *store, mst_errctx *ctx);
} mst_store_ops;

typedef struct mst_store_series {
  uint32_t number;
  mst_bytes series;
} mst_store_series;
typedef struct mst_store_agent_series {
  uint32_t agent, series;
  mst_wall defined_at;
} mst_store_agent_series;
typedef struct mst_store_window {
  mst_wall start;
  uint32_t agent;
  mst_bytes document;
} mst_store_window;

/* The hash of an audit record: BLAKE2b-256 (domain "muster/1/audit") over the hash before it (zero for the first), number and time (64-bit,
 * highest byte first), then kind, subject and body, each with its length (32-bit) before it, so that no two records look alike. */
mst_err mst_store_audit_hash(const mst_digest *previous, const mst_store_audit *record, mst_digest *ret_hash, mst_errctx *ctx) MST_MUST_USE;

/* NULL when there is no back end of that name. */
const mst_store_ops *mst_store_find(const char *name);
/* All back ends in turn; NULL after the last. */
const mst_store_ops *mst_store_at(size_t index);

#endif

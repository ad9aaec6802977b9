#ifndef MST_CONTROLLER_STATE_H
#define MST_CONTROLLER_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>
#include <mst/controller/store.h>
#include <mst/controller/window.h>
#include <mst/proto/envelope.h>

#include "index.h"
#include "ingest/ranges.h"

/* What the controller knows, in memory: agents, sessions, tokens, operators, runs. The keeper thread (keeper.c) alone changes it, under the
 * lock for writing; it reads without. All other threads read under the lock. Nothing here is per sample. */

enum {
  /* Numbers of series over all hosts: 10 000 hosts with 150 counters of their own each fit twice. */
  MST_STATE_MAX_SERIES = 4 * 1000 * 1000,
  MST_STATE_MAX_AGENTS = 100 * 1000,
  /* An agent that starts anew every ten seconds for a week. */
  MST_AGENT_MAX_SESSIONS = 65536,
};

/* Numbers of the series that a session's ids stand for; equal sets are shared between sessions. Immutable but for refs, which the keeper
 * owns. */
typedef struct mst_series_map {
  uint32_t refs, count;
  mst_digest digest;
  uint32_t numbers[];
} mst_series_map;

/* A record that is not a report, taken: definitions or loss. Reports are found in their windows. */
typedef struct mst_session_record {
  uint64_t sequence;
  uint8_t digest[8];
} mst_session_record;

/* What changes of a session, so that a batch can work on a copy. */
typedef struct mst_session_data {
  mst_ranges taken, lost;
  mst_session_record *records; /* owned, in order of arrival */
  uint32_t record_count, record_capacity;
  mst_series_map *map; /* a reference; NULL: nothing is defined */
  uint64_t stored_reports, stored_samples, lost_samples;
} mst_session_data;

struct mst_draft;
typedef struct mst_session_entry {
  uint32_t number, agent;
  mst_session_id id;
  mst_wall first_seen_at;
  mst_session_data data;
  struct mst_draft *draft;                 /* of the batch under way; keeper only */
  struct mst_session_entry *next_of_agent; /* newest first */
} mst_session_entry;

/* What an agent said last. */
typedef struct mst_agent_live {
  mst_wall last_report_at, last_received_at; /* 0: none since this controller started */
  int64_t interval_ns, offset_ns;
  bool offset_known;
  mst_digest plan; /* in force there */
  uint64_t spool_records, spool_bytes, lost_records, lost_samples;
} mst_agent_live;

struct mst_sealed_plan;
typedef struct mst_agent_entry {
  uint32_t number;
  mst_agent_state state;
  mst_public_key key;
  mst_key_id id;
  char *hostname, *labels; /* owned; labels "role=api\nzone=a", sorted */
  char *version, *boot_id; /* owned; NULL until definitions came */
  uint8_t token_id[MST_TOKEN_ID_BYTES];
  mst_wall enrolled_at, changed_at;
  mst_agent_live live;
  const struct mst_sealed_plan *plan; /* borrowed from the plan set; NULL: none */
  mst_session_entry *sessions;
  uint32_t session_count;
  mst_wall alarmed_at; /* when a conflict was last put into the audit chain; keeper only */
} mst_agent_entry;

typedef struct mst_token_entry {
  mst_store_token token; /* labels owned by this entry */
} mst_token_entry;

typedef struct mst_operator_entry {
  mst_public_key key;
  mst_key_id id;
  char *name, *roles; /* owned; roles "admin\ntechnical-lead", sorted */
  bool revoked;
  mst_wall added_at;
} mst_operator_entry;

typedef struct mst_run_entry {
  char *id, *document; /* owned; document: JSON (runs.h) */
  mst_wall start, end;
} mst_run_entry;

typedef struct mst_state {
  pthread_rwlock_t lock;
  mst_agent_entry **agents; /* by number; NULL: none of that number */
  uint32_t agent_slots, agent_count;
  mst_index agents_by_key;
  mst_session_entry **sessions; /* by number */
  uint32_t session_slots;
  mst_index sessions_by_id;
  mst_index maps; /* of series; keeper only */
  mst_token_entry *tokens;
  uint32_t token_count;
  mst_operator_entry *operators;
  uint32_t operator_count;
  mst_run_entry *runs; /* in order of their start */
  uint32_t run_count;
  /* The table has a lock of its own: judging reads it for long, and agents must not wait for that. */
  pthread_rwlock_t series_lock;
  mst_series_table *series;
  uint32_t series_stored; /* numbers below are in the store; keeper only */
} mst_state;

mst_err mst_state_init(mst_state *state, mst_errctx *ctx) MST_MUST_USE;
void mst_state_done(mst_state *state);

/* All below: for the keeper, or under the lock as it says. */
mst_agent_entry *mst_state_agent_by_key(const mst_state *state, const mst_key_id *id);                       /* read */
mst_session_entry *mst_state_session_find(const mst_state *state, uint32_t agent, const mst_session_id *id); /* read */
mst_token_entry *mst_state_token_find(const mst_state *state, const uint8_t id[static MST_TOKEN_ID_BYTES]);
mst_operator_entry *mst_state_operator_find(const mst_state *state, const mst_key_id *id);

/* Puts what is new in; under the write lock. On success the state owns the entry. */
mst_err mst_state_agent_add(mst_state *state, mst_agent_entry *entry, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_state_session_add(mst_state *state, mst_session_entry *entry, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_state_token_put(mst_state *state, const mst_store_token *token, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_state_operator_put(mst_state *state, const mst_store_operator *op, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_state_run_put(mst_state *state, const mst_store_run *run, mst_errctx *ctx) MST_MUST_USE;
void mst_agent_entry_destroy(mst_agent_entry *entry);

/* ---- sessions (ingest/session.c) ---- */
void mst_session_data_done(mst_state *state, mst_session_data *data);
mst_err mst_session_data_copy(const mst_session_data *from, mst_session_data *ret_copy, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_session_data_record(mst_session_data *data, uint64_t sequence, const mst_digest *digest, mst_errctx *ctx) MST_MUST_USE;
const mst_session_record *mst_session_data_find_record(const mst_session_data *data, uint64_t sequence);
/* The blobs of mst_store_session: ranges with records and counts, and definitions. */
mst_err mst_session_encode_ranges(const mst_session_data *data, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_session_encode_map(const mst_session_data *data, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_session_decode(mst_state *state, const mst_store_session *record, mst_session_data *ret_data, mst_errctx *ctx) MST_MUST_USE;
/* A reference to the shared map of these numbers; *ret_map's reference is the caller's. */
mst_err mst_series_map_intern(mst_state *state, const uint32_t *numbers, uint32_t count, mst_series_map **ret_map,
                              mst_errctx *ctx) MST_MUST_USE;
void mst_series_map_unref(mst_state *state, mst_series_map *map);
mst_err mst_session_entry_create(uint32_t agent, const mst_session_id *id, mst_wall first_seen_at, mst_session_entry **ret_entry,
                                 mst_errctx *ctx) MST_MUST_USE;
void mst_session_entry_destroy(mst_state *state, mst_session_entry *entry);

#endif

/* The tables of what the controller knows. */
#include "state.h"

#include <string.h>

#include <mst/common/alloc.h>

enum { TOKENS_MAX = 100000, OPERATORS_MAX = 10000, RUNS_MAX = 100000 };

static uint64_t
hash_agent(const void *entry)
{
  return mst_index_hash(MST_INDEX_SEED, ((const mst_agent_entry *)entry)->id.bytes, MST_KEY_ID_BYTES);
}

static bool
equal_agent(const void *entry, const void *key)
{
  return memcmp(((const mst_agent_entry *)entry)->id.bytes, ((const mst_agent_entry *)key)->id.bytes, MST_KEY_ID_BYTES) == 0;
}

static uint64_t
hash_session(const void *entry)
{
  const mst_session_entry *session = entry;

  return mst_index_hash(mst_index_hash(MST_INDEX_SEED, &session->agent, sizeof session->agent), session->id.bytes, MST_SESSION_BYTES);
}

static bool
equal_session(const void *entry, const void *key)
{
  const mst_session_entry *a = entry, *b = key;

  return a->agent == b->agent && memcmp(a->id.bytes, b->id.bytes, MST_SESSION_BYTES) == 0;
}

static uint64_t
hash_map(const void *entry)
{
  return mst_index_hash(MST_INDEX_SEED, ((const mst_series_map *)entry)->digest.bytes, 16);
}

static bool
equal_map(const void *entry, const void *key)
{
  return mst_digest_equal(&((const mst_series_map *)entry)->digest, &((const mst_series_map *)key)->digest);
}

static const mst_index_kind by_key = {hash_agent, equal_agent}, by_session = {hash_session, equal_session}, by_map = {hash_map, equal_map};

static int
init_lock(pthread_rwlock_t *lock)
{
  pthread_rwlockattr_t attributes;

  pthread_rwlockattr_init(&attributes);
  /* Readers come all the time; the keeper must not wait for a moment without any. */
  pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  int failed = pthread_rwlock_init(lock, &attributes);
  pthread_rwlockattr_destroy(&attributes);
  return failed;
}

mst_err
mst_state_init(mst_state *state, mst_errctx *ctx)
{
  *state = (mst_state){0};
  if (init_lock(&state->lock) != 0 || init_lock(&state->series_lock) != 0)
    return mst_fail(ctx, MST_ENOMEM, "make a lock");
  mst_index_init(&state->agents_by_key, &by_key);
  mst_index_init(&state->sessions_by_id, &by_session);
  mst_index_init(&state->maps, &by_map);
  return mst_series_table_create(MST_STATE_MAX_SERIES, &state->series, ctx);
}

void
mst_agent_entry_destroy(mst_agent_entry *entry)
{
  if (!entry)
    return;
  mst_free(entry->hostname);
  mst_free(entry->labels);
  mst_free(entry->version);
  mst_free(entry->boot_id);
  mst_free(entry);
}

void
mst_state_done(mst_state *state)
{
  for (uint32_t i = 0; i < state->session_slots; i++)
    mst_session_entry_destroy(state, state->sessions[i]);
  for (uint32_t i = 0; i < state->agent_slots; i++)
    mst_agent_entry_destroy(state->agents[i]);
  for (uint32_t i = 0; i < state->token_count; i++)
    mst_free((void *)(uintptr_t)state->tokens[i].token.labels);
  for (uint32_t i = 0; i < state->operator_count; i++) {
    mst_free(state->operators[i].name);
    mst_free(state->operators[i].roles);
  }
  for (uint32_t i = 0; i < state->run_count; i++) {
    mst_free(state->runs[i].id);
    mst_free(state->runs[i].document);
  }
  mst_free(state->sessions);
  mst_free(state->agents);
  mst_free(state->tokens);
  mst_free(state->operators);
  mst_free(state->runs);
  mst_index_done(&state->agents_by_key);
  mst_index_done(&state->sessions_by_id);
  mst_index_done(&state->maps);
  mst_series_table_destroy(state->series);
  if (state->agents_by_key.kind) {
    pthread_rwlock_destroy(&state->lock);
    pthread_rwlock_destroy(&state->series_lock);
  }
  *state = (mst_state){0};
}

mst_agent_entry *
mst_state_agent_by_key(const mst_state *state, const mst_key_id *id)
{
  mst_agent_entry key = {.id = *id};

  return mst_index_find(&state->agents_by_key, &key);
}

mst_session_entry *
mst_state_session_find(const mst_state *state, uint32_t agent, const mst_session_id *id)
{
  mst_session_entry key = {.agent = agent, .id = *id};

  return mst_index_find(&state->sessions_by_id, &key);
}

mst_token_entry *
mst_state_token_find(const mst_state *state, const uint8_t id[static MST_TOKEN_ID_BYTES])
{
  for (uint32_t i = 0; i < state->token_count; i++)
    if (memcmp(state->tokens[i].token.id, id, MST_TOKEN_ID_BYTES) == 0)
      return &state->tokens[i];
  return NULL;
}

mst_operator_entry *
mst_state_operator_find(const mst_state *state, const mst_key_id *id)
{
  for (uint32_t i = 0; i < state->operator_count; i++)
    if (memcmp(state->operators[i].id.bytes, id->bytes, MST_KEY_ID_BYTES) == 0)
      return &state->operators[i];
  return NULL;
}

/* Room for an index `number` in an array of pointers. */
static mst_err
grow_slots(void ***slots, uint32_t *count, uint32_t number, mst_errctx *ctx)
{
  if (number < *count)
    return MST_OK;
  uint64_t wanted = *count ? (uint64_t)*count * 2 : 64;
  if (wanted <= number)
    wanted = (uint64_t)number + 1;
  void **more = mst_realloc(*slots, wanted, sizeof *more);
  if (!more)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %llu entries", (unsigned long long)wanted);
  memset(more + *count, 0, (wanted - *count) * sizeof *more);
  *slots = more;
  *count = (uint32_t)wanted;
  return MST_OK;
}

mst_err
mst_state_agent_add(mst_state *state, mst_agent_entry *entry, mst_errctx *ctx)
{
  void **slots = (void **)state->agents;

  mst_err err = grow_slots(&slots, &state->agent_slots, entry->number, ctx);
  state->agents = (mst_agent_entry **)slots;
  if (err == MST_OK)
    err = mst_index_add(&state->agents_by_key, entry, ctx);
  if (err != MST_OK)
    return err;
  state->agents[entry->number] = entry;
  state->agent_count++;
  return MST_OK;
}

mst_err
mst_state_session_add(mst_state *state, mst_session_entry *entry, mst_errctx *ctx)
{
  void **slots = (void **)state->sessions;

  mst_err err = grow_slots(&slots, &state->session_slots, entry->number, ctx);
  state->sessions = (mst_session_entry **)slots;
  if (err == MST_OK)
    err = mst_index_add(&state->sessions_by_id, entry, ctx);
  if (err != MST_OK)
    return err;
  state->sessions[entry->number] = entry;
  mst_agent_entry *agent = state->agents[entry->agent];
  entry->next_of_agent = agent->sessions;
  agent->sessions = entry;
  agent->session_count++;
  return MST_OK;
}

static mst_err
grow_list(void **list, uint32_t count, uint32_t most, size_t size_bytes, mst_errctx *ctx)
{
  if (count >= most)
    return mst_fail(ctx, MST_ELIMIT, "over %u entries", most);
  /* Grows in powers of two: count is one of them exactly when the list is full. */
  if ((count & (count - 1)) != 0)
    return MST_OK;
  void *more = mst_realloc(*list, count ? (size_t)count * 2 : 1, size_bytes);
  if (!more)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %u entries", count + 1);
  *list = more;
  return MST_OK;
}

mst_err
mst_state_token_put(mst_state *state, const mst_store_token *token, mst_errctx *ctx)
{
  mst_token_entry *entry = mst_state_token_find(state, token->id);
  void *list = state->tokens;

  char *labels = mst_strdup(token->labels);
  if (!labels)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a token");
  if (!entry) {
    mst_err err = grow_list(&list, state->token_count, TOKENS_MAX, sizeof *entry, ctx);
    state->tokens = list;
    if (err != MST_OK) {
      mst_free(labels);
      return err;
    }
    entry = &state->tokens[state->token_count++];
    entry->token.labels = NULL;
  }
  mst_free((void *)(uintptr_t)entry->token.labels);
  entry->token = *token;
  entry->token.labels = labels;
  return MST_OK;
}

mst_err
mst_state_operator_put(mst_state *state, const mst_store_operator *op, mst_errctx *ctx)
{
  const mst_key_id id = mst_key_id_of(&op->key);
  mst_operator_entry *entry = mst_state_operator_find(state, &id);
  mst_operator_entry fresh = {.key = op->key, .id = id, .revoked = op->revoked, .added_at = op->added_at};
  void *list = state->operators;
  mst_err err = MST_OK;

  fresh.name = mst_strdup(op->name);
  fresh.roles = mst_strdup(op->roles);
  if (!fresh.name || !fresh.roles)
    err = mst_fail(ctx, MST_ENOMEM, "out of memory for an operator");
  if (err == MST_OK && !entry) {
    err = grow_list(&list, state->operator_count, OPERATORS_MAX, sizeof *entry, ctx);
    state->operators = list;
  }
  if (err != MST_OK) {
    mst_free(fresh.name);
    mst_free(fresh.roles);
    return err;
  }
  if (entry) {
    mst_free(entry->name);
    mst_free(entry->roles);
  } else {
    entry = &state->operators[state->operator_count++];
  }
  *entry = fresh;
  return MST_OK;
}

mst_err
mst_state_run_put(mst_state *state, const mst_store_run *run, mst_errctx *ctx)
{
  mst_run_entry *entry = NULL;
  void *list = state->runs;
  mst_err err = MST_OK;

  for (uint32_t i = 0; i < state->run_count && !entry; i++)
    if (strcmp(state->runs[i].id, run->id) == 0)
      entry = &state->runs[i];
  char *id = mst_strdup(run->id), *document = mst_strdup(run->document);
  if (!id || !document)
    err = mst_fail(ctx, MST_ENOMEM, "out of memory for a run");
  if (err == MST_OK && !entry) {
    err = grow_list(&list, state->run_count, RUNS_MAX, sizeof *entry, ctx);
    state->runs = list;
  }
  if (err != MST_OK) {
    mst_free(id);
    mst_free(document);
    return err;
  }
  if (entry) {
    mst_free(entry->id);
    mst_free(entry->document);
  } else {
    entry = &state->runs[state->run_count++];
  }
  *entry = (mst_run_entry){.id = id, .document = document, .start = run->start, .end = run->end};
  return MST_OK;
}

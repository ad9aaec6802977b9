/* Sign-offs: every role of the policy, each with another key, over exactly this result. */
#include <string.h>

#include "verdict_state.h"

/* Which statement fills which role, so that no key fills two: a matching, grown by augmenting paths. */
typedef struct sign_match {
  const mst_config_strings *roles;
  const mst_judge_statement *list[MST_CHECKLIST_MAX_ROLES * MST_CHECKLIST_MAX_ROLES];
  size_t count;
  const mst_judge_statement *by_role[MST_CHECKLIST_MAX_ROLES];
} sign_match;

static bool
same_key(const mst_judge_statement *a, const mst_judge_statement *b)
{
  return memcmp(a->key_id, b->key_id, sizeof a->key_id) == 0;
}

/* Frees the key from the role that it fills, if it can be filled by another. */
static bool place_key(sign_match *match, const mst_judge_statement *key, bool *tried);

static bool
fill_role(sign_match *match, size_t role, const mst_judge_statement *statement, bool *tried)
{
  const mst_judge_statement *before = match->by_role[role];

  if (tried[role])
    return false;
  tried[role] = true;
  if (before && !same_key(before, statement) && !place_key(match, before, tried))
    return false;
  match->by_role[role] = statement;
  return true;
}

/* A role, other than those tried, for a key by any of its statements. */
static bool
place_key(sign_match *match, const mst_judge_statement *key, bool *tried)
{
  for (size_t i = 0; i < match->count; i++) {
    if (!same_key(match->list[i], key))
      continue;
    for (size_t role = 0; role < match->roles->count; role++)
      if (strcmp(match->roles->items[role], match->list[i]->role) == 0 && fill_role(match, role, match->list[i], tried))
        return true;
  }
  return false;
}

static bool
is_placed(const sign_match *match, const mst_judge_statement *statement)
{
  for (size_t role = 0; role < match->roles->count; role++)
    if (match->by_role[role] && same_key(match->by_role[role], statement))
      return true;
  return false;
}

static bool
is_known(const sign_match *match, const mst_judge_statement *statement)
{
  for (size_t i = 0; i < match->count; i++)
    if (same_key(match->list[i], statement) && strcmp(match->list[i]->role, statement->role) == 0)
      return true;
  return false;
}

static size_t
filled(const sign_match *match)
{
  size_t count = 0;

  for (size_t role = 0; role < match->roles->count; role++)
    count += match->by_role[role] != NULL;
  return count;
}

static bool
is_asked(const mst_config_strings *roles, const char *role)
{
  for (size_t i = 0; i < roles->count; i++)
    if (strcmp(roles->items[i], role) == 0)
      return true;
  return false;
}

/* Takes one more approval; a key that has a role already may make room for another key. */
static void
take(sign_match *match, const mst_judge_statement *statement)
{
  if (is_known(match, statement) || match->count == sizeof match->list / sizeof match->list[0])
    return;
  match->list[match->count++] = statement;
  /* Every key that is not placed gets another try: the new statement may be what frees its role. */
  for (size_t i = 0; i < match->count; i++) {
    bool tried[MST_CHECKLIST_MAX_ROLES] = {false};
    if (!is_placed(match, match->list[i]))
      (void)place_key(match, match->list[i], tried);
  }
}

void
mst_sign_offs_count(const mst_judge *judge, const mst_digest *digest, mst_wall deadline, mst_sign_offs *ret_sign_offs)
{
  const mst_config_strings *roles = &judge->list->file.policy.sign_offs;
  sign_match match = {.roles = roles};
  char hex[MST_DIGEST_HEX_BYTES];

  *ret_sign_offs = (mst_sign_offs){.state = roles->count ? MST_SIGN_OFFS_MISSING : MST_SIGN_OFFS_COMPLETE};
  mst_digest_hex(digest, hex);
  for (size_t i = 0; i < judge->statement_count && ret_sign_offs->state == MST_SIGN_OFFS_MISSING; i++) {
    const mst_judge_statement *statement = &judge->statements[i];
    if (strcmp(statement->kind, "sign-off") != 0 || strcmp(statement->detail, hex) != 0 || statement->received_at.ns > deadline.ns)
      continue;
    if (!is_asked(roles, statement->role))
      continue;
    if (strcmp(statement->reason, "approved") == 0) {
      take(&match, statement);
      if (filled(&match) == roles->count)
        ret_sign_offs->state = MST_SIGN_OFFS_COMPLETE;
    } else {
      /* What is no approval is none; only one word is. */
      ret_sign_offs->state = MST_SIGN_OFFS_REJECTED;
      ret_sign_offs->rejected = statement;
    }
  }
  memcpy(ret_sign_offs->by_role, match.by_role, sizeof match.by_role);
}

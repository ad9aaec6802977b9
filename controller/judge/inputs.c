/* Statements and evidence: kept sorted, so that the order in which the caller lists them changes nothing. */
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "judge_state.h"

static int
compare_statements(const void *a, const void *b)
{
  const mst_judge_statement *x = a, *y = b;

  if (x->received_at.ns != y->received_at.ns)
    return x->received_at.ns < y->received_at.ns ? -1 : 1;
  return memcmp(x->id, y->id, sizeof x->id);
}

/* NULL texts are taken as empty. */
static bool
copy_text(mst_pool *pool, const char **text)
{
  *text = mst_pool_strdup(pool, *text ? *text : "");
  return *text != NULL;
}

mst_err
mst_judge_set_statements(mst_judge *judge, const mst_judge_statement *list, size_t count, mst_errctx *ctx)
{
  mst_judge_statement *copy = mst_alloc(count ? count : 1, sizeof *copy);
  mst_pool texts = {0};
  bool fine = copy != NULL;

  for (size_t i = 0; fine && i < count; i++) {
    copy[i] = list[i];
    fine = copy_text(&texts, &copy[i].kind) && copy_text(&texts, &copy[i].subject) && copy_text(&texts, &copy[i].operator_name) &&
           copy_text(&texts, &copy[i].role) && copy_text(&texts, &copy[i].reason) && copy_text(&texts, &copy[i].detail);
  }
  if (!fine) {
    mst_free(copy);
    mst_pool_done(&texts);
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %zu statements", count);
  }
  qsort(copy, count, sizeof *copy, compare_statements);
  mst_free(judge->statements);
  mst_pool_done(&judge->statement_texts);
  judge->statements = copy;
  judge->statement_count = count;
  judge->statement_texts = texts;
  return MST_OK;
}

static bool
holds_role(const mst_config_strings *roles, const char *role)
{
  for (size_t i = 0; i < roles->count; i++)
    if (strcmp(roles->items[i], role) == 0)
      return true;
  return false;
}

const mst_judge_statement *
mst_statement_find(const mst_evaluation *evaluation, const char *kind, const char *subject, const mst_config_strings *roles,
                   bool *ret_refused)
{
  const mst_judge *judge = evaluation->judge;
  const mst_judge_statement *found = NULL;

  *ret_refused = false;
  for (size_t i = 0; i < judge->statement_count; i++) {
    const mst_judge_statement *statement = &judge->statements[i];
    if (strcmp(statement->kind, kind) != 0 || strcmp(statement->subject, subject) != 0)
      continue;
    if (statement->received_at.ns > evaluation->freeze.ns ||
        (statement->expires_at.ns != 0 && statement->expires_at.ns <= evaluation->now.ns))
      continue;
    if (holds_role(roles, statement->role))
      found = statement;
    else
      *ret_refused = true;
  }
  return found;
}

static int
compare_evidence(const void *a, const void *b)
{
  const mst_judge_evidence *x = a, *y = b;
  int order = strcmp(x->kind, y->kind);

  if (order == 0)
    order = strcmp(x->name, y->name);
  if (order == 0)
    order = (x->made_at.ns > y->made_at.ns) - (x->made_at.ns < y->made_at.ns);
  return order ? order : memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
}

static bool
copy_document(mst_pool *pool, const mst_judge_evidence *from, mst_judge_evidence *to)
{
  mst_evidence_field *fields = mst_pool_alloc(pool, (from->field_count ? from->field_count : 1) * sizeof *fields);

  *to = *from;
  if (!fields || !copy_text(pool, &to->kind) || !copy_text(pool, &to->name))
    return false;
  for (size_t i = 0; i < from->field_count; i++) {
    fields[i] = from->fields[i];
    if (!copy_text(pool, &fields[i].name) || !copy_text(pool, &fields[i].text))
      return false;
  }
  to->fields = fields;
  return true;
}

mst_err
mst_judge_set_evidence(mst_judge *judge, const mst_judge_evidence *list, size_t count, mst_errctx *ctx)
{
  mst_judge_evidence *copy = mst_alloc(count ? count : 1, sizeof *copy);
  mst_pool texts = {0};
  bool fine = copy != NULL;

  for (size_t i = 0; fine && i < count; i++)
    fine = copy_document(&texts, &list[i], &copy[i]);
  if (!fine) {
    mst_free(copy);
    mst_pool_done(&texts);
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %zu documents", count);
  }
  qsort(copy, count, sizeof *copy, compare_evidence);
  mst_free(judge->evidence);
  mst_pool_done(&judge->evidence_texts);
  judge->evidence = copy;
  judge->evidence_count = count;
  judge->evidence_texts = texts;
  return MST_OK;
}

const mst_judge_evidence *
mst_evidence_find(const mst_evaluation *evaluation, const char *kind, const char *name)
{
  const mst_judge *judge = evaluation->judge;
  const mst_judge_evidence *found = NULL;

  for (size_t i = 0; i < judge->evidence_count; i++) {
    const mst_judge_evidence *document = &judge->evidence[i];
    if (strcmp(document->kind, kind) != 0 || !mst_glob_match(name, document->name, strlen(document->name)))
      continue;
    if (document->imported_at.ns > evaluation->freeze.ns)
      continue;
    if (!found || document->made_at.ns > found->made_at.ns ||
        (document->made_at.ns == found->made_at.ns && memcmp(document->digest.bytes, found->digest.bytes, sizeof found->digest.bytes) > 0))
      found = document;
  }
  return found;
}

const mst_evidence_field *
mst_evidence_field_find(const mst_judge_evidence *document, const char *name)
{
  for (size_t i = 0; i < document->field_count; i++)
    if (strcmp(document->fields[i].name, name) == 0)
      return &document->fields[i];
  return NULL;
}

/* What is counted of a log, and how it is saved: a version, numbers, then rules, files and secrets, each with its count before it. Numbers
 * are 8 bytes, little-endian; texts have their length before them. */
#include <stdio.h>
#include <string.h>

#include <mst/common/digest.h>

#include "tail_state.h"

enum { VERSION = 2, TEXT_MAX_BYTES = 255 };

static void
print_of(const mst_scan_rule *rule, uint8_t ret_print[static 8])
{
  mst_buf bytes;

  mst_buf_init(&bytes, 8192);
  mst_buf_printf(&bytes, "%u %d %s", rule->levels, rule->ignore_case, rule->pattern);
  mst_digest digest = mst_digest_of("muster/log-rule", bytes.data, bytes.size_bytes);
  memcpy(ret_print, digest.bytes, 8);
  mst_buf_done(&bytes);
}

void
mst_tail_totals_begin(mst_tail_totals *totals, const mst_tail_options *options, mst_wall at)
{
  *totals = (mst_tail_totals){.first_since = at, .since = at, .rule_count = (uint32_t)options->scan.rule_count};
  for (size_t i = 0; i < options->scan.rule_count; i++) {
    mst_tail_rule *rule = &totals->rules[i];
    snprintf(rule->name, sizeof rule->name, "%s", options->rules[i].name);
    print_of(&options->rules[i], rule->print);
    rule->since = at;
  }
  totals->paths[MST_TAIL_PATHS_MAX].since = at;
  snprintf(totals->paths[MST_TAIL_PATHS_MAX].path, MST_TAIL_PATH_BYTES, "(others)");
}

void
mst_tail_totals_renew(mst_tail_totals *totals, mst_wall at)
{
  totals->since = at;
  totals->scan = (mst_scan_counts){0};
  totals->cut_lines = 0;
  for (uint32_t i = 0; i < totals->rule_count; i++)
    totals->rules[i].since = at;
  for (uint32_t i = 0; i <= MST_TAIL_PATHS_MAX; i++) {
    totals->paths[i].since = at;
    totals->paths[i].bytes = 0;
  }
  totals->secret_count = 0;
}

/* ---- saving ---- */

static void
put(mst_buf *to, uint64_t value)
{
  uint8_t bytes[8];

  for (unsigned i = 0; i < 8; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  mst_buf_append(to, bytes, sizeof bytes);
}

static void
put_text(mst_buf *to, const char *text)
{
  uint8_t length = (uint8_t)strlen(text);

  mst_buf_append(to, &length, 1);
  mst_buf_append(to, text, length);
}

/* The figures of a scan in the order of their struct, without those of rules. */
enum { FIGURES = 6 + MST_LEVELS + 2 * MST_SCAN_QUALITIES };

static void
figures_of(mst_scan_counts *counts, uint64_t *ret_figures[static FIGURES])
{
  uint64_t *const plain[] = {&counts->lines,       &counts->records, &counts->invalid_lines,
                             &counts->rule_errors, &counts->secrets, &counts->pii};
  size_t n = 0;

  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    ret_figures[n++] = plain[i];
  for (size_t i = 0; i < MST_LEVELS; i++)
    ret_figures[n++] = &counts->levels[i];
  for (size_t i = 0; i < MST_SCAN_QUALITIES; i++) {
    ret_figures[n++] = &counts->checked[i];
    ret_figures[n++] = &counts->passed[i];
  }
}

mst_err
mst_tail_totals_save(const mst_tail_totals *totals, mst_buf *ret_saved, mst_errctx *ctx)
{
  mst_scan_counts scan = totals->scan;
  uint64_t *figures[FIGURES];

  figures_of(&scan, figures);
  put(ret_saved, VERSION);
  put(ret_saved, (uint64_t)totals->first_since.ns);
  put(ret_saved, (uint64_t)totals->since.ns);
  put(ret_saved, totals->cut_lines);
  put(ret_saved, totals->rotations);
  put(ret_saved, totals->lost);
  put(ret_saved, totals->skipped_bytes);
  for (size_t i = 0; i < FIGURES; i++)
    put(ret_saved, *figures[i]);
  put(ret_saved, totals->rule_count);
  for (uint32_t i = 0; i < totals->rule_count; i++) {
    put_text(ret_saved, totals->rules[i].name);
    mst_buf_append(ret_saved, totals->rules[i].print, sizeof totals->rules[i].print);
    put(ret_saved, (uint64_t)totals->rules[i].since.ns);
    put(ret_saved, totals->scan.rules[i]);
  }
  put(ret_saved, totals->path_count);
  for (uint32_t i = 0; i < totals->path_count; i++) {
    put_text(ret_saved, totals->paths[i].path);
    put(ret_saved, (uint64_t)totals->paths[i].since.ns);
    put(ret_saved, totals->paths[i].bytes);
  }
  put(ret_saved, (uint64_t)totals->paths[MST_TAIL_PATHS_MAX].since.ns);
  put(ret_saved, totals->paths[MST_TAIL_PATHS_MAX].bytes);
  put(ret_saved, totals->secret_count);
  for (uint32_t i = 0; i < totals->secret_count; i++) {
    put_text(ret_saved, totals->secrets[i].pattern);
    mst_buf_append(ret_saved, totals->secrets[i].print, MST_SCAN_PRINT_BYTES);
    put(ret_saved, totals->secrets[i].path);
    put(ret_saved, (uint64_t)totals->secrets[i].since.ns);
    put(ret_saved, totals->secrets[i].count);
  }
  return mst_buf_check(ret_saved, "what was counted of a log", ctx);
}

/* ---- loading ---- */

typedef struct reader {
  const uint8_t *at, *end;
  bool is_wrong;
} reader;

static const uint8_t *
take(reader *from, size_t bytes)
{
  const uint8_t *at = from->at;

  if ((size_t)(from->end - from->at) < bytes) {
    from->is_wrong = true;
    return NULL;
  }
  from->at += bytes;
  return at;
}

static uint64_t
take_number(reader *from)
{
  const uint8_t *at = take(from, 8);
  uint64_t value = 0;

  for (unsigned i = 0; at && i < 8; i++)
    value |= (uint64_t)at[i] << (8 * i);
  return value;
}

static uint64_t
take_count(reader *from, uint64_t most)
{
  uint64_t count = take_number(from);

  from->is_wrong = from->is_wrong || count > most;
  return from->is_wrong ? 0 : count;
}

static void
take_text(reader *from, char *ret_text, size_t size_bytes)
{
  const uint8_t *length = take(from, 1), *at = length ? take(from, *length) : NULL;

  ret_text[0] = '\0';
  if (!at || *length >= size_bytes) {
    from->is_wrong = true;
    return;
  }
  memcpy(ret_text, at, *length);
  ret_text[*length] = '\0';
}

/* Counts of a rule that is what it was go on. */
static void
take_rules(reader *from, mst_tail_totals *totals)
{
  for (uint64_t count = take_count(from, MST_SCAN_RULES_MAX); count > 0 && !from->is_wrong; count--) {
    char name[TEXT_MAX_BYTES + 1];
    take_text(from, name, sizeof name);
    const uint8_t *print = take(from, 8);
    mst_wall since = {(int64_t)take_number(from)};
    uint64_t lines = take_number(from);
    for (uint32_t i = 0; print && i < totals->rule_count; i++) {
      mst_tail_rule *rule = &totals->rules[i];
      if (strcmp(rule->name, name) == 0 && memcmp(rule->print, print, sizeof rule->print) == 0) {
        rule->since = since;
        totals->scan.rules[i] = lines;
      }
    }
  }
}

static const char *
pattern_of(const char *name)
{
  const char *found = mst_scan_pattern_name(name);

  return found ? found : "(unknown)";
}

static void
take_rest(reader *from, mst_tail_totals *totals)
{
  char name[TEXT_MAX_BYTES + 1];

  totals->path_count = (uint32_t)take_count(from, MST_TAIL_PATHS_MAX);
  for (uint32_t i = 0; i < totals->path_count && !from->is_wrong; i++) {
    take_text(from, totals->paths[i].path, MST_TAIL_PATH_BYTES);
    totals->paths[i].since.ns = (int64_t)take_number(from);
    totals->paths[i].bytes = take_number(from);
  }
  totals->paths[MST_TAIL_PATHS_MAX].since.ns = (int64_t)take_number(from);
  totals->paths[MST_TAIL_PATHS_MAX].bytes = take_number(from);
  totals->secret_count = (uint32_t)take_count(from, MST_TAIL_SECRETS_MAX);
  for (uint32_t i = 0; i < totals->secret_count && !from->is_wrong; i++) {
    mst_tail_secret *secret = &totals->secrets[i];
    take_text(from, name, sizeof name);
    const uint8_t *print = take(from, MST_SCAN_PRINT_BYTES);
    if (print)
      memcpy(secret->print, print, MST_SCAN_PRINT_BYTES);
    secret->pattern = pattern_of(name);
    secret->path = (uint16_t)take_count(from, MST_TAIL_PATHS_MAX);
    secret->since.ns = (int64_t)take_number(from);
    secret->count = take_number(from);
  }
}

mst_err
mst_tail_totals_load(mst_tail_totals *totals, mst_bytes saved, mst_bytes *ret_positions, mst_errctx *ctx)
{
  reader from = {.at = saved.data, .end = saved.data + saved.size_bytes};
  mst_tail_totals fresh = *totals;
  uint64_t *figures[FIGURES];

  if (take_number(&from) != VERSION)
    return mst_fail(ctx, MST_EMALFORMED, "what was counted of a log: not of version %d", VERSION);
  fresh.first_since.ns = (int64_t)take_number(&from);
  fresh.since.ns = (int64_t)take_number(&from);
  fresh.cut_lines = take_number(&from);
  fresh.rotations = take_number(&from);
  fresh.lost = take_number(&from);
  fresh.skipped_bytes = take_number(&from);
  figures_of(&fresh.scan, figures);
  for (size_t i = 0; i < FIGURES; i++)
    *figures[i] = take_number(&from);
  take_rules(&from, &fresh);
  take_rest(&from, &fresh);
  if (from.is_wrong)
    return mst_fail(ctx, MST_EMALFORMED, "what was counted of a log: it ends early or is damaged");
  *totals = fresh;
  *ret_positions = (mst_bytes){from.at, (size_t)(from.end - from.at)};
  return MST_OK;
}

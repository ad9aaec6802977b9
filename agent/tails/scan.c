/* Scanners: lines, records, and what is counted of them. */
#include <string.h>

#include <mst/common/alloc.h>

#include "scan_state.h"

mst_err
mst_scanner_create(const mst_scan_setup *setup, mst_scanner **ret_scanner, mst_errctx *ctx)
{
  mst_scanner *scanner = mst_alloc(1, sizeof *scanner);

  if (!scanner)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a scanner");
  scanner->format = setup->format;
  scanner->has_lines = !setup->no_lines;
  scanner->required = setup->required;
  mst_err err = mst_patterns_init(&scanner->patterns, setup, ctx);
  if (err == MST_OK && scanner->has_lines && setup->format != MST_SCAN_TEXT)
    err = mst_json_create(setup, &scanner->json, ctx);
  if (err != MST_OK) {
    mst_scanner_destroy(scanner);
    return err;
  }
  *ret_scanner = scanner;
  return MST_OK;
}

void
mst_scanner_destroy(mst_scanner *scanner)
{
  if (!scanner)
    return;
  mst_json_destroy(scanner->json);
  mst_patterns_done(&scanner->patterns);
  mst_free(scanner);
}

enum { STATE_VERSION = 1 };

void
mst_scan_state_encode(const mst_scan_state *state, uint8_t ret_bytes[static MST_SCAN_STATE_BYTES])
{
  memset(ret_bytes, 0, MST_SCAN_STATE_BYTES);
  ret_bytes[0] = STATE_VERSION;
  ret_bytes[1] = (uint8_t)(state->is_open | state->has_trace << 1 | state->is_in_trace << 2 | state->is_in_key << 3);
  ret_bytes[2] = state->level;
}

void
mst_scan_state_decode(const uint8_t bytes[static MST_SCAN_STATE_BYTES], mst_scan_state *ret_state)
{
  *ret_state = (mst_scan_state){0};
  if (bytes[0] != STATE_VERSION || bytes[1] > 15 || bytes[2] >= MST_LEVELS)
    return;
  *ret_state = (mst_scan_state){.is_open = bytes[1] & 1,
                                .has_trace = bytes[1] >> 1 & 1,
                                .is_in_trace = bytes[1] >> 2 & 1,
                                .is_in_key = bytes[1] >> 3 & 1,
                                .level = bytes[2]};
}

/* ---- records ---- */

static void
check(mst_scan_counts *counts, mst_scan_quality quality, bool has)
{
  counts->checked[quality]++;
  counts->passed[quality] += has;
}

static void
close_record(const mst_scan_job *job)
{
  mst_scan_state *state = job->state;

  if (state->is_open && (state->level == MST_LEVEL_ERROR || state->level == MST_LEVEL_FATAL))
    check(job->counts, MST_QUALITY_ERROR_WITH_STACK_TRACE, state->has_trace);
  *state = (mst_scan_state){0};
}

static void
open_record(const mst_scan_job *job, mst_log_level level, bool has_trace)
{
  if (level == MST_LEVEL_UNKNOWN && job->is_entry)
    level = job->entry_level;
  close_record(job);
  *job->state = (mst_scan_state){.is_open = true, .has_trace = has_trace, .is_in_trace = has_trace, .level = (uint8_t)level};
  job->counts->records++;
  job->counts->levels[level]++;
}

/* The level of the record that the line belongs to. */
static mst_log_level
take_text(const mst_scanner *scanner, const mst_scan_job *job, mst_line line)
{
  static const char traceback[] = "Traceback (most recent call last)";
  mst_continuation kind = mst_line_continues(line, job->state);
  mst_scan_state *state = job->state;
  bool is_traceback = line.length >= sizeof traceback - 1 && memcmp(line.at, traceback, sizeof traceback - 1) == 0;

  /* One that belongs to no error is an error by itself: nobody caught it. */
  if (is_traceback && !scanner->is_inside &&
      (!state->is_open || (state->level != MST_LEVEL_ERROR && state->level != MST_LEVEL_FATAL && state->level != MST_LEVEL_WARN)))
    open_record(job, MST_LEVEL_ERROR, true);
  else if (kind == MST_LINE_BEGINS && !scanner->is_inside)
    open_record(job, mst_level_of_line(line), false);
  else if (kind == MST_LINE_TRACES)
    state->has_trace = state->is_in_trace = true;
  return (mst_log_level)state->level;
}

static void
check_fields(const mst_scanner *scanner, const mst_scan_job *job, uint32_t fields)
{
  if (scanner->required)
    check(job->counts, MST_QUALITY_REQUIRED_FIELDS, (fields & scanner->required) == scanner->required);
  check(job->counts, MST_QUALITY_TRACE_ID, fields >> MST_FIELD_TRACE_ID & 1);
}

static mst_err
take_json(const mst_scanner *scanner, const mst_scan_job *job, mst_line line, mst_log_level *ret_level, mst_errctx *ctx)
{
  mst_json_result result;
  mst_err err = mst_json_parse(scanner->json, line, &result, ctx);

  if (err != MST_OK)
    return err;
  if (scanner->format == MST_SCAN_DOCKER && result.is_valid && result.log_length > 0) {
    mst_line inner = {result.log, result.log_length};
    while (inner.length > 0 && (inner.at[inner.length - 1] == '\n' || inner.at[inner.length - 1] == '\r'))
      inner.length--;
    *ret_level = take_text(scanner, job, inner);
    return MST_OK;
  }
  check(job->counts, MST_QUALITY_JSON, result.is_valid);
  check_fields(scanner, job, result.is_valid ? result.fields : 0);
  open_record(job, result.level, result.fields >> MST_FIELD_TRACE & 1);
  job->state->is_in_trace = false;
  *ret_level = (mst_log_level)job->state->level;
  return MST_OK;
}

/* A line that should be JSON and is text: it is a record that is not, unless it goes on with the one before it. */
static mst_log_level
take_other(const mst_scanner *scanner, const mst_scan_job *job, mst_line line)
{
  const uint64_t before = job->counts->records;
  mst_log_level level = take_text(scanner, job, line);

  if (job->counts->records == before)
    return level;
  check(job->counts, MST_QUALITY_JSON, false);
  check_fields(scanner, job, 0);
  return level;
}

/* Bytes that are no UTF-8: Unicode 15, table 3-7. Plain ASCII, which nearly all is, goes by eight. */
static bool
is_valid_utf8(const char *text, size_t length)
{
  const unsigned char *at = (const unsigned char *)text, *end = at + length;

  while (at < end) {
    uint64_t eight;
    if (end - at >= 8 && (memcpy(&eight, at, 8), (eight & 0x8080808080808080ULL) == 0)) {
      at += 8;
      continue;
    }
    if (*at < 0x80) {
      at++;
      continue;
    }
    int more = *at >= 0xc2 && *at <= 0xdf ? 1 : (*at & 0xf0) == 0xe0 ? 2 : *at >= 0xf0 && *at <= 0xf4 ? 3 : 0;
    if (more == 0 || end - at <= more)
      return false;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
      return false;
    for (int i = 1; i <= more; i++)
      if ((at[i] & 0xc0) != 0x80)
        return false;
    at += more + 1;
  }
  return true;
}

static mst_err
take_line(mst_scanner *scanner, const mst_scan_job *job, mst_line line, mst_errctx *ctx)
{
  mst_log_level level = MST_LEVEL_UNKNOWN;
  mst_err err = MST_OK;
  bool is_json = scanner->format == MST_SCAN_DOCKER;

  job->counts->lines++;
  if (!is_valid_utf8(line.at, line.length))
    job->counts->invalid_lines++;
  if (scanner->format == MST_SCAN_AUTO || scanner->format == MST_SCAN_JSON)
    is_json = line.length > 0 && line.at[0] == '{' && !scanner->is_inside;
  if (is_json)
    err = take_json(scanner, job, line, &level, ctx);
  else if (scanner->format == MST_SCAN_JSON || scanner->format == MST_SCAN_AUTO)
    level = scanner->format == MST_SCAN_JSON ? take_other(scanner, job, line) : take_text(scanner, job, line);
  else
    level = take_text(scanner, job, line);
  if (err == MST_OK && scanner->patterns.tried > 0)
    mst_patterns_try(&scanner->patterns, job, line, level);
  return err;
}

mst_err
mst_scanner_scan(mst_scanner *scanner, const mst_scan_job *job, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  const char *at = data, *end = data + size_bytes;
  mst_err err = mst_patterns_scan(&scanner->patterns, job, data, size_bytes, ctx);

  if (!scanner->has_lines && scanner->patterns.tried == 0)
    return err;
  while (err == MST_OK && at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
    mst_line line = {at, (size_t)(stop - at)};
    scanner->is_inside = job->is_entry && at > data;
    if (line.length > 0 && line.at[line.length - 1] == '\r')
      line.length--;
    if (scanner->has_lines)
      err = take_line(scanner, job, line, ctx);
    else
      mst_patterns_try(&scanner->patterns, job, line, MST_LEVEL_UNKNOWN);
    at = newline ? newline + 1 : end;
  }
  return err;
}

void
mst_scanner_finish(mst_scanner *scanner, const mst_scan_job *job)
{
  (void)scanner;
  close_record(job);
}

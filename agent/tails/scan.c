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
  mst_buf_init(&scanner->text, MST_LINE_MAX_BYTES + MST_PIECE_BYTES);
  mst_err err = mst_patterns_init(&scanner->patterns, setup, ctx);
  if (err == MST_OK && scanner->has_lines && setup->format != MST_SCAN_TEXT)
    err = mst_names_create(setup, &scanner->names, ctx);
  if (err == MST_OK && setup->format == MST_SCAN_DOCKER) {
    err = mst_names_create(NULL, &scanner->docker, ctx);
    scanner->parts = mst_alloc(1, MST_PIECE_BYTES / 8);
    if (err == MST_OK && !scanner->parts)
      err = mst_fail(ctx, MST_ENOMEM, "no memory for a scanner");
  }
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
  mst_names_destroy(scanner->names);
  mst_names_destroy(scanner->docker);
  mst_patterns_done(&scanner->patterns);
  mst_buf_done(&scanner->text);
  mst_free(scanner->parts);
  mst_free(scanner);
}

/* ---- state ---- */

enum { STATE_VERSION = 2, STATE_FLAGS = 31 };

void
mst_scan_state_encode(const mst_scan_state *state, uint8_t ret_bytes[static MST_SCAN_STATE_BYTES])
{
  memset(ret_bytes, 0, MST_SCAN_STATE_BYTES);
  ret_bytes[0] = STATE_VERSION;
  ret_bytes[1] =
      (uint8_t)(state->is_open | state->has_trace << 1 | state->is_in_trace << 2 | state->is_in_python << 3 | state->is_part << 4);
  ret_bytes[2] = state->level;
  ret_bytes[3] = state->key_lines;
}

void
mst_scan_state_decode(const uint8_t bytes[static MST_SCAN_STATE_BYTES], mst_scan_state *ret_state)
{
  *ret_state = (mst_scan_state){0};
  if (bytes[0] != STATE_VERSION || bytes[1] > STATE_FLAGS || bytes[2] >= MST_LEVELS || bytes[3] > MST_KEY_LINES)
    return;
  for (size_t i = 4; i < MST_SCAN_STATE_BYTES; i++)
    if (bytes[i] != 0)
      return;
  *ret_state = (mst_scan_state){.is_open = bytes[1] & 1,
                                .has_trace = bytes[1] >> 1 & 1,
                                .is_in_trace = bytes[1] >> 2 & 1,
                                .is_in_python = bytes[1] >> 3 & 1,
                                .is_part = bytes[1] >> 4 & 1,
                                .level = bytes[2],
                                .key_lines = bytes[3]};
}

/* ---- records ---- */

static void
check(mst_scan_counts *counts, mst_scan_quality quality, bool has)
{
  counts->checked[quality]++;
  counts->passed[quality] += has;
}

static bool
is_error(mst_log_level level)
{
  return level == MST_LEVEL_ERROR || level == MST_LEVEL_FATAL;
}

static void
close_record(const mst_scan_job *job)
{
  mst_scan_state *state = job->state;

  if (state->is_open && is_error((mst_log_level)state->level))
    check(job->counts, MST_QUALITY_ERROR_WITH_STACK_TRACE, state->has_trace);
  state->is_open = state->has_trace = state->is_in_trace = state->is_in_python = false;
  state->level = 0;
}

static void
open_record(const mst_scan_job *job, mst_log_level level)
{
  if (level == MST_LEVEL_UNKNOWN && job->is_entry)
    level = job->entry_level;
  close_record(job);
  job->state->is_open = true;
  job->state->level = (uint8_t)level;
  job->counts->records++;
  job->counts->levels[level]++;
}

/* The level of the record that the line belongs to. */
static mst_log_level
take_text(const mst_scan_job *job, mst_line line, bool is_inside)
{
  mst_scan_state *state = job->state;
  /* An entry is a record even when it is empty. */
  bool is_first = job->is_entry && !is_inside && !state->is_open;
  mst_continuation kind = is_first ? MST_LINE_BEGINS : mst_line_continues(line, state);
  bool is_of_error = state->is_open && (is_error((mst_log_level)state->level) || state->level == MST_LEVEL_WARN);

  /* One that belongs to no error is an error by itself: nobody caught it. */
  if (mst_line_is_traceback(line) && !is_of_error && !is_inside) {
    open_record(job, MST_LEVEL_ERROR);
    kind = MST_LINE_PYTHON;
  }
  if (kind == MST_LINE_BEGINS && !is_inside)
    open_record(job, mst_level_of_line(line));
  if (kind == MST_LINE_PYTHON || kind == MST_LINE_FRAME)
    state->has_trace = state->is_in_trace = true;
  if (kind == MST_LINE_PYTHON || kind == MST_LINE_FRAME || kind == MST_LINE_EXCEPTION)
    state->is_in_python = kind == MST_LINE_PYTHON;
  if (kind == MST_LINE_IN_TRACE || kind == MST_LINE_EXCEPTION)
    state->is_in_trace = kind == MST_LINE_IN_TRACE;
  return state->is_open ? (mst_log_level)state->level : MST_LEVEL_UNKNOWN;
}

static void
check_fields(const mst_scanner *scanner, const mst_scan_job *job, uint32_t fields)
{
  if (scanner->required)
    check(job->counts, MST_QUALITY_REQUIRED_FIELDS, (fields & scanner->required) == scanner->required);
  check(job->counts, MST_QUALITY_TRACE_ID, fields >> MST_FIELD_TRACE_ID & 1);
}

static mst_log_level
take_json(const mst_scanner *scanner, const mst_scan_job *job, mst_line line, bool is_part)
{
  mst_json json = mst_json_read(scanner->names, line);
  bool has_trace = json.fields >> MST_FIELD_TRACE & 1;

  if (json.is_valid || !is_part) {
    check(job->counts, MST_QUALITY_JSON, json.is_valid);
    check_fields(scanner, job, json.is_valid ? json.fields : 0);
  }
  if (is_error(json.level) && !has_trace && json.message.at)
    has_trace = mst_text_has_trace(json.message.at, json.message.length);
  open_record(job, json.level);
  job->state->has_trace = has_trace;
  return (mst_log_level)job->state->level;
}

/* A line that should be JSON and is text: it is a record that is not, unless it goes on with the one before it. */
static mst_log_level
take_other(const mst_scanner *scanner, const mst_scan_job *job, mst_line line, bool is_inside)
{
  const uint64_t before = job->counts->records;
  mst_log_level level = take_text(job, line, is_inside);

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

static bool
is_ascii(const char *text, size_t length)
{
  uint64_t all = 0;
  size_t at = 0;

  for (; at + 32 <= length; at += 32) {
    uint64_t words[4];
    memcpy(words, text + at, sizeof words);
    all |= words[0] | words[1] | words[2] | words[3];
  }
  for (; at < length; at++)
    all |= (uint64_t)(unsigned char)text[at];
  return (all & 0x8080808080808080ULL) == 0;
}

/* ---- lines ---- */

static mst_log_level
take_line(mst_scanner *scanner, const mst_scan_job *job, mst_line line)
{
  mst_scan_state *state = job->state;
  size_t number = scanner->line_number++, blanks = 0;
  bool is_part = scanner->parts && number < MST_PIECE_BYTES && (scanner->parts[number / 8] >> number % 8 & 1);
  bool goes_on = state->is_part, is_inside = scanner->is_inside;

  scanner->is_inside = job->is_entry;
  job->counts->lines++;
  if (!scanner->is_ascii && !is_valid_utf8(line.at, line.length))
    job->counts->invalid_lines++;
  state->is_part = is_part;
  if (goes_on && state->is_open)
    return (mst_log_level)state->level;
  while (blanks < line.length && (line.at[blanks] == ' ' || line.at[blanks] == '\t'))
    blanks++;
  if (scanner->names && blanks < line.length && line.at[blanks] == '{' && !is_inside && (blanks == 0 || !state->is_open))
    return take_json(scanner, job, line, is_part || job->is_cut);
  return scanner->format == MST_SCAN_JSON ? take_other(scanner, job, line, is_inside) : take_text(job, line, is_inside);
}

/* What was screened: each line with the patterns that may fit it. */
static void
take_lines(mst_scanner *scanner, const mst_scan_job *job, const char *data, size_t size_bytes)
{
  mst_patterns *patterns = &scanner->patterns;
  const char *at = data, *end = data + size_bytes;
  size_t hit = 0;

  scanner->is_ascii = scanner->has_lines && is_ascii(data, size_bytes);
  while (at < end) {
    const bool walks = scanner->has_lines || patterns->has_tried || job->state->key_lines > 0;
    if (!walks) { /* from hit to hit */
      if (hit == patterns->hit_count)
        return;
      at = data + (patterns->hits[hit] >> 8);
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const mst_line line = {at, (size_t)((newline ? newline : end) - at)};
    mst_log_level level = scanner->has_lines ? take_line(scanner, job, line) : MST_LEVEL_UNKNOWN;
    if (job->state->key_lines > 0)
      mst_patterns_follow_key(patterns, job, line);
    uint64_t bits[MST_PATTERN_WORDS];
    memcpy(bits, patterns->tried, sizeof bits);
    bool has_any = patterns->has_tried;
    for (; hit < patterns->hit_count && data + (patterns->hits[hit] >> 8) == at; hit++) {
      bits[(patterns->hits[hit] & 0xff) / 64] |= 1ULL << (patterns->hits[hit] & 63);
      has_any = true;
    }
    if (has_any)
      mst_patterns_match(patterns, job, bits, line, level);
    at = newline ? newline + 1 : end;
  }
}

/* ---- pieces ---- */

static mst_err
take_piece(mst_scanner *scanner, const mst_scan_job *job, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_err err = mst_patterns_screen(&scanner->patterns, data, size_bytes, ctx);

  if (err == MST_OK)
    take_lines(scanner, job, data, size_bytes);
  if (err != MST_ELIMIT)
    return err;
  /* Too many hits for one screening: by halves. One line never has too many. */
  const char *middle = memchr(data + size_bytes / 2, '\n', size_bytes - size_bytes / 2);
  if (!middle || middle + 1 == data + size_bytes)
    middle = memrchr(data, '\n', size_bytes / 2);
  if (!middle)
    return mst_fail(ctx, MST_EIO, "a line of a log gave too many hits");
  size_t first = (size_t)(middle + 1 - data);
  err = take_piece(scanner, job, data, first, ctx);
  return err == MST_OK ? take_piece(scanner, job, data + first, size_bytes - first, ctx) : err;
}

/* Without the carriage returns at the ends of lines: $ means the same in both kinds of files. */
static mst_err
strip(mst_buf *text, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  const char *at = data, *end = data + size_bytes;

  mst_buf_reset(text);
  while (at < end) {
    const char *ret = memchr(at, '\r', (size_t)(end - at)), *stop = ret ? ret : end;
    bool is_end = ret && (ret + 1 == end || ret[1] == '\n');
    mst_buf_append(text, at, (size_t)(stop - at) + (ret && !is_end));
    at = ret ? ret + 1 : end;
  }
  return mst_buf_check(text, "lines of a log without carriage returns", ctx);
}

static mst_err
scan_piece(mst_scanner *scanner, const mst_scan_job *job, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_buf *text = &scanner->text;
  mst_err err = MST_OK;

  scanner->line_number = 0;
  if (scanner->format == MST_SCAN_DOCKER)
    err = mst_scanner_unwrap(scanner, data, size_bytes, ctx);
  else if (memchr(data, '\r', size_bytes))
    err = strip(text, data, size_bytes, ctx);
  else
    return take_piece(scanner, job, data, size_bytes, ctx);
  if (err == MST_OK && text->size_bytes > 0)
    err = take_piece(scanner, job, (const char *)text->data, text->size_bytes, ctx);
  if (text->capacity_bytes > MST_KEPT_BYTES)
    mst_buf_done(text);
  return err;
}

mst_err
mst_scanner_scan(mst_scanner *scanner, const mst_scan_job *job, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  const char *at = data, *end = data + size_bytes;
  mst_err err = MST_OK;

  scanner->is_inside = false;
  while (err == MST_OK && at < end) {
    size_t left = (size_t)(end - at);
    const char *newline = left > MST_PIECE_BYTES ? memrchr(at, '\n', MST_PIECE_BYTES) : NULL;
    if (!newline && left > MST_PIECE_BYTES)
      newline = memchr(at + MST_PIECE_BYTES, '\n', left - MST_PIECE_BYTES);
    const char *stop = newline ? newline + 1 : end;
    size_t piece = (size_t)(stop - at);
    err = scan_piece(scanner, job, at, piece < MST_LINE_MAX_BYTES ? piece : MST_LINE_MAX_BYTES, ctx);
    at = stop;
  }
  return err;
}

void
mst_scanner_finish(mst_scanner *scanner, const mst_scan_job *job)
{
  (void)scanner;
  close_record(job);
  job->state->is_part = false;
  job->state->key_lines = 0;
}

/* Patterns: rules of the plan and what secrets look like. Hyperscan goes over whole blocks for all of them at once, and PCRE2 confirms on
 * the line of a hit; what Hyperscan cannot take, and rules for some levels only, PCRE2 tries line by line. */
#include "scan_state.h"

#include <stdio.h>
#include <string.h>

#ifdef MST_HAVE_HYPERSCAN
#include <hs.h>
#endif

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/digest.h>

enum {
  MATCH_LIMIT = 200000, /* steps on one line: milliseconds. A pattern that needs more counts as an error of the rule */
  HEAP_LIMIT_KB = 1024,
  FINDS_IN_LINE_MAX = 64, /* matches of one pattern on one line; a dump of keys is one line with many */
};

void
mst_patterns_done(mst_patterns *patterns)
{
  for (size_t i = 0; i < patterns->count; i++)
    pcre2_code_free(patterns->list[i].code);
  pcre2_match_data_free(patterns->match);
  pcre2_match_context_free(patterns->limits);
#ifdef MST_HAVE_HYPERSCAN
  if (patterns->scratch)
    (void)hs_free_scratch(patterns->scratch);
  if (patterns->database)
    (void)hs_free_database(patterns->database);
#endif
  *patterns = (mst_patterns){0};
}

/* ---- making ---- */

static mst_err
add(mst_patterns *patterns, const char *name, const char *text, bool ignore_case, const mst_pattern *how, mst_errctx *ctx)
{
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[200];

  if (patterns->count == MST_PATTERNS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d patterns", MST_PATTERNS_MAX);
  pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, ignore_case ? PCRE2_CASELESS : 0, &number, &offset, NULL);
  if (!code) {
    (void)pcre2_get_error_message(number, message, sizeof message);
    return mst_fail(ctx, MST_EMALFORMED, "rule %s: its pattern is wrong at character %zu: %s", name, (size_t)offset + 1,
                    (const char *)message);
  }
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where memory may not be made executable, the interpreter does it */
  patterns->list[patterns->count] = *how;
  patterns->list[patterns->count++].code = code;
  return MST_OK;
}

static mst_err
add_all(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = 0; i < setup->rule_count && err == MST_OK; i++) {
    const mst_scan_rule *rule = &setup->rules[i];
    const mst_pattern how = {.rule = (uint32_t)i, .levels = rule->levels};
    err = add(patterns, rule->name, rule->pattern, rule->ignore_case, &how, ctx);
  }
  for (size_t i = 0; i < mst_secret_pattern_count && err == MST_OK; i++) {
    const mst_secret_pattern *secret = &mst_secret_patterns[i];
    const mst_pattern how = {.secret = secret};
    if (secret->is_secret ? setup->secrets : setup->pii)
      err = add(patterns, secret->name, secret->pattern, secret->ignore_case, &how, ctx);
  }
  return err;
}

#ifdef MST_HAVE_HYPERSCAN
static const char *
text_of(const mst_scan_setup *setup, const mst_pattern *pattern, bool *ret_ignore_case)
{
  *ret_ignore_case = pattern->secret ? pattern->secret->ignore_case : setup->rules[pattern->rule].ignore_case;
  return pattern->secret ? pattern->secret->pattern : setup->rules[pattern->rule].pattern;
}

/* How Hyperscan can take it; 0: not at all. Anchors mean lines, and what matches nothing at all is left to PCRE2. */
static unsigned
flags_for(const char *text, bool ignore_case)
{
  const unsigned plain = HS_FLAG_MULTILINE | (ignore_case ? HS_FLAG_CASELESS : 0), ways[] = {plain, plain | HS_FLAG_PREFILTER};

  for (size_t i = 0; i < 2; i++) {
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *why = NULL;
    hs_error_t failed = hs_expression_info(text, ways[i], &info, &why);
    bool is_fine = failed == HS_SUCCESS && info->min_width > 0;
    mst_free(info);
    if (why)
      (void)hs_free_compile_error(why);
    if (is_fine)
      return ways[i];
  }
  return 0;
}

static mst_err
compile_database(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx)
{
  const char *texts[MST_PATTERNS_MAX];
  unsigned flags[MST_PATTERNS_MAX], ids[MST_PATTERNS_MAX], count = 0;
  hs_compile_error_t *why = NULL;
  hs_database_t *database = NULL;
  hs_scratch_t *scratch = NULL;

  for (size_t i = 0; i < patterns->count; i++) {
    bool ignore_case;
    const char *text = text_of(setup, &patterns->list[i], &ignore_case);
    unsigned how = patterns->list[i].levels ? 0 : flags_for(text, ignore_case);
    patterns->list[i].is_scanned = how != 0;
    if (how == 0)
      continue;
    texts[count] = text;
    flags[count] = how;
    ids[count++] = (unsigned)i;
  }
  if (count == 0)
    return MST_OK;
  if (hs_compile_multi(texts, flags, ids, count, HS_MODE_BLOCK, NULL, &database, &why) != HS_SUCCESS ||
      hs_alloc_scratch(database, &scratch) != HS_SUCCESS) {
    /* Too much for it together: PCRE2 does it alone. */
    for (size_t i = 0; i < patterns->count; i++)
      patterns->list[i].is_scanned = false;
    if (why)
      (void)hs_free_compile_error(why);
    if (database)
      (void)hs_free_database(database);
    (void)ctx;
    return MST_OK;
  }
  patterns->database = database;
  patterns->scratch = scratch;
  return MST_OK;
}
#endif

mst_err
mst_patterns_init(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx)
{
  *patterns = (mst_patterns){0};
  if (setup->rule_count > MST_SCAN_RULES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "%zu rules; at most %d are possible", setup->rule_count, MST_SCAN_RULES_MAX);
  memcpy(patterns->key, setup->fingerprint_key, sizeof patterns->key);
  patterns->match = pcre2_match_data_create(2, NULL);
  patterns->limits = pcre2_match_context_create(NULL);
  mst_err err = patterns->match && patterns->limits ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory for patterns");
  if (err == MST_OK) {
    (void)pcre2_set_match_limit(patterns->limits, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(patterns->limits, HEAP_LIMIT_KB);
    err = add_all(patterns, setup, ctx);
  }
#ifdef MST_HAVE_HYPERSCAN
  if (err == MST_OK && !setup->no_hyperscan)
    err = compile_database(patterns, setup, ctx);
#endif
  for (size_t i = 0; i < patterns->count; i++)
    patterns->tried += !patterns->list[i].is_scanned;
  if (err != MST_OK)
    mst_patterns_done(patterns);
  return err;
}

/* ---- one line ---- */

static int
match_at(mst_patterns *patterns, const mst_pattern *pattern, mst_line line, size_t from)
{
  return pcre2_match(pattern->code, (PCRE2_SPTR)line.at, line.length, from, 0, patterns->match, patterns->limits);
}

static void
report(const mst_patterns *patterns, const mst_scan_job *job, const mst_secret_pattern *secret, const char *text, size_t length)
{
  mst_scan_find find = {.pattern = secret->name, .is_secret = secret->is_secret};
  mst_buf bytes;

  if (!job->found)
    return;
  mst_buf_init(&bytes, sizeof patterns->key + length);
  mst_buf_append(&bytes, patterns->key, sizeof patterns->key);
  mst_buf_append(&bytes, text, length);
  mst_digest digest = mst_digest_of("muster/1/secret-print", bytes.data, bytes.size_bytes);
  if (bytes.data)
    explicit_bzero(bytes.data, bytes.size_bytes);
  mst_buf_done(&bytes);
  memcpy(find.print, digest.bytes, sizeof find.print);
  job->found(job->arg, &find);
}

/* Each secret on the line that its pattern finds and confirms. */
static void
count_secrets(mst_patterns *patterns, const mst_scan_job *job, const mst_pattern *pattern, mst_line line)
{
  const mst_secret_pattern *secret = pattern->secret;
  size_t from = 0;

  for (int i = 0; i < FINDS_IN_LINE_MAX && from <= line.length; i++) {
    int groups = match_at(patterns, pattern, line, from);
    if (groups < 0 && groups != PCRE2_ERROR_NOMATCH)
      job->counts->rule_errors++;
    if (groups < 0)
      return;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(patterns->match);
    size_t which = groups > 1 && at[2] != PCRE2_UNSET ? 2 : 0;
    const char *text = line.at + at[which];
    size_t length = at[which + 1] - at[which];
    from = at[1] > at[0] ? at[1] : at[1] + 1;
    if (secret->confirm && !secret->confirm(text, length))
      continue;
    *(secret->is_secret ? &job->counts->secrets : &job->counts->pii) += 1;
    report(patterns, job, secret, text, length);
  }
}

static void
try_on(mst_patterns *patterns, const mst_scan_job *job, mst_pattern *pattern, mst_line line)
{
  if (pattern->secret) {
    count_secrets(patterns, job, pattern, line);
    return;
  }
  int groups = match_at(patterns, pattern, line, 0);
  if (groups >= 0)
    job->counts->rules[pattern->rule]++;
  else if (groups != PCRE2_ERROR_NOMATCH)
    job->counts->rule_errors++;
}

void
mst_patterns_try(mst_patterns *patterns, const mst_scan_job *job, mst_line line, mst_log_level level)
{
  for (size_t i = 0; i < patterns->count; i++) {
    mst_pattern *pattern = &patterns->list[i];
    if (!pattern->is_scanned && (pattern->levels == 0 || (pattern->levels >> level & 1)))
      try_on(patterns, job, pattern, line);
  }
}

/* ---- a block ---- */

#ifdef MST_HAVE_HYPERSCAN
/* Lines that end with a carriage return too: to Hyperscan it stands before the end of the line, and a $ would not fit. */
static void
try_each_line(mst_patterns *patterns, const mst_scan_job *job, const char *data, const char *end)
{
  while (data < end) {
    const char *newline = memchr(data, '\n', (size_t)(end - data)), *stop = newline ? newline : end;
    mst_line line = {data, (size_t)(stop - data)};
    if (line.length > 0 && line.at[line.length - 1] == '\r')
      line.length--;
    for (size_t i = 0; i < patterns->count; i++)
      if (patterns->list[i].is_scanned)
        try_on(patterns, job, &patterns->list[i], line);
    data = newline ? newline + 1 : end;
  }
}

typedef struct scanning {
  mst_patterns *patterns;
  const mst_scan_job *job;
  const char *data, *end;
} scanning;

/* Hits of a pattern come by rising ends: one look at the line is enough for all that are in it. */
static int
on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
  scanning *now = arg;
  mst_pattern *pattern = &now->patterns->list[id];
  const char *hit = now->data + (to > 0 ? to - 1 : 0);

  (void)from, (void)flags;
  if (pattern->last && hit < pattern->last) /* within the line that was looked at: last is its end */
    return 0;
  const char *before = memrchr(now->data, '\n', (size_t)(hit - now->data)), *start = before ? before + 1 : now->data;
  const char *newline = memchr(hit, '\n', (size_t)(now->end - hit)), *stop = newline ? newline : now->end;
  pattern->last = newline ? newline + 1 : now->end;
  if (stop > start && stop[-1] == '\r')
    stop--;
  try_on(now->patterns, now->job, pattern, (mst_line){start, (size_t)(stop - start)});
  return 0;
}
#endif

mst_err
mst_patterns_scan(mst_patterns *patterns, const mst_scan_job *job, const char *data, size_t size_bytes, mst_errctx *ctx)
{
#ifdef MST_HAVE_HYPERSCAN
  enum { AT_ONCE = 1 << 30 };
  scanning now = {.patterns = patterns, .job = job, .data = data, .end = data + size_bytes};

  if (!patterns->database || size_bytes == 0)
    return MST_OK;
  if (memchr(data, '\r', size_bytes)) {
    try_each_line(patterns, job, data, data + size_bytes);
    return MST_OK;
  }
  for (size_t i = 0; i < patterns->count; i++)
    patterns->list[i].last = NULL;
  hs_error_t failed =
      size_bytes <= AT_ONCE ? hs_scan(patterns->database, data, (unsigned)size_bytes, 0, patterns->scratch, on_hit, &now) : HS_INVALID;
  if (failed != HS_SUCCESS)
    return mst_fail(ctx, MST_EIO, "scanning %zu bytes of a log failed with error %d of Hyperscan", size_bytes, (int)failed);
#else
  (void)patterns, (void)job, (void)data, (void)size_bytes, (void)ctx;
#endif
  return MST_OK;
}

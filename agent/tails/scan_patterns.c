/* Patterns: rules of the plan and what secrets look like, made ready. Hyperscan looks over whole blocks for all of them at once and finds
 * the lines on which one may fit; PCRE2 says whether it does. What Hyperscan cannot take PCRE2 tries on each line. */
#include "scan_state.h"

#include <string.h>

#ifdef MST_HAVE_HYPERSCAN
#include <hs.h>
#endif

#include <mst/common/alloc.h>

enum {
  HEAP_LIMIT_KB = 1024,          /* of the interpreter, on one line */
  STACK_FIRST_BYTES = 32 * 1024, /* of compiled patterns, PCRE2's own size */
  STACK_MOST_BYTES = 256 * 1024, /* what needs more goes to the interpreter */
  LEAST_WIDTH = 2,               /* what fits single characters hits everywhere, which is slower than to try it on each line */
  HITS_FIRST = 1024,
};

void
mst_patterns_done(mst_patterns *patterns)
{
  for (size_t i = 0; i < patterns->count; i++)
    pcre2_code_free(patterns->list[i].code);
  pcre2_match_data_free(patterns->match);
  pcre2_match_context_free(patterns->limits);
  pcre2_jit_stack_free(patterns->stack);
#ifdef MST_HAVE_HYPERSCAN
  if (patterns->scratch)
    (void)hs_free_scratch(patterns->scratch);
  if (patterns->database)
    (void)hs_free_database(patterns->database);
#endif
  mst_free(patterns->hits);
  explicit_bzero(patterns, sizeof *patterns);
}

/* ---- PCRE2 ---- */

typedef struct source {
  const char *name, *text;
  bool ignore_case;
} source;

static source
source_of(const mst_scan_setup *setup, const mst_pattern *pattern)
{
  const mst_secret_pattern *secret = pattern->secret;

  if (secret)
    return (source){secret->name, secret->pattern, secret->ignore_case};
  const mst_scan_rule *rule = &setup->rules[pattern->number];
  return (source){rule->name, rule->pattern, rule->ignore_case};
}

static mst_err
add(mst_patterns *patterns, const mst_scan_setup *setup, pcre2_compile_context *how, mst_pattern pattern, mst_errctx *ctx)
{
  const source from = source_of(setup, &pattern);
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[200];

  if (patterns->count == MST_ALL_PATTERNS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d patterns", MST_ALL_PATTERNS_MAX);
  pattern.code = pcre2_compile((PCRE2_SPTR)from.text, PCRE2_ZERO_TERMINATED, from.ignore_case ? PCRE2_CASELESS : 0, &number, &offset, how);
  if (!pattern.code) {
    (void)pcre2_get_error_message(number, message, sizeof message);
    return mst_fail(ctx, MST_EMALFORMED, "rule %s: its pattern is wrong at character %zu: %s", from.name, (size_t)offset + 1,
                    (const char *)message);
  }
  (void)pcre2_jit_compile(pattern.code, PCRE2_JIT_COMPLETE); /* where memory may not be made executable, the interpreter does it */
  patterns->list[patterns->count++] = pattern;
  return MST_OK;
}

static mst_err
add_all(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx)
{
  pcre2_compile_context *how = pcre2_compile_context_create(NULL);
  mst_err err = how ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory for patterns");

  if (how)
    (void)pcre2_set_newline(how, PCRE2_NEWLINE_LF); /* wherever it was built */
  for (size_t i = 0; i < setup->rule_count && err == MST_OK; i++)
    err = add(patterns, setup, how,
              (mst_pattern){.number = (uint32_t)i, .levels = setup->rules[i].levels ? setup->rules[i].levels : UINT32_MAX}, ctx);
  for (size_t i = 0; i < mst_secret_pattern_count && err == MST_OK; i++) {
    const mst_secret_pattern *secret = &mst_secret_patterns[i];
    if (secret->is_secret ? setup->secrets : setup->pii)
      err = add(patterns, setup, how,
                (mst_pattern){.number = (uint32_t)i, .levels = UINT32_MAX, .secret = secret, .screen = secret->screen}, ctx);
  }
  pcre2_compile_context_free(how);
  return err;
}

static mst_err
limit(mst_patterns *patterns, mst_errctx *ctx)
{
  patterns->match = pcre2_match_data_create(4, NULL);
  patterns->limits = pcre2_match_context_create(NULL);
  patterns->stack = pcre2_jit_stack_create(STACK_FIRST_BYTES, STACK_MOST_BYTES, NULL);
  patterns->hits = mst_alloc(HITS_FIRST, sizeof *patterns->hits);
  patterns->hit_capacity = HITS_FIRST;
  if (!patterns->match || !patterns->limits || !patterns->hits)
    return mst_fail(ctx, MST_ENOMEM, "no memory for patterns");
  (void)pcre2_set_heap_limit(patterns->limits, HEAP_LIMIT_KB);
  if (patterns->stack) /* without it 32 KiB of the thread's stack serve */
    pcre2_jit_stack_assign(patterns->limits, NULL, patterns->stack);
  return MST_OK;
}

/* ---- Hyperscan ---- */

#ifdef MST_HAVE_HYPERSCAN
/* What means a line to PCRE2 and the whole block to Hyperscan, or not the same characters, or is a verb: it would miss lines that fit. */
static bool
means_the_same(const char *text)
{
  static const char others[] = "AzZGKRXCNpP";

  if (strstr(text, "(*"))
    return false;
  for (const char *at = strchr(text, '\\'); at && at[1]; at = strchr(at + 2, '\\'))
    if (strchr(others, at[1]))
      return false;
  return true;
}

/* How Hyperscan can take it; 0: not at all. Anchors mean lines. */
static unsigned
flags_for(const source *from)
{
  const unsigned plain = HS_FLAG_MULTILINE | (from->ignore_case ? HS_FLAG_CASELESS : 0), ways[] = {plain, plain | HS_FLAG_PREFILTER};

  for (size_t i = 0; i < 2 && means_the_same(from->text); i++) {
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *why = NULL;
    hs_error_t failed = hs_expression_info(from->text, ways[i], &info, &why);
    bool is_fine = failed == HS_SUCCESS && info->min_width >= LEAST_WIDTH;
    mst_free(info);
    if (why)
      (void)hs_free_compile_error(why);
    if (is_fine)
      return ways[i];
  }
  return 0;
}

/* Those of the patterns that are to be screened, together. False: *ret_wrong is one that does not go; -1: nothing goes. */
static bool
compile(mst_patterns *patterns, const mst_scan_setup *setup, const unsigned *ways, int *ret_wrong)
{
  const char *texts[MST_ALL_PATTERNS_MAX];
  unsigned flags[MST_ALL_PATTERNS_MAX], ids[MST_ALL_PATTERNS_MAX], count = 0;
  hs_compile_error_t *why = NULL;
  hs_database_t *database = NULL;
  hs_scratch_t *scratch = NULL;

  for (size_t i = 0; i < patterns->count; i++) {
    if (patterns->list[i].screen != MST_SCREEN_HYPERSCAN)
      continue;
    texts[count] = source_of(setup, &patterns->list[i]).text;
    flags[count] = ways[i];
    ids[count++] = (unsigned)i;
  }
  *ret_wrong = -1;
  if (count == 0)
    return true;
  if (hs_compile_multi(texts, flags, ids, count, HS_MODE_BLOCK, NULL, &database, &why) != HS_SUCCESS) {
    if (why && why->expression >= 0)
      *ret_wrong = (int)ids[why->expression];
    (void)hs_free_compile_error(why);
    return false;
  }
  if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) {
    (void)hs_free_database(database);
    return false;
  }
  patterns->database = database;
  patterns->scratch = scratch;
  return true;
}

/* What Hyperscan does not take, alone or together with the others, is tried on each line. */
static void
make_database(mst_patterns *patterns, const mst_scan_setup *setup)
{
  unsigned ways[MST_ALL_PATTERNS_MAX] = {0};
  int wrong = -1;

  for (size_t i = 0; i < patterns->count; i++) {
    if (patterns->list[i].screen != MST_SCREEN_HYPERSCAN)
      continue;
    const source from = source_of(setup, &patterns->list[i]);
    ways[i] = flags_for(&from);
    if (ways[i] == 0)
      patterns->list[i].screen = MST_SCREEN_EACH;
  }
  while (!compile(patterns, setup, ways, &wrong)) {
    for (size_t i = 0; i < patterns->count; i++)
      if (patterns->list[i].screen == MST_SCREEN_HYPERSCAN && (wrong < 0 || (size_t)wrong == i))
        patterns->list[i].screen = MST_SCREEN_EACH;
  }
}
#endif

mst_err
mst_patterns_init(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx)
{
  *patterns = (mst_patterns){0};
  if (setup->rule_count > MST_SCAN_RULES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "%zu rules; at most %d are possible", setup->rule_count, MST_SCAN_RULES_MAX);
  memcpy(patterns->key, setup->fingerprint_key, sizeof patterns->key);
  mst_err err = limit(patterns, ctx);
  if (err == MST_OK)
    err = add_all(patterns, setup, ctx);
#ifdef MST_HAVE_HYPERSCAN
  if (err == MST_OK && !setup->no_hyperscan)
    make_database(patterns, setup);
#endif
  for (size_t i = 0; i < patterns->count; i++) {
    mst_pattern *pattern = &patterns->list[i];
    if (pattern->screen == MST_SCREEN_HYPERSCAN && !patterns->database)
      pattern->screen = MST_SCREEN_EACH;
    if (pattern->screen == MST_SCREEN_EACH) {
      patterns->tried[i / 64] |= 1ULL << (i & 63);
      patterns->has_tried = true;
    } else if (pattern->screen > MST_SCREEN_EACH) {
      patterns->swept[pattern->screen] = (uint8_t)(i + 1);
    }
  }
  if (err != MST_OK)
    mst_patterns_done(patterns);
  return err;
}

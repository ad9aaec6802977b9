/* Whether patterns fit a line, and what is counted then. */
#include "scan_state.h"

#include <string.h>

#include <mst/common/digest.h>

enum {
  MATCH_LIMIT = 200000, /* steps on one line: milliseconds. A pattern that needs more counts as an error of the rule */
  STEPS_A_BYTE = 16,    /* and what a long line may take on top, which a pattern without fault may need */
  LONG_LINE_BYTES = 1 << 20,
  FINDS_IN_LINE_MAX = 64, /* matches of one pattern on one line; a dump of keys is one line with many */
  PRINT_BYTES_MAX = 4096, /* of a secret that make its fingerprint */
};

static int
match_at(const mst_patterns *patterns, const mst_pattern *pattern, mst_line line, size_t from)
{
  size_t counted = line.length < LONG_LINE_BYTES ? line.length : LONG_LINE_BYTES;

  (void)pcre2_set_match_limit(patterns->limits, MATCH_LIMIT + STEPS_A_BYTE * (uint32_t)counted);
  int groups = pcre2_match(pattern->code, (PCRE2_SPTR)line.at, line.length, from, 0, patterns->match, patterns->limits);
  if (groups == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter takes its memory from the heap */
    groups = pcre2_match(pattern->code, (PCRE2_SPTR)line.at, line.length, from, PCRE2_NO_JIT, patterns->match, patterns->limits);
  return groups;
}

/* ---- secrets ---- */

static void
count_secret(const mst_patterns *patterns, const mst_scan_job *job, size_t number, const char *text, size_t length)
{
  const mst_secret_pattern *secret = &mst_secret_patterns[number];
  mst_scan_find find = {.pattern = secret->name, .is_secret = secret->is_secret};
  uint8_t bytes[sizeof patterns->key + PRINT_BYTES_MAX];

  *(secret->is_secret ? &job->counts->secrets : &job->counts->pii) += 1;
  job->counts->patterns[number]++;
  if (!job->found)
    return;
  length = length < PRINT_BYTES_MAX ? length : PRINT_BYTES_MAX;
  memcpy(bytes, patterns->key, sizeof patterns->key);
  memcpy(bytes + sizeof patterns->key, text, length);
  /* The key stands first and has a fixed length: a keyed BLAKE2b under a domain of its own. */
  mst_digest digest = mst_digest_of("muster/1/secret-print", bytes, sizeof patterns->key + length);
  explicit_bzero(bytes, sizeof patterns->key + length);
  memcpy(find.print, digest.bytes, sizeof find.print);
  job->found(job->arg, &find);
}

/* False: a secret of a pattern before it in the table is there. */
static bool
take_place(mst_patterns *patterns, size_t from, size_t to)
{
  for (size_t i = 0; i < patterns->taken_count; i++)
    if (from < patterns->taken[i].to && patterns->taken[i].from < to)
      return false;
  if (patterns->taken_count < MST_TAKEN_MAX) {
    patterns->taken[patterns->taken_count].from = from;
    patterns->taken[patterns->taken_count++].to = to;
  }
  return true;
}

static bool
is_base64(char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* The bytes of a key in a text: the first run of base 64 that is long enough. */
static bool
count_key(const mst_patterns *patterns, const mst_scan_job *job, size_t number, const char *text, size_t length)
{
  size_t run = 0, at = 0;

  for (; at < length && (run < MST_KEY_BYTES || is_base64(text[at])); at++) {
    /* The n of a written-out \n is no digit of the key. */
    if (at > 0 && text[at - 1] == '\\')
      run = 0;
    else
      run = is_base64(text[at]) ? run + 1 : 0;
  }
  if (run < MST_KEY_BYTES)
    return false;
  count_secret(patterns, job, number, text + at - run, run);
  return true;
}

/* The number of the pattern that begins private keys. */
static size_t
key_pattern(void)
{
  size_t number = 0;

  while (number + 1 < mst_secret_pattern_count && !mst_secret_patterns[number].is_key)
    number++;
  return number;
}

void
mst_patterns_follow_key(const mst_patterns *patterns, const mst_scan_job *job, mst_line line)
{
  mst_scan_state *state = job->state;

  if (memmem(line.at, line.length, "-----END", 8))
    state->key_lines = 0;
  else if (count_key(patterns, job, key_pattern(), line.at, line.length))
    state->key_lines = 0;
  else
    state->key_lines--;
}

/* Each secret on the line that its pattern finds and confirms. */
static void
count_secrets(mst_patterns *patterns, const mst_scan_job *job, const mst_pattern *pattern, mst_line line)
{
  const mst_secret_pattern *secret = pattern->secret;
  size_t from = 0;

  for (int i = 0; i < FINDS_IN_LINE_MAX && from <= line.length; i++) {
    int groups = match_at(patterns, pattern, line, from), group = 1;
    if (groups < 0 && groups != PCRE2_ERROR_NOMATCH)
      job->counts->rule_errors++;
    if (groups < 0)
      return;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(patterns->match);
    while (group < groups && at[2 * group] == PCRE2_UNSET)
      group++;
    group = group < groups ? group : 0;
    const char *text = line.at + at[2 * group];
    size_t length = at[2 * group + 1] - at[2 * group];
    from = at[1] > at[0] ? at[1] : at[1] + 1;
    if (secret->is_key) {
      job->state->key_lines = count_key(patterns, job, pattern->number, line.at + at[1], line.length - at[1]) ? 0 : MST_KEY_LINES;
      continue;
    }
    if ((!secret->confirm || secret->confirm(text, length)) && take_place(patterns, at[2 * group], at[2 * group + 1]))
      count_secret(patterns, job, pattern->number, text, length);
  }
}

/* ---- rules ---- */

static void
count_rule(const mst_patterns *patterns, const mst_scan_job *job, const mst_pattern *pattern, mst_line line)
{
  int groups = match_at(patterns, pattern, line, 0);

  if (groups >= 0)
    job->counts->rules[pattern->number]++;
  else if (groups != PCRE2_ERROR_NOMATCH)
    job->counts->rule_errors++;
}

void
mst_patterns_match(mst_patterns *patterns, const mst_scan_job *job, const uint64_t bits[static MST_PATTERN_WORDS], mst_line line,
                   mst_log_level level)
{
  patterns->taken_count = 0;
  for (size_t word = 0; word < MST_PATTERN_WORDS; word++) {
    for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
      const mst_pattern *pattern = &patterns->list[word * 64 + (size_t)__builtin_ctzll(left)];
      if (pattern->secret)
        count_secrets(patterns, job, pattern, line);
      else if (pattern->levels >> level & 1)
        count_rule(patterns, job, pattern, line);
    }
  }
}

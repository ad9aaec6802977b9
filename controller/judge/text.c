/* Text predicates of targets: words, globs, versions. */
#include "target.h"

#include <stdint.h>
#include <string.h>

bool
mst_glob_match(const char *pattern, const char *text, size_t size_bytes)
{
  const char *star = NULL;
  size_t at = 0, star_at = 0;

  while (at < size_bytes) {
    if (*pattern == '*') {
      star = pattern++;
      star_at = at;
    } else if (*pattern != '\0' && (*pattern == '?' || *pattern == text[at])) {
      pattern++;
      at++;
    } else if (star) {
      pattern = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}

static bool
is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* Steps over one number; false at the version's end. Numbers saturate: nobody releases 2^64 times. */
static bool
next_part(const char **at, const char *end, bool *first, uint64_t *ret_part)
{
  uint64_t part = 0;

  if (!*first) {
    if (*at >= end || **at != '.')
      return false;
    ++*at;
  }
  *first = false;
  if (*at >= end || !is_digit(**at))
    return false;
  for (; *at < end && is_digit(**at); ++*at) {
    uint64_t digit = (uint64_t)(**at - '0');
    part = part > (UINT64_MAX - digit) / 10 ? UINT64_MAX : part * 10 + digit;
  }
  *ret_part = part;
  return true;
}

bool
mst_version_compare(const char *a, size_t a_bytes, const char *b, size_t b_bytes, int *ret_order)
{
  const char *a_end = a + a_bytes, *b_end = b + b_bytes;
  bool a_first = true, b_first = true, a_more = true, b_more = true;
  bool any_a = false, any_b = false;
  int order = 0;

  /* "Docker Compose version v2.20.2": the version starts at the first digit. */
  while (a < a_end && !is_digit(*a))
    a++;
  while (b < b_end && !is_digit(*b))
    b++;
  while (a_more || b_more) {
    uint64_t part_a = 0, part_b = 0;
    a_more = a_more && next_part(&a, a_end, &a_first, &part_a);
    b_more = b_more && next_part(&b, b_end, &b_first, &part_b);
    any_a = any_a || a_more;
    any_b = any_b || b_more;
    if (order == 0 && part_a != part_b)
      order = part_a < part_b ? -1 : 1;
  }
  if (!any_a || !any_b)
    return false;
  *ret_order = order;
  return true;
}

static bool
version_holds(const mst_target *target, const char *text, size_t size_bytes)
{
  int order;

  if (!mst_version_compare(text, size_bytes, target->words[0], strlen(target->words[0]), &order))
    return false;
  switch (target->compare) {
  case MST_LT:
    return order < 0;
  case MST_LE:
    return order <= 0;
  case MST_GT:
    return order > 0;
  case MST_GE:
    return order >= 0;
  case MST_EQ:
    return order == 0;
  case MST_NE:
    break;
  }
  return order != 0;
}

static bool
is_word(const mst_target *target, const char *text, size_t size_bytes)
{
  for (size_t i = 0; i < target->word_count; i++)
    if (strlen(target->words[i]) == size_bytes && memcmp(target->words[i], text, size_bytes) == 0)
      return true;
  return false;
}

bool
mst_target_holds_text(const mst_target *target, const char *text, size_t size_bytes, const char *attested)
{
  switch (target->op) {
  case MST_TEXT_IN:
    return is_word(target, text, size_bytes);
  case MST_TEXT_NOT_IN:
    return !is_word(target, text, size_bytes);
  case MST_TEXT_LIKE:
    return mst_glob_match(target->words[0], text, size_bytes);
  case MST_TEXT_VERSION:
    return version_holds(target, text, size_bytes);
  case MST_TEXT_ATTESTED:
    break;
  }
  return attested && strlen(attested) == size_bytes && memcmp(attested, text, size_bytes) == 0;
}

mst_grade
mst_bounds_grade_text(const mst_bounds *bounds, const char *text, size_t size_bytes, const char *attested)
{
  if (mst_target_holds_text(&bounds->target, text, size_bytes, attested))
    return MST_GRADE_PASS;
  if (bounds->critical.type == MST_TARGET_NONE || mst_target_holds_text(&bounds->critical, text, size_bytes, attested))
    return MST_GRADE_FAIL;
  return MST_GRADE_WARN;
}

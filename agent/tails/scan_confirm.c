/* Whether what looks like a secret is one. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "scan_state.h"

/* A word that stands in the place of a secret, alone: "none", "redacted", not "nonesuch7". */
static bool
is_placeholder(const char *text, size_t length)
{
  static const char *const words[] = {"redacted", "filtered", "masked",   "hidden",    "removed", "secret",      "null",
                                      "none",     "true",     "false",    "undefined", "example", "changeme",    "empty",
                                      "string",   "value",    "required", "omitted",   "unknown", "placeholder", "sanitized",
                                      "password", "stripped", "your",     "dummy",     "missing", "invalid"};

  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t word = strlen(words[i]);
    if (length >= word && strncasecmp(text, words[i], word) == 0 && (length == word || !isalnum((unsigned char)text[word])))
      return true;
  }
  return false;
}

/* <token>, [FILTERED], {{ token }}, ${TOKEN}, $TOKEN, %s, %(token)s. */
static bool
is_variable(const char *text, size_t length)
{
  char second = '\0';

  if (length > 1)
    second = text[1];
  switch (text[0]) {
  case '<':
  case '[':
  case '{':
    return true;
  case '$':
    if (second == '{' || second == '(')
      return true;
    for (size_t i = 1; i < length; i++)
      if (!isupper((unsigned char)text[i]) && text[i] != '_')
        return false;
    return true;
  case '%':
    return length == 2 || second == '(' || text[length - 1] == '%';
  default:
    return false;
  }
}

bool
mst_confirm_unmasked(const char *text, size_t length)
{
  size_t same = 1;

  while (same < length && text[same] == text[0])
    same++;
  if (length == 0 || same == length) /* ****, xxxx */
    return false;
  if (memmem(text, length, "***", 3) || memmem(text, length, "...", 3) || memmem(text, length, "xxxx", 4) ||
      memmem(text, length, "XXXX", 4) || memmem(text, length, "EXAMPLE", 7))
    return false;
  return !is_variable(text, length) && !is_placeholder(text, length);
}

/* Bits for each byte, by how often each occurs: words have little. Source: Shannon 1948. */
static double
entropy(const char *text, size_t length)
{
  unsigned counts[256] = {0};
  double bits = 0;

  for (size_t i = 0; i < length; i++)
    counts[(unsigned char)text[i]]++;
  for (size_t i = 0; i < 256; i++)
    if (counts[i])
      bits -= (double)counts[i] / (double)length * log2((double)counts[i] / (double)length);
  return bits;
}

bool
mst_confirm_random(const char *text, size_t length)
{
  static const double least_bits = 3.0; /* 16 and more random characters of base 64 have 3.6, words 2.8 */

  return mst_confirm_unmasked(text, length) && entropy(text, length) >= least_bits;
}

static bool
has(const char *text, size_t length, int (*is_kind)(int))
{
  for (size_t i = 0; i < length; i++)
    if (is_kind((unsigned char)text[i]))
      return true;
  return false;
}

bool
mst_confirm_token(const char *text, size_t length)
{
  return has(text, length, isdigit) && has(text, length, isalpha) && mst_confirm_random(text, length);
}

/* 40 characters of base 64 with all of their kinds: a hex digest of SHA-1 has none of capitals. */
bool
mst_confirm_aws_secret(const char *text, size_t length)
{
  return has(text, length, isupper) && has(text, length, islower) && mst_confirm_token(text, length);
}

/* Where a secret is to be found, and not the secret. */
static bool
is_reference(const char *text, size_t length)
{
  static const char *const heads[] = {"/", "./", "~/", "file:", "env:", "vault:", "arn:", "secretref:", "http://", "https://", "projects/"};

  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
    if (length >= strlen(heads[i]) && strncasecmp(text, heads[i], strlen(heads[i])) == 0)
      return true;
  return false;
}

/* What stands behind "password=": not a word. */
bool
mst_confirm_password(const char *text, size_t length)
{
  static const double least_bits = 3.3; /* of letters alone: more than words of up to 12 have */

  if (!mst_confirm_unmasked(text, length) || is_reference(text, length))
    return false;
  return (has(text, length, isdigit) && has(text, length, isalpha)) || entropy(text, length) >= least_bits;
}

/* Words and numbers out of text that the kernel writes; see scan.h. */
#include "collectors/scan.h"

#include <string.h>

enum { SHOWN_MAX_BYTES = 60, DECIMAL_MAX_DIGITS = 18 /* what a 64-bit integer holds for certain */ };

mst_scan
mst_scan_over(const char *text, size_t length)
{
  return (mst_scan){.at = text, .end = text + length};
}

bool
mst_scan_line(mst_scan *text, mst_scan *ret_line)
{
  if (text->at >= text->end)
    return false;

  const char *newline = memchr(text->at, '\n', mst_scan_length(*text));

  *ret_line = (mst_scan){.at = text->at, .end = newline ? newline : text->end};
  text->at = newline ? newline + 1 : text->end;
  return true;
}

static bool
is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n';
}

bool
mst_scan_word(mst_scan *line, mst_scan *ret_word)
{
  while (line->at < line->end && is_blank(*line->at))
    line->at++;

  const char *start = line->at;
  while (line->at < line->end && !is_blank(*line->at))
    line->at++;
  if (line->at == start)
    return false;
  *ret_word = (mst_scan){.at = start, .end = line->at};
  return true;
}

bool
mst_scan_u64(mst_scan *line, uint64_t *ret_value)
{
  mst_scan rest = *line, word;
  uint64_t value = 0;

  if (!mst_scan_word(&rest, &word))
    return false;
  for (; word.at < word.end; word.at++) {
    if (*word.at < '0' || *word.at > '9')
      return false;
    if (__builtin_mul_overflow(value, (uint64_t)10, &value) || __builtin_add_overflow(value, (uint64_t)(*word.at - '0'), &value))
      return false;
  }
  *line = rest;
  *ret_value = value;
  return true;
}

bool
mst_scan_decimal(mst_scan *line, double *ret_value)
{
  mst_scan rest = *line, word;
  uint64_t digits = 0;
  double scale = 1;
  int count = 0;
  bool point = false;

  if (!mst_scan_word(&rest, &word) || *word.at == '.' || word.end[-1] == '.')
    return false;
  for (; word.at < word.end; word.at++) {
    if (*word.at == '.' && !point) {
      point = true;
      continue;
    }
    if (*word.at < '0' || *word.at > '9' || ++count > DECIMAL_MAX_DIGITS)
      return false;
    digits = digits * 10 + (uint64_t)(*word.at - '0');
    if (point)
      scale *= 10;
  }
  *line = rest;
  *ret_value = (double)digits / scale;
  return true;
}

bool
mst_scan_prefix(mst_scan *line, const char *prefix)
{
  size_t length = strlen(prefix);

  if (mst_scan_length(*line) < length || memcmp(line->at, prefix, length) != 0)
    return false;
  line->at += length;
  return true;
}

bool
mst_scan_equal(mst_scan word, const char *text)
{
  size_t length = strlen(text);

  return mst_scan_length(word) == length && memcmp(word.at, text, length) == 0;
}

int
mst_scan_shown(mst_scan text)
{
  return mst_scan_length(text) < SHOWN_MAX_BYTES ? (int)mst_scan_length(text) : SHOWN_MAX_BYTES;
}

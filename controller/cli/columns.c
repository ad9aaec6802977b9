/* Text from hosts and files on a terminal: what is harmless, and how wide it is. */
#include "cli/cli.h"

#include <stdint.h>
#include <string.h>

enum { NOT_UTF8 = -1 };

/* The code point at text and its bytes; NOT_UTF8 for a byte that begins none (RFC 3629: no overlong forms, no surrogates). */
static int32_t
decode(const char *text, size_t *ret_bytes)
{
  static const struct {
    unsigned char mask, lead;
    int32_t least;
  } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
  const unsigned char *at = (const unsigned char *)text;

  *ret_bytes = 1;
  for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
    if ((at[0] & forms[form].mask) != forms[form].lead)
      continue;
    int32_t code = at[0] & (unsigned char)~forms[form].mask;
    for (size_t i = 1; i <= form; i++) {
      if ((at[i] & 0xC0) != 0x80)
        return NOT_UTF8;
      code = code << 6 | (at[i] & 0x3F);
    }
    if (code < forms[form].least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      return NOT_UTF8;
    *ret_bytes = form + 1;
    return code;
  }
  return NOT_UTF8;
}

typedef struct range {
  int32_t first, last;
} range;

static bool
is_within(int32_t code, const range *ranges, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (code >= ranges[i].first && code <= ranges[i].last)
      return true;
  return false;
}

/* Controls, line and paragraph separators, and what turns the writing direction. */
static bool
is_harmful(int32_t code)
{
  static const range harmful[] = {{0x00, 0x1F}, {0x7F, 0x9F}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFEFF, 0xFEFF}};

  return code == NOT_UTF8 || is_within(code, harmful, sizeof harmful / sizeof harmful[0]);
}

/* Source: Unicode's EastAsianWidth.txt (W and F) and the combining blocks, by block: near enough for a table. */
static int
width_of(int32_t code)
{
  static const range none[] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},   {0x64B, 0x65F},  {0x1AB0, 0x1AFF},
                               {0x1DC0, 0x1DFF}, {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
  static const range two[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
                              {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                              {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

  if (code < 0x300)
    return 1;
  if (is_within(code, none, sizeof none / sizeof none[0]))
    return 0;
  return is_within(code, two, sizeof two / sizeof two[0]) ? 2 : 1;
}

void
mst_cli_clean(char *text, bool lines)
{
  char *to = text;

  while (*text) {
    size_t bytes;
    int32_t code = decode(text, &bytes);
    if (code == '\n' || code == '\t') {
      *to++ = lines && code == '\n' ? '\n' : ' ';
    } else if (is_harmful(code)) {
      *to++ = '?';
    } else {
      memmove(to, text, bytes);
      to += bytes;
    }
    text += bytes;
  }
  *to = '\0';
}

int
mst_cli_columns(const char *text)
{
  int columns = 0;

  while (*text) {
    size_t bytes;
    columns += width_of(decode(text, &bytes));
    text += bytes;
  }
  return columns;
}

size_t
mst_cli_cut(const char *text, int columns)
{
  const char *at = text;

  while (*at) {
    size_t bytes;
    int width = width_of(decode(at, &bytes));
    if (width > columns)
      break;
    columns -= width;
    at += bytes;
  }
  return (size_t)(at - text);
}

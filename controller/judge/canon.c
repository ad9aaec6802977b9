#include "canon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 40 };

static char
last_byte(const mst_buf *buf)
{
  return buf->size_bytes > 0 ? (char)buf->data[buf->size_bytes - 1] : '\0';
}

void
mst_canon_open(mst_buf *buf, char bracket)
{
  mst_buf_append(buf, &bracket, 1);
}

void
mst_canon_close(mst_buf *buf, char bracket)
{
  mst_buf_append(buf, &bracket, 1);
}

void
mst_canon_entry(mst_buf *buf)
{
  char last = last_byte(buf);

  if (last != '{' && last != '[')
    mst_buf_append(buf, ",", 1);
}

void
mst_canon_key(mst_buf *buf, const char *key)
{
  mst_canon_entry(buf);
  mst_canon_text(buf, key);
  mst_buf_append(buf, ":", 1);
}

/* Bytes of the UTF-8 character at text, 0 when it is none. Source: RFC 3629 section 4. */
static size_t
character_bytes(const unsigned char *text)
{
  static const unsigned char least[] = {0, 0, 0xc2, 0xe0, 0xf0}, most[] = {0, 0x7f, 0xdf, 0xef, 0xf4};
  size_t bytes = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

  if (text[0] < least[bytes] || text[0] > most[bytes])
    return 0;
  for (size_t i = 1; i < bytes; i++)
    if ((text[i] & 0xc0) != 0x80)
      return 0;
  /* Too long forms, halves of pairs, and beyond U+10FFFF. */
  if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf0 && text[1] < 0x90) ||
      (text[0] == 0xf4 && text[1] > 0x8f))
    return 0;
  return bytes;
}

static void
escape(mst_buf *buf, unsigned char byte)
{
  static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
  char text[8];

  for (const char *at = named; *at; at += 2) {
    if ((unsigned char)*at == byte) {
      text[0] = '\\';
      text[1] = at[1];
      mst_buf_append(buf, text, 2);
      return;
    }
  }
  snprintf(text, sizeof text, "\\u%04X", byte);
  mst_buf_append(buf, text, 6);
}

void
mst_canon_text(mst_buf *buf, const char *text)
{
  const unsigned char *at = (const unsigned char *)text, *from = at;

  mst_buf_append(buf, "\"", 1);
  while (*at) {
    bool plain = *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\';
    size_t bytes = plain ? 1 : *at < 0x80 ? 0 : character_bytes(at);
    if (bytes > 0) {
      at += bytes;
      continue;
    }
    mst_buf_append(buf, from, (size_t)(at - from));
    if (*at < 0x80)
      escape(buf, *at);
    else
      mst_buf_append(buf, "?", 1);
    from = ++at;
  }
  mst_buf_append(buf, from, (size_t)(at - from));
  mst_buf_append(buf, "\"", 1);
}

/* 1e+09 is written 1e9, 5 is written 5.0: a number with a fraction stays one for who reads it. */
void
mst_canon_number(mst_buf *buf, double number)
{
  char text[NUMBER_BYTES];
  int size = snprintf(text, sizeof text, "%.9g", number);
  char *exponent = memchr(text, 'e', (size_t)size);

  mst_buf_append(buf, text, exponent ? (size_t)(exponent - text) : (size_t)size);
  if (!exponent) {
    if (!memchr(text, '.', (size_t)size))
      mst_buf_append(buf, ".0", 2);
    return;
  }
  mst_buf_append(buf, exponent[1] == '-' ? "e-" : "e", exponent[1] == '-' ? 2 : 1);
  exponent += 2;
  while (*exponent == '0')
    exponent++;
  mst_buf_puts(buf, exponent);
}

void
mst_canon_put_text(mst_buf *buf, const char *key, const char *text)
{
  mst_canon_key(buf, key);
  mst_canon_text(buf, text);
}

void
mst_canon_put_count(mst_buf *buf, const char *key, uint64_t count)
{
  char text[NUMBER_BYTES];

  mst_canon_key(buf, key);
  mst_buf_append(buf, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, count));
}

void
mst_canon_put_number(mst_buf *buf, const char *key, double number)
{
  mst_canon_key(buf, key);
  mst_canon_number(buf, number);
}

void
mst_canon_put_flag(mst_buf *buf, const char *key, bool flag)
{
  mst_canon_key(buf, key);
  mst_buf_puts(buf, flag ? "true" : "false");
}

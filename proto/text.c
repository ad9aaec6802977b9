/* Texts of the wire: valid UTF-8 without NUL. */
#include "text.h"

#include <string.h>

/* How many bytes the character at `at` takes, 0 when it is no valid one. There is at least one byte. */
static size_t
character_bytes(const uint8_t *at, size_t left)
{
  uint8_t lead = at[0], low = 0x80, high = 0xBF;
  size_t bytes;

  if (lead < 0x80)
    return lead != 0;
  if (lead < 0xC2 || lead > 0xF4)
    return 0;
  bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (left < bytes)
    return 0;
  /* The second byte's range shuts out overlong forms, surrogates and what is over U+10FFFF. */
  if (lead == 0xE0)
    low = 0xA0;
  else if (lead == 0xED)
    high = 0x9F;
  else if (lead == 0xF0)
    low = 0x90;
  else if (lead == 0xF4)
    high = 0x8F;
  if (at[1] < low || at[1] > high)
    return 0;
  for (size_t i = 2; i < bytes; i++)
    if ((at[i] & 0xC0) != 0x80)
      return 0;
  return bytes;
}

bool
mst_text_valid(const char *data, size_t size_bytes)
{
  const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  const uint8_t *at = (const uint8_t *)data, *end;

  if (size_bytes == 0) /* data may be NULL then */
    return true;
  end = at + size_bytes;
  while (at < end) {
    uint64_t word;
    if (end - at >= 8) {
      memcpy(&word, at, 8);
      if (((word | (word - ones)) & tops) == 0) { /* eight ASCII bytes, none of them NUL */
        at += 8;
        continue;
      }
    }
    size_t bytes = character_bytes(at, (size_t)(end - at));
    if (bytes == 0)
      return false;
    at += bytes;
  }
  return true;
}

mst_err
mst_text_check(mst_text text, const char *what, size_t least, size_t most, mst_errctx *ctx)
{
  if (text.size_bytes > most)
    return mst_fail(ctx, MST_ELIMIT, "%s: %zu bytes long, at most %zu are allowed", what, text.size_bytes, most);
  if (text.size_bytes < least)
    return mst_fail(ctx, MST_EMALFORMED, "%s: is empty", what);
  if (!mst_text_valid(text.data, text.size_bytes))
    return mst_fail(ctx, MST_EMALFORMED, "%s: is not valid UTF-8, or holds a NUL", what);
  return MST_OK;
}

int
mst_text_compare(mst_text a, mst_text b)
{
  size_t common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
  int order = common > 0 ? memcmp(a.data, b.data, common) : 0;

  if (order != 0)
    return order;
  return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

size_t
mst_text_clean(const char *raw, char *ret, size_t most)
{
  static const char replacement[] = "\xEF\xBF\xBD";
  const uint8_t *at = (const uint8_t *)(raw ? raw : ""), *end = at + strlen((const char *)at);
  size_t length = 0;

  while (at < end) {
    size_t bytes = character_bytes(at, (size_t)(end - at));
    size_t written = bytes ? bytes : sizeof replacement - 1;
    if (length + written > most)
      break;
    memcpy(ret + length, bytes ? (const char *)at : replacement, written);
    length += written;
    at += bytes ? bytes : 1;
  }
  return length;
}

mst_err
mst_text_read_key(mst_cursor *cursor, const char *what, size_t most, mst_text *previous, mst_errctx *ctx)
{
  mst_text key;

  mst_err err = mst_cursor_text(cursor, what, most, &key, ctx);
  if (err != MST_OK)
    return err;
  if (key.size_bytes == 0)
    return mst_fail(ctx, MST_EMALFORMED, "%s: is empty", what);
  if (previous->data && mst_text_compare(*previous, key) >= 0)
    return mst_fail(ctx, MST_EMALFORMED, "%s: \"%.*s\" stands after \"%.*s\"; keys must be sorted by their bytes and stand once", what,
                    (int)key.size_bytes, key.data, (int)previous->size_bytes, previous->data);
  *previous = key;
  return MST_OK;
}

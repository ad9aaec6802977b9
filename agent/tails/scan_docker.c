/* Lines of Docker's json-file driver: {"log":"text\n","stream":"stdout","time":"..."}. A line of the program over 16 KiB comes in parts, of
 * which only the last has its newline. */
#include <string.h>

#include <mst/common/alloc.h>

#include "scan_state.h"

static void
drop(mst_buf *text, size_t to_bytes)
{
  text->size_bytes = to_bytes;
}

/* Appends what the line wraps, with a newline behind it and none in it, so that lines stay lines. */
static void
unwrap(mst_scanner *scanner, mst_line line, size_t number)
{
  static const char newline[] = "\n";
  mst_buf *text = &scanner->text;
  mst_json json = mst_json_read(scanner->docker, line);
  size_t before = text->size_bytes;

  if (!json.is_valid || !json.message.at) {
    mst_buf_append(text, line.at, line.length);
    mst_buf_append(text, newline, 1);
    return;
  }
  mst_json_decode(json.message, text);
  if (text->size_bytes > before && text->data[text->size_bytes - 1] == '\n')
    drop(text, text->size_bytes - 1);
  else if (number < 8 * MST_PIECE_BYTES / 8)
    scanner->parts[number / 8] |= (uint8_t)(1U << number % 8);
  if (text->size_bytes > before && text->data[text->size_bytes - 1] == '\r')
    drop(text, text->size_bytes - 1);
  for (uint8_t *at = text->data + before, *end = text->data + text->size_bytes; at && at < end; at++)
    if (*at == '\n')
      *at = ' ';
  mst_buf_append(text, newline, 1);
}

mst_err
mst_scanner_unwrap(mst_scanner *scanner, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  const char *at = data, *end = data + size_bytes;

  mst_buf_reset(&scanner->text);
  memset(scanner->parts, 0, MST_PIECE_BYTES / 8);
  for (size_t number = 0; at < end; number++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
    unwrap(scanner, (mst_line){at, (size_t)(stop - at)}, number);
    at = newline ? newline + 1 : end;
  }
  return mst_buf_check(&scanner->text, "lines of Docker without their wrapping", ctx);
}

/* Texts of a plan that stand for bytes. */
#include <string.h>

#include <mst/probes/probe.h>

static int
hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape stands for, and how long it is; -1: it is none. at: behind the backslash. */
static int
read_escape(const char *at, size_t *ret_length)
{
  static const char names[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
  const char *name = *at ? strchr(names, *at) : NULL;

  *ret_length = 1;
  if (name)
    return (unsigned char)bytes[name - names];
  if (at[0] != 'x' || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0)
    return -1;
  *ret_length = 3;
  return hex_digit(at[1]) * 16 + hex_digit(at[2]);
}

mst_err
mst_probe_unescape(const char *text, char *ret_data, size_t *ret_bytes, mst_errctx *ctx)
{
  size_t count = 0, length = 0;

  for (const char *at = text; *at; at++) {
    if (*at != '\\') {
      ret_data[count++] = *at;
      continue;
    }
    int byte = read_escape(at + 1, &length);
    if (byte < 0)
      return mst_fail(ctx, MST_EUSAGE, "\"%.100s\" has \\%.1s at its byte %zu; known are \\r \\n \\t \\0 \\\\ and \\xHH", text, at + 1,
                      (size_t)(at - text) + 1);
    ret_data[count++] = (char)byte;
    at += length;
  }
  *ret_bytes = count;
  return MST_OK;
}

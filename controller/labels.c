/* Labels of hosts. */
#include "labels.h"

#include <stdlib.h>
#include <string.h>

static bool
is_key(mst_text key)
{
  if (key.size_bytes == 0 || key.size_bytes >= MST_LABEL_KEY_BYTES || key.data[0] < 'a' || key.data[0] > 'z')
    return false;
  for (size_t i = 0; i < key.size_bytes; i++)
    if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", key.data[i]))
      return false;
  return true;
}

static bool
is_value(mst_text value)
{
  if (value.size_bytes == 0 || value.size_bytes >= MST_LABEL_VALUE_BYTES)
    return false;
  for (size_t i = 0; i < value.size_bytes; i++)
    if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
      return false;
  return true;
}

static int
compare(const void *a, const void *b)
{
  const mst_text x = ((const mst_label *)a)->key, y = ((const mst_label *)b)->key;
  size_t least = x.size_bytes < y.size_bytes ? x.size_bytes : y.size_bytes;
  int order = memcmp(x.data, y.data, least);

  return order ? order : (x.size_bytes > y.size_bytes) - (x.size_bytes < y.size_bytes);
}

/* Splits "key=value" lines; false when there are too many. */
static bool
split(const char *text, size_t size_bytes, mst_label *ret_labels, size_t *ret_count)
{
  const char *end = text + size_bytes;
  size_t count = 0;

  while (text < end) {
    const char *line_end = memchr(text, '\n', (size_t)(end - text));
    if (!line_end)
      line_end = end;
    const char *equals = memchr(text, '=', (size_t)(line_end - text));
    if (count == MST_LABELS_MAX)
      return false;
    const char *key_end = equals ? equals : line_end, *value = equals ? equals + 1 : line_end;
    ret_labels[count++] = (mst_label){{text, (size_t)(key_end - text)}, {value, (size_t)(line_end - value)}};
    text = line_end + 1;
  }
  *ret_count = count;
  return true;
}

mst_err
mst_labels_parse(const char *text, size_t size_bytes, mst_buf *ret_labels, mst_errctx *ctx)
{
  mst_label labels[MST_LABELS_MAX];
  size_t count = 0;

  if (!split(text, size_bytes, labels, &count))
    return mst_fail(ctx, MST_ELIMIT, "over %d labels", MST_LABELS_MAX);
  qsort(labels, count, sizeof *labels, compare);
  for (size_t i = 0; i < count; i++) {
    if (!is_key(labels[i].key) || !is_value(labels[i].value))
      return mst_fail(ctx, MST_EMALFORMED, "\"%.*s=%.*s\" is no label; write key=value, the key of a-z, 0-9, \"_\", \".\" and \"-\"",
                      (int)labels[i].key.size_bytes, labels[i].key.data, (int)labels[i].value.size_bytes, labels[i].value.data);
    if (i > 0 && compare(&labels[i - 1], &labels[i]) == 0)
      return mst_fail(ctx, MST_EMALFORMED, "label %.*s stands twice", (int)labels[i].key.size_bytes, labels[i].key.data);
    mst_buf_printf(ret_labels, "%s%.*s=%.*s", i ? "\n" : "", (int)labels[i].key.size_bytes, labels[i].key.data,
                   (int)labels[i].value.size_bytes, labels[i].value.data);
  }
  return mst_buf_check(ret_labels, "labels", ctx);
}

bool
mst_labels_get(const char *labels, const char *key, char value[static MST_LABEL_VALUE_BYTES])
{
  mst_label list[MST_LABELS_MAX];
  size_t count = mst_labels_split(labels, list);

  for (size_t i = 0; i < count; i++) {
    if (!mst_text_equal(list[i].key, key) || list[i].value.size_bytes >= MST_LABEL_VALUE_BYTES)
      continue;
    memcpy(value, list[i].value.data, list[i].value.size_bytes);
    value[list[i].value.size_bytes] = '\0';
    return true;
  }
  return false;
}

size_t
mst_labels_split(const char *labels, mst_label ret_labels[static MST_LABELS_MAX])
{
  size_t count = 0;

  return split(labels, strlen(labels), ret_labels, &count) ? count : 0;
}

#ifndef MST_CONTROLLER_LABELS_H
#define MST_CONTROLLER_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include <mst/common/buf.h>
#include <mst/proto/report.h>

/* Labels of a host as one text, "role=api\nzone=a": sorted by key, keys unique. */
enum { MST_LABELS_MAX = MST_SERIES_LABELS_MAX, MST_LABEL_KEY_BYTES = 65, MST_LABEL_VALUE_BYTES = 257, MST_LABELS_TEXT_BYTES = 4096 };

/* Checks and sorts. Keys are [a-z][a-z0-9_.-]*, values printable and without line breaks. Appends to ret_labels. MST_EMALFORMED,
 * MST_ELIMIT. */
mst_err mst_labels_parse(const char *text, size_t size_bytes, mst_buf *ret_labels, mst_errctx *ctx) MST_MUST_USE;
/* False when there is no such label. */
bool mst_labels_get(const char *labels, const char *key, char value[static MST_LABEL_VALUE_BYTES]);
/* Splits into at most MST_LABELS_MAX; the texts point into labels. */
size_t mst_labels_split(const char *labels, mst_label ret_labels[static MST_LABELS_MAX]);

#endif

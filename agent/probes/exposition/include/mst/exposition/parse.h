#ifndef MST_EXPOSITION_PARSE_H
#define MST_EXPOSITION_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* A reader of Prometheus' text format 0.0.4 and of OpenMetrics 1.0 text, fed piece by piece: it holds one line and the family it is in,
 * never the whole. https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/ (with the quoted names of Prometheus 3 in both).
 * That no series stands twice, and no family in two places, is not checked: it would need memory for all of them. */

enum {
  MST_EXPOSITION_LINE_MAX_BYTES = 64 * 1024, /* longer than any help text that was seen, small enough to hold */
  MST_EXPOSITION_LABELS_MAX = 64,            /* Prometheus' own advice is 10; Kubernetes' kube_pod_labels has some 40 */
};

typedef enum mst_exposition_format { MST_EXPOSITION_TEXT, MST_EXPOSITION_OPENMETRICS } mst_exposition_format;

typedef enum mst_exposition_type {
  MST_EXPOSITION_UNKNOWN, /* untyped */
  MST_EXPOSITION_COUNTER,
  MST_EXPOSITION_GAUGE,
  MST_EXPOSITION_HISTOGRAM,
  MST_EXPOSITION_SUMMARY,
  MST_EXPOSITION_INFO,
  MST_EXPOSITION_STATESET,
  MST_EXPOSITION_GAUGEHISTOGRAM,
} mst_exposition_type;

typedef struct mst_exposition_label {
  const char *name;
  const char *value; /* UTF-8, without its escapes */
} mst_exposition_label;

/* One line. All texts are borrowed until the callback returns. */
typedef struct mst_exposition_sample {
  const char *name;   /* with its suffix: x_bucket */
  const char *family; /* of its TYPE line; its own name when there is none */
  const mst_exposition_label *labels;
  size_t label_count;
  double value;
  mst_exposition_type type;
  bool has_timestamp;
  double timestamp_s; /* since 1970 */
  bool has_exemplar;
  double exemplar_value;
  size_t line; /* from 1 */
} mst_exposition_sample;

/* What is called for each sample; anything but MST_OK ends the reading and is returned. */
typedef mst_err (*mst_exposition_take)(void *arg, const mst_exposition_sample *sample, mst_errctx *ctx);

typedef struct mst_exposition mst_exposition;

/* max_bytes: of the whole text. NULL: no memory. One reader, one thread at a time. */
mst_exposition *mst_exposition_create(mst_exposition_format format, uint64_t max_bytes, mst_exposition_take take, void *arg) MST_MUST_USE;
void mst_exposition_destroy(mst_exposition *reader);
/* The next bytes, cut anywhere. MST_EMALFORMED: "line 7: a label's value is not in quotes: at x}"; MST_ELIMIT: line, labels or max_bytes;
 * MST_ENOMEM; what the callback returned. After an error each further call returns the same. */
mst_err mst_exposition_feed(mst_exposition *reader, const void *data, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;
/* The text has ended. MST_EMALFORMED: within a line, or, of OpenMetrics, before "# EOF". */
mst_err mst_exposition_end(mst_exposition *reader, mst_errctx *ctx) MST_MUST_USE;
uint64_t mst_exposition_samples(const mst_exposition *reader);
uint64_t mst_exposition_bytes(const mst_exposition *reader);
/* "counter"; as in a TYPE line. */
const char *mst_exposition_type_name(mst_exposition_type type);

#endif

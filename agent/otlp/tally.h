#ifndef MST_AGENT_OTLP_TALLY_H
#define MST_AGENT_OTLP_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

enum {
  MST_OTLP_REQUIRED_MAX = 8,  /* a bit of a byte each */
  MST_OTLP_POINTS_MAX = 4096, /* points of requests_metric in one request: 160 KiB */
  MST_OTLP_STATUSES = 3,      /* unset, ok, error: their numbers on the wire */
  MST_OTLP_KIND_SERVER = 2,   /* trace.proto, Span.SpanKind */
  MST_OTLP_KIND_CONSUMER = 5,
  MST_OTLP_DELTA = 1, /* metrics.proto, AggregationTemporality */
  MST_OTLP_CUMULATIVE = 2,
  MST_OTLP_TRACE_ID_BYTES = 16,
  MST_OTLP_SPAN_ID_BYTES = 8,
};

/* What the plan asks for. Borrowed texts, for the life of the listener. */
typedef struct mst_otlp_wanted {
  const char *required[MST_OTLP_REQUIRED_MAX]; /* "a|b": one of them suffices */
  size_t required_count;
  bool is_of_all;              /* every span is held to them, not only those of kind server and consumer */
  const char *requests_metric; /* NULL: none */
} mst_otlp_wanted;

/* One span as both readers see it. */
typedef struct mst_otlp_span {
  uint64_t kind, status; /* as they came */
  bool has_trace_id, has_span_id, has_parent;
  uint8_t attributes; /* bits of required that the span itself has */
} mst_otlp_span;

/* One data point that counts requests. */
typedef struct mst_otlp_point {
  uint64_t series;   /* hash of its attributes, then of its scope and resource too */
  uint64_t resource; /* hash of the resource's attributes */
  uint64_t start_ns, time_ns;
  double value;
  bool is_delta;
} mst_otlp_point;

/* What one request holds. Filled by a reader, and given to the book only when all of it could be read. */
typedef struct mst_otlp_tally {
  const mst_otlp_wanted *wanted;
  uint64_t spans[MST_OTLP_STATUSES];
  uint64_t with_ids, held, complete, roots; /* held: spans that should have the attributes; complete: those that have */
  uint64_t points;                          /* of all metrics */
  bool has_metric, is_unusable;             /* requests_metric came; it came as something that counts nothing */
  mst_otlp_point *requests;                 /* owned; of requests_metric */
  size_t request_count, request_capacity;
  uint64_t untaken;                             /* points of requests_metric over MST_OTLP_POINTS_MAX */
  uint32_t by_bits[1 << MST_OTLP_REQUIRED_MAX]; /* held spans of the resource that is being read, by what they have */
  bool has_bits;
} mst_otlp_tally;

void mst_otlp_tally_init(mst_otlp_tally *tally, const mst_otlp_wanted *wanted);
void mst_otlp_tally_done(mst_otlp_tally *tally);

/* The bits of those required attributes that this key stands for. */
uint8_t mst_otlp_required(const mst_otlp_wanted *wanted, const char *key, size_t size_bytes);
void mst_otlp_tally_span(mst_otlp_tally *tally, const mst_otlp_span *span);
/* Keeps a point of what may be requests_metric: MST_ENOMEM. Over the limit it is counted as untaken. */
mst_err mst_otlp_tally_request(mst_otlp_tally *tally, const mst_otlp_point *point, mst_errctx *ctx) MST_MUST_USE;
/* A metric of that name is over, whose points stand from `first` on. temporality 0: it counts nothing. */
void mst_otlp_tally_metric(mst_otlp_tally *tally, size_t first, uint64_t temporality);
/* A resource is over: what it has, its spans have too. Its points stand from `first` on. */
void mst_otlp_tally_resource(mst_otlp_tally *tally, size_t first, uint8_t attributes, uint64_t hash);
/* Makes the points from `first` on others than those of another scope. */
void mst_otlp_tally_scope(mst_otlp_tally *tally, size_t first, uint64_t hash);

/* FNV-1a; begin with 0. */
uint64_t mst_otlp_hash(uint64_t hash, const void *data, size_t size_bytes);
/* Of one attribute; a set's hash is the sum, so that the order does not matter. */
uint64_t mst_otlp_hash_pair(uint64_t key, uint64_t value);

/* Both readers: all of a body. MST_EMALFORMED with a reason; MST_ENOMEM. What was tallied before an error is of no use. */
mst_err mst_otlp_read_protobuf_traces(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_otlp_read_protobuf_metrics(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_otlp_read_json_traces(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_otlp_read_json_metrics(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx) MST_MUST_USE;

#endif

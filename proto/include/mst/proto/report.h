#ifndef MST_PROTO_REPORT_H
#define MST_PROTO_REPORT_H

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/digest.h>
#include <mst/common/hist.h>
#include <mst/proto/cursor.h>
#include <mst/proto/envelope.h>

enum {
  MST_SERIES_MAX = 4096, /* per session: 20 disks, 20 nets, 200 containers at 15 signals each */
  MST_SERIES_NAME_MAX_BYTES = 128,
  MST_SERIES_LABELS_MAX = 16,
  MST_SERIES_LABEL_KEY_MAX_BYTES = 64,
  MST_SERIES_LABEL_VALUE_MAX_BYTES = 256,
  MST_SERIES_UNIT_MAX_BYTES = 32,
  MST_STATE_MAX_BYTES = 256,
  MST_REASON_MAX_BYTES = 256,
  MST_EVENTS_MAX = 512,
  MST_EVENT_RULE_MAX_BYTES = 128,
  MST_EVENT_LEVEL_MAX_BYTES = 32,
  MST_EVENT_SAMPLE_MAX_BYTES = 512,
  MST_FINGERPRINT_BYTES = 16,
  MST_HISTOGRAM_MAX_BYTES = 3072, /* two sides of 160 counts at 9 bytes, and the head */
  MST_LOSS_RANGES_MAX = 1024,
};

typedef enum mst_signal_kind {
  MST_SIGNAL_GAUGE = 1,
  MST_SIGNAL_COUNTER = 2,      /* monotonic, cumulative since start_at; a fall is a reset */
  MST_SIGNAL_DISTRIBUTION = 3, /* exponential histogram of what happened since the last report */
  MST_SIGNAL_STATE = 4,        /* a short text: "up", "24.0.7", "healthy" */
  MST_SIGNAL_EVENT = 5,
} mst_signal_kind;
const char *mst_signal_kind_name(mst_signal_kind kind); /* "gauge"... */

typedef struct mst_label {
  mst_text key, value;
} mst_label;

/* One series, as it is defined on the wire. Texts are borrowed. Labels stand sorted by key, keys unique: the encoder refuses others. */
typedef struct mst_series {
  mst_text name; /* OpenTelemetry semantic-convention name */
  mst_signal_kind kind;
  mst_text unit;     /* UCUM as OpenTelemetry uses it: "1", "s", "By", "{operation}" */
  mst_wall start_at; /* counters: since when they count (boot, process start); else 0. Part of the identity: a new start is a new series */
  uint32_t label_count;
  mst_label labels[MST_SERIES_LABELS_MAX];
} mst_series;

/* Definitions: ids first_id .. first_id + count - 1. Ids start at 0 and have no gaps over a session's records. */
typedef struct mst_definitions {
  mst_text boot_id, agent_version, hostname;
  uint32_t first_id, count;
  mst_cursor rest; /* private: where the series start */
} mst_definitions;
/* MST_ELIMIT also when the body would be over MST_ENVELOPE_MAX_BODY_BYTES: write fewer series a record then. */
mst_err mst_definitions_encode(const mst_definitions *header, const mst_series *series, mst_buf *ret_body, mst_errctx *ctx) MST_MUST_USE;
/* Checks the whole body, then mst_definitions_next gives one after the other (MST_EABSENT after the last). */
mst_err mst_definitions_decode(mst_bytes body, mst_definitions *ret_definitions, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_definitions_next(mst_definitions *definitions, mst_series *ret_series, mst_errctx *ctx) MST_MUST_USE;

typedef enum mst_sample_status { MST_SAMPLE_OK = 0, MST_SAMPLE_ABSENT = 1, MST_SAMPLE_ERROR = 2 } mst_sample_status;

/* One sample. status ABSENT: the thing is not there on this host now (device gone); ERROR: it could not be read: reason says why. */
typedef struct mst_sample {
  uint32_t id;
  mst_sample_status status;
  mst_signal_kind kind; /* how value is encoded: GAUGE (all numbers, counters too), DISTRIBUTION, STATE; 0 when status is not OK */
  double number;        /* gauge, counter. Integers up to 2^53 are exact */
  mst_text text;        /* state; or the reason of an absence or error */
  mst_bytes histogram;  /* encoded, read with mst_histogram_decode */
} mst_sample;

typedef struct mst_event {
  uint32_t id; /* of a series of kind EVENT */
  mst_wall at;
  mst_text rule, level;
  uint64_t count;
  mst_text sample;       /* redacted; may be empty */
  mst_bytes fingerprint; /* 0 or 16 bytes: keyed, so that equal secrets can be told without being known */
} mst_event;

typedef struct mst_report_header {
  mst_wall at;          /* when the samples were taken, agent's clock */
  int64_t interval_ns;  /* to the next report; > 0, <= 1 h */
  uint32_t definitions; /* how many series of this session must be known to read this */
  bool offset_known;
  int64_t offset_ns;                   /* controller's clock minus the agent's, as the agent estimates it */
  mst_digest plan;                     /* digest of the plan in force; zero: none */
  uint64_t spool_records, spool_bytes; /* waiting, this one included */
  uint64_t lost_records, lost_samples; /* given up since the agent's state folder was made */
  uint32_t sample_count, event_count;
} mst_report_header;

/* Writing: init, then samples, then finish gives the body. Reusable after finish or reset. A write that fails adds nothing, what was
 * written before stands. */
typedef struct mst_report_writer {
  mst_buf samples, events;
  uint32_t sample_count, event_count;
  uint32_t id_bound; /* one above the highest id written */
} mst_report_writer;
void mst_report_writer_init(mst_report_writer *writer);
void mst_report_writer_done(mst_report_writer *writer);
void mst_report_writer_reset(mst_report_writer *writer);
mst_err mst_report_write_number(mst_report_writer *writer, uint32_t id, double value, mst_errctx *ctx) MST_MUST_USE;
/* state is cut at MST_STATE_MAX_BYTES, invalid UTF-8 replaced by U+FFFD. */
mst_err mst_report_write_state(mst_report_writer *writer, uint32_t id, const char *state, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_report_write_histogram(mst_report_writer *writer, uint32_t id, const mst_hist *hist, mst_errctx *ctx) MST_MUST_USE;
/* status ABSENT or ERROR; reason is cut at MST_REASON_MAX_BYTES, invalid UTF-8 replaced. */
mst_err mst_report_write_missing(mst_report_writer *writer, uint32_t id, mst_sample_status status, const char *reason,
                                 mst_errctx *ctx) MST_MUST_USE;
mst_err mst_report_write_event(mst_report_writer *writer, const mst_event *event, mst_errctx *ctx) MST_MUST_USE;
/* Appends the whole body and resets the writer; header's counts are taken from the writer. MST_ELIMIT when over
 * MST_ENVELOPE_MAX_BODY_BYTES; MST_EMALFORMED when the header is out of range or an id is not below header.definitions. On failure the
 * writer stays as it was. */
mst_err mst_report_writer_finish(mst_report_writer *writer, const mst_report_header *header, mst_buf *ret_body,
                                 mst_errctx *ctx) MST_MUST_USE;

/* Reading: decode checks the whole body once (types, histograms, ids below header.definitions; no id twice is NOT checked here), then the
 * two iterators walk it. MST_EABSENT after the last. Everything points into body. */
typedef struct mst_report {
  mst_report_header header;
  mst_cursor samples, events; /* private */
  uint32_t samples_left, events_left;
} mst_report;
mst_err mst_report_decode(mst_bytes body, mst_report *ret_report, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_report_next_sample(mst_report *report, mst_sample *ret_sample, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_report_next_event(mst_report *report, mst_event *ret_event, mst_errctx *ctx) MST_MUST_USE;

/* ret_hist is initialised by the call; the caller finishes it with mst_hist_done on success. Refuses what mst_hist_valid refuses. */
mst_err mst_histogram_encode(const mst_hist *hist, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_histogram_decode(mst_bytes bytes, mst_hist *ret_hist, mst_errctx *ctx) MST_MUST_USE;

/* Loss: what the spool gave up, by session and inclusive sequence range. */
typedef struct mst_loss_range {
  mst_session_id session;
  uint64_t first, last;
  uint64_t samples;
} mst_loss_range;
mst_err mst_loss_encode(const mst_loss_range *ranges, uint32_t count, mst_buf *ret_body, mst_errctx *ctx) MST_MUST_USE;
/* Fills at most MST_LOSS_RANGES_MAX entries. */
mst_err mst_loss_decode(mst_bytes body, mst_loss_range ret_ranges[static MST_LOSS_RANGES_MAX], uint32_t *ret_count,
                        mst_errctx *ctx) MST_MUST_USE;

#endif

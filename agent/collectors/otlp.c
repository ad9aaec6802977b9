/* Traces and metrics that come by OTLP: what is told of them, without what it takes to listen. */
#include "otlp.h"

#include "emit.h"

const char *const mst_otlp_statuses[] = {"unset", "ok", "error", NULL};
const char *const mst_otlp_shares[] = {"attributes", "trace-id", NULL};

const mst_signal mst_otlp_signals[MST_OTLP_SIGNALS] = {
    [MST_OTLP_SPANS] = {"muster.otlp.spans", MST_SIGNAL_COUNTER, "{span}", "Spans that came, by the status that they have"},
    [MST_OTLP_POINTS] = {"muster.otlp.points", MST_SIGNAL_COUNTER, "{point}", "Data points of metrics that came"},
    [MST_OTLP_REQUESTS] = {"muster.otlp.requests", MST_SIGNAL_COUNTER, "{request}", "Requests that were answered"},
    [MST_OTLP_REJECTED] = {"muster.otlp.rejected", MST_SIGNAL_COUNTER, "{rejection}",
                           "Requests that were refused or cut off, and data points that were not taken, by the reason"},
    [MST_OTLP_SHARE] =
        {"muster.otlp.share", MST_SIGNAL_GAUGE, "1",
         "Of the spans that came within the window, the share that has the required attributes, or valid trace and span ids"},
    [MST_OTLP_SAMPLING] = {"muster.otlp.sampling", MST_SIGNAL_GAUGE, "1",
                           "Root spans that came within the window by what requests_metric counted meanwhile"},
};

static const mst_option_help options[] = {
    {"address", "127.0.0.1:4318", "where it listens: a loopback address and a port; others are refused"},
    {"required_attributes", "service.name, and the usual names of method or system",
     "at most 8 attributes that a span, or its resource, should have; a bar stands between alternatives"},
    {"attributes_of", "entry", "entry: spans of kind server and consumer are held to required_attributes; all: every span is"},
    {"requests_metric", "none", "name of a monotonic sum or a histogram that counts requests, such as http.server.request.duration"},
    {"window", "5m", "what share and sampling look back at: 1s to 1h"},
    {"body_max", "4194304", "bytes that the body of a request may have, after it was inflated"},
};

static mst_err
withhold(const mst_collector_env *env, const char *reason, mst_sink *sink, mst_errctx *ctx)
{
  mst_emit emit = {.sink = sink, .ctx = ctx};

  (void)env;
  for (const char *const *status = mst_otlp_statuses; *status; status++)
    mst_emit_error(&emit, &mst_otlp_signals[MST_OTLP_SPANS], &(mst_tag){"status", *status}, 1, reason);
  for (const char *const *what = mst_otlp_shares; *what; what++)
    mst_emit_error(&emit, &mst_otlp_signals[MST_OTLP_SHARE], &(mst_tag){"what", *what}, 1, reason);
  mst_emit_error(&emit, &mst_otlp_signals[MST_OTLP_POINTS], NULL, 0, reason);
  mst_emit_error(&emit, &mst_otlp_signals[MST_OTLP_SAMPLING], NULL, 0, reason);
  return emit.err;
}

const mst_collector mst_collector_otlp = {
    .name = "otlp",
    .help = "Traces and metrics that applications export by OTLP: what came, how good the spans are, and how many requests are sampled",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = mst_otlp_signals,
    .signal_count = MST_OTLP_SIGNALS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .withhold = withhold,
    .module = "otlp",
};

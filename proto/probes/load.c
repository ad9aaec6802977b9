/* Probe kind load: many requests, as so many users or at such a rate, and how they are answered. */
#include "web_options.h"

static const char *const methods[] = {MST_WEB_METHODS};
static const char *const versions[] = {MST_WEB_VERSIONS};
static const char *const encodings[] = {MST_WEB_SIGNED_AS};

static const mst_probe_option options[] = {
    {"url", MST_PROBE_URL, .is_required = true, .help = "what to ask for; {{number}} counts the requests from 1 on"},
    MST_WEB_REQUEST_OPTIONS(methods, versions, encodings),
    {"users", MST_PROBE_INTEGER, .default_text = "1", .min = 1, .max = 256,
     .help = "how many requests may be under way at a time; without a rate each user asks again as soon as it is answered"},
    {"rate", MST_PROBE_NUMBER, .min = 0.01, .max = 10000,
     .help = "requests a second, begun at their times whether the ones before are answered or not"},
    {"duration", MST_PROBE_DURATION, .is_required = true, .min = 1e8, .max = 600e9, .help = "for how long requests are begun"},
    {"ramp", MST_PROBE_DURATION, .min = 1e6, .max = 600e9, .help = "time in which users, or the rate, rise from nothing"},
    {"requests", MST_PROBE_INTEGER, .min = 1, .max = 1e7, .help = "how many requests to begin at most"},
    {"request_timeout", MST_PROBE_DURATION, .default_text = "5s", .min = 1e7, .max = 600e9, .help = "how long one request may take"},
    {"status", MST_PROBE_TEXTS, .default_text = "2xx", .help = "statuses that are good; others are errors"},
    {"max_error_ratio", MST_PROBE_NUMBER, .min = 0, .max = 1, .help = "greatest share of requests that may end as errors or timeouts"},
    {"min_rate", MST_PROBE_NUMBER, .min = 0, .max = 1e6, .help = "least good answers a second"},
    {"max_p95", MST_PROBE_DURATION, .min = 1e3, .max = 600e9, .help = "greatest 95th percentile of the time of good answers"},
    {"max_p99", MST_PROBE_DURATION, .min = 1e3, .max = 600e9, .help = "greatest 99th percentile of the time of good answers"},
    MST_WEB_SECRETS_OPTION,
};

static const mst_probe_field fields[] = {
    {"answered", "1", "good answers"},
    {"error_ratio", "1", "share of requests that ended as errors or timeouts"},
    {"errors", "1", "requests that were answered with another status, or not at all"},
    {"max", "s", "longest time of a good answer"},
    {"p50", "s", "median of the time of good answers"},
    {"p95", "s", "95th percentile"},
    {"p99", "s", "99th percentile"},
    {"rate", "1/s", "good answers a second"},
    {"requests", "1", "requests that were begun"},
    {"timeouts", "1", "requests that were not answered in their time"},
};

const mst_probe_schema mst_probe_schema_load = {
    .name = "load",
    .help = "How a service answers under load, which the host's own configuration must allow",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

/* Probe kind rate_limit: whether a service stops who asks too often. */
#include "web_options.h"

static const char *const methods[] = {MST_WEB_METHODS};
static const char *const versions[] = {MST_WEB_VERSIONS};
static const char *const encodings[] = {MST_WEB_SIGNED_AS};

static const mst_probe_option options[] = {
    {"url", MST_PROBE_URL, .is_required = true, .help = "what to ask for; {{number}} counts the requests from 1 on"},
    MST_WEB_REQUEST_OPTIONS(methods, versions, encodings),
    {"requests", MST_PROBE_INTEGER, .is_required = true, .min = 2, .max = 10000,
     .help = "how many requests to send, as quickly as they are answered"},
    {"at_once", MST_PROBE_INTEGER, .default_text = "1", .min = 1, .max = 32, .help = "how many of them may be under way at a time"},
    {"allowed", MST_PROBE_TEXTS, .default_text = "2xx", .help = "statuses of a request that is let through: 401 for a wrong password"},
    {"limited", MST_PROBE_TEXTS, .default_text = "429", .help = "statuses of one that is stopped"},
    {"min_allowed", MST_PROBE_INTEGER, .default_text = "1", .min = 0, .max = 10000,
     .help = "how many must be let through before one is stopped"},
    {"max_allowed", MST_PROBE_INTEGER, .default_text = "10000", .min = 0, .max = 10000, .help = "how many may be let through in all"},
    MST_WEB_SECRETS_OPTION,
};

static const mst_probe_field fields[] = {
    {"allowed", "1", "how many were let through"},
    {"first_limited", "1", "number of the first one that was stopped"},
    {"limited", "1", "how many were stopped"},
};

const mst_probe_schema mst_probe_schema_rate_limit = {
    .name = "rate_limit",
    .help = "Whether a service stops who asks too often, and lets the first ones through",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

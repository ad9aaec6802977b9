/* Probe kind http: one request, and what its answer must be. */
#include "web_options.h"

static const char *const methods[] = {MST_WEB_METHODS};
static const char *const versions[] = {MST_WEB_VERSIONS};
static const char *const encodings[] = {MST_WEB_SIGNED_AS};
static const char *const phases[] = {"resolve", "connect", "tls", "first_byte", "transfer", NULL};

static const mst_probe_option options[] = {
    {"url", MST_PROBE_URL, .is_required = true, .help = "what to ask for"},
    MST_WEB_REQUEST_OPTIONS(methods, versions, encodings),
    MST_WEB_ANSWER_OPTIONS,
    MST_WEB_SECRETS_OPTION,
};

static const mst_probe_field fields[] = {
    {"body_bytes", "By", "how many bytes the body had"},
    {"days_left", "d", "time until the server's certificate expires"},
    {"http_version", NULL, "1.0, 1.1 or 2"},
    {"redirections", "1", "how many were followed"},
    {"status", "1", "the answer's status"},
    {"*", "1", "those that the options values and states name"},
};

const mst_probe_schema mst_probe_schema_http = {
    .name = "http",
    .help = "One HTTP request, and whether its answer is as it must be",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .phases = phases,
};

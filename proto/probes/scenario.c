/* Probe kind scenario: several requests, one after the other, that hand on what they found. */
#include "web_options.h"

static const char *const methods[] = {MST_WEB_METHODS};
static const char *const versions[] = {MST_WEB_VERSIONS};
static const char *const encodings[] = {MST_WEB_SIGNED_AS};

static const mst_probe_option step[] = {
    {"name", MST_PROBE_TEXT, .help = "what reasons, and the option ratios, call the step; by default its number"},
    {"url", MST_PROBE_URL, .help = "what to ask for; a step has this, or file"},
    MST_WEB_REQUEST_OPTIONS(methods, versions, encodings),
    MST_WEB_ANSWER_OPTIONS,
    {"capture", MST_PROBE_MAP, .help = "what {{NAME}} stands for in later steps, by name: where it is found"},
    {"tries", MST_PROBE_INTEGER, .default_text = "1", .min = 1, .max = 10000,
     .help = "how often it is tried until its answer is as it must be"},
    {"pause", MST_PROBE_DURATION, .default_text = "200ms", .min = 1e6, .max = 600e9, .help = "time between tries"},
    {"file", MST_PROBE_TEXT,
     .help = "instead of a request: a file of the host, or a shell pattern, in whose last 4 MiB contains must stand"},
    {"contains", MST_PROBE_TEXT, .help = "what must stand in that file; {{NAME}} is filled in"},
};

static const mst_probe_option options[] = {
    {"steps", MST_PROBE_STEPS, .is_required = true, .each = step, .each_count = sizeof step / sizeof step[0],
     .help = "the requests in their order; the first one that fails ends it"},
    {"ratios", MST_PROBE_MAP, .help = "figures to give, by field: how long one step took over another, STEP / STEP"},
    {"duration_of", MST_PROBE_TEXT, .help = "name of the step whose time counts as the probe's duration; by default all of them"},
    MST_WEB_SECRETS_OPTION,
};

static const mst_probe_field fields[] = {
    {"steps_done", "1", "how many steps were as they must be"},
    {"*", "1", "those that the options ratios, values and states name"},
};

const mst_probe_schema mst_probe_schema_scenario = {
    .name = "scenario",
    .help = "Several HTTP requests, each with what an earlier one found",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

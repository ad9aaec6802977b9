/* Probe kind attack: a list of attacks, each of which the service must refuse. */
#include "web_options.h"

static const char *const methods[] = {MST_WEB_METHODS};
static const char *const versions[] = {MST_WEB_VERSIONS};
static const char *const encodings[] = {MST_WEB_SIGNED_AS};

static const mst_probe_option options[] = {
    {"url", MST_PROBE_URL, .is_required = true, .help = "whom to attack; {{payload}} is the attack, here, in a header or in the body"},
    MST_WEB_REQUEST_OPTIONS(methods, versions, encodings),
    {"suite", MST_PROBE_SUITE, .help = "name of a list of attacks: attacks/NAME.yml beside the plan, or beside its folder"},
    {"payloads", MST_PROBE_TEXTS, .help = "attacks, in place of a suite"},
    {"blocked", MST_PROBE_TEXTS, .default_text = "400, 403, 406, 413, 414, 415, 422, 431",
     .help = "statuses of a refusal; closed: it ends the connection instead"},
    {"blocked_matches", MST_PROBE_PATTERN, .help = "what the body of an answer matches that refuses, whatever its status"},
    {"control", MST_PROBE_TEXT, .default_text = "hello",
     .help = "what is sent before and after in place of an attack, and must be accepted"},
    {"accepted", MST_PROBE_TEXTS, .default_text = "2xx", .help = "statuses of an acceptance"},
    MST_WEB_SECRETS_OPTION,
};

static const mst_probe_field fields[] = {
    {"attempts", "1", "how many attacks were sent"},
    {"blocked", "1", "how many of them were refused"},
    {"blocked_ratio", "1", "the share that was refused, when all were answered and what is harmless was accepted"},
    {"first_accepted", "1", "number of the first attack that was not refused"},
};

const mst_probe_schema mst_probe_schema_attack = {
    .name = "attack",
    .help = "Whether a service refuses each attack of a list, and takes what is harmless",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

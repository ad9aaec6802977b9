/* Probe kind exec: a program that the host's own configuration allows. */
#include <mst/proto/probe_kinds.h>

static const mst_probe_option options[] = {
    {"command", MST_PROBE_TEXT, .is_required = true, .help = "name of one of the host's allow.commands"},
    {"exit", MST_PROBE_TEXTS, .default_text = "0", .help = "exit codes that are good"},
    {"matches", MST_PROBE_PATTERNS, .help = "each of them must match in what it writes"},
    {"not_matches", MST_PROBE_PATTERNS, .help = "none of them may match in what it writes"},
    {"number", MST_PROBE_PATTERN, .help = "its first group in what it writes is the figure number"},
    {"min", MST_PROBE_NUMBER, .min = -1e15, .max = 1e15, .help = "least figure"},
    {"max", MST_PROBE_NUMBER, .min = -1e15, .max = 1e15, .help = "greatest figure"},
    {"version", MST_PROBE_PATTERN, .default_text = "(\\d+(?:\\.\\d+)+)", .help = "its first group in what it writes is the text version"},
    {"min_version", MST_PROBE_TEXT, .help = "least version: 2.20 is over 2.9"},
};

static const mst_probe_field fields[] = {
    {"exit_code", "1", "its exit code"},
    {"number", "1", "the figure that the option number finds"},
    {"version", NULL, "the first version in what it writes"},
};

const mst_probe_schema mst_probe_schema_exec = {
    .name = "exec",
    .help = "What a program of the host says, which the host's own configuration allows",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

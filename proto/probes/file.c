/* Probe kind file: what a file of the host is like, and what stands in it. */
#include <mst/proto/probe_kinds.h>

static const char *const expects[] = {"present", "absent", NULL};

static const mst_probe_option options[] = {
    {"path", MST_PROBE_PATH, .is_required = true,
     .help = "absolute path, or a shell pattern: of the regular files that fit, the one that was written last is looked at"},
    {"expect", MST_PROBE_CHOICE, .default_text = "present", .choices = expects, .help = "present: there is one; absent: there is none"},
    {"max_age", MST_PROBE_DURATION, .min = 1e9, .max = 3650 * 86400e9, .help = "how long ago it may have been written"},
    {"newer_than", MST_PROBE_PATH, .help = "another file, or the newest that fits a pattern: it must have been written after that"},
    {"min_size", MST_PROBE_SIZE, .min = 1, .max = 1e15, .help = "how many bytes it must have at least"},
    {"max_size", MST_PROBE_SIZE, .min = 1, .max = 1e15, .help = "how many bytes it may have at most"},
    {"mode_max", MST_PROBE_TEXT, .help = "octal, 0600: it may have no other permission bits than these"},
    {"owner", MST_PROBE_TEXT, .help = "name or number of the user that it must belong to"},
    {"matches", MST_PROBE_PATTERNS, .help = "each of them must match somewhere in the first 16 MiB; (?m) makes ^ and $ those of lines"},
    {"not_matches", MST_PROBE_PATTERNS, .help = "none of them may match in the first 16 MiB"},
    {"names", MST_PROBE_TEXTS, .help = "each of them must stand in it as NAME=VALUE with a value; values are never told"},
    {"headings", MST_PROBE_TEXTS, .help = "Markdown headings that must stand in it, whatever their level, with something below them"},
    {"values", MST_PROBE_MAP,
     .help = "figures to give of a YAML or JSON file, by field: where each stands, llm.cost_limits.daily_max, and perhaps as UNIT"},
    {"encrypted", MST_PROBE_BOOL, .default_text = "false", .help = "it must begin as files of age, OpenPGP, OpenSSL or LUKS do"},
    {"hash", MST_PROBE_BOOL, .default_text = "false", .help = "give its SHA-256 as field sha256"},
};

static const mst_probe_field fields[] = {
    {"age", "s", "time since it was written"},
    {"encryption", NULL, "age, openpgp, openssl, luks or none, when encrypted is true"},
    {"*", "1", "those that the option values names; true and false are 1 and 0, and texts too"},
    {"count", "1", "files that fit the path"},
    {"mode", NULL, "its permission bits, 0600"},
    {"path", NULL, "which one was looked at"},
    {"sha256", NULL, "its SHA-256, when hash is true"},
    {"size_bytes", "By", "its size"},
};

const mst_probe_schema mst_probe_schema_file = {
    .name = "file",
    .help = "What a file of the host is like, and what stands in it",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

/* Probe kind redis: whether a Redis server answers, asks for a password, and how it is. */
#include <mst/proto/probe_kinds.h>

static const char *const expects[] = {"answers", "auth_required", NULL};
static const char *const roles[] = {"any", "master", "replica", NULL};
static const char *const phases[] = {"connect", "auth", "ping", "info", NULL};

static const mst_probe_option options[] = {
    {"address", MST_PROBE_ADDRESS, .is_required = true, .help = "where it is: HOST:PORT, or [IPv6]:PORT"},
    {"expect", MST_PROBE_CHOICE, .default_text = "answers", .choices = expects,
     .help = "answers: it takes the credentials and answers PING; auth_required: without any it must refuse with NOAUTH"},
    {"user", MST_PROBE_TEXT, .help = "user of its access list; by default the default one"},
    {"password", MST_PROBE_SECRET, .help = "where the password is"},
    {"role", MST_PROBE_CHOICE, .default_text = "any", .choices = roles, .help = "what it must be"},
    {"min_replicas", MST_PROBE_INTEGER, .min = 1, .max = 1000, .help = "how many replicas must be connected"},
    {"min_hit_ratio", MST_PROBE_NUMBER, .min = 0, .max = 1, .help = "least share of look-ups that found their key"},
    {"max_memory_ratio", MST_PROBE_NUMBER, .min = 0, .max = 1, .help = "greatest share of maxmemory that may be used"},
    {"max_clients_ratio", MST_PROBE_NUMBER, .min = 0, .max = 1, .help = "greatest share of maxclients that may be connected"},
    {"persistence", MST_PROBE_BOOL, .default_text = "false",
     .help = "its last background save and its last write of the append-only file must have been good"},
    {"canary", MST_PROBE_TEXT, .help = "a key that is written, with an expiry of a minute, and read back"},
};

static const mst_probe_field fields[] = {
    {"clients", "1", "connections"},
    {"clients_ratio", "1", "connections by maxclients"},
    {"evicted_keys", "1", "keys given up for want of memory since it started"},
    {"hit_ratio", "1", "share of look-ups since it started that found their key; not given before the first"},
    {"last_save_age", "s", "time since its last save to disk"},
    {"memory_bytes", "By", "memory in use"},
    {"memory_ratio", "1", "memory in use by maxmemory; not given without a maxmemory"},
    {"replicas", "1", "replicas that are connected"},
    {"role", NULL, "master or slave, as it says"},
    {"version", NULL, "its version"},
};

const mst_probe_schema mst_probe_schema_redis = {
    .name = "redis",
    .help = "Whether a Redis server answers, or asks for a password, and how it is",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .phases = phases,
};

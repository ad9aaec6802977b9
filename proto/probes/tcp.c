/* Probe kind tcp: whether a TCP port takes connections, or may not. */
#include <mst/proto/probe_kinds.h>

static const char *const expects[] = {"open", "refused", "unreachable", NULL};
static const char *const phases[] = {"resolve", "connect", "banner", NULL};

static const mst_probe_option options[] = {
    {"address", MST_PROBE_ADDRESS, .is_required = true, .help = "where to connect: HOST:PORT, or [IPv6]:PORT"},
    {"expect", MST_PROBE_CHOICE, .default_text = "open", .choices = expects,
     .help = "open: it accepts connections; refused: the host says that it does not; unreachable: nobody may get through, so a refusal and "
             "silence both pass"},
    {"send", MST_PROBE_TEXT, .help = "what is sent once it is connected; \\r, \\n, \\t, \\\\ and \\xHH are understood"},
    {"banner", MST_PROBE_PATTERN, .help = "what the first 4 KiB of its answer must match"},
};

const mst_probe_schema mst_probe_schema_tcp = {
    .name = "tcp",
    .help = "Whether a TCP port takes connections, or must not, and how long that takes",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .phases = phases,
};

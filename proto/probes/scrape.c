/* Probe kind scrape: what a Prometheus exporter gives. */
#include "web_options.h"

static const mst_probe_option options[] = {
    {"url", MST_PROBE_URL, .is_required = true, .help = "where the exporter's page is"},
    {"headers", MST_PROBE_MAP, .help = "headers to send, by name"},
    {"ca_file", MST_PROBE_PATH, .help = "PEM file of the authorities that may have signed the certificate; by default the system's"},
    {"insecure", MST_PROBE_BOOL, .default_text = "false", .help = "take any certificate: kind tls looks at those"},
    {"max_bytes", MST_PROBE_SIZE, .default_text = "16MiB", .min = 1024, .max = 268435456, .help = "how large the page may be"},
    {"min_series", MST_PROBE_INTEGER, .default_text = "1", .min = 0, .max = 1e9, .help = "how many series it must have at least"},
    {"needed", MST_PROBE_TEXTS, .help = "selectors, PromQL's: a series that fits must be there for each"},
    {"not_allowed", MST_PROBE_TEXTS, .help = "selectors: no series that fits any of them may be there"},
    {"values", MST_PROBE_MAP,
     .help = "figures to give, by field: sum(x), rate(x), quantile(0.95, rate(y)) and the like, and perhaps as UNIT"},
    {"gauges", MST_PROBE_TEXTS, .help = "selectors: each series that fits is given as muster.scrape.value"},
    {"totals", MST_PROBE_TEXTS, .help = "selectors of counters: what each series that fits rises by is given as muster.scrape.total"},
    MST_WEB_SECRETS_OPTION,
};

static const mst_probe_field fields[] = {
    {"body_bytes", "By", "how large the page was"},
    {"series", "1", "how many series it had"},
    {"*", "1", "those that the option values names"},
};

const mst_probe_schema mst_probe_schema_scrape = {
    .name = "scrape",
    .help = "What an exporter gives in Prometheus' text format or in OpenMetrics",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
};

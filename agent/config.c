#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/agent/collector.h>
#include <mst/common/alloc.h>
#include <mst/common/clock.h>
#include <mst/common/yaml.h>

#include "spool.h"

#define FIELDS(list) list, sizeof(list) / sizeof(list)[0]

static const char *const level_names[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_names[] = {"text", "json", NULL};

static const mst_config_field forbid_fields[] = {
    {"collectors", MST_CONFIG_STRING_LIST, offsetof(mst_agent_config, forbid.collectors) - offsetof(mst_agent_config, forbid),
     .help = "Collectors that no plan may run on this host, by name; tail/NAME is one of the followed logs, probe/NAME one of the probes"},
};

static const mst_config_field command_fields[] = {
    {"name", MST_CONFIG_STRING, offsetof(mst_allow_command, name), .required = true, .min = 1, .max = 64,
     .help = "What plans call the command: option command of probes of kind exec"},
    {"run", MST_CONFIG_STRING_LIST, offsetof(mst_allow_command, run), .required = true, .min = 1, .max = 64,
     .help = "Absolute path of a program and its arguments, as they are; no shell, and no plan adds to them"},
    {"user", MST_CONFIG_STRING, offsetof(mst_allow_command, user), .min = 1, .max = 64,
     .help = "Whom it runs as; by default nobody where the agent is root, and otherwise the agent's own user"},
};
static const mst_config_schema command_schema = {
    .name = "command",
    .struct_size_bytes = sizeof(mst_allow_command),
    .fields = command_fields,
    .field_count = sizeof command_fields / sizeof command_fields[0],
    .place_offset = offsetof(mst_allow_command, place),
    .id_key = "name",
};

static const mst_config_field allow_fields[] = {
    {"secrets", MST_CONFIG_STRING_LIST, offsetof(mst_allow, secrets), .max = 64,
     .help = "What probes may use as secrets on this host: env:NAME or file:/PATH, in which * and ? stand for letters of one name"},
    {"commands", MST_CONFIG_STRUCT_LIST, offsetof(mst_allow, commands), .max = 256, .sub = &command_schema,
     .help = "Programs that probes of kind exec may run on this host"},
    {"load", MST_CONFIG_BOOL, offsetof(mst_allow, load), .default_text = "false",
     .help = "Whether probes may put load on a service from this host"},
};

#define SPOOL_OFFSET(member) (offsetof(mst_agent_config, spool.member) - offsetof(mst_agent_config, spool))
static const mst_config_field spool_fields[] = {
    {"max_size", MST_CONFIG_SIZE, SPOOL_OFFSET(max_bytes), .default_text = "64MiB", .min = MST_SPOOL_LEAST_BYTES, .max = 1e12,
     .help = "What the unsent records may take on the disk; over it the oldest reports go, and the loss is reported"},
    {"max_age", MST_CONFIG_DURATION, SPOOL_OFFSET(max_age_ns), .default_text = "72h", .min = 60e9, .max = 365 * 86400e9,
     .help = "Older reports are given up, and the loss is reported"},
    {"sync", MST_CONFIG_BOOL, SPOOL_OFFSET(sync), .default_text = "true",
     .help = "Wait for the disk before a record is sent; false is quicker, and a power cut may lose the last records"},
};

#define UPLINK_OFFSET(member) (offsetof(mst_agent_config, uplink.member) - offsetof(mst_agent_config, uplink))
static const mst_config_field uplink_fields[] = {
    {"timeout", MST_CONFIG_DURATION, UPLINK_OFFSET(timeout_ns), .default_text = "10s", .min = 100e6, .max = 300e9,
     .help = "How long an answer may take before the link counts as dead and the next controller is tried"},
    {"backoff_max", MST_CONFIG_DURATION, UPLINK_OFFSET(backoff_max_ns), .default_text = "60s", .min = 100e6, .max = 3600e9,
     .help = "The longest pause between attempts to reach a controller; pauses grow from 2 s and are drawn at random"},
};

#define TLS_OFFSET(member) (offsetof(mst_agent_config, tls.member) - offsetof(mst_agent_config, tls))
static const mst_config_field tls_fields[] = {
    {"ca_file", MST_CONFIG_STRING, TLS_OFFSET(ca_file), .min = 1, .max = 4095,
     .help = "PEM file of the authority that signed the controllers' certificates; needed for tls+tcp:// URLs"},
    {"server_name", MST_CONFIG_STRING, TLS_OFFSET(server_name), .min = 1, .max = 253,
     .help = "Name that the controller's certificate must carry; by default the host of the URL"},
};

#define LOG_OFFSET(member) (offsetof(mst_agent_config, log.member) - offsetof(mst_agent_config, log))
static const mst_config_field log_fields[] = {
    {"level", MST_CONFIG_ENUM, LOG_OFFSET(level), .default_text = "info", .names = level_names,
     .help = "Least level of what is logged: debug, info, warn or error"},
    {"format", MST_CONFIG_ENUM, LOG_OFFSET(format), .default_text = "text", .names = format_names,
     .help = "text (key=value pairs) or json, one line an event, on standard error"},
};

#define SUB_SCHEMA(label, member)                                                                                                          \
  {                                                                                                                                        \
    .name = #label, .struct_size_bytes = sizeof(((mst_agent_config *)0)->member), .fields = member##_fields,                               \
    .field_count = sizeof member##_fields / sizeof member##_fields[0], .place_offset = MST_CONFIG_NO_PLACE                                 \
  }
static const mst_config_schema forbid_schema = SUB_SCHEMA(forbid, forbid);
static const mst_config_schema allow_schema = SUB_SCHEMA(allow, allow);
static const mst_config_schema spool_schema = SUB_SCHEMA(spool, spool);
static const mst_config_schema uplink_schema = SUB_SCHEMA(uplink, uplink);
static const mst_config_schema tls_schema = SUB_SCHEMA(tls, tls);
static const mst_config_schema log_schema = SUB_SCHEMA(log, log);

static const mst_config_field agent_fields[] = {
    {"controllers", MST_CONFIG_STRING_LIST, offsetof(mst_agent_config, controllers), .required = true, .min = 1,
     .max = MST_AGENT_MAX_CONTROLLERS, .help = "URLs of the controllers, tcp://HOST:PORT or tls+tcp://HOST:PORT, tried in this order"},
    {"state_dir", MST_CONFIG_STRING, offsetof(mst_agent_config, state_dir), .default_text = "/var/lib/muster-agent", .min = 1, .max = 3000,
     .help = "Folder for the key, the pinned controller key, the plan and the spool; made when it is not there"},
    {"hostname", MST_CONFIG_STRING, offsetof(mst_agent_config, hostname), .min = 1, .max = 253,
     .help = "Name under which this host reports; by default its own"},
    {"interval", MST_CONFIG_DURATION, offsetof(mst_agent_config, interval_ns), .default_text = "10s", .min = 100e6, .max = 3600e9,
     .help = "Time between reports until a plan says otherwise"},
    {"jitter", MST_CONFIG_RATIO, offsetof(mst_agent_config, jitter_ratio), .default_text = "5%", .min = 0, .max = 0.5,
     .help = "Each report comes up to this part of the interval late, drawn at random, until a plan says otherwise"},
    {"root", MST_CONFIG_STRING, offsetof(mst_agent_config, root), .default_text = "/", .min = 1, .max = 3000,
     .help = "Folder below which proc/, sys/ and etc/ are read"},
    {"forbid", MST_CONFIG_STRUCT, offsetof(mst_agent_config, forbid), .sub = &forbid_schema, .help = "What no plan may do on this host"},
    {"allow", MST_CONFIG_STRUCT, offsetof(mst_agent_config, allow), .sub = &allow_schema,
     .help = "What a plan may ask for that could do harm; nothing by default"},
    {"spool", MST_CONFIG_STRUCT, offsetof(mst_agent_config, spool), .sub = &spool_schema, .help = "Records that are not acknowledged yet"},
    {"uplink", MST_CONFIG_STRUCT, offsetof(mst_agent_config, uplink), .sub = &uplink_schema, .help = "The link to the controllers"},
    {"tls", MST_CONFIG_STRUCT, offsetof(mst_agent_config, tls), .sub = &tls_schema, .help = "How tls+tcp:// controllers are checked"},
    {"log", MST_CONFIG_STRUCT, offsetof(mst_agent_config, log), .sub = &log_schema, .help = "What is logged, and how"},
    {"ledger", MST_CONFIG_STRING, offsetof(mst_agent_config, ledger), .min = 1, .max = 3000,
     .help = "File to which every record's making, storing and loss is appended as text; for audits and tests, grows without bound"},
    {"copies", MST_CONFIG_STRING, offsetof(mst_agent_config, copies), .min = 1, .max = 3000,
     .help = "File to which a copy of everything that is sent is appended; for audits and tests, grows without bound"},
};

const mst_config_schema mst_agent_config_schema = {
    .name = "agent config",
    .struct_size_bytes = sizeof(mst_agent_config),
    .fields = agent_fields,
    .field_count = sizeof agent_fields / sizeof agent_fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

/* Splits scheme://host:port; false when it is none of ours. host may stand in brackets (IPv6). */
static bool
split_url(const char *url, bool *ret_is_tls, const char **ret_host, size_t *ret_host_bytes)
{
  const char *host;
  const char *colon;
  char *end;

  if (strncmp(url, "tcp://", 6) == 0)
    host = url + 6;
  else if (strncmp(url, "tls+tcp://", 10) == 0)
    host = url + 10;
  else
    return false;
  colon = strrchr(host, ':');
  if (!colon || colon == host || colon[1] < '0' || colon[1] > '9' || strlen(url) > 120)
    return false;
  unsigned long port = strtoul(colon + 1, &end, 10);
  size_t host_bytes = (size_t)(colon - host);
  bool is_bracketed = host[0] == '[' && colon[-1] == ']';
  if (*end != '\0' || port == 0 || port > 65535 || strcspn(host, "/?#@ \t*") < strlen(host) ||
      (!is_bracketed && memchr(host, ':', host_bytes)))
    return false;
  *ret_is_tls = url[1] == 'l';
  *ret_host = host;
  *ret_host_bytes = host_bytes;
  return true;
}

bool
mst_agent_url_is_local(const char *url)
{
  bool is_tls;
  const char *host;
  size_t host_bytes;

  if (!split_url(url, &is_tls, &host, &host_bytes))
    return false;
  return strncmp(host, "127.", 4) == 0 || (host_bytes == 9 && strncmp(host, "localhost", 9) == 0) ||
         (host_bytes == 5 && strncmp(host, "[::1]", 5) == 0);
}

static void
check_urls(const mst_agent_config *config, const mst_yaml_node *root, mst_diags *diags)
{
  const mst_yaml_node *node = mst_yaml_node_get(root, "controllers"), *tls = mst_yaml_node_get(root, "tls");
  bool needs_ca = false;

  for (size_t i = 0; i < config->controllers.count; i++) {
    const mst_yaml_node *at = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node;
    const char *url = config->controllers.items[i];
    const char *host;
    size_t host_bytes;
    bool is_tls = false;
    if (!url) /* no text: said already */
      continue;
    if (!split_url(url, &is_tls, &host, &host_bytes))
      mst_yaml_complain(diags, at, "\"%.128s\" is no controller URL; write tcp://HOST:PORT or tls+tcp://HOST:PORT, PORT 1 to 65535", url);
    for (size_t k = 0; k < i; k++)
      if (config->controllers.items[k] && strcmp(config->controllers.items[k], url) == 0)
        mst_yaml_complain(diags, at, "\"%.128s\" is in the list twice; leave one out", url);
    needs_ca = needs_ca || is_tls;
  }
  /* Of a key that is there and wrong, that is said already. */
  bool is_tls_wrong = tls && mst_yaml_node_kind(tls) != MST_YAML_MAP;
  if (needs_ca && !is_tls_wrong && !mst_yaml_node_get(tls, "ca_file"))
    mst_yaml_complain(diags, node, "a tls+tcp:// controller needs tls.ca_file, the authority that signed its certificate");
  if (config->tls.ca_file && access(config->tls.ca_file, R_OK) < 0)
    mst_yaml_complain(diags, mst_yaml_node_get(tls, "ca_file"), "cannot read \"%.200s\": %m; name the PEM file of the authority",
                      config->tls.ca_file);
}

static void
check_paths(const mst_agent_config *config, const mst_yaml_node *root, mst_diags *diags)
{
  const struct {
    const char *key, *path;
  } paths[] = {{"state_dir", config->state_dir}, {"root", config->root}, {"ledger", config->ledger}, {"copies", config->copies}};

  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    if (paths[i].path && paths[i].path[0] != '/')
      mst_yaml_complain(diags, mst_yaml_node_get(root, paths[i].key), "\"%.200s\" must be an absolute path, from / on", paths[i].path);
  if (config->root && config->root[0] == '/' && access(config->root, X_OK) < 0)
    mst_yaml_complain(diags, mst_yaml_node_get(root, "root"), "cannot enter \"%.200s\": %m; name a folder that holds proc/ and sys/",
                      config->root);
}

/* "tail", or one of several of a kind: "tail/genesis". */
static bool
is_collector(const char *name)
{
  char kind[64];
  size_t length = strcspn(name, "/");

  if (length >= sizeof kind || (name[length] == '/' && name[length + 1] == '\0'))
    return false;
  memcpy(kind, name, length);
  kind[length] = '\0';
  return mst_collector_find(kind) != NULL;
}

static void
check_collectors(const mst_agent_config *config, const mst_yaml_node *root, mst_diags *diags)
{
  const mst_yaml_node *node = mst_yaml_node_get(mst_yaml_node_get(root, "forbid"), "collectors");

  for (size_t i = 0; i < config->forbid.collectors.count; i++)
    if (config->forbid.collectors.items[i] && !is_collector(config->forbid.collectors.items[i]))
      mst_yaml_complain(diags, mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node,
                        "there is no collector \"%.64s\"; `muster-agent --once` lists them", config->forbid.collectors.items[i]);
}

static const mst_yaml_node *
entry_of(const mst_yaml_node *list, size_t index)
{
  return mst_yaml_node_kind(list) == MST_YAML_LIST ? mst_yaml_node_at(list, index) : list;
}

static void
check_allowed(const mst_agent_config *config, const mst_yaml_node *root, mst_diags *diags)
{
  const mst_yaml_node *secrets = mst_yaml_node_get(mst_yaml_node_get(root, "allow"), "secrets");
  const mst_allow_command *commands = config->allow.commands.items;

  for (size_t i = 0; i < config->allow.secrets.count; i++) {
    const char *text = config->allow.secrets.items[i];
    if (text && strncmp(text, "env:", 4) != 0 && strncmp(text, "file:/", 6) != 0)
      mst_yaml_complain(diags, entry_of(secrets, i), "write env:NAME or file:/PATH, with * and ? if need be");
  }
  for (size_t i = 0; i < config->allow.commands.count; i++) {
    const mst_config_strings *run = &commands[i].run;
    const char *program = run->count > 0 ? run->items[0] : NULL;
    if (program && program[0] != '/')
      mst_yaml_complain(diags, mst_yaml_node_get(commands[i].place.node, "run"), "\"%.128s\" must be an absolute path, from / on", program);
  }
}

static bool
map_config(mst_yaml *yaml, mst_agent_config *ret_config, mst_diags *diags)
{
  mst_agent_config config = {0};

  if (!yaml)
    return false;
  const mst_yaml_node *root = mst_yaml_root(yaml);
  size_t before = diags->count + diags->dropped;
  bool is_mapped = mst_config_map(root, &mst_agent_config_schema, &config, diags);
  check_urls(&config, root, diags);
  check_paths(&config, root, diags);
  check_collectors(&config, root, diags);
  check_allowed(&config, root, diags);
  mst_yaml_destroy(yaml);
  if (!is_mapped || diags->count + diags->dropped > before) {
    mst_agent_config_done(&config);
    return false;
  }
  *ret_config = config;
  return true;
}

bool
mst_agent_config_load(const char *path, mst_agent_config *ret_config, mst_diags *diags)
{
  return map_config(mst_yaml_load(path, diags), ret_config, diags);
}

bool
mst_agent_config_parse(const char *name, const char *text, mst_agent_config *ret_config, mst_diags *diags)
{
  return map_config(mst_yaml_parse(name, text, strlen(text), diags), ret_config, diags);
}

void
mst_agent_config_done(mst_agent_config *config)
{
  mst_config_free(&mst_agent_config_schema, config);
  *config = (mst_agent_config){0};
}

/* musterd.yml: schema and checks. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>
#include <mst/controller/store.h>

enum {
  PATH_LIMIT_BYTES = 3000,
  NAME_LIMIT_BYTES = 64,
  URL_LIMIT_BYTES = 120, /* nng's addresses hold no more */
  CHECKLISTS_MAX = 64,
  LISTENERS_MAX = 16,
};

static const char *const level_names[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_names[] = {"text", "json", NULL};

#define PART_OFFSET(part, member) (offsetof(mst_controller_config, part.member) - offsetof(mst_controller_config, part))
#define DAY_NS                    86400e9

static const mst_config_field store_fields[] = {
    {"backend", MST_CONFIG_STRING, PART_OFFSET(store, backend), .default_text = "sqlite", .min = 1, .max = NAME_LIMIT_BYTES,
     .help = "What keeps the data: sqlite"},
    {"file", MST_CONFIG_STRING, PART_OFFSET(store, file), .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "The database file; by default muster.db in state_dir"},
};

static const mst_config_field tls_fields[] = {
    {"cert_file", MST_CONFIG_STRING, PART_OFFSET(tls, cert_file), .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "Certificate chain (PEM) for tls+tcp:// listeners; deploy/make-certs.sh makes one"},
    {"key_file", MST_CONFIG_STRING, PART_OFFSET(tls, key_file), .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "Private key (PEM) of cert_file"},
};

static const mst_config_field log_fields[] = {
    {"level", MST_CONFIG_ENUM, PART_OFFSET(log, level), .default_text = "info", .names = level_names,
     .help = "Least level of what is logged: debug, info, warn or error"},
    {"format", MST_CONFIG_ENUM, PART_OFFSET(log, format), .default_text = "text", .names = format_names,
     .help = "text (key=value pairs) or json, one line an event, on standard error"},
};

static const mst_config_field checklist_fields[] = {
    {"name", MST_CONFIG_STRING, offsetof(mst_controller_checklist, name), .required = true, .min = 1, .max = NAME_LIMIT_BYTES,
     .help = "Name by which `muster run start --checklist` finds it"},
    {"file", MST_CONFIG_STRING, offsetof(mst_controller_checklist, file), .required = true, .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "The checklist file"},
    {"overlay", MST_CONFIG_STRING, offsetof(mst_controller_checklist, overlay), .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "A file that sets the checklist's variables"},
};

#define PART_SCHEMA(part)                                                                                                                  \
  {                                                                                                                                        \
    .name = #part, .struct_size_bytes = sizeof(((mst_controller_config *)0)->part), .fields = part##_fields,                               \
    .field_count = sizeof part##_fields / sizeof part##_fields[0], .place_offset = MST_CONFIG_NO_PLACE                                     \
  }
static const mst_config_schema store_schema = PART_SCHEMA(store);
static const mst_config_schema tls_schema = PART_SCHEMA(tls);
static const mst_config_schema log_schema = PART_SCHEMA(log);
static const mst_config_schema checklist_schema = {
    .name = "checklist",
    .struct_size_bytes = sizeof(mst_controller_checklist),
    .fields = checklist_fields,
    .field_count = sizeof checklist_fields / sizeof checklist_fields[0],
    .place_offset = offsetof(mst_controller_checklist, place),
    .id_key = "name",
};

static const mst_config_field fields[] = {
    {"state_dir", MST_CONFIG_STRING, offsetof(mst_controller_config, state_dir), .default_text = "/var/lib/musterd", .min = 1,
     .max = PATH_LIMIT_BYTES, .help = "Folder for the controller's key and its data; made when it is not there"},
    {"store", MST_CONFIG_STRUCT, offsetof(mst_controller_config, store), .sub = &store_schema, .help = "Where the data is kept"},
    {"listen", MST_CONFIG_STRING_LIST, offsetof(mst_controller_config, listen), .default_text = "tcp://127.0.0.1:7650", .min = 1,
     .max = LISTENERS_MAX, .help = "URLs for agents, tcp://ADDRESS:PORT or tls+tcp://ADDRESS:PORT; use tcp:// on loopback only"},
    {"tls", MST_CONFIG_STRUCT, offsetof(mst_controller_config, tls), .sub = &tls_schema, .help = "Certificate of the tls+tcp:// listeners"},
    {"http", MST_CONFIG_STRUCT, offsetof(mst_controller_config, http), .sub = &mst_http_config_schema,
     .help = "The API, the metrics and the page"},
    {"window", MST_CONFIG_DURATION, offsetof(mst_controller_config, window_ns), .default_text = "1m", .min = 100e6, .max = 3600e9,
     .help = "Length of the windows that reports are gathered in; the same for the life of a database"},
    {"grace", MST_CONFIG_DURATION, offsetof(mst_controller_config, grace_ns), .default_text = "5s", .min = 0, .max = 600e9,
     .help = "How long after its end a window is closed"},
    {"evaluate_every", MST_CONFIG_DURATION, offsetof(mst_controller_config, evaluate_every_ns), .default_text = "10s", .min = 100e6,
     .max = 600e9, .help = "How often the verdict of the run is worked out"},
    {"max_age", MST_CONFIG_DURATION, offsetof(mst_controller_config, max_age_ns), .default_text = "72h", .min = 60e9, .max = 365 * DAY_NS,
     .help = "Reports that are older are refused (too_old); agents give them up after their own spool.max_age"},
    {"retention", MST_CONFIG_DURATION, offsetof(mst_controller_config, retention_ns), .default_text = "30d", .min = 3600e9,
     .max = 3650 * DAY_NS, .help = "How long windows are kept; those of the run that is on always are"},
    {"key_overlap", MST_CONFIG_DURATION, offsetof(mst_controller_config, key_overlap_ns), .default_text = "72h", .min = 1e9,
     .max = 365 * DAY_NS, .help = "How long a new controller key is announced to the agents before it takes over"},
    {"checklists", MST_CONFIG_STRUCT_LIST, offsetof(mst_controller_config, checklists), .max = CHECKLISTS_MAX, .sub = &checklist_schema,
     .help = "Checklists that runs may be started with"},
    {"plan", MST_CONFIG_STRING, offsetof(mst_controller_config, plan), .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "The plan file: what agents measure; without one they run all their collectors"},
    {"plan_overlay", MST_CONFIG_STRING, offsetof(mst_controller_config, plan_overlay), .min = 1, .max = PATH_LIMIT_BYTES,
     .help = "A file that sets the plan's variables"},
    {"log", MST_CONFIG_STRUCT, offsetof(mst_controller_config, log), .sub = &log_schema, .help = "What is logged, and how"},
    {"contexts", MST_CONFIG_INTEGER, offsetof(mst_controller_config, contexts), .default_text = "256", .min = 1, .max = 4096,
     .help = "Envelopes that are worked on at one time"},
};

const mst_config_schema mst_controller_config_schema = {
    .name = "controller config",
    .struct_size_bytes = sizeof(mst_controller_config),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

/* A node of the file for a complaint: of the i-th entry of a list where it is one. */
static const mst_yaml_node *
entry_node(const mst_yaml_node *root, const char *key, size_t i)
{
  const mst_yaml_node *node = mst_yaml_node_get(root, key);

  return node && mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node ? node : root;
}

/* scheme://host:port. */
static bool
is_listen_url(const char *url, bool *ret_is_tls)
{
  char *end;

  bool is_tls = strncmp(url, "tls+tcp://", 10) == 0;
  if (!is_tls && strncmp(url, "tcp://", 6) != 0)
    return false;
  const char *host = url + (is_tls ? 10 : 6), *colon = strrchr(host, ':');
  if (!colon || colon == host || colon[1] < '0' || colon[1] > '9' || strlen(url) > URL_LIMIT_BYTES ||
      host[strcspn(host, "/?#@ \t")] != '\0')
    return false;
  bool is_bracketed = host[0] == '[' && colon[-1] == ']';
  if (!is_bracketed && memchr(host, ':', (size_t)(colon - host)))
    return false;
  unsigned long port = strtoul(colon + 1, &end, 10);
  *ret_is_tls = is_tls;
  return *end == '\0' && port <= 65535;
}

static void
check_listeners(const mst_controller_config *config, const mst_yaml_node *root, mst_diags *diags)
{
  const mst_yaml_node *tls = mst_yaml_node_get(root, "tls");
  bool is_tls, needs_cert = false;

  for (size_t i = 0; i < config->listen.count; i++) {
    const char *url = config->listen.items[i];
    if (!url) /* no text: said already */
      continue;
    if (!is_listen_url(url, &is_tls))
      mst_yaml_complain(diags, entry_node(root, "listen", i),
                        "\"%.128s\" is no listener; write tcp://ADDRESS:PORT or tls+tcp://ADDRESS:PORT, PORT up to 65535", url);
    else
      needs_cert = needs_cert || is_tls;
    for (size_t k = 0; k < i; k++)
      if (config->listen.items[k] && strcmp(config->listen.items[k], url) == 0)
        mst_yaml_complain(diags, entry_node(root, "listen", i), "\"%.128s\" is in the list twice; leave one out", url);
  }
  /* Of keys that are there and wrong, that is said already. */
  bool is_wrong = tls && mst_yaml_node_kind(tls) != MST_YAML_MAP;
  if (needs_cert && !is_wrong && (!mst_yaml_node_get(tls, "cert_file") || !mst_yaml_node_get(tls, "key_file")))
    mst_yaml_complain(diags, mst_yaml_node_get(root, "listen"),
                      "a tls+tcp:// listener needs tls.cert_file and tls.key_file; deploy/make-certs.sh makes both");
}

static void
check_file(const char *path, const mst_yaml_node *node, mst_diags *diags)
{
  if (path && access(path, R_OK) < 0)
    mst_yaml_complain(diags, node, "cannot read \"%.300s\": %m; a relative path is below the folder of this file", path);
}

static void
check_values(const mst_controller_config *config, const mst_yaml_node *root, mst_diags *diags)
{
  const mst_yaml_node *tls = mst_yaml_node_get(root, "tls");

  check_listeners(config, root, diags);
  check_file(config->tls.cert_file, mst_yaml_node_get(tls ? tls : root, "cert_file"), diags);
  check_file(config->tls.key_file, mst_yaml_node_get(tls ? tls : root, "key_file"), diags);
  check_file(config->plan, mst_yaml_node_get(root, "plan"), diags);
  if (config->plan_overlay && !config->plan)
    mst_yaml_complain(diags, mst_yaml_node_get(root, "plan_overlay"),
                      "there is no plan: whose variables this sets; name one, or leave it out");
  check_file(config->plan_overlay, mst_yaml_node_get(root, "plan_overlay"), diags);
  for (size_t i = 0; i < config->checklists.count; i++) {
    const mst_controller_checklist *entry = (const mst_controller_checklist *)config->checklists.items + i;
    check_file(entry->file, mst_yaml_node_get(entry->place.node, "file"), diags);
    if (entry->overlay)
      check_file(entry->overlay, mst_yaml_node_get(entry->place.node, "overlay"), diags);
  }
  if (config->store.backend && !mst_store_find(config->store.backend))
    mst_yaml_complain(diags, mst_yaml_node_get(mst_yaml_node_get(root, "store"), "backend"), "there is no store \"%s\"; write sqlite",
                      config->store.backend);
  mst_http_config_check(&config->http, diags);
}

/* A relative path is below the folder of the config file. */
static bool
resolve(const char *config_path, char **path)
{
  const char *slash = strrchr(config_path, '/');

  if (!*path || (*path)[0] == '/' || !slash)
    return true;
  size_t folder_bytes = (size_t)(slash - config_path) + 1, bytes = folder_bytes + strlen(*path) + 1;
  char *whole = mst_alloc(bytes, 1);
  if (!whole)
    return false;
  snprintf(whole, bytes, "%.*s%s", (int)folder_bytes, config_path, *path);
  mst_free(*path);
  *path = whole;
  return true;
}

static bool
resolve_all(const char *path, mst_controller_config *config)
{
  bool is_good = resolve(path, &config->state_dir) && resolve(path, &config->store.file) && resolve(path, &config->tls.cert_file) &&
                 resolve(path, &config->tls.key_file) && resolve(path, &config->plan) && resolve(path, &config->plan_overlay) &&
                 resolve(path, &config->http.token_file) && resolve(path, &config->http.cert_file) && resolve(path, &config->http.key_file);

  for (size_t i = 0; is_good && i < config->checklists.count; i++) {
    mst_controller_checklist *entry = (mst_controller_checklist *)config->checklists.items + i;
    is_good = resolve(path, &entry->file) && resolve(path, &entry->overlay);
  }
  return is_good;
}

bool
mst_controller_config_load(const char *path, mst_controller_config *ret_config, mst_diags *diags)
{
  size_t before = diags->count + diags->dropped;

  *ret_config = (mst_controller_config){0};
  ret_config->yaml = mst_yaml_load(path, diags);
  if (!ret_config->yaml)
    return false;
  bool is_good = mst_config_map(mst_yaml_root(ret_config->yaml), &mst_controller_config_schema, ret_config, diags);
  if (!resolve_all(path, ret_config)) {
    mst_diags_add(diags, path, 0, 0, "", "out of memory");
    return false;
  }
  /* What else is wrong is said even when a key is: an error hides no other. */
  if (mst_yaml_node_kind(mst_yaml_root(ret_config->yaml)) == MST_YAML_MAP)
    check_values(ret_config, mst_yaml_root(ret_config->yaml), diags);
  return is_good && diags->count + diags->dropped == before;
}

void
mst_controller_config_done(mst_controller_config *config)
{
  mst_config_free(&mst_controller_config_schema, config);
  mst_yaml_destroy(config->yaml);
  config->yaml = NULL;
}

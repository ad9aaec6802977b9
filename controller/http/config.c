/* The http: section of musterd's config. */
#include "http/http.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const mst_config_field fields[] = {
    {.key = "listen",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_http_config, listen),
     .default_text = "127.0.0.1:7651",
     .min = 1,
     .max = MST_HTTP_LISTENERS_MAX,
     .help = "Addresses for the API and the page: HOST:PORT, [IPV6]:PORT or unix:/PATH."},
    {.key = "token_file",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_http_config, token_file),
     .help = "File with the bearer token that readers must show on listeners that are neither loopback nor Unix sockets."},
    {.key = "cert_file",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_http_config, cert_file),
     .help = "Certificate chain (PEM) for HTTPS on those listeners."},
    {.key = "key_file",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_http_config, key_file),
     .help = "Private key (PEM) of cert_file."},
};

const mst_config_schema mst_http_config_schema = {
    .name = "http",
    .struct_size_bytes = sizeof(mst_http_config),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = offsetof(mst_http_config, place),
};

/* The node of a key for a complaint, of its i-th entry where it is a list; NULL when the section is not in the file. */
static const mst_yaml_node *
node_of(const mst_http_config *config, const char *key, size_t i)
{
  const mst_yaml_node *section = config->place.node;
  const mst_yaml_node *node = section ? mst_yaml_node_get(section, key) : NULL;

  if (!node)
    return section;
  return mst_yaml_node_kind(node) == MST_YAML_LIST && i < mst_yaml_node_count(node) ? mst_yaml_node_at(node, i) : node;
}

static void
complain(const mst_http_config *config, mst_diags *diags, const char *key, size_t i, const char *text)
{
  const mst_yaml_node *node = node_of(config, key, i);

  if (node)
    mst_yaml_complain(diags, node, "%s", text);
  else
    mst_diags_add(diags, "", 0, 0, key, "%s", text);
}

/* A key that is there and wrong has its message already. */
static bool
is_set(const mst_http_config *config, const char *key, const char *value)
{
  return value || (config->place.node && mst_yaml_node_get(config->place.node, key));
}

static void
check_file(const mst_http_config *config, mst_diags *diags, const char *key, const char *path)
{
  mst_errctx ctx = {0};
  char text[sizeof ctx.text + 64];

  if (!path || access(path, R_OK) == 0)
    return;
  (void)mst_fail_errno(&ctx, MST_EIO, "cannot read \"%.300s\"", path);
  snprintf(text, sizeof text, "%s; a relative path is below the folder of this file", ctx.text);
  complain(config, diags, key, 0, text);
}

void
mst_http_config_check(const mst_http_config *config, mst_diags *diags)
{
  bool open_listener = false;

  for (size_t i = 0; i < config->listen.count; i++) {
    const char *text = config->listen.items[i];
    mst_http_address address;
    mst_errctx ctx = {0};
    if (!text) /* said already */
      continue;
    if (mst_http_address_parse(text, &address, &ctx) != MST_OK)
      complain(config, diags, "listen", i, ctx.text);
    else
      open_listener = open_listener || !address.is_loopback;
    for (size_t k = 0; k < i; k++)
      if (config->listen.items[k] && strcmp(config->listen.items[k], text) == 0)
        complain(config, diags, "listen", i, "this address is in the list twice");
  }
  if (open_listener && !is_set(config, "token_file", config->token_file))
    complain(config, diags, "listen", SIZE_MAX,
             "an address that other machines reach needs token_file: readers must show a bearer token there; or listen on 127.0.0.1");
  bool has_cert = is_set(config, "cert_file", config->cert_file), has_key = is_set(config, "key_file", config->key_file);
  if (has_cert != has_key)
    complain(config, diags, has_cert ? "cert_file" : "key_file", 0, "cert_file and key_file go together: name both or neither");
  check_file(config, diags, "token_file", config->token_file);
  check_file(config, diags, "cert_file", config->cert_file);
  check_file(config, diags, "key_file", config->key_file);
}

/* The http: section of musterd's config. */
#include "http/http.h"

static const mst_config_field fields[] = {
    {.key = "listen",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_http_config, listen),
     .default_text = "127.0.0.1:7651",
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

static void
complain(const mst_http_config *config, mst_diags *diags, const char *key, const char *text)
{
  const mst_yaml_node *node = config->place.node ? mst_yaml_node_get(config->place.node, key) : NULL;

  if (!node)
    node = config->place.node;
  if (node)
    mst_yaml_complain(diags, node, "%s", text);
  else
    mst_diags_add(diags, "", 0, 0, key, "%s", text);
}

void
mst_http_config_check(const mst_http_config *config, mst_diags *diags)
{
  bool open_listener = false;

  for (size_t i = 0; i < config->listen.count; i++) {
    mst_http_address address;
    mst_errctx ctx = {0};
    if (mst_http_address_parse(config->listen.items[i], &address, &ctx) != MST_OK)
      complain(config, diags, "listen", ctx.text);
    else if (!address.is_loopback)
      open_listener = true;
  }
  if (open_listener && !config->token_file)
    complain(config, diags, "listen",
             "an address that other machines reach needs token_file: readers must show a bearer token there; or listen on 127.0.0.1");
  if (!config->cert_file != !config->key_file)
    complain(config, diags, config->cert_file ? "cert_file" : "key_file", "cert_file and key_file go together");
}

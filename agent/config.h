#ifndef MST_AGENT_CONFIG_H
#define MST_AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/agent/allow.h>
#include <mst/common/config.h>
#include <mst/common/diag.h>

enum { MST_AGENT_MAX_CONTROLLERS = 16 };

typedef struct mst_agent_config {
  mst_config_strings controllers;
  char *state_dir;
  char *hostname; /* NULL: the host's own name */
  int64_t interval_ns;
  double jitter_ratio;
  char *root;
  struct {
    mst_config_strings collectors;
  } forbid;
  mst_allow allow;
  struct {
    int64_t max_bytes, max_age_ns;
    bool sync;
  } spool;
  struct {
    int64_t timeout_ns, backoff_max_ns;
  } uplink;
  struct {
    char *ca_file, *server_name;
  } tls;
  struct {
    int level, format; /* mst_log_level, mst_log_format */
  } log;
  char *ledger, *copies;
} mst_agent_config;

/* One row a key; docs/configuration-agent.md is checked against it. */
extern const mst_config_schema mst_agent_config_schema;

/* Reads and checks a config file. Every error found goes to diags; false when there was one. *ret_config is filled only on success;
 * the caller finishes it with mst_agent_config_done. */
bool mst_agent_config_load(const char *path, mst_agent_config *ret_config, mst_diags *diags) MST_MUST_USE;
/* The same from text, under a name for the messages. */
bool mst_agent_config_parse(const char *name, const char *text, mst_agent_config *ret_config, mst_diags *diags) MST_MUST_USE;
void mst_agent_config_done(mst_agent_config *config);

/* True for a controller on this host: tcp:// is meant for these only. */
bool mst_agent_url_is_local(const char *url);

#endif

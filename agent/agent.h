#ifndef MST_AGENT_AGENT_H
#define MST_AGENT_AGENT_H

#include <mst/common/clock.h>
#include <mst/common/err.h>

#include "config.h"

/* Runs the agent until a signal ends it: measures, keeps, sends. SIGTERM and SIGINT: sends what it has and is back within 2 s. SIGHUP:
 * reads config_path again; when it is good, the call returns with *ret_reload true and *config replaced, to be called again.
 *
 * MST_EABSENT   not enrolled
 * MST_EEXIST    another agent uses the same state_dir
 * MST_ETIMEOUT  stopped, but a disk or a link did not let go: leave the process at once; MST_EIO when that was a reload
 * others        the state_dir cannot be used */
mst_err mst_agent_run(mst_agent_config *config, const char *config_path, const mst_clock *clock, bool *ret_reload,
                      mst_errctx *ctx) MST_MUST_USE;

/* The host's name for reports: the configured one, or its own. name holds 256 bytes. Returns name. */
const char *mst_agent_hostname(const mst_agent_config *config, char name[static 256]);

#endif

#ifndef MST_PROBES_WEB_KINDS_H
#define MST_PROBES_WEB_KINDS_H

#include <mst/probes/probe.h>
#include <mst/proto/probe_kinds.h>

/* The kinds of the module "probes-http"; a new one is its file and a line in agent/modules/probes-http.c. */
extern const mst_probe_kind mst_probe_kind_attack;
extern const mst_probe_kind mst_probe_kind_http;
extern const mst_probe_kind mst_probe_kind_load;
extern const mst_probe_kind mst_probe_kind_rate_limit;
extern const mst_probe_kind mst_probe_kind_scenario;
extern const mst_probe_kind mst_probe_kind_scrape;
/* NULL-terminated; what the agent looks for in the module. */
extern const mst_probe_kind *const mst_probe_kinds[];

#endif

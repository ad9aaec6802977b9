#ifndef MST_PROBES_HOST_KINDS_H
#define MST_PROBES_HOST_KINDS_H

#include <mst/probes/probe.h>
#include <mst/proto/probe_kinds.h>

/* Kinds that look at the host itself; a new one is its file and a line in agent/modules/probes.c. */
extern const mst_probe_kind mst_probe_kind_exec;
extern const mst_probe_kind mst_probe_kind_file;

#endif

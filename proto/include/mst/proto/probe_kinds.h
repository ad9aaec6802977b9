#ifndef MST_PROTO_PROBE_KINDS_H
#define MST_PROTO_PROBE_KINDS_H

#include <mst/common/clock.h>
#include <mst/proto/probe.h>

/* Every kind of probe: a new one is its file here and its line, in the order of names. */
// clang-format off
#define MST_PROBE_KINDS(X) \
  X(attack)                \
  X(exec)                  \
  X(file)                  \
  X(http)                  \
  X(load)                  \
  X(rate_limit)            \
  X(redis)                 \
  X(scenario)              \
  X(scrape)                \
  X(tcp)
// clang-format on

#pragma GCC visibility push(hidden)
#define MST_PROBE_DECLARE(name) extern const mst_probe_schema mst_probe_schema_##name;
MST_PROBE_KINDS(MST_PROBE_DECLARE)
#undef MST_PROBE_DECLARE
#pragma GCC visibility pop

#endif

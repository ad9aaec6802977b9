/* Which module has which kind of probe: a new kind is one line. */
#include <string.h>

#include <mst/probes/probe.h>

#include "module.h"

static const struct {
  const char *kind, *module, *symbol; /* the symbol is a NULL-terminated array of kinds */
} places[] = {
    // clang-format off
    {"attack", "probes-http", "mst_probe_kinds"},
    {"exec", "probes", "mst_probe_kinds"},
    {"file", "probes", "mst_probe_kinds"},
    {"http", "probes-http", "mst_probe_kinds"},
    {"load", "probes-http", "mst_probe_kinds"},
    {"rate_limit", "probes-http", "mst_probe_kinds"},
    {"redis", "probes-redis", "mst_probe_kinds"},
    {"scenario", "probes-http", "mst_probe_kinds"},
    {"scrape", "probes-http", "mst_probe_kinds"},
    {"tcp", "probes", "mst_probe_kinds"},
    // clang-format on
};

mst_err
mst_probe_kind_find(const char *name, const mst_probe_kind **ret_kind, mst_errctx *ctx)
{
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    const void *found = NULL;
    if (strcmp(places[i].kind, name) != 0)
      continue;
    mst_err err = mst_module_find(places[i].module, places[i].symbol, &found, ctx);
    if (err != MST_OK)
      return err;
    for (const mst_probe_kind *const *kind = found; *kind; kind++) {
      if (strcmp((*kind)->schema->name, name) == 0) {
        *ret_kind = *kind;
        return MST_OK;
      }
    }
  }
  return mst_fail(ctx, MST_EIO, "this agent has no probes of kind \"%.60s\"; install the agent and its modules from one package", name);
}

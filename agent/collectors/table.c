/* Every collector of the agent: a new one is one file beside this and one line here, in the order of names. */
#include <string.h>

#include <mst/agent/collector.h>
#include <mst/proto/plan.h>

#define MST_COLLECTORS(X)                                                                                                                  \
  X(cpu)                                                                                                                                   \
  X(disk)                                                                                                                                  \
  X(docker)                                                                                                                                \
  X(filesystem)                                                                                                                            \
  X(host)                                                                                                                                  \
  X(load)                                                                                                                                  \
  X(memory)                                                                                                                                \
  X(network)                                                                                                                               \
  X(oom)                                                                                                                                   \
  X(otlp)                                                                                                                                  \
  X(paging)                                                                                                                                \
  X(pressure)                                                                                                                              \
  X(probe)                                                                                                                                 \
  X(processes)                                                                                                                             \
  X(tail)                                                                                                                                  \
  X(uptime)

#define DECLARE(name) extern const mst_collector mst_collector_##name;
MST_COLLECTORS(DECLARE)

#define ENTRY(name) &mst_collector_##name,
const mst_collector *const mst_collectors[] = {MST_COLLECTORS(ENTRY)};

enum { COLLECTORS = sizeof mst_collectors / sizeof mst_collectors[0] };
_Static_assert(COLLECTORS > 0 && COLLECTORS <= (int)MST_PLAN_MAX_COLLECTORS, "a plan must be able to name every collector");

const size_t mst_collectors_count = COLLECTORS;

const mst_collector *
mst_collector_find(const char *name)
{
  for (size_t i = 0; i < COLLECTORS; i++) {
    if (strcmp(mst_collectors[i]->name, name) == 0)
      return mst_collectors[i];
  }
  return NULL;
}

const mst_option *
mst_collector_option(const mst_collector_env *env, const char *key)
{
  for (size_t i = 0; i < env->option_count; i++) {
    if (strcmp(env->options[i].key, key) == 0)
      return &env->options[i];
  }
  return NULL;
}

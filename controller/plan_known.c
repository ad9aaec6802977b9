/* What agents can collect. A test holds this against agent/collectors/. */
#include "plan.h"

#include <string.h>

static const char *const none[] = {NULL};
static const char *const disk[] = {"ignore", "partitions", NULL};
static const char *const docker[] = {"socket", "expected", "ignore", "recover_within", "api", NULL};
static const char *const filesystem[] = {"types", "mounts", "ignore", NULL};
static const char *const network[] = {"ignore", NULL};
static const char *const otlp[] = {"address", "required_attributes", "attributes_of", "requests_metric", "window", "body_max", NULL};
static const char *const processes[] = {"names", NULL};

const mst_known_collector mst_known_collectors[] = {
    {"cpu", none},
    {"disk", disk},
    {"docker", docker},
    {"filesystem", filesystem},
    {"host", none},
    {"load", none},
    {"memory", none},
    {"network", network},
    {"oom", none},
    {"otlp", otlp},
    {"paging", none},
    {"pressure", none},
    {"processes", processes},
    {"uptime", none},
    {NULL, NULL},
};

const mst_known_collector *
mst_known_collector_find(const char *name)
{
  for (const mst_known_collector *known = mst_known_collectors; known->name; known++)
    if (strcmp(known->name, name) == 0)
      return known;
  return NULL;
}

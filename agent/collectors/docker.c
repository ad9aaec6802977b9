/* Containers: what is told of them, without what it takes to watch them. */
#include "docker.h"

#include "emit.h"

const mst_signal mst_docker_signals[MST_DOCKER_SIGNALS] = {
    [MST_DOCKER_UP] = {"muster.docker.up", MST_SIGNAL_GAUGE, "1",
                       "1 when the daemon answers, 0 when it does not: muster.docker.version says why"},
    [MST_DOCKER_VERSION] = {"muster.docker.version", MST_SIGNAL_STATE, "1", "Version of Docker Engine or Podman"},
    [MST_DOCKER_API_VERSION] = {"muster.docker.api_version", MST_SIGNAL_STATE, "1",
                                "Newest version of the Engine API that the daemon speaks"},
    [MST_DOCKER_CONTAINERS] = {"muster.docker.containers", MST_SIGNAL_GAUGE, "{container}", "Containers in a state"},
    [MST_DOCKER_PRIVILEGED] = {"muster.docker.privileged", MST_SIGNAL_GAUGE, "{container}",
                               "Containers that are privileged, running or not"},
    [MST_DOCKER_CAPABILITIES] = {"muster.docker.capabilities_added", MST_SIGNAL_GAUGE, "{container}",
                                 "Containers that capabilities were added to, running or not"},
    [MST_DOCKER_ROOT] = {"muster.docker.root", MST_SIGNAL_GAUGE, "{container}",
                         "Containers that are started as root which no user namespace makes another user, running or not"},
    [MST_DOCKER_BY_HAND] = {"muster.docker.restarts_by_hand", MST_SIGNAL_COUNTER, "{operation}",
                            "Times that an API client stopped, killed or restarted a container or started it again, removed ones included"},
    [MST_DOCKER_NOT_RECOVERED] = {"muster.docker.not_recovered", MST_SIGNAL_COUNTER, "{failure}",
                                  "Times that a container died or turned unhealthy and was not running and healthy again within "
                                  "recover_within, removed ones included"},
    [MST_DOCKER_UNRECOVERED] = {"muster.docker.unrecovered", MST_SIGNAL_GAUGE, "{container}",
                                "Containers that died or turned unhealthy longer than recover_within ago and are not well since"},
    [MST_CONTAINER_STATE] = {"muster.container.state", MST_SIGNAL_STATE, "1",
                             "created, running, paused, restarting, exited, dead; missing: expected, and there is none of that name"},
    [MST_CONTAINER_HEALTH] =
        {"muster.container.health", MST_SIGNAL_STATE, "1",
         "What its health check says: starting, healthy, unhealthy; of expected containers also none (it has no health check) and missing"},
    [MST_CONTAINER_RESTARTS] = {"muster.container.restarts", MST_SIGNAL_COUNTER, "{restart}",
                                "Starts after the first, whoever caused them; those by Docker's restart policy from the creation on"},
    [MST_CONTAINER_BY_HAND] = {"muster.container.restarts_by_hand", MST_SIGNAL_COUNTER, "{operation}",
                               "Times that an API client stopped, killed, restarted it or started it again"},
    [MST_CONTAINER_NOT_RECOVERED] = {"muster.container.not_recovered", MST_SIGNAL_COUNTER, "{failure}",
                                     "Times that it died or turned unhealthy and was not running and healthy again within recover_within"},
    [MST_CONTAINER_EXIT_CODE] = {"muster.container.exit_code", MST_SIGNAL_GAUGE, "1",
                                 "Exit code of its last end; not given while it has not ended yet"},
    [MST_CONTAINER_OOM_KILLS] = {"muster.container.oom_kills", MST_SIGNAL_COUNTER, "{process}",
                                 "Processes in it that the kernel killed for want of memory"},
    [MST_CONTAINER_PRIVILEGED] = {"muster.container.privileged", MST_SIGNAL_GAUGE, "1", "1 when it runs privileged"},
    [MST_CONTAINER_CAPABILITIES] = {"muster.container.capabilities_added", MST_SIGNAL_GAUGE, "{capability}",
                                    "Capabilities that were added to it; ALL counts 41"},
    [MST_CONTAINER_ROOT] = {"muster.container.root", MST_SIGNAL_GAUGE, "1",
                            "1 when it is started as root, and no user namespace makes another user of that"},
    [MST_CONTAINER_DIGEST] = {"muster.container.image.digest", MST_SIGNAL_STATE, "1",
                              "Digest under which its image was pulled; of an image that never was, the image's own id"},
    [MST_CONTAINER_UPTIME] = {"container.uptime", MST_SIGNAL_GAUGE, "s", "Time since its last start"},
    [MST_CONTAINER_CPU_TIME] = {"container.cpu.time", MST_SIGNAL_COUNTER, "s", "CPU time that it used, over restarts that were seen"},
    [MST_CONTAINER_MEMORY] = {"container.memory.usage", MST_SIGNAL_GAUGE, "By",
                              "Memory that it uses, without cached files that were not used lately"},
    [MST_CONTAINER_NETWORK] = {"container.network.io", MST_SIGNAL_COUNTER, "By",
                               "Bytes received and transmitted, over restarts that were seen; not given when it shares another network"},
    [MST_CONTAINER_DISK] = {"container.disk.io", MST_SIGNAL_COUNTER, "By", "Bytes read and written, over restarts that were seen"},
};

static const mst_option_help options[] = {
    {"socket", "/var/run/docker.sock, else /run/podman/podman.sock", "path of the daemon's socket"},
    {"expected", "none", "names of containers that must be there: they are reported even when they are missing"},
    {"ignore", "none", "containers not to report, as shell patterns of their names"},
    {"recover_within", "60s", "how long a container may take to run and be healthy again"},
    {"api", "yes", "no: ask no daemon, give CPU time, memory and disk of what control groups there are, by container.id"},
};

/* Of each container that the plan names: what a check may ask for. */
static mst_err
withhold(const mst_collector_env *env, const char *reason, mst_sink *sink, mst_errctx *ctx)
{
  static const int of_daemon[] = {MST_DOCKER_UP,         MST_DOCKER_VERSION,       MST_DOCKER_API_VERSION,
                                  MST_DOCKER_PRIVILEGED, MST_DOCKER_CAPABILITIES,  MST_DOCKER_ROOT,
                                  MST_DOCKER_BY_HAND,    MST_DOCKER_NOT_RECOVERED, MST_DOCKER_UNRECOVERED};
  static const int of_container[] = {MST_CONTAINER_HEALTH,        MST_CONTAINER_RESTARTS,  MST_CONTAINER_BY_HAND,
                                     MST_CONTAINER_NOT_RECOVERED, MST_CONTAINER_OOM_KILLS, MST_CONTAINER_PRIVILEGED,
                                     MST_CONTAINER_CAPABILITIES,  MST_CONTAINER_ROOT};
  const mst_option *expected = mst_collector_option(env, "expected");
  mst_emit emit = {.sink = sink, .ctx = ctx};

  for (size_t i = 0; i < sizeof of_daemon / sizeof of_daemon[0]; i++)
    mst_emit_error(&emit, &mst_docker_signals[of_daemon[i]], NULL, 0, reason);
  for (size_t i = 0; expected && i < expected->value_count; i++) {
    const mst_tag tags[] = {{"container.name", expected->values[i]}, {"muster.container.expected", "yes"}};

    mst_emit_error(&emit, &mst_docker_signals[MST_CONTAINER_STATE], tags, 2, reason);
    for (size_t k = 0; k < sizeof of_container / sizeof of_container[0]; k++)
      mst_emit_error(&emit, &mst_docker_signals[of_container[k]], tags, 1, reason);
  }
  return emit.err;
}

const mst_collector mst_collector_docker = {
    .name = "docker",
    .help = "Containers of Docker and Podman: whether they run and are well, how they are confined, and what they use",
    .deadline_ns = 100 * MST_NS_PER_MS,
    .signals = mst_docker_signals,
    .signal_count = MST_DOCKER_SIGNALS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .withhold = withhold,
    .module = "containers",
};

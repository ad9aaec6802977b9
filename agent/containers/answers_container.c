/* What the Docker Engine API says of one container: inspect, events, stats; see answers.h. */
#include "answers.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "answers_json.h"

enum { CAPABILITIES_ALL = 41 /* include/uapi/linux/capability.h: CAP_CHECKPOINT_RESTORE is the 41st */ };

/* Docker writes the year 1 for what has not happened yet. */
static mst_wall
time_of(const json_t *text)
{
  const char *at = json_string_value(text);
  mst_wall time;
  mst_errctx ignored = {0};

  return at && mst_wall_parse(at, &time, &ignored) == MST_OK ? time : (mst_wall){0};
}

static mst_container_health
health_of(const char *status)
{
  if (!status)
    return MST_HEALTH_NONE;
  for (int i = MST_HEALTH_STARTING; i <= MST_HEALTH_UNHEALTHY; i++)
    if (strcmp(status, mst_container_health_name((mst_container_health)i)) == 0)
      return (mst_container_health)i;
  return MST_HEALTH_NONE; /* "none", and Podman's "" */
}

static mst_docker_policy
policy_of(const char *name)
{
  if (!name || strcmp(name, "") == 0 || strcmp(name, "no") == 0)
    return MST_POLICY_NO;
  return strcmp(name, "on-failure") == 0 ? MST_POLICY_ON_FAILURE : MST_POLICY_ALWAYS;
}

static unsigned
count_capabilities(const json_t *list)
{
  const json_t *entry;
  unsigned count = 0;
  size_t i;

  json_array_foreach(list, i, entry)
  {
    const char *name = json_string_value(entry);

    if (name && (strcmp(name, "ALL") == 0 || strcmp(name, "CAP_ALL") == 0))
      return CAPABILITIES_ALL;
    count++;
  }
  return count;
}

/* "", "0", "root", and these with a group behind them. */
static bool
is_root_user(const char *user)
{
  size_t length = user ? strcspn(user, ":") : 0;

  return length == 0 || (length == 1 && user[0] == '0') || (length == 4 && memcmp(user, "root", 4) == 0);
}

static void
parse_state(const json_t *state, mst_docker_inspect *inspect)
{
  json_int_t pid = json_integer_value(json_object_get(state, "Pid"));
  const char *status = json_string_value(json_object_get(state, "Status"));

  inspect->state = status ? mst_container_state_parse(status) : MST_CONTAINER_UNKNOWN;
  inspect->health = health_of(json_string_value(json_object_get(json_object_get(state, "Health"), "Status")));
  inspect->oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
  inspect->exit_code = json_integer_value(json_object_get(state, "ExitCode"));
  inspect->pid = pid > 0 && pid <= INT_MAX ? (uint32_t)pid : 0;
  inspect->started_at = time_of(json_object_get(state, "StartedAt"));
  inspect->finished_at = time_of(json_object_get(state, "FinishedAt"));
}

mst_err
mst_docker_parse_inspect(const char *text, size_t length, mst_docker_inspect *ret_inspect, mst_errctx *ctx)
{
  json_t *json = mst_docker_json(text, length, "the answer about a container", ctx);
  const json_t *host = json_object_get(json, "HostConfig"), *config = json_object_get(json, "Config"),
               *state = json_object_get(json, "State");
  json_int_t restarts = json_integer_value(json_object_get(json, "RestartCount"));
  const char *name = json_string_value(json_object_get(json, "Name"));
  const char *network = json_string_value(json_object_get(host, "NetworkMode"));
  mst_docker_inspect inspect = {0};
  mst_err err = MST_OK;

  if (!json)
    return MST_EMALFORMED;
  if (!mst_docker_copy_id(json_object_get(json, "Id"), inspect.id) || !name || !json_is_object(state) || !json_is_object(host) ||
      !json_is_object(config)) {
    err = mst_fail(ctx, MST_EMALFORMED, "the answer about a container lacks Id, Name, State, HostConfig or Config");
    goto out;
  }
  name += name[0] == '/';
  if (name[0] == '\0' || strlen(name) > MST_DOCKER_NAME_BYTES) {
    err = mst_fail(ctx, MST_EMALFORMED, "a container's name is empty or over %d bytes", MST_DOCKER_NAME_BYTES);
    goto out;
  }
  memcpy(inspect.name, name, strlen(name) + 1);
  parse_state(state, &inspect);
  inspect.restart_count = restarts > 0 ? (uint64_t)restarts : 0;
  inspect.policy = policy_of(json_string_value(json_object_get(json_object_get(host, "RestartPolicy"), "Name")));
  inspect.is_auto_removed = json_is_true(json_object_get(host, "AutoRemove"));
  inspect.is_privileged = json_is_true(json_object_get(host, "Privileged"));
  inspect.has_own_network = !network || (strcmp(network, "host") != 0 && strncmp(network, "container:", 10) != 0);
  inspect.capabilities = count_capabilities(json_object_get(host, "CapAdd"));
  inspect.is_root = is_root_user(json_string_value(json_object_get(config, "User")));
  if (!mst_docker_copy(json_object_get(config, "Image"), inspect.image, sizeof inspect.image)) /* too long for a label */
    inspect.image[0] = '\0';
  if (!mst_docker_copy(json_object_get(json, "Image"), inspect.image_id, sizeof inspect.image_id))
    inspect.image_id[0] = '\0';
out:
  json_decref(json);
  if (err == MST_OK)
    *ret_inspect = inspect;
  return err;
}

static mst_docker_action
action_of(const char *action, const json_t *event)
{
  static const struct {
    const char *text;
    mst_docker_action action;
  } known[] = {
      {"create", MST_ACTION_CREATE},   {"start", MST_ACTION_START}, {"die", MST_ACTION_DIE},
      {"kill", MST_ACTION_KILL},       {"stop", MST_ACTION_STOP},   {"restart", MST_ACTION_RESTART},
      {"destroy", MST_ACTION_DESTROY}, {"oom", MST_ACTION_OOM},     {"remove", MST_ACTION_DESTROY}, /* Podman's */
  };
  const char *health;

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(action, known[i].text) == 0)
      return known[i].action;
  if (strncmp(action, "health_status", 13) != 0)
    return MST_ACTION_OTHER;
  /* Docker: "health_status: healthy". Podman has it in a field of its own. */
  health = action[13] == ':' ? action + 14 + strspn(action + 14, " ") : json_string_value(json_object_get(event, "HealthStatus"));
  switch (health_of(health)) {
  case MST_HEALTH_HEALTHY:
    return MST_ACTION_HEALTHY;
  case MST_HEALTH_UNHEALTHY:
    return MST_ACTION_UNHEALTHY;
  default:
    return MST_ACTION_OTHER;
  }
}

static int64_t
number_of(const json_t *text, int64_t otherwise)
{
  const char *digits = json_string_value(text);
  char *end;
  long number;

  if (!digits || digits[0] == '\0')
    return otherwise;
  number = strtol(digits, &end, 10);
  return *end == '\0' ? number : otherwise;
}

mst_err
mst_docker_parse_event(const char *text, size_t length, mst_docker_event *ret_event, mst_errctx *ctx)
{
  json_t *json = mst_docker_json(text, length, "an event", ctx);
  const json_t *actor = json_object_get(json, "Actor"), *attributes = json_object_get(actor, "Attributes");
  const char *type = json_string_value(json_object_get(json, "Type")), *action = json_string_value(json_object_get(json, "Action"));
  json_int_t at = json_integer_value(json_object_get(json, "timeNano"));
  mst_docker_event event = {.exit_code = -1, .at = {at}};
  mst_err err = MST_OK;

  if (!json)
    return MST_EMALFORMED;
  if (type && strcmp(type, "container") != 0)
    err = mst_fail(ctx, MST_EABSENT, "an event of another thing");
  else if (!type || !action || at <= 0 || !mst_docker_copy_id(json_object_get(actor, "ID"), event.id))
    err = mst_fail(ctx, MST_EMALFORMED, "an event lacks Type, Action, timeNano or its container");
  if (err == MST_OK) {
    if (!mst_docker_copy(json_object_get(attributes, "name"), event.name, sizeof event.name))
      event.name[0] = '\0';
    event.action = action_of(action, json);
    event.exit_code = number_of(json_object_get(attributes, "exitCode"), -1);
    event.signal = (int)number_of(json_object_get(attributes, "signal"), 0);
    *ret_event = event;
  }
  json_decref(json);
  return err;
}

static bool
take(const json_t *object, const char *key, uint64_t *ret_value)
{
  const json_t *value = json_object_get(object, key);

  if (!json_is_integer(value) || json_integer_value(value) < 0)
    return false;
  *ret_value = (uint64_t)json_integer_value(value);
  return true;
}

static void
parse_memory(const json_t *memory, mst_docker_usage *usage)
{
  const json_t *stats = json_object_get(memory, "stats");
  uint64_t used, inactive = 0;

  if (!take(memory, "usage", &used))
    return;
  if (!take(stats, "total_inactive_file", &inactive)) /* cgroup v1; else v2 */
    (void)!take(stats, "inactive_file", &inactive);
  usage->has_memory = true;
  usage->memory_bytes = used > inactive ? used - inactive : 0;
}

static void
parse_disk(const json_t *list, mst_docker_usage *usage)
{
  const json_t *entry;
  size_t i;

  if (!json_is_array(list))
    return;
  usage->has_disk = true;
  json_array_foreach(list, i, entry)
  {
    const char *op = json_string_value(json_object_get(entry, "op"));
    uint64_t bytes;

    if (!op || !take(entry, "value", &bytes))
      continue;
    if (strcasecmp(op, "read") == 0)
      usage->read_bytes += bytes;
    else if (strcasecmp(op, "write") == 0)
      usage->written_bytes += bytes;
  }
}

static void
parse_networks(json_t *networks, mst_docker_usage *usage)
{
  const char *name;
  json_t *entry;

  usage->has_network = json_is_object(networks);
  json_object_foreach(networks, name, entry)
  {
    mst_docker_link link = {0};

    if (usage->link_count == MST_DOCKER_LINKS_MAX || strlen(name) > MST_DOCKER_LINK_BYTES)
      continue;
    memcpy(link.name, name, strlen(name) + 1);
    if (take(entry, "rx_bytes", &link.received_bytes) && take(entry, "tx_bytes", &link.sent_bytes))
      usage->links[usage->link_count++] = link;
  }
}

mst_err
mst_docker_parse_stats(const char *text, size_t length, mst_docker_usage *ret_usage, mst_errctx *ctx)
{
  json_t *json = mst_docker_json(text, length, "the figures of a container", ctx);
  const json_t *cpu = json_object_get(json_object_get(json, "cpu_stats"), "cpu_usage");
  mst_docker_usage usage = {0};
  uint64_t user, system;
  mst_err err = MST_OK;

  if (!json)
    return MST_EMALFORMED;
  if (!json_is_object(cpu))
    err = mst_fail(ctx, MST_EMALFORMED, "the figures of a container lack cpu_stats");
  if (err == MST_OK) {
    usage.has_cpu =
        take(cpu, "usage_in_usermode", &user) && take(cpu, "usage_in_kernelmode", &system) && user <= INT64_MAX && system <= INT64_MAX;
    usage.user_ns = usage.has_cpu ? (int64_t)user : 0;
    usage.system_ns = usage.has_cpu ? (int64_t)system : 0;
    parse_memory(json_object_get(json, "memory_stats"), &usage);
    parse_disk(json_object_get(json_object_get(json, "blkio_stats"), "io_service_bytes_recursive"), &usage);
    parse_networks(json_object_get(json, "networks"), &usage);
    *ret_usage = usage;
  }
  json_decref(json);
  return err;
}

/* What the collector gives of a snapshot; see docker.h. */
#include "docker.h"

#include <stdio.h>
#include <string.h>

#include "collectors/emit.h"

#define NAME "container.name"

static void
give_daemon(mst_emit *emit, const mst_docker_snapshot *snapshot)
{
  const mst_signal *signals = mst_docker_signals;
  char api[16];

  if (!snapshot->is_known)
    return;
  mst_emit_gauge(emit, &signals[MST_DOCKER_UP], NULL, 0, snapshot->is_up);
  if (!snapshot->is_up) {
    mst_emit_error(emit, &signals[MST_DOCKER_VERSION], NULL, 0, snapshot->reason);
    mst_emit_error(emit, &signals[MST_DOCKER_API_VERSION], NULL, 0, snapshot->reason);
    return;
  }
  snprintf(api, sizeof api, "1.%u", snapshot->version.api_minor);
  mst_emit_state(emit, &signals[MST_DOCKER_VERSION], NULL, 0, snapshot->version.version);
  mst_emit_state(emit, &signals[MST_DOCKER_API_VERSION], NULL, 0, api);
}

static void
give_counts(mst_emit *emit, const mst_docker_snapshot *snapshot)
{
  for (int i = MST_CONTAINER_CREATED; i < MST_CONTAINER_MISSING; i++) {
    const mst_tag tag = {"container.state", mst_container_state_name((mst_container_state)i)};

    if (snapshot->is_up)
      mst_emit_gauge(emit, &mst_docker_signals[MST_DOCKER_CONTAINERS], &tag, 1, snapshot->counts[i]);
    else
      mst_emit_error(emit, &mst_docker_signals[MST_DOCKER_CONTAINERS], &tag, 1, snapshot->reason);
  }
}

typedef struct tally {
  unsigned privileged, with_capabilities, root, unrecovered;
  const char *unknown; /* why it cannot be said of one of them; NULL: it can */
} tally;

static tally
count(const mst_docker_snapshot *snapshot)
{
  tally counts = {0};

  for (size_t i = 0; i < snapshot->count; i++) {
    const mst_docker_record *record = &snapshot->records[i];

    counts.unrecovered += record->failed_at.ns > 0 && record->well_at.ns == 0 && record->is_failure_told;
    if (!record->is_listed)
      continue;
    if (record->is_unreadable)
      counts.unknown = snapshot->trouble;
    else if (!record->is_inspected && !counts.unknown)
      counts.unknown = "not all containers were looked at yet";
    counts.privileged += record->is_inspected && record->seen.is_privileged;
    counts.with_capabilities += record->is_inspected && record->seen.capabilities > 0;
    counts.root += record->is_inspected && record->seen.is_root && !record->is_mapped;
  }
  if (!snapshot->is_up)
    counts.unknown = snapshot->reason;
  return counts;
}

/* What is known is given even when it is not all: one privileged container is one too many. */
static void
give_at_least(mst_emit *emit, int signal, unsigned count, const char *unknown)
{
  if (unknown && count == 0)
    mst_emit_error(emit, &mst_docker_signals[signal], NULL, 0, unknown);
  else
    mst_emit_gauge(emit, &mst_docker_signals[signal], NULL, 0, count);
}

/* Of all containers together, so that no check hangs on one that comes and goes. */
static void
give_totals(mst_emit *emit, const mst_docker_snapshot *snapshot, bool is_in_doubt)
{
  const mst_docker_totals *totals = &snapshot->totals;
  const mst_signal *signals = mst_docker_signals;
  tally counts = count(snapshot);
  char doubt[MST_REASON_MAX_BYTES + 1];

  give_at_least(emit, MST_DOCKER_PRIVILEGED, snapshot->is_up ? counts.privileged : 0, counts.unknown);
  give_at_least(emit, MST_DOCKER_CAPABILITIES, snapshot->is_up ? counts.with_capabilities : 0, counts.unknown);
  give_at_least(emit, MST_DOCKER_ROOT, snapshot->is_up ? counts.root : 0, counts.unknown);
  give_at_least(emit, MST_DOCKER_UNRECOVERED, snapshot->is_up ? counts.unrecovered : 0, counts.unknown);
  if (!snapshot->is_up) {
    mst_emit_error(emit, &signals[MST_DOCKER_BY_HAND], NULL, 0, snapshot->reason);
    mst_emit_error(emit, &signals[MST_DOCKER_NOT_RECOVERED], NULL, 0, snapshot->reason);
    return;
  }
  mst_emit_counter(emit, &signals[MST_DOCKER_NOT_RECOVERED], NULL, 0, totals->since, (double)totals->not_recovered);
  if (!is_in_doubt) {
    mst_emit_counter(emit, &signals[MST_DOCKER_BY_HAND], NULL, 0, totals->by_hand_since, (double)totals->by_hand);
    return;
  }
  snprintf(doubt, sizeof doubt, "container %.100s ended or began while nobody listened to the daemon: whose doing it was cannot be told",
           snapshot->doubt);
  mst_emit_error(emit, &signals[MST_DOCKER_BY_HAND], NULL, 0, doubt);
}

/* Sums over all lives that were measured: at each restart another start would make another series. */
static void
give_usage(mst_emit *emit, const mst_tag *who, const mst_docker_usage *usage, mst_wall since)
{
  mst_tag tags[3] = {*who, {"cpu.mode", "user"}};

  if (usage->has_cpu) {
    mst_emit_counter(emit, &mst_docker_signals[MST_CONTAINER_CPU_TIME], tags, 2, since, (double)usage->user_ns / 1e9);
    tags[1].value = "system";
    mst_emit_counter(emit, &mst_docker_signals[MST_CONTAINER_CPU_TIME], tags, 2, since, (double)usage->system_ns / 1e9);
  }
  if (usage->has_memory)
    mst_emit_gauge(emit, &mst_docker_signals[MST_CONTAINER_MEMORY], tags, 1, (double)usage->memory_bytes);
  if (usage->has_disk) {
    tags[1] = (mst_tag){"disk.io.direction", "read"};
    mst_emit_counter(emit, &mst_docker_signals[MST_CONTAINER_DISK], tags, 2, since, (double)usage->read_bytes);
    tags[1].value = "write";
    mst_emit_counter(emit, &mst_docker_signals[MST_CONTAINER_DISK], tags, 2, since, (double)usage->written_bytes);
  }
  for (size_t i = 0; usage->has_network && i < usage->link_count; i++) {
    const mst_docker_link *link = &usage->links[i];

    tags[1] = (mst_tag){"network.interface.name", link->name};
    tags[2] = (mst_tag){"network.io.direction", "receive"};
    mst_emit_counter(emit, &mst_docker_signals[MST_CONTAINER_NETWORK], tags, 3, since, (double)link->received_bytes);
    tags[2].value = "transmit";
    mst_emit_counter(emit, &mst_docker_signals[MST_CONTAINER_NETWORK], tags, 3, since, (double)link->sent_bytes);
  }
}

static bool
has_health(const mst_docker_record *record)
{
  return record->seen.health != MST_HEALTH_NONE || record->is_expected;
}

static void
give_image(mst_emit *emit, const mst_docker_record *record)
{
  mst_tag tags[2] = {{NAME, record->name}, {"container.image.name", record->seen.image}};

  if (record->digest[0])
    mst_emit_state(emit, &mst_docker_signals[MST_CONTAINER_DIGEST], tags, record->seen.image[0] ? 2 : 1, record->digest);
}

static void
give_history(mst_emit *emit, const mst_docker_record *record)
{
  const mst_signal *signals = mst_docker_signals;
  const mst_tag tag = {NAME, record->name};
  mst_wall since = record->known_since;

  mst_emit_counter(emit, &signals[MST_CONTAINER_RESTARTS], &tag, 1, since, (double)record->restarts);
  mst_emit_counter(emit, &signals[MST_CONTAINER_BY_HAND], &tag, 1, since, (double)record->by_hand);
  mst_emit_counter(emit, &signals[MST_CONTAINER_NOT_RECOVERED], &tag, 1, since, (double)record->not_recovered);
  mst_emit_counter(emit, &signals[MST_CONTAINER_OOM_KILLS], &tag, 1, since, (double)mst_book_oom_kills(record));
  if (record->has_exit_code)
    mst_emit_gauge(emit, &signals[MST_CONTAINER_EXIT_CODE], &tag, 1, (double)record->exit_code);
}

static void
give_settings(mst_emit *emit, const mst_docker_record *record)
{
  const mst_signal *signals = mst_docker_signals;
  const mst_docker_inspect *seen = &record->seen;
  const mst_tag tag = {NAME, record->name};

  mst_emit_gauge(emit, &signals[MST_CONTAINER_PRIVILEGED], &tag, 1, seen->is_privileged);
  mst_emit_gauge(emit, &signals[MST_CONTAINER_CAPABILITIES], &tag, 1, seen->capabilities);
  mst_emit_gauge(emit, &signals[MST_CONTAINER_ROOT], &tag, 1, seen->is_root && !record->is_mapped);
  give_image(emit, record);
}

/* The same series as when the daemon answers. */
static void
give_errors(mst_emit *emit, const mst_docker_record *record, const char *reason)
{
  static const enum mst_docker_signal of_daemon[] = {MST_CONTAINER_RESTARTS,  MST_CONTAINER_BY_HAND,    MST_CONTAINER_NOT_RECOVERED,
                                                     MST_CONTAINER_OOM_KILLS, MST_CONTAINER_PRIVILEGED, MST_CONTAINER_CAPABILITIES,
                                                     MST_CONTAINER_ROOT};
  const mst_signal *signals = mst_docker_signals;
  const mst_tag tags[2] = {{NAME, record->name}, {"container.image.name", record->seen.image}};

  for (size_t i = 0; i < sizeof of_daemon / sizeof of_daemon[0]; i++)
    mst_emit_error(emit, &signals[of_daemon[i]], tags, 1, reason);
  if (has_health(record))
    mst_emit_error(emit, &signals[MST_CONTAINER_HEALTH], tags, 1, reason);
  if (record->has_exit_code)
    mst_emit_error(emit, &signals[MST_CONTAINER_EXIT_CODE], tags, 1, reason);
  if (record->digest[0])
    mst_emit_error(emit, &signals[MST_CONTAINER_DIGEST], tags, record->seen.image[0] ? 2 : 1, reason);
  if (record->seen.pid > 0)
    mst_emit_error(emit, &signals[MST_CONTAINER_UPTIME], tags, 1, reason);
}

static void
give_record(mst_emit *emit, const mst_docker_snapshot *snapshot, const mst_docker_record *record, mst_wall now)
{
  const mst_docker_inspect *seen = &record->seen;
  mst_tag tags[2] = {{NAME, record->name}, {"muster.container.expected", record->is_expected ? "yes" : "no"}};
  const mst_signal *state = &mst_docker_signals[MST_CONTAINER_STATE], *health = &mst_docker_signals[MST_CONTAINER_HEALTH];

  if (!record->is_listed && !record->is_expected)
    return;
  if (!snapshot->is_up || record->is_unreadable) {
    const char *reason = snapshot->is_up ? snapshot->trouble : snapshot->reason;

    mst_emit_error(emit, state, tags, 2, reason);
    if (record->is_inspected)
      give_errors(emit, record, reason);
  } else if (!record->is_listed) {
    mst_emit_state(emit, state, tags, 2, mst_container_state_name(MST_CONTAINER_MISSING));
    mst_emit_state(emit, health, tags, 1, mst_container_state_name(MST_CONTAINER_MISSING));
    give_history(emit, record);
    return;
  } else if (record->is_inspected) {
    mst_emit_state(emit, state, tags, 2, mst_container_state_name(seen->state));
    if (has_health(record))
      mst_emit_state(emit, health, tags, 1, mst_container_health_name(seen->health));
    give_history(emit, record);
    give_settings(emit, record);
    if (seen->pid > 0 && now.ns > seen->started_at.ns)
      mst_emit_gauge(emit, &mst_docker_signals[MST_CONTAINER_UPTIME], tags, 1, (double)(now.ns - seen->started_at.ns) / 1e9);
  }
  give_usage(emit, tags, &record->usage, record->usage_since);
}

mst_err
mst_docker_give(const mst_docker_snapshot *snapshot, mst_wall now, bool is_in_doubt, mst_sink *sink, mst_errctx *ctx)
{
  mst_emit emit = {.sink = sink, .ctx = ctx};

  if (snapshot->uses_api) {
    give_daemon(&emit, snapshot);
    if (snapshot->is_known)
      give_totals(&emit, snapshot, is_in_doubt);
    if (snapshot->is_known && snapshot->version.version[0])
      give_counts(&emit, snapshot);
    for (size_t i = 0; snapshot->is_known && i < snapshot->count; i++)
      give_record(&emit, snapshot, &snapshot->records[i], now);
  }
  for (size_t i = 0; i < snapshot->loose_count; i++) {
    char id[13];
    const mst_tag tag = {"container.id", id};

    snprintf(id, sizeof id, "%.12s", snapshot->loose[i].id);
    give_usage(&emit, &tag, &snapshot->loose[i].usage, (mst_wall){0});
  }
  return emit.err;
}

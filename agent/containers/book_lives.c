/* The lives of a container as events and answers tell them: restarts, whose doing they were, and whether it recovered.
 *
 * Events come in order and tell of each beginning and end. An answer (GET /containers/ID/json) tells of the last ones only; it is believed
 * in what no event told when all that it says is older than MST_BOOK_QUIET_NS, so that events cannot be on their way any more.
 *
 * Whose doing a restart was, Docker tells only in part. An API client's stop is "kill", "die", "stop"; its kill is "kill", "die"; its
 * restart is "kill", "die", "stop", "start", "restart"; the restart policy's is "die", "start" alone. A start is a client's when the policy
 * would not have started it: the policy is "no", the container was stopped by a client, or it ended well under "on-failure". What cannot be
 * told: which client it was (a person, Compose, an orchestrator, a program that restarts what is unhealthy); a process that is killed on
 * the host with kill(1) looks like one that died; a client's start while the policy waits to start it itself looks like the policy's. A
 * daemon that ends stops its containers with the same events as a client: these are held until the daemon has answered a new connection
 * (mst_book_confirm), and dropped when it ends first. Starts that come with the daemon's own start are the daemon's. Podman's restart
 * policy says "restart" too, but before the start; it tells no signal with "kill". */
#include "book_lives.h"

#include <signal.h>
#include <string.h>

/* A container that is up this long has come up: Docker resets the pause between restarts then as well. */
static const int64_t settled_ns = 10 * MST_NS_PER_S;
/* Docker tells of a signal when it has sent it: the death that it brings may be told first, or told later with an earlier time. */
static const int64_t late_kill_ns = MST_NS_PER_S;
/* Between a deadly signal and the death that it brings. A longer stop ends with "stop". */
static const int64_t deadly_ns = 10 * MST_NS_PER_S;

static bool
is_within(mst_wall at, mst_wall from, int64_t ns)
{
  return from.ns > 0 && at.ns >= from.ns && at.ns - from.ns <= ns;
}

uint64_t
mst_book_oom_kills(const mst_docker_record *record)
{
  return record->oom_kills_before + (record->oom_events > record->oom_counted ? record->oom_events : record->oom_counted);
}

void
mst_book_end_life(mst_docker_record *record)
{
  record->oom_kills_before = mst_book_oom_kills(record);
  record->oom_events = record->oom_counted = 0;
}

static void
count_failure(mst_book *book, mst_docker_record *record, mst_wall at)
{
  if (!record->is_failure_told && at.ns - record->failed_at.ns > book->recover_within_ns) {
    record->not_recovered++;
    book->totals.not_recovered++;
    record->is_failure_told = true;
  }
}

static void
become_unwell(mst_book *book, mst_docker_record *record, mst_wall at)
{
  bool is_same = record->failed_at.ns > 0 && (record->well_at.ns == 0 || at.ns - record->well_at.ns < settled_ns);

  if (!is_same) {
    record->failed_at = at;
    record->is_failure_told = false;
  }
  record->well_at = (mst_wall){0};
  count_failure(book, record, at);
}

static void
become_well(mst_book *book, mst_docker_record *record, mst_wall at)
{
  if (record->failed_at.ns == 0 || record->well_at.ns > 0)
    return;
  count_failure(book, record, at);
  record->well_at = at;
}

void
mst_book_judge(mst_book *book, mst_wall now)
{
  for (size_t i = 0; i < book->count; i++) {
    mst_docker_record *record = book->list[i];

    if (record->failed_at.ns == 0)
      continue;
    if (record->well_at.ns == 0)
      count_failure(book, record, now);
    else if (now.ns - record->well_at.ns >= settled_ns)
      record->failed_at = record->well_at = (mst_wall){0};
  }
}

static void
hold(mst_docker_record *record, mst_wall at)
{
  record->held++;
  record->held_start = false;
  record->held_at = at;
}

/* Whether this death is one to recover from. A job that has ended well is done. */
static bool
is_failure(const mst_docker_record *record)
{
  return record->is_expected || !record->has_exit_code || record->exit_code != 0 ||
         (record->is_inspected && record->seen.policy == MST_POLICY_ALWAYS);
}

/* Whose doing a death was, and its exit code: once for each death. */
static void
judge_death(mst_book *book, mst_docker_record *record, mst_wall at, int64_t exit_code)
{
  bool is_killed = is_within(at, record->killed_at, deadly_ns) || is_within(record->killed_at, at, late_kill_ns);

  if (exit_code >= 0) {
    record->exit_code = exit_code;
    record->has_exit_code = true;
  }
  if (is_killed || record->is_stopping) {
    hold(record, at);
    record->was_by_hand = true;
  }
  if (!record->is_stopping && is_failure(record))
    become_unwell(book, record, at);
  record->is_stopping = false;
  record->killed_at = (mst_wall){0};
}

static void
count_restart(mst_docker_record *record)
{
  record->restarts++;
  record->restarts_since++;
}

static void
begin_life(mst_book *book, mst_docker_record *record, mst_wall at)
{
  mst_book_end_life(record);
  if (record->has_run)
    count_restart(record);
  record->has_run = record->is_up = true;
  record->started_at = at;
  if (record->seen.health != MST_HEALTH_NONE)
    record->seen.health = MST_HEALTH_STARTING;
  else if (record->is_inspected) /* else it may have a health check */
    become_well(book, record, at);
}

static void
begin_death(mst_docker_record *record, mst_wall at)
{
  record->has_run = true;
  record->is_up = record->was_by_hand = record->was_by_daemon = false;
  record->died_at = at;
}

/* Whether an API client started it. */
static bool
is_start_by_hand(const mst_docker_record *record)
{
  if (!record->has_run || record->restart_is_told)
    return false;
  if (record->was_by_hand && !record->was_by_daemon)
    return true;
  if (!record->is_inspected)
    return false; /* its policy is not known */
  if (record->seen.policy == MST_POLICY_NO)
    return true;
  return record->seen.policy == MST_POLICY_ON_FAILURE && !record->was_by_daemon && record->has_exit_code && record->exit_code == 0;
}

static void
tell_start(mst_book *book, mst_docker_record *record, mst_wall at)
{
  bool by_hand = is_start_by_hand(record);

  /* Of a life that an answer told of already. */
  if (record->has_run && (at.ns <= (record->is_up ? record->started_at.ns : record->died_at.ns) ||
                          (record->is_up && is_within(at, record->started_at, MST_BOOK_QUIET_NS))))
    return;
  begin_life(book, record, at);
  if (by_hand) {
    hold(record, at);
    record->held_start = true;
  }
  record->was_by_hand = record->was_by_daemon = record->restart_is_told = record->is_stopping = false;
  record->killed_at = (mst_wall){0};
}

static void
tell_death(mst_book *book, mst_docker_record *record, mst_wall at, int64_t exit_code)
{
  if (at.ns <= (record->is_up ? record->started_at.ns : record->died_at.ns))
    return;
  if (!record->is_up && is_within(at, record->died_at, MST_BOOK_QUIET_NS))
    return;
  if (record->has_run && !record->is_up)
    count_restart(record); /* its start was missed */
  begin_death(record, at);
  judge_death(book, record, at, exit_code);
}

static void
tell_stop(mst_docker_record *record, mst_wall at)
{
  if (record->is_up) {
    record->is_stopping = true; /* Podman says it before the death */
    return;
  }
  if (!is_within(at, record->died_at, MST_BOOK_QUIET_NS))
    return;
  if (!record->was_by_hand)
    hold(record, at);
  record->was_by_hand = true;
  if (record->failed_at.ns == record->died_at.ns && !record->is_failure_told)
    record->failed_at = (mst_wall){0}; /* what was told to stop did not fail */
}

/* Docker says it behind the start, Podman before. */
static void
tell_restart(mst_docker_record *record, mst_wall at)
{
  if (record->held_start) {
    record->held--;
    record->held_start = false;
  } else if (!record->is_up || !is_within(at, record->started_at, MST_BOOK_QUIET_NS)) {
    record->restart_is_told = true;
  }
}

static void
tell_kill(mst_docker_record *record, const mst_docker_event *event)
{
  switch (event->signal) {
  case SIGHUP: /* "read your config again" */
  case SIGUSR1:
  case SIGUSR2:
  case SIGCHLD:
  case SIGCONT:
  case SIGSTOP:
  case SIGTSTP:
  case SIGURG:
  case SIGWINCH:
    return;
  default: /* 0: Podman does not say it */
    break;
  }
  bool is_of_the_death =
      is_within(event->at, record->died_at, late_kill_ns) || (!record->is_up && is_within(record->died_at, event->at, deadly_ns));

  if (!is_of_the_death || (record->is_up && event->at.ns > record->started_at.ns)) {
    record->killed_at = event->at;
  } else if (!record->was_by_hand) {
    hold(record, event->at);
    record->was_by_hand = !record->is_up;
  }
}

void
mst_book_tell(mst_book *book, mst_docker_record *record, const mst_docker_event *event)
{
  switch (event->action) {
  case MST_ACTION_START:
    tell_start(book, record, event->at);
    break;
  case MST_ACTION_DIE:
    tell_death(book, record, event->at, event->exit_code);
    break;
  case MST_ACTION_STOP:
    tell_stop(record, event->at);
    break;
  case MST_ACTION_KILL:
    tell_kill(record, event);
    break;
  case MST_ACTION_RESTART:
    tell_restart(record, event->at);
    break;
  case MST_ACTION_OOM:
    record->oom_events++;
    break;
  case MST_ACTION_HEALTHY:
    record->seen.health = MST_HEALTH_HEALTHY;
    become_well(book, record, event->at);
    break;
  case MST_ACTION_UNHEALTHY:
    record->seen.health = MST_HEALTH_UNHEALTHY;
    become_unwell(book, record, event->at);
    break;
  case MST_ACTION_CREATE:
  case MST_ACTION_DESTROY:
  case MST_ACTION_OTHER:
    break;
  }
}

/* Lives that no event told of. */
static void
observe_up(mst_book *book, mst_docker_record *record)
{
  mst_wall started_at = record->seen.started_at, died_at = record->seen.finished_at;

  if (started_at.ns == 0 || started_at.ns <= (record->is_up ? record->started_at.ns : record->died_at.ns))
    return;
  if (record->is_up && died_at.ns > record->started_at.ns && died_at.ns < started_at.ns && is_failure(record))
    become_unwell(book, record, died_at);
  begin_life(book, record, started_at);
}

static void
observe_down(mst_book *book, mst_docker_record *record)
{
  const mst_docker_inspect *seen = &record->seen;
  bool was_seen = record->has_run || record->was_created;
  /* The end is the kernel's time and the start is put down after it: a life of some milliseconds ends before it begins. */
  mst_wall died_at = seen->finished_at.ns > seen->started_at.ns ? seen->finished_at : seen->started_at;

  if (seen->finished_at.ns == 0 || (!record->is_up && died_at.ns <= record->died_at.ns))
    return;
  if (record->has_run && seen->started_at.ns > (record->is_up ? record->started_at.ns : record->died_at.ns)) {
    mst_book_end_life(record);
    count_restart(record); /* it came up and died again unseen */
  }
  begin_death(record, died_at);
  record->exit_code = seen->exit_code;
  record->has_exit_code = true;
  if (was_seen)
    judge_death(book, record, died_at, seen->exit_code);
  else if (seen->policy == MST_POLICY_ALWAYS && seen->state == MST_CONTAINER_EXITED)
    record->was_by_hand = true; /* else the policy would have restarted it; it was before we looked */
}

static void
observe_health(mst_book *book, mst_docker_record *record, mst_wall now)
{
  switch (record->seen.health) {
  case MST_HEALTH_NONE:
    become_well(book, record, record->started_at);
    break;
  case MST_HEALTH_HEALTHY:
    become_well(book, record, now);
    break;
  case MST_HEALTH_UNHEALTHY:
    if (record->failed_at.ns == 0 || record->well_at.ns > 0)
      become_unwell(book, record, now);
    break;
  case MST_HEALTH_STARTING:
    break;
  }
}

/* Lives began or ended of which no event told, because nobody listened. Docker counts the restarts of its policy; what the daemon itself
 * ended it also starts. */
static void
doubt_whose(mst_book *book, const mst_docker_record *record, bool was_up, mst_wall now)
{
  bool by_policy = was_up && record->seen.restart_count > record->restart_count;
  bool is_first_start = !record->died_at.ns && record->restarts == 0 && record->is_up;

  if (by_policy || is_first_start)
    return;
  book->doubt_at = now;
  book->totals.by_hand = 0;
  book->totals.by_hand_since = now;
  memcpy(book->doubt, record->name, sizeof book->doubt);
}

bool
mst_book_observe(mst_book *book, mst_docker_record *record, mst_wall now)
{
  const mst_docker_inspect *seen = &record->seen;
  bool is_up = seen->state == MST_CONTAINER_RUNNING || seen->state == MST_CONTAINER_PAUSED;
  mst_wall last = seen->finished_at.ns > seen->started_at.ns ? seen->finished_at : seen->started_at;
  mst_container_health health = seen->health; /* as it is said: a new life sets it back */

  if (record->needs_inspect)
    return true; /* something has happened since it was asked */
  if (is_within(now, last, MST_BOOK_QUIET_NS)) {
    if (record->is_up && is_up)
      observe_health(book, record, now);
    return false;
  }
  uint64_t before = record->restarts;
  bool was_known = record->has_run || record->was_created, was_up = record->is_up, was_by_daemon = record->was_by_daemon;

  if (is_up)
    observe_up(book, record);
  else
    observe_down(book, record);
  if (was_known && !was_by_daemon && (record->restarts != before || record->is_up != was_up))
    doubt_whose(book, record, was_up, now);
  record->seen.health = health;
  if (record->is_up && is_up)
    observe_health(book, record, now);
  if (seen->oom_killed && mst_book_oom_kills(record) == record->oom_kills_before)
    record->oom_counted = 1;

  /* Docker counts a restart when it decides it, and waits then for up to a minute. */
  uint64_t done = seen->restart_count - (seen->state == MST_CONTAINER_RESTARTING && seen->restart_count > 0);
  uint64_t restarts = done >= record->restart_count ? done - record->restart_count : done;

  if (restarts > record->restarts_since)
    record->restarts += restarts - record->restarts_since;
  record->restart_count = done;
  record->restarts_since = 0;
  record->was_by_daemon = record->was_by_daemon && !record->is_up; /* it lived through the daemon's end */
  return true;
}

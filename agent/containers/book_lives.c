/* The lives of a container as events and answers tell them: restarts, whose doing they were, and whether it recovered.
 *
 * An answer (GET /containers/ID/json) says when the present life began or the last one ended, an event says it again a moment later; either
 * may come first, and after an interruption the event may be missing. So each beginning and each end is taken from whoever tells it first,
 * and the other is told from a new one by its time: an event is never earlier than what an answer says of the same moment.
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

/* A container that is up this long has come up: Docker resets the pause between restarts then as well. */
static const int64_t settled_ns = 10 * MST_NS_PER_S;
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
count_failure(const mst_book *book, mst_docker_record *record, mst_wall at)
{
  if (!record->is_failure_told && at.ns - record->failed_at.ns > book->recover_within_ns) {
    record->not_recovered++;
    record->is_failure_told = true;
  }
}

static void
become_unwell(const mst_book *book, mst_docker_record *record, mst_wall at)
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
become_well(const mst_book *book, mst_docker_record *record, mst_wall at)
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
judge_death(const mst_book *book, mst_docker_record *record, mst_wall at, int64_t exit_code)
{
  bool is_killed = is_within(at, record->killed_at, deadly_ns);

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
begin_death(mst_docker_record *record, mst_wall at, bool by_answer)
{
  record->is_up = record->is_start_by_answer = false;
  record->is_death_by_answer = by_answer;
  record->died_at = at;
  record->was_by_hand = record->was_by_daemon = false;
}

static void
count_restart(mst_docker_record *record)
{
  record->restarts++;
  record->restarts_since++;
}

static void
begin_life(const mst_book *book, mst_docker_record *record, mst_wall at, bool by_answer)
{
  mst_book_end_life(record);
  record->is_first_life = !record->has_run;
  if (record->has_run)
    count_restart(record);
  record->has_run = record->is_up = true;
  record->is_start_by_answer = by_answer;
  record->is_death_by_answer = false;
  record->started_at = at;
  if (record->seen.health != MST_HEALTH_NONE)
    record->seen.health = MST_HEALTH_STARTING;
  else if (record->is_inspected) /* else it may have a health check */
    become_well(book, record, at);
}

/* Whether an API client started it. */
static bool
is_start_by_hand(const mst_docker_record *record)
{
  mst_docker_policy policy = record->seen.policy;

  if (!record->has_run || !record->is_inspected || record->restart_is_told)
    return false;
  if (policy == MST_POLICY_NO)
    return true;
  return !record->was_by_daemon &&
         (record->was_by_hand || (policy == MST_POLICY_ON_FAILURE && record->has_exit_code && record->exit_code == 0));
}

static void
tell_start(const mst_book *book, mst_docker_record *record, mst_wall at)
{
  if (record->has_run && (at.ns <= record->started_at.ns || (!record->is_up && at.ns <= record->died_at.ns)))
    return; /* of a life that is over */
  if (!record->is_up && record->is_death_by_answer && is_within(at, record->seen.started_at, MST_BOOK_QUIET_NS))
    return; /* it was so short that the answer told of its end already */

  bool is_known = record->is_up && record->is_start_by_answer && is_within(at, record->started_at, MST_BOOK_QUIET_NS);
  bool by_hand = is_start_by_hand(record) && !(is_known && record->is_first_life);

  if (is_known)
    record->is_start_by_answer = false;
  else
    begin_life(book, record, at, false);
  if (by_hand) {
    hold(record, at);
    record->held_start = true;
  }
  record->was_by_hand = record->was_by_daemon = record->restart_is_told = record->is_stopping = false;
  record->killed_at = (mst_wall){0};
}

static void
tell_death(const mst_book *book, mst_docker_record *record, mst_wall at, int64_t exit_code)
{
  if (record->is_up && at.ns < record->started_at.ns) {
    if (record->owes_death)
      judge_death(book, record, at, exit_code);
    if (record->owes_death && record->seen.health == MST_HEALTH_NONE)
      become_well(book, record, record->started_at);
    record->owes_death = false;
    return;
  }
  if (!record->is_up && record->died_at.ns > 0) {
    if (record->is_death_by_answer && is_within(at, record->died_at, MST_BOOK_QUIET_NS)) {
      record->is_death_by_answer = false; /* known already, but not whose doing it was */
      if (is_within(at, record->killed_at, deadly_ns) && !record->was_by_hand) {
        hold(record, at);
        record->was_by_hand = true;
      }
      return;
    }
    if (at.ns <= record->died_at.ns)
      return;
    count_restart(record); /* its start was missed */
  }
  begin_death(record, at, false);
  record->has_run = true;
  judge_death(book, record, at, exit_code);
}

static void
tell_stop(mst_docker_record *record, mst_wall at)
{
  if (record->is_up) {
    if (at.ns > record->started_at.ns)
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
    record->killed_at = event->at;
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
    if (record->held_start) {
      record->held--;
      record->held_start = false;
    } else if (!record->is_up || !is_within(event->at, record->started_at, MST_BOOK_QUIET_NS)) {
      record->restart_is_told = true;
    }
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

static void
observe_up(const mst_book *book, mst_docker_record *record, mst_wall started_at)
{
  if (!record->has_run) {
    begin_life(book, record, started_at, true);
  } else if (record->is_up && started_at.ns > record->started_at.ns) {
    mst_wall died_at = record->seen.finished_at;

    if (died_at.ns > record->started_at.ns && died_at.ns < started_at.ns && is_failure(record))
      become_unwell(book, record, died_at);
    record->owes_death = true;
    begin_life(book, record, started_at, true);
  } else if (!record->is_up && started_at.ns > record->died_at.ns) {
    begin_life(book, record, started_at, true);
  }
}

static void
observe_down(const mst_book *book, mst_docker_record *record)
{
  const mst_docker_inspect *seen = &record->seen;
  bool was_seen = record->has_run || record->was_created;
  /* The end is the kernel's time and the start is put down after it: a life of some milliseconds ends before it begins. */
  mst_wall died_at = seen->finished_at.ns > seen->started_at.ns ? seen->finished_at : seen->started_at;

  if (seen->finished_at.ns == 0 || died_at.ns <= record->died_at.ns)
    return;
  if (record->has_run && !record->is_up)
    count_restart(record); /* it came up and died again unseen */
  begin_death(record, died_at, true);
  record->has_run = true;
  record->exit_code = seen->exit_code;
  record->has_exit_code = true;
  if (record->is_stopping) {
    hold(record, died_at);
    record->was_by_hand = true;
  } else if (!was_seen && seen->policy == MST_POLICY_ALWAYS && seen->state == MST_CONTAINER_EXITED) {
    record->was_by_hand = true; /* else the policy would have restarted it; whoever did it, it was before we looked */
  } else if (was_seen && is_failure(record)) {
    become_unwell(book, record, died_at);
  }
  record->is_stopping = false;
}

static void
observe_health(const mst_book *book, mst_docker_record *record, mst_wall now)
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

bool
mst_book_observe(mst_book *book, mst_docker_record *record, mst_wall now)
{
  const mst_docker_inspect *seen = &record->seen;
  bool is_up = seen->state == MST_CONTAINER_RUNNING || seen->state == MST_CONTAINER_PAUSED;
  mst_wall last = seen->finished_at.ns > seen->started_at.ns ? seen->finished_at : seen->started_at;
  mst_container_health health = seen->health; /* as it is said, before a new life sets it back */

  if (is_up && seen->started_at.ns > 0)
    observe_up(book, record, seen->started_at);
  else if (!is_up)
    observe_down(book, record);
  record->seen.health = health;
  if (seen->oom_killed && mst_book_oom_kills(record) == record->oom_kills_before)
    record->oom_counted = 1;
  if (is_up && record->is_up && !record->needs_inspect) /* else something has happened since it was asked */
    observe_health(book, record, now);
  if (last.ns > 0 && is_within(now, last, MST_BOOK_QUIET_NS))
    return false;

  uint64_t restarts = seen->restart_count >= record->restart_count ? seen->restart_count - record->restart_count : seen->restart_count;

  if (restarts > record->restarts_since)
    record->restarts += restarts - record->restarts_since;
  record->restart_count = seen->restart_count;
  record->restarts_since = 0;
  return true;
}

#ifndef MST_COMMON_WAIT_H
#define MST_COMMON_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include <mst/common/clock.h>

/* Condition variables on the monotonic clock of this machine: a wait is real time, whatever clock the logic is handed. */
static inline void
mst_wait_init(pthread_cond_t *cond)
{
  pthread_condattr_t attributes;

  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(cond, &attributes);
  pthread_condattr_destroy(&attributes);
}

/* Waits for a signal until that point of mst_clock_system's monotonic clock (NULL: for ever). False when the time is up. */
static inline bool
mst_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, const mst_mono *until)
{
  if (!until)
    return pthread_cond_wait(cond, lock) == 0;
  struct timespec at = {.tv_sec = until->ns / MST_NS_PER_S, .tv_nsec = until->ns % MST_NS_PER_S};
  return pthread_cond_timedwait(cond, lock, &at) == 0;
}

#endif

#ifndef MST_AGENT_BACKOFF_H
#define MST_AGENT_BACKOFF_H

#include <stdint.h>

/* Jittered exponential back-off: after the nth failure in a row a wait drawn evenly from 0 to min(most, least * 2^n), so that ten thousand
 * agents that lost the same controller come back spread out. Source: "full jitter" of
 * aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter. */
typedef struct mst_backoff {
  int64_t least_ns, most_ns; /* 0 < least <= most */
  unsigned failures;
} mst_backoff;

/* Never shorter than this, so that an unlucky draw does not make a busy loop. */
enum { MST_BACKOFF_FLOOR_NS = 50 * 1000 * 1000 };

/* Counts a failure and gives the wait. random: evenly drawn. */
int64_t mst_backoff_next(mst_backoff *backoff, uint64_t random);
/* It worked. */
void mst_backoff_reset(mst_backoff *backoff);

#endif

#ifndef MST_PROBES_WEB_LOGGED_H
#define MST_PROBES_WEB_LOGGED_H

#include <mst/probes/probe.h>

/* Whether a text stands in a file of the host, or in one of those that fit a shell pattern: looked for in their last 4 MiB, on a thread of
 * its own. Opaque; prober's thread. */
typedef struct mst_logged mst_logged;

enum { MST_LOGGED_WANTED_MAX_BYTES = 4096 };

/* done: reason is NULL when it stands there. Not called within begin, nor after mst_logged_abandon. NULL: the attempt has failed. */
mst_logged *mst_logged_begin(mst_probe_attempt *attempt, int root_fd, const char *pattern, const char *wanted,
                             void (*done)(void *arg, const char *reason), void *arg);
/* NULL is fine. */
void mst_logged_abandon(mst_logged *logged);

#endif

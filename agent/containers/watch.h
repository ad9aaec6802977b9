#ifndef MST_CONTAINERS_WATCH_H
#define MST_CONTAINERS_WATCH_H

#include <mst/agent/collector.h>

#include "book.h"
#include "usage.h"

/* The thread that talks to the daemon and measures its containers, and what it hands over. */
typedef struct mst_watch mst_watch;

typedef struct mst_watch_setup {
  const mst_clock *clock; /* borrowed, as all below, until stop */
  int root_fd;
  mst_wall booted_at;
  const char *socket;                  /* path; NULL: the usual ones below the root */
  const mst_option *expected, *ignore; /* names, patterns; NULL: none */
  int64_t recover_within_ns;
  bool uses_api;
  mst_bytes saved; /* for the call */
} mst_watch_setup;

/* How things were at one moment. Immutable once it is handed over. */
typedef struct mst_docker_snapshot {
  mst_mono at;
  bool uses_api, is_up, is_known;         /* is_known: the daemon was asked and answered, or failed */
  char reason[MST_REASON_MAX_BYTES + 1];  /* why it is not up */
  char trouble[MST_REASON_MAX_BYTES + 1]; /* why a container's answer could not be read */
  mst_docker_version version;
  unsigned api_minor; /* that is spoken */
  uint32_t counts[MST_CONTAINER_STATES];
  mst_docker_totals totals;
  mst_wall doubt_at; /* as of the book */
  char doubt[MST_DOCKER_NAME_BYTES + 1];
  mst_docker_record *records; /* owned; `source` in them means nothing */
  size_t count;
  struct mst_docker_loose {
    char id[MST_DOCKER_ID_BYTES + 1];
    mst_docker_usage usage;
  } * loose; /* owned: control groups of containers of which only the id is known */
  size_t loose_count;
  mst_buf saved; /* what belongs to exactly these counts */
} mst_docker_snapshot;
void mst_docker_snapshot_free(mst_docker_snapshot *snapshot);

/* Starts the thread. MST_ENOMEM, MST_EUSAGE (socket), MST_EIO. Saved text that cannot be read is left aside: counts begin anew then. */
mst_err mst_watch_start(const mst_watch_setup *setup, mst_watch **ret_watch, mst_errctx *ctx) MST_MUST_USE;
/* Tells that a sample is being taken, and gives what was measured since the last one, to be freed by the caller; NULL: nothing new. Does
 * not block. */
mst_docker_snapshot *mst_watch_take(mst_watch *watch);
/* Ends the thread; requests under way are dropped. */
void mst_watch_stop(mst_watch *watch);

#endif

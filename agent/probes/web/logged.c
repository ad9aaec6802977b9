/* Looking for a text in the ends of files; see logged.h. */
#include "logged.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>

enum { TAIL_BYTES = 4 * 1024 * 1024, PATH_BYTES = 4096, REASON_BYTES = 224 };

struct mst_logged {
  int root_fd;
  char pattern[PATH_BYTES];
  char wanted[MST_LOGGED_WANTED_MAX_BYTES + 1];
  char reason[REASON_BYTES]; /* the thread's until it is done; "": it stands there */
  void (*done)(void *arg, const char *reason);
  void *arg;
  mst_probe_job *job;
  bool is_abandoned;
};

#define SAY(logged, ...) ((void)snprintf((logged)->reason, sizeof(logged)->reason, __VA_ARGS__))

/* The end of a file into room. -1: errno. */
static ssize_t
read_end(const char *path, char *room)
{
  struct stat status;
  ssize_t got = 1, size = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    return -1;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    errno = EINVAL;
    return -1;
  }
  off_t from = status.st_size > TAIL_BYTES ? status.st_size - TAIL_BYTES : 0;
  while (got > 0 && size < TAIL_BYTES) {
    got = pread(fd, room + size, (size_t)(TAIL_BYTES - size), from + size);
    size += got > 0 ? got : 0;
  }
  int failed = errno;
  close(fd);
  errno = failed;
  return got < 0 ? -1 : size;
}

static void
look(void *opaque)
{
  mst_logged *logged = opaque;
  char pattern[PATH_BYTES + 32];
  glob_t found = {0};
  size_t root_bytes = (size_t)snprintf(pattern, sizeof pattern, "/proc/self/fd/%d", logged->root_fd);
  char *room = mst_alloc(TAIL_BYTES, 1);

  snprintf(pattern + root_bytes, sizeof pattern - root_bytes, "%s", logged->pattern);
  if (!room || glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
    SAY(logged, "look into %.120s: out of memory", logged->pattern);
  else if (found.gl_pathc == 0)
    SAY(logged, "look into %.120s: no such file", logged->pattern);
  else
    SAY(logged, "\"%.60s\" does not stand in the last 4 MiB of %.120s", logged->wanted, logged->pattern);
  for (size_t i = 0; room && i < found.gl_pathc && logged->reason[0]; i++) {
    ssize_t size = read_end(found.gl_pathv[i], room);
    if (size < 0)
      SAY(logged, "read %.120s: %s", found.gl_pathv[i] + root_bytes, strerror(errno));
    else if (memmem(room, (size_t)size, logged->wanted, strlen(logged->wanted)))
      logged->reason[0] = '\0';
  }
  globfree(&found);
  mst_free(room);
}

static void
on_looked(void *opaque, mst_probe_attempt *attempt)
{
  mst_logged *logged = opaque;

  if (attempt && !logged->is_abandoned)
    logged->done(logged->arg, logged->reason[0] ? logged->reason : NULL);
  mst_free(logged);
}

mst_logged *
mst_logged_begin(mst_probe_attempt *attempt, int root_fd, const char *pattern, const char *wanted,
                 void (*done)(void *arg, const char *reason), void *arg)
{
  mst_logged *logged = mst_alloc(1, sizeof *logged);

  if (!logged) {
    mst_probe_fail(attempt, "look into %.120s: out of memory", pattern);
    return NULL;
  }
  logged->root_fd = root_fd;
  logged->done = done;
  logged->arg = arg;
  snprintf(logged->pattern, sizeof logged->pattern, "%s", pattern);
  snprintf(logged->wanted, sizeof logged->wanted, "%s", wanted);
  logged->job = mst_probe_work(attempt, look, on_looked, logged);
  if (logged->job)
    return logged;
  mst_free(logged);
  return NULL;
}

void
mst_logged_abandon(mst_logged *logged)
{
  if (!logged)
    return;
  logged->is_abandoned = true;
  mst_probe_work_abandon(logged->job);
}

/* Listing folders without memory of one's own; see entries.h. */
#include "collectors/entries.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

void
mst_entries_init(mst_entries *entries, int fd)
{
  entries->fd = fd;
  entries->at = 0;
  entries->length = 0;
  entries->os_errno = lseek(fd, 0, SEEK_SET) < 0 ? errno : 0;
}

const char *
mst_entries_next(mst_entries *entries)
{
  for (;;) {
    if (entries->os_errno != 0)
      return NULL;
    if (entries->at >= entries->length) {
      ssize_t got = getdents64(entries->fd, entries->buf.bytes, sizeof entries->buf.bytes);

      if (got < 0)
        entries->os_errno = errno;
      if (got <= 0)
        return NULL;
      entries->at = 0;
      entries->length = (size_t)got;
    }

    const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries->buf.bytes + entries->at);

    entries->at += entry->d_reclen;
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      return entry->d_name;
  }
}

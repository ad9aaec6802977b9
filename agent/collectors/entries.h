#ifndef MST_AGENT_ENTRIES_H
#define MST_AGENT_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names in an open folder, read with getdents64 into 4 KB: opendir would take 32 KB each time. Loop thread only. */
typedef struct mst_entries {
  int fd;       /* borrowed */
  int os_errno; /* why the listing ended early; 0 when it did not */
  size_t at, length;
  union {
    uint64_t aligned;
    char bytes[4096];
  } buf;
} mst_entries;

/* Starts over from the folder's first entry. */
void mst_entries_init(mst_entries *entries, int fd);
/* The next name but "." and "..", valid until the next call; NULL at the end and on failure, see os_errno. */
const char *mst_entries_next(mst_entries *entries);

#endif

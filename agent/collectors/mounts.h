#ifndef MST_AGENT_MOUNTS_H
#define MST_AGENT_MOUNTS_H

#include <mst/agent/collector.h>

#include "collectors/scan.h"

/* One line of mountinfo; the texts point into it and are escaped. */
typedef struct mst_mount_line {
  uint32_t major, minor;
  mst_scan root, mountpoint, type, device;
  bool is_read_only; /* this mount or the whole file system */
} mst_mount_line;

/* MST_EMALFORMED: not "id parent major:minor root mountpoint options ... - type device options"; ret untouched. Pure.
 * Source: proc_pid_mountinfo(5). */
mst_err mst_mount_parse(mst_scan line, mst_mount_line *ret_line, mst_errctx *ctx) MST_MUST_USE;

/* Undoes the kernel's \ooo. Returns the length; size_bytes and more when it does not fit with its NUL (cut), ret is terminated anyway.
 * Pure. */
size_t mst_mount_unescape(mst_scan text, char *ret, size_t size_bytes);

typedef struct mst_mount {
  char *mountpoint, *type, *device; /* owned, one block that starts at mountpoint */
  uint32_t major, minor;
  bool is_read_only;
  bool is_whole;  /* the file system's own root is mounted, not a part of it */
  bool is_wanted; /* the plan names it */
} mst_mount;

typedef struct mst_mounts {
  mst_mount *list; /* owned */
  size_t count, capacity;
  size_t over; /* how many were left out for MST_MOUNTS_MAX */
} mst_mounts;

enum { MST_MOUNTS_MAX = 256 /* file systems of one host that are measured; bind mounts of one count once */ };

/* Which mounts to take. NULL: none given. */
typedef struct mst_mount_choice {
  const mst_option *types;  /* besides those that stand on disks */
  const mst_option *mounts; /* always, whatever their type */
  const mst_option *ignore; /* mount points never to take, as shell patterns */
} mst_mount_choice;

/* Fills *mounts (initialised or {0}; what it held goes) from the text of mountinfo: each file system once, where its whole is mounted if it
 * is, at the shortest path; not what another mount hides. A malformed line is skipped and, being the first, reported after the rest is
 * done. MST_EMALFORMED, MST_ENOMEM. */
mst_err mst_mounts_choose(const char *text, size_t length, const mst_mount_choice *choice, mst_mounts *mounts,
                          mst_errctx *ctx) MST_MUST_USE;
void mst_mounts_done(mst_mounts *mounts);

#endif

#ifndef MST_CONTAINERS_USAGE_H
#define MST_CONTAINERS_USAGE_H

#include "answers.h"
#include "collectors/scan.h"

/* What a container uses, from the files of its control group (versions 1 and 2) and /proc/PID/net/dev. Nothing is kept open: a container
 * has six such files, and a host hundreds of containers. */

/* Pure parsers; MST_EMALFORMED names what was found. Source: Linux Documentation/admin-guide/cgroup-v1 (cpuacct, memory, blkio-controller)
 * and cgroup-v2. */

/* The number behind `key` in lines of "key number"; false when there is none. */
bool mst_cgroup_find(const char *text, size_t length, const char *key, uint64_t *ret_value);
/* Sums over devices. Version 2: io.stat ("8:0 rbytes=1 wbytes=2 ..."); 1: blkio's ("8:0 Read 1"). What stands on another device (LVM) is
 * counted on both, as Docker does. */
mst_err mst_cgroup_parse_io(const char *text, size_t length, bool is_v2, uint64_t *ret_read, uint64_t *ret_written,
                            mst_errctx *ctx) MST_MUST_USE;
/* /proc/PID/net/dev without lo; at most MST_DOCKER_LINKS_MAX, the rest is left out. */
mst_err mst_cgroup_parse_network(const char *text, size_t length, mst_docker_usage *ret_usage, mst_errctx *ctx) MST_MUST_USE;

/* The paths in /proc/PID/cgroup, each empty when it has none; they point into text. */
typedef struct mst_cgroup_paths {
  mst_scan cpuacct, memory, blkio; /* version 1 */
  mst_scan unified;                /* version 2 */
} mst_cgroup_paths;
mst_err mst_cgroup_parse_paths(const char *text, size_t length, mst_cgroup_paths *ret_paths, mst_errctx *ctx) MST_MUST_USE;

/* The id of a container whose control group's folder has this name ("ID", "docker-ID.scope", "libpod-ID.scope", "cri-containerd-ID.scope");
 * false for other folders. */
bool mst_cgroup_id_of(const char *name, char ret_id[static MST_DOCKER_ID_BYTES + 1]);

typedef struct mst_usage_source mst_usage_source;
/* Finds the control group of a running container below root_fd (borrowed until close), by its process.
 * MST_EABSENT: the process is not to be seen here, is no longer this container's, or its control group is not below /sys/fs/cgroup. */
mst_err mst_usage_open(int root_fd, const char *id, uint32_t pid, bool has_network, mst_usage_source **ret_source,
                       mst_errctx *ctx) MST_MUST_USE;
/* Reads it. What cannot be read is not given (has_...). MST_EABSENT: it is gone. */
mst_err mst_usage_read(const mst_usage_source *source, mst_docker_usage *ret_usage, mst_errctx *ctx) MST_MUST_USE;
uint32_t mst_usage_pid(const mst_usage_source *source);
void mst_usage_close(mst_usage_source *source);

/* True when the process stands in a user namespace in which its root is another user of the host. */
bool mst_usage_is_mapped(int root_fd, uint32_t pid);

/* Adds what came since `last` to the sums; where a counter fell, it began anew. Memory is taken as it is. */
void mst_usage_add(mst_docker_usage *sum, const mst_docker_usage *last, const mst_docker_usage *now);

/* Every container's control group below /sys/fs/cgroup, for hosts where no socket says what there is. ret_list: to be closed each with
 * mst_usage_close and freed with mst_free. */
typedef struct mst_usage_found {
  char id[MST_DOCKER_ID_BYTES + 1];
  mst_usage_source *source; /* owned */
} mst_usage_found;
mst_err mst_usage_find_all(int root_fd, mst_usage_found **ret_list, size_t *ret_count, mst_errctx *ctx) MST_MUST_USE;
void mst_usage_found_done(mst_usage_found *list, size_t count);

#endif

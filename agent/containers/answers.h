#ifndef MST_CONTAINERS_ANSWERS_H
#define MST_CONTAINERS_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>

/* What the Docker Engine API answers, as far as it is looked at. All parse functions are pure: any thread, nothing is read outside text,
 * `length` bytes that need no NUL. They return MST_EMALFORMED when it is no JSON or a field that is needed is missing or of another kind,
 * MST_ELIMIT when there is more of a thing than is taken; the out-parameter stays untouched then.
 * Source: docs.docker.com/engine/api/v1.41, and answers of Docker 20.10.24 and Podman 4.3.1 under tests/fixtures/containers. */

enum {
  MST_DOCKER_CONTAINERS_MAX = 1000, /* listed; the series of a session end at 300 */
  MST_DOCKER_ID_BYTES = 64,
  MST_DOCKER_NAME_BYTES = 255,  /* what a label takes; names under Kubernetes reach 150 */
  MST_DOCKER_DIGEST_BYTES = 71, /* "sha256:" and 64 digits */
  MST_DOCKER_VERSION_BYTES = 63,
  MST_DOCKER_LINKS_MAX = 4, /* network interfaces of one container, without lo */
  MST_DOCKER_LINK_BYTES = 15,
};

/* Podman has more of them, which are taken for the nearest of Docker's. */
typedef enum mst_container_state {
  MST_CONTAINER_UNKNOWN,
  MST_CONTAINER_CREATED,
  MST_CONTAINER_RUNNING,
  MST_CONTAINER_PAUSED,
  MST_CONTAINER_RESTARTING,
  MST_CONTAINER_EXITED,
  MST_CONTAINER_DEAD,
  MST_CONTAINER_MISSING, /* expected, and there is none of that name */
  MST_CONTAINER_STATES
} mst_container_state;
const char *mst_container_state_name(mst_container_state state);
mst_container_state mst_container_state_parse(const char *text);

typedef enum mst_container_health { MST_HEALTH_NONE, MST_HEALTH_STARTING, MST_HEALTH_HEALTHY, MST_HEALTH_UNHEALTHY } mst_container_health;
const char *mst_container_health_name(mst_container_health health);

typedef struct mst_docker_version {
  char version[MST_DOCKER_VERSION_BYTES + 1]; /* "20.10.24+dfsg1" */
  unsigned api_minor, api_least_minor;        /* 41: API 1.41 */
  bool is_podman;
} mst_docker_version;
mst_err mst_docker_parse_version(const char *text, size_t length, mst_docker_version *ret_version, mst_errctx *ctx) MST_MUST_USE;

/* One line of GET /containers/json. */
typedef struct mst_docker_listed {
  char id[MST_DOCKER_ID_BYTES + 1], name[MST_DOCKER_NAME_BYTES + 1];
  mst_container_state state;
  mst_container_health health; /* as its status text says it */
} mst_docker_listed;
/* ret_list: to be freed with mst_free; NULL when there are none. MST_ELIMIT over MST_DOCKER_CONTAINERS_MAX. */
mst_err mst_docker_parse_list(const char *text, size_t length, mst_docker_listed **ret_list, size_t *ret_count,
                              mst_errctx *ctx) MST_MUST_USE;

typedef enum mst_docker_policy { MST_POLICY_NO, MST_POLICY_ON_FAILURE, MST_POLICY_ALWAYS /* unless-stopped too */ } mst_docker_policy;

/* GET /containers/ID/json. Times that Docker does not know (year 1) are 0. */
typedef struct mst_docker_inspect {
  char id[MST_DOCKER_ID_BYTES + 1], name[MST_DOCKER_NAME_BYTES + 1], image[MST_DOCKER_NAME_BYTES + 1];
  char image_id[MST_DOCKER_DIGEST_BYTES + 1];
  mst_container_state state;
  mst_container_health health;
  mst_docker_policy policy;
  bool oom_killed, is_privileged, is_auto_removed;
  bool is_root;         /* by its User alone; a user namespace is not seen here */
  bool has_own_network; /* not the host's nor another container's */
  unsigned capabilities;
  uint64_t restart_count;
  int64_t exit_code;
  uint32_t pid; /* 0: does not run */
  mst_wall started_at, finished_at;
} mst_docker_inspect;
mst_err mst_docker_parse_inspect(const char *text, size_t length, mst_docker_inspect *ret_inspect, mst_errctx *ctx) MST_MUST_USE;

typedef enum mst_docker_action {
  MST_ACTION_OTHER,
  MST_ACTION_CREATE,
  MST_ACTION_START,
  MST_ACTION_DIE,
  MST_ACTION_KILL,
  MST_ACTION_STOP,
  MST_ACTION_RESTART,
  MST_ACTION_OOM,
  MST_ACTION_DESTROY,
  MST_ACTION_HEALTHY,
  MST_ACTION_UNHEALTHY,
} mst_docker_action;

/* One line of GET /events. */
typedef struct mst_docker_event {
  char id[MST_DOCKER_ID_BYTES + 1], name[MST_DOCKER_NAME_BYTES + 1];
  mst_docker_action action;
  mst_wall at;
  int64_t exit_code; /* of die; -1: not said */
  int signal;        /* of kill; 0: not said */
} mst_docker_event;
/* MST_EABSENT: an event of something else than a container. */
mst_err mst_docker_parse_event(const char *text, size_t length, mst_docker_event *ret_event, mst_errctx *ctx) MST_MUST_USE;

/* The digest under which an image was pulled, from GET /images/ID/json: of the repository that `image` names when there are several.
 * MST_EABSENT: it was built or loaded here, and never pushed nor pulled. */
mst_err mst_docker_parse_digest(const char *text, size_t length, const char *image, char ret_digest[static MST_DOCKER_DIGEST_BYTES + 1],
                                mst_errctx *ctx) MST_MUST_USE;

/* What a container used. Counters since its start. */
typedef struct mst_docker_link {
  char name[MST_DOCKER_LINK_BYTES + 1];
  uint64_t received_bytes, sent_bytes;
} mst_docker_link;
typedef struct mst_docker_usage {
  bool has_cpu, has_memory, has_disk, has_network, has_oom_kills;
  int64_t user_ns, system_ns;
  uint64_t memory_bytes;
  uint64_t read_bytes, written_bytes;
  uint64_t oom_kills;
  size_t link_count;
  mst_docker_link links[MST_DOCKER_LINKS_MAX];
} mst_docker_usage;
/* GET /containers/ID/stats. Of what the host does not measure, has_... stays false. */
mst_err mst_docker_parse_stats(const char *text, size_t length, mst_docker_usage *ret_usage, mst_errctx *ctx) MST_MUST_USE;

/* The text of an error answer ({"message": ...}), at most size_bytes - 1 bytes of it, without line ends; "" when there is none. */
void mst_docker_parse_message(const char *text, size_t length, char *ret_message, size_t size_bytes);

#endif

#ifndef MST_CONTROLLER_CONFIG_H
#define MST_CONTROLLER_CONFIG_H

#include <mst/common/config.h>
#include <mst/controller/http.h>

/* One checklist that runs may be started with. */
typedef struct mst_controller_checklist {
  char *name, *file, *overlay; /* overlay: NULL when there is none */
  mst_config_place place;
} mst_controller_checklist;

/* musterd.yml. Paths are absolute or below the folder of the file. docs/configuration-controller.md has every key. */
typedef struct mst_controller_config {
  char *state_dir;
  struct {
    char *backend, *file; /* file NULL: muster.db in state_dir */
  } store;
  mst_config_strings listen;
  struct {
    char *cert_file, *key_file;
  } tls;
  mst_http_config http;
  int64_t window_ns, grace_ns, evaluate_every_ns, max_age_ns, retention_ns, key_overlap_ns;
  mst_config_list checklists; /* of mst_controller_checklist */
  char *plan;                 /* NULL: agents measure what they choose */
  char *plan_overlay;         /* NULL: none */
  struct {
    int level, format; /* mst_log_level, mst_log_format */
  } log;
  int64_t contexts;
  mst_yaml *yaml; /* what places point into; owned */
} mst_controller_config;

extern const mst_config_schema mst_controller_config_schema;

/* Reads and checks the file itself: keys, values, files that must be there. All problems go to diags; false when there was one. The caller
 * finishes *ret_config with mst_controller_config_done whatever the result. */
bool mst_controller_config_load(const char *path, mst_controller_config *ret_config, mst_diags *diags) MST_MUST_USE;
void mst_controller_config_done(mst_controller_config *config);

#endif

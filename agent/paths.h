#ifndef MST_AGENT_PATHS_H
#define MST_AGENT_PATHS_H

#include <mst/common/err.h>

/* Where things lie below state_dir. The texts are owned: finish with mst_paths_done. */
typedef struct mst_paths {
  char *key;   /* agent.key: the agent's own pair, 0600 */
  char *pins;  /* controller.pub: the controller's key (pins.h) */
  char *plan;  /* the last plan, as the controller signed it */
  char *spool; /* folder */
} mst_paths;

mst_err mst_paths_init(mst_paths *paths, const char *state_dir, mst_errctx *ctx) MST_MUST_USE;
void mst_paths_done(mst_paths *paths);

#endif

#ifndef MST_CONTROLLER_COMMANDS_H
#define MST_CONTROLLER_COMMANDS_H

#include <mst/common/err.h>

typedef enum mst_musterd_command {
  MST_MUSTERD_SERVE,
  MST_MUSTERD_CHECK,
  MST_MUSTERD_FIRST_OPERATOR,
  MST_MUSTERD_ROTATE_KEY,
  MST_MUSTERD_BACKUP,
  MST_MUSTERD_VERIFY,
} mst_musterd_command;

typedef struct mst_musterd_options {
  const char *config_path;
  mst_musterd_command command;
  const char *argument; /* NAME=KEY or a path */
} mst_musterd_options;

/* Does what the options say; serving returns after SIGTERM or SIGINT. MST_ECONFIG, MST_EUSAGE, others. */
mst_err mst_musterd_run(const mst_musterd_options *options, mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_CONTROLLER_SERVE_H
#define MST_CONTROLLER_SERVE_H

#include "config.h"

/* Serves until SIGTERM or SIGINT; SIGHUP reloads. */
mst_err mst_musterd_serve(const char *config_path, mst_errctx *ctx) MST_MUST_USE;
/* Loads the config; its errors go to standard error. The caller finishes it on success. */
mst_err mst_musterd_load_config(const char *path, mst_controller_config *ret_config, mst_errctx *ctx) MST_MUST_USE;

#endif

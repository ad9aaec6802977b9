#include "paths.h"

#include <stdio.h>

#include <mst/common/alloc.h>

static char *
join(const char *folder, const char *name)
{
  char path[4096];

  return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path ? mst_strdup(path) : NULL;
}

mst_err
mst_paths_init(mst_paths *paths, const char *state_dir, mst_errctx *ctx)
{
  *paths = (mst_paths){join(state_dir, "agent.key"), join(state_dir, "controller.pub"), join(state_dir, "plan"), join(state_dir, "spool")};
  if (paths->key && paths->pins && paths->plan && paths->spool)
    return MST_OK;
  mst_paths_done(paths);
  return mst_fail(ctx, MST_ENOMEM, "state_dir %.200s: the path is too long, or memory is out", state_dir);
}

void
mst_paths_done(mst_paths *paths)
{
  mst_free(paths->key);
  mst_free(paths->pins);
  mst_free(paths->plan);
  mst_free(paths->spool);
  *paths = (mst_paths){0};
}

#include "module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* The folder of the running executable, without its name. */
static mst_err
own_folder(char folder[static PATH_BYTES], mst_errctx *ctx)
{
  ssize_t length = readlink("/proc/self/exe", folder, PATH_BYTES - 1);

  if (length <= 0)
    return mst_fail_errno(ctx, MST_EIO, "find the agent's own folder by /proc/self/exe");
  folder[length] = '\0';
  *strrchr(folder, '/') = '\0';
  return MST_OK;
}

static mst_err
find_file(const char *module, char path[static PATH_BYTES], mst_errctx *ctx)
{
  static const char *const places[] = {"modules", MST_MODULES_FROM_PROGRAM};
  char folder[PATH_BYTES];
  mst_err err = own_folder(folder, ctx);

  for (size_t i = 0; err == MST_OK && i < sizeof places / sizeof places[0]; i++) {
    if (snprintf(path, PATH_BYTES, "%s/%s/muster-agent-%s.so", folder, places[i], module) >= PATH_BYTES)
      return mst_fail(ctx, MST_ELIMIT, "the path of module %s is too long", module);
    if (access(path, R_OK) == 0)
      return MST_OK;
  }
  return err == MST_OK ? mst_fail(ctx, MST_EIO, "the agent's module %s is not installed: no muster-agent-%s.so in %s/%s or %s/%s", module,
                                  module, folder, places[0], folder, places[1])
                       : err;
}

/* It is never unloaded: threads and exit handlers of its libraries may outlive a collector. */
static mst_err
load(const char *module, char path[static PATH_BYTES], void **ret_handle, mst_errctx *ctx)
{
  mst_err err = find_file(module, path, ctx);

  if (err != MST_OK)
    return err;

  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

  if (!handle)
    return mst_fail(ctx, MST_EIO, "load the agent's module: %s", dlerror());

  const uint32_t *version = dlsym(handle, "mst_agent_module_version");

  if (!version || *version != MST_AGENT_MODULE_VERSION)
    return mst_fail(ctx, MST_EMALFORMED, "%s is of another version of the agent: install both from one package", path);
  *ret_handle = handle;
  return MST_OK;
}

mst_err
mst_module_find(const char *module, const char *symbol, const void **ret_symbol, mst_errctx *ctx)
{
  char path[PATH_BYTES];
  void *handle = NULL;
  mst_err err = load(module, path, &handle, ctx);

  if (err != MST_OK)
    return err;

  const void *found = dlsym(handle, symbol);

  if (!found)
    return mst_fail(ctx, MST_EMALFORMED, "%s has no %s: install the agent and its modules from one package", path, symbol);
  *ret_symbol = found;
  return MST_OK;
}

mst_err
mst_module_load(const char *module, const char *collector, const mst_collector **ret_collector, mst_errctx *ctx)
{
  char path[PATH_BYTES];
  void *handle = NULL;
  mst_err err = load(module, path, &handle, ctx);

  if (err != MST_OK)
    return err;
  for (const mst_collector *const *list = dlsym(handle, "mst_agent_module"); list && *list; list++) {
    if (strcmp((*list)->name, collector) == 0) {
      *ret_collector = *list;
      return MST_OK;
    }
  }
  return mst_fail(ctx, MST_EMALFORMED, "%s has no collector %s: install the agent and its modules from one package", path, collector);
}

/* Serving: the order of starting and stopping, and the signals. */
#include "serve.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "core_parts.h"

/* Configs are kept until the end: threads may still look at one that was replaced. */
typedef struct loaded {
  mst_controller_config config;
  struct loaded *before;
} loaded;

static mst_err
load(const char *path, loaded **latest, mst_errctx *ctx)
{
  loaded *fresh = mst_alloc(1, sizeof *fresh);

  if (!fresh)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the config");
  mst_err err = mst_musterd_load_config(path, &fresh->config, ctx);
  if (err != MST_OK) {
    mst_free(fresh);
    return err;
  }
  fresh->before = *latest;
  *latest = fresh;
  return MST_OK;
}

static void
forget(loaded **latest)
{
  loaded *gone = *latest;

  *latest = gone->before;
  mst_controller_config_done(&gone->config);
  mst_free(gone);
}

/* Every agent is a descriptor. */
static void
raise_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Held back in all threads; taken up by wait_for_end alone. */
static void
block_signals(sigset_t *ret_signals)
{
  sigemptyset(ret_signals);
  sigaddset(ret_signals, SIGTERM);
  sigaddset(ret_signals, SIGINT);
  sigaddset(ret_signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
  signal(SIGPIPE, SIG_IGN);
}

static void
reload(mst_core *core, const char *path, loaded **latest)
{
  mst_errctx ctx = {0};

  mst_log(MST_LOG_INFO, "reloading", "config", path, NULL);
  mst_err err = load(path, latest, &ctx);
  if (err == MST_OK) {
    err = mst_core_reload(core, &(*latest)->config, &ctx);
    if (err == MST_ECONFIG) /* nothing of it was taken */
      forget(latest);
  }
  if (err != MST_OK)
    mst_log(MST_LOG_ERROR, "reload-failed", "reason", ctx.text, "meaning", "what was in force stays", NULL);
}

static void
wait_for_end(mst_core *core, const char *path, loaded **latest, const sigset_t *signals)
{
  for (;;) {
    int number = 0;
    if (sigwait(signals, &number) != 0)
      continue;
    if (number != SIGHUP) {
      mst_log(MST_LOG_INFO, "stopping", "signal", strsignal(number), NULL);
      return;
    }
    reload(core, path, latest);
  }
}

mst_err
mst_musterd_serve(const char *config_path, mst_errctx *ctx)
{
  mst_core *core = NULL;
  mst_http *http = NULL;
  loaded *latest = NULL;
  sigset_t signals;

  mst_err err = load(config_path, &latest, ctx);
  if (err != MST_OK)
    return err;
  const mst_controller_config *config = &latest->config;
  mst_log_start("controller", (mst_log_level)config->log.level, (mst_log_format)config->log.format, STDERR_FILENO, mst_clock_system());
  block_signals(&signals);
  raise_limit();
  mst_log(MST_LOG_INFO, "starting", "version", MST_VERSION, NULL);
  err = mst_core_create(config, mst_clock_system(), &core, ctx);
  if (err == MST_OK)
    err = mst_core_start(core, ctx);
  if (err == MST_OK)
    err = mst_http_start(core, &config->http, &http, ctx);
  if (err == MST_OK) {
    mst_log(MST_LOG_INFO, "started", NULL);
    wait_for_end(core, config_path, &latest, &signals);
  }
  mst_core_stop(core);
  mst_http_stop(http);
  mst_core_destroy(core);
  while (latest)
    forget(&latest);
  if (err == MST_OK)
    mst_log(MST_LOG_INFO, "stopped", NULL);
  return err;
}

/* Containers of Docker and Podman: whether they run and are well, what happened to them, how they are confined, what they use. */
#include "docker.h"

#include <string.h>

#include <mst/common/alloc.h>

/* Without news for this long (and three periods) the thread is taken for stuck, and what it said last for no longer true. */
static const int64_t stale_ns = 30 * MST_NS_PER_S;
/* The first answers take less, unless the daemon does not answer. */
static const int64_t silent_ns = 2 * MST_NS_PER_S;
static const int64_t most_recover_ns = 24 * 3600 * MST_NS_PER_S;

struct state {
  const mst_clock *clock;
  mst_watch *watch;
  mst_docker_snapshot *now; /* owned; NULL: nothing yet */
  mst_mono opened_at, sampled_at;
  mst_wall started_at, told_doubt_at;
};

/* The one value of an option; NULL when it is not given. */
static mst_err
one_value(const mst_collector_env *env, const char *key, const char **ret_value, mst_errctx *ctx)
{
  const mst_option *option = mst_collector_option(env, key);

  if (option && option->value_count != 1)
    return mst_fail(ctx, MST_EUSAGE, "docker: the option \"%s\" takes one value, %zu are given", key, option->value_count);
  *ret_value = option ? option->values[0] : NULL;
  return MST_OK;
}

static mst_err
read_options(const mst_collector_env *env, mst_watch_setup *setup, mst_errctx *ctx)
{
  static const char scheme[] = "unix://";
  const char *socket = NULL, *recover = NULL, *api = NULL;
  mst_err err = one_value(env, "socket", &socket, ctx);

  if (err == MST_OK)
    err = one_value(env, "recover_within", &recover, ctx);
  if (err == MST_OK)
    err = one_value(env, "api", &api, ctx);
  if (err != MST_OK)
    return err;
  if (socket && strncmp(socket, scheme, strlen(scheme)) == 0)
    socket += strlen(scheme);
  if (socket && socket[0] != '/')
    return mst_fail(ctx, MST_EUSAGE,
                    "docker: the option \"socket\" is \"%.100s\"; give the path of a Unix socket, such as /var/run/docker.sock", socket);
  if (api && strcmp(api, "yes") != 0 && strcmp(api, "no") != 0)
    return mst_fail(ctx, MST_EUSAGE, "docker: the option \"api\" is \"%.60s\"; it may be yes or no", api);
  err = mst_duration_parse(recover ? recover : "60s", &setup->recover_within_ns, ctx);
  if (err != MST_OK)
    return mst_fail_within(ctx, err, "docker: option \"recover_within\"");
  if (setup->recover_within_ns > most_recover_ns)
    return mst_fail(ctx, MST_EUSAGE, "docker: the option \"recover_within\" is over 24h");
  setup->socket = socket;
  setup->uses_api = !api || strcmp(api, "yes") == 0;
  setup->expected = mst_collector_option(env, "expected");
  setup->ignore = mst_collector_option(env, "ignore");
  return MST_OK;
}

static void
close_docker(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_watch_stop(st->watch);
  mst_docker_snapshot_free(st->now);
  mst_free(st);
}

static mst_err
open_docker(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  mst_watch_setup setup = {.clock = env->clock, .root_fd = env->root_fd, .booted_at = env->boot_at, .saved = env->saved};
  mst_err err = read_options(env, &setup, ctx);
  struct state *st;

  if (err != MST_OK)
    return err;
  st = mst_alloc(1, sizeof *st);
  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "docker: no memory for its state");
  st->clock = env->clock;
  st->opened_at = mst_clock_mono(env->clock);
  st->started_at = mst_clock_wall(env->clock);
  err = mst_watch_start(&setup, &st->watch, ctx);
  if (err != MST_OK) {
    mst_free(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

static mst_err
sample_docker(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_docker_snapshot *ready = mst_watch_take(st->watch);
  mst_mono now = mst_clock_mono(st->clock);
  int64_t period_ns = st->sampled_at.ns ? now.ns - st->sampled_at.ns : 0;

  st->sampled_at = now;
  if (ready) {
    mst_docker_snapshot_free(st->now);
    st->now = ready;
  }
  if (!st->now || !(st->now->is_known || !st->now->uses_api))
    return now.ns - st->opened_at.ns < silent_ns ? MST_OK : mst_fail(ctx, MST_ETIMEOUT, "docker: the daemon has not answered yet");
  if (now.ns - st->now->at.ns > stale_ns + 3 * period_ns)
    return mst_fail(ctx, MST_ETIMEOUT, "docker: nothing was measured since %lld s", (long long)((now.ns - st->now->at.ns) / MST_NS_PER_S));

  /* A doubt is told by an error, after which the count begins anew; one of before this start was told then. */
  bool is_in_doubt = st->now->doubt_at.ns >= st->started_at.ns && st->now->doubt_at.ns != st->told_doubt_at.ns;

  st->told_doubt_at = st->now->doubt_at;
  return mst_docker_give(st->now, mst_clock_wall(st->clock), is_in_doubt, sink, ctx);
}

static mst_err
save_docker(void *opaque, mst_buf *ret_saved, mst_errctx *ctx)
{
  const struct state *st = opaque;

  if (st->now)
    mst_buf_append(ret_saved, st->now->saved.data, st->now->saved.size_bytes);
  return mst_buf_check(ret_saved, "docker: what is kept of containers", ctx);
}

const mst_collector mst_docker_collector = {
    .name = "docker",
    .open = open_docker,
    .sample = sample_docker,
    .save = save_docker,
    .close = close_docker,
};

/* The thread of all probes: made, given probes, taken probes from, ended. docs/adr/0050. */
#include <signal.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "prober_state.h"

enum { STACK_BYTES = 512 * 1024 /* JSON parsers and TLS handshakes run on it */, FIRST_ORDERS = 16 };

void
mst_probe_result_done(mst_probe_result *result)
{
  for (size_t i = 0; i < result->figure_count; i++)
    mst_free(result->figures[i].text);
  mst_free(result->figures);
  *result = (mst_probe_result){0};
}

void
mst_prober_unref(mst_prober *prober)
{
  if (atomic_fetch_sub(&prober->users, 1) != 1)
    return;
  pthread_mutex_destroy(&prober->lock);
  mst_free(prober->orders);
  mst_free(prober);
}

void
mst_probe_unref(mst_probe *probe)
{
  if (atomic_fetch_sub(&probe->users, 1) != 1)
    return;
  if (probe->setup.kind->close && probe->config)
    probe->setup.kind->close(probe->config);
  mst_probe_result_done(&probe->newest);
  mst_probe_result_done(&probe->failed);
  mst_probe_result_done(&probe->attempt.result);
  pthread_mutex_destroy(&probe->lock);
  mst_prober_unref(probe->prober);
  mst_free(probe->texts);
  mst_free(probe);
}

/* ---- the thread ---- */

/* Carries one order out: a probe comes in, or goes. The order's reference becomes the list's, or both end. */
static void
carry_out(mst_prober *prober, mst_probe *probe)
{
  if (!probe->is_on) {
    probe->next = prober->probes;
    prober->probes = probe;
    mst_probe_switch_on(probe);
    return;
  }
  for (mst_probe **at = &prober->probes; *at; at = &(*at)->next) {
    if (*at == probe) {
      *at = probe->next;
      mst_probe_switch_off(probe); /* gives the list's reference up */
      break;
    }
  }
  mst_probe_unref(probe);
}

static void
close_all(mst_prober *prober)
{
  while (prober->probes) {
    mst_probe *probe = prober->probes;
    prober->probes = probe->next;
    mst_probe_switch_off(probe);
  }
  if (!uv_is_closing((uv_handle_t *)&prober->wake))
    uv_close((uv_handle_t *)&prober->wake, NULL);
}

static void
on_wake(uv_async_t *wake)
{
  mst_prober *prober = wake->data;

  pthread_mutex_lock(&prober->lock);
  mst_probe **orders = prober->orders;
  size_t count = prober->order_count;
  bool is_ending = prober->is_ending;
  prober->orders = NULL;
  prober->order_count = prober->order_capacity = 0;
  pthread_mutex_unlock(&prober->lock);

  for (size_t i = 0; i < count; i++)
    carry_out(prober, orders[i]);
  mst_free(orders);
  mst_probe_jobs_take_back(prober);
  if (is_ending)
    close_all(prober);
}

static void *
work(void *arg)
{
  mst_prober *prober = arg;

  uv_run(&prober->loop, UV_RUN_DEFAULT); /* ends when all handles are closed */
  pthread_mutex_lock(&prober->lock);
  prober->is_deaf = true;
  pthread_mutex_unlock(&prober->lock);
  mst_probe_jobs_take_back(prober); /* those that came while the last handles closed */
  return NULL;
}

static mst_err
start_thread(mst_prober *prober, mst_errctx *ctx)
{
  pthread_attr_t attributes;
  sigset_t all, before;

  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all); /* signals are the agent's loop's, which libuv hands on to the loop that has the child */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&prober->thread, &attributes, work, prober);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return failed == 0 ? MST_OK : mst_fail(ctx, MST_EIO, "start the thread of the probes: %s", strerror(failed));
}

mst_err
mst_prober_create(mst_prober **ret_prober, mst_errctx *ctx)
{
  mst_prober *prober = mst_alloc(1, sizeof *prober);

  if (!prober)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the prober");
  atomic_init(&prober->users, 1);
  pthread_mutex_init(&prober->lock, NULL);

  int failed = uv_loop_init(&prober->loop);

  if (failed != 0) {
    mst_prober_unref(prober);
    return mst_fail(ctx, MST_EIO, "make the loop of the probes: %s", uv_strerror(failed));
  }
  failed = uv_async_init(&prober->loop, &prober->wake, on_wake);
  prober->wake.data = prober;
  mst_err err = failed == 0 ? start_thread(prober, ctx) : mst_fail(ctx, MST_EIO, "make the loop of the probes: %s", uv_strerror(failed));
  if (err != MST_OK) {
    if (failed == 0)
      uv_close((uv_handle_t *)&prober->wake, NULL);
    uv_run(&prober->loop, UV_RUN_DEFAULT);
    uv_loop_close(&prober->loop);
    mst_prober_unref(prober);
    return err;
  }
  *ret_prober = prober;
  return MST_OK;
}

void
mst_prober_destroy(mst_prober *prober)
{
  if (!prober)
    return;
  pthread_mutex_lock(&prober->lock);
  prober->is_ending = true;
  pthread_mutex_unlock(&prober->lock);
  uv_async_send(&prober->wake);
  pthread_join(prober->thread, NULL);
  uv_loop_close(&prober->loop);
  mst_prober_unref(prober);
}

/* ---- probes come and go ---- */

/* The order's own reference goes with it. */
static mst_err
order(mst_prober *prober, mst_probe *probe, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  pthread_mutex_lock(&prober->lock);
  if (prober->order_count == prober->order_capacity) {
    size_t capacity = prober->order_capacity ? prober->order_capacity * 2 : FIRST_ORDERS;
    mst_probe **orders = mst_realloc(prober->orders, capacity, sizeof *orders);
    if (orders) {
      prober->orders = orders;
      prober->order_capacity = capacity;
    } else {
      err = mst_fail(ctx, MST_ENOMEM, "no memory for probe %s", probe->setup.options.name);
    }
  }
  if (err == MST_OK)
    prober->orders[prober->order_count++] = probe;
  pthread_mutex_unlock(&prober->lock);
  if (err == MST_OK)
    uv_async_send(&prober->wake);
  return err;
}

static char *
keep(char **at, const char *text)
{
  char *copy = *at;

  *at = stpcpy(copy, text) + 1;
  return copy;
}

/* Options, pointers to values and texts in one block: a job may outlive whoever gave them. */
static mst_err
copy_options(const mst_probe_options *from, mst_probe *probe, mst_errctx *ctx)
{
  size_t values = 0, text_bytes = strlen(from->name) + 1;

  for (size_t i = 0; i < from->option_count; i++) {
    text_bytes += strlen(from->options[i].key) + 1;
    values += from->options[i].value_count;
    for (size_t k = 0; k < from->options[i].value_count; k++)
      text_bytes += strlen(from->options[i].values[k]) + 1;
  }
  char *block = mst_alloc(from->option_count * sizeof(mst_option) + values * sizeof(char *) + text_bytes, 1);
  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the options of probe %s", from->name);
  mst_option *options = (mst_option *)(void *)block;
  const char **pointers = (const char **)(void *)(block + from->option_count * sizeof(mst_option));
  char *texts = (char *)(pointers + values);
  for (size_t i = 0; i < from->option_count; i++) {
    options[i] = (mst_option){.key = keep(&texts, from->options[i].key), .values = pointers, .value_count = from->options[i].value_count};
    for (size_t k = 0; k < from->options[i].value_count; k++)
      *pointers++ = keep(&texts, from->options[i].values[k]);
  }
  probe->texts = block;
  probe->setup.options = *from;
  probe->setup.options.name = keep(&texts, from->name);
  probe->setup.options.options = options;
  return MST_OK;
}

mst_err
mst_prober_add(mst_prober *prober, const mst_probe_setup *setup, mst_probe **ret_probe, mst_errctx *ctx)
{
  mst_probe *probe = mst_alloc(1, sizeof *probe);

  if (!probe)
    return mst_fail(ctx, MST_ENOMEM, "no memory for probe %s", setup->options.name);
  atomic_init(&probe->users, 2); /* the caller's and the list's */
  probe->prober = prober;
  atomic_fetch_add(&prober->users, 1);
  probe->setup = *setup;
  probe->added_at = mst_clock_mono(mst_clock_system());
  pthread_mutex_init(&probe->lock, NULL);
  mst_err err = copy_options(&setup->options, probe, ctx);
  if (err == MST_OK && setup->kind->open)
    err = setup->kind->open(&probe->setup.options, &probe->config, ctx);
  if (err == MST_OK)
    err = order(prober, probe, ctx);
  if (err != MST_OK) {
    mst_probe_unref(probe);
    mst_probe_unref(probe);
    return err;
  }
  *ret_probe = probe;
  return MST_OK;
}

void
mst_prober_remove(mst_prober *prober, mst_probe *probe)
{
  if (!probe)
    return;
  /* Without memory for the order it stays on until the prober ends, which gives its list's reference up; the caller's goes now. */
  if (order(prober, probe, NULL) != MST_OK)
    mst_probe_unref(probe);
}

/* ---- what came out ---- */

static mst_err
copy_result(const mst_probe_result *from, mst_probe_result *ret_result, mst_errctx *ctx)
{
  *ret_result = *from;
  ret_result->figures = NULL;
  ret_result->figure_count = 0;
  if (from->figure_count == 0)
    return MST_OK;
  ret_result->figures = mst_alloc(from->figure_count, sizeof *ret_result->figures);
  for (size_t i = 0; ret_result->figures && i < from->figure_count; i++) {
    mst_probe_figure *to = &ret_result->figures[i];
    *to = from->figures[i];
    to->text = from->figures[i].text ? mst_strdup(from->figures[i].text) : NULL;
    ret_result->figure_count++;
    if (from->figures[i].text && !to->text)
      break;
  }
  if (ret_result->figure_count == from->figure_count)
    return MST_OK;
  mst_probe_result_done(ret_result);
  return mst_fail(ctx, MST_ENOMEM, "no memory for a probe's result");
}

mst_err
mst_probe_take(mst_probe *probe, mst_probe_result *ret_result, mst_errctx *ctx)
{
  pthread_mutex_lock(&probe->lock);
  mst_err err = copy_result(probe->failed.runs > 0 ? &probe->failed : &probe->newest, ret_result, ctx);
  if (err == MST_OK) {
    ret_result->runs = probe->newest.runs;
    ret_result->ended_at = probe->newest.ended_at;
    ret_result->delay_ns = probe->longest_delay_ns;
    probe->longest_delay_ns = 0;
    probe->is_taken = true;
    mst_probe_result_done(&probe->failed);
  }
  pthread_mutex_unlock(&probe->lock);
  return err;
}

bool
mst_probe_is_overdue(const mst_probe *probe, const mst_probe_result *result, int64_t *ret_late_ns)
{
  static const int64_t slack_ns = 5 * MST_NS_PER_S; /* a host that is busy is not yet one whose prober hangs */
  int64_t limit_ns = probe->setup.every_ns + probe->setup.options.timeout_ns * (probe->setup.retries + 1) + slack_ns;
  int64_t since_ns = mst_clock_mono(mst_clock_system()).ns - (result->runs > 0 ? result->ended_at.ns : probe->added_at.ns);

  *ret_late_ns = since_ns;
  return since_ns > limit_ns;
}

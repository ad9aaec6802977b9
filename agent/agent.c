#include "agent.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>
#include <mst/common/log.h>

#include "delivery.h"
#include "notices.h"
#include "paths.h"
#include "schedule.h"
#include "session.h"

enum {
  DRAIN_MS = 1500, /* of the 2 s that a stop may take */
  HARD_STOP_MS = 1900,
  BOOT_ID_BYTES = 64,
};
#define EXPIRE_EVERY_NS (60 * MST_NS_PER_S)

enum { SIGNALS = 3 };
static const int signal_numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

typedef struct agent {
  mst_agent_config *config;
  const char *config_path;
  const mst_clock *clock;
  uv_loop_t loop;
  bool has_loop;
  uv_timer_t timer, stop_timer;
  uv_signal_t signals[SIGNALS];
  mst_paths paths;
  mst_key *key;
  mst_pins pins;
  mst_sampler *sampler;
  mst_report_writer writer;
  mst_buf saved;
  mst_session session;
  mst_spooler *spooler;
  mst_delivery *delivery;
  mst_copies copies;
  mst_notices notices;
  mst_schedule schedule;
  mst_digest plan; /* in force; zero: none */
  mst_mono expired;
  bool is_stopping, is_closed, is_late;
  bool reload;
} agent;

const char *
mst_agent_hostname(const mst_agent_config *config, char name[static 256])
{
  if (config->hostname)
    snprintf(name, 256, "%s", config->hostname);
  else if (gethostname(name, 256) < 0 || name[0] == '\0')
    snprintf(name, 256, "localhost");
  name[255] = '\0';
  return name;
}

static void
read_boot_id(const char *root, char boot_id[static BOOT_ID_BYTES])
{
  char path[4096];
  mst_buf text;

  mst_buf_init(&text, BOOT_ID_BYTES - 1);
  boot_id[0] = '\0';
  if (snprintf(path, sizeof path, "%s/proc/sys/kernel/random/boot_id", root) < (int)sizeof path &&
      mst_file_read(path, &text, NULL) == MST_OK)
    snprintf(boot_id, BOOT_ID_BYTES, "%.*s", (int)strcspn(mst_buf_text(&text), "\n"), mst_buf_text(&text));
  mst_buf_done(&text);
}

static bool
is_zero(const mst_digest *digest)
{
  const mst_digest zero = {0};

  return mst_digest_equal(digest, &zero);
}

/* ---- plan ---- */

static void plan_next(agent *a);

static void
on_plan(void *arg, const mst_plan *plan)
{
  agent *a = arg;
  char name[MST_PLAN_TEXT_MAX_BYTES + 1];
  char interval[MST_TIME_TEXT_BYTES];
  mst_errctx ctx = {0};

  if (mst_sampler_apply(a->sampler, plan, &ctx) != MST_OK) {
    mst_log(MST_LOG_ERROR, "plan-not-applied", "reason", ctx.text, NULL);
    return;
  }
  a->plan = plan->digest;
  a->schedule.interval_ns = plan->interval_ns;
  a->schedule.jitter_ratio = plan->jitter_ratio;
  mst_notices_reset(&a->notices);
  snprintf(name, sizeof name, "%.*s", (int)plan->name.size_bytes, plan->name.data ? plan->name.data : "");
  mst_log(MST_LOG_INFO, "plan-in-force", "plan", name, "interval", mst_duration_format(plan->interval_ns, interval), NULL);
  if (a->delivery && !a->is_stopping)
    plan_next(a);
}

static mst_err
load_plan(agent *a, mst_errctx *ctx)
{
  mst_errctx why = {0};
  mst_plan plan;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_PLAN_MAX_BYTES);
  mst_err err = mst_file_read(a->paths.plan, &bytes, &why);
  if (err == MST_OK)
    err = mst_pins_open_plan(&a->pins, bytes.data, bytes.size_bytes, &plan, &why);
  if (err == MST_OK) {
    on_plan(a, &plan);
    mst_plan_done(&plan);
  } else if (err != MST_EABSENT) {
    mst_log(MST_LOG_WARN, "saved-plan-ignored", "reason", why.text, NULL);
  }
  mst_buf_done(&bytes);
  return is_zero(&a->plan) ? mst_sampler_apply(a->sampler, NULL, ctx) : MST_OK;
}

/* ---- reports ---- */

static void
make_report(agent *a, mst_session_items *items)
{
  const mst_spool_stats stats = mst_spooler_stats(a->spooler);
  mst_errctx ctx = {0};
  mst_report_header header = {
      .at = mst_clock_wall(a->clock),
      .interval_ns = a->schedule.interval_ns,
      .plan = a->plan,
      .spool_records = stats.records + 1,
      .spool_bytes = stats.bytes,
      .lost_records = stats.lost_records,
      .lost_samples = stats.lost_samples,
  };

  header.offset_known = mst_offset_get(mst_delivery_offset(a->delivery), header.at, mst_clock_mono(a->clock), &header.offset_ns);
  mst_report_writer_reset(&a->writer);
  mst_buf_reset(&a->saved);
  mst_err err = mst_sampler_tick(a->sampler, &a->writer, &ctx);
  if (err == MST_OK)
    err = mst_sampler_save(a->sampler, &a->saved, &ctx);
  if (err == MST_OK)
    err = mst_session_define(&a->session, a->sampler, items, &ctx);
  header.definitions = mst_sampler_series_count(a->sampler);
  if (err == MST_OK)
    err = mst_session_report(&a->session, &a->writer, &header, (mst_bytes){a->saved.data, a->saved.size_bytes}, items, &ctx);
  if (err == MST_OK)
    return;
  mst_log(MST_LOG_ERROR, "report-not-made", "reason", ctx.text, NULL);
  if (err == MST_ELIMIT) {
    mst_delivery_keep(a->delivery, items); /* its definitions, which come before it */
    mst_delivery_lose(a->delivery, mst_session_skip(&a->session), a->writer.sample_count, "too_big");
  }
}

static void
on_timer(uv_timer_t *timer)
{
  agent *a = timer->data;
  mst_session_items items = {0};
  mst_mono now = mst_clock_mono(a->clock);

  plan_next(a);
  make_report(a, &items);
  mst_notices_say(&a->notices, a->sampler);
  if (items.count > 0)
    mst_delivery_keep(a->delivery, &items);
  mst_session_items_done(&items);
  if (now.ns - a->expired.ns >= EXPIRE_EVERY_NS) {
    a->expired = now;
    mst_delivery_expire(a->delivery);
  }
}

static void
plan_next(agent *a)
{
  uint32_t random;

  mst_random_bytes(&random, sizeof random);
  int64_t wait_ns = mst_schedule_wait(&a->schedule, mst_clock_wall(a->clock), random);
  uv_update_time(&a->loop);
  uv_timer_start(&a->timer, on_timer, (uint64_t)((wait_ns + MST_NS_PER_MS - 1) / MST_NS_PER_MS), 0);
}

/* ---- stop and reload ---- */

static void
close_all(agent *a)
{
  if (a->is_closed)
    return;
  a->is_closed = true;
  mst_delivery_close(a->delivery);
  uv_close((uv_handle_t *)&a->timer, NULL);
  for (size_t i = 0; i < SIGNALS; i++)
    uv_close((uv_handle_t *)&a->signals[i], NULL);
}

static void
on_hard_stop(uv_timer_t *timer)
{
  agent *a = timer->data;

  a->is_late = true;
  uv_stop(&a->loop);
}

static void
on_drain_over(uv_timer_t *timer)
{
  agent *a = timer->data;

  close_all(a);
  uv_timer_start(timer, on_hard_stop, HARD_STOP_MS - DRAIN_MS, 0);
}

static void
on_progress(void *arg)
{
  agent *a = arg;

  if (a->is_stopping && !a->is_closed && (!mst_delivery_is_up(a->delivery) || mst_delivery_is_drained(a->delivery)))
    close_all(a);
}

static void
stop(agent *a)
{
  if (a->is_stopping)
    return;
  a->is_stopping = true;
  uv_timer_stop(&a->timer);
  uv_timer_start(&a->stop_timer, on_drain_over, DRAIN_MS, 0);
  on_progress(a);
}

static void
reload(agent *a)
{
  mst_agent_config config;
  mst_diags diags;
  char line[1024];

  mst_diags_init(&diags);
  if (mst_agent_config_load(a->config_path, &config, &diags)) {
    mst_agent_config_done(a->config);
    *a->config = config;
    a->reload = true;
    mst_log(MST_LOG_INFO, "config-reloaded", "file", a->config_path, NULL);
    stop(a);
  } else {
    for (size_t i = 0; i < diags.count; i++)
      mst_log(MST_LOG_ERROR, "config-error", "error", mst_diag_format(&diags.list[i], line, sizeof line), NULL);
    mst_log(MST_LOG_ERROR, "config-not-reloaded", "file", a->config_path, "now", "the old config stays in force", NULL);
  }
  mst_diags_done(&diags);
}

static void
on_signal(uv_signal_t *signal, int number)
{
  agent *a = signal->data;

  if (a->is_stopping)
    return;
  if (number == SIGHUP) {
    reload(a);
  } else {
    mst_log(MST_LOG_INFO, "stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
    stop(a);
  }
}

/* ---- start ---- */

static mst_err
open_identity(agent *a, mst_errctx *ctx)
{
  mst_err err = mst_paths_init(&a->paths, a->config->state_dir, ctx);

  if (err == MST_OK)
    err = mst_key_load(a->paths.key, NULL, &a->key, ctx);
  if (err == MST_OK)
    err = mst_pins_load(a->paths.pins, &a->pins, ctx);
  if (err == MST_EABSENT)
    err = mst_fail(ctx, MST_EABSENT,
                   "%s: this host is not enrolled; get a token from `muster token new` and run `muster-agent enrol TOKEN --config %s`",
                   a->config->state_dir, a->config_path);
  return err;
}

/* Follows from the host's own key, so that it stays the same over restarts and nobody else has it. An Ed25519 signature is a function of
 * key and message (RFC 8032 section 5.1.6), and this one is never given away. */
static mst_err
derive_fingerprint_key(const mst_key *key, uint8_t ret_key[static 32], mst_errctx *ctx)
{
  uint8_t signature[MST_SIGNATURE_BYTES];
  mst_err err = mst_key_sign(key, "muster/1/fingerprint-key", "", 0, signature, ctx);

  if (err == MST_OK) {
    mst_digest digest = mst_digest_of("muster/1/fingerprint-key", signature, sizeof signature);
    memcpy(ret_key, digest.bytes, 32);
  }
  return err;
}

static mst_err
open_sampler(agent *a, mst_bytes saved, mst_errctx *ctx)
{
  uint8_t fingerprint_key[32] = {0};
  const mst_sampler_setup setup = {
      .root = a->config->root,
      .clock = a->clock,
      .forbidden = (const char *const *)a->config->forbid.collectors.items,
      .forbidden_count = a->config->forbid.collectors.count,
      .allow = &a->config->allow,
      .fingerprint_key = fingerprint_key,
      .saved = saved,
  };
  mst_sampler_setup anew = setup;
  mst_errctx why = {0};

  mst_err err = derive_fingerprint_key(a->key, fingerprint_key, &why);
  if (err == MST_OK)
    err = mst_sampler_create(&setup, &a->sampler, &why);
  if (err == MST_EMALFORMED) {
    mst_log(MST_LOG_ERROR, "saved-state-ignored", "reason", why.text, "now", "collectors begin anew", NULL);
    anew.saved = (mst_bytes){0};
    err = mst_sampler_create(&anew, &a->sampler, &why);
  }
  return err == MST_OK ? load_plan(a, ctx) : mst_fail(ctx, err, "%s", why.text);
}

static mst_err
open_spool(agent *a, mst_errctx *ctx)
{
  const mst_spool_setup setup = {
      .folder = a->paths.spool,
      .ledger = a->config->ledger,
      .max_bytes = a->config->spool.max_bytes,
      .max_age_ns = a->config->spool.max_age_ns,
      .sync = a->config->spool.sync,
      .clock = a->clock,
  };
  char hostname[256];
  char boot_id[BOOT_ID_BYTES];
  char figures[2][24];
  mst_spool *spool = NULL;

  read_boot_id(a->config->root, boot_id);
  mst_session_init(&a->session, a->key, a->clock, mst_agent_hostname(a->config, hostname), boot_id);
  mst_err err = mst_spool_open(&setup, &spool, ctx);
  if (err == MST_OK)
    err = mst_spool_begin(spool, &a->session.id, ctx);
  if (err == MST_OK)
    err = open_sampler(a, mst_spool_saved(spool), ctx);
  if (err == MST_OK)
    err = mst_spooler_create(&a->loop, spool, on_progress, a, &a->spooler, ctx);
  if (err != MST_OK) {
    mst_spool_destroy(spool);
    return err;
  }
  const mst_spool_stats stats = mst_spooler_stats(a->spooler);
  snprintf(figures[0], sizeof figures[0], "%llu", (unsigned long long)stats.records);
  snprintf(figures[1], sizeof figures[1], "%llu", (unsigned long long)stats.cut_bytes);
  if (stats.cut_bytes > 0)
    mst_log(MST_LOG_WARN, "spool-cut", "bytes", figures[1], "why", "half-written or corrupt; whole records among them are counted as lost",
            NULL);
  if (stats.records > 0)
    mst_log(MST_LOG_INFO, "spool-backlog", "records", figures[0], NULL);
  return MST_OK;
}

static mst_err
open_delivery(agent *a, mst_errctx *ctx)
{
  const mst_agent_config *config = a->config;
  const mst_delivery_setup setup = {
      .loop = &a->loop,
      .clock = a->clock,
      .spooler = a->spooler,
      .session = &a->session,
      .pins = &a->pins,
      .pins_path = a->paths.pins,
      .plan_path = a->paths.plan,
      .plan = a->plan,
      .copies = &a->copies,
      .uplink = {.urls = (const char *const *)config->controllers.items,
                 .url_count = config->controllers.count,
                 .ca_file = config->tls.ca_file,
                 .server_name = config->tls.server_name,
                 .timeout_ns = config->uplink.timeout_ns,
                 .backoff_max_ns = config->uplink.backoff_max_ns},
      .on_plan = on_plan,
      .on_progress = on_progress,
      .arg = a,
  };

  for (size_t i = 0; i < config->controllers.count; i++)
    if (strncmp(config->controllers.items[i], "tcp://", 6) == 0 && !mst_agent_url_is_local(config->controllers.items[i]))
      mst_log(MST_LOG_WARN, "link-not-encrypted", "url", config->controllers.items[i], "advice",
              "reports are signed but readable on the way; use tls+tcp:// between hosts", NULL);
  mst_err err = mst_copies_open(&a->copies, config->copies, ctx);
  return err == MST_OK ? mst_delivery_create(&setup, &a->delivery, ctx) : err;
}

static void
start(agent *a)
{
  char hostname[256];
  char id[MST_KEY_ID_HEX_BYTES];
  const mst_key_id key_id = mst_key_id_of(mst_key_public(a->key));

  uv_timer_init(&a->loop, &a->timer);
  uv_timer_init(&a->loop, &a->stop_timer);
  uv_unref((uv_handle_t *)&a->stop_timer); /* it must not keep a stopped agent alive */
  a->timer.data = a->stop_timer.data = a;
  for (size_t i = 0; i < SIGNALS; i++) {
    uv_signal_init(&a->loop, &a->signals[i]);
    a->signals[i].data = a;
    uv_signal_start(&a->signals[i], on_signal, signal_numbers[i]);
  }
  a->schedule.seed = mst_schedule_seed(&key_id);
  mst_log(MST_LOG_INFO, "started", "version", MST_VERSION, "host", mst_agent_hostname(a->config, hostname), "key",
          mst_key_id_hex(&key_id, id), NULL);
  mst_delivery_start(a->delivery);
  uv_timer_start(&a->timer, on_timer, 0, 0); /* the first report, right now */
}

static void
close_agent(agent *a)
{
  mst_delivery_destroy(a->delivery);
  mst_copies_close(&a->copies);
  mst_spooler_destroy(a->spooler);
  mst_report_writer_done(&a->writer);
  mst_buf_done(&a->saved);
  mst_sampler_destroy(a->sampler);
  mst_notices_done(&a->notices);
  mst_key_destroy(a->key);
  mst_paths_done(&a->paths);
  if (a->has_loop) {
    uv_run(&a->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&a->loop);
  }
}

mst_err
mst_agent_run(mst_agent_config *config, const char *config_path, const mst_clock *clock, bool *ret_reload, mst_errctx *ctx)
{
  agent a = {.config = config, .config_path = config_path, .clock = clock, .copies = {.fd = -1}};

  a.schedule = (mst_schedule){.interval_ns = config->interval_ns, .jitter_ratio = config->jitter_ratio};
  a.expired = mst_clock_mono(clock);
  mst_report_writer_init(&a.writer);
  mst_buf_init(&a.saved, MST_SPOOL_SAVED_MAX_BYTES);
  if (uv_loop_init(&a.loop) != 0)
    return mst_fail(ctx, MST_EIO, "no event loop");
  a.has_loop = true;
  mst_err err = open_identity(&a, ctx);
  if (err == MST_OK)
    err = open_spool(&a, ctx);
  if (err == MST_OK)
    err = open_delivery(&a, ctx);
  if (err != MST_OK) {
    close_agent(&a);
    return err;
  }
  start(&a);
  uv_run(&a.loop, UV_RUN_DEFAULT);
  if (a.is_late) {
    /* The disk or the link hangs; whoever called leaves the process, and the spool is safe at any point. */
    return mst_fail(ctx, a.reload ? MST_EIO : MST_ETIMEOUT, "a disk or a link did not let go within %d ms", HARD_STOP_MS);
  }
  uv_close((uv_handle_t *)&a.stop_timer, NULL);
  mst_log(MST_LOG_INFO, "stopped", NULL);
  *ret_reload = a.reload;
  close_agent(&a);
  return MST_OK;
}

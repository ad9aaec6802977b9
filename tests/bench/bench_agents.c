/* Many simulated agents against one real controller: real keys, real envelopes, one connection each.
 * usage: bench_agents --url URL --token TOKEN --agents N --seconds S [--interval-ms MS] [--samples N] [--ca FILE] [--pid PID]
 * Enrols N agents, defines their series, then every agent sends a report each interval, spread evenly, for S seconds. Prints one line of
 * JSON: reports acknowledged, latest acknowledgement after its due time, quantiles, the controller's CPU and peak memory when --pid names
 * it, and, when connections broke and came back, how long it took until all agents were acknowledged again. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>
#include <mst/common/file.h>
#include <mst/common/hist.h>
#include <mst/common/key.h>
#include <mst/proto/enrol.h>
#include <mst/proto/reply.h>
#include <mst/proto/report.h>

enum { REPLY_TIMEOUT_MS = 5000, FIRST_TIMEOUT_MS = 60000, IN_FLIGHT_MAX = 256, RETRY_MS = 1000 };

typedef enum phase { ENROLLING, DEFINING, REPORTING } phase;

typedef struct agent {
  nng_socket socket;
  nng_ctx ctx;
  nng_aio *aio;
  mst_key *key;
  mst_session_id session;
  uint64_t sequence;
  phase phase;
  bool receiving, failed_since_ack;
  int64_t due_ns; /* monotonic: when the present record should have gone */
  mst_buf envelope;
  mst_digest digest;
  atomic_bool busy;
  int64_t retry_at_ns; /* send the same bytes again */
} agent;

static struct {
  const char *url, *ca;
  mst_token token;
  int count, seconds, samples, pid;
  int64_t interval_ns;
} options = {.count = 100, .seconds = 30, .samples = 150, .interval_ns = 10 * MST_NS_PER_S};

static agent *agents;
static nng_tls_config *tls;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static mst_hist latency;
static uint64_t acknowledged, refused, resent, broken, ready;
static int64_t latest_ns, first_break_ns, last_recovery_ns;

static int64_t
now_ns(void)
{
  return mst_clock_mono(mst_clock_system()).ns;
}

static void
die(const char *what, const char *why)
{
  fprintf(stderr, "bench_agents: %s: %s\n", what, why);
  exit(70);
}

static void
check(int code, const char *what)
{
  if (code != 0)
    die(what, nng_strerror(code));
}

static void
check_mst(mst_err err, const char *what, const mst_errctx *ctx)
{
  if (err != MST_OK)
    die(what, ctx->text[0] ? ctx->text : mst_err_text(err));
}

static mst_text
text(const char *from)
{
  return (mst_text){from, strlen(from)};
}

static void
build_body(agent *a, mst_buf *body)
{
  mst_errctx ctx = {0};

  if (a->phase == ENROLLING) {
    char name[32];
    snprintf(name, sizeof name, "sim-%d", (int)(a - agents));
    mst_enrol enrol = {.key = *mst_key_public(a->key), .hostname = text(name), .agent_version = text("bench")};
    memcpy(enrol.token_id, options.token.id, sizeof enrol.token_id);
    mst_enrol_tag(options.token.secret, &enrol.key, enrol.hostname, enrol.tag);
    check_mst(mst_enrol_encode(&enrol, body, &ctx), "enrol", &ctx);
  } else if (a->phase == DEFINING) {
    static char names[1024][32];
    static mst_series series[1024];
    if (names[0][0] == '\0')
      for (int i = 0; i < options.samples; i++) {
        snprintf(names[i], sizeof names[i], "bench.signal.%03d", i);
        series[i] = (mst_series){.name = text(names[i]), .kind = i % 3 ? MST_SIGNAL_GAUGE : MST_SIGNAL_COUNTER, .unit = text("1")};
      }
    for (int i = 0; i < options.samples; i += 3) /* every host was booted at another time */
      series[i].start_at = (mst_wall){((int64_t)1700000000 + (a - agents)) * MST_NS_PER_S};
    mst_definitions header = {
        .boot_id = text("bench"), .agent_version = text("bench"), .hostname = text("bench"), .count = (uint32_t)options.samples};
    check_mst(mst_definitions_encode(&header, series, body, &ctx), "definitions", &ctx);
  } else {
    mst_report_writer writer;
    mst_report_header header = {.at = mst_clock_wall(mst_clock_system()),
                                .interval_ns = options.interval_ns,
                                .definitions = (uint32_t)options.samples,
                                .spool_records = 1};
    mst_report_writer_init(&writer);
    for (int i = 0; i < options.samples; i++)
      check_mst(mst_report_write_number(&writer, (uint32_t)i,
                                        i % 3 ? 0.25 * i + (double)(a->sequence % 7) : (double)(a->sequence * 1000 + (uint64_t)i), &ctx),
                "report", &ctx);
    check_mst(mst_report_writer_finish(&writer, &header, body, &ctx), "report", &ctx);
    mst_report_writer_done(&writer);
  }
}

static void
build(agent *a)
{
  static const mst_envelope_kind kinds[] = {
      [ENROLLING] = MST_ENVELOPE_ENROL, [DEFINING] = MST_ENVELOPE_DEFINITIONS, [REPORTING] = MST_ENVELOPE_REPORT};
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  build_body(a, &body);
  mst_envelope envelope = {.version = MST_WIRE_VERSION,
                           .session = a->session,
                           .sequence = a->phase == ENROLLING ? 0 : ++a->sequence,
                           .sent_at = mst_clock_wall(mst_clock_system()),
                           .kind = kinds[a->phase],
                           .body = {body.data, body.size_bytes}};
  mst_buf_reset(&a->envelope);
  check_mst(mst_envelope_encode(&envelope, a->key, &a->envelope, &ctx), "envelope", &ctx);
  a->digest = mst_envelope_digest(a->envelope.data, a->envelope.size_bytes);
  mst_buf_done(&body);
}

static void
send_envelope(agent *a)
{
  nng_msg *message;

  check(nng_msg_alloc(&message, a->envelope.size_bytes), "message");
  memcpy(nng_msg_body(message), a->envelope.data, a->envelope.size_bytes);
  a->receiving = false;
  nng_aio_set_timeout(a->aio, a->phase == REPORTING ? REPLY_TIMEOUT_MS : FIRST_TIMEOUT_MS);
  nng_aio_set_msg(a->aio, message);
  nng_ctx_send(a->ctx, a->aio);
}

static void
acknowledge(agent *a, const mst_reply *reply)
{
  int64_t now = now_ns(), late_ns = now - a->due_ns;

  pthread_mutex_lock(&lock);
  if (reply->status != MST_REPLY_STORED) {
    refused++;
  } else if (a->phase == REPORTING) {
    acknowledged++;
    mst_err err = mst_hist_add(&latency, (double)late_ns / 1e9, 1, NULL);
    (void)err;
    latest_ns = late_ns > latest_ns ? late_ns : latest_ns;
  }
  if (a->failed_since_ack && reply->status == MST_REPLY_STORED) {
    a->failed_since_ack = false;
    last_recovery_ns = now;
  }
  if (reply->status == MST_REPLY_STORED && a->phase != REPORTING && ++a->phase == REPORTING)
    ready++;
  pthread_mutex_unlock(&lock);
  atomic_store(&a->busy, false);
}

static void
retry(agent *a)
{
  pthread_mutex_lock(&lock);
  broken++;
  if (first_break_ns == 0)
    first_break_ns = now_ns();
  a->failed_since_ack = true;
  pthread_mutex_unlock(&lock);
  /* Jittered, as the real agent does: a stampede of handshakes would only last longer. */
  a->retry_at_ns = now_ns() + RETRY_MS * MST_NS_PER_MS + (int64_t)(rand() % 3000) * MST_NS_PER_MS;
}

static void
on_aio(void *user)
{
  agent *a = user;
  mst_errctx ctx = {0};
  mst_reply reply;

  if (nng_aio_result(a->aio) != 0) {
    if (!a->receiving && nng_aio_get_msg(a->aio))
      nng_msg_free(nng_aio_get_msg(a->aio));
    nng_aio_set_msg(a->aio, NULL);
    retry(a);
    return;
  }
  if (!a->receiving) {
    a->receiving = true;
    nng_ctx_recv(a->ctx, a->aio);
    return;
  }
  nng_msg *message = nng_aio_get_msg(a->aio);
  nng_aio_set_msg(a->aio, NULL);
  if (mst_reply_open(nng_msg_body(message), nng_msg_len(message), &options.token.controller, &a->digest, &reply, &ctx) != MST_OK)
    die("reply", ctx.text);
  acknowledge(a, &reply);
  nng_msg_free(message);
}

static void
start_agent(agent *a, int number)
{
  mst_errctx ctx = {0};
  nng_dialer dialer;
  uint8_t seed[32] = {0};

  memcpy(seed, &number, sizeof number);
  mst_random_bytes(seed + 8, sizeof seed - 8);
  check_mst(mst_key_create_from_seed(seed, &a->key, &ctx), "key", &ctx);
  mst_random_bytes(a->session.bytes, sizeof a->session.bytes);
  mst_buf_init(&a->envelope, MST_ENVELOPE_MAX_BYTES);
  check(nng_req0_open(&a->socket), "socket");
  check(nng_socket_set_ms(a->socket, NNG_OPT_REQ_RESENDTIME, 3600 * 1000), "resend time");
  check(nng_socket_set_ms(a->socket, NNG_OPT_RECONNMINT, 1000 + rand() % 4000), "reconnect");
  check(nng_socket_set_ms(a->socket, NNG_OPT_RECONNMAXT, 20000), "reconnect");
  check(nng_ctx_open(&a->ctx, a->socket), "context");
  check(nng_aio_alloc(&a->aio, on_aio, a), "aio");
  check(nng_dialer_create(&dialer, a->socket, options.url), "dialer");
  if (tls)
    check(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tls), "tls");
  check(nng_dialer_start(dialer, NNG_FLAG_NONBLOCK), "dial");
}

static double
cpu_seconds(int pid)
{
  char path[64], line[1024];
  unsigned long user = 0, system_ = 0;

  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file)
    return 0;
  if (fgets(line, sizeof line, file)) {
    const char *after = strrchr(line, ')');
    if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_) != 2)
      user = system_ = 0;
  }
  fclose(file);
  return (double)(user + system_) / (double)sysconf(_SC_CLK_TCK);
}

static long
peak_kilobytes(int pid)
{
  char path[64], line[256];
  long peak = 0;

  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %ld kB", &peak) == 1)
      break;
  if (file)
    fclose(file);
  return peak;
}

static void
pause_until(int64_t at_ns)
{
  struct timespec at = {.tv_sec = at_ns / MST_NS_PER_S, .tv_nsec = at_ns % MST_NS_PER_S};

  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* CPU of one bare libsodium verification of the bytes of one report's envelope: what the controller is measured against. One every 5 ms
 * while the controller works, so that both meet the same clock rate, caches and neighbours: in a tight loop afterwards it differed by half
 * from run to run on a virtual machine. */
static atomic_bool is_over;
static double verify_us;

static void *
verify_bare(void *arg)
{
  agent own = {.phase = REPORTING};
  mst_errctx ctx = {0};
  mst_envelope envelope;
  struct timespec before, after;
  uint64_t rounds = 0;
  double total_us = 0;

  (void)arg;
  check_mst(mst_key_create(&own.key, &ctx), "key", &ctx);
  mst_buf_init(&own.envelope, MST_ENVELOPE_MAX_BYTES);
  build(&own);
  check_mst(mst_envelope_decode(own.envelope.data, own.envelope.size_bytes, &envelope, &ctx), "decode", &ctx);
  for (; !atomic_load(&is_over); rounds++) {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    check_mst(mst_envelope_verify(&envelope, mst_key_public(own.key), &ctx), "verify", &ctx);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    total_us += (double)(after.tv_sec - before.tv_sec) * 1e6 + (double)(after.tv_nsec - before.tv_nsec) / 1e3;
    pause_until(now_ns() + 5 * MST_NS_PER_MS);
  }
  verify_us = rounds ? total_us / (double)rounds : 0;
  mst_buf_done(&own.envelope);
  mst_key_destroy(own.key);
  return NULL;
}

static uint64_t
ready_count(void)
{
  pthread_mutex_lock(&lock);
  uint64_t count = ready;
  pthread_mutex_unlock(&lock);
  return count;
}

/* Enrols and defines, a bounded number at a time. */
static void
prepare(void)
{
  int64_t until = now_ns() + 600 * MST_NS_PER_S;

  while (ready_count() < (uint64_t)options.count) {
    int busy = 0;
    for (int i = 0; i < options.count; i++)
      busy += atomic_load(&agents[i].busy);
    for (int i = 0; i < options.count && busy < IN_FLIGHT_MAX; i++) {
      agent *a = &agents[i];
      if (a->phase == REPORTING)
        continue;
      if (!atomic_load(&a->busy)) {
        atomic_store(&a->busy, true);
        a->retry_at_ns = 0;
        a->due_ns = now_ns();
        build(a);
        send_envelope(a);
        busy++;
      } else if (a->retry_at_ns && now_ns() >= a->retry_at_ns) {
        a->retry_at_ns = 0;
        send_envelope(a);
      }
    }
    if (now_ns() > until)
      die("prepare", "not all agents could enrol within 10 minutes");
    pause_until(now_ns() + MST_NS_PER_MS);
  }
}

/* Every agent's reports are due at its own phase of the interval. An agent whose last report is not acknowledged yet sends that first. */
static void
report_all(int64_t start_ns)
{
  int64_t end_ns = start_ns + options.seconds * MST_NS_PER_S;

  for (int i = 0; i < options.count; i++)
    agents[i].due_ns = start_ns + options.interval_ns * i / options.count - options.interval_ns;
  for (int64_t now = now_ns(); now < end_ns; now = now_ns()) {
    for (int i = 0; i < options.count; i++) {
      agent *a = &agents[i];
      if (atomic_load(&a->busy)) {
        if (a->retry_at_ns && now >= a->retry_at_ns) {
          a->retry_at_ns = 0;
          pthread_mutex_lock(&lock);
          resent++;
          pthread_mutex_unlock(&lock);
          send_envelope(a);
        }
        continue;
      }
      if (now < a->due_ns + options.interval_ns)
        continue;
      a->due_ns += options.interval_ns;
      if (now - a->due_ns > options.interval_ns) /* after an outage: not all that was missed at once */
        a->due_ns = now;
      atomic_store(&a->busy, true);
      build(a);
      send_envelope(a);
    }
    pause_until(now + MST_NS_PER_MS);
  }
}

static void
parse(int argc, char **argv)
{
  static const struct option longs[] = {{"url", 1, NULL, 'u'},     {"token", 1, NULL, 't'},   {"agents", 1, NULL, 'n'},
                                        {"seconds", 1, NULL, 's'}, {"samples", 1, NULL, 'm'}, {"interval-ms", 1, NULL, 'i'},
                                        {"ca", 1, NULL, 'c'},      {"pid", 1, NULL, 'p'},     {0}};
  mst_errctx ctx = {0};
  const char *token = NULL;
  int chosen;

  while ((chosen = getopt_long(argc, argv, "", longs, NULL)) != -1) {
    switch (chosen) {
    case 'u':
      options.url = optarg;
      break;
    case 't':
      token = optarg;
      break;
    case 'n':
      options.count = (int)strtol(optarg, NULL, 10);
      break;
    case 's':
      options.seconds = (int)strtol(optarg, NULL, 10);
      break;
    case 'm':
      options.samples = (int)strtol(optarg, NULL, 10);
      break;
    case 'i':
      options.interval_ns = strtoll(optarg, NULL, 10) * MST_NS_PER_MS;
      break;
    case 'c':
      options.ca = optarg;
      break;
    case 'p':
      options.pid = (int)strtol(optarg, NULL, 10);
      break;
    default:
      exit(64);
    }
  }
  if (!options.url || !token || options.count < 1 || options.samples < 1 || options.samples > 1024)
    die("arguments", "--url, --token, --agents and --samples up to 1024 are needed");
  check_mst(mst_token_parse(token, &options.token, &ctx), "token", &ctx);
}

int
main(int argc, char **argv)
{
  mst_errctx ctx = {0};

  parse(argc, argv);
  check_mst(mst_crypto_start(&ctx), "crypto", &ctx);
  mst_hist_init(&latency);
  if (options.ca) {
    check(nng_tls_config_alloc(&tls, NNG_TLS_MODE_CLIENT), "tls");
    check(nng_tls_config_ca_file(tls, options.ca), "ca");
  }
  agents = mst_alloc((size_t)options.count, sizeof *agents);
  for (int i = 0; agents && i < options.count; i++)
    start_agent(&agents[i], i);
  int64_t began = now_ns();
  prepare();
  double prepared_s = (double)(now_ns() - began) / 1e9, cpu_before = cpu_seconds(options.pid);
  fprintf(stderr, "bench_agents: %d agents ready after %.1f s\n", options.count, prepared_s);
  int64_t start = now_ns();
  pthread_t verifier;
  check(pthread_create(&verifier, NULL, verify_bare, NULL), "thread");
  report_all(start);
  double elapsed_s = (double)(now_ns() - start) / 1e9, cpu_s = cpu_seconds(options.pid) - cpu_before;
  atomic_store(&is_over, true);
  check(pthread_join(verifier, NULL), "thread");
  pthread_mutex_lock(&lock);
  printf("{\"agents\": %d, \"seconds\": %.1f, \"acknowledged\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"resent\": %" PRIu64
         ", \"broken\": %" PRIu64
         ", \"latest_s\": %.4f, \"p50_s\": %.5f, \"p99_s\": %.5f, \"prepare_s\": %.1f, \"recovery_s\": %.1f, \"controller_cpu_share\": %.4f"
         ", \"controller_cpu_us_per_envelope\": %.2f, \"bare_verify_us\": %.2f, \"controller_peak_kb\": %ld}\n",
         options.count, elapsed_s, acknowledged, refused, resent, broken, (double)latest_ns / 1e9, mst_hist_quantile(&latency, 0.5),
         mst_hist_quantile(&latency, 0.99), prepared_s,
         first_break_ns && last_recovery_ns > first_break_ns ? (double)(last_recovery_ns - first_break_ns) / 1e9 : 0, cpu_s / elapsed_s,
         acknowledged ? cpu_s * 1e6 / (double)acknowledged : 0, verify_us, peak_kilobytes(options.pid));
  fflush(stdout);
  /* 10 000 sockets take long to close one by one; the kernel is quicker. */
  _exit(0);
}

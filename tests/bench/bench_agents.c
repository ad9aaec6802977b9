/* Many simulated agents against one real controller: real keys, real envelopes, and the real agent's link, one connection each.
 * usage: bench_agents --url URL --token TOKEN --agents N --seconds S [--interval-ms MS] [--samples N] [--ca FILE] [--pid PID]
 * Enrols N agents, defines their series, then every agent sends a report each interval, spread evenly, for S seconds. Prints one line of
 * JSON: reports acknowledged, latest acknowledgement after its due time, quantiles, the controller's CPU and peak memory when --pid names
 * it; and, when links broke, how many agents lost theirs, how many of these were acknowledged again, and when the last of them was. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>
#include <mst/common/file.h>
#include <mst/common/hist.h>
#include <mst/common/key.h>
#include <mst/common/log.h>
#include <mst/proto/enrol.h>
#include <mst/proto/reply.h>
#include <mst/proto/report.h>

#include "process.h"
#include "uplink.h"

/* A fleet's machines shake hands each on its own; here all of them share what is left of this one. */
enum { STARTING_MAX = 256, TICK_MS = 1, PREPARE_MAX_S = 600 };
/* The back-off is what agents have by default. Their timeout (10 s) is not: when all dial at once, the handshakes of all clients on this
 * one machine take a minute of it, and whoever has shaken hands gives up before its turn to send comes. */
static const int64_t answer_timeout_ns = 90 * MST_NS_PER_S, backoff_max_ns = 60 * MST_NS_PER_S;

typedef enum phase { ENROLLING, DEFINING, REPORTING } phase;

typedef struct agent {
  mst_uplink *uplink;
  mst_key *key;
  mst_session_id session;
  uint64_t sequence;
  phase phase;
  bool is_due, is_sent; /* is_due: the envelope is to be acknowledged; is_sent: an answer may come */
  bool is_lost;         /* its link broke while it reported, and nothing was acknowledged since */
  int64_t due_ns;       /* monotonic: when the present record should have gone */
  mst_buf envelope;
  mst_digest digest;
} agent;

static struct {
  const char *url, *ca;
  mst_token token;
  int count, seconds, samples, pid;
  int64_t interval_ns;
} options = {.count = 100, .seconds = 30, .samples = 150, .interval_ns = 10 * MST_NS_PER_S};

static agent *agents;
static uv_loop_t loop;
static mst_hist latency;
static uint64_t acknowledged, refused, resent, ready;
static int started_count, lost_count, found_count;
static int64_t latest_ns, first_break_ns, last_recovery_ns, start_ns, end_ns;

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
    die(what, uv_strerror(code));
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

/* What cannot be sent now is sent when the link is up again. */
static void
send_envelope(agent *a)
{
  mst_errctx ctx = {0};
  mst_mono sent;
  unsigned slot;

  if (mst_uplink_is_up(a->uplink) && !a->is_sent)
    a->is_sent = mst_uplink_send(a->uplink, a->envelope.data, a->envelope.size_bytes, &slot, &sent, &ctx) == MST_OK;
}

static void
begin(agent *a)
{
  a->is_due = true;
  build(a);
  send_envelope(a);
}

static void
acknowledge(agent *a, const mst_reply *reply)
{
  int64_t now = now_ns(), late_ns = now - a->due_ns;

  mst_uplink_trust(a->uplink);
  a->is_due = false;
  if (reply->status != MST_REPLY_STORED) {
    refused++;
    return;
  }
  if (a->phase == REPORTING) {
    acknowledged++;
    check_mst(mst_hist_add(&latency, (double)late_ns / 1e9, 1, NULL), "latency", &(mst_errctx){0});
    latest_ns = late_ns > latest_ns ? late_ns : latest_ns;
  }
  if (a->is_lost) {
    a->is_lost = false;
    found_count++;
    last_recovery_ns = now;
  }
  if (a->phase != REPORTING && ++a->phase == REPORTING)
    ready++;
}

static void
on_answer(void *arg, unsigned slot, mst_err answer, const void *data, size_t size_bytes, mst_mono answered)
{
  agent *a = arg;
  mst_errctx ctx = {0};
  mst_reply reply;

  (void)slot, (void)answered;
  a->is_sent = false;
  if (answer != MST_OK) {
    resent++;
    send_envelope(a);
    return;
  }
  if (mst_reply_open(data, size_bytes, &options.token.controller, &a->digest, &reply, &ctx) != MST_OK)
    die("reply", ctx.text);
  acknowledge(a, &reply);
}

static void
on_state(void *arg, bool is_up)
{
  agent *a = arg;

  if (is_up && a->is_due)
    send_envelope(a);
  if (is_up || start_ns == 0 || a->is_lost)
    return;
  if (first_break_ns == 0)
    first_break_ns = now_ns();
  a->is_lost = true;
  lost_count++;
}

static void
make_agent(agent *a, int number)
{
  const mst_uplink_setup setup = {.loop = &loop,
                                  .clock = mst_clock_system(),
                                  .urls = &options.url,
                                  .url_count = 1,
                                  .ca_file = options.ca,
                                  .timeout_ns = answer_timeout_ns,
                                  .backoff_max_ns = backoff_max_ns,
                                  .on_state = on_state,
                                  .on_answer = on_answer,
                                  .arg = a};
  mst_errctx ctx = {0};
  uint8_t seed[32] = {0};

  memcpy(seed, &number, sizeof number);
  mst_random_bytes(seed + 8, sizeof seed - 8);
  check_mst(mst_key_create_from_seed(seed, &a->key, &ctx), "key", &ctx);
  mst_random_bytes(a->session.bytes, sizeof a->session.bytes);
  mst_buf_init(&a->envelope, MST_ENVELOPE_MAX_BYTES);
  check_mst(mst_uplink_create(&setup, &a->uplink, &ctx), "link", &ctx);
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

/* Dials, enrols and defines, a bounded number at a time. */
static void
prepare(void)
{
  for (; started_count < options.count && started_count - (int)ready < STARTING_MAX; started_count++)
    mst_uplink_start(agents[started_count].uplink);
  for (int i = started_count - 1; i >= 0; i--) {
    agent *a = &agents[i];
    if (a->phase == REPORTING || a->is_due || !mst_uplink_is_up(a->uplink))
      continue;
    a->due_ns = now_ns();
    begin(a);
  }
}

/* Every agent's reports are due at its own phase of the interval. An agent whose last report is not acknowledged yet sends that first. */
static void
report_all(void)
{
  const int64_t now = now_ns();

  for (int i = 0; i < options.count; i++) {
    agent *a = &agents[i];
    if (a->is_due || now < a->due_ns + options.interval_ns)
      continue;
    a->due_ns += options.interval_ns;
    if (now - a->due_ns > options.interval_ns) /* after an outage: not all that was missed at once */
      a->due_ns = now;
    begin(a);
  }
}

static void
begin_reports(void)
{
  start_ns = now_ns();
  end_ns = start_ns + options.seconds * MST_NS_PER_S;
  acknowledged = 0;
  for (int i = 0; i < options.count; i++)
    agents[i].due_ns = start_ns + options.interval_ns * i / options.count - options.interval_ns;
}

static void
on_tick(uv_timer_t *timer)
{
  static int64_t began;

  if (began == 0)
    began = now_ns();
  if (start_ns == 0 && ready == (uint64_t)options.count) {
    uv_timer_stop(timer);
    uv_stop(&loop);
  } else if (start_ns == 0) {
    if (now_ns() - began > PREPARE_MAX_S * MST_NS_PER_S)
      die("prepare", "not all agents could enrol within 10 minutes");
    prepare();
  } else if (now_ns() < end_ns) {
    report_all();
  } else {
    uv_timer_stop(timer);
    uv_stop(&loop);
  }
}

static void
run_loop(uv_timer_t *timer)
{
  check(uv_timer_start(timer, on_tick, TICK_MS, TICK_MS), "timer");
  (void)uv_run(&loop, UV_RUN_DEFAULT);
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

static void
print_result(double prepared_s, double cpu_s)
{
  const double elapsed_s = (double)(now_ns() - start_ns) / 1e9;
  const bool all_back = lost_count > 0 && found_count == lost_count;

  printf("{\"agents\": %d, \"seconds\": %.1f, \"acknowledged\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"resent\": %" PRIu64
         ", \"latest_s\": %.4f, \"p50_s\": %.5f, \"p99_s\": %.5f, \"prepare_s\": %.1f, \"lost_link\": %d, \"acknowledged_again\": %d"
         ", \"recovery_s\": %.1f, \"controller_cpu_share\": %.4f, \"controller_cpu_us_per_envelope\": %.2f, \"bare_verify_us\": %.2f"
         ", \"controller_peak_kb\": %ld}\n",
         options.count, elapsed_s, acknowledged, refused, resent, (double)latest_ns / 1e9, mst_hist_quantile(&latency, 0.5),
         mst_hist_quantile(&latency, 0.99), prepared_s, lost_count, found_count,
         all_back ? (double)(last_recovery_ns - first_break_ns) / 1e9 : 0, cpu_s / elapsed_s,
         acknowledged ? cpu_s * 1e6 / (double)acknowledged : 0, verify_us, peak_kilobytes(options.pid));
  fflush(stdout);
}

int
main(int argc, char **argv)
{
  mst_errctx ctx = {0};
  pthread_t verifier;
  uv_timer_t timer;

  parse(argc, argv);
  check_mst(mst_crypto_start(&ctx), "crypto", &ctx);
  mst_log_start("bench_agents", MST_LOG_ERROR, MST_LOG_KEY_VALUE, 2, mst_clock_system());
  mst_hist_init(&latency);
  check(uv_loop_init(&loop), "loop");
  check(uv_timer_init(&loop, &timer), "timer");
  agents = mst_alloc((size_t)options.count, sizeof *agents);
  for (int i = 0; agents && i < options.count; i++)
    make_agent(&agents[i], i);
  const int64_t began = now_ns();
  run_loop(&timer);
  const double prepared_s = (double)(now_ns() - began) / 1e9, cpu_before = cpu_seconds(options.pid);
  fprintf(stderr, "bench_agents: %d agents ready after %.1f s\n", options.count, prepared_s);
  if (pthread_create(&verifier, NULL, verify_bare, NULL) != 0)
    die("thread", "cannot be made");
  begin_reports();
  run_loop(&timer);
  double cpu_s = cpu_seconds(options.pid) - cpu_before;
  if (cpu_s < 0) /* another process is the controller by now */
    cpu_s = 0;
  atomic_store(&is_over, true);
  (void)pthread_join(verifier, NULL);
  print_result(prepared_s, cpu_s);
  /* 10 000 links take long to close one by one; the kernel is quicker. */
  _exit(0);
}

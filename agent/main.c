#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/agent/sampler.h>
#include <mst/common/key.h>
#include <mst/common/log.h>

#include "agent.h"
#include "config.h"
#include "enrol.h"
#include "once.h"
#include "uplink_threads.h"

/* Documented in docs/configuration-agent.md. */
enum { EXIT_FINE = 0, EXIT_USAGE = 64, EXIT_UNREACHABLE = 69, EXIT_OTHER = 70, EXIT_CONFIG = 78 };

static const char usage[] = "usage: muster-agent --config FILE            measure this host and report to the controllers\n"
                            "       muster-agent enrol TOKEN --config FILE introduce this host to a controller (token: muster token new)\n"
                            "       muster-agent --check --config FILE     say everything that is wrong with a config file\n"
                            "       muster-agent --once [--json] [--root DIR]  print what is measured here; needs no config\n"
                            "       muster-agent --version | --help\n"
                            "\n"
                            "signals: SIGTERM, SIGINT stop within 2 s; SIGHUP reads the config again\n"
                            "exit: 0 fine, 64 wrong usage, 69 no controller reached, 70 other failure, 78 wrong config or not enrolled\n";

typedef struct options {
  const char *config, *root, *token;
  bool check, once, json, enrol, version, help;
} options;

static int
complain(const char *what, const char *argument)
{
  fprintf(stderr, "muster-agent: %s%s%s\n%s", what, argument ? ": " : "", argument ? argument : "", usage);
  return EXIT_USAGE;
}

static int
check_options(const options *opts)
{
  int modes = opts->check + opts->once + opts->enrol + opts->version + opts->help;

  if (modes > 1)
    return complain("--check, --once, --version, --help and enrol exclude each other", NULL);
  if (opts->enrol && !opts->token)
    return complain("enrol needs a token", NULL);
  if ((opts->json || opts->root) && !opts->once)
    return complain("--json and --root go with --once", NULL);
  if (opts->config && (opts->once || opts->version || opts->help))
    return complain("--config does not go with --once, --version or --help", NULL);
  if (!opts->config && !opts->once && !opts->version && !opts->help)
    return complain("--config FILE is missing", NULL);
  return EXIT_FINE;
}

static int
parse_options(int argc, char **argv, options *ret_opts)
{
  options opts = {0};

  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i];
    const char **value = NULL;
    bool *flag = NULL;
    if (strcmp(arg, "--config") == 0)
      value = &opts.config;
    else if (strcmp(arg, "--root") == 0)
      value = &opts.root;
    else if (strcmp(arg, "--check") == 0)
      flag = &opts.check;
    else if (strcmp(arg, "--once") == 0)
      flag = &opts.once;
    else if (strcmp(arg, "--json") == 0)
      flag = &opts.json;
    else if (strcmp(arg, "--version") == 0)
      flag = &opts.version;
    else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
      flag = &opts.help;
    else if (strcmp(arg, "enrol") == 0 && !opts.enrol)
      flag = &opts.enrol;
    else if (arg[0] != '-' && opts.enrol && !opts.token)
      opts.token = arg;
    else
      return complain("no such argument", arg);
    if (value && (i + 1 == argc || *value))
      return complain(*value ? "given twice" : "needs a value", arg);
    if (value)
      *value = argv[++i];
    if (flag)
      *flag = true;
  }
  *ret_opts = opts;
  return check_options(&opts);
}

static int
exit_code(mst_err err)
{
  switch (err) {
  case MST_OK:
    return EXIT_FINE;
  case MST_EUNREACHABLE:
  case MST_ETIMEOUT:
    return EXIT_UNREACHABLE;
  case MST_EUSAGE:
    return EXIT_USAGE;
  case MST_ECONFIG:
  case MST_EABSENT:
    return EXIT_CONFIG;
  default:
    return EXIT_OTHER;
  }
}

static int
report_failure(mst_err err, const mst_errctx *ctx)
{
  fprintf(stderr, "muster-agent: %s\n", ctx->text[0] ? ctx->text : mst_err_text(err));
  return exit_code(err);
}

static bool
load_config(const char *path, mst_agent_config *ret_config)
{
  mst_diags diags;
  char line[1024];

  mst_diags_init(&diags);
  bool is_good = mst_agent_config_load(path, ret_config, &diags);
  mst_diags_sort(&diags);
  for (size_t i = 0; i < diags.count; i++)
    fprintf(stderr, "%s\n", mst_diag_format(&diags.list[i], line, sizeof line));
  if (diags.dropped > 0)
    fprintf(stderr, "%s: and %zu more errors\n", path, diags.dropped);
  size_t count = diags.count + diags.dropped;
  if (!is_good)
    fprintf(stderr, "muster-agent: %zu error%s\n", count, count == 1 ? "" : "s");
  mst_diags_done(&diags);
  return is_good;
}

/* Two ticks, so that counters have a rate: --once waits this long between them. */
enum { ONCE_PAUSE_MS = 1000 };

static mst_err
take_body(mst_sampler *sampler, const mst_clock *clock, mst_buf *ret_body, mst_errctx *ctx)
{
  mst_report_header header = {.at = mst_clock_wall(clock), .interval_ns = ONCE_PAUSE_MS * MST_NS_PER_MS, .spool_records = 1};
  mst_report_writer writer;

  mst_report_writer_init(&writer);
  mst_err err = mst_sampler_tick(sampler, &writer, ctx);
  header.definitions = mst_sampler_series_count(sampler);
  if (err == MST_OK)
    err = mst_report_writer_finish(&writer, &header, ret_body, ctx);
  mst_report_writer_done(&writer);
  return err;
}

static int
run_once(const options *opts)
{
  const mst_clock *clock = mst_clock_system();
  const mst_sampler_setup setup = {.root = opts->root ? opts->root : "/", .clock = clock};
  mst_sampler *sampler = NULL;
  mst_buf earlier;
  mst_buf body;
  mst_errctx ctx = {0};

  mst_buf_init(&earlier, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_err err = mst_sampler_create(&setup, &sampler, &ctx);
  if (err == MST_OK)
    err = mst_sampler_apply(sampler, NULL, &ctx);
  if (err == MST_OK)
    err = take_body(sampler, clock, &earlier, &ctx);
  if (err == MST_OK) {
    (void)poll(NULL, 0, ONCE_PAUSE_MS); /* the counters have to move; a signal that cuts it short does no harm */
    err = take_body(sampler, clock, &body, &ctx);
  }
  if (err == MST_OK)
    err = mst_once_print(stdout, sampler, (mst_bytes){earlier.data, earlier.size_bytes}, (mst_bytes){body.data, body.size_bytes},
                         opts->json ? MST_ONCE_JSON : MST_ONCE_TEXT, &ctx);
  if (err == MST_OK && (fflush(stdout) != 0 || ferror(stdout)))
    err = mst_fail_errno(&ctx, MST_EIO, "write to standard output");
  mst_buf_done(&earlier);
  mst_buf_done(&body);
  mst_sampler_destroy(sampler);
  return err == MST_OK ? EXIT_FINE : report_failure(err, &ctx);
}

static void
start_log(const mst_agent_config *config)
{
  mst_log_start("agent", (mst_log_level)config->log.level, (mst_log_format)config->log.format, STDERR_FILENO, mst_clock_system());
}

/* The libraries join their threads when the process ends, and one of these may be stuck in a look-up of a name. */
static void
leave_now(int number)
{
  (void)number;
  _exit(EXIT_FINE);
}

static int
run_agent(const options *opts, mst_agent_config *config)
{
  mst_errctx ctx = {0};
  bool reload = true;
  mst_err err = mst_uplink_bound_threads(&ctx);

  while (err == MST_OK && reload) {
    reload = false;
    start_log(config);
    err = mst_agent_run(config, opts->config, mst_clock_system(), &reload, &ctx);
  }
  if (err == MST_ETIMEOUT) {
    /* Asked to stop, and something hangs: what is on the disk is good at any point, so leave at once. */
    mst_log(MST_LOG_WARN, "stopped", "reason", ctx.text, NULL);
    _exit(EXIT_FINE);
  }
  if (err != MST_OK)
    return report_failure(err, &ctx);
  (void)fflush(NULL);
  (void)signal(SIGALRM, leave_now);
  (void)alarm(1);
  return EXIT_FINE;
}

static int
run_with_config(const options *opts)
{
  mst_agent_config config = {0};
  mst_errctx ctx = {0};
  mst_err err;
  int code;

  (void)signal(SIGPIPE, SIG_IGN); /* a lost connection is an answer, not the end */
  if (!load_config(opts->config, &config))
    return EXIT_CONFIG;
  if (opts->check) {
    printf("%s: fine\n", opts->config);
    code = EXIT_FINE;
  } else if (opts->enrol) {
    err = mst_uplink_bound_threads(&ctx);
    if (err == MST_OK)
      err = mst_agent_enrol(&config, opts->token, mst_clock_system(), stdout, &ctx);
    code = err == MST_OK ? EXIT_FINE : report_failure(err, &ctx);
  } else {
    code = run_agent(opts, &config);
  }
  mst_agent_config_done(&config);
  return code;
}

int
main(int argc, char **argv)
{
  mst_errctx ctx = {0};
  options opts = {0};

  int code = parse_options(argc, argv, &opts);
  if (code != EXIT_FINE)
    return code;
  if (opts.help || opts.version) {
    printf("%s", opts.help ? usage : "muster-agent " MST_VERSION "\n");
    return EXIT_FINE;
  }
  /* One heap and two workers (one dials, one writes): the threads' own heaps would be most of this program's memory. */
  (void)mallopt(M_ARENA_MAX, 1);
  (void)setenv("UV_THREADPOOL_SIZE", "2", 0);
  mst_err err = mst_crypto_start(&ctx);
  if (err != MST_OK)
    return report_failure(err, &ctx);
  mst_log_start("agent", MST_LOG_INFO, MST_LOG_KEY_VALUE, STDERR_FILENO, mst_clock_system());
  return opts.once ? run_once(&opts) : run_with_config(&opts);
}

/* The collector in a sampler: what it says while nothing comes, and what its options may be. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "rig.h"

extern const mst_collector mst_otlp_collector, mst_collector_otlp;

/* The agent's row of the collector with the functions of the module, as if it were built in. */
static mst_collector whole;
static const mst_collector *const kinds[] = {&whole};

/* A port that was free a moment ago; it is held while ret_fd is open. */
static unsigned
free_port(int *ret_fd)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t bytes = sizeof at;

  *ret_fd = socket(AF_INET, SOCK_STREAM, 0);
  cr_assert_eq(bind(*ret_fd, (struct sockaddr *)&at, sizeof at), 0);
  cr_assert_eq(listen(*ret_fd, 1), 0);
  cr_assert_eq(getsockname(*ret_fd, (struct sockaddr *)&at, &bytes), 0);
  return ntohs(at.sin_port);
}

/* options: as of rig_start, besides an address that is free. */
static void
begin(struct rig *rig, const char *options)
{
  char all[2048];
  int fd;
  unsigned port = free_port(&fd);

  close(fd);
  rig_init(rig, NULL);
  whole = mst_collector_otlp;
  whole.module = NULL;
  whole.open = mst_otlp_collector.open;
  whole.sample = mst_otlp_collector.sample;
  whole.close = mst_otlp_collector.close;
  const mst_sampler_setup setup = {.root = rig->root, .clock = &rig->clock.base, .collectors = kinds, .collector_count = 1};
  cr_assert_eq(mst_sampler_create(&setup, &rig->sampler, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  snprintf(all, sizeof all, strstr(options, "address=") ? "%s" : "%s;address=127.0.0.1:%u", options, port);
  rig_start(rig, "otlp", all);
  rig_tick(rig, MST_NS_PER_S);
}

Test(otlp, nothing_came__counters_are_zero_and_the_rest_is_absent_with_a_reason)
{
  static const char *const statuses[] = {"status=ok", "status=error", "status=unset"};
  struct rig rig;

  begin(&rig, "requests_metric=http.server.request.duration;window=90s");
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    cr_expect_eq(rig_number(&rig, "muster.otlp.spans", statuses[i]), 0);
  cr_expect_eq(rig_number(&rig, "muster.otlp.points", ""), 0);
  cr_expect_eq(rig_number(&rig, "muster.otlp.requests", "outcome=accepted,signal=traces"), 0);
  cr_expect_eq(rig_number(&rig, "muster.otlp.requests", "outcome=refused,signal=other"), 0);
  cr_expect_eq(rig_number(&rig, "muster.otlp.rejected", "reason=malformed"), 0);
  rig_expect_missing(&rig, "muster.otlp.share", "what=attributes", MST_SAMPLE_ABSENT, "no span came in the last 1m30s");
  rig_expect_missing(&rig, "muster.otlp.share", "what=trace-id", MST_SAMPLE_ABSENT, "no span came in the last 1m30s");
  rig_expect_missing(&rig, "muster.otlp.sampling", "", MST_SAMPLE_ABSENT, "the metric http.server.request.duration has not come yet");
  rig_done(&rig);
}

Test(otlp, no_metric_is_named__sampling_is_an_error_that_says_so)
{
  struct rig rig;

  begin(&rig, "attributes_of=all");
  rig_expect_missing(&rig, "muster.otlp.sampling", "", MST_SAMPLE_ERROR, "no requests_metric");
  rig_done(&rig);
}

Test(otlp, options_that_cannot_be__are_refused_with_what_may_be)
{
  static const char *const bad[][2] = {
      {"address=0.0.0.0:4318", "must be a loopback address"},
      {"address=10.0.0.1:4318", "must be a loopback address"},
      {"attributes_of=some", "it may be entry or all"},
      {"window=2h", "it may be from 1s to 1h"},
      {"window=10ms", "it may be from 1s to 1h"},
      {"window=soon", "option \"window\""},
      {"body_max=12", "it may be from 1024"},
      {"body_max=4MiB", "it may be from 1024"},
      {"body_max=5000,6000", "takes one value"},
      {"required_attributes=a,b,c,d,e,f,g,h,i", "names 9 attributes"},
  };

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct rig rig;

    begin(&rig, bad[i][0]);
    rig_expect_collector(&rig, "error", bad[i][1]);
    rig_expect_missing(&rig, "muster.otlp.spans", "status=error", MST_SAMPLE_ERROR, bad[i][1]);
    rig_expect_missing(&rig, "muster.otlp.sampling", "", MST_SAMPLE_ERROR, bad[i][1]);
    rig_done(&rig);
  }
}

Test(otlp, port_that_is_taken__says_so_and_is_tried_again)
{
  struct rig rig;
  char options[64];
  int taken;

  snprintf(options, sizeof options, "address=127.0.0.1:%u", free_port(&taken));
  begin(&rig, options);
  rig_expect_missing(&rig, "muster.otlp.points", "", MST_SAMPLE_ERROR, "another program, perhaps a collector, has it");
  close(taken);
  rig_tick(&rig, 61 * MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "muster.otlp.points", ""), 0);
  rig_done(&rig);
}

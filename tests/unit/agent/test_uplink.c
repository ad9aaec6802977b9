#include <criterion/criterion.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/tls/tls.h>

#include "fake_controller.h"
#include "folder.h"
#include "uplink.h"

/* The link alone: bytes out, bytes back, and what happens when there is nobody. */
static struct rig {
  uv_loop_t loop;
  struct fake_controller fake;
  mst_uplink *uplink;
  mst_uplink_setup setup;
  const char *urls[2];
  mst_key *key;
  unsigned ups, downs, answers, good, timeouts, cut;
  unsigned wanted;
  bool hang_up_on_answer;
} rig;

static void
on_state(void *arg, bool is_up)
{
  (void)arg;
  rig.ups += is_up;
  rig.downs += !is_up;
}

static void
on_answer(void *arg, unsigned slot, mst_err answer, const void *data, size_t size_bytes, mst_mono answered)
{
  (void)arg, (void)slot, (void)data, (void)answered;
  rig.answers++;
  rig.good += answer == MST_OK && size_bytes > 0;
  rig.timeouts += answer == MST_ETIMEOUT;
  rig.cut += answer == MST_EUNREACHABLE;
  if (answer == MST_OK && rig.hang_up_on_answer)
    mst_uplink_distrust(rig.uplink, "the test says so");
  else if (answer == MST_OK)
    mst_uplink_trust(rig.uplink);
}

static void
setup(void)
{
  memset(&rig, 0, sizeof rig);
  cr_assert_eq(uv_loop_init(&rig.loop), 0);
  fake_init(&rig.fake);
  cr_assert_eq(mst_key_create(&rig.key, NULL), MST_OK);
  rig.urls[0] = rig.fake.url;
  rig.setup = (mst_uplink_setup){.loop = &rig.loop,
                                 .clock = mst_clock_system(),
                                 .urls = rig.urls,
                                 .url_count = 1,
                                 .timeout_ns = 300 * MST_NS_PER_MS,
                                 .backoff_max_ns = 50 * MST_NS_PER_MS,
                                 .on_state = on_state,
                                 .on_answer = on_answer};
}

static void
start(void)
{
  mst_errctx ctx = {0};
  cr_assert_eq(mst_uplink_create(&rig.setup, &rig.uplink, &ctx), MST_OK, "%s", ctx.text);
  mst_uplink_start(rig.uplink);
}

static void
teardown(void)
{
  if (rig.uplink)
    mst_uplink_close(rig.uplink);
  uv_run(&rig.loop, UV_RUN_DEFAULT);
  mst_uplink_destroy(rig.uplink);
  fake_done(&rig.fake);
  mst_key_destroy(rig.key);
  cr_expect_eq(uv_loop_close(&rig.loop), 0);
}

TestSuite(uplink, .init = setup, .fini = teardown, .timeout = 60);

static bool
is_up(void)
{
  return mst_uplink_is_up(rig.uplink);
}

static bool
has_answers(void)
{
  return rig.answers >= rig.wanted;
}

static bool
was_up_often(void)
{
  return rig.ups >= rig.wanted && is_up();
}

static bool
was_cut(void)
{
  return rig.downs > 0;
}

static mst_err
send_one(uint64_t sequence)
{
  const mst_envelope envelope = {
      .version = MST_WIRE_VERSION, .sequence = sequence, .kind = MST_ENVELOPE_REPORT, .body = {(const uint8_t *)"\x90", 1}};
  mst_buf bytes;
  mst_mono sent;
  unsigned slot;
  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES);
  cr_assert_eq(mst_envelope_encode(&envelope, rig.key, &bytes, NULL), MST_OK);
  mst_err err = mst_uplink_send(rig.uplink, bytes.data, bytes.size_bytes, &slot, &sent, NULL);
  mst_buf_done(&bytes);
  return err;
}

static struct fake_answer
say_nothing(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake, (void)envelope, (void)reply;
  return (struct fake_answer){.silent = true};
}

Test(uplink, send__controller_there__answered)
{
  start();
  cr_assert_eq(send_one(1), MST_ESTATE);
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  for (uint64_t i = 1; i <= MST_UPLINK_SLOTS; i++)
    cr_assert_eq(send_one(i), MST_OK);
  cr_expect_eq(mst_uplink_free_slots(rig.uplink), 0);
  cr_expect_eq(send_one(99), MST_ESTATE);
  rig.wanted = MST_UPLINK_SLOTS;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  cr_expect_eq(rig.good, MST_UPLINK_SLOTS);
  cr_expect_eq(mst_uplink_free_slots(rig.uplink), MST_UPLINK_SLOTS);
}

Test(uplink, send__no_answer__times_out_and_connects_again)
{
  fake_set(&rig.fake, say_nothing);
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  cr_assert_eq(send_one(1), MST_OK);
  rig.wanted = 1;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  cr_expect_eq(rig.timeouts, 1);
  cr_expect_eq(rig.downs, 1);
  rig.wanted = 2;
  cr_expect(fake_run_until(&rig.fake, &rig.loop, was_up_often));
  cr_expect_eq(fake_count(&rig.fake), 1, "nothing is sent again behind our back");
}

Test(uplink, connection__controller_stops__requests_fail_at_once_and_link_comes_back)
{
  fake_set(&rig.fake, say_nothing);
  rig.setup.timeout_ns = 60 * MST_NS_PER_S;
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  cr_assert_eq(send_one(1), MST_OK);
  cr_assert_eq(send_one(2), MST_OK);
  fake_stop(&rig.fake);
  rig.wanted = 2;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  cr_expect_eq(rig.cut, 2);
  cr_assert(fake_run_until(&rig.fake, &rig.loop, was_cut));
  fake_set(&rig.fake, NULL);
  fake_listen(&rig.fake); /* on the same port */
  rig.wanted = 2;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, was_up_often));
  cr_assert_eq(send_one(3), MST_OK);
  rig.wanted = 3;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  cr_expect_eq(rig.good, 1);
}

static struct fake_answer
cut_somehow(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope, (void)reply;
  unsigned turn = ++fake->counter;
  return (struct fake_answer){.torn = turn % 5 == 0, .hang_up = turn % 7 == 0};
}

/* nng's own request socket gets stuck for good after some ten of these. */
Test(uplink, connection__cut_at_odd_moments__comes_back_every_time)
{
  rig.setup.backoff_max_ns = 1 * MST_NS_PER_MS;
  rig.setup.timeout_ns = 10 * MST_NS_PER_S;
  fake_set(&rig.fake, cut_somehow);
  start();
  for (unsigned round = 0; round < 60; round++) {
    cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up), "round %u", round);
    rig.wanted = rig.answers;
    for (uint64_t i = 0; i < MST_UPLINK_SLOTS; i++)
      rig.wanted += send_one(i + 1) == MST_OK;
    cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers), "round %u", round);
  }
  cr_expect_gt(rig.cut, 60);
  cr_expect_gt(rig.good, 60);
}

Test(uplink, start__first_controller_dead__second_taken)
{
  struct fake_controller dead;
  fake_init(&dead);
  char url[64];
  snprintf(url, sizeof url, "%s", dead.url);
  fake_done(&dead); /* its port is free now, and nobody listens */
  rig.urls[0] = url;
  rig.urls[1] = rig.fake.url;
  rig.setup.url_count = 2;
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  cr_assert_eq(send_one(1), MST_OK);
  rig.wanted = 1;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  cr_expect_eq(rig.good, 1);
}

Test(uplink, distrust__after_an_answer__hangs_up_and_comes_back)
{
  rig.hang_up_on_answer = true;
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  cr_assert_eq(send_one(1), MST_OK);
  rig.wanted = 2;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, was_up_often));
  cr_expect_eq(rig.downs, 1);
}

Test(uplink, close__requests_in_flight_and_dial_waiting__no_callback_after)
{
  fake_set(&rig.fake, say_nothing);
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  cr_assert_eq(send_one(1), MST_OK);
  mst_uplink_close(rig.uplink);
  uv_run(&rig.loop, UV_RUN_DEFAULT);
  cr_expect_eq(rig.answers, 0);
}

Test(uplink, close__while_dialing__ends)
{
  start();
  mst_uplink_close(rig.uplink);
  uv_run(&rig.loop, UV_RUN_DEFAULT);
  cr_expect_eq(rig.ups, 0);
}

/* ---- with nng's own REP socket on the other side, left alone until it is quiet ---- */

static struct rep {
  nng_socket socket;
  uv_thread_t thread;
  char url[64];
} rep;

static void
serve_rep(void *arg)
{
  nng_msg *message;

  (void)arg;
  while (nng_recvmsg(rep.socket, &message, 0) == 0)
    if (nng_sendmsg(rep.socket, message, 0) != 0)
      nng_msg_free(message);
}

static void
read_text(const char *path, char text[static 4096])
{
  FILE *file = fopen(path, "r");
  cr_assert_not_null(file);
  size_t n = fread(text, 1, 4095, file);
  fclose(file);
  text[n] = '\0';
}

/* folder NULL: without TLS. */
static void
start_rep(const char *folder)
{
  nng_listener listener;
  nng_sockaddr address;

  cr_assert_eq(nng_rep0_open(&rep.socket), 0);
  cr_assert_eq(nng_listener_create(&listener, rep.socket, folder ? "tls+tcp://127.0.0.1:0" : "tcp://127.0.0.1:0"), 0);
  if (folder) {
    char path[128];
    char certificate[4096];
    char key[4096];
    nng_tls_config *config;
    snprintf(path, sizeof path, "%s/a/controller.pem", folder);
    read_text(path, certificate);
    snprintf(path, sizeof path, "%s/a/controller.key", folder);
    read_text(path, key);
    cr_assert_eq(nng_tls_config_alloc(&config, NNG_TLS_MODE_SERVER), 0);
    cr_assert_eq(nng_tls_config_own_cert(config, certificate, key, NULL), 0);
    cr_assert_eq(nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config), 0);
    nng_tls_config_free(config);
  }
  cr_assert_eq(nng_listener_start(listener, 0), 0);
  cr_assert_eq(nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address), 0);
  snprintf(rep.url, sizeof rep.url, "%s127.0.0.1:%u", folder ? "tls+tcp://" : "tcp://", ntohs(address.s_in.sa_port));
  cr_assert_eq(uv_thread_create(&rep.thread, serve_rep, NULL), 0);
}

static void
stop_rep(void)
{
  nng_close(rep.socket);
  uv_thread_join(&rep.thread);
}

Test(uplink, rep__real_one__messages_of_all_sizes_come_back)
{
  start_rep(NULL);
  rig.urls[0] = rep.url;
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  for (size_t size = 1; size <= MST_ENVELOPE_MAX_BODY_BYTES / 2; size = size * 3 + 1) {
    uint8_t *bytes = mst_alloc(size, 1);
    mst_mono sent;
    unsigned slot;
    for (unsigned i = 0; i < MST_UPLINK_SLOTS; i++)
      cr_assert_eq(mst_uplink_send(rig.uplink, bytes, size, &slot, &sent, NULL), MST_OK);
    mst_free(bytes);
    rig.wanted += MST_UPLINK_SLOTS;
    cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  }
  cr_expect_eq(rig.good, rig.wanted);
  cr_expect_eq(rig.downs, 0);
  stop_rep();
}

static void
make_certificates(const char *folder, const char *name)
{
  char script[512];
  char target[128];
  char address[] = "127.0.0.1";
  char host[] = "localhost";
  char *const arguments[] = {script, target, address, host, NULL};
  pid_t child;
  int status = -1;

  snprintf(script, sizeof script, "%s/deploy/make-certs.sh", MST_SOURCE_DIR);
  snprintf(target, sizeof target, "%s/%s", folder, name);
  cr_assert_eq(posix_spawn(&child, script, NULL, NULL, arguments, environ), 0);
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert_eq(status, 0);
}

Test(uplink, tls__right_and_wrong_authority__connects_and_refuses)
{
  char folder[] = "/tmp/mst-tls-XXXXXX";
  char ca[128];
  char wrong[128];
  cr_assert_not_null(mkdtemp(folder));
  make_certificates(folder, "a");
  make_certificates(folder, "b");
  snprintf(ca, sizeof ca, "%s/a/ca.pem", folder);
  snprintf(wrong, sizeof wrong, "%s/b/ca.pem", folder);
  start_rep(folder);
  rig.urls[0] = rep.url;
  rig.setup.ca_file = wrong;
  rig.setup.server_name = "localhost"; /* mbedTLS 2.28 does not look for addresses in a certificate */
  start();
  mst_uplink *distrusting = rig.uplink;
  rig.setup.ca_file = ca;
  start();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
  cr_assert_eq(send_one(1), MST_OK);
  rig.wanted = 1;
  cr_assert(fake_run_until(&rig.fake, &rig.loop, has_answers));
  cr_expect_eq(rig.good, 1);
  cr_expect_eq(rig.ups, 1);
  cr_expect_not(mst_uplink_is_up(distrusting));
  mst_uplink_close(distrusting);
  mst_uplink_close(rig.uplink);
  uv_run(&rig.loop, UV_RUN_DEFAULT);
  mst_uplink_destroy(distrusting);
  mst_uplink_destroy(rig.uplink);
  rig.uplink = NULL;
  stop_rep();
  folder_remove(folder);
}

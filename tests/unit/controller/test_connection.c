/* How long the server waits for a peer: one loop whose clock the test moves, and peers at the other ends of socket pairs. */
#include "rig.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <mst/common/log.h>

#include "ingest/server.h"
#include "keeper.h"

static rig r;
static mst_ingest ingest;
static mst_loop loop;

static void
on_wake(uv_async_t *handle)
{
  (void)handle;
  for (mst_work *work = loop.first, *next; work; work = next) {
    next = work->next;
    mst_connection_answer(work);
  }
  loop.first = loop.last = NULL;
}

static void
setup(void)
{
  mst_log_start("test", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
  rig_start(&r);
  ingest = (mst_ingest){.core = r.core, .in_flight_max = 100, .connection_max = 100};
  loop = (mst_loop){.ingest = &ingest};
  loop.scratch = mst_alloc(1, MST_SERVER_READ_BYTES);
  pthread_mutex_init(&loop.lock, NULL);
  cr_assert_eq(uv_loop_init(&loop.uv), 0);
  cr_assert_eq(uv_async_init(&loop.uv, &loop.wake, on_wake), 0);
}

static void
run_loop(void)
{
  for (int i = 0; i < 8; i++)
    (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
}

/* The keeper answers all that it was given; once in a test. */
static void
answer_all(void)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_keeper_start(r.core->keeper, &ctx), MST_OK, "%s", ctx.text);
  mst_keeper_stop(r.core->keeper);
  run_loop();
  cr_assert_eq(loop.in_flight, 0);
}

static void
teardown(void)
{
  mst_connection_stop_all(&loop, true);
  uv_close((uv_handle_t *)&loop.wake, NULL);
  run_loop();
  cr_expect_eq(loop.partial_bytes, 0);
  cr_expect_eq(loop.connection_count, 0);
  cr_expect_null(loop.connections);
  cr_expect_null(loop.oldest);
  cr_expect_eq(uv_loop_close(&loop.uv), 0, "every handle was closed");
  mst_free(loop.scratch);
  rig_stop(&r);
}

TestSuite(connection, .init = setup, .fini = teardown);

static void
pass_seconds(uint64_t seconds)
{
  mst_clock_manual_advance(&r.clock, (int64_t)seconds * MST_NS_PER_S);
  mst_connection_sweep(&loop);
  run_loop();
}

/* The peer's end; *ret_server, where it is wanted, is the other. */
static int
connect_peer(int *ret_server)
{
  int ends[2];

  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  mst_connection_accept(&loop, ends[0], false);
  run_loop();
  if (ret_server)
    *ret_server = ends[0];
  return ends[1];
}

static void
say(int peer, const void *data, size_t size_bytes)
{
  cr_assert_eq(write(peer, data, size_bytes), (ssize_t)size_bytes);
  run_loop();
}

/* Reads away what came; whether the other end is closed. */
static bool
is_ended(int peer)
{
  char bytes[4096];
  ssize_t n;

  while ((n = read(peer, bytes, sizeof bytes)) > 0)
    ;
  return n == 0;
}

Test(connection, hello__must_come_within_two_minutes)
{
  int silent = connect_peer(NULL), slow = connect_peer(NULL), greeted = connect_peer(NULL);

  say(slow, mst_frame_hello_request, 3);
  say(greeted, mst_frame_hello_request, MST_FRAME_HELLO_BYTES);
  pass_seconds(119);
  cr_expect_not(is_ended(silent) || is_ended(slow) || is_ended(greeted));
  say(slow, mst_frame_hello_request + 3, 2); /* one that drips has no more time than one that is silent */
  pass_seconds(2);
  cr_expect(is_ended(silent) && is_ended(slow));
  pass_seconds(24 * 3600);
  cr_expect_not(is_ended(greeted), "an agent may have nothing to say for as long as it likes");
  close(silent);
  close(slow);
  close(greeted);
}

Test(connection, message__must_be_whole_within_a_minute)
{
  static const uint8_t begun[] = {0, 0, 0, 0, 0, 0, 1, 0, 0x80, 0, 0, 1};
  int slow = connect_peer(NULL), again = connect_peer(NULL);

  for (int i = 0; i < 2; i++)
    say(i ? again : slow, mst_frame_hello_request, MST_FRAME_HELLO_BYTES);
  pass_seconds(1000);
  say(slow, begun, sizeof begun);
  say(again, begun, sizeof begun);
  pass_seconds(59);
  say(slow, begun, 1);
  uint8_t rest[256 - 4] = {0};
  say(again, rest, sizeof rest); /* whole; and another begins, which has a minute of its own */
  say(again, begun, sizeof begun);
  pass_seconds(2);
  cr_expect(is_ended(slow));
  cr_expect_not(is_ended(again));
  pass_seconds(60);
  cr_expect(is_ended(again));
  close(slow);
  close(again);
}

/* A report of an agent, `times` times in a row. */
static void
say_report(int peer, uint32_t times)
{
  static const uint8_t head[] = {0x80, 0, 0, 1};
  uint8_t length[MST_FRAME_LENGTH_BYTES];
  fake_agent agent;
  mst_buf envelope;

  fake_init(&agent, 7);
  const mst_key_id id = mst_key_id_of(mst_key_public(agent.key));
  if (!mst_state_agent_by_key(&r.core->state, &id))
    rig_add_agent(&r, &agent, MST_AGENT_APPROVED);
  fake_report(&agent, 2, (mst_wall){RIG_START_NS}, 3, 1, &envelope);
  mst_frame_put(length, envelope.size_bytes + sizeof head, sizeof length);
  for (uint32_t i = 0; i < times; i++) {
    say(peer, length, sizeof length);
    say(peer, head, sizeof head);
    say(peer, envelope.data, envelope.size_bytes);
  }
  mst_buf_done(&envelope);
  fake_done(&agent);
}

Test(connection, answers__must_be_read_within_half_a_minute)
{
  int servers[2], peers[2];
  char some[4096];

  for (int i = 0; i < 2; i++) {
    peers[i] = connect_peer(&servers[i]);
    /* Some of the answers, not all of them, fit into what the kernel takes. */
    cr_assert_eq(setsockopt(servers[i], SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int)), 0);
    say(peers[i], mst_frame_hello_request, MST_FRAME_HELLO_BYTES);
    cr_assert_eq(read(peers[i], some, sizeof some), MST_FRAME_HELLO_BYTES);
    say_report(peers[i], 16);
  }
  answer_all();
  pass_seconds(29);
  cr_assert_eq(loop.connection_count, 2);
  cr_expect_gt(read(peers[1], some, sizeof some), 0);
  run_loop();
  pass_seconds(2);
  cr_expect_eq(loop.connection_count, 1);
  cr_expect_not(is_ended(peers[1]));
  cr_expect(is_ended(peers[0]));
  close(peers[0]);
  close(peers[1]);
}

/* Bytes without end that never make a message: bounded over all connections of the loop, and given back with them. */
Test(connection, incomplete_messages__are_bounded)
{
  uint8_t header[] = {0, 0, 0, 0, 0, 0x10, 0, 0}; /* 1 MiB */
  static uint8_t part[64 * 1024];
  int peers[80];
  int ended = 0;

  for (int i = 0; i < 80; i++) {
    peers[i] = connect_peer(NULL);
    say(peers[i], mst_frame_hello_request, MST_FRAME_HELLO_BYTES);
    say(peers[i], header, sizeof header);
    for (int k = 0; k < 15; k++)
      if (send(peers[i], part, sizeof part, MSG_NOSIGNAL) > 0)
        run_loop();
    cr_assert_leq(loop.partial_bytes, MST_SERVER_PARTIAL_MAX_BYTES);
  }
  for (int i = 0; i < 80; i++) {
    ended += is_ended(peers[i]);
    close(peers[i]);
  }
  cr_expect(ended >= 12 && ended < 16, "%d were ended", ended); /* 68 times 15/16 MiB fit, and the hello's own */
  run_loop();
}

Test(connection, room__is_made_by_strangers_only)
{
  int peers[70];

  for (int i = 0; i < 70; i++)
    peers[i] = connect_peer(NULL);
  say(peers[0], mst_frame_hello_request, MST_FRAME_HELLO_BYTES);
  say_report(peers[0], 1);
  answer_all();
  cr_expect(mst_connection_make_room(&loop));
  run_loop();
  cr_expect_eq(loop.connection_count, 6);
  cr_expect_not(is_ended(peers[0]), "the oldest has brought an envelope");
  cr_expect(is_ended(peers[1]) && is_ended(peers[64]));
  cr_expect_not(is_ended(peers[65]) || is_ended(peers[69]));
  cr_expect(mst_connection_make_room(&loop));
  cr_expect_eq(loop.connection_count, 1);
  cr_expect_not(mst_connection_make_room(&loop));
  for (int i = 0; i < 70; i++)
    close(peers[i]);
  run_loop();
}

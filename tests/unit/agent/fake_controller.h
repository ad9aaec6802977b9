#ifndef MST_TEST_FAKE_CONTROLLER_H
#define MST_TEST_FAKE_CONTROLLER_H

/* A controller of one thread on a free port, which speaks what nng's REP socket speaks. What it answers, the test decides. It is no REP
 * socket of nng itself because those of 1.5.2 can leave the whole process stuck when a connection is cut (docs/adr/0021-agent-link.md), and
 * cutting is what these tests do; test_uplink.c has a real one, too. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include <mst/common/alloc.h>
#include <mst/common/key.h>
#include <mst/proto/plan.h>
#include <mst/proto/reply.h>
#include <mst/proto/report.h>

#define FAKE_UNUSED __attribute__((unused))

enum { FAKE_SEEN_MAX = 2000, FAKE_PEERS_MAX = 16, FAKE_IN_BYTES = 512 * 1024 };

struct fake_seen {
  mst_session_id session;
  uint64_t sequence;
  mst_envelope_kind kind;
  mst_digest digest;
};

struct fake_answer {
  bool silent;     /* no answer at all */
  bool forged;     /* signed by somebody else */
  bool cut;        /* half of the bytes, as if they were all */
  bool torn;       /* half of the frame, and the connection ends */
  bool hang_up;    /* the connection ends without an answer */
  bool mismatched; /* answers to another envelope */
  bool by_next;    /* signed with next_key */
};

struct fake_peer {
  int fd; /* -1: free */
  bool is_greeted;
  uint8_t *in;
  size_t in_bytes;
};

struct fake_controller {
  char url[64];
  uv_thread_t thread;
  uv_mutex_t lock; /* of all below */
  int listener;    /* -1: nobody listens */
  uint16_t port;
  bool is_over;
  struct fake_peer peers[FAKE_PEERS_MAX];
  mst_key *key, *next_key, *stranger;
  struct fake_seen seen[FAKE_SEEN_MAX];
  size_t seen_count;
  /* Called on the controller's thread with the lock held; reply comes as STORED. */
  struct fake_answer (*decide)(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply);
  mst_loss_range losses[64]; /* of the loss records that were stored */
  size_t loss_count;
  mst_buf plan;
  uint8_t next_public[MST_KEY_PUBLIC_BYTES];
  int64_t clock_ahead_ns;
  unsigned counter; /* the test's */
};

static FAKE_UNUSED void
fake_note_losses(struct fake_controller *fake, const mst_envelope *envelope)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  uint32_t count = 0;

  cr_assert_eq(mst_loss_decode(envelope->body, ranges, &count, NULL), MST_OK);
  for (uint32_t i = 0; i < count && fake->loss_count < 64; i++)
    fake->losses[fake->loss_count++] = ranges[i];
}

/* The signed reply to one envelope, appended to ret_bytes. */
static FAKE_UNUSED struct fake_answer
fake_reply(struct fake_controller *fake, const uint8_t *data, size_t size_bytes, mst_buf *ret_bytes)
{
  mst_envelope envelope;
  mst_buf body;
  mst_reply_batch *batch = NULL;
  mst_errctx ctx = {0};
  struct fake_answer answer = {0};
  mst_reply reply = {.envelope = mst_envelope_digest(data, size_bytes), .status = MST_REPLY_STORED};

  cr_assert_eq(mst_envelope_decode(data, size_bytes, &envelope, &ctx), MST_OK, "%s", ctx.text);
  reply.sent_at = envelope.sent_at;
  reply.received_at.ns = reply.replied_at.ns = mst_clock_wall(mst_clock_system()).ns + fake->clock_ahead_ns;
  cr_assert_lt(fake->seen_count, FAKE_SEEN_MAX);
  fake->seen[fake->seen_count++] = (struct fake_seen){envelope.session, envelope.sequence, envelope.kind, reply.envelope};
  if (fake->decide)
    answer = fake->decide(fake, &envelope, &reply);
  if (envelope.kind == MST_ENVELOPE_LOSS && reply.status == MST_REPLY_STORED && !answer.silent && !answer.forged)
    fake_note_losses(fake, &envelope);
  if (answer.mismatched)
    reply.envelope.bytes[0] ^= 1;
  mst_buf_init(&body, MST_REPLY_MAX_BYTES);
  cr_assert_eq(mst_reply_encode_body(&reply, &body, &ctx), MST_OK, "%s", ctx.text);
  const mst_bytes bodies = {body.data, body.size_bytes};
  const mst_key *key = answer.forged ? fake->stranger : answer.by_next ? fake->next_key : fake->key;
  cr_assert_eq(mst_reply_batch_create(&bodies, 1, key, &batch, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_reply_batch_encode(batch, 0, ret_bytes, &ctx), MST_OK, "%s", ctx.text);
  mst_reply_batch_destroy(batch);
  mst_buf_done(&body);
  return answer;
}

static FAKE_UNUSED void
fake_drop_peer(struct fake_peer *peer)
{
  if (peer->fd >= 0)
    close(peer->fd);
  mst_free(peer->in);
  *peer = (struct fake_peer){.fd = -1};
}

/* One frame: 8 bytes of length, 4 of the request's number, the envelope. */
static FAKE_UNUSED void
fake_take_frame(struct fake_controller *fake, struct fake_peer *peer, const uint8_t *frame, size_t size_bytes)
{
  mst_buf out;
  uint8_t header[12];

  cr_assert(frame[8] & 0x80, "a request's number has its highest bit set");
  mst_buf_init(&out, MST_REPLY_MAX_BYTES);
  const struct fake_answer answer = fake_reply(fake, frame + 12, size_bytes - 12, &out);
  const uint64_t length = (answer.cut ? out.size_bytes / 2 : out.size_bytes);
  for (size_t i = 0; i < 8; i++)
    header[i] = (uint8_t)((length + 4) >> (8 * (7 - i)));
  memcpy(header + 8, frame + 8, 4);
  if (!answer.silent && !answer.hang_up) {
    /* In two pieces, so that the other side sees every kind of half message. */
    (void)!send(peer->fd, header, sizeof header, MSG_NOSIGNAL);
    (void)!send(peer->fd, out.data, answer.torn ? length / 2 : length, MSG_NOSIGNAL);
  }
  mst_buf_done(&out);
  if (answer.torn || answer.hang_up)
    fake_drop_peer(peer);
}

static FAKE_UNUSED void
fake_read_peer(struct fake_controller *fake, struct fake_peer *peer)
{
  static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
  ssize_t n = recv(peer->fd, peer->in + peer->in_bytes, FAKE_IN_BYTES - peer->in_bytes, MSG_DONTWAIT);

  if (n <= 0) {
    fake_drop_peer(peer);
    return;
  }
  peer->in_bytes += (size_t)n;
  if (!peer->is_greeted && peer->in_bytes >= sizeof hello) {
    cr_assert_eq(memcmp(peer->in, hello, sizeof hello), 0);
    peer->is_greeted = true;
    peer->in_bytes -= sizeof hello;
    memmove(peer->in, peer->in + sizeof hello, peer->in_bytes);
  }
  while (peer->fd >= 0 && peer->is_greeted && peer->in_bytes >= 12) {
    const size_t length = 8 + ((size_t)peer->in[4] << 24 | (size_t)peer->in[5] << 16 | (size_t)peer->in[6] << 8 | peer->in[7]);
    cr_assert_leq(length, 12 + MST_ENVELOPE_MAX_BYTES);
    if (peer->in_bytes < length)
      break;
    fake_take_frame(fake, peer, peer->in, length);
    if (peer->fd < 0)
      break;
    peer->in_bytes -= length;
    memmove(peer->in, peer->in + length, peer->in_bytes);
  }
}

static FAKE_UNUSED void
fake_accept(struct fake_controller *fake)
{
  static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
  int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
  size_t i = 0;

  if (fd < 0)
    return;
  while (i < FAKE_PEERS_MAX && fake->peers[i].fd >= 0)
    i++;
  cr_assert_lt(i, FAKE_PEERS_MAX);
  fake->peers[i] = (struct fake_peer){.fd = fd, .in = mst_alloc(1, FAKE_IN_BYTES)};
  (void)!send(fd, hello, sizeof hello, MSG_NOSIGNAL);
}

static FAKE_UNUSED void
fake_run(void *arg)
{
  struct fake_controller *fake = arg;
  bool is_over = false;

  while (!is_over) {
    struct pollfd polled[FAKE_PEERS_MAX + 1];
    uv_mutex_lock(&fake->lock);
    polled[FAKE_PEERS_MAX] = (struct pollfd){.fd = fake->listener, .events = POLLIN};
    for (size_t i = 0; i < FAKE_PEERS_MAX; i++)
      polled[i] = (struct pollfd){.fd = fake->peers[i].fd, .events = POLLIN};
    uv_mutex_unlock(&fake->lock);
    (void)poll(polled, FAKE_PEERS_MAX + 1, 5);
    uv_mutex_lock(&fake->lock);
    for (size_t i = 0; i < FAKE_PEERS_MAX; i++)
      if (polled[i].revents && fake->peers[i].fd == polled[i].fd)
        fake_read_peer(fake, &fake->peers[i]);
    if (polled[FAKE_PEERS_MAX].revents && fake->listener >= 0 && fake->listener == polled[FAKE_PEERS_MAX].fd)
      fake_accept(fake);
    is_over = fake->is_over;
    uv_mutex_unlock(&fake->lock);
  }
}

/* Listens; on the same port as before. */
static FAKE_UNUSED void
fake_listen(struct fake_controller *fake)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fake->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  cr_assert_geq(fd, 0);
  cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0, "port %u", fake->port);
  cr_assert_eq(listen(fd, 16), 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  fake->port = ntohs(address.sin_port);
  snprintf(fake->url, sizeof fake->url, "tcp://127.0.0.1:%u", fake->port);
  uv_mutex_lock(&fake->lock);
  fake->listener = fd;
  uv_mutex_unlock(&fake->lock);
}

static FAKE_UNUSED void
fake_init(struct fake_controller *fake)
{
  memset(fake, 0, sizeof *fake);
  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
  cr_assert_eq(mst_key_create(&fake->key, NULL), MST_OK);
  cr_assert_eq(mst_key_create(&fake->next_key, NULL), MST_OK);
  cr_assert_eq(mst_key_create(&fake->stranger, NULL), MST_OK);
  memcpy(fake->next_public, mst_key_public(fake->next_key)->bytes, MST_KEY_PUBLIC_BYTES);
  cr_assert_eq(uv_mutex_init(&fake->lock), 0);
  mst_buf_init(&fake->plan, MST_PLAN_MAX_BYTES);
  for (size_t i = 0; i < FAKE_PEERS_MAX; i++)
    fake->peers[i].fd = -1;
  fake_listen(fake);
  cr_assert_eq(uv_thread_create(&fake->thread, fake_run, fake), 0);
}

/* Nobody listens any more, and the connections are cut. */
static FAKE_UNUSED void
fake_stop(struct fake_controller *fake)
{
  uv_mutex_lock(&fake->lock);
  if (fake->listener >= 0)
    close(fake->listener);
  fake->listener = -1;
  for (size_t i = 0; i < FAKE_PEERS_MAX; i++)
    fake_drop_peer(&fake->peers[i]);
  uv_mutex_unlock(&fake->lock);
}

static FAKE_UNUSED void
fake_done(struct fake_controller *fake)
{
  fake_stop(fake);
  uv_mutex_lock(&fake->lock);
  fake->is_over = true;
  uv_mutex_unlock(&fake->lock);
  uv_thread_join(&fake->thread);
  fake_stop(fake);
  mst_key_destroy(fake->key);
  mst_key_destroy(fake->next_key);
  mst_key_destroy(fake->stranger);
  mst_buf_done(&fake->plan);
  uv_mutex_destroy(&fake->lock);
}

/* What the controller's thread wrote may be read after this while it has nothing to do, and it sees what the test wrote before. */
static FAKE_UNUSED void
fake_sync(struct fake_controller *fake)
{
  uv_mutex_lock(&fake->lock);
  uv_mutex_unlock(&fake->lock);
}

static FAKE_UNUSED size_t
fake_count(struct fake_controller *fake)
{
  uv_mutex_lock(&fake->lock);
  size_t count = fake->seen_count;
  uv_mutex_unlock(&fake->lock);
  return count;
}

static FAKE_UNUSED void
fake_set(struct fake_controller *fake,
         struct fake_answer (*decide)(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply))
{
  uv_mutex_lock(&fake->lock);
  fake->decide = decide;
  uv_mutex_unlock(&fake->lock);
}

static FAKE_UNUSED void
fake_on_wake(uv_timer_t *timer)
{
  (void)timer;
}

/* Runs the loop until the condition holds; false after 20 s. The condition, and the test after it, may look at what the controller wrote.
 */
static FAKE_UNUSED bool
fake_run_until(struct fake_controller *fake, uv_loop_t *loop, bool (*holds)(void))
{
  uv_timer_t wake;
  const int64_t until_ns = mst_clock_mono(mst_clock_system()).ns + 20 * MST_NS_PER_S;

  fake_sync(fake);
  bool is_held = holds();
  uv_timer_init(loop, &wake);
  uv_timer_start(&wake, fake_on_wake, 5, 5);
  while (!is_held && mst_clock_mono(mst_clock_system()).ns < until_ns) {
    uv_run(loop, UV_RUN_ONCE);
    fake_sync(fake);
    is_held = holds();
  }
  uv_close((uv_handle_t *)&wake, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
  return is_held;
}

#endif

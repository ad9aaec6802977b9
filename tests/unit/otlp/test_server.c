/* The listener with its thread: real sockets, several clients at once, and an end that may come at any moment. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mst/common/buf.h>

#include "exchange.h"
#include "server.h"

enum { CLIENTS = 4, POSTS = 50, BODY_MAX = 4096, ANSWER_BYTES = 2048 };

/* One span: ids of 1s and 2s, no parent. */
static const uint8_t one_span[] = "\x0a\x20\x12\x1e\x12\x1c\x0a\x10\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\x12\x08\2\2\2\2\2\2\2\2";
enum { ONE_SPAN_BYTES = sizeof one_span - 1 };

struct world {
  mst_otlp_wanted wanted;
  mst_otlp_book *book;
  mst_otlp_server *server;
  uint16_t port;
};

static void
begin(struct world *world)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  mst_otlp_server_setup setup = {.address_bytes = sizeof at, .wanted = &world->wanted, .clock = mst_clock_system(), .body_max = BODY_MAX};
  mst_errctx ctx = {0};

  memset(world, 0, sizeof *world);
  memcpy(&setup.address, &at, sizeof at);
  cr_assert_eq(mst_otlp_book_create(&world->wanted, 60 * MST_NS_PER_S, setup.clock, &world->book, &ctx), MST_OK, "%s", ctx.text);
  setup.book = world->book;
  cr_assert_eq(mst_otlp_server_start(&setup, &world->server, &ctx), MST_OK, "%s", ctx.text);
  world->port = (uint16_t)mst_otlp_server_port(world->server);
}

static void
done(struct world *world)
{
  mst_otlp_server_stop(world->server);
  mst_otlp_book_destroy(world->book);
}

static int
dial(const struct world *world)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(world->port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval limit = {.tv_sec = 20};

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

/* The status; 0: the connection was ended. */
static int
ask(int fd, const char *head, const void *body, size_t size_bytes)
{
  char request[8192], answer[ANSWER_BYTES] = "";
  int length = snprintf(request, sizeof request, "%sHost: x\r\nContent-Length: %zu\r\n\r\n", head, size_bytes), status = 0;
  size_t got = 0;

  memcpy(request + length, body, size_bytes);
  if (send(fd, request, (size_t)length + size_bytes, MSG_NOSIGNAL) < 0)
    return 0;
  while (!strstr(answer, "\r\n\r\n")) {
    ssize_t more = recv(fd, answer + got, sizeof answer - 1 - got, 0);

    if (more <= 0)
      return 0;
    got += (size_t)more;
    answer[got] = '\0';
  }
  return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

static const char traces[] = "POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n";

struct client {
  struct world *world;
  pthread_t thread;
  int answered;
};

static void *
post_many(void *arg)
{
  struct client *client = arg;
  int fd = dial(client->world);

  for (int i = 0; i < POSTS; i++)
    client->answered += ask(fd, traces, one_span, ONE_SPAN_BYTES) == 200;
  close(fd);
  return NULL;
}

Test(server, several_clients_at_once__each_span_is_counted_once)
{
  struct world world;
  struct client clients[CLIENTS] = {{0}};
  mst_otlp_view view;

  begin(&world);
  for (int i = 0; i < CLIENTS; i++) {
    clients[i].world = &world;
    cr_assert_eq(pthread_create(&clients[i].thread, NULL, post_many, &clients[i]), 0);
  }
  for (int i = 0; i < 100; i++)
    mst_otlp_book_look(world.book, &view); /* as the agent's loop does meanwhile */
  for (int i = 0; i < CLIENTS; i++) {
    pthread_join(clients[i].thread, NULL);
    cr_expect_eq(clients[i].answered, POSTS);
  }
  mst_otlp_book_look(world.book, &view);
  cr_expect_eq(view.spans[0], CLIENTS * POSTS);
  cr_expect_eq(view.with_ids, CLIENTS * POSTS);
  cr_expect_eq(view.requests[MST_OTLP_TRACES][MST_OTLP_ACCEPTED], CLIENTS * POSTS);
  done(&world);
}

static void *
post_until_it_ends(void *arg)
{
  struct client *client = arg;
  int fd = dial(client->world);

  while (ask(fd, traces, one_span, ONE_SPAN_BYTES) == 200)
    client->answered++;
  close(fd);
  return NULL;
}

Test(server, stopped_amid_requests__ends_all_connections)
{
  struct world world;
  mst_otlp_view view = {0};

  begin(&world);
  int silent = dial(&world), half = dial(&world);
  struct client client = {.world = &world};

  cr_assert_eq(send(half, traces, strlen(traces), MSG_NOSIGNAL), (ssize_t)strlen(traces));
  cr_assert_eq(pthread_create(&client.thread, NULL, post_until_it_ends, &client), 0);
  while (view.spans[0] == 0)
    mst_otlp_book_look(world.book, &view);
  mst_otlp_server_stop(world.server);
  pthread_join(client.thread, NULL);
  char byte;
  cr_expect_leq(recv(silent, &byte, 1, 0), 0);
  cr_expect_leq(recv(half, &byte, 1, 0), 0);
  close(silent);
  close(half);
  mst_otlp_book_destroy(world.book);
}

Test(server, refused_requests__leave_the_connection_usable)
{
  static const struct {
    const char *head;
    int status;
  } refused[] = {
      {"POST /v1/logs HTTP/1.1\r\nContent-Type: application/json\r\n", 404},
      {"PUT /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n", 405},
      {"POST /v1/traces HTTP/1.1\r\nContent-Type: text/html\r\n", 415},
      {"POST /v1/traces HTTP/1.1\r\n", 415},
      {"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: br\r\n", 415},
      {"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\n", 400},
  };
  struct world world;
  mst_otlp_view view;

  begin(&world);
  int fd = dial(&world);
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    cr_expect_eq(ask(fd, refused[i].head, "{\"", 2), refused[i].status, "%s", refused[i].head);
  char large[BODY_MAX + 1] = "";
  cr_expect_eq(ask(fd, traces, large, sizeof large), 413);
  cr_expect_eq(ask(fd, traces, one_span, ONE_SPAN_BYTES), 200);
  close(fd);
  mst_otlp_book_look(world.book, &view);
  cr_expect_eq(view.rejected[MST_OTLP_NOT_FOUND], 1);
  cr_expect_eq(view.rejected[MST_OTLP_METHOD], 1);
  cr_expect_eq(view.rejected[MST_OTLP_TYPE], 2);
  cr_expect_eq(view.rejected[MST_OTLP_ENCODING], 1);
  cr_expect_eq(view.rejected[MST_OTLP_MALFORMED], 1);
  cr_expect_eq(view.rejected[MST_OTLP_TOO_LARGE], 1);
  cr_expect_eq(view.requests[MST_OTLP_NO_PATH][MST_OTLP_REFUSED], 1);
  cr_expect_eq(view.requests[MST_OTLP_TRACES][MST_OTLP_REFUSED], 6);
  cr_expect_eq(view.spans[0], 1);
  done(&world);
}

Test(server, client_that_goes_amid_its_body__is_counted_as_cut_off)
{
  struct world world;
  mst_otlp_view view = {0};
  char head[256];

  begin(&world);
  int fd = dial(&world);
  int length = snprintf(head, sizeof head, "%sHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", traces);
  cr_assert_eq(send(fd, head, (size_t)length, MSG_NOSIGNAL), length);
  cr_assert_gt(recv(fd, head, sizeof head, 0), 0);                                              /* it was begun: "100 Continue" */
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger)); /* gone at once, as when it crashed */
  close(fd);
  mst_mono until = {mst_clock_mono(mst_clock_system()).ns + 20 * MST_NS_PER_S};
  while (view.rejected[MST_OTLP_CUT] == 0 && mst_clock_mono(mst_clock_system()).ns < until.ns)
    mst_otlp_book_look(world.book, &view);
  cr_expect_eq(view.rejected[MST_OTLP_CUT], 1);
  done(&world);
}

Test(server, addresses__only_those_of_the_loopback_are_taken)
{
  static const char *const good[] = {"127.0.0.1:4318", "127.9.9.9:1", "[::1]:65535", "localhost:4318"};
  static const char *const bad[] = {"0.0.0.0:4318",
                                    "192.168.1.1:4318",
                                    "[::]:4318",
                                    "[::ffff:127.0.0.1]:4318",
                                    "127.0.0.1",
                                    "127.0.0.1:0",
                                    "127.0.0.1:65536",
                                    "127.0.0.1:4318x",
                                    "example.org:4318",
                                    "::1:4318",
                                    ":4318",
                                    "",
                                    "[]:1",
                                    "127.0.0.1:-1"};

  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    mst_otlp_server_setup setup = {0};
    mst_errctx ctx = {0};

    cr_expect_eq(mst_otlp_address_parse(good[i], &setup, &ctx), MST_OK, "%s: %s", good[i], ctx.text);
    cr_expect_gt(setup.address_bytes, 0, "%s", good[i]);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    mst_otlp_server_setup setup = {0};
    mst_errctx ctx = {0};

    cr_expect_eq(mst_otlp_address_parse(bad[i], &setup, &ctx), MST_EUSAGE, "%s", bad[i]);
    cr_expect(strstr(ctx.text, "loopback"), "%s", ctx.text);
  }
}

/* Points over the limit: the answer is a partial success, in the encoding of the request. */
Test(server, points_that_are_not_taken__are_told_as_a_partial_success)
{
  struct world world;
  mst_otlp_answer answer;
  mst_buf text;

  begin(&world);
  mst_otlp_book_destroy(world.book);
  world.wanted.requests_metric = "n";
  mst_errctx ctx = {0};
  cr_assert_eq(mst_otlp_book_create(&world.wanted, 60 * MST_NS_PER_S, mst_clock_system(), &world.book, &ctx), MST_OK);
  mst_buf_init(&text, 1 << 20);
  mst_buf_puts(&text, "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"n\",\"histogram\":{\"aggregationTemporality\":2,"
                      "\"dataPoints\":[");
  for (int i = 0; i < MST_OTLP_POINTS_MAX + 3; i++)
    mst_buf_puts(&text, i ? ",{\"count\":\"1\"}" : "{\"count\":1}");
  mst_buf_puts(&text, "]}}]}]}]}");
  mst_otlp_exchange exchange =
      mst_otlp_exchange_begin(&(mst_otlp_head){.method = "POST", .path = "/v1/metrics", .type = "application/json"});
  mst_otlp_exchange_answer(&exchange, &world.wanted, world.book, text.data, text.size_bytes, text.max_bytes, &answer);
  cr_expect_eq(answer.status, 200);
  cr_expect(strstr(mst_buf_text(&answer.body), "{\"partialSuccess\":{\"rejectedDataPoints\":\"3\""), "%s", mst_buf_text(&answer.body));
  mst_buf_done(&answer.body);
  mst_buf_done(&text);
  done(&world);
}

/* The server as clients see it: who is let in, what is taken, what comes back. */
#include "client.h"

TestSuite(http, .init = setup, .fini = teardown, .timeout = TESTS_MAX_S);

Test(http, loopback_listener__wants_a_host_header_of_the_loopback)
{
  start_on_host("127.0.0.1", NULL);
  cr_expect_eq(status_of("GET", "/api/v1/status", LOCAL), 200);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: localhost:7651\r\n"), 200);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: evil.example\r\n"), 403);
  cr_expect_eq(status_of("GET", "/", "Host: evil.example:7651\r\n"), 403);
  cr_expect_eq(status_of("POST", "/api/v1/statements", "Host: evil.example\r\nContent-Length: 0\r\n"), 403);
  cr_expect_neq(status_of("GET", "/api/v1/status", ""), 200);
}

static void
write_token(const char *text, mode_t mode)
{
  FILE *file = fopen(token_path, "w");

  cr_assert(file != NULL);
  fputs(text, file);
  fclose(file);
  cr_assert_eq(chmod(token_path, mode), 0);
}

#define TOKEN "0123456789abcdef0123456789abcdef"

Test(http, open_listener__wants_the_bearer_token_for_reading)
{
  write_token(TOKEN "\n", 0600);
  start_on_host("0.0.0.0", token_path);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\nAuthorization: Bearer " TOKEN "\r\n"), 200);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\nauthorization: bearer " TOKEN "\r\n"), 200);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\n"), 401);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\nAuthorization: Bearer 0123456789abcdef\r\n"), 401);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\nAuthorization: Bearer " TOKEN "0\r\n"), 401);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\nAuthorization: Basic " TOKEN "\r\n"), 401);
  cr_expect_eq(status_of("GET", "/api/v1/status", "Host: x\r\nAuthorization: Bearer\r\n"), 401);
  cr_expect_eq(status_of("HEAD", "/metrics", "Host: x\r\n"), 401);
  cr_expect_eq(status_of("GET", "/nowhere", "Host: x\r\n"), 401);
  cr_expect_eq(status_of("GET", "/healthz", "Host: x\r\n"), 200);
  cr_expect_eq(status_of("GET", "/readyz", "Host: x\r\n"), 200);
  cr_expect_eq(status_of("POST", "/api/v1/statements", "Host: x\r\nContent-Length: 0\r\n"), 200, "its signature is what counts");
}

Test(http, refusals__say_what_to_send)
{
  static reply got;

  write_token(TOKEN, 0600);
  start_on_host("0.0.0.0", token_path);
  ask("GET", "/api/v1/status", "Host: x\r\n", &got);
  cr_expect(strstr(got.text, "WWW-Authenticate: Bearer\r\n") != NULL, "%s", got.text);
  cr_expect(strstr(got.body, "MST_EPERM") && strstr(got.body, "--token-file"), "%s", got.body);
  json_t *document = json_loads(got.body, 0, NULL);
  cr_expect(document != NULL);
  json_decref(document);
}

Test(http, token_file__that_others_read_or_that_can_be_guessed__is_refused)
{
  static const struct {
    const char *text;
    mode_t mode;
    mst_err err;
    const char *says;
  } cases[] = {{TOKEN, 0604, MST_EPERM, "chmod 600"},
               {"", 0600, MST_EMALFORMED, "empty"},
               {"\n\n", 0600, MST_EMALFORMED, "empty"},
               {"short", 0600, MST_EMALFORMED, "openssl rand"}};
  char *items[] = {address};

  snprintf(address, sizeof address, "127.0.0.1:%u", free_port());
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const mst_http_config config = {.listen = {items, 1}, .token_file = token_path};
    mst_errctx ctx = {0};
    write_token(cases[i].text, cases[i].mode);
    cr_expect_eq(mst_http_start(&core, &config, &server, &ctx), cases[i].err, "%zu: %s", i, ctx.text);
    cr_expect(strstr(ctx.text, cases[i].says) && strstr(ctx.text, token_path), "%s", ctx.text);
    cr_expect(server == NULL);
  }
}

Test(http, certificate_that_is_none__is_refused_and_leaves_nothing_behind)
{
  char *items[] = {address};
  const mst_http_config config = {.listen = {items, 1}, .token_file = token_path, .cert_file = token_path, .key_file = token_path};
  mst_errctx ctx = {0};

  write_token(TOKEN, 0600);
  port = free_port();
  snprintf(address, sizeof address, "0.0.0.0:%u", port);
  cr_assert_eq(mst_http_start(&core, &config, &server, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "cert_file") != NULL, "%s", ctx.text);
  start_on_host("127.0.0.1", NULL);
  cr_expect_eq(status_of("GET", "/healthz", LOCAL), 200);
}

Test(http, one_listener_that_fails__stops_those_before_it)
{
  char first[64], *items[] = {first, first};
  const mst_http_config config = {.listen = {items, 2}};
  mst_errctx ctx = {0};

  port = free_port();
  snprintf(first, sizeof first, "127.0.0.1:%u", port);
  cr_assert_eq(mst_http_start(&core, &config, &server, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, first) != NULL, "%s", ctx.text);
  start_on(first, NULL);
  cr_expect_eq(status_of("GET", "/healthz", LOCAL), 200);
}

Test(http, unix_socket__serves_without_token_and_goes_when_stopped)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char listen_text[64];
  static reply got;
  static const char request[] = "GET /api/v1/status HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n";

  snprintf(listen_text, sizeof listen_text, "unix:%s/s", folder);
  start_on(listen_text, NULL);
  snprintf(at.sun_path, sizeof at.sun_path, "%s/s", folder);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  be_patient(fd);
  cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  cr_assert(send_all(fd, request, sizeof request - 1));
  receive(fd, &got);
  cr_expect_eq(got.status, 200);
  mst_http_stop(server);
  server = NULL;
  cr_expect_neq(access(at.sun_path, F_OK), 0);
}

Test(http, head__has_the_headers_of_get_and_no_body)
{
  static reply got, whole;

  start_on_host("127.0.0.1", NULL);
  ask("HEAD", "/api/v1/status", LOCAL, &got);
  ask("GET", "/api/v1/status", LOCAL, &whole);
  cr_expect_eq(got.status, 200);
  cr_expect_str_eq(got.body, "");
  char length[64];
  snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(whole.body));
  cr_expect(strstr(got.text, length) != NULL, "%s", got.text);
  cr_expect(strstr(got.text, "Content-Type: application/json\r\n") != NULL);
}

Test(http, answers__carry_the_headers_that_keep_browsers_in_check)
{
  static reply got;

  start_on_host("127.0.0.1", NULL);
  ask("GET", "/", LOCAL, &got);
  cr_expect_eq(got.status, 200);
  cr_expect(strstr(got.text, "Content-Security-Policy: default-src 'none'") != NULL);
  cr_expect(strstr(got.text, "X-Content-Type-Options: nosniff") != NULL);
  cr_expect(strstr(got.text, "Cache-Control: no-store") != NULL);
  cr_expect(strstr(got.text, "Access-Control") == NULL);
  ask("DELETE", "/", LOCAL, &got);
  cr_expect_eq(got.status, 405);
  cr_expect(strstr(got.text, "Allow: GET, HEAD\r\n") != NULL, "%s", got.text);
}

Test(http, path_and_query__are_unescaped_before_they_reach_the_core)
{
  static reply got;

  start_on_host("127.0.0.1", NULL);
  ask("GET", "/api/v1/agents/web%2D1", LOCAL, &got);
  cr_expect(strstr(got.body, "\"id\":\"web-1\"") != NULL, "%s", got.body);
  ask("GET", "/api/v1/items?section=5&outcome=FA%49L", LOCAL, &got);
  cr_expect(strstr(got.body, "\"id\":\"5.1\"") && !strstr(got.body, "5.3.1"), "%s", got.body);
  cr_expect_eq(status_of("GET", "/api/v1/items?outcome=FIAL", LOCAL), 400);
  cr_expect_eq(status_of("GET", "/api/v1/verdict?run=gone", LOCAL), 404);
}

/* Posts `size_bytes` of body, in chunks without a length when `chunked`. */
static int
post(size_t size_bytes, bool chunked)
{
  static reply got;
  char head[256], part[1024];
  int fd = dial();
  bool goes_on;

  memset(part, 'b', sizeof part);
  int bytes = chunked
                  ? snprintf(head, sizeof head,
                             "POST /api/v1/statements HTTP/1.1\r\n" LOCAL "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
                  : snprintf(head, sizeof head,
                             "POST /api/v1/statements HTTP/1.1\r\n" LOCAL "Connection: close\r\nContent-Length: %zu\r\n\r\n", size_bytes);
  goes_on = send_all(fd, head, (size_t)bytes);
  for (size_t left = size_bytes; goes_on && left > 0;) {
    size_t now = left < sizeof part ? left : sizeof part;
    bytes = chunked ? snprintf(head, sizeof head, "%zx\r\n", now) : 0;
    goes_on = send_all(fd, head, (size_t)bytes) && send_all(fd, part, now) && (!chunked || send_all(fd, "\r\n", 2));
    left -= now;
  }
  if (goes_on && chunked)
    send_all(fd, "0\r\n\r\n", 5);
  receive(fd, &got);
  return got.status;
}

Test(http, body__up_to_64_KiB_is_taken_more_is_413_and_far_more_cut_off)
{
  start_on_host("127.0.0.1", NULL);
  cr_expect_eq(post(0, false), 200);
  cr_expect_eq(post(64 * 1024, false), 200);
  cr_expect_eq(double_take_statement(&core), 64 * 1024);
  cr_expect_eq(post(64 * 1024, true), 200);
  cr_expect_eq(double_take_statement(&core), 64 * 1024);
  cr_expect_eq(post(64 * 1024 + 1, false), 413);
  cr_expect_eq(post(64 * 1024 + 1, true), 413);
  cr_expect_eq(post(64 * 1024 * 1024, true), 0);
  cr_expect_eq(post(64 * 1024 * 1024, false), 0);
  cr_expect_eq(double_take_statement(&core), 0, "none of them reached the core");
  cr_expect_eq(status_of("GET", "/healthz", LOCAL), 200);
}

Test(http, rubbish_and_endless_headers__do_no_harm)
{
  static const char *const rubbish[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\xff\xff\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"};
  static char header[48 * 1024];
  static reply got;

  start_on_host("127.0.0.1", NULL);
  for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
    int fd = dial();
    send_all(fd, rubbish[i], strlen(rubbish[i]));
    shutdown(fd, SHUT_WR);
    receive(fd, &got);
    cr_expect_neq(got.status, 200);
  }
  memset(header, 'h', sizeof header);
  int fd = dial();
  send_all(fd, "GET / HTTP/1.1\r\nX: ", 19);
  send_all(fd, header, sizeof header);
  receive(fd, &got);
  cr_expect_neq(got.status, 200);
  cr_expect_eq(status_of("GET", "/healthz", LOCAL), 200);
}

Test(http, many_listeners__serve_the_same)
{
  enum { COUNT = 3 };
  char texts[COUNT][64], *items[COUNT];
  uint16_t ports[COUNT];
  mst_errctx ctx = {0};

  for (int i = 0; i < COUNT; i++) {
    ports[i] = free_port();
    snprintf(texts[i], sizeof texts[i], "127.0.0.1:%u", ports[i]);
    items[i] = texts[i];
  }
  const mst_http_config config = {.listen = {items, COUNT}};
  cr_assert_eq(mst_http_start(&core, &config, &server, &ctx), MST_OK, "%s", ctx.text);
  for (int i = 0; i < COUNT; i++) {
    port = ports[i];
    cr_expect_eq(status_of("GET", "/api/v1/status", LOCAL), 200);
  }
}

Test(http, stop_of_nothing__is_allowed)
{
  mst_http_stop(NULL);
}

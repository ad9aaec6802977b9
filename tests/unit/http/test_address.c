#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/http.h"

Test(address, of_each_form__parsed)
{
  static const struct {
    const char *text, *host, *port;
    bool is_unix, is_loopback;
  } cases[] = {
      {"127.0.0.1:7651", "127.0.0.1", "7651", false, true},   {"127.9.8.7:1", "127.9.8.7", "1", false, true},
      {"localhost:65535", "localhost", "65535", false, true}, {"[::1]:80", "::1", "80", false, true},
      {"0.0.0.0:80", "0.0.0.0", "80", false, false},          {"[::]:80", "::", "80", false, false},
      {"10.1.2.3:80", "10.1.2.3", "80", false, false},        {"controller.example:443", "controller.example", "443", false, false},
      {"unix:/run/m.sock", "/run/m.sock", "", true, true},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_http_address address;
    mst_errctx ctx = {0};
    cr_assert_eq(mst_http_address_parse(cases[i].text, &address, &ctx), MST_OK, "%s: %s", cases[i].text, ctx.text);
    cr_expect_str_eq(address.host, cases[i].host);
    cr_expect_str_eq(address.port, cases[i].port);
    cr_expect_eq(address.is_unix, cases[i].is_unix, "%s", cases[i].text);
    cr_expect_eq(address.is_loopback, cases[i].is_loopback, "%s", cases[i].text);
  }
}

Test(address, that_is_wrong__refused_with_the_text_and_what_to_write)
{
  static const char *const cases[] = {
      "",     "7651",   ":7651",   "127.0.0.1", "127.0.0.1:",      "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:100000", "h:80x",
      "h:-1", "::1:80", "[::1:80", "[]:80",     "unix:run/m.sock", "unix:",       "h: 80",           "[::1]80:1",        "[::1]x:1",
  };
  char longest[400], path[200];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_http_address address = {.port = "kept"};
    mst_errctx ctx = {0};
    cr_expect_neq(mst_http_address_parse(cases[i], &address, &ctx), MST_OK, "\"%s\" was taken", cases[i]);
    cr_expect(ctx.text[0] != '\0');
    cr_expect_str_eq(address.port, "kept", "untouched on failure");
  }
  memset(longest, 'a', sizeof longest);
  memcpy(longest + sizeof longest - 4, ":80", 4);
  memset(path, 'p', sizeof path);
  memcpy(path, "unix:/", 6);
  path[sizeof path - 1] = '\0';
  mst_http_address address;
  mst_errctx ctx = {0};
  cr_expect_neq(mst_http_address_parse(longest, &address, &ctx), MST_OK);
  cr_expect_neq(mst_http_address_parse(path, &address, &ctx), MST_OK);
  cr_expect(strstr(ctx.text, "107 bytes") != NULL, "%s", ctx.text);
}

Test(host_header, of_this_machine_and_of_others__told_apart)
{
  static const char *const ours[] = {"localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:7651", "[::1]", "[::1]:7651", "127.1.2.3:1"};
  static const char *const others[] = {
      "",     "evil.example", "evil.example:7651", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]:80",
      "[::1", "[::1]evil",    "[::1]:80evil",      "localhost:80evil",       "127.0.0.1@evil",         ":80",      "0.0.0.0"};

  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
    cr_expect(mst_http_host_is_loopback(ours[i]), "%s", ours[i]);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    cr_expect_not(mst_http_host_is_loopback(others[i]), "%s", others[i]);
  cr_expect_not(mst_http_host_is_loopback(NULL));
}

static mst_err
listen_on(const char *text, int *ret_fd, mst_errctx *ctx)
{
  mst_http_address address;
  mst_err err = mst_http_address_parse(text, &address, ctx);

  return err == MST_OK ? mst_http_address_listen(&address, ret_fd, ctx) : err;
}

Test(listening, on_a_port_in_use__names_the_address)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  char text[64];
  mst_errctx ctx = {0};
  int first = socket(AF_INET, SOCK_STREAM, 0), second = -1;

  cr_assert_eq(bind(first, (struct sockaddr *)&at, sizeof at), 0);
  cr_assert_eq(listen(first, 1), 0);
  cr_assert_eq(getsockname(first, (struct sockaddr *)&at, &size), 0);
  snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(at.sin_port));
  cr_assert_eq(listen_on(text, &second, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, text) != NULL, "%s", ctx.text);
  cr_expect_eq(second, -1);
  close(first);
  cr_assert_eq(listen_on(text, &second, &ctx), MST_OK, "%s", ctx.text);
  close(second);
}

static char folder[] = "/tmp/mst-http-XXXXXX";

static void
make_folder(void)
{
  cr_assert(mkdtemp(folder) != NULL);
}

static void
remove_folder(void)
{
  char path[64];

  snprintf(path, sizeof path, "%s/s", folder);
  unlink(path);
  rmdir(folder);
}

TestSuite(unix_socket, .init = make_folder, .fini = remove_folder);

Test(unix_socket, whatever_the_umask__owner_and_group_may_connect)
{
  static const mode_t masks[] = {0, 0022, 0077};
  char text[64];
  struct stat st;
  mst_errctx ctx = {0};

  snprintf(text, sizeof text, "unix:%s/s", folder);
  for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
    int fd = -1;
    mode_t old = umask(masks[i]);
    cr_assert_eq(listen_on(text, &fd, &ctx), MST_OK, "%s", ctx.text);
    umask(old);
    cr_assert_eq(stat(text + 5, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0660, "%o", st.st_mode);
    close(fd); /* and leaves the file behind, as a kill would */
  }
}

Test(unix_socket, that_somebody_answers_on__is_left_alone)
{
  char text[64];
  mst_errctx ctx = {0};
  int first = -1, second = -1;

  snprintf(text, sizeof text, "unix:%s/s", folder);
  cr_assert_eq(listen_on(text, &first, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(listen_on(text, &second, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, folder) != NULL, "%s", ctx.text);
  cr_expect_eq(access(text + 5, F_OK), 0);
  close(first);
}

Test(unix_socket, where_a_file_stands__is_refused_and_the_file_kept)
{
  char text[64];
  mst_errctx ctx = {0};
  int fd = -1;

  snprintf(text, sizeof text, "unix:%s/s", folder);
  close(open(text + 5, O_CREAT | O_WRONLY, 0600));
  cr_expect_eq(listen_on(text, &fd, &ctx), MST_EIO);
  cr_expect_eq(access(text + 5, F_OK), 0);
}

Test(unix_socket, in_no_folder__is_refused)
{
  mst_errctx ctx = {0};
  int fd = -1;

  cr_expect_eq(listen_on("unix:/nonexistent/s", &fd, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "/nonexistent/s") != NULL, "%s", ctx.text);
}

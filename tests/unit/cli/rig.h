#ifndef MST_TEST_CLI_RIG_H
#define MST_TEST_CLI_RIG_H

/* The command line with its output in memory, and a controller of canned answers on a Unix socket. Included by one file of a test program.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <mst/common/key.h>

#include "cli/cli.h"

typedef struct canned {
  const char *path; /* the request's path begins so, query included */
  int status;
  const char *body;
} canned;

enum { REQUEST_BYTES = 128 * 1024, RIG_ARGUMENTS_MAX = 32 };

static struct {
  mst_cli cli;
  char *out, *err; /* what was printed; valid after run() */
  size_t out_bytes, err_bytes;
  char folder[64], url[128], key_path[96];
  /* The controller. */
  const canned *answers;
  int listen_fd;
  bool serving;
  pthread_t thread;
  char request[REQUEST_BYTES]; /* the latest; valid after run() */
  size_t request_bytes, body_at;
  atomic_uint asked;
  unsigned cut; /* so many connections behind the first are closed without an answer */
} rig;

static inline void
rig_init(void)
{
  mst_errctx ctx = {0};

  snprintf(rig.folder, sizeof rig.folder, "/tmp/mst-cli-XXXXXX");
  cr_assert(mkdtemp(rig.folder) != NULL);
  snprintf(rig.url, sizeof rig.url, "unix:%s/s", rig.folder);
  snprintf(rig.key_path, sizeof rig.key_path, "%s/operator.key", rig.folder);
  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  rig.cli = (mst_cli){.url = rig.url, .key_file = rig.key_path, .width = 80};
  rig.listen_fd = -1;
}

static inline void
rig_stop(void)
{
  if (rig.serving) {
    shutdown(rig.listen_fd, SHUT_RDWR);
    pthread_join(rig.thread, NULL);
    close(rig.listen_fd);
    unlink(rig.url + 5);
  }
  rig.serving = false;
}

static inline void
rig_done(void)
{
  rig_stop();
  free(rig.out);
  free(rig.err);
  unlink(rig.key_path);
  rmdir(rig.folder);
}

/* Reads one request with its body. */
static inline void
rig_read(int fd)
{
  size_t want = 0;
  ssize_t n;

  rig.request_bytes = rig.body_at = 0;
  while (rig.request_bytes < REQUEST_BYTES - 1 &&
         (n = recv(fd, rig.request + rig.request_bytes, REQUEST_BYTES - 1 - rig.request_bytes, 0)) > 0) {
    rig.request_bytes += (size_t)n;
    rig.request[rig.request_bytes] = '\0';
    const char *end = strstr(rig.request, "\r\n\r\n"), *length = strstr(rig.request, "Content-Length: ");
    if (!end)
      continue;
    rig.body_at = (size_t)(end - rig.request) + 4;
    want = rig.body_at + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    if (rig.request_bytes >= want)
      return;
  }
}

static inline void *
rig_serve(void *user)
{
  int fd;

  (void)user;
  while ((fd = accept(rig.listen_fd, NULL, NULL)) >= 0) {
    const canned *answer = rig.answers;
    rig_read(fd);
    if (atomic_fetch_add(&rig.asked, 1) > 0 && rig.cut > 0) {
      rig.cut--;
      close(fd);
      continue;
    }
    const char *path = strchr(rig.request, ' ');
    while (answer->path && path && strncmp(path + 1, answer->path, strlen(answer->path)) != 0)
      answer++;
    const char *body = answer->path ? answer->body : "{\"error\":{\"code\":\"MST_EABSENT\",\"text\":\"no such path\"}}";
    dprintf(fd, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", answer->path ? answer->status : 404, strlen(body),
            body);
    close(fd);
  }
  return NULL;
}

/* answers: ends with a NULL path; the first that fits counts, any other path is 404. Lives until the next call. */
static inline void
rig_answer(const canned *answers)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};

  rig_stop();
  rig.answers = answers;
  cr_assert_lt((size_t)snprintf(at.sun_path, sizeof at.sun_path, "%.*s", (int)sizeof at.sun_path - 1, rig.url + 5), sizeof at.sun_path);
  rig.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq(bind(rig.listen_fd, (struct sockaddr *)&at, sizeof at), 0);
  cr_assert_eq(listen(rig.listen_fd, 8), 0);
  cr_assert_eq(pthread_create(&rig.thread, NULL, rig_serve, NULL), 0);
  rig.serving = true;
}

/* `muster` with these arguments, up to a NULL; gives the exit code and leaves the output in rig. */
static inline int
run(const char *first, ...)
{
  static char texts[RIG_ARGUMENTS_MAX][4096], name[] = "muster";
  char *argv[RIG_ARGUMENTS_MAX + 2] = {name};
  mst_cli cli = rig.cli;
  va_list arguments;
  int argc = 1;

  va_start(arguments, first);
  for (const char *text = first; text && argc <= RIG_ARGUMENTS_MAX; text = va_arg(arguments, const char *)) {
    snprintf(texts[argc - 1], sizeof texts[0], "%s", text);
    argv[argc] = texts[argc - 1];
    argc++;
  }
  va_end(arguments);
  free(rig.out);
  free(rig.err);
  rig.out = rig.err = NULL;
  cli.out = open_memstream(&rig.out, &rig.out_bytes);
  cli.err = open_memstream(&rig.err, &rig.err_bytes);
  cr_assert(cli.out && cli.err);
  int code = mst_cli_dispatch(&cli, argc, argv);
  fclose(cli.out);
  fclose(cli.err);
  return code;
}

static inline bool
said(const char *text)
{
  return strstr(rig.err, text) != NULL;
}

static inline bool
printed(const char *text)
{
  return strstr(rig.out, text) != NULL;
}

/* The widest line of what was printed, in columns. */
static inline int
widest(void)
{
  char line[8192];
  int most = 0;

  for (const char *at = rig.out; *at;) {
    size_t bytes = strcspn(at, "\n");
    cr_assert_lt(bytes, sizeof line);
    memcpy(line, at, bytes);
    line[bytes] = '\0';
    int columns = mst_cli_columns(line);
    most = columns > most ? columns : most;
    at += bytes + (at[bytes] == '\n');
  }
  return most;
}

#endif

/* Secrets that plans name: only what the host allows, only from where it says. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/probes/probe.h>

static mst_errctx why;

static char *allowed[] = {(char[]){"env:MST_TEST_?*"}, (char[]){"file:/secrets/*"}};
static const mst_allow allow = {.secrets = {allowed, 2}};

/* A tree with secrets/key and other/key. */
static int
tree(void)
{
  char path[] = "/tmp/mst-secret-XXXXXX";

  cr_assert_not_null(mkdtemp(path));
  int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  cr_assert_eq(mkdirat(root, "secrets", 0700), 0);
  cr_assert_eq(mkdirat(root, "other", 0700), 0);
  return root;
}

static void
put(int root, const char *path, const char *text, size_t size_bytes)
{
  int fd = openat(root, path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, text, size_bytes), (ssize_t)size_bytes);
  close(fd);
}

static mst_err
read_it(int root, const mst_allow *host_allows, const char *reference, char **ret_secret)
{
  const mst_probe_options options = {.name = "x", .root_fd = root, .allow = host_allows};

  why.text[0] = '\0';
  *ret_secret = NULL;
  return mst_probe_secret_read(&options, reference, ret_secret, &why);
}

Test(secret, what_is_allowed__is_read_without_the_end_of_its_line)
{
  int root = tree();
  char *secret;

  put(root, "secrets/key", "s3cret\r\n", 8);
  cr_assert_eq(read_it(root, &allow, "file:/secrets/key", &secret), MST_OK, "%s", why.text);
  cr_expect_str_eq(secret, "s3cret");
  mst_probe_secret_done(secret);
  setenv("MST_TEST_KEY", "from the environment", 1);
  cr_assert_eq(read_it(root, &allow, "env:MST_TEST_KEY", &secret), MST_OK, "%s", why.text);
  cr_expect_str_eq(secret, "from the environment");
  mst_probe_secret_done(secret);
  close(root);
}

Test(secret, what_is_not_allowed__is_refused_with_what_to_do)
{
  static const char *const refused[] = {"file:/other/key", "file:/secrets/deep/key", "file:/secrets/.hidden", "env:PATH", "env:MST_TEST_"};
  int root = tree();
  char *secret;

  put(root, "other/key", "x", 1);
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    cr_expect_eq(read_it(root, &allow, refused[i], &secret), MST_EPERM, "%s", refused[i]);
    cr_expect(strstr(why.text, "allow.secrets"), "%s", why.text);
  }
  cr_expect_eq(read_it(root, NULL, "env:MST_TEST_KEY", &secret), MST_EPERM);
  close(root);
}

Test(secret, what_is_no_secret__is_refused_without_a_word_of_it)
{
  static char large[MST_PROBE_SECRET_MAX_BYTES];
  int root = tree();
  char *secret;

  memset(large, 'a', sizeof large);
  put(root, "secrets/large", large, sizeof large);
  put(root, "secrets/empty", "\n", 1);
  put(root, "secrets/zero", "a\0b", 3);
  cr_assert_eq(mkfifoat(root, "secrets/fifo", 0600), 0);
  cr_expect_eq(read_it(root, &allow, "file:/secrets/large", &secret), MST_ELIMIT);
  cr_expect_eq(read_it(root, &allow, "file:/secrets/empty", &secret), MST_EMALFORMED);
  cr_expect_eq(read_it(root, &allow, "file:/secrets/zero", &secret), MST_EMALFORMED);
  cr_expect_eq(read_it(root, &allow, "file:/secrets/fifo", &secret), MST_EIO);
  cr_expect_eq(read_it(root, &allow, "file:/secrets/none", &secret), MST_EABSENT);
  cr_expect(strstr(why.text, "/secrets/none"), "%s", why.text);
  unsetenv("MST_TEST_NONE");
  cr_expect_eq(read_it(root, &allow, "env:MST_TEST_NONE", &secret), MST_EABSENT);
  cr_expect(strstr(why.text, "MST_TEST_NONE"), "%s", why.text);
  close(root);
}

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>

#include "scratch.h"

/* Stand before libc's: a full or broken disk on demand. */
static int write_errno, fsync_errno;
static size_t write_at_most; /* 0: no bound; else every second call is interrupted as well */

ssize_t
write(int fd, const void *data, size_t size_bytes)
{
  static unsigned turn;

  if (write_errno) {
    errno = write_errno;
    return -1;
  }
  if (write_at_most && turn++ % 2) {
    errno = EINTR;
    return -1;
  }
  return syscall(SYS_write, fd, data, write_at_most && size_bytes > write_at_most ? write_at_most : size_bytes);
}

int
fsync(int fd)
{
  if (fsync_errno) {
    errno = fsync_errno;
    return -1;
  }
  return (int)syscall(SYS_fsync, fd);
}

TestSuite(file, .init = scratch_make, .fini = scratch_remove);

Test(file, read__appends_the_whole_file)
{
  const char *path = scratch_path("big");
  static char bytes[100000];
  mst_buf buf;

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)(i % 127);
  scratch_write(path, bytes, sizeof bytes, 0600);
  mst_buf_init(&buf, sizeof bytes + 3);
  mst_buf_puts(&buf, "abc");
  cr_assert_eq(mst_file_read(path, &buf, NULL), MST_OK);
  cr_expect_eq(buf.size_bytes, sizeof bytes + 3);
  cr_expect_eq(memcmp(buf.data, "abc", 3), 0);
  cr_expect_eq(memcmp(buf.data + 3, bytes, sizeof bytes), 0);
  mst_buf_done(&buf);
}

Test(file, read__of_an_empty_file__is_fine)
{
  mst_buf buf;

  scratch_write(scratch_path("empty"), "", 0, 0600);
  mst_buf_init(&buf, 0);
  cr_expect_eq(mst_file_read(scratch_path("empty"), &buf, NULL), MST_OK);
  cr_expect_eq(buf.size_bytes, 0);
  mst_buf_done(&buf);
}

Test(file, read__of_proc__whose_size_is_said_to_be_0__works)
{
  mst_buf buf;

  mst_buf_init(&buf, 1 << 20);
  cr_assert_eq(mst_file_read("/proc/self/status", &buf, NULL), MST_OK);
  cr_expect(strstr(mst_buf_text(&buf), "Pid:"));
  mst_buf_done(&buf);
}

Test(file, read__over_the_maximum__is_refused)
{
  mst_errctx ctx = {0};
  mst_buf buf;

  scratch_write(scratch_path("file"), "12345", 5, 0600);
  mst_buf_init(&buf, 4);
  cr_expect_eq(mst_file_read(scratch_path("file"), &buf, &ctx), MST_ELIMIT);
  cr_expect(strstr(ctx.text, scratch_path("file")) && strstr(ctx.text, "limit of 4 bytes"), "%s", ctx.text);
  mst_buf_done(&buf);
}

Test(file, read__without_a_file__says_so)
{
  mst_errctx ctx = {0};
  mst_buf buf;

  mst_buf_init(&buf, 4);
  cr_expect_eq(mst_file_read(scratch_path("none"), &buf, &ctx), MST_EABSENT);
  cr_expect(strstr(ctx.text, "none: No such file"), "%s", ctx.text);
  cr_expect_eq(ctx.os_errno, ENOENT);
  cr_expect_eq(mst_file_read(scratch_folder, &buf, &ctx), MST_EIO, "a folder");
  cr_expect_eq(ctx.os_errno, EISDIR);
  mst_buf_done(&buf);
}

Test(file, read__without_memory__says_so)
{
  mst_buf buf;

  scratch_write(scratch_path("file"), "12345", 5, 0600);
  mst_buf_init(&buf, 100);
  mst_alloc_fail_at(1);
  cr_expect_eq(mst_file_read(scratch_path("file"), &buf, NULL), MST_ENOMEM);
  mst_buf_done(&buf);
}

Test(file, replace__makes_a_file_of_exactly_that_mode)
{
  umask(0077);
  cr_assert_eq(mst_file_replace(scratch_path("new"), "abc", 3, 0644, NULL), MST_OK);
  cr_expect_eq(scratch_mode(scratch_path("new")), 0644);
  umask(0);
  cr_assert_eq(mst_file_replace(scratch_path("secret"), "abc", 3, 0600, NULL), MST_OK);
  cr_expect_eq(scratch_mode(scratch_path("secret")), 0600);
  cr_assert_eq(mst_file_replace(scratch_path("fixed"), "abc", 3, 0444, NULL), MST_OK);
  cr_expect_eq(scratch_mode(scratch_path("fixed")), 0444);
  cr_expect_str_eq(scratch_read(scratch_path("fixed")), "abc");
}

Test(file, replace__puts_a_new_file_in_the_place_of_the_old)
{
  const char *path = scratch_path("file");
  struct stat before, after;

  scratch_write(path, "a long old text", 15, 0666);
  int old = open(path, O_RDONLY);
  cr_assert_geq(old, 0);
  cr_assert_eq(stat(path, &before), 0);
  cr_assert_eq(mst_file_replace(path, "new", 3, 0600, NULL), MST_OK);
  cr_expect_str_eq(scratch_read(path), "new");
  cr_assert_eq(stat(path, &after), 0);
  cr_expect_neq(before.st_ino, after.st_ino);
  char text[16] = "";
  cr_expect_eq(read(old, text, 15), 15);
  cr_expect_str_eq(text, "a long old text", "who reads the old file reads it to its end");
  close(old);
  cr_expect_eq(scratch_count(scratch_folder), 1, "no temporary file stays");
}

Test(file, replace__with_nothing__makes_an_empty_file)
{
  cr_assert_eq(mst_file_replace(scratch_path("file"), NULL, 0, 0600, NULL), MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("file")), "");
}

Test(file, replace__that_cannot_finish__leaves_the_old_file_and_no_other)
{
  mst_errctx ctx = {0};

  /* A folder of that name: everything works up to the rename. */
  cr_assert_eq(mkdir(scratch_path("folder"), 0700), 0);
  scratch_write(scratch_path("folder/inside"), "x", 1, 0600);
  cr_expect_eq(mst_file_replace(scratch_path("folder"), "new", 3, 0600, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "rename"), "%s", ctx.text);
  cr_expect_eq(scratch_count(scratch_folder), 1);
  cr_expect_str_eq(scratch_read(scratch_path("folder/inside")), "x");
}

Test(file, replace__on_a_broken_or_full_disk__leaves_the_old_file_and_no_other)
{
  static const struct {
    int write_errno, fsync_errno;
    mst_err err;
    const char *said;
  } cases[] = {
      {ENOSPC, 0, MST_ELIMIT, "write "}, {EDQUOT, 0, MST_ELIMIT, "write "}, {EIO, 0, MST_EIO, "write "},
      {0, ENOSPC, MST_ELIMIT, "sync "},  {0, EIO, MST_EIO, "sync "},
  };
  const char *path = scratch_path("file");

  scratch_write(path, "old", 3, 0600);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    write_errno = cases[i].write_errno;
    fsync_errno = cases[i].fsync_errno;
    mst_err err = mst_file_replace(path, "new", 3, 0600, &ctx);
    write_errno = fsync_errno = 0;
    cr_expect_eq(err, cases[i].err, "%s", ctx.text);
    cr_expect_eq(strncmp(ctx.text, cases[i].said, strlen(cases[i].said)), 0, "%s", ctx.text);
    cr_expect_eq(ctx.os_errno, cases[i].write_errno + cases[i].fsync_errno);
    cr_expect_str_eq(scratch_read(path), "old");
    cr_expect_eq(scratch_count(scratch_folder), 1);
  }
}

Test(file, replace__by_writes_that_take_a_part_or_are_interrupted__writes_all)
{
  write_at_most = 3;
  mst_err err = mst_file_replace(scratch_path("file"), "0123456789", 10, 0600, NULL);
  write_at_most = 0;
  cr_assert_eq(err, MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("file")), "0123456789");
}

Test(file, replace__in_no_folder__says_what_it_tried)
{
  mst_errctx ctx = {0};

  cr_expect_eq(mst_file_replace(scratch_path("none/file"), "x", 1, 0600, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "none/file"), "%s", ctx.text);
  cr_expect_eq(ctx.os_errno, ENOENT);
}

Test(file, replace__does_not_follow_or_keep_a_file_that_lies_in_wait)
{
  char waiting[SCRATCH_PATH_BYTES];
  const char *path = scratch_path("file");

  snprintf(waiting, sizeof waiting, "%s.new.%ld", path, (long)gettid());
  scratch_write(scratch_path("victim"), "precious", 8, 0666);
  cr_assert_eq(symlink(scratch_path("victim"), waiting), 0);
  cr_expect_eq(mst_file_replace(path, "new", 3, 0600, NULL), MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("victim")), "precious");

  scratch_write(waiting, "left by a killed process, and longer", 36, 0666);
  int spy = open(waiting, O_RDONLY);
  cr_expect_eq(mst_file_replace(path, "secret", 6, 0600, NULL), MST_OK);
  cr_expect_str_eq(scratch_read(path), "secret");
  char text[64] = "";
  cr_expect_eq(read(spy, text, 6), 6);
  cr_expect_str_eq(text, "left b", "who held the old temporary file does not see the new bytes");
  close(spy);
}

enum { THREADS = 4, ROUNDS = 40, PIECE_BYTES = 3000 };

static void *
replace_often(void *argument)
{
  char bytes[PIECE_BYTES];
  size_t failed = 0;

  memset(bytes, *(char *)argument, sizeof bytes);
  for (int i = 0; i < ROUNDS; i++)
    failed += mst_file_replace(scratch_path("shared"), bytes, sizeof bytes, 0600, NULL) != MST_OK;
  return failed ? argument : NULL;
}

Test(file, replace__by_many_threads__leaves_one_of_them_whole)
{
  pthread_t threads[THREADS];
  char letters[THREADS] = {'a', 'b', 'c', 'd'};

  for (size_t i = 0; i < THREADS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, replace_often, &letters[i]), 0);
  for (size_t i = 0; i < THREADS; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    cr_expect_null(failed);
  }
  const char *text = scratch_read(scratch_path("shared"));
  cr_expect_eq(strlen(text), PIECE_BYTES);
  cr_expect_eq(strspn(text, (char[]){text[0], '\0'}), PIECE_BYTES);
  cr_expect_eq(scratch_count(scratch_folder), 1);
}

Test(file, mkdirs__makes_the_parents_too)
{
  umask(0);
  cr_expect_eq(mst_file_mkdirs(scratch_path("a/b//c/"), 0750, NULL), MST_OK);
  cr_expect_eq(scratch_mode(scratch_path("a/b/c")), 0750);
  cr_expect_eq(scratch_mode(scratch_path("a")), 0750);
  cr_expect_eq(mst_file_mkdirs(scratch_path("a/b"), 0700, NULL), MST_OK, "an existing folder is fine");
  cr_expect_eq(scratch_mode(scratch_path("a/b")), 0750);
  cr_expect_eq(mst_file_mkdirs("/", 0700, NULL), MST_OK);
}

Test(file, mkdirs__relative_path__is_made_here)
{
  cr_assert_eq(chdir(scratch_folder), 0);
  cr_expect_eq(mst_file_mkdirs("x/y", 0700, NULL), MST_OK);
  cr_expect_eq(mst_file_mkdirs("x", 0700, NULL), MST_OK);
  cr_expect_eq(scratch_mode(scratch_path("x/y")), 0700);
}

Test(file, mkdirs__where_a_file_stands__is_refused)
{
  mst_errctx ctx = {0};

  scratch_write(scratch_path("file"), "", 0, 0600);
  cr_expect_eq(mst_file_mkdirs(scratch_path("file"), 0700, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "no folder"), "%s", ctx.text);
  cr_expect_eq(mst_file_mkdirs(scratch_path("file/below"), 0700, &ctx), MST_EIO);
  cr_expect_eq(mst_file_mkdirs("", 0700, &ctx), MST_EABSENT);
  cr_expect(strstr(ctx.text, "empty"), "%s", ctx.text);
}

Test(file, too_long_paths__are_refused)
{
  static char path[5000];
  mst_errctx ctx = {0};

  memset(path, 'x', sizeof path - 1);
  cr_expect_eq(mst_file_mkdirs(path, 0700, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_file_replace(path, "x", 1, 0600, &ctx), MST_ELIMIT);
  path[4990] = '/';
  cr_expect_eq(mst_file_sync_dir(path, &ctx), MST_ELIMIT);
}

Test(file, sync_dir__finds_the_folder_of_any_path)
{
  mst_errctx ctx = {0};

  cr_expect_eq(mst_file_sync_dir(scratch_path("file"), &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_file_sync_dir("/file", &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(chdir(scratch_folder), 0);
  cr_expect_eq(mst_file_sync_dir("file", &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_file_sync_dir(scratch_path("none/file"), &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "none"), "%s", ctx.text);
}

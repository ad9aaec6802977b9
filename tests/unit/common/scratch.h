#ifndef MST_TEST_SCRATCH_H
#define MST_TEST_SCRATCH_H

/* A folder for one test, and plain system calls to look into it. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_UNUSED __attribute__((unused))

enum { SCRATCH_PATH_BYTES = 256, SCRATCH_FILE_BYTES = 8192 };

static char scratch_folder[64];

static SCRATCH_UNUSED void
scratch_make(void)
{
  snprintf(scratch_folder, sizeof scratch_folder, "/tmp/mst_common_XXXXXX");
  cr_assert_not_null(mkdtemp(scratch_folder));
}

static int
scratch_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
  (void)st, (void)kind, (void)at;
  return remove(path);
}

static SCRATCH_UNUSED void
scratch_remove(void)
{
  cr_expect_eq(nftw(scratch_folder, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of `name` in the folder; the last four results of a thread stay whole. */
static SCRATCH_UNUSED const char *
scratch_path(const char *name)
{
  static _Thread_local char paths[4][SCRATCH_PATH_BYTES];
  static _Thread_local unsigned turn;
  char *path = paths[turn++ % 4];

  cr_assert_lt(snprintf(path, SCRATCH_PATH_BYTES, "%s/%s", scratch_folder, name), SCRATCH_PATH_BYTES);
  return path;
}

static SCRATCH_UNUSED void
scratch_write(const char *path, const void *data, size_t size_bytes, mode_t mode)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  cr_assert_geq(fd, 0, "%s", path);
  cr_assert_eq(write(fd, data, size_bytes), (ssize_t)size_bytes);
  cr_assert_eq(fchmod(fd, mode), 0);
  close(fd);
}

/* The text of a file of up to SCRATCH_FILE_BYTES. */
static SCRATCH_UNUSED const char *
scratch_read(const char *path)
{
  static char text[SCRATCH_FILE_BYTES + 1];
  int fd = open(path, O_RDONLY);

  cr_assert_geq(fd, 0, "%s", path);
  ssize_t bytes = read(fd, text, SCRATCH_FILE_BYTES);
  cr_assert_geq(bytes, 0);
  text[bytes] = '\0';
  close(fd);
  return text;
}

static SCRATCH_UNUSED mode_t
scratch_mode(const char *path)
{
  struct stat st;

  cr_assert_eq(stat(path, &st), 0, "%s", path);
  return st.st_mode & 07777;
}

static SCRATCH_UNUSED size_t
scratch_count(const char *folder)
{
  size_t count = 0;
  DIR *dir = opendir(folder);

  cr_assert_not_null(dir);
  for (struct dirent *entry; (entry = readdir(dir));)
    count += entry->d_name[0] != '.';
  closedir(dir);
  return count;
}

#endif

#ifndef MST_TEST_FOLDER_H
#define MST_TEST_FOLDER_H

/* Folders that a test makes and removes again. */

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static __attribute__((unused)) int
folder_remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static __attribute__((unused)) void
folder_remove(const char *path)
{
  cr_assert_eq(nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0, "remove %s", path);
}

#endif

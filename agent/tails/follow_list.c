/* What is there: the files that patterns fit, and their siblings. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "follow_state.h"

enum {
  ENTRIES_MAX = 8192, /* names of one scan; a folder with more log files is looked at as far as this */
  FILES_MAX = 8192,   /* known ones, rotated included: 200 bytes each */
};

int64_t
mst_mtime_of(const struct stat *info)
{
  return info->st_mtim.tv_sec * MST_NS_PER_S + info->st_mtim.tv_nsec;
}

/* ---- families and files ---- */

/* A family that nothing is left of: its number may be given to another. */
static bool
is_forgotten(const mst_follow *follow, uint32_t family)
{
  for (size_t i = 0; i < follow->file_count; i++)
    if (follow->files[i].family == family)
      return false;
  return !follow->families[family].is_there;
}

static mst_err
make_family(mst_follow *follow, uint32_t *ret_family, mst_errctx *ctx)
{
  for (uint32_t i = 0; follow->family_count == MST_FOLLOW_FAMILIES_MAX && i < follow->family_count; i++) {
    if (is_forgotten(follow, i)) {
      mst_free(follow->families[i].path);
      mst_free(follow->families[i].real);
      follow->families[i] = (mst_family){0};
      *ret_family = i;
      return MST_OK;
    }
  }
  if (follow->family_count == MST_FOLLOW_FAMILIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d log files: narrow the patterns", MST_FOLLOW_FAMILIES_MAX);
  if (follow->family_count == follow->family_capacity) {
    size_t capacity = follow->family_capacity ? follow->family_capacity * 2 : 8;
    mst_family *families = mst_realloc(follow->families, capacity, sizeof *families);
    if (!families)
      return mst_fail(ctx, MST_ENOMEM, "no memory for a log file");
    follow->families = families;
    follow->family_capacity = capacity;
  }
  *ret_family = (uint32_t)follow->family_count;
  return MST_OK;
}

mst_err
mst_follow_add_family(mst_follow *follow, const char *path, uint32_t *ret_family, mst_errctx *ctx)
{
  char *copy = mst_strdup(path);
  uint32_t family = 0;
  mst_err err = copy ? make_family(follow, &family, ctx) : mst_fail(ctx, MST_ENOMEM, "no memory for a log file");

  if (err != MST_OK) {
    mst_free(copy);
    return err;
  }
  follow->families[family] = (mst_family){.path = copy};
  mst_print_of(path, strlen(path), follow->families[family].print);
  follow->family_count += family == follow->family_count;
  *ret_family = family;
  return MST_OK;
}

mst_err
mst_follow_add_file(mst_follow *follow, const mst_file *file, const char *path, mst_file **ret_file, mst_errctx *ctx)
{
  if (follow->file_count == FILES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d log files with their rotated ones: narrow the patterns", FILES_MAX);
  if (follow->file_count == follow->file_capacity) {
    size_t capacity = follow->file_capacity ? follow->file_capacity * 2 : 8;
    mst_file *files = mst_realloc(follow->files, capacity, sizeof *files);
    if (!files)
      return mst_fail(ctx, MST_ENOMEM, "no memory for a log file");
    follow->files = files;
    follow->file_capacity = capacity;
  }
  char *copy = mst_strdup(path);
  if (!copy)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a log file");
  mst_file *added = &follow->files[follow->file_count++];
  *added = *file;
  added->path = copy;
  *ret_file = added;
  return MST_OK;
}

void
mst_follow_drop_file(mst_follow *follow, size_t index)
{
  mst_file_close_fd(&follow->files[index]);
  mst_free(follow->files[index].path);
  memmove(&follow->files[index], &follow->files[index + 1], (follow->file_count - index - 1) * sizeof *follow->files);
  follow->file_count--;
}

void
mst_file_set_path(mst_file *file, const char *path)
{
  char *copy = strcmp(file->path, path) != 0 ? mst_strdup(path) : NULL;

  if (copy) {
    mst_free(file->path);
    file->path = copy;
  }
}

mst_file *
mst_follow_known(mst_follow *follow, const struct stat *info)
{
  for (size_t i = 0; i < follow->file_count; i++)
    if (follow->files[i].ino == info->st_ino && follow->files[i].dev == info->st_dev)
      return &follow->files[i];
  return NULL;
}

void
mst_follow_count_families(mst_follow *follow)
{
  follow->used_families = 0;
  for (uint32_t i = 0; i < follow->family_count; i++)
    follow->used_families += !is_forgotten(follow, i);
}

/* ---- listing ---- */

void
mst_found_done(mst_found *all)
{
  for (size_t i = 0; i < all->count; i++)
    mst_free(all->list[i].path);
  mst_free(all->list);
}

/* It is listed again: it may have been renamed or written to since. */
static mst_err
note_again(mst_found_file *one, const char *path, const struct stat *info, mst_errctx *ctx)
{
  char *copy = strcmp(one->path, path) != 0 ? mst_strdup(path) : NULL;

  one->info = *info;
  if (!copy)
    return strcmp(one->path, path) == 0 ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory for the name of a log file");
  mst_free(one->path);
  one->path = copy;
  return MST_OK;
}

/* A path that is met again, or an inode that another path has already, counts once; live paths go before other names. */
static mst_err
note_entry(mst_found *all, const char *path, uint32_t family, mst_sibling kind, const struct stat *info, mst_errctx *ctx)
{
  for (size_t i = 0; i < all->count; i++)
    if (all->list[i].info.st_ino == info->st_ino && all->list[i].info.st_dev == info->st_dev)
      return kind == MST_SIBLING_NO || all->list[i].kind == MST_SIBLING_NO ? MST_OK : note_again(&all->list[i], path, info, ctx);
  if (all->count == ENTRIES_MAX)
    return MST_OK;
  if (all->count == all->capacity) {
    size_t capacity = all->capacity ? all->capacity * 2 : 32;
    mst_found_file *list = mst_realloc(all->list, capacity, sizeof *list);
    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "no memory for the names of log files");
    all->list = list;
    all->capacity = capacity;
  }
  char *copy = mst_strdup(path);
  if (!copy)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the name of a log file");
  all->list[all->count++] = (mst_found_file){.path = copy, .family = family, .kind = kind, .info = *info};
  return MST_OK;
}

static bool
splits(const char *path, size_t *ret_folder_bytes)
{
  const char *slash = strrchr(path, '/');

  *ret_folder_bytes = slash ? (size_t)(slash - path) : 0;
  return slash != NULL;
}

/* Whether path is a name that rotation, compression or people give to what was at that live path. */
static bool
is_sibling_path(const char *live, const char *path)
{
  size_t left, right;

  if (!splits(live, &left) || !splits(path, &right) || left != right || memcmp(live, path, left) != 0)
    return false;
  mst_sibling kind = mst_sibling_of(live + left + 1, path + right + 1);
  return kind == MST_SIBLING_ROTATED || kind == MST_SIBLING_COMPRESSED || mst_sibling_is_backup(live + left + 1, path + right + 1);
}

/* A family that a save had no room to name gets its name here. */
static bool
is_family(mst_family *family, const char *path)
{
  uint8_t print[MST_PRINT_BYTES];

  if (family->path[0] != '\0')
    return strcmp(family->path, path) == 0;
  mst_print_of(path, strlen(path), print);
  char *copy = memcmp(print, family->print, sizeof print) == 0 ? mst_strdup(path) : NULL;
  if (!copy)
    return false;
  mst_free(family->path);
  family->path = copy;
  return true;
}

static uint32_t
family_of(mst_follow *follow, const char *path)
{
  for (uint32_t i = 0; i < follow->family_count; i++)
    if (is_family(&follow->families[i], path))
      return i;
  return UINT32_MAX;
}

/* Whether the path is a rotated name of another that fits, or that was met; of itself it is none. */
static bool
is_some_sibling(const mst_follow *follow, const glob_t *fits, const char *path)
{
  for (uint32_t i = 0; i < follow->family_count; i++)
    if (is_sibling_path(follow->families[i].path, path))
      return true;
  for (size_t i = 0; i < fits->gl_pathc; i++)
    if (is_sibling_path(fits->gl_pathv[i], path))
      return true;
  return false;
}

/* Where a live path leads to; the files beside that are rotated there and not here. */
static void
follow_link(mst_family *family, const char *path)
{
  struct stat info;
  char real[PATH_MAX];

  mst_free(family->real);
  family->real = lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && realpath(path, real) ? mst_strdup(real) : NULL;
}

static mst_err
take_live(mst_follow *follow, size_t number, const char *path, const struct stat *info, mst_found *all, mst_errctx *ctx)
{
  uint32_t family = family_of(follow, path);
  mst_err err = MST_OK;

  if (family == UINT32_MAX && follow->used_families >= follow->setup.files_max) {
    follow->stats.left_out++;
    return MST_OK;
  }
  if (family == UINT32_MAX) {
    follow->used_families++;
    err = mst_follow_add_family(follow, path, &family, ctx);
    if (err != MST_OK)
      return err;
    follow->families[family].is_first = follow->had_left_out || (!follow->has_refreshed && !(follow->known_globs >> number & 1));
  }
  follow->families[family].is_there = true;
  follow_link(&follow->families[family], path);
  return note_entry(all, path, family, MST_SIBLING_NO, info, ctx);
}

/* glob gives its callback no argument; a thread lists for one follower at a time. */
static _Thread_local struct {
  char path[256];
  int os_errno;
} unreadable;

static int
note_unreadable(const char *path, int os_errno)
{
  if (os_errno != ENOENT && os_errno != ENOTDIR) {
    snprintf(unreadable.path, sizeof unreadable.path, "%s", path);
    unreadable.os_errno = os_errno;
  }
  return 0;
}

mst_err
mst_follow_list_live(mst_follow *follow, size_t number, mst_found *all, mst_errctx *ctx)
{
  glob_t fits = {0};
  mst_err err = MST_OK;

  unreadable.os_errno = 0;
  int failed = glob(follow->globs[number], GLOB_NOSORT, note_unreadable, &fits);
  if (failed == GLOB_NOSPACE)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the names of log files");
  if (unreadable.os_errno != 0) {
    mst_errctx why = {0};
    errno = unreadable.os_errno;
    (void)mst_fail_errno(&why, MST_EPERM, "list %s", mst_follow_shown(follow, unreadable.path));
    mst_follow_trouble(follow, why.text);
  }
  for (size_t i = 0; failed == 0 && err == MST_OK && i < fits.gl_pathc; i++) {
    const char *path = fits.gl_pathv[i];
    struct stat info;
    if (path[mst_sibling_plain_length(path)] == '\0' && !is_some_sibling(follow, &fits, path) && stat(path, &info) == 0 &&
        S_ISREG(info.st_mode))
      err = take_live(follow, number, path, &info, all, ctx);
  }
  globfree(&fits);
  return err;
}

/* The names in the folder are what they were: its rotated files are where they were. False when one is not. */
static mst_err
note_known(mst_follow *follow, uint32_t family, mst_found *all, bool *ret_is_there, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = 0; i < follow->file_count && err == MST_OK; i++) {
    const mst_file *file = &follow->files[i];
    struct stat info;
    if (file->family != family || file->state == MST_FILE_LIVE || file->is_unlinked)
      continue;
    *ret_is_there = stat(file->path, &info) == 0 && info.st_ino == file->ino && info.st_dev == file->dev;
    if (!*ret_is_there)
      return MST_OK;
    err = note_entry(all, file->path, family, MST_SIBLING_ROTATED, &info, ctx);
  }
  return err;
}

/* Whether names in the folder may have changed since they were listed. A time that is younger than two seconds may stand for two changes.
 */
static bool
has_folder_changed(mst_follow *follow, mst_family *family, const char *folder)
{
  struct stat info;

  if (family->real || stat(folder, &info) < 0)
    return true;
  bool is_same = mst_mtime_of(&info) == family->folder_mtime_ns;
  bool is_old = mst_clock_wall(follow->setup.clock).ns - mst_mtime_of(&info) > 2 * MST_NS_PER_S;
  family->folder_mtime_ns = is_old ? mst_mtime_of(&info) : 0;
  return !is_same;
}

/* Siblings of what is at `live`, which is the family's path or where that leads to. */
static mst_err
list_beside(mst_follow *follow, uint32_t family, const char *live, mst_found *all, mst_errctx *ctx)
{
  char path[PATH_MAX];
  size_t folder_bytes = 0;
  mst_err err = MST_OK;

  if (!splits(live, &folder_bytes) || folder_bytes >= sizeof path)
    return MST_OK;
  snprintf(path, sizeof path, "%.*s", folder_bytes ? (int)folder_bytes : 1, folder_bytes ? live : "/");
  DIR *folder = opendir(path);
  if (!folder)
    return MST_OK; /* the folder went too, or the files in it can be opened, but not listed: the patterns' listing has said so */
  for (const struct dirent *name = readdir(folder); name && err == MST_OK; name = readdir(folder)) {
    mst_sibling kind = mst_sibling_of(live + folder_bytes + 1, name->d_name);
    struct stat info;
    if (kind == MST_SIBLING_NO || fstatat(dirfd(folder), name->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode) ||
        snprintf(path, sizeof path, "%.*s/%s", (int)folder_bytes, live, name->d_name) >= (int)sizeof path)
      continue;
    uint32_t own = family_of(follow, path);
    if (own != UINT32_MAX && follow->families[own].is_there)
      continue;
    follow->families[family].rotated += kind != MST_SIBLING_OTHER;
    err = note_entry(all, path, family, kind, &info, ctx);
  }
  closedir(folder);
  return err;
}

mst_err
mst_follow_list_siblings(mst_follow *follow, uint32_t family, bool is_forced, mst_found *all, mst_errctx *ctx)
{
  mst_family *about = &follow->families[family];
  char folder[PATH_MAX];
  size_t folder_bytes = 0;
  bool is_known = false;
  mst_err err = MST_OK;

  if (!splits(about->path, &folder_bytes) || folder_bytes >= sizeof folder)
    return MST_OK;
  snprintf(folder, sizeof folder, "%.*s", folder_bytes ? (int)folder_bytes : 1, folder_bytes ? about->path : "/");
  if (!has_folder_changed(follow, about, folder) && !is_forced) {
    is_known = true;
    err = note_known(follow, family, all, &is_known, ctx);
  }
  if (err != MST_OK || is_known)
    return err;
  about->is_listed = true;
  about->rotated = 0;
  err = list_beside(follow, family, about->path, all, ctx);
  if (err == MST_OK && about->real)
    err = list_beside(follow, family, about->real, all, ctx);
  return err;
}

/* What is there: the files that patterns fit, and their siblings. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "follow_state.h"

enum { ENTRIES_MAX = 8192 /* names of one scan; a folder with more log files is looked at as far as this */ };

int64_t
mst_mtime_of(const struct stat *info)
{
  return info->st_mtim.tv_sec * MST_NS_PER_S + info->st_mtim.tv_nsec;
}

/* ---- families and files ---- */

mst_err
mst_follow_add_family(mst_follow *follow, const char *path, uint32_t *ret_family, mst_errctx *ctx)
{
  if (follow->family_count == MST_FOLLOW_FAMILIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d log files were met: narrow the patterns", MST_FOLLOW_FAMILIES_MAX);
  if (follow->family_count == follow->family_capacity) {
    size_t capacity = follow->family_capacity ? follow->family_capacity * 2 : 8;
    mst_family *families = mst_realloc(follow->families, capacity, sizeof *families);
    if (!families)
      return mst_fail(ctx, MST_ENOMEM, "no memory for a log file");
    follow->families = families;
    follow->family_capacity = capacity;
  }
  char *copy = mst_strdup(path);
  if (!copy)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a log file");
  *ret_family = (uint32_t)follow->family_count;
  follow->families[follow->family_count++] = (mst_family){.path = copy};
  return MST_OK;
}

mst_err
mst_follow_add_file(mst_follow *follow, const mst_file *file, const char *path, mst_file **ret_file, mst_errctx *ctx)
{
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

/* ---- listing ---- */

void
mst_found_done(mst_found *all)
{
  for (size_t i = 0; i < all->count; i++)
    mst_free(all->list[i].path);
  mst_free(all->list);
}

/* A path that is met again, or an inode that another path has already, counts once; the live path of a family goes before its other names.
 */
static mst_err
note_entry(mst_found *all, const char *path, uint32_t family, mst_sibling kind, const struct stat *info, mst_errctx *ctx)
{
  for (size_t i = 0; i < all->count; i++)
    if (all->list[i].info.st_ino == info->st_ino && all->list[i].info.st_dev == info->st_dev)
      return MST_OK;
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

/* Whether path is a rotated or compressed name of that live path. */
static bool
is_sibling_path(const char *live, const char *path)
{
  size_t left, right;

  if (!splits(live, &left) || !splits(path, &right) || left != right || memcmp(live, path, left) != 0)
    return false;
  mst_sibling kind = mst_sibling_of(live + left + 1, path + right + 1);
  return kind == MST_SIBLING_ROTATED || kind == MST_SIBLING_COMPRESSED;
}

static uint32_t
family_of(const mst_follow *follow, const char *path)
{
  for (uint32_t i = 0; i < follow->family_count; i++)
    if (strcmp(follow->families[i].path, path) == 0)
      return i;
  return UINT32_MAX;
}

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

mst_err
mst_follow_list_live(mst_follow *follow, size_t number, mst_found *all, mst_errctx *ctx)
{
  const char *pattern = follow->globs[number];
  glob_t fits = {0};
  int failed = glob(pattern, GLOB_NOSORT, NULL, &fits);
  mst_err err = failed == GLOB_NOSPACE ? mst_fail(ctx, MST_ENOMEM, "no memory for the names of log files") : MST_OK;

  for (size_t i = 0; failed == 0 && err == MST_OK && i < fits.gl_pathc; i++) {
    const char *path = fits.gl_pathv[i];
    uint32_t family = family_of(follow, path);
    struct stat info;
    if ((family == UINT32_MAX && is_some_sibling(follow, &fits, path)) || stat(path, &info) < 0 || !S_ISREG(info.st_mode))
      continue;
    if (family == UINT32_MAX) {
      err = mst_follow_add_family(follow, path, &family, ctx);
      if (err == MST_OK)
        follow->families[family].is_first = !follow->has_refreshed && !(follow->known_globs >> number & 1);
    }
    if (err == MST_OK) {
      follow->families[family].is_there = true;
      err = note_entry(all, path, family, MST_SIBLING_NO, &info, ctx);
    }
  }
  globfree(&fits);
  return err;
}

mst_file *
mst_follow_known(mst_follow *follow, const struct stat *info)
{
  for (size_t i = 0; i < follow->file_count; i++)
    if (follow->files[i].ino == info->st_ino && follow->files[i].dev == info->st_dev)
      return &follow->files[i];
  return NULL;
}

/* The names in the folder are what they were: its rotated files are where they were. */
static mst_err
note_known(mst_follow *follow, uint32_t family, mst_found *all, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = 0; i < follow->file_count && err == MST_OK; i++) {
    mst_file *file = &follow->files[i];
    struct stat info;
    if (file->family != family || file->state == MST_FILE_LIVE || file->is_unlinked)
      continue;
    if (file->state == MST_FILE_ROTATED && stat(file->path, &info) == 0 && info.st_ino == file->ino && info.st_dev == file->dev)
      err = note_entry(all, file->path, family, MST_SIBLING_ROTATED, &info, ctx);
    else if (file->state != MST_FILE_ROTATED)
      file->round = follow->round;
  }
  return err;
}

/* Whether names in the folder may have changed since they were listed. A time that is younger than two seconds may stand for two changes.
 */
static bool
has_folder_changed(mst_follow *follow, mst_family *family, const char *folder)
{
  struct stat info;

  if (stat(folder, &info) < 0)
    return true;
  bool is_same = mst_mtime_of(&info) == family->folder_mtime_ns;
  bool is_old = mst_clock_wall(follow->setup.clock).ns - mst_mtime_of(&info) > 2 * MST_NS_PER_S;
  family->folder_mtime_ns = is_old ? mst_mtime_of(&info) : 0;
  return !is_same;
}

mst_err
mst_follow_list_siblings(mst_follow *follow, uint32_t family, bool is_forced, mst_found *all, mst_errctx *ctx)
{
  const char *live = follow->families[family].path;
  char path[4096];
  size_t folder_bytes = 0;
  mst_err err = MST_OK;

  if (!splits(live, &folder_bytes) || folder_bytes >= sizeof path)
    return MST_OK;
  snprintf(path, sizeof path, "%.*s", folder_bytes ? (int)folder_bytes : 1, folder_bytes ? live : "/");
  if (!has_folder_changed(follow, &follow->families[family], path) && !is_forced)
    return note_known(follow, family, all, ctx);
  follow->families[family].is_listed = true;
  DIR *folder = opendir(path);
  if (!folder)
    return MST_OK; /* the folder went too */
  follow->families[family].rotated = 0;
  for (const struct dirent *name = readdir(folder); name && err == MST_OK; name = readdir(folder)) {
    mst_sibling kind = mst_sibling_of(live + folder_bytes + 1, name->d_name);
    struct stat info;
    if (kind == MST_SIBLING_NO || fstatat(dirfd(folder), name->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode) ||
        snprintf(path, sizeof path, "%.*s/%s", (int)folder_bytes, live, name->d_name) >= (int)sizeof path ||
        family_of(follow, path) != UINT32_MAX)
      continue;
    follow->families[family].rotated += kind != MST_SIBLING_OTHER;
    err = note_entry(all, path, family, kind, &info, ctx);
  }
  closedir(folder);
  return err;
}

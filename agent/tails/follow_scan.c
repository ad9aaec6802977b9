/* Which of the known files each is that was found, and what became of the others. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "follow_state.h"

/* A listing can miss what is renamed meanwhile. */
enum {
  LISTINGS_MAX = 3, /* of a folder in which a known file is missing */
  MISSED_MAX = 3,   /* refreshes until what is missing is forgotten, or lost */
};

/* The sibling that begins as the file that was cut did, and has what was read of it: the longest such. -1: there is none, or, when
 * *ret_unsure, one may have been renamed since it was listed. */
static ssize_t
find_copy(mst_follow *follow, const mst_found *all, const mst_file *cut, struct stat *ret_info, bool *ret_unsure)
{
  ssize_t best = -1;

  *ret_unsure = false;
  for (size_t i = 0; cut->head_bytes > 0 && i < all->count; i++) {
    const mst_found_file *one = &all->list[i];
    const mst_file *held = mst_follow_known(follow, &one->info);
    struct stat info;
    bool has_moved = false;
    bool may_be = !held || held->state == MST_FILE_HELD || (held->state == MST_FILE_FINISHED && held->size == 0);
    if (one->family != cut->family || mst_found_is_live(one) || one->kind == MST_SIBLING_COMPRESSED || !may_be)
      continue;
    int fd = mst_found_open(one, &has_moved);
    *ret_unsure |= has_moved;
    /* It is asked again how long it is: the copying may not have been over when it was listed, but is now. */
    if (fd >= 0 && fstat(fd, &info) == 0 && mst_file_is_same(cut, fd, (uint64_t)info.st_size) &&
        (best < 0 || info.st_size > ret_info->st_size)) {
      best = (ssize_t)i;
      *ret_info = info;
    }
    if (fd >= 0)
      close(fd);
  }
  return best;
}

/* What was not read of it is read on in the copy. */
static mst_err
read_copy(mst_follow *follow, const mst_found_file *one, const struct stat *info, const mst_file *cut, mst_errctx *ctx)
{
  mst_file *held = mst_follow_known(follow, info);
  mst_file copy = *cut;

  copy.dev = info->st_dev;
  copy.ino = info->st_ino;
  copy.size = (uint64_t)info->st_size;
  copy.mtime_ns = mst_mtime_of(info);
  copy.state = MST_FILE_ROTATED;
  copy.fd = -1;
  copy.is_cut = copy.is_suspect = copy.is_unlinked = false;
  copy.round = follow->round;
  copy.changed = mst_clock_mono(follow->setup.clock);
  if (copy.size > cut->size)
    follow->stats.appended_bytes += copy.size - cut->size;
  if (!held)
    return mst_follow_add_file(follow, &copy, one->path, &held, ctx);
  mst_file_set_path(held, one->path);
  copy.path = held->path;
  *held = copy;
  return MST_OK;
}

/* It begins anew at 0. */
static void
begin_anew(mst_follow *follow, mst_file *file, const struct stat *info)
{
  const mst_file fresh = {.dev = info->st_dev,
                          .ino = info->st_ino,
                          .path = file->path,
                          .family = file->family,
                          .state = file->state,
                          .size = (uint64_t)info->st_size,
                          .mtime_ns = mst_mtime_of(info),
                          .fd = file->fd,
                          .changed = mst_clock_mono(follow->setup.clock),
                          .round = follow->round};
  mst_errctx why = {0};

  *file = fresh;
  mst_err err = mst_file_open_fd(follow, file, false, &why);
  if (err != MST_OK && err != MST_EABSENT)
    mst_follow_trouble(follow, why.text);
  mst_file_remember(file);
  mst_file_settle(file);
  if (file->fd < 0) /* whose size that was is not known */
    file->size = 0;
  follow->stats.appended_bytes += file->size;
}

/* The file was truncated, or another took its inode. What is at its live path begins anew; what is elsewhere is looked at as any file that
 * is new. Adding the copy may move the array: the file is looked up again. */
static mst_err
take_cut(mst_follow *follow, const mst_found *all, mst_file *file, size_t at, mst_errctx *ctx)
{
  const mst_found_file *one = &all->list[at];
  const mst_file cut = *file;
  struct stat copy;
  bool is_unsure = false;
  ssize_t from = find_copy(follow, all, &cut, &copy, &is_unsure);
  mst_err err = MST_OK;

  file->is_cut = false;
  if (from < 0 && is_unsure) {
    file->is_suspect = true; /* the next refresh looks again */
    return MST_OK;
  }
  if (from >= 0)
    err = read_copy(follow, &all->list[from], &copy, &cut, ctx);
  else if (cut.size > 0)
    mst_follow_lose(follow, cut.path, cut.size > cut.position ? cut.size - cut.position : 0,
                    "it was cut off or replaced, and there is no copy of it");
  follow->stats.rotations++;
  file = err == MST_OK ? mst_follow_known(follow, &one->info) : NULL;
  if (file && mst_found_is_live(one))
    begin_anew(follow, file, &one->info);
  else if (file)
    mst_follow_drop_file(follow, (size_t)(file - follow->files));
  return err;
}

/* Last of the known files: by now the others are where they are, copies that are held among them. */
static mst_err
take_cuts(mst_follow *follow, mst_found *all, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = 0; i < follow->file_count && err == MST_OK; i++) {
    /* Always anew: the copy may have been made after the folder was listed. */
    if (follow->files[i].is_cut)
      err = mst_follow_list_siblings(follow, follow->files[i].family, true, all, ctx);
  }
  for (size_t i = 0; i < all->count && err == MST_OK; i++) {
    mst_file *file = all->list[i].kind == MST_SIBLING_COMPRESSED ? NULL : mst_follow_known(follow, &all->list[i].info);
    if (file && file->is_cut)
      err = take_cut(follow, all, file, i, ctx);
  }
  return err;
}

static bool
has_changed(const mst_file *file, const mst_found_file *one)
{
  return (uint64_t)one->info.st_size != file->size || mst_mtime_of(&one->info) != file->mtime_ns || file->is_suspect;
}

/* *ret_unsure: it was renamed since it was listed, and cannot be looked at. */
static bool
is_still_same(const mst_file *file, const mst_found_file *one, bool *ret_unsure)
{
  int fd = file->fd >= 0 ? file->fd : mst_found_open(one, ret_unsure);
  /* What became shorter was cut off, even where nothing of it had been read. */
  bool is_same = fd < 0 || ((uint64_t)one->info.st_size >= file->size && mst_file_is_same(file, fd, (uint64_t)one->info.st_size));

  if (fd >= 0 && fd != file->fd)
    close(fd);
  return is_same;
}

/* Of a file that is closed: its inode may be another's now. */
static bool
is_surely_same(const mst_file *file, const mst_found_file *one)
{
  bool is_unsure = false;

  if (!has_changed(file, one))
    return true;
  /* A copy counts only as it was; of an empty file nothing is known but its inode. */
  return file->state != MST_FILE_HELD && file->head_bytes > 0 && is_still_same(file, one, &is_unsure);
}

/* Whoever deletes rotated files gives their inodes to others, unless they are open here. */
static bool
may_be_replaced(const mst_file *file)
{
  return file->state == MST_FILE_FINISHED || file->state == MST_FILE_HELD || (file->state == MST_FILE_ROTATED && file->fd < 0);
}

/* Forgets the inodes of rotated files that others have now, and copies that are not what they were: they are looked at anew. */
static void
drop_replaced(mst_follow *follow, const mst_found *all)
{
  for (size_t i = 0; i < all->count; i++) {
    const mst_found_file *one = &all->list[i];
    mst_file *file = one->kind == MST_SIBLING_COMPRESSED ? NULL : mst_follow_known(follow, &one->info);
    if (!file || file->round == follow->round || !may_be_replaced(file))
      continue;
    bool is_taken = file->state == MST_FILE_HELD && mst_found_is_live(one); /* the copy was put in the original's place */
    if (!is_taken && is_surely_same(file, one))
      continue;
    if (file->state == MST_FILE_HELD)
      mst_follow_drop_file(follow, (size_t)(file - follow->files));
    else
      file->dev = 0, file->ino = 0; /* its content may have moved, see take_moved */
  }
}

static void
take_state(mst_follow *follow, mst_file *file, const mst_found_file *one)
{
  const uint64_t size = (uint64_t)one->info.st_size;
  mst_errctx why = {0};

  if (mst_found_is_live(one) && file->state != MST_FILE_LIVE) {
    file->state = MST_FILE_LIVE; /* it was brought back */
  } else if (!mst_found_is_live(one) && file->state == MST_FILE_LIVE) {
    file->state = MST_FILE_ROTATED;
    file->changed = mst_clock_mono(follow->setup.clock);
    follow->stats.rotations++;
  }
  if (size > file->size) {
    follow->stats.appended_bytes += size - file->size;
    file->changed = mst_clock_mono(follow->setup.clock);
    if (file->state == MST_FILE_FINISHED)
      file->state = MST_FILE_ROTATED; /* its writer has it open still */
  }
  file->size = size;
  file->mtime_ns = mst_mtime_of(&one->info);
  if (file->state == MST_FILE_FINISHED)
    return;
  /* So that it can be read when it is deleted; reading tries again. */
  mst_err err = mst_file_open_fd(follow, file, false, &why);
  if (err != MST_OK && err != MST_EABSENT)
    mst_follow_trouble(follow, why.text);
  if (size <= file->head_bytes || file->head_bytes == MST_HEAD_BYTES || file->fd < 0)
    return;
  const bool is_first = file->head_bytes == 0;
  (void)mst_file_check_head(file); /* before it is read: it may be cut off by then */
  if (is_first)
    mst_file_settle(file);
}

/* A known file, at the path where it is now. */
static void
take_known(mst_follow *follow, mst_file *file, const mst_found_file *one)
{
  file->round = follow->round;
  file->missed = 0;
  file->is_unlinked = false;
  file->family = one->family;
  mst_file_set_path(file, one->path);
  if (file->state == MST_FILE_HELD)
    return;
  bool is_unsure = false;
  file->is_cut = (has_changed(file, one) || !follow->has_refreshed) && !is_still_same(file, one, &is_unsure);
  file->is_suspect = is_unsure;
  if (file->is_cut || is_unsure)
    return;
  take_state(follow, file, one);
}

/* Known files first: which are new is judged by where these went. */
static void
take_all_known(mst_follow *follow, const mst_found *all)
{
  drop_replaced(follow, all);
  for (size_t i = 0; i < all->count; i++) {
    /* Nothing is renamed to the name of a compressed file: what has a known inode there is another file. */
    mst_file *file = all->list[i].kind == MST_SIBLING_COMPRESSED ? NULL : mst_follow_known(follow, &all->list[i].info);
    if (file && file->round != follow->round)
      take_known(follow, file, &all->list[i]);
  }
}

static mst_err
take_all_new(mst_follow *follow, mst_found *all, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = 0; i < all->count && err == MST_OK; i++) {
    const mst_found_file *one = &all->list[i];
    if (one->kind == MST_SIBLING_COMPRESSED)
      mst_follow_look_at_compressed(follow, one);
    else if (!mst_follow_known(follow, &one->info))
      err = mst_follow_take_new(follow, one, ctx);
  }
  return err;
}

/* ---- what was not found ---- */

/* Where an open file that was moved out of its folder is now. */
static void
find_path(mst_file *file)
{
  char link[32], path[PATH_MAX];

  snprintf(link, sizeof link, "/proc/self/fd/%d", file->fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0)
    return;
  path[length] = '\0';
  mst_file_set_path(file, path);
}

static void
note_growth(mst_follow *follow, mst_file *file, const struct stat *info)
{
  if ((uint64_t)info->st_size > file->size) {
    follow->stats.appended_bytes += (uint64_t)info->st_size - file->size;
    file->changed = mst_clock_mono(follow->setup.clock);
    file->size = (uint64_t)info->st_size;
  }
  file->mtime_ns = mst_mtime_of(info);
}

/* Still open: it is read to its end, wherever it is. */
static void
keep_open(mst_follow *follow, mst_file *file, const struct stat *info)
{
  if (file->state == MST_FILE_LIVE) {
    follow->stats.rotations++;
    file->state = MST_FILE_ROTATED;
    file->changed = mst_clock_mono(follow->setup.clock);
  }
  file->is_unlinked = info->st_nlink == 0;
  bool is_changed = file->is_suspect || (uint64_t)info->st_size < file->size;
  file->is_suspect = is_changed && ((uint64_t)info->st_size < file->size || !mst_file_is_same(file, file->fd, (uint64_t)info->st_size));
  if (file->is_suspect && ++file->missed >= MISSED_MAX) {
    mst_follow_lose(follow, file->path, file->size - file->position, "it was cut off after it had been moved away");
    file->size = file->position = file->searched = (uint64_t)info->st_size;
    file->is_suspect = false;
  }
  if (!file->is_suspect)
    note_growth(follow, file, info);
  if (!file->is_unlinked)
    find_path(file);
}

/* Elsewhere, where it was found before: a finished file must not be read again when it comes back. */
static bool
is_where_it_was(mst_follow *follow, mst_file *file)
{
  struct stat info;

  if (file->is_unlinked || file->ino == 0 || lstat(file->path, &info) < 0 || info.st_ino != file->ino || info.st_dev != file->dev)
    return false;
  if ((uint64_t)info.st_size > file->size && file->state == MST_FILE_FINISHED)
    file->state = MST_FILE_ROTATED;
  note_growth(follow, file, &info);
  return true;
}

static void
find_elsewhere(mst_follow *follow)
{
  for (size_t i = 0; i < follow->file_count; i++) {
    mst_file *file = &follow->files[i];
    if (file->round != follow->round && file->fd < 0 && is_where_it_was(follow, file)) {
      file->round = follow->round;
      file->missed = 0;
    }
  }
}

/* Whether nothing is known to wait in it: not so for a file that may have been written to since it was last seen. */
static bool
is_read_to_end(const mst_file *file)
{
  return file->state == MST_FILE_FINISHED || file->state == MST_FILE_HELD ||
         (file->state == MST_FILE_ROTATED && file->size <= file->position);
}

static void
look_at_vanished(mst_follow *follow)
{
  for (size_t i = follow->file_count; i-- > 0;) {
    mst_file *file = &follow->files[i];
    struct stat info;
    if (file->round == follow->round)
      continue;
    if (file->fd >= 0 && fstat(file->fd, &info) == 0) {
      keep_open(follow, file, &info);
    } else if (++file->missed >= MISSED_MAX) {
      if (!is_read_to_end(file))
        mst_follow_lose(follow, file->path, file->size > file->position ? file->size - file->position : 0,
                        "it was deleted, compressed or moved away before it was read");
      mst_follow_drop_file(follow, i);
    }
  }
}

/* A known file that is closed and was not found; the next one at or behind *at. */
static bool
next_missing(const mst_follow *follow, size_t *at)
{
  for (; *at < follow->file_count; (*at)++) {
    const mst_file *file = &follow->files[*at];
    if (file->round != follow->round && file->fd < 0 && file->ino != 0)
      return true;
  }
  return false;
}

/* A rename during a listing can hide a file from it. Before one is forgotten, or lost, its folder is listed again. */
static mst_err
look_again(mst_follow *follow, mst_found *all, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (int i = 1; i < LISTINGS_MAX && err == MST_OK; i++) {
    size_t at = 0;
    if (!next_missing(follow, &at))
      return MST_OK;
    uint64_t listed = 0; /* bits of families by their number, modulo: some are listed once more, which does no harm */
    for (; err == MST_OK && next_missing(follow, &at); at++) {
      uint32_t family = follow->files[at].family;
      if (!(listed >> family % 64 & 1) || family >= 64)
        err = mst_follow_list_siblings(follow, family, true, all, ctx);
      listed |= UINT64_C(1) << family % 64;
    }
    if (err == MST_OK)
      take_all_known(follow, all);
  }
  return err;
}

/* ---- the whole ---- */

static void
sum_up(mst_follow *follow)
{
  mst_follow_stats *stats = &follow->stats;

  stats->families = (uint32_t)follow->family_count;
  stats->files = stats->rotated_files = 0;
  stats->appended_at = (mst_wall){0};
  for (size_t i = 0; i < follow->family_count; i++)
    stats->rotated_files += follow->families[i].rotated;
  for (size_t i = 0; i < follow->file_count; i++) {
    const mst_file *file = &follow->files[i];
    stats->files += file->state == MST_FILE_LIVE;
    if (file->state == MST_FILE_LIVE && file->mtime_ns > stats->appended_at.ns)
      stats->appended_at.ns = file->mtime_ns;
  }
}

static void
begin_round(mst_follow *follow)
{
  follow->round++;
  follow->had_left_out = follow->stats.left_out > 0;
  follow->stats.left_out = 0;
  follow->stats.trouble[0] = '\0';
  mst_follow_count_families(follow);
  for (size_t i = 0; i < follow->family_count; i++) {
    mst_family *family = &follow->families[i];
    family->is_there = family->is_listed = false;
    family->packed_mtime_ns = family->packing_mtime_ns;
  }
  for (size_t i = 0; i < follow->file_count; i++) {
    mst_family *family = &follow->families[follow->files[i].family];
    if (follow->files[i].mtime_ns > family->seen_mtime_ns)
      family->seen_mtime_ns = follow->files[i].mtime_ns;
  }
}

mst_err
mst_follow_scan(mst_follow *follow, mst_errctx *ctx)
{
  mst_found all = {0};
  mst_err err = MST_OK;

  begin_round(follow);
  /* Live files are looked at before their siblings are listed: what is read of one is then in every copy that the listing did not show. */
  for (size_t i = 0; i < follow->glob_count && err == MST_OK; i++)
    err = mst_follow_list_live(follow, i, &all, ctx);
  for (uint32_t i = 0; i < follow->family_count && err == MST_OK; i++)
    err = mst_follow_list_siblings(follow, i, false, &all, ctx);
  if (err == MST_OK) {
    take_all_known(follow, &all);
    find_elsewhere(follow);
    err = look_again(follow, &all, ctx);
  }
  if (err == MST_OK)
    err = take_cuts(follow, &all, ctx);
  if (err == MST_OK)
    err = take_all_new(follow, &all, ctx);
  if (err == MST_OK)
    look_at_vanished(follow);
  mst_found_done(&all);
  sum_up(follow);
  if (err != MST_OK)
    return err;
  follow->has_refreshed = true;
  for (size_t i = 0; i < follow->family_count; i++)
    follow->families[i].is_first = false;
  return MST_OK;
}

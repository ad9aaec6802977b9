/* Which file systems a host has, from /proc/self/mountinfo; see mounts.h. */
#include "collectors/mounts.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#include <mst/common/alloc.h>

/* What stands on disks, or manages them itself. Not those that are always full (squashfs, iso9660), not those over a network, whose server
 * may be away: asking them blocks for ever. */
static const char *const disk_types[] = {"ext2", "ext3",  "ext4", "xfs",   "btrfs", "zfs",     "f2fs",   "jfs",     "reiserfs", "bcachefs",
                                         "vfat", "exfat", "ntfs", "ntfs3", "ufs",   "hfsplus", "nilfs2", "fuseblk", "gfs2",     "ocfs2"};

static bool
parse_device_number(mst_scan word, uint32_t *ret_major, uint32_t *ret_minor)
{
  uint64_t major, minor;
  const char *colon = memchr(word.at, ':', mst_scan_length(word));

  if (!colon)
    return false;

  mst_scan left = {.at = word.at, .end = colon}, right = {.at = colon + 1, .end = word.end};

  if (!mst_scan_u64(&left, &major) || !mst_scan_u64(&right, &minor) || major > UINT32_MAX || minor > UINT32_MAX)
    return false;
  *ret_major = (uint32_t)major;
  *ret_minor = (uint32_t)minor;
  return true;
}

static bool
has_read_only(mst_scan mount_options)
{
  return mst_scan_prefix(&mount_options, "ro") && (mount_options.at == mount_options.end || *mount_options.at == ',');
}

mst_err
mst_mount_parse(mst_scan line, mst_mount_line *ret_line, mst_errctx *ctx)
{
  mst_scan shown = line, word, options, super;
  mst_mount_line parsed = {0};
  uint64_t number;

  if (!mst_scan_u64(&line, &number) || !mst_scan_u64(&line, &number) || !mst_scan_word(&line, &word) ||
      !parse_device_number(word, &parsed.major, &parsed.minor) || !mst_scan_word(&line, &parsed.root) ||
      !mst_scan_word(&line, &parsed.mountpoint) || *parsed.mountpoint.at != '/' || !mst_scan_word(&line, &options))
    goto malformed;
  do {
    if (!mst_scan_word(&line, &word)) /* optional fields, then a dash */
      goto malformed;
  } while (!mst_scan_equal(word, "-"));
  if (!mst_scan_word(&line, &parsed.type) || !mst_scan_word(&line, &parsed.device) || !mst_scan_word(&line, &super))
    goto malformed;
  parsed.is_read_only = has_read_only(options) || has_read_only(super);
  *ret_line = parsed;
  return MST_OK;
malformed:
  return mst_fail(ctx, MST_EMALFORMED, "/proc/self/mountinfo: no mount in \"%.*s\"", mst_scan_shown(shown), shown.at);
}

static bool
is_octal(char c)
{
  return c >= '0' && c <= '7';
}

size_t
mst_mount_unescape(mst_scan text, char *ret, size_t size_bytes)
{
  size_t length = 0;

  while (text.at < text.end) {
    char c = *text.at++;

    if (c == '\\' && text.end - text.at >= 3 && text.at[0] <= '3' && is_octal(text.at[0]) && is_octal(text.at[1]) && is_octal(text.at[2])) {
      c = (char)((text.at[0] - '0') * 64 + (text.at[1] - '0') * 8 + (text.at[2] - '0'));
      text.at += 3;
    }
    if (length + 1 < size_bytes)
      ret[length] = c;
    length++;
  }
  ret[length < size_bytes ? length : size_bytes - 1] = '\0';
  return length;
}

static void
drop(mst_mounts *mounts, size_t index)
{
  mst_free(mounts->list[index].mountpoint);
  mounts->count--;
  memmove(&mounts->list[index], &mounts->list[index + 1], (mounts->count - index) * sizeof mounts->list[0]);
}

void
mst_mounts_done(mst_mounts *mounts)
{
  for (size_t i = 0; i < mounts->count; i++)
    mst_free(mounts->list[i].mountpoint);
  mst_free(mounts->list);
  *mounts = (mst_mounts){0};
}

static bool
has_value(const mst_option *option, const char *value)
{
  for (size_t i = 0; option && i < option->value_count; i++) {
    if (strcmp(option->values[i], value) == 0)
      return true;
  }
  return false;
}

static bool
is_taken(const mst_mount_choice *choice, const mst_mount_line *line, const char *mountpoint, bool *ret_is_wanted)
{
  *ret_is_wanted = has_value(choice->mounts, mountpoint);
  if (*ret_is_wanted)
    return true;
  for (size_t i = 0; choice->ignore && i < choice->ignore->value_count; i++) {
    if (fnmatch(choice->ignore->values[i], mountpoint, 0) == 0)
      return false;
  }
  if (mst_scan_equal(line->type, "overlay") && strcmp(mountpoint, "/") == 0) /* the root of a container is its disk */
    return true;
  for (size_t i = 0; i < sizeof disk_types / sizeof disk_types[0]; i++) {
    if (mst_scan_equal(line->type, disk_types[i]))
      return true;
  }
  for (size_t i = 0; choice->types && i < choice->types->value_count; i++) {
    if (mst_scan_equal(line->type, choice->types->values[i]))
      return true;
  }
  return false;
}

/* Of two mounts of one file system, whether `left` is the one to keep. */
static bool
is_better(const mst_mount *left, const mst_mount *right)
{
  if (left->is_whole != right->is_whole)
    return left->is_whole;
  return strlen(left->mountpoint) < strlen(right->mountpoint);
}

static mst_err
make_mount(const mst_mount_line *line, const char *mountpoint, bool is_wanted, mst_mount *ret_mount, mst_errctx *ctx)
{
  size_t path = strlen(mountpoint) + 1, type = mst_scan_length(line->type) + 1, device = mst_scan_length(line->device) + 1;
  char *block = mst_alloc(path + type + device, 1);

  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the list of mounts");
  memcpy(block, mountpoint, path);
  memcpy(block + path, line->type.at, type - 1);
  mst_mount_unescape(line->device, block + path + type, device);
  *ret_mount = (mst_mount){.mountpoint = block,
                           .type = block + path,
                           .device = block + path + type,
                           .major = line->major,
                           .minor = line->minor,
                           .is_read_only = line->is_read_only,
                           .is_whole = mst_scan_equal(line->root, "/"),
                           .is_wanted = is_wanted};
  return MST_OK;
}

/* Takes `mount` over, whether it is kept or not. */
static mst_err
add(mst_mounts *mounts, mst_mount mount, mst_errctx *ctx)
{
  for (size_t i = 0; !mount.is_wanted && i < mounts->count; i++) {
    const mst_mount *other = &mounts->list[i];

    if (other->major != mount.major || other->minor != mount.minor || other->is_wanted)
      continue;
    if (!is_better(&mount, other)) {
      mst_free(mount.mountpoint);
      return MST_OK;
    }
    drop(mounts, i);
    break;
  }
  if (mounts->count >= MST_MOUNTS_MAX) {
    mst_free(mount.mountpoint);
    mounts->over++;
    return MST_OK;
  }
  if (mounts->count == mounts->capacity) {
    size_t capacity = mounts->capacity ? mounts->capacity * 2 : 8;
    mst_mount *list = mst_realloc(mounts->list, capacity, sizeof *list);

    if (!list) {
      mst_free(mount.mountpoint);
      return mst_fail(ctx, MST_ENOMEM, "no memory for the list of mounts");
    }
    mounts->list = list;
    mounts->capacity = capacity;
  }
  mounts->list[mounts->count++] = mount;
  return MST_OK;
}

static mst_err
choose_line(mst_scan line, const mst_mount_choice *choice, mst_mounts *mounts, mst_errctx *ctx)
{
  char mountpoint[PATH_MAX];
  mst_mount_line parsed;
  mst_mount mount = {0};
  bool is_wanted;
  mst_err err = mst_mount_parse(line, &parsed, ctx);

  if (err != MST_OK)
    return err;
  if (mst_mount_unescape(parsed.mountpoint, mountpoint, sizeof mountpoint) >= sizeof mountpoint)
    return mst_fail(ctx, MST_EMALFORMED, "/proc/self/mountinfo: a mount point of over %d bytes", PATH_MAX - 1);
  for (size_t i = 0; i < mounts->count; i++) {
    if (strcmp(mounts->list[i].mountpoint, mountpoint) == 0) { /* a later mount hides the one below */
      drop(mounts, i);
      break;
    }
  }
  if (!is_taken(choice, &parsed, mountpoint, &is_wanted))
    return MST_OK;
  err = make_mount(&parsed, mountpoint, is_wanted, &mount, ctx);
  return err == MST_OK ? add(mounts, mount, ctx) : err;
}

mst_err
mst_mounts_choose(const char *text, size_t length, const mst_mount_choice *choice, mst_mounts *mounts, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  mst_errctx why = {0};
  mst_err err = MST_OK;

  while (mounts->count > 0)
    drop(mounts, mounts->count - 1);
  mounts->over = 0;
  if (length == 0)
    return mst_fail(ctx, MST_EMALFORMED, "/proc/self/mountinfo is empty");
  while (mst_scan_line(&all, &line)) {
    mst_err one = mst_scan_is_cut(&all, line)
                      ? mst_fail(&why, MST_EMALFORMED, "/proc/self/mountinfo: cut short at \"%.*s\"", mst_scan_shown(line), line.at)
                      : choose_line(line, choice, mounts, &why);
    if (one != MST_OK && err == MST_OK)
      err = mst_fail(ctx, one, "%s", why.text);
  }
  return err;
}

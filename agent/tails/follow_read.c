/* Reading what waits: whole lines, the oldest file of a family first. */
#include <string.h>
#include <unistd.h>

#include "follow_state.h"

enum {
  CHUNK_MIN_BYTES = 4096,       /* however little may be read: a line is seldom longer */
  KEPT_BLOCK_BYTES = 64 * 1024, /* room for more is given back after each read: most of the time little waits */
  ORDER_MAX = 64,               /* rotated files of a family that are put in order at once; those behind come after them */
};

/* A rotated file may still be written to, until its writer opens the new one. */
static const int64_t linger_ns = 5 * MST_NS_PER_S;
/* A deleted file without a successor may still be written to, but to hold it open for ever would hold its disk space. */
static const int64_t unlinked_linger_ns = 60 * MST_NS_PER_S;

typedef struct reading {
  mst_follow *follow;
  mst_file *file;
  mst_follow_deliver deliver;
  void *arg;
  size_t left;      /* of what may be read */
  size_t got_bytes; /* what was */
  /* What fetch() read: `lead` bytes before the position, if it was read from there, and what was asked for behind them. */
  uint8_t *data;
  size_t lead;
} reading;

static void
hand_out(const reading *now, const uint8_t *data, size_t size_bytes, bool is_end, bool is_cut)
{
  const mst_follow_block block = {.path = mst_follow_shown(now->follow, now->follow->families[now->file->family].path),
                                  .family = now->file->family,
                                  .user = now->file->user,
                                  .data = (const char *)data,
                                  .size_bytes = size_bytes,
                                  .is_end = is_end,
                                  .is_cut = is_cut};

  now->deliver(now->arg, &block);
}

/* Reads count bytes from offset on, which are there as far as the last refresh saw, and makes sure that they are what follows on the
 * position: a file that was cut off since then is left to the next refresh. *ret_is_good is false then. */
static mst_err
fetch(reading *now, uint64_t offset, size_t count, bool *ret_is_good, mst_errctx *ctx)
{
  mst_file *file = now->file;
  mst_buf *block = &now->follow->block;
  uint8_t print[MST_PRINT_BYTES];
  size_t got = 0;

  *ret_is_good = false;
  now->lead = offset == file->position ? file->tail_bytes : 0;
  mst_buf_reset(block);
  now->data = mst_buf_extend(block, now->lead + count);
  if (!now->data)
    return mst_fail(ctx, MST_ENOMEM, "no memory to read %s", mst_follow_shown(now->follow, file->path));
  mst_err err = mst_file_read_at(file->fd, offset - now->lead, now->data, now->lead + count, &got, file->path, ctx);
  if (err != MST_OK)
    return err;
  now->got_bytes += got;
  now->left -= got < now->left ? got : now->left;
  bool is_same = got == now->lead + count;
  if (is_same && now->lead > 0) {
    mst_print_of(now->data, now->lead, print);
    is_same = memcmp(print, file->tail, sizeof print) == 0;
  }
  /* Last: as long as the beginning is what it was, nothing that was read before is of another time. */
  *ret_is_good = is_same && mst_file_check_head(file);
  file->is_suspect = !*ret_is_good;
  return MST_OK;
}

static size_t
chunk_of(const reading *now, uint64_t offset)
{
  uint64_t there = now->file->size - offset;
  size_t most = now->left < CHUNK_MIN_BYTES ? CHUNK_MIN_BYTES : now->left;

  if (most > MST_FOLLOW_BLOCK_BYTES)
    most = MST_FOLLOW_BLOCK_BYTES;
  return there < most ? (size_t)there : most;
}

/* The position moves over the next count bytes of what was fetched from it. */
static void
advance(reading *now, size_t count)
{
  mst_file *file = now->file;
  size_t behind = now->lead + count, tail = behind < MST_TAIL_BYTES ? behind : MST_TAIL_BYTES;

  file->position += count;
  file->searched = file->position;
  mst_print_of(now->data + behind - tail, tail, file->tail);
  file->tail_bytes = (uint8_t)tail;
}

/* Passes over the rest of a line that was cut or skipped into. */
static mst_err
skip_line(reading *now, mst_errctx *ctx)
{
  mst_file *file = now->file;
  size_t count = chunk_of(now, file->position);
  bool is_good = false;
  mst_err err = fetch(now, file->position, count, &is_good, ctx);

  if (err != MST_OK || !is_good)
    return err;
  const uint8_t *newline = memchr(now->data + now->lead, '\n', count);
  advance(now, newline ? (size_t)(newline - now->data) + 1 - now->lead : count);
  file->is_skipping = !newline;
  return MST_OK;
}

/* A line that is longer than what was read of it: its end is searched for in what was not searched yet, without keeping or reading again
 * what stands before. A long line that grows by a few bytes at a time would else be read as often. */
static mst_err
read_long_line(reading *now, mst_errctx *ctx)
{
  mst_file *file = now->file;
  const uint64_t line_max = now->follow->setup.line_max_bytes;
  uint64_t line_bytes = 0; /* with its newline; 0: its end was not found */
  bool is_good = false;

  if (file->searched - file->position <= line_max) {
    size_t count = chunk_of(now, file->searched);
    mst_err err = fetch(now, file->searched, count, &is_good, ctx);
    if (err != MST_OK || !is_good)
      return err;
    const uint8_t *newline = memchr(now->data + now->lead, '\n', count);
    if (newline)
      line_bytes = file->searched - file->position + (size_t)(newline - now->data) - now->lead + 1;
    else
      file->searched += count;
    if (!newline && file->searched - file->position <= line_max)
      return MST_OK;
  }
  bool is_cut = line_bytes == 0 || line_bytes > line_max + 1;
  size_t count = (size_t)(is_cut ? line_max : line_bytes);
  mst_err err = fetch(now, file->position, count, &is_good, ctx);
  if (err != MST_OK || !is_good)
    return err;
  hand_out(now, now->data + now->lead, count, false, is_cut);
  advance(now, count);
  file->is_skipping = is_cut;
  return MST_OK;
}

/* The whole lines of the next block. */
static mst_err
read_lines(reading *now, mst_errctx *ctx)
{
  mst_file *file = now->file;
  size_t count = chunk_of(now, file->position);
  bool is_good = false;
  mst_err err = fetch(now, file->position, count, &is_good, ctx);

  if (err != MST_OK || !is_good)
    return err;
  const uint8_t *first = now->data + now->lead, *last = memrchr(first, '\n', count);
  if (!last) {
    file->searched = file->position + count;
    return MST_OK;
  }
  size_t whole = (size_t)(last - first) + 1;
  hand_out(now, first, whole, false, false);
  advance(now, whole);
  if (whole < count)
    file->searched = file->position + (count - whole);
  return MST_OK;
}

/* Whether there is something to look at that was not looked at. */
static bool
has_more(const mst_follow *follow, const mst_file *file)
{
  if (file->is_suspect || file->position >= file->size)
    return false;
  return file->is_skipping || file->searched < file->size || file->searched - file->position > follow->setup.line_max_bytes;
}

static mst_err
read_block(reading *now, mst_errctx *ctx)
{
  mst_file *file = now->file;

  if (file->is_skipping)
    return skip_line(now, ctx);
  return file->searched > file->position ? read_long_line(now, ctx) : read_lines(now, ctx);
}

/* ---- order and end ---- */

static bool
is_older(const mst_file *a, const mst_file *b)
{
  if (a->mtime_ns != b->mtime_ns)
    return a->mtime_ns < b->mtime_ns;
  return mst_sibling_is_older(a->path, b->path);
}

/* Whether something in the family came after that file. */
static bool
has_newer(const mst_follow *follow, const mst_file *file)
{
  for (size_t i = 0; i < follow->file_count; i++) {
    const mst_file *other = &follow->files[i];
    if (other != file && other->family == file->family && other->state != MST_FILE_HELD &&
        (other->state == MST_FILE_LIVE || is_older(file, other)))
      return true;
  }
  return false;
}

/* Whether nothing more is expected in it. */
static bool
is_quiet(const mst_follow *follow, const mst_file *file)
{
  int64_t quiet_ns = mst_clock_mono(follow->setup.clock).ns - file->changed.ns;

  if (file->state != MST_FILE_ROTATED || file->is_suspect || quiet_ns < linger_ns)
    return false;
  return has_newer(follow, file) || (file->is_unlinked && quiet_ns >= unlinked_linger_ns);
}

/* A rotated file that has not changed for a while is over: what lacks its newline is a line all the same. */
static mst_err
finish(reading *now, mst_errctx *ctx)
{
  mst_file *file = now->file;
  struct stat info;
  if (fstat(file->fd, &info) < 0 || (uint64_t)info.st_size != file->size)
    return MST_OK; /* it grew after all: the next refresh sees how */
  size_t rest = file->is_skipping ? 0 : (size_t)(file->size - file->position);
  bool is_good = true;
  mst_err err = rest > 0 ? fetch(now, file->position, rest, &is_good, ctx) : MST_OK;

  if (err != MST_OK || !is_good)
    return err;
  hand_out(now, rest > 0 ? now->data + now->lead : (const uint8_t *)"", rest, true, false);
  if (rest > 0)
    advance(now, rest);
  file->state = MST_FILE_FINISHED;
  file->is_skipping = false;
  mst_file_close_fd(file);
  return MST_OK;
}

static mst_err
read_file(reading *now, mst_errctx *ctx)
{
  mst_follow *follow = now->follow;
  mst_file *file = now->file;
  mst_err err = mst_file_open_fd(follow, file, true, ctx);

  while (err == MST_OK && now->left > 0 && has_more(follow, file))
    err = read_block(now, ctx);
  if (err == MST_OK && !has_more(follow, file) && is_quiet(follow, file))
    err = finish(now, ctx);
  return err;
}

/* The rotated files of a family in which something is to be done, the oldest first. */
static size_t
order_rotated(const mst_follow *follow, uint32_t family, uint32_t ret_order[static ORDER_MAX])
{
  size_t count = 0;

  for (uint32_t i = 0; i < follow->file_count; i++) {
    const mst_file *file = &follow->files[i];
    if (file->family != family || file->state != MST_FILE_ROTATED || (!has_more(follow, file) && !is_quiet(follow, file)))
      continue;
    size_t at = count;
    while (at > 0 && is_older(file, &follow->files[ret_order[at - 1]]))
      at--;
    if (at == ORDER_MAX)
      continue;
    size_t moved = (count < ORDER_MAX ? count : ORDER_MAX - 1) - at;
    memmove(&ret_order[at + 1], &ret_order[at], moved * sizeof ret_order[0]);
    ret_order[at] = i;
    count += count < ORDER_MAX;
  }
  return count;
}

/* A file that cannot be read does not keep those behind it from being read. Only want of memory is an error of the whole. */
static mst_err
note_failure(reading *now, mst_err err, const mst_errctx *why, mst_errctx *ctx)
{
  if (err == MST_ENOMEM)
    return mst_fail(ctx, err, "%s", why->text);
  if (err != MST_OK && err != MST_EABSENT) /* what is another file now is found by the next refresh */
    mst_follow_trouble(now->follow, why->text);
  return MST_OK;
}

static mst_err
read_one(reading *now, uint32_t index, mst_errctx *ctx)
{
  mst_errctx why = {0};
  bool was_closed = now->follow->files[index].fd < 0;

  now->file = &now->follow->files[index];
  mst_err err = read_file(now, &why);
  if (was_closed && now->file->state != MST_FILE_LIVE) { /* too many are open: see mst_file_open_fd */
    mst_errctx ignored = {0};
    mst_file_close_fd(now->file);
    if (now->file->state == MST_FILE_ROTATED)
      (void)!mst_file_open_fd(now->follow, now->file, false, &ignored);
  }
  return note_failure(now, err, &why, ctx);
}

static mst_err
read_family(reading *now, uint32_t family, mst_errctx *ctx)
{
  uint32_t order[ORDER_MAX], last = UINT32_MAX;
  size_t count = order_rotated(now->follow, family, order);
  mst_err err = MST_OK;

  while (count > 0 && order[0] != last && err == MST_OK && now->left > 0) {
    last = order[0]; /* again the first: nothing is to be had of these */
    for (size_t i = 0; i < count && err == MST_OK && now->left > 0; i++)
      err = read_one(now, order[i], ctx);
    count = count == ORDER_MAX ? order_rotated(now->follow, family, order) : 0;
  }
  if (count > 0)
    return err;
  for (uint32_t i = 0; i < now->follow->file_count && err == MST_OK && now->left > 0; i++) {
    const mst_file *file = &now->follow->files[i];
    if (file->family == family && file->state == MST_FILE_LIVE && has_more(now->follow, file))
      err = read_one(now, i, ctx);
  }
  return err;
}

mst_err
mst_follow_read(mst_follow *follow, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes, mst_errctx *ctx)
{
  reading now = {.follow = follow, .deliver = deliver, .arg = arg, .left = most_bytes};
  const uint32_t families = (uint32_t)follow->family_count;
  mst_err err = MST_OK;

  /* Each read begins behind the family at which the last one had to stop: no storm in one log keeps the others from being read. */
  for (uint32_t i = 0, first = follow->next_family; i < families && now.left > 0 && err == MST_OK; i++) {
    uint32_t family = (first + i) % families;
    err = read_family(&now, family, ctx);
    if (now.left == 0)
      follow->next_family = (family + 1) % families;
  }
  if (follow->block.capacity_bytes > KEPT_BLOCK_BYTES)
    mst_buf_done(&follow->block);
  mst_follow_count_unread(follow);
  if (err == MST_OK)
    *ret_read_bytes = now.got_bytes;
  return err;
}

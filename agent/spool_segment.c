#include "spool_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "bytes.h"

static const uint8_t header[MST_SEGMENT_HEADER_BYTES] = "mstspl\x01\n";
static const char domain[] = "muster/spool-record";

static void
put_record(uint8_t *at, const mst_record_image *image)
{
  memset(at, 0, MST_RECORD_HEADER_BYTES);
  mst_put_u32(at + 8, (uint32_t)image->size_bytes);
  at[12] = (uint8_t)image->kind;
  memcpy(at + 16, image->session.bytes, MST_SESSION_BYTES);
  mst_put_u64(at + 32, image->sequence);
  mst_put_u64(at + 40, image->samples_before);
  mst_put_u32(at + 48, image->samples);
  mst_put_u64(at + 56, (uint64_t)image->made_at.ns);
  memcpy(at + MST_RECORD_HEADER_BYTES, image->envelope, image->size_bytes);
  mst_put_checksum(at, domain, MST_RECORD_HEADER_BYTES + image->size_bytes);
}

/* What was saved with a report bears the report's number, and counts only when that report follows it. */
static size_t
put_saved(uint8_t *at, const mst_record_image *image)
{
  const mst_record_image saved = {.session = image->session,
                                  .sequence = image->sequence,
                                  .made_at = image->made_at,
                                  .kind = (mst_envelope_kind)MST_RECORD_SAVED,
                                  .envelope = image->saved.data,
                                  .size_bytes = image->saved.size_bytes};

  if (image->saved.size_bytes == 0)
    return 0;
  put_record(at, &saved);
  return MST_RECORD_HEADER_BYTES + saved.size_bytes;
}

/* False when the bytes are no whole, good record. */
static bool
get_record(const uint8_t *at, size_t size_bytes, mst_record_image *ret_image)
{
  size_t envelope_bytes = size_bytes >= MST_RECORD_HEADER_BYTES ? mst_get_u32(at + 8) : 0;

  if (size_bytes < MST_RECORD_HEADER_BYTES || envelope_bytes == 0 || envelope_bytes > MST_ENVELOPE_MAX_BYTES ||
      size_bytes - MST_RECORD_HEADER_BYTES < envelope_bytes || !mst_has_checksum(at, domain, MST_RECORD_HEADER_BYTES + envelope_bytes))
    return false;
  ret_image->kind = (mst_envelope_kind)at[12];
  memcpy(ret_image->session.bytes, at + 16, MST_SESSION_BYTES);
  ret_image->sequence = mst_get_u64(at + 32);
  ret_image->samples_before = mst_get_u64(at + 40);
  ret_image->samples = mst_get_u32(at + 48);
  ret_image->made_at.ns = (int64_t)mst_get_u64(at + 56);
  ret_image->envelope = at + MST_RECORD_HEADER_BYTES;
  ret_image->size_bytes = envelope_bytes;
  return ret_image->sequence > 0 && ret_image->sequence < UINT64_MAX;
}

void
mst_segment_close_file(mst_segment *segment)
{
  if (segment->fd >= 0)
    close(segment->fd);
  segment->fd = -1;
}

void
mst_segment_destroy(mst_segment *segment)
{
  if (!segment)
    return;
  mst_segment_close_file(segment);
  for (size_t i = 0; segment->blocks && i < segment->count; i++)
    mst_free(segment->blocks[i]);
  mst_free(segment->blocks);
  mst_free(segment->records);
  mst_free(segment->path);
  mst_free(segment);
}

static mst_err
new_segment(mst_segment_kind kind, const char *path, mst_segment **ret_segment, mst_errctx *ctx)
{
  mst_segment *segment = mst_alloc(1, sizeof *segment);

  if (segment) {
    segment->kind = kind;
    segment->fd = -1;
    segment->path = path ? mst_strdup(path) : NULL;
  }
  if (!segment || (path && !segment->path)) {
    mst_segment_destroy(segment);
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory");
  }
  *ret_segment = segment;
  return MST_OK;
}

static mst_err
open_file(mst_segment *segment, int flags, mst_errctx *ctx)
{
  if (segment->fd >= 0)
    return MST_OK;
  if (!segment->path)
    return mst_fail(ctx, MST_ESTATE, "spool: a segment in memory has no file");
  segment->fd = open(segment->path, O_RDWR | O_CLOEXEC | flags, 0600);
  if (segment->fd < 0)
    return mst_fail_errno(ctx, MST_EIO, "spool: open %s", segment->path);
  return MST_OK;
}

static mst_err
write_at(mst_segment *segment, const void *data, size_t size_bytes, mst_errctx *ctx)
{
  const uint8_t *at = data;
  size_t left = size_bytes;

  while (left > 0) {
    ssize_t n = pwrite(segment->fd, at, left, (off_t)(segment->size_bytes + (size_bytes - left)));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      mst_err err = mst_fail_errno(ctx, MST_EIO, "spool: write %s", segment->path);
      /* What was written of it would be cut off at the next start as well. */
      (void)!ftruncate(segment->fd, (off_t)segment->size_bytes);
      return err;
    }
    at += n;
    left -= (size_t)n;
  }
  segment->size_bytes += size_bytes;
  segment->is_dirty = true;
  return MST_OK;
}

mst_err
mst_segment_create(mst_segment_kind kind, const char *path, mst_segment **ret_segment, mst_errctx *ctx)
{
  mst_segment *segment = NULL;
  mst_err err = new_segment(kind, path, &segment, ctx);

  if (err != MST_OK || !path)
    goto out;
  err = open_file(segment, O_CREAT | O_TRUNC, ctx);
  if (err == MST_OK)
    err = write_at(segment, header, sizeof header, ctx);
  if (err != MST_OK)
    (void)unlink(path);

out:
  if (err == MST_OK)
    *ret_segment = segment;
  else
    mst_segment_destroy(segment);
  return err;
}

/* Reads the record at segment->size_bytes into block (MST_RECORD_MAX_BYTES) and gives its size; 0 when there is no whole one. */
static size_t
read_record(const mst_segment *segment, uint8_t *block)
{
  if (pread(segment->fd, block, MST_RECORD_HEADER_BYTES, (off_t)segment->size_bytes) != MST_RECORD_HEADER_BYTES)
    return 0;
  size_t envelope_bytes = mst_get_u32(block + 8);
  if (envelope_bytes > MST_ENVELOPE_MAX_BYTES)
    return 0;
  ssize_t n = pread(segment->fd, block + MST_RECORD_HEADER_BYTES, envelope_bytes, (off_t)segment->size_bytes + MST_RECORD_HEADER_BYTES);
  return n == (ssize_t)envelope_bytes ? MST_RECORD_HEADER_BYTES + envelope_bytes : 0;
}

static mst_err
scan(mst_segment *segment, uint64_t file_bytes, mst_segment_found found, void *arg, mst_errctx *ctx)
{
  uint8_t *block = mst_alloc(1, MST_RECORD_MAX_BYTES);
  mst_err err = MST_OK;

  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for a record of %s", segment->path);
  ssize_t n = pread(segment->fd, block, sizeof header, 0);
  if (n != sizeof header || memcmp(block, header, sizeof header) != 0)
    goto out;
  segment->size_bytes = sizeof header;
  while (err == MST_OK && segment->size_bytes < file_bytes && segment->size_bytes <= UINT32_MAX) {
    mst_record_image image;
    size_t size_bytes = read_record(segment, block);
    if (size_bytes == 0 || !get_record(block, size_bytes, &image))
      break;
    err = found(arg, segment, &image, (uint32_t)segment->size_bytes, ctx);
    segment->size_bytes += MST_RECORD_HEADER_BYTES + image.size_bytes;
  }

out:
  mst_free(block);
  return err;
}

mst_err
mst_segment_open(mst_segment_kind kind, const char *path, mst_segment_found found, void *arg, mst_segment **ret_segment,
                 uint64_t *ret_cut_bytes, mst_errctx *ctx)
{
  mst_segment *segment = NULL;
  mst_err err = new_segment(kind, path, &segment, ctx);

  if (err == MST_OK)
    err = open_file(segment, 0, ctx);
  if (err != MST_OK)
    goto out;
  off_t file_bytes = lseek(segment->fd, 0, SEEK_END);
  if (file_bytes < 0) {
    err = mst_fail_errno(ctx, MST_EIO, "spool: size of %s", path);
    goto out;
  }
  err = scan(segment, (uint64_t)file_bytes, found, arg, ctx);
  if (err == MST_OK && segment->size_bytes < (uint64_t)file_bytes && ftruncate(segment->fd, (off_t)segment->size_bytes) < 0)
    err = mst_fail_errno(ctx, MST_EIO, "spool: cut %s to its %llu good bytes", path, (unsigned long long)segment->size_bytes);
  if (err == MST_OK) {
    *ret_cut_bytes = (uint64_t)file_bytes - segment->size_bytes;
    *ret_segment = segment;
    mst_segment_close_file(segment);
    segment = NULL;
  }

out:
  mst_segment_destroy(segment);
  return err;
}

static mst_err
grow_index(mst_segment *segment, mst_errctx *ctx)
{
  if (segment->count < segment->capacity)
    return MST_OK;
  size_t capacity = segment->capacity ? segment->capacity + segment->capacity / 2 : 8;
  mst_record *records = mst_realloc(segment->records, capacity, sizeof *records);
  if (!records)
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu records", capacity);
  segment->records = records;
  segment->capacity = capacity;
  return MST_OK;
}

mst_err
mst_segment_index(mst_segment *segment, const mst_record *record, mst_errctx *ctx)
{
  mst_err err = grow_index(segment, ctx);

  if (err != MST_OK)
    return err;
  segment->records[segment->count++] = *record;
  segment->waiting += record->state == MST_RECORD_WAITING;
  segment->taken += record->state == MST_RECORD_TAKEN;
  segment->live_bytes += record->state == MST_RECORD_SETTLED ? 0 : record->size_bytes;
  return MST_OK;
}

static mst_err
keep_in_memory(mst_segment *segment, const mst_record_image *image, mst_errctx *ctx)
{
  uint8_t **blocks = mst_realloc(segment->blocks, segment->count + 1, sizeof *blocks);
  uint8_t *block = mst_alloc(1, image->size_bytes);

  if (blocks)
    segment->blocks = blocks;
  if (!blocks || !block) {
    mst_free(block);
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for a record of %zu bytes", image->size_bytes);
  }
  memcpy(block, image->envelope, image->size_bytes);
  segment->blocks[segment->count] = block;
  segment->size_bytes += image->size_bytes;
  return MST_OK;
}

mst_err
mst_segment_write(mst_segment *segment, const mst_record_image *image, uint32_t *ret_offset, mst_errctx *ctx)
{
  size_t size_bytes = MST_RECORD_HEADER_BYTES + image->size_bytes;

  if (image->size_bytes == 0 || image->size_bytes > MST_ENVELOPE_MAX_BYTES || image->saved.size_bytes > MST_ENVELOPE_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "spool: a record of %zu bytes and %zu saved", image->size_bytes, image->saved.size_bytes);
  mst_err err = grow_index(segment, ctx); /* so that indexing what was written cannot fail */
  if (err != MST_OK)
    return err;
  if (!segment->path) {
    err = keep_in_memory(segment, image, ctx);
    if (err == MST_OK)
      *ret_offset = 0;
    return err;
  }
  err = open_file(segment, 0, ctx);
  if (err != MST_OK)
    return err;
  uint8_t *block = mst_alloc(1, 2 * MST_RECORD_HEADER_BYTES + image->saved.size_bytes + image->size_bytes);
  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for a record of %zu bytes", image->size_bytes);
  size_t saved_bytes = put_saved(block, image);
  put_record(block + saved_bytes, image);
  uint32_t offset = (uint32_t)(segment->size_bytes + saved_bytes);
  err = write_at(segment, block, saved_bytes + size_bytes, ctx);
  mst_free(block);
  if (err == MST_OK)
    *ret_offset = offset;
  return err;
}

mst_err
mst_segment_sync(mst_segment *segment, mst_errctx *ctx)
{
  if (!segment->path || !segment->is_dirty)
    return MST_OK;
  mst_err err = open_file(segment, 0, ctx);
  if (err != MST_OK)
    return err;
  if (fdatasync(segment->fd) < 0)
    return mst_fail_errno(ctx, MST_EIO, "spool: sync %s", segment->path);
  segment->is_dirty = false;
  return MST_OK;
}

mst_err
mst_segment_read(mst_segment *segment, size_t index, uint8_t **ret_envelope, mst_errctx *ctx)
{
  const mst_record *record = &segment->records[index];
  size_t size_bytes = MST_RECORD_HEADER_BYTES + record->size_bytes;
  bool was_open = segment->fd >= 0;
  mst_record_image image;

  uint8_t *block = mst_alloc(1, size_bytes);
  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for a record of %u bytes", record->size_bytes);
  if (!segment->path) {
    memcpy(block, segment->blocks[index], record->size_bytes);
    *ret_envelope = block;
    return MST_OK;
  }
  mst_err err = open_file(segment, 0, ctx);
  if (err == MST_OK) {
    ssize_t n = pread(segment->fd, block, size_bytes, record->offset);
    if (n < 0)
      err = mst_fail_errno(ctx, MST_EIO, "spool: read %s", segment->path);
    else if (!get_record(block, (size_t)n, &image) || image.sequence != record->sequence || image.size_bytes != record->size_bytes)
      err = mst_fail(ctx, MST_ECORRUPT, "spool: the record at byte %u of %s changed after it was written", record->offset, segment->path);
  }
  if (!was_open)
    mst_segment_close_file(segment);
  if (err != MST_OK) {
    mst_free(block);
    return err;
  }
  memmove(block, block + MST_RECORD_HEADER_BYTES, record->size_bytes);
  *ret_envelope = block;
  return MST_OK;
}

void
mst_segment_set_state(mst_segment *segment, size_t index, mst_record_state state)
{
  mst_record *record = &segment->records[index];

  segment->waiting -= record->state == MST_RECORD_WAITING;
  segment->taken -= record->state == MST_RECORD_TAKEN;
  segment->live_bytes -= record->state == MST_RECORD_SETTLED ? 0 : record->size_bytes;
  record->state = (uint8_t)state;
  segment->live_bytes += record->state == MST_RECORD_SETTLED ? 0 : record->size_bytes;
  segment->waiting += record->state == MST_RECORD_WAITING;
  segment->taken += record->state == MST_RECORD_TAKEN;
  if (segment->blocks && state == MST_RECORD_SETTLED && segment->kind != MST_SEGMENT_DEFINITIONS) {
    segment->size_bytes -= segment->blocks[index] ? record->size_bytes : 0;
    mst_free(segment->blocks[index]);
    segment->blocks[index] = NULL;
  }
}

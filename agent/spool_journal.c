#include "spool_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>

#include "bytes.h"

static const uint8_t header[MST_JOURNAL_HEADER_BYTES] = "mstjrn\x01\n";
static const char domain[] = "muster/spool-journal";

static void
put_entry(uint8_t at[static MST_JOURNAL_ENTRY_BYTES], const mst_journal_entry *entry)
{
  at[8] = (uint8_t)entry->type;
  memset(at + 9, 0, 7);
  memcpy(at + 16, entry->session.bytes, MST_SESSION_BYTES);
  mst_put_u64(at + 32, entry->range.first);
  mst_put_u64(at + 40, entry->range.last);
  mst_put_u64(at + 48, entry->range.samples_before);
  mst_put_u64(at + 56, entry->range.samples_after);
  mst_put_checksum(at, domain, MST_JOURNAL_ENTRY_BYTES);
}

static bool
get_entry(const uint8_t at[static MST_JOURNAL_ENTRY_BYTES], mst_journal_entry *ret_entry)
{
  if (!mst_has_checksum(at, domain, MST_JOURNAL_ENTRY_BYTES) || at[8] < MST_JOURNAL_HEAD || at[8] > MST_JOURNAL_TOTALS)
    return false;
  ret_entry->type = (mst_journal_type)at[8];
  memcpy(ret_entry->session.bytes, at + 16, MST_SESSION_BYTES);
  ret_entry->range = (mst_range){mst_get_u64(at + 32), mst_get_u64(at + 40), mst_get_u64(at + 48), mst_get_u64(at + 56)};
  return true;
}

static mst_err
write_at(int fd, const void *data, size_t size_bytes, uint64_t offset)
{
  const uint8_t *at = data;

  while (size_bytes > 0) {
    ssize_t n = pwrite(fd, at, size_bytes, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return MST_EIO;
    at += n;
    offset += (uint64_t)n;
    size_bytes -= (size_t)n;
  }
  return MST_OK;
}

static void
reserve(const mst_journal *journal)
{
  /* Best effort: some file systems cannot, and then a full disk only means that stored records may be sent once more. */
  (void)fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, 0, MST_JOURNAL_RESERVE_BYTES);
}

static mst_err
replay_all(mst_journal *journal, const mst_buf *text, mst_journal_replay replay, void *arg, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  journal->size_bytes = 0;
  if (text->size_bytes < sizeof header || memcmp(text->data, header, sizeof header) != 0)
    return MST_OK;
  journal->size_bytes = sizeof header;
  while (err == MST_OK && text->size_bytes - journal->size_bytes >= MST_JOURNAL_ENTRY_BYTES) {
    mst_journal_entry entry;
    if (!get_entry(text->data + journal->size_bytes, &entry))
      break;
    err = replay(arg, &entry, ctx);
    journal->size_bytes += MST_JOURNAL_ENTRY_BYTES;
  }
  return err;
}

/* Cuts the file to its good entries, and begins it where there are none. */
static mst_err
trim(mst_journal *journal, mst_errctx *ctx)
{
  if (ftruncate(journal->fd, (off_t)journal->size_bytes) < 0)
    return mst_fail_errno(ctx, MST_EIO, "spool: cut %s to its %llu good bytes", journal->path, (unsigned long long)journal->size_bytes);
  if (journal->size_bytes == 0) {
    if (write_at(journal->fd, header, sizeof header, 0) != MST_OK)
      return mst_fail_errno(ctx, MST_EIO, "spool: write %s", journal->path);
    journal->size_bytes = sizeof header;
  }
  reserve(journal);
  return MST_OK;
}

mst_err
mst_journal_open(mst_journal *journal, const char *path, mst_journal_replay replay, void *arg, uint64_t *ret_cut_bytes, mst_errctx *ctx)
{
  mst_journal opened = {.fd = -1};
  mst_buf text;
  mst_err err;

  mst_buf_init(&text, MST_JOURNAL_MAX_BYTES);
  opened.path = mst_strdup(path);
  if (!opened.path) {
    err = mst_fail(ctx, MST_ENOMEM, "spool: out of memory");
    goto out;
  }
  opened.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (opened.fd < 0) {
    err = mst_fail_errno(ctx, MST_EIO, "spool: open %s", path);
    goto out;
  }
  err = mst_file_read(path, &text, ctx);
  if (err == MST_OK)
    err = replay_all(&opened, &text, replay, arg, ctx);
  if (err != MST_OK)
    goto out;
  uint64_t cut_bytes = text.size_bytes - opened.size_bytes;
  err = trim(&opened, ctx);
  if (err != MST_OK)
    goto out;
  *journal = opened;
  *ret_cut_bytes = cut_bytes;
  opened = (mst_journal){.fd = -1};

out:
  mst_journal_close(&opened);
  mst_buf_done(&text);
  return err;
}

void
mst_journal_close(mst_journal *journal)
{
  if (journal->fd >= 0)
    close(journal->fd);
  mst_free(journal->path);
  *journal = (mst_journal){.fd = -1};
}

mst_err
mst_journal_append(mst_journal *journal, const mst_journal_entry *entries, size_t count, mst_errctx *ctx)
{
  uint8_t block[32 * MST_JOURNAL_ENTRY_BYTES]; /* one write for most appends */
  uint64_t offset = journal->size_bytes;

  for (size_t done = 0; done < count;) {
    size_t n = 0;
    for (; n < 32 && done + n < count; n++)
      put_entry(block + n * MST_JOURNAL_ENTRY_BYTES, &entries[done + n]);
    if (write_at(journal->fd, block, n * MST_JOURNAL_ENTRY_BYTES, offset) != MST_OK) {
      mst_err err = mst_fail_errno(ctx, MST_EIO, "spool: write %s", journal->path);
      (void)!ftruncate(journal->fd, (off_t)journal->size_bytes);
      reserve(journal);
      return err;
    }
    offset += n * MST_JOURNAL_ENTRY_BYTES;
    done += n;
  }
  journal->size_bytes = offset;
  journal->is_dirty = true;
  return MST_OK;
}

mst_err
mst_journal_sync(mst_journal *journal, mst_errctx *ctx)
{
  if (journal->is_dirty && fdatasync(journal->fd) < 0)
    return mst_fail_errno(ctx, MST_EIO, "spool: sync %s", journal->path);
  journal->is_dirty = false;
  return MST_OK;
}

mst_err
mst_journal_replace(mst_journal *journal, const mst_journal_entry *entries, size_t count, mst_errctx *ctx)
{
  mst_buf text;
  mst_err err;
  int fd;

  mst_buf_init(&text, MST_JOURNAL_MAX_BYTES);
  mst_buf_append(&text, header, sizeof header);
  for (size_t i = 0; i < count; i++) {
    uint8_t *at = mst_buf_extend(&text, MST_JOURNAL_ENTRY_BYTES);
    if (at)
      put_entry(at, &entries[i]);
  }
  err = mst_buf_check(&text, journal->path, ctx);
  if (err == MST_OK)
    err = mst_file_replace(journal->path, text.data, text.size_bytes, 0600, ctx);
  if (err != MST_OK)
    goto out;
  fd = open(journal->path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    err = mst_fail_errno(ctx, MST_EIO, "spool: open %s", journal->path);
    goto out;
  }
  close(journal->fd);
  journal->fd = fd;
  journal->size_bytes = text.size_bytes;
  journal->is_dirty = false;
  reserve(journal);

out:
  mst_buf_done(&text);
  return err;
}

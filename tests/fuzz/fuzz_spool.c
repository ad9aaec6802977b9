/* The files of an agent's spool, as a crash, a bad disk or another program may leave them. Input: one byte of flags, the sizes of the
 * journal, the reports and the definitions (2 bytes each), then these files and, in what is left, a loss record's. What opens must
 * open again after it was used, with nothing cut off. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "bytes.h"
#include "spool.h"
#include "spool_journal.h"
#include "spool_segment.h"

enum { REPAIR = 1 /* headers and checksums are made good, so that what they guard is reached */, GIVE_UP = 2, HAND_BACK = 4, FILES = 4 };

static const char *const names[FILES] = {"journal", "reports-0000000000000001.seg", "definitions-00-1.seg", "loss-00-2.seg"};
static char folder[64];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static void
leave(void)
{
  if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
    fprintf(stderr, "fuzz_spool: %s is left behind\n", folder);
}

static void
make_folder(void)
{
  if (folder[0] != '\0')
    return;
  /* In memory where there is such a place: a disk would be the slow part. */
  snprintf(folder, sizeof folder, "%s/mst_fuzz_spool_XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  if (!mkdtemp(folder) || atexit(leave) != 0)
    abort();
  mst_log_start("fuzz", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
}

static void
path_of(const char *name, char path[static 256])
{
  snprintf(path, 256, "%s/%s", folder, name);
}

static void
repair_journal(uint8_t *bytes, size_t size_bytes)
{
  if (size_bytes >= MST_JOURNAL_HEADER_BYTES)
    memcpy(bytes, "mstjrn\x01\n", MST_JOURNAL_HEADER_BYTES);
  for (size_t at = MST_JOURNAL_HEADER_BYTES; at + MST_JOURNAL_ENTRY_BYTES <= size_bytes; at += MST_JOURNAL_ENTRY_BYTES)
    mst_put_checksum(bytes + at, "muster/spool-journal", MST_JOURNAL_ENTRY_BYTES);
}

static void
repair_segment(uint8_t *bytes, size_t size_bytes)
{
  if (size_bytes >= MST_SEGMENT_HEADER_BYTES)
    memcpy(bytes, "mstspl\x01\n", MST_SEGMENT_HEADER_BYTES);
  for (size_t at = MST_SEGMENT_HEADER_BYTES; at + MST_RECORD_HEADER_BYTES < size_bytes;) {
    size_t most = size_bytes - at - MST_RECORD_HEADER_BYTES, envelope_bytes = mst_get_u32(bytes + at + 8);
    if (envelope_bytes > most) {
      envelope_bytes = most;
      mst_put_u32(bytes + at + 8, (uint32_t)most);
    }
    mst_put_checksum(bytes + at, "muster/spool-record", MST_RECORD_HEADER_BYTES + envelope_bytes);
    at += MST_RECORD_HEADER_BYTES + envelope_bytes;
  }
}

static void
write_file(const char *name, const uint8_t *data, size_t size_bytes, bool is_repaired)
{
  char path[256];
  uint8_t *bytes = malloc(size_bytes + 1);
  FILE *file;

  path_of(name, path);
  if (!bytes || !(file = fopen(path, "w")))
    abort();
  if (size_bytes > 0)
    memcpy(bytes, data, size_bytes);
  if (is_repaired && strcmp(name, names[0]) == 0)
    repair_journal(bytes, size_bytes);
  else if (is_repaired)
    repair_segment(bytes, size_bytes);
  if (fwrite(bytes, 1, size_bytes, file) != size_bytes || fclose(file) != 0)
    abort();
  free(bytes);
}

static void
write_files(const uint8_t *data, size_t size_bytes, uint8_t flags)
{
  size_t at = 2 * (FILES - 1);

  for (size_t i = 0; i < FILES; i++) {
    size_t left = size_bytes - at, bytes = i + 1 < FILES ? (size_t)(data[2 * i] << 8 | data[2 * i + 1]) : left;
    bytes = bytes < left ? bytes : left;
    write_file(names[i], data + at, bytes, flags & REPAIR);
    at += bytes;
  }
}

/* Takes everything out, in the way that the flags say. */
static void
use(mst_spool *spool, uint8_t flags)
{
  const uint64_t waiting = mst_spool_get_stats(spool).waiting;
  mst_spool_item item;
  mst_errctx ctx = {0};
  uint64_t taken = 0;

  while (mst_spool_take(spool, taken % 2 ? MST_SPOOL_OLDEST : MST_SPOOL_NEWEST, &item, &ctx) == MST_OK) {
    mst_err err = MST_OK;
    if (++taken > waiting)
      abort();
    if (flags & GIVE_UP && taken % 3 == 0)
      err = mst_spool_give_up(spool, item.handle, "fuzz", &ctx);
    else if (!(flags & HAND_BACK))
      err = mst_spool_acknowledge(spool, item.handle, &ctx);
    mst_free(item.envelope);
    if (err != MST_OK && err != MST_EMALFORMED)
      break;
  }
  mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  uint32_t count = mst_spool_losses(spool, ranges);
  for (uint32_t i = 0; i < count; i++)
    if (ranges[i].first == 0 || ranges[i].last < ranges[i].first)
      abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  const mst_spool_setup setup = {
      .folder = folder, .max_bytes = MST_SPOOL_LEAST_BYTES, .max_age_ns = INT64_MAX, .clock = mst_clock_system()};
  mst_errctx ctx = {0};
  mst_spool *spool;

  if (size_bytes < 1 + 2 * (FILES - 1))
    return 0;
  make_folder();
  write_files(data + 1, size_bytes - 1, data[0]);
  if (mst_spool_open(&setup, &spool, &ctx) != MST_OK) {
    if (ctx.text[0] == '\0')
      abort();
  } else {
    use(spool, data[0]);
    mst_spool_destroy(spool);
    if (mst_spool_open(&setup, &spool, &ctx) != MST_OK || mst_spool_get_stats(spool).cut_bytes != 0)
      abort();
    mst_spool_destroy(spool);
  }
  return 0;
}

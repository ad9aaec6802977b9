#ifndef MST_TEST_JOURNAL_RIG_H
#define MST_TEST_JOURNAL_RIG_H

/* Real journal files, written by systemd's own systemd-journal-remote from its export format, and a reader that notes what it is handed. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mst/common/buf.h>
#include <mst/tails/journal.h>
#include <mst/tails/scan.h>

#define RIG_UNUSED __attribute__((unused))
#define WRITER     "/lib/systemd/systemd-journal-remote"

enum { RIG_BYTES = 1 << 20 };

struct rig {
  char root[64];
  int root_fd;
  mst_clock_manual clock;
  mst_journal_setup setup;
  mst_journal *journal;
  mst_errctx ctx;
  uint64_t begin_usec; /* wall time of the first entry */
  unsigned written;    /* entries: each is a millisecond behind the one before it */
  mst_buf entries;     /* in the export format, for the next file */
  mst_buf got;         /* what was handed out: "path|level|text", a '+' before it when it is a line of a stream; "end" when one is over */
  unsigned got_blocks;
};

static RIG_UNUSED void
rig_init(struct rig *rig)
{
  *rig = (struct rig){0};
  snprintf(rig->root, sizeof rig->root, "/tmp/mst-journal-XXXXXX");
  cr_assert_not_null(mkdtemp(rig->root));
  cr_assert_eq(access(WRITER, X_OK), 0, WRITER " is not installed: see tests/setup.sh");
  rig->begin_usec = 1795420000000000; /* 2026-11-23 */
  rig->root_fd = open(rig->root, O_RDONLY | O_DIRECTORY);
  mst_clock_manual_init(&rig->clock, 1795420000 * MST_NS_PER_S);
  mst_buf_init(&rig->entries, 64 * RIG_BYTES);
  mst_buf_init(&rig->got, 64 * RIG_BYTES);
  rig->setup = (mst_journal_setup){.root_fd = rig->root_fd,
                                   .path = "/j",
                                   .priority_max = MST_JOURNAL_PRIORITY_DEBUG,
                                   .from_start = true,
                                   .line_max_bytes = 65536,
                                   .clock = &rig->clock.base};
}

static RIG_UNUSED int
rig_delete_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static RIG_UNUSED void
rig_done(struct rig *rig)
{
  mst_journal_destroy(rig->journal);
  mst_buf_done(&rig->entries);
  mst_buf_done(&rig->got);
  close(rig->root_fd);
  nftw(rig->root, rig_delete_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* An entry for the next file: fields as "NAME=value", NULL at the end; MESSAGE apart, as it may have any bytes. */
static RIG_UNUSED void
rig_entry(struct rig *rig, const char *message, size_t message_bytes, ...)
{
  unsigned n = ++rig->written;
  va_list fields;

  mst_buf_printf(&rig->entries, "__REALTIME_TIMESTAMP=%llu\n__MONOTONIC_TIMESTAMP=%u\n_BOOT_ID=00000000000000000000000000000b07\n",
                 (unsigned long long)rig->begin_usec + n * 1000ULL, 1000000 + n * 1000);
  va_start(fields, message_bytes);
  for (const char *field; (field = va_arg(fields, const char *));)
    mst_buf_printf(&rig->entries, "%s\n", field);
  va_end(fields);
  if (message) {
    uint64_t length = message_bytes; /* little-endian, as the machines that this runs on */
    mst_buf_puts(&rig->entries, "MESSAGE\n");
    mst_buf_append(&rig->entries, &length, sizeof length);
    mst_buf_append(&rig->entries, message, message_bytes);
    mst_buf_puts(&rig->entries, "\n");
  }
  mst_buf_puts(&rig->entries, "\n");
}

/* One of a unit, by syslog. */
static RIG_UNUSED void
rig_text(struct rig *rig, const char *unit, const char *text)
{
  char field[300];

  snprintf(field, sizeof field, "_SYSTEMD_UNIT=%s", unit);
  rig_entry(rig, text, strlen(text), field, "_TRANSPORT=syslog", "PRIORITY=6", NULL);
}

static RIG_UNUSED void
rig_line(struct rig *rig, const char *stream, const char *text)
{
  char field[64];

  snprintf(field, sizeof field, "_STREAM_ID=%s", stream);
  rig_entry(rig, text, strlen(text), "_SYSTEMD_UNIT=a.service", "_TRANSPORT=stdout", field, "PRIORITY=6", NULL);
}

static RIG_UNUSED void
rig_folder(struct rig *rig, const char *name)
{
  char path[160];

  snprintf(path, sizeof path, "%s/%s", rig->root, name);
  cr_assert(mkdir(path, 0755) == 0 || errno == EEXIST, "%s", path);
}

/* Writes the entries behind those of that file in /j. */
static RIG_UNUSED void
rig_write(struct rig *rig, const char *name)
{
  char from[128], output[160];
  char *const arguments[] = {(char[]){WRITER}, output, from, NULL};
  posix_spawn_file_actions_t actions;
  pid_t child = 0;
  int status = -1;

  cr_assert_eq(rig->entries.failed, MST_OK);
  rig_folder(rig, "j");
  snprintf(from, sizeof from, "%s/entries", rig->root);
  snprintf(output, sizeof output, "--output=%s/j/%s", rig->root, name);
  FILE *file = fopen(from, "w");
  cr_assert(file && fwrite(rig->entries.data, 1, rig->entries.size_bytes, file) == rig->entries.size_bytes && fclose(file) == 0);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0); /* it tells that it is done */
  cr_assert_eq(posix_spawn(&child, WRITER, &actions, NULL, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  cr_assert(waitpid(child, &status, 0) == child && status == 0, WRITER " %s: %d", output, status);
  mst_buf_reset(&rig->entries);
}

static RIG_UNUSED void
rig_remove(struct rig *rig, const char *name)
{
  char path[128];

  snprintf(path, sizeof path, "%s/j/%s", rig->root, name);
  cr_assert_eq(unlink(path), 0);
}

static RIG_UNUSED void
rig_rename(struct rig *rig, const char *from, const char *to)
{
  char old[160], new[160];

  snprintf(old, sizeof old, "%s/%s", rig->root, from);
  snprintf(new, sizeof new, "%s/%s", rig->root, to);
  cr_assert_eq(rename(old, new), 0);
}

static RIG_UNUSED void
rig_deliver(void *arg, const mst_follow_block *block)
{
  static const char levels[] = "TDIWEF-";
  struct rig *rig = arg;
  size_t length = block->size_bytes;

  cr_assert(block->is_entry && block->entry_level < MST_LEVELS);
  rig->got_blocks++;
  if (length == 0) {
    cr_assert(block->is_end);
    mst_buf_puts(&rig->got, "end\n");
    return;
  }
  cr_assert_eq(block->data[length - 1], '\n');
  mst_buf_printf(&rig->got, "%s%s|%c%s|", block->is_end ? "" : "+", block->path, levels[block->entry_level], block->is_cut ? "cut" : "");
  mst_buf_append(&rig->got, block->data, length);
  /* The user bytes are the stream's own: they count its lines. */
  if (!block->is_end)
    ++*(uint8_t *)block->user;
}

/* As after a start with what was saved. */
static RIG_UNUSED void
rig_open(struct rig *rig, const mst_buf *saved)
{
  mst_journal_destroy(rig->journal);
  rig->journal = NULL;
  rig->setup.saved = saved ? (mst_bytes){saved->data, saved->size_bytes} : (mst_bytes){0};
  cr_assert_eq(mst_journal_create(&rig->setup, &rig->journal, &rig->ctx), MST_OK, "%s", rig->ctx.text);
}

/* All that is there now. */
static RIG_UNUSED const char *
rig_read(struct rig *rig)
{
  size_t got = 1;

  mst_buf_reset(&rig->got);
  cr_assert_eq(mst_journal_refresh(rig->journal, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  while (got > 0)
    cr_assert_eq(mst_journal_read(rig->journal, RIG_BYTES, rig_deliver, rig, &got, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  return mst_buf_text(&rig->got);
}

static RIG_UNUSED mst_follow_stats
rig_stats(struct rig *rig)
{
  mst_follow_stats stats;

  mst_journal_get_stats(rig->journal, &stats);
  return stats;
}

static RIG_UNUSED mst_buf
rig_save(struct rig *rig)
{
  mst_buf saved;

  mst_buf_init(&saved, 8192);
  cr_assert_eq(mst_journal_save(rig->journal, &saved, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  return saved;
}

#endif

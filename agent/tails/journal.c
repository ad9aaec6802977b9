/* A systemd journal, opened and watched: by sd-journal(3). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include <mst/common/alloc.h>

#include "journal_state.h"

enum { MACHINE_CHANGES_MAX = 1 /* a machine that was set up anew is another one from then on */ };
/* Folders and rights are looked at this often: what happens to the files in them is told at once. */
static const int64_t look_every_ns = 2 * MST_NS_PER_S;

/* ---- made and unmade ---- */

mst_err
mst_journal_create(const mst_journal_setup *setup, mst_journal **ret_journal, mst_errctx *ctx)
{
  if (setup->unit_count > MST_JOURNAL_PATTERNS_MAX || setup->identifier_count > MST_JOURNAL_PATTERNS_MAX)
    return mst_fail(ctx, MST_EUSAGE, "%zu units and %zu identifiers of a journal; at most %d are possible", setup->unit_count,
                    setup->identifier_count, MST_JOURNAL_PATTERNS_MAX);
  if (setup->path && setup->path[0] != '/')
    return mst_fail(ctx, MST_EUSAGE, "\"%.128s\" is no absolute path", setup->path);

  mst_journal *journal = mst_alloc(1, sizeof *journal);

  if (!journal)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the reader of a journal");
  journal->setup = *setup;
  journal->folder_fd = -1;
  journal->setup.path = NULL; /* the caller's */
  journal->setup.saved = (mst_bytes){0};
  mst_buf_init(&journal->line, setup->line_max_bytes + sizeof "\n");
  journal->path = setup->path ? mst_strdup(setup->path) : NULL;
  mst_err err = setup->path && !journal->path ? mst_fail(ctx, MST_ENOMEM, "no memory for the reader of a journal") : MST_OK;
  if (err == MST_OK && setup->saved.size_bytes > 0)
    err = mst_journal_position_load(setup->saved, journal->path, &journal->position, ctx);
  if (err != MST_OK) {
    mst_journal_destroy(journal);
    return err;
  }
  *ret_journal = journal;
  return MST_OK;
}

static void
close_sd(mst_journal *journal)
{
  if (journal->sd)
    sd_journal_close(journal->sd);
  if (journal->folder_fd >= 0)
    close(journal->folder_fd);
  journal->sd = NULL;
  journal->folder_fd = -1;
  journal->is_waiting = false;
}

void
mst_journal_destroy(mst_journal *journal)
{
  if (!journal)
    return;
  close_sd(journal);
  mst_buf_done(&journal->line);
  mst_free(journal->path);
  mst_free(journal);
}

/* ---- trouble and loss ---- */

void
mst_journal_lose(mst_journal *journal, uint64_t bytes, const char *why)
{
  journal->stats.lost_events++;
  journal->stats.lost_bytes += bytes;
  snprintf(journal->stats.lost, sizeof journal->stats.lost, "journal%s%s: %s", journal->path ? " " : "", journal->path ? journal->path : "",
           why);
}

void
mst_journal_fail(mst_journal *journal, const char *doing, int result)
{
  snprintf(journal->stats.trouble, sizeof journal->stats.trouble, "cannot %s of the journal%s%s: %s", doing, journal->path ? " " : "",
           journal->path ? journal->path : "", strerror(-result));
  close_sd(journal);
}

/* ---- files that are cut off while they are read ---- */

void
mst_journal_enter(mst_journal *journal)
{
  memcpy(journal->safe_cursor, journal->position.cursor, sizeof journal->safe_cursor);
  journal->safe_has_begun = journal->position.has_begun;
  mst_journal_guard();
}

bool
mst_journal_leave(mst_journal *journal)
{
  if (!mst_journal_unguard())
    return true;
  memcpy(journal->position.cursor, journal->safe_cursor, sizeof journal->safe_cursor);
  journal->position.has_begun = journal->safe_has_begun;
  if (!journal->is_damaged)
    mst_journal_lose(journal, 0, "a file of it was cut off while it was read, or its disk fails");
  journal->is_damaged = journal->is_gone = true;
  mst_journal_fail(journal, "read a file", -EIO);
  return false;
}

/* ---- opening ---- */

static int
open_sd(mst_journal *journal)
{
  int result;

  if (journal->path) {
    journal->folder_fd = openat(journal->setup.root_fd, journal->path[1] ? journal->path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder_fd < 0)
      return -errno;
    result = sd_journal_open_directory_fd(&journal->sd, journal->folder_fd, 0);
  } else if (mst_journal_is_own_root(journal->setup.root_fd)) {
    result = sd_journal_open(&journal->sd, SD_JOURNAL_LOCAL_ONLY);
  } else {
    result = sd_journal_open_directory_fd(&journal->sd, journal->setup.root_fd, SD_JOURNAL_OS_ROOT);
  }
  if (result < 0)
    journal->sd = NULL;
  /* From here on it is told of files that come and go. */
  if (result >= 0)
    result = sd_journal_get_fd(journal->sd);
  /* What is longer is handed out cut. */
  if (result >= 0)
    result = sd_journal_set_data_threshold(journal->sd, MST_JOURNAL_MESSAGE_BYTES + 1 + journal->setup.line_max_bytes);
  return result;
}

static void
open_journal(mst_journal *journal)
{
  int result = open_sd(journal);

  if (result >= 0)
    result = journal->position.has_begun ? mst_journal_find(journal) : mst_journal_begin(journal);
  if (result < 0) {
    mst_journal_fail(journal, "open", result);
    return;
  }
  journal->opened_identity = journal->place.identity;
}

/* The folders: whether they are still the ones that are open, and all of them can be read. */
static void
look(mst_journal *journal)
{
  const mst_mono now = mst_clock_mono(mst_clock_system());
  mst_journal_mark last = {0};

  if (journal->has_looked && now.ns - journal->looked_at.ns < look_every_ns)
    return;
  journal->has_looked = true;
  journal->looked_at = now;
  (void)mst_journal_mark_parse(journal->position.cursor, &last);
  mst_journal_look(journal->setup.root_fd, journal->path, last.sequence, &journal->place);
  /* Of a journal in part of which nothing can be read nothing is read: it would go on behind what it cannot see. */
  if (journal->place.trouble[0] != '\0')
    journal->missing_at = mst_clock_wall(mst_clock_system());
  if (journal->place.trouble[0] != '\0' || journal->place.identity != journal->opened_identity)
    close_sd(journal);
}

/* By the number of the newest entry: some that do not fit are among them. */
static void
estimate_unread(mst_journal *journal)
{
  mst_journal_mark last;
  uint64_t entries = 1, mean = journal->seen_entries > 0 ? journal->seen_bytes / journal->seen_entries : 0;

  if (mst_journal_mark_parse(journal->position.cursor, &last)) {
    mst_journal_place place;
    mst_journal_look(journal->setup.root_fd, journal->path, last.sequence, &place);
    if (place.newest > last.number)
      entries = place.newest - last.number;
  }
  journal->stats.unread_bytes = entries * (mean > 0 ? mean : 1);
}

static void
open_or_process(mst_journal *journal)
{
  mst_journal_enter(journal);
  if (!journal->sd) {
    open_journal(journal);
  } else {
    int result = sd_journal_process(journal->sd);
    if (result == SD_JOURNAL_INVALIDATE)
      result = mst_journal_find(journal);
    if (result < 0)
      mst_journal_fail(journal, "follow the files", result);
  }
  (void)mst_journal_leave(journal);
}

mst_err
mst_journal_refresh(mst_journal *journal, mst_errctx *ctx)
{
  (void)ctx;
  look(journal);
  snprintf(journal->stats.trouble, sizeof journal->stats.trouble, "%s", journal->place.trouble);
  if (journal->place.trouble[0] == '\0')
    open_or_process(journal);
  if (journal->machine_changes > MACHINE_CHANGES_MAX && journal->stats.trouble[0] == '\0')
    snprintf(journal->stats.trouble, sizeof journal->stats.trouble,
             "%s has entries of several machines, which come in no order: give each a folder of its own", journal->path);
  journal->stats.families = journal->sd != NULL;
  journal->stats.files = journal->place.files;
  journal->stats.rotated_files = journal->place.archived;
  if (journal->sd && !journal->is_read_to_end)
    estimate_unread(journal);
  return MST_OK;
}

uint64_t
mst_journal_skip(mst_journal *journal, uint64_t leave_bytes)
{
  const uint64_t waiting = journal->stats.unread_bytes;

  if (!journal->sd || waiting <= leave_bytes)
    return 0;
  mst_journal_enter(journal);
  int result = sd_journal_seek_tail(journal->sd);
  if (result >= 0)
    result = sd_journal_previous(journal->sd);
  if (result > 0)
    result = mst_journal_note(journal);
  if (result < 0)
    mst_journal_fail(journal, "go to the end", result);
  if (!mst_journal_leave(journal) || result < 0)
    return 0;
  journal->is_waiting = false;
  journal->stats.unread_bytes = 0;
  journal->stats.skipped_bytes += waiting;
  mst_journal_lose(journal, waiting, "too much waited to be read, and was skipped");
  return waiting;
}

void
mst_journal_get_stats(const mst_journal *journal, mst_follow_stats *ret_stats)
{
  *ret_stats = journal->stats;
}

mst_err
mst_journal_save(const mst_journal *journal, mst_buf *ret_saved, mst_errctx *ctx)
{
  return mst_journal_position_save(&journal->position, journal->path, ret_saved, ctx);
}

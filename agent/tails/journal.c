/* Reading a systemd journal by libsystemd: sd-journal(3). The only file that knows it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include <mst/common/alloc.h>
#include <mst/tails/scan.h>

#include "journal_state.h"

enum {
  SLICE_ENTRIES = 4096, /* of one read: some 50 ms, also when none of them fits */
  /* After a jump to the position: entries until it is taken to be gone. Entries of one moment in two files come in any order. */
  CURSOR_LOOK_MAX = 1024,
  FIELDS_MAX = 1024,       /* of an entry that are looked at; systemd's own have some 30, and it keeps at most 1024 */
  MACHINE_CHANGES_MAX = 1, /* a machine that was set up anew is another one from then on */
};
/* Folders and rights are looked at this often: what happens to the files in them is told at once. */
static const int64_t look_every_ns = 2 * MST_NS_PER_S;
static const char message_field[] = "MESSAGE=";

struct mst_journal {
  mst_journal_setup setup;
  char *path;     /* owned; NULL: the host's own */
  sd_journal *sd; /* owned; NULL: it is not open */
  int folder_fd;  /* of path, while it is open; -1 */
  mst_journal_place place;
  uint64_t opened_identity; /* of the folders when it was opened */
  mst_mono looked_at;
  bool has_looked;
  mst_journal_position position;
  bool is_waiting; /* the entry that sd stands at is not read yet */
  bool is_gone;    /* the position is gone, which has been said; until something is read */
  bool is_read_to_end;
  uint32_t machine_changes;          /* how often an entry was of another machine than the one before it */
  uint64_t seen_entries, seen_bytes; /* since it was made: what an entry is long, on average */
  mst_buf line;                      /* an entry's text */
  mst_follow_stats stats;
};

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

static void
lose(mst_journal *journal, uint64_t bytes, const char *why)
{
  journal->stats.lost_events++;
  journal->stats.lost_bytes += bytes;
  snprintf(journal->stats.lost, sizeof journal->stats.lost, "journal%s%s: %s", journal->path ? " " : "", journal->path ? journal->path : "",
           why);
}

static void
trouble(mst_journal *journal, const char *doing, int result)
{
  snprintf(journal->stats.trouble, sizeof journal->stats.trouble, "cannot %s of the journal%s%s: %s", doing, journal->path ? " " : "",
           journal->path ? journal->path : "", strerror(-result));
}

/* ---- the position ---- */

/* Remembers the entry that sd stands at as the one that was read last. A negative errno when there is none. */
static int
note_position(mst_journal *journal)
{
  char *cursor = NULL;
  int result = sd_journal_get_cursor(journal->sd, &cursor);

  if (result >= 0 && strlen(cursor) >= sizeof journal->position.cursor)
    result = -E2BIG;
  if (result >= 0) {
    snprintf(journal->position.cursor, sizeof journal->position.cursor, "%s", cursor);
    journal->position.has_begun = true;
  }
  free(cursor);
  return result;
}

static int
read_mark(mst_journal *journal, mst_journal_mark *ret_mark)
{
  char *cursor = NULL;
  int result = sd_journal_get_cursor(journal->sd, &cursor);

  if (result >= 0 && !mst_journal_mark_parse(cursor, ret_mark))
    result = -EBADMSG;
  free(cursor);
  return result;
}

/* A journal that is met for the first time. */
static int
begin(mst_journal *journal)
{
  int result = 0;

  if (!journal->setup.from_start) {
    result = sd_journal_seek_tail(journal->sd);
    if (result >= 0)
      result = sd_journal_previous(journal->sd);
    if (result > 0)
      return note_position(journal);
  }
  if (result >= 0)
    result = sd_journal_seek_head(journal->sd);
  journal->position.has_begun = result >= 0;
  return result;
}

/* The entry of the position is not there any more. What comes after it was lost, unless the numbers of the entries say that nothing did. */
static int
miss_position(mst_journal *journal, const mst_journal_mark *last)
{
  mst_journal_mark next;
  int result = sd_journal_seek_cursor(journal->sd, journal->position.cursor);

  if (result >= 0)
    result = sd_journal_next(journal->sd);
  if (result < 0)
    return result;
  journal->is_waiting = result > 0;
  bool is_whole;
  if (journal->is_waiting) {
    result = read_mark(journal, &next);
    is_whole = result >= 0 && mst_journal_mark_follows(last, &next);
  } else {
    mst_journal_look(journal->setup.root_fd, journal->path, last->sequence, &journal->place);
    is_whole = journal->place.newest == last->number; /* a new file, without entries, remembers the number of the one before */
  }
  if (!is_whole && !journal->is_gone) {
    lose(journal, 0, "the entry that was read last is gone, and maybe some behind it: vacuumed or deleted before they were read");
    journal->is_gone = true;
  }
  return 0;
}

/* Whether sd stands at the entry that was read last, or at a copy of it in a file of another sequence: journald copies its files from /run
 * to /var when that is mounted. */
static bool
is_position(mst_journal *journal, const mst_journal_mark *last, bool *ret_copied)
{
  mst_journal_mark here;

  *ret_copied = false;
  if (sd_journal_test_cursor(journal->sd, journal->position.cursor) > 0)
    return true;
  *ret_copied = read_mark(journal, &here) >= 0 && strcmp(here.sequence, last->sequence) != 0 && strcmp(here.identity, last->identity) == 0;
  return *ret_copied;
}

/* Entries of one text and one moment, as a service writes them in one go, are told apart by their number only, which copies have not. */
static int
go_behind_copy(mst_journal *journal, const mst_journal_mark *last)
{
  mst_journal_mark next;
  int result = sd_journal_next(journal->sd);

  journal->is_waiting = result > 0;
  if (result > 0)
    result = read_mark(journal, &next);
  if (result >= 0 && journal->is_waiting && strcmp(next.identity, last->identity) == 0)
    lose(journal, 0, "its files were copied, and the entry that was read last cannot be told from others like it");
  return result;
}

/* Goes to the position, so that the next entry is the one behind it. */
static int
find_position(mst_journal *journal)
{
  mst_journal_mark last;
  bool is_copied;
  int result;

  journal->is_waiting = false;
  if (journal->position.cursor[0] == '\0')
    return sd_journal_seek_head(journal->sd);
  if (!mst_journal_mark_parse(journal->position.cursor, &last))
    return -EBADMSG;
  result = sd_journal_seek_cursor(journal->sd, journal->position.cursor);
  for (int i = 0; i < CURSOR_LOOK_MAX && result >= 0; i++) {
    result = sd_journal_next(journal->sd);
    if (result <= 0)
      break;
    if (is_position(journal, &last, &is_copied))
      return is_copied ? go_behind_copy(journal, &last) : 0;
  }
  return result < 0 ? result : miss_position(journal, &last);
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
    result = sd_journal_set_data_threshold(journal->sd, sizeof message_field + journal->setup.line_max_bytes);
  return result;
}

static void
open_journal(mst_journal *journal)
{
  int result = open_sd(journal);

  if (result >= 0)
    result = journal->position.has_begun ? find_position(journal) : begin(journal);
  if (result < 0) {
    trouble(journal, "open", result);
    close_sd(journal);
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

mst_err
mst_journal_refresh(mst_journal *journal, mst_errctx *ctx)
{
  int result = 0;

  (void)ctx;
  look(journal);
  snprintf(journal->stats.trouble, sizeof journal->stats.trouble, "%s", journal->place.trouble);
  if (!journal->sd && journal->place.trouble[0] == '\0') {
    open_journal(journal);
  } else if (journal->sd) {
    result = sd_journal_process(journal->sd);
    if (result == SD_JOURNAL_INVALIDATE)
      result = find_position(journal);
    if (result < 0) {
      trouble(journal, "follow the files", result);
      close_sd(journal);
    }
  }
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

/* ---- reading ---- */

typedef struct reading {
  mst_journal *journal;
  mst_follow_deliver deliver;
  void *arg;
  mst_journal_fields fields;
  size_t got_bytes;
  bool is_cut;
} reading;

/* The text, as lines: JSON on one, as its line breaks mean nothing. */
static void
take_message(reading *now, const char *text, size_t size_bytes)
{
  mst_journal *journal = now->journal;

  now->is_cut = size_bytes > journal->setup.line_max_bytes;
  if (now->is_cut)
    size_bytes = journal->setup.line_max_bytes;
  while (size_bytes > 0 && (text[size_bytes - 1] == '\n' || text[size_bytes - 1] == '\r'))
    size_bytes--;
  mst_buf_reset(&journal->line);
  mst_buf_append(&journal->line, text, size_bytes);
  for (size_t i = 0; size_bytes > 0 && text[0] == '{' && i < journal->line.size_bytes; i++)
    if (journal->line.data[i] == '\n')
      journal->line.data[i] = ' ';
}

/* A negative errno: the entry is damaged. */
static int
take_fields(reading *now)
{
  mst_journal *journal = now->journal;
  const void *data = NULL;
  size_t size_bytes = 0;
  bool has_message = false;
  int result = 0;

  now->fields = (mst_journal_fields){0};
  now->is_cut = false;
  mst_buf_reset(&journal->line);
  sd_journal_restart_data(journal->sd);
  for (int i = 0; i < FIELDS_MAX && (result = sd_journal_enumerate_available_data(journal->sd, &data, &size_bytes)) > 0; i++) {
    const char *text = data;
    if (has_message || size_bytes < sizeof message_field - 1 || memcmp(text, message_field, sizeof message_field - 1) != 0) {
      (void)mst_journal_fields_take(&now->fields, text, size_bytes);
      continue;
    }
    has_message = true;
    take_message(now, text + sizeof message_field - 1, size_bytes - (sizeof message_field - 1));
  }
  mst_buf_append(&journal->line, "\n", 1);
  return result;
}

/* In a folder that the plan names there may be several machines' journals. Their entries are read in the order of their time: what arrives
 * late stands before what was read already, and sd-journal passes it over. */
static void
check_machine(mst_journal *journal, const char *machine)
{
  static const uint8_t none[MST_JOURNAL_PRINT_BYTES];
  uint8_t print[MST_JOURNAL_PRINT_BYTES];

  if (!journal->path || machine[0] == '\0')
    return;
  mst_journal_print_of(machine, print);
  if (memcmp(journal->position.machine, none, sizeof none) == 0)
    memcpy(journal->position.machine, print, sizeof print);
  if (memcmp(journal->position.machine, print, sizeof print) == 0)
    return;
  memcpy(journal->position.machine, print, sizeof print);
  journal->machine_changes++;
}

/* The stream of that name; the one that was silent longest makes room, and its record is over. */
static mst_journal_stream *
find_stream(reading *now, const char *name, mst_follow_block *block)
{
  mst_journal_position *position = &now->journal->position;
  mst_journal_stream *oldest = &position->streams[0];
  uint8_t print[MST_JOURNAL_PRINT_BYTES];

  mst_journal_print_of(name, print);
  for (size_t i = 0; i < MST_JOURNAL_STREAMS_MAX; i++) {
    mst_journal_stream *one = &position->streams[i];
    if (one->used > 0 && memcmp(one->print, print, sizeof print) == 0)
      return one;
    if (one->used < oldest->used)
      oldest = one;
  }
  if (oldest->used > 0) {
    block->user = oldest->user;
    block->is_end = true;
    now->deliver(now->arg, block);
    block->is_end = false;
  }
  *oldest = (mst_journal_stream){0};
  memcpy(oldest->print, print, sizeof print);
  return oldest;
}

static mst_log_level
level_of(const mst_journal_fields *fields)
{
  static const mst_log_level levels[] = {MST_LEVEL_FATAL, MST_LEVEL_FATAL, MST_LEVEL_FATAL, MST_LEVEL_ERROR,
                                         MST_LEVEL_WARN,  MST_LEVEL_INFO,  MST_LEVEL_INFO,  MST_LEVEL_DEBUG};
  int priority = mst_journal_fields_priority(fields);

  return priority < 0 ? MST_LEVEL_UNKNOWN : levels[priority];
}

static void
hand_out(reading *now, const char *unit)
{
  mst_journal *journal = now->journal;
  const char *stream = mst_journal_fields_stream(&now->fields);
  char path[sizeof "journal:" + MST_JOURNAL_FIELD_BYTES];
  _Alignas(16) uint8_t whole[MST_FOLLOW_USER_BYTES] = {0};
  uint64_t usec = 0;
  mst_follow_block block = {.path = path, .is_entry = true, .entry_level = (uint8_t)level_of(&now->fields)};

  snprintf(path, sizeof path, "journal:%s", unit[0] != '\0' ? unit : now->fields.transport);
  mst_journal_stream *state = stream ? find_stream(now, stream, &block) : NULL;
  if (state)
    state->used = ++journal->position.used;
  block.user = state ? state->user : whole;
  block.data = (const char *)journal->line.data;
  block.size_bytes = journal->line.size_bytes;
  block.is_end = !state;
  block.is_cut = now->is_cut;
  now->deliver(now->arg, &block);
  now->got_bytes += block.size_bytes;
  journal->seen_bytes += block.size_bytes;
  journal->stats.appended_bytes += block.size_bytes;
  if (sd_journal_get_realtime_usec(journal->sd, &usec) >= 0 && (int64_t)usec * 1000 > journal->stats.appended_at.ns)
    journal->stats.appended_at.ns = (int64_t)usec * 1000;
}

static mst_err
read_entry(reading *now, mst_errctx *ctx)
{
  mst_journal *journal = now->journal;
  const char *unit = "";
  int result = take_fields(now);
  mst_err err = mst_buf_check(&journal->line, "an entry of a journal", ctx);

  if (err != MST_OK)
    return err;
  journal->seen_entries++;
  journal->is_gone = false;
  now->got_bytes++;
  if (result < 0) {
    lose(journal, 0, "an entry is damaged");
    return MST_OK;
  }
  check_machine(journal, now->fields.machine);
  if (mst_journal_fields_fit(&now->fields, &journal->setup, &unit))
    hand_out(now, unit);
  return MST_OK;
}

mst_err
mst_journal_read(mst_journal *journal, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes, mst_errctx *ctx)
{
  reading now = {.journal = journal, .deliver = deliver, .arg = arg};
  mst_err err = MST_OK;
  int result = 1, entries = 0;

  *ret_read_bytes = 0;
  if (!journal->sd)
    return MST_OK;
  for (; entries < SLICE_ENTRIES && now.got_bytes < most_bytes && err == MST_OK; entries++) {
    result = journal->is_waiting ? 1 : sd_journal_next(journal->sd);
    journal->is_waiting = false;
    if (result <= 0)
      break;
    err = read_entry(&now, ctx);
  }
  journal->is_read_to_end = result == 0;
  if (journal->is_read_to_end)
    journal->stats.unread_bytes = 0;
  else if (journal->stats.unread_bytes == 0)
    journal->stats.unread_bytes = 1; /* until the next refresh knows how many */
  if (entries > 0 && note_position(journal) < 0) {
    lose(journal, 0, "the position cannot be told");
    result = -EIO;
  }
  if (result < 0) {
    trouble(journal, "read the next entry", result);
    close_sd(journal);
  }
  *ret_read_bytes = now.got_bytes;
  return err;
}

uint64_t
mst_journal_skip(mst_journal *journal, uint64_t leave_bytes)
{
  const uint64_t waiting = journal->stats.unread_bytes;

  if (!journal->sd || waiting <= leave_bytes)
    return 0;
  int result = sd_journal_seek_tail(journal->sd);
  if (result >= 0)
    result = sd_journal_previous(journal->sd);
  if (result > 0)
    result = note_position(journal);
  if (result < 0) {
    trouble(journal, "go to the end", result);
    close_sd(journal);
    return 0;
  }
  journal->is_waiting = false;
  journal->stats.unread_bytes = 0;
  journal->stats.skipped_bytes += waiting;
  lose(journal, waiting, "too much waited to be read, and was skipped");
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

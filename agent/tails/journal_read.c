/* Entries of a journal, as blocks of lines: by sd-journal(3). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-journal.h>

#include <mst/tails/scan.h>

#include "journal_state.h"

enum {
  SLICE_ENTRIES = 4096, /* of one read: some 10 ms, also when none of them fits */
  FIELDS_MAX = 1024,    /* of an entry that are looked at; systemd's own have some 30, and it keeps at most 1024 */
};

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
    if (has_message || size_bytes < MST_JOURNAL_MESSAGE_BYTES || memcmp(text, "MESSAGE=", MST_JOURNAL_MESSAGE_BYTES) != 0) {
      (void)mst_journal_fields_take(&now->fields, text, size_bytes);
      continue;
    }
    has_message = true;
    take_message(now, text + MST_JOURNAL_MESSAGE_BYTES, size_bytes - (MST_JOURNAL_MESSAGE_BYTES));
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
    mst_journal_lose(journal, 0, "an entry is damaged");
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
  mst_journal_enter(journal);
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
  if (entries > 0 && mst_journal_note(journal) < 0) {
    mst_journal_lose(journal, 0, "the position cannot be told");
    result = -EIO;
  }
  if (result < 0)
    mst_journal_fail(journal, "read the next entry", result);
  if (mst_journal_leave(journal) && entries > 0)
    journal->is_damaged = false;
  *ret_read_bytes = now.got_bytes;
  return err;
}

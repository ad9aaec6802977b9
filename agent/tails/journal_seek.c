/* The position in a journal: by sd-journal(3), and sd_journal_get_cursor(3). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-journal.h>

#include "journal_state.h"

/* After a jump to the position: entries until it is taken to be gone. Entries of one moment in two files come in any order. */
enum { CURSOR_LOOK_MAX = 1024 };

/* The text of the cursor of the entry that sd stands at. */
static int
read_cursor(const mst_journal *journal, char ret_text[static MST_JOURNAL_CURSOR_BYTES])
{
  char *text = NULL;
  int result = sd_journal_get_cursor(journal->sd, &text);

  if (result >= 0 && strlen(text) >= MST_JOURNAL_CURSOR_BYTES)
    result = -E2BIG;
  if (result >= 0)
    snprintf(ret_text, MST_JOURNAL_CURSOR_BYTES, "%s", text);
  free(text); /* libsystemd's */
  return result;
}

int
mst_journal_note(mst_journal *journal)
{
  char cursor[MST_JOURNAL_CURSOR_BYTES];
  int result = read_cursor(journal, cursor);

  if (result < 0)
    return result;
  memcpy(journal->position.cursor, cursor, sizeof cursor);
  journal->position.has_begun = true;
  return result;
}

static int
read_mark(const mst_journal *journal, mst_journal_mark *ret_mark)
{
  char cursor[MST_JOURNAL_CURSOR_BYTES];
  int result = read_cursor(journal, cursor);

  return result < 0 || mst_journal_mark_parse(cursor, ret_mark) ? result : -EBADMSG;
}

/* A journal that is met for the first time: behind what is in it, or, when it was not there a moment ago, behind what was in it then. */
int
mst_journal_begin(mst_journal *journal)
{
  int result = 0;

  if (!journal->setup.from_start) {
    result = journal->missing_at.ns > 0 ? sd_journal_seek_realtime_usec(journal->sd, (uint64_t)journal->missing_at.ns / 1000)
                                        : sd_journal_seek_tail(journal->sd);
    if (result >= 0)
      result = sd_journal_previous(journal->sd);
    if (result > 0)
      return mst_journal_note(journal);
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
    mst_journal_lose(journal, 0,
                     "the entry that was read last is gone, and maybe some behind it: vacuumed or deleted before they were read");
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
    mst_journal_lose(journal, 0, "its files were copied, and the entry that was read last cannot be told from others like it");
  return result;
}

int
mst_journal_find(mst_journal *journal)
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

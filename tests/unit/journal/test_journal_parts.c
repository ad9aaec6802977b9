/* Cursors, fields and the saved position, without a journal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "journal_state.h"

#define ID "0123456789abcdef0123456789abcdef"
static const char cursor[] = "s=" ID ";i=1f;b=" ID ";m=100869f527;t=660fa8f5302de;x=5d097ed293e52fa4";

Test(mark, cursor__gives_number_and_what_stays_when_it_is_copied)
{
  mst_journal_mark mark = {0};

  cr_assert(mst_journal_mark_parse(cursor, &mark));
  cr_expect_str_eq(mark.sequence, ID);
  cr_expect_eq(mark.number, 31);
  cr_expect_str_eq(mark.boot, ID);
  cr_expect_str_eq(mark.identity, strstr(cursor, "b="));
}

Test(mark, other_texts__are_none)
{
  static const char *const bad[] = {
      "",
      "s=",
      "s=" ID,
      "s=" ID ";i=;b=" ID,
      "s=" ID ";i=1f;m=1",
      "i=1f;s=" ID,
      "s=01;i=1;b=" ID,
      "s=" ID ";i=12345678901234567;b=" ID,
      "s=" ID ";i=x;b=" ID,
  };
  mst_journal_mark mark = {.number = 7};
  char longest[MST_JOURNAL_CURSOR_BYTES + 1];

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect_not(mst_journal_mark_parse(bad[i], &mark), "%s", bad[i]);
  memset(longest, '0', sizeof longest);
  memcpy(longest, cursor, sizeof cursor - 1);
  longest[sizeof longest - 1] = '\0';
  cr_expect_not(mst_journal_mark_parse(longest, &mark));
  cr_expect_eq(mark.number, 7);
}

Test(mark, next_number__of_one_count_only)
{
  mst_journal_mark a = {.sequence = "a", .boot = "x", .number = 5}, b = {.sequence = "a", .boot = "y", .number = 6},
                   c = {.sequence = "b", .boot = "x", .number = 6}, d = {.sequence = "b", .boot = "y", .number = 6};

  cr_expect(mst_journal_mark_follows(&a, &b));
  cr_expect(mst_journal_mark_follows(&a, &c));
  cr_expect_not(mst_journal_mark_follows(&a, &d));
  b.number = 7;
  cr_expect_not(mst_journal_mark_follows(&a, &b));
}

Test(fields, first_of_a_name__holds_and_is_cut_to_its_room)
{
  mst_journal_fields fields = {0};
  char unit[400] = "_SYSTEMD_UNIT=";

  memset(unit + strlen(unit), 'u', sizeof unit - strlen(unit) - 1);
  cr_expect(mst_journal_fields_take(&fields, "PRIORITY=3", 10));
  cr_expect(mst_journal_fields_take(&fields, "PRIORITY=7", 10));
  cr_expect_eq(mst_journal_fields_priority(&fields), 3);
  cr_expect(mst_journal_fields_take(&fields, unit, sizeof unit - 1));
  cr_expect_eq(strlen(fields.unit), MST_JOURNAL_FIELD_BYTES - 1);
  cr_expect_not(mst_journal_fields_take(&fields, "PRIORITYX=3", 11));
  cr_expect_not(mst_journal_fields_take(&fields, "PRIO", 4));
}

Test(fields, priority__is_one_digit)
{
  static const char *const bad[] = {"", "8", "10", "-1", "err", "3 "};

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    mst_journal_fields fields = {0};
    snprintf(fields.priority, sizeof fields.priority, "%s", bad[i]);
    cr_expect_eq(mst_journal_fields_priority(&fields), -1, "%s", bad[i]);
  }
}

static mst_journal_position
position_with(unsigned streams)
{
  mst_journal_position position = {.has_begun = true, .machine = {1, 2, 3}};

  memcpy(position.cursor, cursor, sizeof cursor);
  for (unsigned i = 0; i < streams; i++) {
    mst_journal_stream *stream = &position.streams[(i * 37 + 5) % MST_JOURNAL_STREAMS_MAX];
    stream->used = ++position.used * 3;
    memset(stream->print, (int)i + 1, sizeof stream->print);
    stream->user[i % MST_FOLLOW_USER_BYTES] = (uint8_t)(i + 1);
  }
  return position;
}

Test(position, save_and_load__keep_it_with_the_streams_in_their_order)
{
  mst_journal_position position = position_with(MST_JOURNAL_STREAMS_MAX), loaded = {0};
  mst_errctx ctx = {0};
  mst_buf saved;

  mst_buf_init(&saved, 16384);
  cr_assert_eq(mst_journal_position_save(&position, "/j", &saved, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_journal_position_load((mst_bytes){saved.data, saved.size_bytes}, "/j", &loaded, &ctx), MST_OK, "%s", ctx.text);
  cr_expect(loaded.has_begun);
  cr_expect_str_eq(loaded.cursor, cursor);
  cr_expect_eq(memcmp(loaded.machine, position.machine, sizeof loaded.machine), 0);
  for (unsigned i = 0; i < MST_JOURNAL_STREAMS_MAX; i++) {
    const mst_journal_stream *before = &position.streams[(i * 37 + 5) % MST_JOURNAL_STREAMS_MAX], *after = &loaded.streams[i];
    cr_expect_eq(after->used, i + 1);
    cr_expect_eq(memcmp(before->print, after->print, sizeof after->print), 0);
    cr_expect_eq(memcmp(before->user, after->user, sizeof after->user), 0);
  }
  mst_buf_done(&saved);
}

Test(position, of_another_path__is_as_if_nothing_had_been_saved)
{
  mst_journal_position position = position_with(1), loaded = {0};
  mst_errctx ctx = {0};
  mst_buf saved;

  mst_buf_init(&saved, 16384);
  cr_assert_eq(mst_journal_position_save(&position, NULL, &saved, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_journal_position_load((mst_bytes){saved.data, saved.size_bytes}, "/j", &loaded, &ctx), MST_OK);
  cr_expect_not(loaded.has_begun);
  mst_buf_done(&saved);
}

Test(position, damaged__is_malformed_wherever_it_is)
{
  mst_journal_position position = position_with(3), loaded = {0};
  mst_errctx ctx = {0};
  mst_buf saved;

  mst_buf_init(&saved, 16384);
  cr_assert_eq(mst_journal_position_save(&position, "/j", &saved, &ctx), MST_OK, "%s", ctx.text);
  for (size_t i = 0; i < saved.size_bytes; i++) {
    saved.data[i] ^= 1;
    cr_expect_eq(mst_journal_position_load((mst_bytes){saved.data, saved.size_bytes}, "/j", &loaded, &ctx), MST_EMALFORMED, "byte %zu", i);
    saved.data[i] ^= 1;
    cr_expect_eq(mst_journal_position_load((mst_bytes){saved.data, i}, "/j", &loaded, &ctx), MST_EMALFORMED, "%zu bytes", i);
  }
  cr_expect_not(loaded.has_begun);
  mst_buf_done(&saved);
}

Test(position, without_room__is_said)
{
  mst_journal_position position = position_with(3);
  mst_errctx ctx = {0};
  mst_buf saved;

  mst_buf_init(&saved, 100);
  cr_expect_eq(mst_journal_position_save(&position, "/j", &saved, &ctx), MST_ELIMIT);
  mst_buf_done(&saved);
}

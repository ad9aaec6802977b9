#include "rig.h"

static mst_series
series_of(const char *name, const char *label, int64_t start_ns)
{
  mst_series series = {.name = rig_text(name), .kind = MST_SIGNAL_COUNTER, .unit = rig_text("By"), .start_at = {start_ns}};

  if (label) {
    series.label_count = 2;
    series.labels[0] = (mst_label){rig_text("device"), rig_text(label)};
    series.labels[1] = (mst_label){rig_text("direction"), rig_text("read")};
  }
  return series;
}

static uint32_t
intern(mst_series_table *table, const mst_series *series, bool wanted_new)
{
  mst_errctx ctx = {0};
  uint32_t number = UINT32_MAX;
  bool is_new = !wanted_new;

  cr_assert_eq(mst_series_table_intern(table, series, &number, &is_new, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(is_new, wanted_new);
  return number;
}

static mst_series_table *
make(uint32_t most)
{
  mst_series_table *table = NULL;

  cr_assert_eq(mst_series_table_create(most, &table, NULL), MST_OK);
  return table;
}

Test(series_table, same_series__has_one_number)
{
  mst_series_table *table = make(100);
  mst_series a = series_of("disk.io", "sda", 5), b = series_of("disk.io", "sdb", 5), c = series_of("disk.io", "sda", 6);
  mst_series d = series_of("disk.io", NULL, 5);

  cr_expect_eq(intern(table, &a, true), 0);
  cr_expect_eq(intern(table, &b, true), 1);
  cr_expect_eq(intern(table, &c, true), 2);
  cr_expect_eq(intern(table, &d, true), 3);
  d.unit = rig_text("s");
  cr_expect_eq(intern(table, &d, true), 4);
  cr_expect_eq(intern(table, &a, false), 0);
  cr_expect_eq(intern(table, &c, false), 2);
  cr_expect_eq(mst_series_table_count(table), 5);
  cr_expect(mst_series_table_get(table, 5) == NULL);
  mst_series_table_destroy(table);
}

Test(series_table, many_series__are_kept_as_they_were)
{
  enum { MANY = 20000 };
  mst_series_table *table = make(MANY);
  char name[32], label[32];
  uint32_t number;
  bool is_new;
  mst_errctx ctx = {0};

  for (uint32_t i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "signal.%u", i % 50);
    snprintf(label, sizeof label, "dev%u", i);
    mst_series series = series_of(name, label, i % 7);
    cr_assert_eq(intern(table, &series, true), i);
  }
  for (uint32_t i = 0; i < MANY; i++) {
    mst_series copy = *mst_series_table_get(table, i); /* whole structs may be copied */
    snprintf(name, sizeof name, "signal.%u", i % 50);
    snprintf(label, sizeof label, "dev%u", i);
    cr_assert(mst_text_equal(copy.name, name) && mst_text_equal(copy.unit, "By") && copy.start_at.ns == i % 7);
    cr_assert(copy.label_count == 2 && mst_text_equal(copy.labels[0].value, label) && mst_text_equal(copy.labels[1].key, "direction"));
    cr_assert_eq(intern(table, &copy, false), i);
  }
  mst_series more = series_of("one.more", NULL, 0);
  cr_expect_eq(mst_series_table_intern(table, &more, &number, &is_new, &ctx), MST_ELIMIT);
  cr_expect(strstr(ctx.text, "20000 series already"), "%s", ctx.text);
  mst_series_table_destroy(table);
}

Test(series_table, invalid_series__is_refused)
{
  mst_series_table *table = make(10);
  mst_series series = series_of("", "sda", 0);
  uint32_t number = 7;
  bool is_new = true;

  cr_expect_eq(mst_series_table_intern(table, &series, &number, &is_new, NULL), MST_EMALFORMED);
  series = series_of("a", "sda", 0);
  series.labels[1].key = rig_text("a"); /* out of order */
  cr_expect_eq(mst_series_table_intern(table, &series, &number, &is_new, NULL), MST_EMALFORMED);
  series.label_count = MST_SERIES_LABELS_MAX + 1;
  cr_expect_eq(mst_series_table_intern(table, &series, &number, &is_new, NULL), MST_ELIMIT);
  cr_expect_eq(number, 7);
  cr_expect_eq(mst_series_table_count(table), 0);
  cr_expect_eq(mst_series_table_create(0, &table, NULL), MST_EUSAGE);
  mst_series_table_destroy(table);
}

Test(series_table, memory_out__changes_nothing)
{
  for (size_t nth = 1; nth < 40; nth++) {
    mst_series_table *table = make(10);
    mst_series series = series_of("disk.io", "sda", 5);
    uint32_t number;
    bool is_new;
    mst_alloc_fail_at(nth);
    mst_err err = mst_series_table_intern(table, &series, &number, &is_new, NULL);
    mst_alloc_fail_at(0);
    cr_expect(err == MST_OK || err == MST_ENOMEM);
    cr_expect_eq(intern(table, &series, err != MST_OK), 0);
    mst_series_table_destroy(table);
    mst_alloc_fail_at(nth);
    if (mst_series_table_create(10, &table, NULL) == MST_OK)
      mst_series_table_destroy(table);
    mst_alloc_fail_at(0);
  }
}

Test(series_codec, series__comes_back_as_it_was)
{
  mst_series series = series_of("disk.io", "sda", 5), read;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_series_encode(&series, &bytes, NULL), MST_OK);
  cr_assert_eq(mst_series_decode((mst_bytes){bytes.data, bytes.size_bytes}, &read, NULL), MST_OK);
  mst_series_table *table = make(10);
  cr_expect_eq(intern(table, &series, true), 0);
  cr_expect_eq(intern(table, &read, false), 0);
  for (size_t size = 0; size < bytes.size_bytes; size++)
    cr_expect_neq(mst_series_decode((mst_bytes){bytes.data, size}, &read, NULL), MST_OK);
  mst_buf_done(&bytes);
  mst_series_table_destroy(table);
}

Test(series_codec, definitions_of_several__are_no_series)
{
  mst_definitions header = {.boot_id = rig_text(""), .agent_version = rig_text(""), .hostname = rig_text(""), .count = 2};
  mst_series series[2] = {series_of("a", NULL, 0), series_of("b", NULL, 0)}, read;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_definitions_encode(&header, series, &bytes, NULL), MST_OK);
  cr_expect_eq(mst_series_decode((mst_bytes){bytes.data, bytes.size_bytes}, &read, NULL), MST_EMALFORMED);
  mst_buf_done(&bytes);
}

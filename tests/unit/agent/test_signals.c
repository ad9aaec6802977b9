/* Holds the descriptors of all collectors and docs/signals.md against each other. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/agent/collector.h>
#include <mst/common/file.h>

static const char *const extra[][3] = {{"muster.collector.status", "state", "1"}}; /* the sampler's own */

static mst_buf
read_page(void)
{
  mst_buf page;
  mst_errctx ctx = {0};

  mst_buf_init(&page, 1024 * 1024);
  cr_assert_eq(mst_file_read(MST_SOURCE_DIR "/docs/signals.md", &page, &ctx), MST_OK, "%s", ctx.text);
  return page;
}

Test(signals, every_descriptor__is_complete_and_within_the_limits)
{
  for (size_t i = 0; i < mst_collectors_count; i++) {
    const mst_collector *collector = mst_collectors[i];

    cr_expect(collector->name[0] && collector->help[0], "collector %zu", i);
    bool has_functions = collector->open && collector->sample && collector->close;
    cr_expect(has_functions != (collector->module != NULL), "%s has functions, or a module that has them", collector->name);
    cr_expect(collector->deadline_ns > 0 && collector->deadline_ns <= MST_NS_PER_S, "%s", collector->name);
    cr_expect_gt(collector->signal_count, 0, "%s", collector->name);
    cr_expect_eq(mst_collector_find(collector->name), collector);
    if (i > 0)
      cr_expect_lt(strcmp(mst_collectors[i - 1]->name, collector->name), 0, "%s is out of order", collector->name);
    for (size_t j = 0; j < collector->signal_count; j++) {
      const mst_signal *signal = &collector->signals[j];

      cr_expect(signal->name[0] && strlen(signal->name) <= MST_SERIES_NAME_MAX_BYTES, "%s %zu", collector->name, j);
      cr_expect(signal->unit[0] && strlen(signal->unit) <= MST_SERIES_UNIT_MAX_BYTES, "%s", signal->name);
      cr_expect(signal->help[0], "%s", signal->name);
      cr_expect(signal->kind >= MST_SIGNAL_GAUGE && signal->kind <= MST_SIGNAL_STATE, "%s", signal->name);
    }
  }
  cr_expect_null(mst_collector_find("nonsense"));
}

Test(signals, no_name__is_given_by_two_collectors)
{
  for (size_t i = 0; i < mst_collectors_count; i++) {
    for (size_t j = 0; j < mst_collectors[i]->signal_count; j++) {
      const char *name = mst_collectors[i]->signals[j].name;
      size_t found = 0;

      for (size_t k = 0; k < mst_collectors_count; k++) {
        for (size_t l = 0; l < mst_collectors[k]->signal_count; l++)
          found += strcmp(mst_collectors[k]->signals[l].name, name) == 0;
      }
      cr_expect_eq(found, 1, "%s", name);
    }
  }
}

Test(signals, every_one__stands_on_the_page_with_kind_unit_and_help)
{
  mst_buf page = read_page();
  char row[1024];

  for (size_t i = 0; i < mst_collectors_count; i++) {
    const mst_collector *collector = mst_collectors[i];

    snprintf(row, sizeof row, "\n## %s\n", collector->name);
    cr_expect(strstr(mst_buf_text(&page), row), "docs/signals.md has no heading%s", row);
    for (size_t j = 0; j < collector->signal_count; j++) {
      const mst_signal *signal = &collector->signals[j];

      snprintf(row, sizeof row, "\n| `%s` | %s | `%s` | ", signal->name, mst_signal_kind_name(signal->kind), signal->unit);

      const char *found = strstr(mst_buf_text(&page), row);

      cr_expect(found, "docs/signals.md has no row \"%s\"", row + 1);
      cr_expect(!found || strstr(found, signal->help), "docs/signals.md says something else of %s than \"%s\"", signal->name, signal->help);
    }
    for (size_t j = 0; j < collector->option_count; j++) {
      snprintf(row, sizeof row, "\n| `%s` | `%s` | ", collector->options[j].key, collector->options[j].default_text);
      cr_expect(strstr(mst_buf_text(&page), row), "docs/signals.md has no option \"%s\"", row + 1);
      cr_expect(strstr(mst_buf_text(&page), collector->options[j].help), "docs/signals.md does not say \"%s\"", collector->options[j].help);
    }
  }
  mst_buf_done(&page);
}

static bool
is_signal(const char *name, size_t length)
{
  for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
    if (strlen(extra[i][0]) == length && memcmp(extra[i][0], name, length) == 0)
      return true;
  }
  for (size_t i = 0; i < mst_collectors_count; i++) {
    for (size_t j = 0; j < mst_collectors[i]->signal_count; j++) {
      const char *other = mst_collectors[i]->signals[j].name;

      if (strlen(other) == length && memcmp(other, name, length) == 0)
        return true;
    }
    for (size_t j = 0; j < mst_collectors[i]->option_count; j++) {
      const char *other = mst_collectors[i]->options[j].key;

      if (strlen(other) == length && memcmp(other, name, length) == 0)
        return true;
    }
  }
  return false;
}

Test(signals, every_row_of_the_page__is_a_signal_or_an_option)
{
  mst_buf page = read_page();
  size_t rows = 0;

  for (const char *at = mst_buf_text(&page); (at = strstr(at, "\n| `")); at += 4) {
    const char *end = strchr(at + 4, '`');

    cr_assert_not_null(end);
    rows++;
    cr_expect(is_signal(at + 4, (size_t)(end - at - 4)), "docs/signals.md describes %.*s, which nothing gives", (int)(end - at - 4),
              at + 4);
  }
  cr_expect_gt(rows, 40);
  mst_buf_done(&page);
}

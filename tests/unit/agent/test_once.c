#include "rig.h"

#include <jansson.h>

#include "once.h"

static const char long_path[] = "/srv/a-very-long-mount-point/that-goes-on/and-on/until-it-is-wider-than-any-terminal-would-show/x";

static char *
print(struct rig *rig, mst_bytes earlier, mst_once_format format)
{
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);

  cr_assert_eq(mst_once_print(out, rig->sampler, earlier, (mst_bytes){rig->body.data, rig->body.size_bytes}, format, &rig->ctx), MST_OK,
               "%s", rig->ctx.text);
  fclose(out);
  return text;
}

/* All collectors over the captured host, two ticks a second apart; the first body comes back. */
static mst_buf
measure(struct rig *rig)
{
  mst_sampler_setup setup;
  mst_buf earlier;
  char line[256];

  rig_init(rig, "debian12-linux6.18");
  rig_write(rig, "proc/stat", "cpu  1000 0 1000 8000 0 0 0 0 0 0\nbtime 1795410262\n");
  rig_write(rig, "proc/net/dev", "x\nx\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  snprintf(line, sizeof line, "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 1 254:1 / %s rw - ext4 /dev/\033[31mvdb rw\n", long_path);
  rig_write(rig, "proc/self/mountinfo", line);
  setup = (mst_sampler_setup){.root = rig->root, .clock = &rig->clock.base};
  cr_assert_eq(mst_sampler_create(&setup, &rig->sampler, &rig->ctx), MST_OK);
  cr_assert_eq(mst_sampler_apply(rig->sampler, NULL, &rig->ctx), MST_OK);
  rig_tick(rig, 0);
  earlier = rig->body;
  mst_buf_init(&rig->body, MST_ENVELOPE_MAX_BODY_BYTES);
  rig_write(rig, "proc/stat", "cpu  1040 0 1000 8160 0 0 0 0 0 0\nbtime 1795410262\n");
  rig_write(rig, "proc/net/dev", "x\nx\n  eth0: 3072 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_tick(rig, 2 * MST_NS_PER_S);
  return earlier;
}

Test(once_text, table__fits_80_columns_and_hides_nothing)
{
  struct rig rig;
  mst_buf earlier = measure(&rig);
  char *text = print(&rig, (mst_bytes){earlier.data, earlier.size_bytes}, MST_ONCE_TEXT), *line, *rest = text;

  cr_expect(strstr(text, "muster.host.cpu.utilization"));
  cr_expect(strstr(text, " 20 %"), "%s", text);
  cr_expect(strstr(text, "1 KiB/s"), "%s", text);
  cr_expect(strstr(text, "cpu.mode=user"));
  cr_expect(strstr(text, "amd64"));
  cr_expect(strstr(text, "processes"));
  cr_expect(strstr(text, "no process is named"));
  cr_expect(strstr(text, "absent"));
  cr_expect_null(strchr(text, '\033'), "nothing measured may steer the terminal");
  while ((line = strsep(&rest, "\n"))) {
    size_t length = strlen(line);

    cr_expect_lt(length, 80, "%s", line);
    cr_expect(length == 0 || line[length - 1] != ' ', "%s ends in a blank", line);
  }
  free(text);
  mst_buf_done(&earlier);
  rig_done(&rig);
}

static json_t *
find_series(json_t *document, const char *name, const char *key, const char *value)
{
  size_t i;
  json_t *entry;

  json_array_foreach(json_object_get(document, "series"), i, entry)
  {
    const char *label = key ? json_string_value(json_object_get(json_object_get(entry, "labels"), key)) : NULL;

    if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0 && (!key || (label && strcmp(label, value) == 0)))
      return entry;
  }
  cr_assert_fail("%s is not in the document", name);
  return NULL;
}

Test(once_json, document__holds_values_units_rates_and_reasons)
{
  struct rig rig;
  mst_buf earlier = measure(&rig);
  char *text = print(&rig, (mst_bytes){earlier.data, earlier.size_bytes}, MST_ONCE_JSON);
  json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *entry;

  cr_assert_not_null(document, "%s", text);
  entry = find_series(document, "muster.host.cpu.utilization", NULL, NULL);
  cr_expect_float_eq(json_number_value(json_object_get(entry, "value")), 0.2, 1e-12);
  cr_expect_str_eq(json_string_value(json_object_get(entry, "unit")), "1");
  cr_expect_str_eq(json_string_value(json_object_get(entry, "kind")), "gauge");
  cr_expect_str_eq(json_string_value(json_object_get(entry, "status")), "ok");
  cr_expect_str_eq(json_string_value(json_object_get(entry, "collector")), "cpu");
  entry = find_series(document, "system.network.io", "network.io.direction", "receive");
  cr_expect_eq(json_integer_value(json_object_get(entry, "value")), 3072);
  cr_expect_float_eq(json_number_value(json_object_get(entry, "rate")), 1036, 1e-9);
  cr_expect_str_eq(json_string_value(json_object_get(entry, "start_at")), "2026-11-23T05:04:22Z");
  entry = find_series(document, "host.arch", NULL, NULL);
  cr_expect_str_eq(json_string_value(json_object_get(entry, "value")), "amd64");
  entry = find_series(document, "system.filesystem.limit", "system.filesystem.mountpoint", long_path);
  cr_expect_str_eq(json_string_value(json_object_get(entry, "status")), "error");
  cr_expect(strstr(json_string_value(json_object_get(entry, "reason")), "No such file"));
  cr_expect_null(json_object_get(entry, "value"));
  entry = json_array_get(json_object_get(document, "collectors"), 0);
  cr_expect_str_eq(json_string_value(json_object_get(entry, "name")), "cpu");
  cr_expect_str_eq(json_string_value(json_object_get(entry, "state")), "ok");
  json_decref(document);
  free(text);
  mst_buf_done(&earlier);
  rig_done(&rig);
}

Test(once, one_report_alone__has_no_rates)
{
  struct rig rig;
  mst_buf earlier = measure(&rig);
  char *text = print(&rig, (mst_bytes){0}, MST_ONCE_JSON);

  cr_expect_null(strstr(text, "\"rate\""));
  free(text);
  mst_buf_done(&earlier);
  rig_done(&rig);
}

Test(once, body_that_is_none__is_refused)
{
  struct rig rig;
  mst_buf earlier = measure(&rig);
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);

  for (size_t size = 0; size < rig.body.size_bytes; size += 97)
    cr_expect_neq(mst_once_print(out, rig.sampler, (mst_bytes){0}, (mst_bytes){rig.body.data, size}, MST_ONCE_TEXT, &rig.ctx), MST_OK);
  fclose(out);
  cr_expect_eq(length, 0);
  free(text);
  mst_buf_done(&earlier);
  rig_done(&rig);
}

Test(once, values__are_in_units_for_people)
{
  static const struct {
    const char *name, *unit;
    double value;
    const char *expected;
  } cases[] = {{"x.usage", "By", 0, "0 B"},
               {"x.usage", "By", 1023, "1023 B"},
               {"x.usage", "By", 3435973837, "3.20 GiB"},
               {"x.limit", "bit/s", 1e9, "1 Gbit/s"},
               {"x.utilization", "1", 0.1234, "12.3 %"},
               {"muster.process.up", "1", 1, "1"},
               {"x.time", "s", 0.25, "0.250 s"},
               {"x.time", "s", 4500, "1h15m"},
               {"x.start_time", "s", 1795410262, "2026-11-23T05:04:22Z"},
               {"x.count", "{packet}", 2148, "2148"},
               {"x.count", "{packet}", 12345678, "12.3 M"},
               {"x", "Hz", 50, "50 Hz"},
               {"x.load", "{thread}", 0.31, "0.310"}};
  char buf[MST_ONCE_VALUE_BYTES];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_str_eq(mst_once_value(cases[i].name, cases[i].unit, cases[i].value, buf), cases[i].expected, "%s %g: %s", cases[i].unit,
                     cases[i].value, buf);
  cr_expect_str_eq(mst_once_rate("By", 2048, buf), "2 KiB/s");
  cr_expect_str_eq(mst_once_rate("{packet}", 1500, buf), "1.50 k/s");
  cr_expect_str_eq(mst_once_rate("s", 0.5, buf), "0.500 s/s");
}

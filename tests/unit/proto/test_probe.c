/* The table of kinds of probes, and the types of their options. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/common/file.h>
#include <mst/proto/probe.h>

static mst_errctx why;

static void
expect_option(const mst_probe_option *option, const char *prefix, const char *page)
{
  static const char *const types[] = {"text",     "texts", "map",     "pattern", "patterns", "choice", "bool",    "integer", "number",
                                      "duration", "size",  "address", "url",     "path",     "secret", "secrets", "suite",   "steps"};
  const char *mark = option->default_text ? "`" : "";
  char row[1024], inner[64];

  snprintf(row, sizeof row, "\n| `%s%s` | %s | %s%s%s | %s |", prefix, option->key, types[option->type], mark,
           option->is_required    ? "(required)"
           : option->default_text ? option->default_text
                                  : "(none)",
           mark, option->help);
  cr_expect(strstr(page, row), "docs/probes.md lacks:%s", row);
  if (option->default_text)
    cr_expect_eq(mst_probe_scalar_check(option, option->default_text, &why), MST_OK, "%s", why.text);
  cr_expect_eq(option->type == MST_PROBE_STEPS, option->each_count > 0);
  snprintf(inner, sizeof inner, "%s[].", option->key);
  for (size_t i = 0; i < option->each_count; i++)
    expect_option(&option->each[i], inner, page);
}

static void
expect_field(const mst_probe_field *field, const char *page)
{
  const char *mark = field->unit ? "`" : "";
  bool is_unit = !field->unit;
  char row[1024];

  snprintf(row, sizeof row, "\n| `%s` | %s%s%s | %s |", field->name, mark, field->unit ? field->unit : "text", mark, field->help);
  cr_expect(strstr(page, row), "docs/probes.md lacks:%s", row);
  for (const char *const *unit = mst_probe_units; *unit; unit++)
    is_unit = is_unit || (field->unit && strcmp(*unit, field->unit) == 0);
  cr_expect(is_unit, "%s: no unit of mst_probe_units", field->name);
}

Test(probe, kinds__are_complete_in_order_and_documented)
{
  mst_buf page;
  char row[1024];

  mst_buf_init(&page, 1024 * 1024);
  cr_assert_eq(mst_file_read(MST_SOURCE_DIR "/docs/probes.md", &page, &why), MST_OK, "%s", why.text);
  for (size_t i = 0; i < mst_probe_schemas_count; i++) {
    const mst_probe_schema *kind = mst_probe_schemas[i];
    cr_expect_eq(mst_probe_schema_find(kind->name), kind);
    if (i > 0)
      cr_expect_lt(strcmp(mst_probe_schemas[i - 1]->name, kind->name), 0);
    snprintf(row, sizeof row, "\n## %s\n\n%s.\n", kind->name, kind->help);
    cr_expect(strstr(mst_buf_text(&page), row), "docs/probes.md lacks:%s", row);
    for (size_t k = 0; k < kind->field_count; k++)
      expect_field(&kind->fields[k], mst_buf_text(&page));
    for (size_t k = 0; k < kind->option_count; k++)
      expect_option(&kind->options[k], "", mst_buf_text(&page));
  }
  cr_expect_null(mst_probe_schema_find("nonsense"));
  mst_buf_done(&page);
}

Test(probe, options_of_steps__are_found_by_their_number_and_key)
{
  static const mst_probe_option each[] = {{"url", MST_PROBE_URL, .is_required = true, .help = "where"}};
  static const mst_probe_option options[] = {{"steps", MST_PROBE_STEPS, .each = each, .each_count = 1, .help = "what"},
                                             {"url", MST_PROBE_TEXT, .help = "other"}};
  static const mst_probe_schema schema = {.name = "s", .options = options, .option_count = 2};
  static const char *const wrong[] = {"steps.0.url", "steps.17.url", "steps.1.urls", "steps.1.",   "steps.1",
                                      "steps.x.url", "steps..url",   "url.1.url",    "step.1.url", "steps.100.url"};

  cr_expect_eq(mst_probe_schema_option(&schema, "steps"), &options[0]);
  cr_expect_eq(mst_probe_schema_option(&schema, "url"), &options[1]);
  cr_expect_eq(mst_probe_schema_option(&schema, "steps.1.url"), &each[0]);
  cr_expect_eq(mst_probe_schema_option(&schema, "steps.16.url"), &each[0]);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_null(mst_probe_schema_option(&schema, wrong[i]), "%s", wrong[i]);
}

Test(probe, addresses__are_host_and_port)
{
  static const struct {
    const char *text, *host;
    uint16_t port;
  } good[] = {{"127.0.0.1:80", "127.0.0.1", 80}, {"[::1]:65535", "::1", 65535}, {"db.staging:1", "db.staging", 1}};
  static const char *const bad[] = {"",       ":80",     "host",  "host:",  "host:0", "host:65536",  "host:8a",
                                    "::1:80", "[::1:80", "[]:80", "a b:80", "a/b:80", "user@host:80"};
  mst_probe_address address;

  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    cr_expect_eq(mst_probe_address_parse(good[i].text, &address, &why), MST_OK, "%s", good[i].text);
    cr_expect_str_eq(address.host, good[i].host);
    cr_expect_eq(address.port, good[i].port);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect_eq(mst_probe_address_parse(bad[i], &address, &why), MST_EUSAGE, "\"%s\"", bad[i]);
}

Test(probe, scalars__are_held_against_type_and_bounds)
{
  static const char *const choices[] = {"a", "b", NULL};
  static const struct {
    mst_probe_option option;
    const char *text;
    bool is_good;
  } cases[] = {
      {{"o", MST_PROBE_CHOICE, .choices = choices}, "b", true},
      {{"o", MST_PROBE_CHOICE, .choices = choices}, "c", false},
      {{"o", MST_PROBE_BOOL}, "true", true},
      {{"o", MST_PROBE_BOOL}, "yes", false},
      {{"o", MST_PROBE_INTEGER, .min = 1, .max = 5}, "5", true},
      {{"o", MST_PROBE_INTEGER, .min = 1, .max = 5}, "6", false},
      {{"o", MST_PROBE_INTEGER}, "5x", false},
      {{"o", MST_PROBE_NUMBER, .min = 0, .max = 1}, "50%", true},
      {{"o", MST_PROBE_NUMBER, .min = 0, .max = 1}, "1.5", false},
      {{"o", MST_PROBE_NUMBER}, "nan", false},
      {{"o", MST_PROBE_DURATION, .min = 1e9, .max = 60e9}, "1m", true},
      {{"o", MST_PROBE_DURATION, .min = 1e9, .max = 60e9}, "61s", false},
      {{"o", MST_PROBE_SIZE, .min = 1, .max = 1e6}, "1MB", true},
      {{"o", MST_PROBE_SIZE, .min = 1, .max = 1e6}, "1MiB", false},
      {{"o", MST_PROBE_URL}, "https://a/", true},
      {{"o", MST_PROBE_URL}, "ftp://a/", false},
      {{"o", MST_PROBE_URL}, "http:///x", false},
      {{"o", MST_PROBE_PATH}, "/etc/x", true},
      {{"o", MST_PROBE_PATH}, "etc/x", false},
      {{"o", MST_PROBE_TEXT}, "", false},
      {{"o", MST_PROBE_SECRET}, "env:API_KEY", true},
      {{"o", MST_PROBE_SECRET}, "file:/etc/muster/secrets/key", true},
      {{"o", MST_PROBE_SECRETS}, "file:/etc/../etc/shadow", false},
      {{"o", MST_PROBE_SECRET}, "sk-abcdef", false},
      {{"o", MST_PROBE_SECRET}, "env:", false},
      {{"o", MST_PROBE_SECRET}, "env:A B", false},
      {{"o", MST_PROBE_SECRET}, "file:key", false},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    why.text[0] = '\0';
    cr_expect_eq(mst_probe_scalar_check(&cases[i].option, cases[i].text, &why), cases[i].is_good ? MST_OK : MST_EUSAGE, "case %zu: %s", i,
                 why.text);
    cr_expect(cases[i].is_good || why.text[0], "case %zu is refused without a text", i);
  }
}

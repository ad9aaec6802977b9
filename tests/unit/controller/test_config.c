/* musterd.yml: defaults, errors, and the page that documents it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/buf.h>
#include <mst/common/file.h>

#include "config.h"

static mst_diags diags;
static mst_controller_config config;
static char path[64];

static void
setup(void)
{
  mst_diags_init(&diags);
  snprintf(path, sizeof path, "/tmp/mst_config_XXXXXX");
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  close(fd);
}

static void
teardown(void)
{
  mst_diags_done(&diags);
  mst_controller_config_done(&config);
  unlink(path);
}

TestSuite(config, .init = setup, .fini = teardown);

static bool
load(const char *text)
{
  FILE *file = fopen(path, "w");

  cr_assert_not_null(file);
  cr_assert(fputs(text, file) >= 0 && fclose(file) == 0);
  return mst_controller_config_load(path, &config, &diags);
}

static void
expect_error(uint32_t line, const char *part)
{
  char text[1024];

  for (size_t i = 0; i < diags.count; i++)
    if (diags.list[i].line == line && strstr(mst_diag_format(&diags.list[i], text, sizeof text), part))
      return;
  for (size_t i = 0; i < diags.count; i++)
    fprintf(stderr, "%s\n", mst_diag_format(&diags.list[i], text, sizeof text));
  cr_expect_fail("no error with \"%s\" in line %u", part, line);
}

Test(config, nothing_set__gives_the_defaults)
{
  cr_assert(load("log: {level: debug}\n"));
  cr_expect_str_eq(config.state_dir, "/var/lib/musterd");
  cr_expect_eq(config.listen.count, 1);
  cr_expect_str_eq(config.listen.items[0], "tcp://127.0.0.1:7650");
  cr_expect_eq(config.window_ns, 60 * 1000000000LL);
  cr_expect_eq(config.contexts, 256);
  cr_expect_null(config.plan);
  cr_expect_str_eq(config.http.listen.items[0], "127.0.0.1:7651");
}

Test(config, relative_paths__are_below_the_files_folder)
{
  cr_assert(load("state_dir: state\nstore: {file: /x.db}\n"));
  cr_expect_str_eq(config.state_dir, "/tmp/state");
  cr_expect_str_eq(config.store.file, "/x.db");
}

Test(config, all_errors__are_found_at_once)
{
  cr_expect_not(load("windows: 1m\ngrace: soon\nlisten: [tcp://127.0.0.1:7650, 'udp://x:1', 'tls+tcp://0.0.0.0:7']\nplan: nowhere.yml\n"
                     "checklists:\n  - {name: a, file: none.yml}\n  - {name: a, file: none.yml}\nstore: {backend: paper}\n"
                     "http: {listen: '0.0.0.0:80'}\n"));
  expect_error(1, "windows");
  expect_error(2, "grace");
  expect_error(3, "udp://x:1");
  expect_error(3, "cert_file");
  expect_error(4, "nowhere.yml");
  expect_error(6, "none.yml");
  expect_error(7, "a");
  expect_error(8, "paper");
  expect_error(9, "token_file");
}

/* Another error must not keep the paths from being found where they are. */
Test(config, relative_paths_beside_an_error__are_not_called_unreadable)
{
  char text[256];

  snprintf(text, sizeof text, "windows: 1m\nplan: %s\nchecklists: [{name: a, file: %s}]\n", path + 5, path + 5);
  cr_expect_not(load(text));
  expect_error(1, "windows");
  cr_expect_eq(diags.count, 1, "%s", diags.list[diags.count - 1].text);
}

/* A value of another kind than is asked for leaves a hole, which the other checks step over. */
Test(config, values_of_a_wrong_kind__hide_nothing_and_bring_no_further_errors)
{
  cr_expect_not(
      load("store: {backend: [paper]}\nlisten: [{a: b}, 'udp://x:1']\ntls: {cert_file: [], key_file: /nowhere/key.pem}\n"
           "http: {listen: [[], '127.0.0.1:7651', 'somewhere']}\nplan: nowhere.yml\nchecklists: [text, {name: [], file: none.yml}]\n"));
  expect_error(1, "backend");
  expect_error(2, "listen[0]");
  expect_error(2, "udp://x:1");
  expect_error(3, "cert_file");
  expect_error(3, "/nowhere/key.pem");
  expect_error(4, "http.listen[0]");
  expect_error(4, "somewhere");
  expect_error(5, "nowhere.yml");
  expect_error(6, "checklists[0]");
  expect_error(6, "checklists[1].name");
  expect_error(6, "none.yml");
  cr_expect_eq(diags.count, 11, "%zu errors", diags.count);
}

Test(config, listeners__must_be_urls_and_no_two_alike)
{
  const char *const bad[] = {"tcp://", "tcp://x", "tcp://x:y", "tcp://x:70000", "http://x:1", "tcp://::1:5", "tcp://a b:1"};
  char text[128];

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(text, sizeof text, "listen: ['%s']\n", bad[i]);
    cr_expect_not(load(text), "%s", bad[i]);
    expect_error(1, "is no listener");
    mst_controller_config_done(&config);
    mst_diags_done(&diags);
    mst_diags_init(&diags);
  }
  cr_expect_not(load("listen: ['tcp://[::1]:5', 'tcp://[::1]:5']\n"));
  expect_error(1, "twice");
}

Test(config, missing_file__is_an_error)
{
  cr_expect_not(mst_controller_config_load("/nowhere/musterd.yml", &config, &diags));
  cr_expect_eq(diags.count, 1);
}

Test(config, sample__as_shipped__is_good)
{
  char line[1024];
  bool is_good = mst_controller_config_load(MST_SOURCE_DIR "/config/musterd.yml", &config, &diags);

  for (size_t i = 0; i < diags.count; i++)
    fprintf(stderr, "%s\n", mst_diag_format(&diags.list[i], line, sizeof line));
  cr_assert(is_good);
}

/* ---- docs/configuration-controller.md ---- */

static void
expect_documented(const mst_config_schema *schema, const char *prefix, const char *page)
{
  char row[512];

  for (size_t i = 0; i < schema->field_count; i++) {
    const mst_config_field *field = &schema->fields[i];
    if (field->sub) {
      snprintf(row, sizeof row, "%s%s%s.", prefix, field->key, field->type == MST_CONFIG_STRUCT_LIST ? "[]" : "");
      expect_documented(field->sub, row, page);
      continue;
    }
    snprintf(row, sizeof row, "| `%s%s` | %s | %s |", prefix, field->key,
             field->default_text ? field->default_text
             : field->required   ? "(required)"
                                 : "(none)",
             field->help);
    cr_expect_not_null(strstr(page, row), "docs/configuration-controller.md lacks:\n%s", row);
  }
}

static size_t
count_keys(const mst_config_schema *schema)
{
  size_t count = 0;

  for (size_t i = 0; i < schema->field_count; i++)
    count += schema->fields[i].sub ? count_keys(schema->fields[i].sub) : 1;
  return count;
}

Test(config, documentation__each_key_has_its_row_and_no_row_lacks_its_key)
{
  mst_buf page;
  size_t rows = 0;

  mst_buf_init(&page, 1 << 20);
  cr_assert_eq(mst_file_read(MST_SOURCE_DIR "/docs/configuration-controller.md", &page, NULL), MST_OK);
  expect_documented(&mst_controller_config_schema, "", mst_buf_text(&page));
  const char *at = strstr(mst_buf_text(&page), "| key |");
  cr_assert_not_null(at);
  for (at = strstr(at, "\n| `"); at && at[1] == '|'; at = strchr(at + 1, '\n'))
    rows++;
  cr_expect_eq(rows, count_keys(&mst_controller_config_schema));
  mst_buf_done(&page);
}

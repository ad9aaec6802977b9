#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/buf.h>
#include <mst/common/file.h>

#include "golden.h"
#include "config.h"

static mst_diags diags;
static mst_agent_config config;

static void
setup(void)
{
  mst_diags_init(&diags);
}

static void
teardown(void)
{
  mst_diags_done(&diags);
  mst_agent_config_done(&config);
}

TestSuite(config, .init = setup, .fini = teardown);

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

Test(config, parse__only_controllers__defaults)
{
  cr_assert(mst_agent_config_parse("agent.yml", "controllers: tcp://127.0.0.1:7650\n", &config, &diags));
  cr_expect_eq(config.controllers.count, 1);
  cr_expect_eq(config.interval_ns, 10000000000LL);
  cr_expect_eq(config.spool.max_bytes, 64 << 20);
  cr_expect_eq(config.spool.max_age_ns, 72 * 3600 * 1000000000LL);
  cr_expect(config.spool.sync);
  cr_expect_str_eq(config.root, "/");
  cr_expect_str_eq(config.state_dir, "/var/lib/muster-agent");
  cr_expect_null(config.ledger);
  cr_expect_null(config.copies);
  cr_expect_null(config.hostname);
}

Test(config, parse__many_errors__all_with_their_lines)
{
  const char *text = "controllers:\n"
                     "  - http://somewhere:80\n"
                     "  - tls+tcp://ctl.example:7650\n"
                     "  - tcp://host\n"
                     "  - tcp://h:70000\n"
                     "interval: soon\n"
                     "jitter: 90%\n"
                     "state_dir: relative/path\n"
                     "colour: blue\n"
                     "spool:\n"
                     "  max_size: 10KiB\n"
                     "  sync: perhaps\n"
                     "forbid:\n"
                     "  collectors: [cpu, quux]\n"
                     "log:\n"
                     "  level: loud\n";
  cr_assert_not(mst_agent_config_parse("agent.yml", text, &config, &diags));
  expect_error(2, "http://somewhere:80");
  expect_error(4, "tcp://host");
  expect_error(5, "tcp://h:70000");
  expect_error(6, "interval");
  expect_error(7, "jitter");
  expect_error(8, "absolute");
  expect_error(9, "colour");
  expect_error(11, "max_size");
  expect_error(12, "sync");
  expect_error(14, "quux");
  expect_error(16, "level");
}

/* A value of another kind than is asked for leaves a hole, which the other checks step over. */
Test(config, parse__values_of_a_wrong_kind__hide_nothing_and_bring_no_further_errors)
{
  const char *text = "controllers: [[a], tls+tcp://h:1, nowhere]\n"
                     "forbid: {collectors: [{cpu: no}, quux]}\n"
                     "tls: {ca_file: []}\n"
                     "root: [/]\n"
                     "state_dir: here\n";
  cr_assert_not(mst_agent_config_parse("agent.yml", text, &config, &diags));
  expect_error(1, "controllers[0]");
  expect_error(1, "\"nowhere\"");
  expect_error(2, "forbid.collectors[0]");
  expect_error(2, "quux");
  expect_error(3, "tls.ca_file");
  expect_error(4, "root");
  expect_error(5, "absolute");
  cr_expect_eq(diags.count, 7, "%zu errors", diags.count);
}

Test(config, parse__tls_without_authority__said)
{
  cr_assert_not(mst_agent_config_parse("agent.yml", "controllers: [\"tls+tcp://ctl.example:7650\"]\n", &config, &diags));
  expect_error(1, "tls.ca_file");
}

Test(config, parse__authority_not_readable__said)
{
  cr_assert_not(mst_agent_config_parse("agent.yml", "controllers: [\"tls+tcp://ctl.example:7650\"]\ntls:\n  ca_file: /nonexistent/ca.pem\n",
                                       &config, &diags));
  expect_error(3, "/nonexistent/ca.pem");
}

Test(config, parse__same_controller_twice__said)
{
  cr_assert_not(mst_agent_config_parse("agent.yml", "controllers:\n  - tcp://a:1\n  - tcp://a:1\n", &config, &diags));
  expect_error(3, "twice");
}

Test(config, parse__nothing__controllers_missing)
{
  cr_assert_not(mst_agent_config_parse("agent.yml", "interval: 10s\n", &config, &diags));
  cr_assert_geq(diags.count, 1);
  cr_expect_not_null(strstr(diags.list[0].text, "controllers") ? "" : strstr(diags.list[0].key, "controllers"));
}

Test(config, url__loopback_or_not__told_apart)
{
  const char *const local[] = {"tcp://127.0.0.1:1", "tcp://localhost:7650", "tcp://[::1]:7650", "tls+tcp://127.8.9.1:1"};
  const char *const remote[] = {"tcp://10.0.0.1:1", "tcp://localhost.example:1", "tcp://ctl:1", "bogus"};
  for (size_t i = 0; i < 4; i++) {
    cr_expect(mst_agent_url_is_local(local[i]), "%s", local[i]);
    cr_expect_not(mst_agent_url_is_local(remote[i]), "%s", remote[i]);
  }
}

Test(config, sample__as_shipped__is_good)
{
  char line[1024];
  bool is_good = mst_agent_config_load(MST_SOURCE_DIR "/config/agent.yml", &config, &diags);
  for (size_t i = 0; i < diags.count; i++)
    fprintf(stderr, "%s\n", mst_diag_format(&diags.list[i], line, sizeof line));
  cr_assert(is_good);
}

/* A broken file of the current folder. */
static void
expect_messages(const char *name)
{
  mst_diags found;

  mst_diags_init(&found);
  cr_expect_not(mst_agent_config_load(name, &config, &found), "%s was taken", name);
  mst_diags_sort(&found);
  (void)golden_expect(name, &found);
  mst_diags_done(&found);
}

Test(config, broken_files__give_what_is_expected_and_no_more)
{
  glob_t found;

  cr_assert_eq(chdir(MST_SOURCE_DIR "/tests/golden/lint"), 0);
  cr_assert_eq(glob("agent-*.yml", 0, NULL, &found), 0);
  cr_expect_geq(found.gl_pathc, 20, "%zu files", found.gl_pathc);
  for (size_t i = 0; i < found.gl_pathc; i++)
    expect_messages(found.gl_pathv[i]);
  globfree(&found);
}

static void
expect_documented(const mst_config_schema *schema, const char *prefix, const char *page)
{
  char row[512];
  for (size_t i = 0; i < schema->field_count; i++) {
    const mst_config_field *field = &schema->fields[i];
    if (field->type == MST_CONFIG_STRUCT || field->type == MST_CONFIG_STRUCT_LIST) {
      snprintf(row, sizeof row, "%s%s%s", prefix, field->key, field->type == MST_CONFIG_STRUCT ? "." : "[].");
      expect_documented(field->sub, row, page);
      continue;
    }
    snprintf(row, sizeof row, "| `%s%s` | %s | %s |", prefix, field->key,
             field->default_text ? field->default_text
             : field->required   ? "(required)"
                                 : "(none)",
             field->help);
    cr_expect_not_null(strstr(page, row), "docs/configuration-agent.md lacks:\n%s", row);
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

Test(config, documentation__each_key__has_its_row_and_no_row_lacks_its_key)
{
  mst_buf page;
  size_t rows = 0;
  mst_buf_init(&page, 1 << 20);
  cr_assert_eq(mst_file_read(MST_SOURCE_DIR "/docs/configuration-agent.md", &page, NULL), MST_OK);
  expect_documented(&mst_agent_config_schema, "", mst_buf_text(&page));
  const char *at = strstr(mst_buf_text(&page), "| key |");
  cr_assert_not_null(at);
  for (at = strstr(at, "\n| `"); at && at[1] == '|'; at = strchr(at + 1, '\n'))
    rows++;
  cr_expect_eq(rows, count_keys(&mst_agent_config_schema));
  mst_buf_done(&page);
}

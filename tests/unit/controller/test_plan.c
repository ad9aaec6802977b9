/* Plans: which entries hold on which host, errors, and what agents know. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/proto/probe.h>
#include <mst/common/buf.h>
#include <mst/common/config.h>
#include <mst/common/file.h>

#include "plan.h"
#include "plan_file.h"

static mst_diags diags;
static mst_key *key;
static char path[64];

static void
setup(void)
{
  uint8_t seed[32] = {1};
  mst_errctx ctx = {0};

  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  cr_assert_eq(mst_key_create_from_seed(seed, &key, &ctx), MST_OK);
  mst_diags_init(&diags);
  snprintf(path, sizeof path, "/tmp/mst_plan_XXXXXX");
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  close(fd);
}

static void
teardown(void)
{
  mst_diags_done(&diags);
  mst_key_destroy(key);
  unlink(path);
}

TestSuite(plan, .init = setup, .fini = teardown);

static mst_plan_set *
load(const char *text)
{
  FILE *file = fopen(path, "w");

  cr_assert_not_null(file);
  cr_assert(fputs(text, file) >= 0 && fclose(file) == 0);
  return mst_plan_set_load(path, NULL, &diags);
}

/* The collectors that a host is told, "cpu disk processes(names=a,b)". */
static void
expect_told(mst_plan_set *set, const char *labels, const char *wanted)
{
  const mst_sealed_plan *sealed = NULL;
  char told[512] = "";
  size_t used = 0;
  mst_errctx ctx = {0};
  mst_plan plan;

  cr_assert_eq(mst_plan_set_for(set, labels, key, &sealed, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_plan_open(sealed->bytes.data, sealed->bytes.size_bytes, mst_key_public(key), &plan, &ctx), MST_OK, "%s", ctx.text);
  cr_expect(mst_digest_equal(&plan.digest, &sealed->digest));
  for (uint32_t i = 0; i < plan.collector_count; i++) {
    const mst_plan_collector *collector = &plan.collectors[i];
    used += (size_t)snprintf(told + used, sizeof told - used, "%s%.*s%s%.*s", i ? " " : "", (int)collector->name.size_bytes,
                             collector->name.data, collector->instance.size_bytes ? "/" : "", (int)collector->instance.size_bytes,
                             collector->instance.data);
    for (uint32_t k = 0; k < collector->option_count; k++)
      for (uint32_t v = 0; v < collector->options[k].value_count; v++)
        used += (size_t)snprintf(told + used, sizeof told - used, ":%.*s", (int)collector->options[k].values[v].size_bytes,
                                 collector->options[k].values[v].data);
  }
  cr_expect_str_eq(told, wanted, "%s: %s", labels, told);
  mst_plan_done(&plan);
}

Test(plan, entries__hold_on_the_hosts_that_they_name)
{
  mst_plan_set *set = load("plan: p\ncollectors:\n"
                           "  - {name: cpu}\n"
                           "  - {name: processes, hosts: {role: api}, options: {names: [nginx, 'python3*']}}\n"
                           "  - {name: processes, hosts: {role: [db, 'cache-*']}, options: {names: redis}}\n"
                           "  - {name: disk, hosts: {role: '!api', zone: a}}\n"
                           "  - {name: load, hosts: {zone: ['!b', '!c']}}\n");
  cr_assert_not_null(set);
  expect_told(set, "", "cpu load");
  expect_told(set, "role=api", "cpu processes:nginx:python3* load");
  expect_told(set, "role=api\nzone=a", "cpu processes:nginx:python3* load");
  expect_told(set, "role=cache-7\nzone=a", "cpu processes:redis disk load");
  expect_told(set, "role=db\nzone=b", "cpu processes:redis");
  mst_plan_set_destroy(set);
}

Test(plan, hosts_with_the_same_entries__share_one_sealed_plan_and_a_new_key_keeps_its_digest)
{
  const mst_sealed_plan *one = NULL, *two = NULL;
  uint8_t seed[32] = {2};
  mst_key *next = NULL;
  mst_errctx ctx = {0};
  mst_plan plan;
  mst_plan_set *set = load("plan: p\ninterval: 1s\njitter: 0\ncollectors: [{name: cpu}, {name: disk, hosts: {role: db}}]\n");

  cr_assert_not_null(set);
  cr_assert_eq(mst_plan_set_for(set, "role=api", key, &one, &ctx), MST_OK);
  cr_assert_eq(mst_plan_set_for(set, "role=web", key, &two, &ctx), MST_OK);
  cr_expect_eq(one, two);
  mst_digest digest = one->digest;
  cr_assert_eq(mst_key_create_from_seed(seed, &next, &ctx), MST_OK);
  cr_assert_eq(mst_plan_set_reseal(set, next, &ctx), MST_OK);
  cr_expect(mst_digest_equal(&digest, &one->digest));
  cr_assert_eq(mst_plan_open(one->bytes.data, one->bytes.size_bytes, mst_key_public(next), &plan, &ctx), MST_OK, "%s", ctx.text);
  mst_plan_done(&plan);
  mst_key_destroy(next);
  mst_plan_set_destroy(set);
}

Test(plan, tails__are_collectors_with_a_name_and_hold_on_their_hosts)
{
  mst_plan_set *set = load("plan: p\ncollectors: [{name: cpu}]\ntails:\n"
                           "  - {name: app, hosts: {role: api}, files: [/a/*.log, /b.log], from: start, cpu_share: 5%, secrets: false,\n"
                           "     required: [level], fields: {level: [lvl, log.level], message: text},\n"
                           "     rules: {audit: ' audit ', bad: {match: x.y, levels: [fatal, error], ignore_case: true}}}\n"
                           "  - {name: app, files: /c.log}\n"
                           "  - {name: units, hosts: {role: db}, files: /d.log}\n");

  cr_assert_not_null(set, "%s", diags.count ? diags.list[0].text : "");
  expect_told(set, "role=api",
              "cpu tail/app:/a/*.log:/b.log:auto:start:level:lvl:log.level:text:audit:bad: audit :x.y::error,fatal,ignore_case:false:true"
              ":1048576:256:0.05:1073741824");
  expect_told(set, "role=web", "cpu tail/app:/c.log:auto:end:true:true:1048576:256:0.2:1073741824");
  expect_told(set, "role=db",
              "cpu tail/app:/c.log:auto:end:true:true:1048576:256:0.2:1073741824 "
              "tail/units:/d.log:auto:end:true:true:1048576:256:0.2:1073741824");
  mst_plan_set_destroy(set);
}

Test(plan, probes__are_collectors_with_a_name_and_the_options_of_their_kind)
{
  mst_plan_set *set = load("plan: p\ninterval: 20s\ncollectors: [{name: cpu}]\nprobes:\n"
                           "  - {name: redis, kind: tcp, hosts: {role: db}, every: 10s, timeout: 2s, retries: 1,\n"
                           "     options: {address: \"127.0.0.1:6379\", expect: unreachable}}\n"
                           "  - {name: redis, kind: tcp, options: {address: \"db:6379\", banner: ^x}}\n");

  cr_assert_not_null(set, "%s", diags.count ? diags.list[0].text : "");
  expect_told(set, "role=db", "cpu probe/redis:tcp:10000000000:2000000000:1:127.0.0.1:6379:unreachable");
  expect_told(set, "role=api", "cpu probe/redis:tcp:20000000000:5000000000:0:db:6379:^x");
  mst_plan_set_destroy(set);
}

Test(plan, as_many_probes_as_a_plan_may_have__are_sealed_and_opened)
{
  mst_buf text;
  const mst_sealed_plan *sealed = NULL;
  mst_errctx ctx = {0};
  mst_plan plan;

  mst_buf_init(&text, 1024 * 1024);
  mst_buf_printf(&text, "plan: p\ncollectors: [{name: cpu}]\nprobes:\n");
  for (int i = 0; i < MST_PROBES_MAX; i++)
    mst_buf_printf(&text, "  - {name: probe-%d, kind: tcp, options: {address: \"host-%d.example:443\", expect: refused}}\n", i, i);
  mst_plan_set *set = load(mst_buf_text(&text));
  cr_assert_not_null(set, "%s", diags.count ? diags.list[0].text : "");
  cr_assert_eq(mst_plan_set_for(set, "", key, &sealed, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_plan_open(sealed->bytes.data, sealed->bytes.size_bytes, mst_key_public(key), &plan, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(plan.collector_count, MST_PROBES_MAX + 1);
  cr_expect(mst_text_equal(plan.collectors[MST_PROBES_MAX].instance, "probe-639"));
  mst_plan_done(&plan);
  mst_plan_set_destroy(set);
  mst_buf_done(&text);
}

Test(plan, journals__are_tails_with_options_of_their_own)
{
  mst_plan_set *set =
      load("plan: p\ncollectors: [{name: cpu}]\ntails:\n"
           "  - {name: all, journal: {}}\n"
           "  - {name: some, journal: {units: [a.service, 'b*'], identifiers: sshd, priority: err, path: /j}, from: start}\n");

  cr_assert_not_null(set, "%s", diags.count ? diags.list[0].text : "");
  expect_told(set, "",
              "cpu tail/all:host:auto:end:true:true:1048576:256:0.2:1073741824 "
              "tail/some:/j:a.service:b*:sshd:err:auto:start:true:true:1048576:256:0.2:1073741824");
  mst_plan_set_destroy(set);
}

Test(plan, variables__are_put_in_and_an_overlay_sets_them)
{
  char overlay[64] = "/tmp/mst_overlay_XXXXXX";
  static const char text[] = "plan: p\nvariables: {folder: /var/log, every: 10s}\ninterval: ${every}\ncollectors: [{name: cpu}]\n"
                             "tails: [{name: app, files: '${folder}/*.log'}]\n";
  mst_plan_set *set = load(text), *other;
  int fd = mkstemp(overlay);

  cr_assert_not_null(set, "%s", diags.count ? diags.list[0].text : "");
  expect_told(set, "", "cpu tail/app:/var/log/*.log:auto:end:true:true:1048576:256:0.2:1073741824");
  cr_assert(fd >= 0 && dprintf(fd, "variables: {folder: /srv, every: 30s}\n") > 0 && close(fd) == 0);
  other = mst_plan_set_load(path, overlay, &diags);
  cr_assert_not_null(other, "%s", diags.count ? diags.list[0].text : "");
  expect_told(other, "", "cpu tail/app:/srv/*.log:auto:end:true:true:1048576:256:0.2:1073741824");
  cr_expect_eq(mst_plan_set_interval_ns(other), 30 * MST_NS_PER_S);
  mst_digest digests[] = {mst_plan_set_digest(set), mst_plan_set_digest(other)};
  cr_expect_not(mst_digest_equal(&digests[0], &digests[1]), "an overlay makes another plan");
  mst_plan_set_destroy(set);
  mst_plan_set_destroy(other);
  cr_expect_null(load("plan: p\ncollectors: [{name: cpu}]\ntails: [{name: app, files: '${folder}/*.log'}]\n"));
  cr_assert_eq(diags.count, 1);
  cr_expect_str_eq(diags.list[0].text, "no variable \"folder\"; name it under `variables:`");
  unlink(overlay);
}

Test(plan, all_errors__are_found_at_once)
{
  static const char *const wanted[] = {":2:", "interval", "gpu", "names", ":5:", "never counts", ":7:", "hosts", "period"};
  char all[4096] = "", line[512];

  cr_expect_null(load("plan: p\ninterval: 1d\ncollectors:\n"
                      "  - {name: gpu}\n"
                      "  - {name: cpu, options: {names: x}}\n"
                      "  - {name: cpu, period: 31d}\n"
                      "  - {name: disk, hosts: [api]}\n"));
  mst_diags_sort(&diags);
  for (size_t i = 0; i < diags.count; i++) {
    strncat(all, mst_diag_format(&diags.list[i], line, sizeof line), sizeof all - strlen(all) - 1);
    strncat(all, "\n", sizeof all - strlen(all) - 1);
  }
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    cr_expect_not_null(strstr(all, wanted[i]), "%s is not said:\n%s", wanted[i], all);
}

Test(plan, shipped_plans__are_good)
{
  const char *const files[] = {"/config/plans/genesis-staging.yml", "/config/plans/host-baseline.yml", "/config/plans/quickstart.yml"};
  char file[512], line[512];

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(file, sizeof file, "%s%s", MST_SOURCE_DIR, files[i]);
    mst_plan_set *set = mst_plan_set_load(file, NULL, &diags);
    cr_expect_not_null(set, "%s", diags.count ? mst_diag_format(&diags.list[0], line, sizeof line) : "");
    mst_plan_set_destroy(set);
  }
}

/* ---- what agents know ---- */

static void
read_file(const char *file, mst_buf *ret_text)
{
  mst_errctx ctx = {0};

  mst_buf_init(ret_text, 1 << 20);
  cr_assert_eq(mst_file_read(file, ret_text, &ctx), MST_OK, "%s", ctx.text);
}

/* The agent's options of a tail are those that plan_tail.c gives. */
static void
check_tail_options(const char *text)
{
  const char *table = strstr(text, "static const mst_option_help options[] = {"), *end = table ? strstr(table, "\n};") : NULL;
  mst_buf source;
  size_t count = 0;

  read_file(MST_SOURCE_DIR "/controller/plan_tail.c", &source);
  for (const char *at = table; at && (at = strstr(at, "\n    {\"")) && at < end; at++, count++) {
    char literal[64];
    snprintf(literal, sizeof literal, "\"%.*s\"", (int)strcspn(at + 7, "\""), at + 7);
    cr_expect(strstr(mst_buf_text(&source), literal), "controller/plan_tail.c never gives the option %s", literal);
  }
  cr_expect_geq(count, 15);
  mst_buf_done(&source);
}

/* The collector's descriptor: `const mst_collector mst_collector_NAME = { .name = "NAME"`, and its table of options. */
static bool
check_source(const char *text, const char *name)
{
  char descriptor[128];

  snprintf(descriptor, sizeof descriptor, "const mst_collector mst_collector_%s = {", name);
  if (!strstr(text, descriptor))
    return false;
  if (strcmp(name, "probe") == 0) /* plans name it by probes: */
    return false;
  if (strcmp(name, "tail") == 0) { /* plans name it by tails: */
    check_tail_options(text);
    return false;
  }
  const mst_known_collector *known = mst_known_collector_find(name);
  cr_assert_not_null(known, "controller/plan_known.c lacks the collector %s", name);
  const char *table = strstr(text, "static const mst_option_help options[] = {");
  size_t count = 0;
  for (const char *const *option = known->options; *option; option++, count++) {
    char row[64];
    snprintf(row, sizeof row, "{\"%s\",", *option);
    cr_expect(table && strstr(table, row), "controller/plan_known.c names the option %s of %s, which it has not", *option, name);
  }
  size_t rows = 0;
  const char *end = table ? strstr(table, "\n};") : NULL;
  for (const char *at = table; at && (at = strstr(at, "\n    {\"")) && at < end; at++)
    rows++;
  cr_expect_eq(rows, count, "controller/plan_known.c: options of %s", name);
  return true;
}

Test(plan, known_collectors__are_those_of_the_agent)
{
  DIR *folder = opendir(MST_SOURCE_DIR "/agent/collectors");
  size_t found = 0, known = 0;

  cr_assert_not_null(folder);
  for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    char file[600], name[64];
    mst_buf text;
    size_t bytes = strlen(entry->d_name);
    if (bytes < 3 || bytes > sizeof name || strcmp(entry->d_name + bytes - 2, ".c") != 0)
      continue;
    snprintf(file, sizeof file, "%s/agent/collectors/%s", MST_SOURCE_DIR, entry->d_name);
    snprintf(name, sizeof name, "%.*s", (int)(bytes - 2), entry->d_name);
    read_file(file, &text);
    found += check_source(mst_buf_text(&text), name);
    mst_buf_done(&text);
  }
  closedir(folder);
  while (mst_known_collectors[known].name)
    known++;
  cr_expect_eq(found, known);
}

/* ---- docs/plan.md ---- */

Test(plan, documentation__has_a_row_for_each_key)
{
  mst_buf page;

  read_file(MST_SOURCE_DIR "/docs/plan.md", &page);
  static const char *const prefixes[] = {"", "collectors[].", "tails[].", "probes[]."};
  const mst_config_schema *schemas[] = {&mst_plan_file_schema, NULL, NULL, NULL};
  for (size_t i = 0, found = 1; i < mst_plan_file_schema.field_count; i++)
    if (mst_plan_file_schema.fields[i].sub)
      schemas[found++] = mst_plan_file_schema.fields[i].sub;
  for (size_t s = 0; s < 4; s++)
    for (size_t i = 0; i < schemas[s]->field_count; i++) {
      const mst_config_field *field = &schemas[s]->fields[i];
      char row[512];
      snprintf(row, sizeof row, "| `%s%s` | %s | %s |", prefixes[s], field->key,
               field->default_text ? field->default_text
               : field->required   ? "(required)"
                                   : "(none)",
               field->help);
      cr_expect_not_null(strstr(mst_buf_text(&page), row), "docs/plan.md lacks:\n%s", row);
    }
  mst_buf_done(&page);
}

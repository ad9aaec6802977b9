#include "golden.h"
#include "rig.h"

#include <glob.h>

#include <mst/common/buf.h>
#include <mst/common/file.h>

/* Files that a test makes; removed with it. */
static char paths[8][128];
static int path_count;

static void
teardown(void)
{
  for (int i = 0; i < path_count; i++)
    unlink(paths[i]);
  rig_done();
}

TestSuite(lint, .init = rig_init, .fini = teardown);

static const char *
file(const char *name, const char *text)
{
  char *path = paths[path_count++];

  snprintf(path, sizeof paths[0], "%s/%s", rig.folder, name);
  FILE *to = fopen(path, "w");
  cr_assert(to != NULL);
  fputs(text, to);
  fclose(to);
  return path;
}

static const char checklist[] =
    "checklist: c\nperiod: 1h\nvariables: {least: 1}\npolicy: {sign_offs: []}\nitems:\n"
    "  - {id: \"1\", title: T, class: S, check: {signal: system.cpu.logical.count, stat: last, target: \">= ${least}\"}}\n";

Test(lint, every_kind_of_file_that_is_good__is_clean)
{
  const char *list = file("c.yml", checklist), *plan = file("p.yml", "plan: p\ncollectors: [{name: cpu}]\n");

  cr_expect_eq(run("lint", list, plan, NULL), MST_EXIT_OK, "%s", rig.out);
  cr_expect_str_eq(rig.out, "0 errors in 2 files\n");
  const char *config = file("m.yml", "checklists: [{name: c, file: c.yml}]\nplan: p.yml\n");
  cr_expect_eq(run("lint", config, NULL), MST_EXIT_OK, "%s", rig.out);
  cr_expect_str_eq(rig.out, "0 errors in 3 files\n", "and the files that it names");
}

Test(lint, config_with_an_error__has_those_of_the_files_that_it_names_too)
{
  char listed[128], config[256];

  snprintf(listed, sizeof listed, "%s", file("c.yml", "checklist: c\nfrob: 1\n"));
  snprintf(config, sizeof config, "listen: [nowhere]\nchecklists: [{name: c, file: %s}]\n", listed);
  cr_expect_eq(run("lint", file("m.yml", config), NULL), MST_EXIT_ERROR);
  cr_expect(printed("\"nowhere\" is no listener") && printed("frob: unknown key"), "%s", rig.out);
}

/* What is printed of a broken file of the current folder is NAME.expected, and then the sum. */
static void
expect_output(const char *name)
{
  char sum[64];
  mst_buf expected;
  size_t errors = 0;

  golden_read(name, &expected);
  for (const char *at = mst_buf_text(&expected); *at; at++)
    errors += *at == '\n';
  cr_expect_eq(run("lint", name, NULL), MST_EXIT_ERROR, "%s was taken", name);
  snprintf(sum, sizeof sum, "%zu error%s in ", errors, errors == 1 ? "" : "s");
  cr_expect_eq(strncmp(rig.out, mst_buf_text(&expected), expected.size_bytes), 0, "%s gives\n%s", name, rig.out);
  cr_expect_eq(strncmp(rig.out + expected.size_bytes, sum, strlen(sum)), 0, "%s gives\n%s", name, rig.out);
  mst_buf_done(&expected);
}

Test(lint, broken_files__give_what_is_expected_and_no_more)
{
  static const struct {
    const char *pattern;
    size_t least;
  } kinds[] = {{"checklist-*.yml", 55}, {"plan-*.yml", 15}, {"config-*.yml", 20}};

  cr_assert_eq(chdir(MST_SOURCE_DIR "/tests/golden/lint"), 0);
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    glob_t found;
    cr_assert_eq(glob(kinds[k].pattern, 0, NULL, &found), 0);
    cr_expect_geq(found.gl_pathc, kinds[k].least, "%zu of %s", found.gl_pathc, kinds[k].pattern);
    for (size_t i = 0; i < found.gl_pathc; i++)
      if (strcmp(found.gl_pathv[i], "checklist-not-a-map.yml") != 0) /* nothing in it tells that it is meant as a checklist */
        expect_output(found.gl_pathv[i]);
    globfree(&found);
  }
}

Test(lint, shipped_controller_config__is_clean_with_all_that_it_names)
{
  cr_expect_eq(run("lint", MST_SOURCE_DIR "/config/musterd.yml", NULL), MST_EXIT_OK, "%s", rig.out);
  cr_expect_str_eq(rig.out, "0 errors in 4 files\n");
}

Test(lint, overlay_with_errors__hides_none_of_its_checklist)
{
  const char *list = file("c.yml", "checklist: c\nperiod: 1h\nfrob: 1\nvariables: {least: 1}\npolicy: {sign_offs: []}\nitems: []\n");

  cr_expect_eq(run("lint", "--overlay", file("o.yml", "variables: {leest: 2, least: [1]}\nmore: 1\n"), list, NULL), MST_EXIT_ERROR);
  cr_expect(printed("c.yml:3:1: frob: unknown key") && printed("c.yml:6:8: items: 0 entries"), "%s", rig.out);
  cr_expect(printed("o.yml:1:13: variables.leest: the checklist has no variable") && printed("o.yml:1:30: variables.least: the value"),
            "%s", rig.out);
  cr_expect(printed("o.yml:2:1: more: unknown key") && printed("5 errors in 2 files"), "%s", rig.out);
  cr_expect_eq(run("lint", "--overlay", "/nonexistent.yml", list, NULL), MST_EXIT_ERROR);
  cr_expect(printed("/nonexistent.yml: open") && printed("frob: unknown key") && printed("3 errors"), "%s", rig.out);
}

/* One of these patterns below config/. */
static size_t
expect_clean(const char *pattern, const char *overlay_of)
{
  glob_t found;

  cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "%s", pattern);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    const char *file_name = found.gl_pathv[i];
    int status = overlay_of ? run("lint", "--overlay", file_name, overlay_of, NULL) : run("lint", file_name, NULL);
    cr_expect_eq(status, MST_EXIT_OK, "%s: %s", file_name, rig.out);
    cr_expect_str_eq(rig.out, overlay_of ? "0 errors in 2 files\n" : "0 errors in 1 file\n", "%s", file_name);
  }
  size_t count = found.gl_pathc;
  globfree(&found);
  return count;
}

Test(lint, shipped_files__are_clean)
{
  const char *folder = MST_SOURCE_DIR "/config";

  cr_assert_eq(chdir(folder), 0);
  cr_expect_geq(expect_clean("checklists/*.yml", NULL), 2);
  cr_expect_geq(expect_clean("plans/*.yml", NULL), 2);
  cr_expect_geq(expect_clean("checklists/overlays/*.yml", "checklists/host-baseline.yml"), 1);
}

Test(lint, several_broken_files__give_all_errors_in_order)
{
  char expected[1024];
  const char *second = file("b.yml", "plan: p\nfrob: 1\ncollectors: [{name: cpux}]\n"), *first = file("a.yml", "listen: [nowhere]\n"),
             *third = file("c.yml", "foo: bar\n");

  cr_expect_eq(run("lint", second, third, first, "/nonexistent.yml", NULL), MST_EXIT_ERROR);
  const char *at = rig.out;
  const char *starts[] = {"/nonexistent.yml: open /nonexistent.yml: No such file", NULL, NULL, NULL, NULL};
  char lines[4][256];
  snprintf(lines[0], sizeof lines[0], "%s:1:10: listen[0]: \"nowhere\" is no listener", first);
  snprintf(lines[1], sizeof lines[1], "%s:2:1: frob: unknown key", second);
  snprintf(lines[2], sizeof lines[2], "%s:3:21: collectors[0].name: there is no collector \"cpux\"", second);
  snprintf(lines[3], sizeof lines[3], "%s:1:1: this is no file of muster's", third);
  for (size_t i = 0; i < 4; i++)
    starts[i + 1] = lines[i];
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
    cr_assert_eq(strncmp(at, starts[i], strlen(starts[i])), 0, "expected %s at %s", starts[i], at);
    at = strchr(at, '\n') + 1;
  }
  snprintf(expected, sizeof expected, "5 errors in 4 files\n");
  cr_expect_str_eq(at, expected);
}

Test(lint, one_error__is_counted_in_the_singular)
{
  cr_expect_eq(run("lint", file("a.yml", "foo: bar\n"), NULL), MST_EXIT_ERROR);
  cr_expect(printed("\n1 error in 1 file\n"), "%s", rig.out);
}

Test(lint, a_file_twice__is_told_once)
{
  const char *path = file("a.yml", "foo: bar\n");

  cr_expect_eq(run("lint", path, path, NULL), MST_EXIT_ERROR);
  cr_expect(printed("1 error in 2 files\n"), "%s", rig.out);
}

Test(lint, what_is_no_yaml_map__is_an_error)
{
  static const char *const texts[] = {"", "- a\n", "text\n", "a: [\n", "a: &x 1\nb: *x\n", "a: \"\xff\"\n", "# nothing\n"};

  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    cr_expect_eq(run("lint", file("x.yml", texts[i]), NULL), MST_EXIT_ERROR, "%s", texts[i]);
    path_count--;
  }
}

Test(lint, overlay__is_checked_with_its_checklist)
{
  const char *list = file("c.yml", checklist), *good = file("o.yml", "variables: {least: 2}\n"),
             *bad = file("w.yml", "variables: {leest: 2}\n");

  cr_expect_eq(run("lint", "--overlay", good, list, NULL), MST_EXIT_OK, "%s", rig.out);
  cr_expect_str_eq(rig.out, "0 errors in 2 files\n");
  cr_expect_eq(run("lint", "--overlay", bad, list, NULL), MST_EXIT_ERROR);
  cr_expect(printed("leest"), "%s", rig.out);
  cr_expect_eq(run("lint", good, NULL), MST_EXIT_OK);
  cr_expect(printed("not checked: an overlay is checked with its checklist"), "%s", rig.out);
  cr_expect_eq(run("lint", "--overlay", good, file("p.yml", "plan: p\nvariables: {least: 1s}\ncollectors: [{name: cpu}]\n"), NULL),
               MST_EXIT_OK, "a plan has variables too");
  cr_expect_eq(run("lint", "--overlay", good, file("p.yml", "plan: p\ncollectors: [{name: cpu}]\n"), NULL), MST_EXIT_ERROR);
  cr_expect(printed("the plan has no variable \"least\""), "%s", rig.out);
  cr_expect_eq(run("lint", "--overlay", good, file("m.yml", "listen: [tcp://127.0.0.1:1]\n"), NULL), MST_EXIT_USAGE);
}

Test(lint, agent_config__is_left_to_the_agent_and_says_so)
{
  cr_expect_eq(run("lint", file("agent.yml", "controllers: [tcp://127.0.0.1:1]\n"), NULL), MST_EXIT_OK);
  cr_expect(printed("not checked: agent configs are checked by muster-agent --check"), "%s", rig.out);
}

Test(lint, json__has_every_error_with_its_place)
{
  const char *bad = file("b.yml", "plan: p\nfrob: 1\ncollectors: [{name: \"cpu\\e[2J\"}]\n");

  cr_expect_eq(run("lint", "--json", bad, file("o.yml", "variables: {x: 1}\n"), NULL), MST_EXIT_ERROR);
  json_t *document = json_loads(rig.out, 0, NULL);
  cr_assert(document != NULL, "%s", rig.out);
  const json_t *errors = json_object_get(document, "errors");
  cr_expect_eq(mst_cli_integer(document, "error_count"), 2);
  cr_expect_eq(mst_cli_integer(document, "files"), 2);
  cr_assert_eq(json_array_size(errors), 2);
  cr_expect_str_eq(mst_cli_text(json_array_get(errors, 0), "file"), bad);
  cr_expect_eq(mst_cli_integer(json_array_get(errors, 0), "line"), 2);
  cr_expect_eq(mst_cli_integer(json_array_get(errors, 0), "column"), 1);
  cr_expect_str_eq(mst_cli_text(json_array_get(errors, 0), "key"), "frob");
  cr_expect_eq(json_array_size(json_object_get(document, "notes")), 1);
  json_decref(document);
}

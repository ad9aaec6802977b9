/* Loading checklists: the shipped ones, broken ones with their one message, overlays, rosters, and memory that runs out. */
#include "golden.h"
#include "rig.h"

#include <glob.h>
#include <unistd.h>

#include <mst/common/file.h>

/* A broken file of the current folder. */
static void
expect_messages(const char *name)
{
  mst_diags found;

  mst_diags_init(&found);
  mst_checklist *list = mst_checklist_load(name, NULL, &found);
  cr_expect_null(list, "%s was taken", name);
  mst_checklist_destroy(list);
  size_t count = golden_expect(name, &found);
  bool has_many = strncmp(name, "checklist-many-", 15) == 0;
  cr_expect(has_many ? count > 1 : count == 1, "%s: one error, one message", name);
  mst_diags_done(&found);
}

Test(checklist, broken_files__give_each_its_one_message)
{
  glob_t found;

  cr_assert_eq(chdir(MST_SOURCE_DIR "/tests/golden/lint"), 0);
  cr_assert_eq(glob("checklist-*.yml", 0, NULL, &found), 0);
  cr_expect(found.gl_pathc >= 50, "%zu files", found.gl_pathc);
  for (size_t i = 0; i < found.gl_pathc; i++)
    expect_messages(found.gl_pathv[i]);
  globfree(&found);
}

static mst_checklist *
load_shipped(const char *name, const char *overlay)
{
  mst_diags diags;
  char path[300], over[300], line[1024];

  mst_diags_init(&diags);
  snprintf(path, sizeof path, MST_SOURCE_DIR "/config/checklists/%s", name);
  snprintf(over, sizeof over, MST_SOURCE_DIR "/config/checklists/overlays/%s", overlay ? overlay : "");
  mst_checklist *list = mst_checklist_load(path, overlay ? over : NULL, &diags);
  cr_assert(list, "%s", diags.count ? mst_diag_format(&diags.list[0], line, sizeof line) : "no message");
  mst_diags_done(&diags);
  return list;
}

Test(checklist, shipped_files__load)
{
  mst_checklist *list = load_shipped("genesis-staging.yml", NULL);
  cr_expect_eq(mst_checklist_item_count(list), 275);
  cr_expect_eq(mst_checklist_period_ns(list), 48 * 3600 * MST_NS_PER_S);
  mst_checklist_destroy(list);
  list = load_shipped("host-baseline.yml", NULL);
  mst_digest plain = mst_checklist_digest(list);
  cr_expect_str_eq(mst_checklist_name(list), "host-baseline");
  mst_checklist_destroy(list);
  list = load_shipped("host-baseline.yml", "quickstart.yml");
  mst_digest over = mst_checklist_digest(list);
  cr_expect_not(mst_digest_equal(&plain, &over), "the digest covers the overlay");
  cr_expect_lt(mst_checklist_period_ns(list), 60 * MST_NS_PER_S);
  mst_checklist_destroy(list);
}

static const char with_variables[] =
    "checklist: t\nperiod: ${period}\nvariables: {period: 1h, least: 8, count: 2}\npolicy: {sign_offs: []}\nitems:\n"
    "  - {id: a, title: A, class: S, check: {signal: x, stat: last, target: '>= ${least}', least_series: \"${count}\"}}\n";

Test(checklist, overlay__goes_before_the_file)
{
  static const char overlay[] = "variables: {least: 2, period: 30m}\n";
  mst_diags diags;

  mst_diags_init(&diags);
  mst_checklist *list = mst_checklist_parse("t", with_variables, strlen(with_variables), "o", overlay, strlen(overlay), &diags);
  cr_assert(list, "%s", diags.count ? diags.list[0].text : "");
  cr_expect_eq(mst_checklist_period_ns(list), 30 * RIG_MINUTE);
  cr_expect_str_eq(list->items[0].checks[0].bounds.target.text, ">= 2");
  cr_expect_eq(list->items[0].checks[0].measure.least_series, 2);
  mst_checklist_destroy(list);
  mst_diags_done(&diags);
}

Test(checklist, wrong_overlay__is_refused_with_its_name)
{
  static const struct {
    const char *overlay, *said;
  } cases[] = {
      {"variables: {most: 2}\n", "o:1:13: variables.most: the checklist has no variable \"most\""},
      {"variables: {least: 2}\npolicy: {go: 1%}\n", "o:2:1: policy: unknown key \"policy\"; an overlay sets `variables:` only"},
      {"least: 2\n", "an overlay needs a map `variables:`"},
      {"variables: [least]\n", "must be a map"},
      {"variables: {least: '2\n3'}\n  x", "not YAML"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_diags diags;
    char line[1024] = "";
    mst_diags_init(&diags);
    mst_checklist *list =
        mst_checklist_parse("t", with_variables, strlen(with_variables), "o", cases[i].overlay, strlen(cases[i].overlay), &diags);
    cr_expect_null(list);
    if (diags.count)
      mst_diag_format(&diags.list[0], line, sizeof line);
    cr_expect(strstr(line, cases[i].said), "%s: %s", cases[i].overlay, line);
    mst_checklist_destroy(list);
    mst_diags_done(&diags);
  }
}

Test(checklist, missing_file__is_said)
{
  mst_diags diags;

  mst_diags_init(&diags);
  cr_expect_null(mst_checklist_load("/no/such/file.yml", NULL, &diags));
  cr_expect_eq(diags.count, 1);
  mst_diags_done(&diags);
}

Test(checklist, roster_without_fitting_hosts__is_complained_of)
{
  mst_checklist *list =
      rig_checklist("checklist: t\nperiod: 1h\npolicy: {sign_offs: []}\nitems:\n"
                    "  - {id: a, title: A, class: S, check: {signal: x, stat: max, target: '< 1', hosts: {role: cache}}}\n"
                    "  - {id: b, title: B, class: S, check: {signal: x, stat: max, target: '< 1', hosts: {role: api}, least_hosts: 2}}\n"
                    "  - {id: c, title: C, class: S, check: {signal: x, stat: max, target: '< 1', combine: quorum 3}}\n"
                    "  - {id: d, title: D, class: S, check: {signal: x, stat: max, target: '< 1'}}\n");
  mst_label role = {rig_text("role"), rig_text("api")};
  mst_roster_host host = {.agent_id = "1", .hostname = "web-1", .labels = &role, .label_count = 1};
  mst_diags diags;

  mst_diags_init(&diags);
  mst_checklist_check_roster(list, &host, 1, &diags);
  cr_expect_eq(diags.count, 3);
  cr_expect(strstr(diags.list[0].text, "item a: no host"));
  cr_expect(strstr(diags.list[1].text, "item b: 1 hosts"));
  cr_expect(strstr(diags.list[2].text, "item c: 1 hosts"));
  mst_diags_done(&diags);
  mst_checklist_destroy(list);
}

/* Every allocation of a load fails once: no crash, no leak, and an error each time. */
Test(checklist, memory_that_runs_out__is_an_error_and_nothing_leaks, .timeout = 120)
{
  static const char text[] =
      "checklist: t\nperiod: 1h\nvariables: {most: 3}\npolicy: {sign_offs: [lead]}\nsections: [{id: s, title: S}]\nitems:\n"
      "  - {id: s.a, title: A, class: S, checks: [{signal: x, where: {d: [a, '!b']}, stat: ratio, of: {signal: y}, target: '< ${most}%'},\n"
      "     {signal: x, stat: cv, target: '< 5%', trend: {bucket: 5m}, baseline: {evidence: b, field: f}}]}\n"
      "  - {id: s.b, title: B, class: E, check: {evidence: junit, field: f, target: 'in a, b'}}\n"
      "  - {id: s.c, title: C, class: R, check: {rollup: [s.a, s.b], rule: 'rate > 5%'}}\n";

  for (size_t nth = 1; nth < 100000; nth++) {
    mst_diags diags;
    mst_diags_init(&diags);
    mst_alloc_fail_at(nth);
    mst_checklist *list = mst_checklist_parse("t", text, strlen(text), NULL, NULL, 0, &diags);
    mst_alloc_fail_at(0);
    mst_diags_done(&diags);
    mst_checklist_destroy(list);
    if (list)
      return;
  }
  cr_assert_fail("it never loads");
}

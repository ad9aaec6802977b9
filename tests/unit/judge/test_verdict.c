/* Rules of the verdict. Items here are evidence checks, whose outcome is a number in a document. */
#include "rig.h"

#define HOUR 60.0

static const char policy_none[] = "{sign_offs: [], freeze: 10m}";
static const char policy_three[] = "{sign_offs: [lead, devops, security], freeze: 10m, sign_off_deadline: 2h}";

/* letters: an item each. P pass, W warn, F fail, N no data; upper case: critical. x: passes and may be not applicable. */
static rig *
world_of(const char *policy, const char *critical, const char *others)
{
  char yaml[16384];
  size_t at = (size_t)snprintf(yaml, sizeof yaml, "checklist: t\nperiod: 1h\npolicy: %s\nitems:\n", policy);

  for (size_t i = 0; critical[i]; i++)
    at += (size_t)snprintf(
        yaml + at, sizeof yaml - at,
        "  - {id: c%zu, title: C, class: E, critical: true, check: {evidence: k, field: %c, target: '< 10', critical: '> 20'}}\n", i,
        critical[i]);
  for (size_t i = 0; others[i]; i++)
    at +=
        (size_t)snprintf(yaml + at, sizeof yaml - at,
                         "  - {id: o%zu, title: O, class: E, na: %s, check: {evidence: k, field: %c, target: '< 10', critical: '> 20'}}\n",
                         i, others[i] == 'x' ? "allowed" : "forbidden", others[i]);
  rig *world = rig_create(yaml, "api");
  mst_errctx ctx = {0};
  static const mst_evidence_field fields[] = {
      {.name = "P", .is_number = true, .number = 5},  {.name = "x", .is_number = true, .number = 5},
      {.name = "y", .is_number = true, .number = 50}, {.name = "W", .is_number = true, .number = 15},
      {.name = "F", .is_number = true, .number = 50}, {.name = "T", .text = "text"},
  };
  mst_judge_evidence document = {
      .kind = "k", .name = "n", .made_at = rig_start, .imported_at = rig_start, .fields = fields, .field_count = 6};
  cr_assert_eq(mst_judge_set_evidence(world->judge, &document, 1, &ctx), MST_OK);
  return world;
}

struct rate_case {
  char critical[8], others[48];
  mst_verdict_kind verdict;
};

Test(verdict, outcomes__decide_after_the_freeze)
{
  static const struct rate_case cases[] = {
      {"P", "PPPPPPPPPPPPPPPPPPPP", MST_GO},
      {"PP", "PPPPPPPPPPPPPPPPPPPF", MST_GO}, /* 95 % of 20 are 19 */
      {"P", "PPPPPPPPPPPPPPPPPPFF", MST_CONDITIONAL_GO},
      {"P", "PPPPPPPPPPPPPPPPPFFF", MST_NO_GO},
      {"P", "PPPPPPPPPPPPPPPPPPPN", MST_GO},
      {"P", "PPPPPPPPPPPPPPPPPPNN", MST_CONDITIONAL_GO},
      {"P", "WWWWWWWWWWWWWWWWWWWW", MST_GO}, /* WARN counts as passed for the rate */
      {"W", "PPPPPPPPPPPPPPPPPPPP", MST_CONDITIONAL_GO},
      {"PW", "PPPPPPPPPPPPPPPPPPFF", MST_CONDITIONAL_GO},
      {"F", "PPPPPPPPPPPPPPPPPPPP", MST_NO_GO},
      {"N", "PPPPPPPPPPPPPPPPPPPP", MST_NO_GO},
      {"PPF", "P", MST_NO_GO},
      {"", "P", MST_GO},
      {"", "PF", MST_NO_GO},
      {"P", "", MST_NO_GO}, /* an empty denominator */
      {"", "T", MST_NO_GO}, /* a text where a number is asked for */
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rig *world = world_of(policy_none, cases[i].critical, cases[i].others);
    mst_verdict *verdict = rig_judge(world, HOUR + 10);
    cr_expect_eq(mst_verdict_get(verdict), cases[i].verdict, "[%s|%s] is %s: %s", cases[i].critical, cases[i].others,
                 mst_verdict_name(mst_verdict_get(verdict)), strstr(mst_verdict_json(verdict), "\"reasons\""));
    cr_expect(mst_verdict_is_final(verdict));
    mst_verdict_destroy(verdict);
    verdict = rig_judge(world, HOUR + 9.9);
    cr_expect_eq(mst_verdict_get(verdict), MST_VERDICT_PENDING, "before the freeze");
    cr_expect_eq(mst_verdict_so_far(verdict), cases[i].verdict);
    cr_expect_not(mst_verdict_is_final(verdict));
    mst_verdict_destroy(verdict);
    rig_destroy(world);
  }
}

Test(verdict, run_ended_early__is_no_go_whatever_passed)
{
  rig *world = world_of(policy_none, "P", "PP");

  mst_judge_end(world->judge, rig_at(30));
  mst_verdict *verdict = rig_judge(world, 31);
  rig_expect_verdict(verdict, MST_NO_GO, true);
  mst_verdict_destroy(verdict);
  verdict = rig_judge(world, HOUR + 11);
  rig_expect_verdict(verdict, MST_NO_GO, true);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

/* Sign-offs: role, key, minute, what it says, whether it is over this result. */
struct sign {
  const char *role;
  uint8_t key;
  double minute;
  const char *word;
  bool other_digest;
};

struct sign_case {
  const char *what;
  struct sign signs[6];
  double now;
  mst_verdict_kind verdict;
  bool final;
};

static const struct sign_case sign_cases[] = {
    {"three roles by three keys",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 3, 73, "approved"}},
     80,
     MST_GO,
     true},
    {"one is missing", {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}}, 80, MST_VERDICT_PENDING, false},
    {"one is missing at the deadline", {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}}, 181, MST_NO_GO, true},
    {"none at all at the deadline", {{0}}, 181, MST_NO_GO, true},
    {"the last in time", {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 3, 180, "approved"}}, 200, MST_GO, true},
    {"the last too late",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 3, 181, "approved"}},
     200,
     MST_NO_GO,
     true},
    {"one key for two roles",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 2, 73, "approved"}},
     80,
     MST_VERDICT_PENDING,
     false},
    {"one key for two roles, and another for one of them",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 2, 73, "approved"}, {"devops", 3, 74, "approved"}},
     80,
     MST_GO,
     true},
    {"keys that must change roles",
     {{"lead", 1, 71, "approved"},
      {"devops", 1, 72, "approved"},
      {"lead", 2, 73, "approved"},
      {"security", 2, 74, "approved"},
      {"lead", 3, 75, "approved"}},
     80,
     MST_GO,
     true},
    {"over another result",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 3, 73, "approved", true}},
     80,
     MST_VERDICT_PENDING,
     false},
    {"a role that is not asked",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"boss", 3, 73, "approved"}},
     80,
     MST_VERDICT_PENDING,
     false},
    {"rejected", {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "rejected"}}, 80, MST_NO_GO, true},
    {"rejected by a role that is not asked", {{"boss", 2, 72, "rejected"}}, 80, MST_VERDICT_PENDING, false},
    {"rejected another result", {{"lead", 1, 71, "rejected", true}}, 80, MST_VERDICT_PENDING, false},
    {"rejected after all had approved",
     {{"lead", 1, 71, "approved"}, {"devops", 2, 72, "approved"}, {"security", 3, 73, "approved"}, {"lead", 1, 74, "rejected"}},
     80,
     MST_GO,
     true},
    {"a word that is neither", {{"lead", 1, 71, "maybe"}}, 80, MST_NO_GO, true},
};

static void
run_signs(const struct sign_case *c)
{
  rig *world = world_of(policy_three, "P", "PPPP");
  mst_judge_statement list[6];
  char hex[MST_DIGEST_HEX_BYTES], other[MST_DIGEST_HEX_BYTES];
  size_t count = 0;
  mst_verdict *verdict = rig_judge(world, 70);
  mst_digest digest = mst_verdict_digest(verdict);

  rig_expect_verdict(verdict, MST_VERDICT_PENDING, false);
  mst_verdict_destroy(verdict);
  mst_digest_hex(&digest, hex);
  digest.bytes[0] ^= 1;
  mst_digest_hex(&digest, other);
  for (; count < 6 && c->signs[count].role; count++) {
    list[count] = rig_statement("sign-off", "", c->signs[count].role, c->signs[count].key, c->signs[count].minute);
    list[count].reason = c->signs[count].word;
    list[count].detail = c->signs[count].other_digest ? other : hex;
  }
  rig_give(world, list, count);
  verdict = rig_judge(world, c->now);
  cr_expect_eq(mst_verdict_get(verdict), c->verdict, "%s: %s: %s", c->what, mst_verdict_name(mst_verdict_get(verdict)),
               mst_verdict_json(verdict));
  cr_expect_eq(mst_verdict_is_final(verdict), c->final, "%s", c->what);
  mst_digest again = mst_verdict_digest(verdict);
  digest.bytes[0] ^= 1;
  cr_expect(mst_digest_equal(&digest, &again), "%s: sign-offs and time must not change what is signed", c->what);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(verdict, sign_offs__need_every_role_by_another_key_over_this_result_in_time)
{
  for (size_t i = 0; i < sizeof sign_cases / sizeof sign_cases[0]; i++)
    run_signs(&sign_cases[i]);
}

Test(verdict, no_go__asks_for_no_sign_off)
{
  rig *world = world_of(policy_three, "F", "PPPP");
  mst_verdict *verdict = rig_judge(world, 70);

  rig_expect_verdict(verdict, MST_NO_GO, true);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

struct word_case {
  const char *what;
  const char *kind, *subject, *role, *reason;
  double expires; /* minutes; 0: never */
  double received;
  const char *item; /* whose outcome is asked */
  mst_outcome outcome;
};

/* c0 critical and failing; o0 failing, o1 failing and na allowed (y), o2 passing; r critical roll-up over o3, failing. */
static const char words_yaml[] =
    "checklist: t\nperiod: 1h\npolicy: {sign_offs: [lead], waive_by: [lead], na_by: [security], freeze: 10m}\nitems:\n"
    "  - {id: c0, title: C, class: E, critical: true, check: {evidence: k, field: F, target: '< 10'}}\n"
    "  - {id: o0, title: O, class: E, check: {evidence: k, field: F, target: '< 10'}}\n"
    "  - {id: o1, title: O, class: E, na: allowed, check: {evidence: k, field: F, target: '< 10'}}\n"
    "  - {id: o2, title: O, class: E, na: allowed, check: {evidence: k, field: P, target: '< 10'}}\n"
    "  - {id: o3, title: O, class: E, check: {evidence: k, field: F, target: '< 10'}}\n"
    "  - {id: mid, title: M, class: R, check: {rollup: [o3]}}\n"
    "  - {id: top, title: T, class: R, critical: true, check: {rollup: [mid]}}\n"
    "  - {id: h, title: H, class: H, check: {attest: [lead, devops], document: required}}\n"
    "  - {id: i, title: I, class: S, check: {statements: intervention, target: '== 0'}}\n"
    "  - {id: p, title: P, class: P, check: {follow_up: devops}}\n";

static const struct word_case word_cases[] = {
    {"a waiver", "waive", "o0", "lead", "known", 200, 30, "o0", MST_WAIVED},
    {"a waiver of what passes", "waive", "o2", "lead", "known", 200, 30, "o2", MST_PASS},
    {"a waiver without reason", "waive", "o0", "lead", "", 200, 30, "o0", MST_FAIL},
    {"a waiver without expiry", "waive", "o0", "lead", "known", 0, 30, "o0", MST_FAIL},
    {"a waiver that has expired", "waive", "o0", "lead", "known", 60, 30, "o0", MST_FAIL},
    {"a waiver after the freeze", "waive", "o0", "lead", "known", 200, 71, "o0", MST_FAIL},
    {"a waiver by another role", "waive", "o0", "devops", "known", 200, 30, "o0", MST_FAIL},
    {"a waiver of a critical item", "waive", "c0", "lead", "known", 200, 30, "c0", MST_FAIL},
    {"a waiver of what feeds a critical roll-up", "waive", "o3", "lead", "known", 200, 30, "o3", MST_FAIL},
    {"a waiver of a roll-up that feeds a critical one", "waive", "mid", "lead", "known", 200, 30, "mid", MST_FAIL},
    {"not applicable", "na", "o1", "security", "no such thing here", 0, 30, "o1", MST_NA},
    {"not applicable, and it passes", "na", "o2", "security", "no such thing here", 0, 30, "o2", MST_NA},
    {"not applicable where it is forbidden", "na", "o0", "security", "no such thing here", 0, 30, "o0", MST_FAIL},
    {"not applicable by another role", "na", "o1", "lead", "no such thing here", 0, 30, "o1", MST_FAIL},
    {"an attestation without document", "attest", "h", "lead", "", 0, 30, "h", MST_NO_DATA},
    {"an attestation by another role", "attest", "h", "security", "", 0, 30, "h", MST_NO_DATA},
    {"an attestation of a measured item", "attest", "o0", "lead", "", 0, 30, "o0", MST_FAIL},
    {"nothing", "note", "", "lead", "", 0, 30, "h", MST_NO_DATA},
    {"no intervention", "note", "", "lead", "", 0, 30, "i", MST_PASS},
    {"an intervention", "intervention", "", "lead", "restarted by hand", 0, 30, "i", MST_FAIL},
    {"a follow-up that is open", "note", "", "lead", "", 0, 30, "p", MST_PENDING},
    {"a follow-up after the freeze", "attest", "p", "devops", "", 0, 300, "p", MST_PASS},
    {"a follow-up by another role", "attest", "p", "lead", "", 0, 300, "p", MST_PENDING},
};

static rig *
world_of_words(void)
{
  rig *world = rig_create(words_yaml, "api");
  mst_errctx ctx = {0};
  static const mst_evidence_field fields[] = {{.name = "P", .is_number = true, .number = 5},
                                              {.name = "F", .is_number = true, .number = 50}};
  mst_judge_evidence document = {
      .kind = "k", .name = "n", .made_at = rig_start, .imported_at = rig_start, .fields = fields, .field_count = 2};

  cr_assert_eq(mst_judge_set_evidence(world->judge, &document, 1, &ctx), MST_OK);
  return world;
}

Test(verdict, statements__count_only_where_and_from_whom_they_may)
{
  for (size_t i = 0; i < sizeof word_cases / sizeof word_cases[0]; i++) {
    const struct word_case *c = &word_cases[i];
    rig *world = world_of_words();
    mst_judge_statement said = rig_statement(c->kind, c->subject, c->role, 1, c->received);
    said.reason = c->reason;
    said.expires_at = c->expires > 0 ? rig_at(c->expires) : (mst_wall){0};
    rig_give(world, &said, 1);
    mst_verdict *verdict = rig_judge(world, 301);
    const mst_item_result *item = rig_item(verdict, c->item);
    cr_expect_eq(item->outcome, c->outcome, "%s: %s is %s: %s", c->what, c->item, mst_outcome_name(item->outcome), item->reason);
    mst_verdict_destroy(verdict);
    rig_destroy(world);
  }
}

Test(verdict, attestation_with_document__passes)
{
  rig *world = world_of_words();
  mst_judge_statement said = rig_statement("attest", "h", "devops", 1, 30);

  said.detail = "0123abcd";
  rig_give(world, &said, 1);
  mst_verdict *verdict = rig_judge(world, 71);
  rig_expect(verdict, "h", MST_PASS);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(verdict, waived_item__stays_in_the_denominator_and_not_applicable_leaves_it)
{
  rig *world = world_of(policy_three, "P", "PPPPPPPPPPPPPPPPPPPy");
  mst_judge_statement said = rig_statement("waive", "o19", "lead", 1, 30);

  said.expires_at = rig_at(1000);
  rig_give(world, &said, 1);
  mst_verdict *verdict = rig_judge(world, 71);
  rig_expect(verdict, "o19", MST_WAIVED);
  cr_expect(rig_item(verdict, "o19")->counted);
  cr_expect(strstr(mst_verdict_json(verdict), "\"counted\":20,\"critical\":1,"), "%s", mst_verdict_json(verdict));
  cr_expect_eq(mst_verdict_so_far(verdict), MST_GO);
  mst_verdict_destroy(verdict);
  rig_destroy(world);

  world = world_of(policy_three, "P", "PPPPPPPPPPPPPPPPPFFx");
  said = rig_statement("na", "o19", "lead", 1, 30);
  rig_give(world, &said, 1);
  verdict = rig_judge(world, 71);
  rig_expect(verdict, "o19", MST_NA);
  cr_expect_not(rig_item(verdict, "o19")->counted);
  cr_expect_eq(mst_verdict_so_far(verdict), MST_NO_GO, "17 of 19 are under 90 %%");
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

struct rollup_case {
  const char *rule, *sources;
  mst_outcome outcome;
};

Test(verdict, rollup__ranks_as_its_rule_says)
{
  static const struct rollup_case cases[] = {
      {"all", "PPP", MST_PASS},        {"all", "PWP", MST_WARN},         {"all", "PNP", MST_NO_DATA},
      {"all", "NFP", MST_FAIL},        {"rate > 60%", "PPF", MST_PASS},  {"rate > 60%", "PNF", MST_NO_DATA},
      {"rate > 60%", "PFF", MST_FAIL}, {"rate >= 60%", "WWF", MST_PASS}, {"rate > 95%", "PPF", MST_WARN}, /* with critical < 50% */
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char yaml[4096];
    size_t at = (size_t)snprintf(yaml, sizeof yaml, "checklist: t\nperiod: 1h\npolicy: {sign_offs: []}\nitems:\n");
    for (size_t j = 0; cases[i].sources[j]; j++)
      at += (size_t)snprintf(yaml + at, sizeof yaml - at,
                             "  - {id: s%zu, title: S, class: E, check: {evidence: k, field: %c, target: '< 10', critical: '> 20'}}\n", j,
                             cases[i].sources[j]);
    snprintf(yaml + at, sizeof yaml - at, "  - {id: top, title: T, class: R, check: {rollup: ['s*'], rule: '%s'%s}}\n", cases[i].rule,
             strstr(cases[i].rule, "95") ? ", critical: '< 50%'" : "");
    rig *world = rig_create(yaml, "api");
    mst_errctx ctx = {0};
    static const mst_evidence_field fields[] = {{.name = "P", .is_number = true, .number = 5},
                                                {.name = "W", .is_number = true, .number = 15},
                                                {.name = "F", .is_number = true, .number = 50}};
    mst_judge_evidence document = {
        .kind = "k", .name = "n", .made_at = rig_start, .imported_at = rig_start, .fields = fields, .field_count = 3};
    cr_assert_eq(mst_judge_set_evidence(world->judge, &document, 1, &ctx), MST_OK);
    mst_verdict *verdict = rig_judge(world, 71);
    cr_expect_eq(rig_item(verdict, "top")->outcome, cases[i].outcome, "%s of %s: %s %s", cases[i].rule, cases[i].sources,
                 mst_outcome_name(rig_item(verdict, "top")->outcome), rig_item(verdict, "top")->reason);
    mst_verdict_destroy(verdict);
    rig_destroy(world);
  }
}

struct evidence_case {
  const char *keys;
  double made, imported; /* minutes */
  mst_outcome outcome;
};

Test(verdict, evidence__counts_when_it_fits_is_new_enough_and_came_in_time)
{
  static const struct evidence_case cases[] = {
      {"name: 'smo*'", 10, 10, MST_PASS},    {"name: other", 10, 10, MST_NO_DATA}, {"max_age: 1h", 10, 10, MST_PASS},
      {"max_age: 30m", 10, 10, MST_NO_DATA}, {"within: run", 10, 10, MST_PASS},    {"within: run", -10, 10, MST_NO_DATA},
      {"name: '*'", 10, 71, MST_NO_DATA},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char yaml[1024];
    mst_errctx ctx = {0};
    mst_evidence_field field = {.name = "P", .is_number = true, .number = 5};
    mst_judge_evidence document = {.kind = "junit",
                                   .name = "smoke",
                                   .made_at = rig_at(cases[i].made),
                                   .imported_at = rig_at(cases[i].imported),
                                   .fields = &field,
                                   .field_count = 1};
    snprintf(yaml, sizeof yaml,
             "checklist: t\nperiod: 1h\npolicy: {sign_offs: [], freeze: 10m}\nitems:\n  - {id: a, title: A, class: E, check: {evidence: "
             "junit, field: P, target: '< 10', %s}}\n",
             cases[i].keys);
    rig *world = rig_create(yaml, "api");
    cr_assert_eq(mst_judge_set_evidence(world->judge, &document, 1, &ctx), MST_OK);
    mst_verdict *verdict = rig_judge(world, 70);
    cr_expect_eq(rig_item(verdict, "a")->outcome, cases[i].outcome, "%s: %s", cases[i].keys, rig_item(verdict, "a")->reason);
    mst_verdict_destroy(verdict);
    rig_destroy(world);
  }
}

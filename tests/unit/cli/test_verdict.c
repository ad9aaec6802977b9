#include "rig.h"

TestSuite(decide, .init = rig_init, .fini = rig_done, .timeout = 60);
TestSuite(commands, .init = rig_init, .fini = rig_done, .timeout = 60);

#define VERDICT(name)                                                                                                                      \
  "{\"version\":3,\"verdict\":{\"verdict\":\"" name "\",\"verdict_so_far\":\"GO\",\"counts\":{\"PASS\":2,\"FAIL\":1},"                     \
  "\"reasons\":[\"one failed\"],\"next\":[\"mend it\"],\"final\":true,"                                                                    \
  "\"sign_offs\":[{\"role\":\"technical-lead\",\"by\":\"ann\",\"reason\":\"approved\",\"given\":true},{\"role\":\"devops-lead\","          \
  "\"given\":false}]}}"

Test(decide, each_verdict__has_its_exit_code)
{
  static const struct {
    const char *body;
    int code;
  } cases[] = {
      {VERDICT("GO"), MST_EXIT_OK},
      {VERDICT("CONDITIONAL_GO"), MST_EXIT_CONDITIONAL_GO},
      {VERDICT("NO_GO"), MST_EXIT_NO_GO},
      {VERDICT("PENDING"), MST_EXIT_PENDING},
      {VERDICT("MAYBE"), MST_EXIT_ERROR},
      {VERDICT(""), MST_EXIT_ERROR},
      {VERDICT("go"), MST_EXIT_ERROR},
      {"{}", MST_EXIT_ERROR},
      {"{\"verdict\":\"GO\"}", MST_EXIT_ERROR},
      {"[]", MST_EXIT_ERROR},
      {"GO", MST_EXIT_ERROR},
      {"", MST_EXIT_ERROR},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const canned answers[] = {{"/api/v1/verdict ", 200, cases[i].body}, {NULL, 0, NULL}};
    rig_answer(answers);
    cr_expect_eq(run("decide", NULL), cases[i].code, "%s", cases[i].body);
    cr_expect_eq(run("decide", "--json", NULL), cases[i].code, "%s", cases[i].body);
    rig_stop();
  }
}

Test(decide, errors__are_no_verdict)
{
  static const struct {
    int status;
    const char *body;
    int code;
  } cases[] = {
      {404, "{\"error\":{\"code\":\"MST_EABSENT\",\"text\":\"no run\"}}", MST_EXIT_ERROR},
      {503, "{\"error\":{\"code\":\"MST_EIO\",\"text\":\"disk\"}}", MST_EXIT_ERROR},
      {500, "{\"error\":{\"code\":\"MST_OK\",\"text\":\"odd\"}}", MST_EXIT_ERROR},
      {500, "{\"error\":{\"code\":\"MST_NEW\",\"text\":\"of a later version\"}}", MST_EXIT_ERROR},
      {502, "<html>proxy</html>", MST_EXIT_ERROR},
      {500, VERDICT("GO"), MST_EXIT_ERROR},
      {302, VERDICT("GO"), MST_EXIT_ERROR},
      {400, "{\"error\":{\"code\":\"MST_EUSAGE\",\"text\":\"odd\"}}", MST_EXIT_USAGE},
  };

  cr_expect_eq(run("decide", NULL), MST_EXIT_UNREACHABLE);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const canned answers[] = {{"/api/v1/verdict ", cases[i].status, cases[i].body}, {NULL, 0, NULL}};
    rig_answer(answers);
    cr_expect_eq(run("decide", NULL), cases[i].code, "%d %s", cases[i].status, cases[i].body);
    cr_expect_str_eq(rig.out, "");
    rig_stop();
  }
}

Test(decide, verdict__is_told_with_what_stands_in_the_way)
{
  static const canned answers[] = {{"/api/v1/verdict?run=r%201 ", 200, VERDICT("NO_GO")}, {NULL, 0, NULL}};

  rig_answer(answers);
  cr_expect_eq(run("decide", "--run", "r 1", NULL), MST_EXIT_NO_GO, "%s", rig.err);
  cr_expect_str_eq(rig.out, "Verdict: NO_GO, final\n"
                            "  2 PASS, 1 FAIL\n"
                            "  sign-off by technical-lead: approved by ann\n"
                            "  sign-off by devops-lead: not given\n"
                            "  one failed\n"
                            "What to do next:\n"
                            "  - mend it\n");
}

Test(decide, wait__asks_until_it_is_not_pending)
{
  static const canned answers[] = {{"/api/v1/verdict/wait?version=3&timeout=30000ms ", 200, VERDICT("CONDITIONAL_GO")},
                                   {"/api/v1/verdict ", 200, VERDICT("PENDING")},
                                   {NULL, 0, NULL}};

  rig_answer(answers);
  cr_expect_eq(run("decide", "--wait", NULL), MST_EXIT_CONDITIONAL_GO, "%s", rig.err);
  cr_expect_eq(atomic_load(&rig.asked), 2);
}

Test(decide, wait__ends_with_its_timeout)
{
  static const canned answers[] = {{"/api/v1/verdict", 200, VERDICT("PENDING")}, {NULL, 0, NULL}};

  rig_answer(answers);
  cr_expect_eq(run("decide", "--wait", "--timeout", "50ms", NULL), MST_EXIT_PENDING, "%s", rig.err);
  unsigned asked = atomic_load(&rig.asked);
  cr_expect_eq(run("decide", "--wait", "--timeout", "0", NULL), MST_EXIT_PENDING);
  cr_expect_eq(atomic_load(&rig.asked), asked + 1, "no time: no second question");
}

Test(decide, wait__outlives_a_controller_that_restarts)
{
  static const canned answers[] = {
      {"/api/v1/verdict/wait", 200, VERDICT("GO")}, {"/api/v1/verdict ", 200, VERDICT("PENDING")}, {NULL, 0, NULL}};

  rig.cut = 1; /* the connection that the restart ends */
  rig_answer(answers);
  cr_expect_eq(run("decide", "--wait", NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect_eq(atomic_load(&rig.asked), 3);
}

#define LONG_TEXT                                                                                                                          \
  "a title of very many words that goes on and on and \xc3\xa4\xc3\xb6\xc3\xbc and never ends before the eightieth column is far behind"
#define NOW "\"now\":\"2026-11-23T08:00:00Z\""

/* Everything that prints a table, with values that are too long. */
static const canned wide[] = {
    {"/api/v1/status ", 200, "{" NOW ",\"version\":\"1.0\",\"run\":null}"},
    {"/api/v1/agents ", 200,
     "{\"agents\":[{\"id\":\"0123456789abcdef0123456789abcdef\",\"hostname\":\"" LONG_TEXT "\",\"labels\":{\"role\":\"" LONG_TEXT
     "\"},\"state\":\"approved\",\"last_report_at\":\"2025-11-20T07:00:00.123456789Z\",\"clock_offset_ns\":-123456789012345,"
     "\"spool_records\":123456789,\"lost_records\":123456789}]}"},
    {"/api/v1/agents/web-1 ", 200,
     "{\"id\":\"01\",\"hostname\":\"web-1\",\"labels\":{},\"interval_ns\":10000000000,\"plan_current\":true,\"sessions\":[{\"session\":"
     "\"0123456789abcdef\",\"first_seen_at\":\"2025-11-20T07:00:00.123456789Z\",\"ranges\":[[1,100000],[100002,100002],[100004,"
     "999999],[1000001,1000002],[1000009,1000010]],\"stored_samples\":123456789012,\"stored_reports\":123456789,\"lost_samples\":12345}]}"},
    {"/api/v1/tokens ", 200,
     "{\"tokens\":[{\"id\":\"0123456789abcdef\",\"labels\":{\"role\":\"" LONG_TEXT
     "\"},\"expires_at\":\"2026-11-23T09:00:00Z\",\"uses_left\":100000,\"uses_made\":100000}]}"},
    {"/api/v1/operators ", 200,
     "{\"operators\":[{\"key_id\":\"0123456789abcdef0123456789abcdef\",\"name\":\"" LONG_TEXT "\",\"roles\":[\"admin\",\"technical-lead\","
     "\"devops-lead\",\"security-lead\"]}]}"},
    {"/api/v1/runs ", 200,
     "{\"runs\":[{\"id\":\"r-20261123-0001\",\"checklist\":{\"name\":\"" LONG_TEXT
     "\"},\"state\":\"running\",\"started_at\":\"2025-01-01T07:00:00Z\","
     "\"verdict\":\"CONDITIONAL_GO\",\"deployment\":{\"commit\":\"0123456789abcdef0123456789abcdef01234567\"}}]}"},
    {"/api/v1/items", 200,
     "{\"items\":[{\"id\":\"13.1.7\",\"critical\":true,\"title\":\"" LONG_TEXT "\",\"outcome\":\"NO_DATA\",\"value\":\"" LONG_TEXT
     "\",\"bound\":\"" LONG_TEXT "\"}],\"follow_ups\":[{\"id\":\"14.1.1\",\"title\":\"" LONG_TEXT "\",\"outcome\":\"PENDING\"}]}"},
    {"/api/v1/verdict ", 200, VERDICT("NO_GO")},
    {NULL, 0, NULL},
};

Test(commands, tables__fit_60_80_and_160_columns)
{
  static const char *const commands[][3] = {{"agents"}, {"agents", "show", "web-1"}, {"token", "list"}, {"operators"}, {"run", "list"},
                                            {"items"},  {"watch", "--updates", "1"}};
  static const int widths[] = {60, 80, 160};

  rig_answer(wide);
  for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
    rig.cli.width = widths[w];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
      cr_expect_eq(run(commands[i][0], commands[i][1], commands[i][2], NULL), MST_EXIT_OK, "%s: %s", commands[i][0], rig.err);
      cr_expect_leq(widest(), widths[w], "%s: %d over %d:\n%s", commands[i][0], widest(), widths[w], rig.out);
      cr_expect(rig.out_bytes > 100, "%s", commands[i][0]);
    }
  }
}

Test(commands, tables_of_80_columns__keep_ids_and_outcomes_whole)
{
  rig_answer(wide);
  cr_expect_eq(run("items", NULL), MST_EXIT_OK);
  cr_expect(printed("13.1.7  !  ") && printed("NO_DATA") && printed("Follow-ups, outside rate and verdict:\n") && printed("14.1.1"), "%s",
            rig.out);
  cr_expect_eq(run("run", "list", NULL), MST_EXIT_OK);
  cr_expect(printed("r-20261123-0001  ") && printed("CONDITIONAL_GO"), "%s", rig.out);
  cr_expect_eq(run("token", "list", NULL), MST_EXIT_OK);
  cr_expect(printed("0123456789abcdef  ") && printed("in 1h") && printed("valid"), "%s", rig.out);
  cr_expect_eq(run("operators", NULL), MST_EXIT_OK);
  cr_expect(printed("0123456789abcdef0123456789abcdef  "), "%s", rig.out);
}

Test(commands, with_json__give_the_controllers_document)
{
  static const char *const commands[][4] = {{"status"},      {"agents"}, {"agents", "show", "web-1"}, {"token", "list"}, {"operators"},
                                            {"run", "list"}, {"items"},  {"watch", "--updates", "1"}, {"decide"}};

  rig_answer(wide);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    int code = run(commands[i][0], "--json", commands[i][1] ? commands[i][1] : "--json", commands[i][2] ? commands[i][2] : "--json", NULL);
    cr_expect_eq(code, strcmp(commands[i][0], "decide") ? MST_EXIT_OK : MST_EXIT_NO_GO, "%s: %s", commands[i][0], rig.err);
    json_t *document = json_loads(rig.out, 0, NULL);
    cr_expect(document != NULL, "%s: %s", commands[i][0], rig.out);
    json_decref(document);
  }
}

Test(commands, without_anything_to_show__say_what_to_do)
{
  static const canned empty[] = {
      {"/api/v1/status ", 200, "{" NOW ",\"run\":null}"},
      {"/api/v1/agents ", 200, "{\"agents\":[]}"},
      {"/api/v1/tokens ", 200, "{\"tokens\":[]}"},
      {"/api/v1/operators ", 200, "{\"operators\":[]}"},
      {"/api/v1/runs ", 200, "{\"runs\":[]}"},
      {"/api/v1/items", 200, "{\"items\":[],\"follow_ups\":[]}"},
      {NULL, 0, NULL},
  };
  static const char *const says[][3] = {{"status", NULL, "muster run start"},  {"agents", NULL, "muster token new"},
                                        {"token", "list", "muster token new"}, {"operators", NULL, "--first-operator"},
                                        {"run", "list", "muster run start"},   {"items", NULL, "no items"}};

  rig_answer(empty);
  for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
    cr_expect_eq(run(says[i][0], says[i][1], NULL), MST_EXIT_OK, "%s: %s", says[i][0], rig.err);
    cr_expect(printed(says[i][2]), "%s: %s", says[i][0], rig.out);
  }
}

Test(commands, item__shows_checks_and_waiver_and_no_control_characters)
{
  static const canned answers[] = {
      {"/api/v1/items/5.1%2Fx ", 200,
       "{\"id\":\"5.1/x\",\"title\":\"CPU "
       "\\u001b[2Jcalm\",\"critical\":true,\"outcome\":\"WAIVED\",\"reason\":\"waived\",\"waiver\":{\"by\":\"ann\","
       "\"role\":\"devops-lead\",\"reason\":\"small "
       "host\",\"expires_at\":\"2026-11-24T00:00:00Z\"},\"checks\":[{\"outcome\":\"FAIL\",\"what\":"
       "\"p95 of cpu\",\"value\":\"99 %\",\"target\":\"< 70%\",\"host\":\"web-1\"}]}"},
      {NULL, 0, NULL}};

  rig_answer(answers);
  cr_expect_eq(run("item", "5.1/x", NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect(printed("5.1/x  CPU ?[2Jcalm  (critical)\n"), "%s", rig.out);
  cr_expect(printed("small host") && printed("2026-11-24T00:00:00Z") && printed("  target    < 70%\n") && printed("  host      web-1\n"),
            "%s", rig.out);
  cr_expect(strchr(rig.out, '\x1b') == NULL);
}

Test(commands, with_a_full_disk__status_says_so)
{
  static const canned answers[] = {{"/api/v1/status ", 200, "{" NOW ",\"store\":{\"disk_full\":true,\"size_bytes\":2500000},\"run\":null}"},
                                   {NULL, 0, NULL}};

  rig_answer(answers);
  cr_expect_eq(run("status", NULL), MST_EXIT_OK);
  cr_expect(printed("2.5 MB, DISK FULL"), "%s", rig.out);
}

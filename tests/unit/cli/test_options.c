#include "rig.h"

TestSuite(options, .init = rig_init, .fini = rig_done);

Test(options, wrong__exit_64_and_show_the_usage)
{
  static const struct {
    const char *arguments[5], *says;
  } cases[] = {
      {{"status", "more"}, "it takes no arguments"},
      {{"status", "--frob"}, "there is no option --frob"},
      {{"status", "-x"}, "there is no option -x"},
      {{"status", "-xy"}, "there is no option -x"},
      {{"status", "--json=1"}, "--json takes no value"},
      {{"items", "--section"}, "--section needs a value"},
      {{"items", "--outcome", "FIAL"}, "there is no outcome FIAL"},
      {{"item"}, "name one item"},
      {{"item", "1", "2"}, "name one item"},
      {{"watch", "--updates", "0"}, "over 0"},
      {{"watch", "--updates", "3x"}, "over 0"},
      {{"decide", "--timeout", "5"}, "--timeout:"},
      {{"decide", "--timeout", "5s"}, "--timeout goes with --wait"},
      {{"run", "frob"}, "not understood"},
      {{"run", "start"}, "start needs --checklist"},
      {{"run", "end"}, "end needs --reason"},
      {{"agents", "approve"}, "not understood"},
      {{"agents", "revoke", "web-1"}, "revoke needs --reason"},
      {{"agents", "label", "web-1", "role"}, "\"role\" is no label"},
      {{"token", "new", "--ttl", "soon"}, "--ttl:"},
      {{"token", "new", "frob"}, "\"frob\" is no label"},
      {{"token", "revoke"}, "not understood"},
      {{"keys"}, "say new or export"},
      {{"keys", "frob"}, "neither new nor export"},
      {{"operators", "add", "bob", "KEY"}, "add needs --role"},
      {{"attest", "1.1"}, "--role is needed"},
      {{"attest", "--role", "admin"}, "name one item"},
      {{"waive", "1.1", "--reason", "r"}, "--expires"},
      {{"waive", "1.1", "--reason", "r", "--expires"}, "--expires needs a value"},
      {{"na", "1.1"}, "--reason is needed"},
      {{"sign", "--role", "admin"}, "one of --approve and --reject"},
      {{"intervene"}, "in one quoted text"},
      {{"lint"}, "at least one file"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *const *a = cases[i].arguments;
    char usage[64];
    cr_expect_eq(run(a[0], a[1], a[2], a[3], a[4], NULL), MST_EXIT_USAGE, "%s %s", a[0], a[1] ? a[1] : "");
    snprintf(usage, sizeof usage, "usage: muster %s", a[0]);
    cr_expect(said(cases[i].says), "%s: %s", a[0], rig.err);
    cr_expect(said(usage), "%s", rig.err);
    cr_expect_str_eq(rig.out, "", "%s", a[0]);
  }
}

Test(options, a_waiver_without_end_or_without_time__is_refused)
{
  cr_expect_eq(run("waive", "1.1", "--reason", "r", "--expires", "0", NULL), MST_EXIT_USAGE);
  cr_expect_eq(run("waive", "1.1", "--reason", "r", "--expires", "15000w", NULL), MST_EXIT_USAGE, "over what 64 bits of nanoseconds hold");
  cr_expect(said("--expires"), "%s", rig.err);
}

Test(options, both_approve_and_reject__are_refused)
{
  cr_expect_eq(run("sign", "--role", "admin", "--approve", "--reject", NULL), MST_EXIT_USAGE);
}

Test(options, too_many_or_doubled_labels__are_refused)
{
  cr_expect_eq(run("token", "new", "a=1", "b=2", "a=3", NULL), MST_EXIT_USAGE);
  cr_expect(said("label a is given twice"), "%s", rig.err);
  cr_expect_eq(run("token", "new", "--role", "x", "role=y", NULL), MST_EXIT_USAGE);
  cr_expect(said("label role is given twice"), "%s", rig.err);
  cr_expect_eq(run("token", "new", "--role", "x", "a=1", "b=1", "c=1", "d=1", "e=1", "f=1", "g=1", "h=1", "i=1", "j=1", "k=1", "l=1", "m=1",
                   "n=1", "o=1", "p=1", NULL),
               MST_EXIT_USAGE);
  cr_expect(said("at most 16 labels"), "%s", rig.err);
}

Test(options, help__goes_to_standard_output_and_is_success)
{
  char usage[64];

  cr_expect_eq(run("--help", NULL), MST_EXIT_OK);
  for (size_t i = 0; i < mst_cli_command_count; i++)
    cr_expect(printed(mst_cli_commands[i].name), "%s", mst_cli_commands[i].name);
  cr_expect_str_eq(rig.err, "");
  for (size_t i = 0; i < mst_cli_command_count; i++) {
    cr_expect_eq(run(mst_cli_commands[i].name, "--help", NULL), MST_EXIT_OK);
    snprintf(usage, sizeof usage, "usage: muster %s", mst_cli_commands[i].name);
    cr_expect(printed(usage) && printed("--token-file FILE"), "%s", rig.out);
  }
  cr_expect_eq(run("--version", NULL), MST_EXIT_OK);
  cr_expect_str_eq(rig.out, "muster " MST_VERSION "\n");
}

Test(options, without_a_command__usage_goes_to_standard_error)
{
  cr_expect_eq(run(NULL), MST_EXIT_USAGE);
  cr_expect_str_eq(rig.out, "");
  cr_expect_eq(run("frob", NULL), MST_EXIT_USAGE);
  cr_expect(said("there is no command frob"), "%s", rig.err);
  cr_expect_eq(run("--json", "status", NULL), MST_EXIT_USAGE);
  cr_expect(said("options stand behind the command"), "%s", rig.err);
}

Test(options, common_ones__stand_anywhere_behind_the_command)
{
  static const canned answers[] = {{"/api/v1/items?section=5&outcome=FAIL ", 200, "{\"items\":[],\"follow_ups\":[]}"}, {NULL, 0, NULL}};

  rig_answer(answers);
  rig.cli.url = "unix:/nonexistent/s";
  cr_expect_eq(run("items", "--url", rig.url, "--section", "5", "--outcome=FAIL", "--json", NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect(printed("\"items\": []"), "%s", rig.out);
}

Test(options, double_dash__ends_them)
{
  cr_expect_eq(run("item", "--", "--json", "2", NULL), MST_EXIT_USAGE);
  cr_expect(said("name one item"), "%s", rig.err);
}

static json_t *
error_of_output(void)
{
  json_t *document = json_loads(rig.out, 0, NULL);

  cr_assert(document != NULL, "%s", rig.out);
  return document;
}

static void
expect_json_error(const char *code)
{
  json_t *document = error_of_output();
  const json_t *error = json_object_get(document, "error");

  cr_expect_str_eq(mst_cli_text(error, "code"), code);
  cr_expect(mst_cli_text(error, "text")[0] != '\0');
  json_decref(document);
}

Test(options, with_json__errors_are_json_too)
{
  static const canned answers[] = {{"/api/v1/items/9 ", 404, "{\"error\":{\"code\":\"MST_EABSENT\",\"text\":\"no \\u001b[2Jitem\"}}"},
                                   {NULL, 0, NULL}};

  cr_expect_eq(run("status", "--json", NULL), MST_EXIT_UNREACHABLE);
  expect_json_error("MST_EUNREACHABLE");
  cr_expect(said("is musterd running there?"), "%s", rig.err);
  cr_expect_eq(run("status", "--frob", "--json", NULL), MST_EXIT_USAGE);
  expect_json_error("MST_EUSAGE");
  cr_expect_eq(run("run", "start", "--json", NULL), MST_EXIT_USAGE);
  expect_json_error("MST_EUSAGE");
  rig_answer(answers);
  cr_expect_eq(run("item", "9", "--json", NULL), MST_EXIT_ERROR);
  expect_json_error("MST_EABSENT");
  cr_expect_str_eq(rig.err, "muster: no ?[2Jitem\n");
}

Test(options, error_text_that_is_no_utf8__is_still_json)
{
  mst_cli cli = rig.cli;

  cli.json = true;
  cli.out = open_memstream(&rig.out, &rig.out_bytes);
  cli.err = open_memstream(&rig.err, &rig.err_bytes);
  cr_expect_eq(mst_cli_fail(&cli, MST_EIO, "open \xff"), MST_EXIT_ERROR);
  fclose(cli.out);
  fclose(cli.err);
  expect_json_error("MST_EIO");
}

Test(options, url__that_is_none_is_wrong_usage)
{
  static const char *const urls[] = {"localhost:7651", "ftp://x", "unix:", "unix:relative", "", "file:///etc/passwd", "http://"};

  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
    cr_expect_eq(run("status", "--url", urls[i], NULL), MST_EXIT_USAGE, "%s: %s", urls[i], rig.err);
}

Test(options, output_that_cannot_be_written__is_an_error)
{
  static const canned answers[] = {{"/api/v1/status ", 200, "{\"version\":\"1\"}"}, {NULL, 0, NULL}};
  char name[] = "muster", command[] = "status", *argv[] = {name, command, NULL};
  mst_cli cli = rig.cli;

  rig_answer(answers);
  cli.out = fopen("/dev/full", "w");
  cli.err = open_memstream(&rig.err, &rig.err_bytes);
  cr_assert(cli.out != NULL);
  cr_expect_eq(mst_cli_dispatch(&cli, 2, argv), MST_EXIT_ERROR);
  fclose(cli.out);
  fclose(cli.err);
  cr_expect(said("writing the output failed"));
}

Test(options, escape__keeps_what_is_plain_and_bounds_the_rest)
{
  char buf[16];
  mst_errctx ctx = {0};

  cr_assert_eq(mst_cli_escape("a b/c", buf, sizeof buf, &ctx), MST_OK);
  cr_expect_str_eq(buf, "a%20b%2Fc");
  cr_assert_eq(mst_cli_escape("", buf, sizeof buf, &ctx), MST_OK);
  cr_expect_str_eq(buf, "");
  cr_expect_eq(mst_cli_escape("0123456789abcdef", buf, sizeof buf, &ctx), MST_EUSAGE);
  cr_expect_eq(mst_cli_escape("//////", buf, sizeof buf, &ctx), MST_EUSAGE);
}

#include "rig.h"

#include <sys/stat.h>

TestSuite(key, .init = rig_init, .fini = rig_done);
TestSuite(statement, .init = rig_init, .fini = rig_done);

static const char *
path_with(const char *key_file, const char *config_home, const char *home)
{
  static char buf[256];
  const mst_cli cli = {.key_file = key_file};
  mst_errctx ctx = {0};

  config_home ? setenv("XDG_CONFIG_HOME", config_home, 1) : unsetenv("XDG_CONFIG_HOME");
  home ? setenv("HOME", home, 1) : unsetenv("HOME");
  return mst_cli_key_path(&cli, buf, sizeof buf, &ctx) == MST_OK ? buf : NULL;
}

Test(key, path__is_the_option_then_the_config_home_then_home)
{
  cr_expect_str_eq(path_with("/a/b.key", "/config", "/home/me"), "/a/b.key");
  cr_expect_str_eq(path_with(NULL, "/config", "/home/me"), "/config/muster/operator.key");
  cr_expect_str_eq(path_with(NULL, NULL, "/home/me"), "/home/me/.config/muster/operator.key");
  cr_expect_str_eq(path_with("", "", "/home/me"), "/home/me/.config/muster/operator.key", "empty is not set");
  cr_expect_null(path_with(NULL, NULL, NULL));
}

Test(key, path_that_is_too_long__is_refused)
{
  char home[300], buf[64];
  const mst_cli cli = {0};
  mst_errctx ctx = {0};

  memset(home, 'h', sizeof home);
  home[0] = '/';
  home[sizeof home - 1] = '\0';
  setenv("HOME", home, 1);
  unsetenv("XDG_CONFIG_HOME");
  cr_expect_eq(mst_cli_key_path(&cli, buf, sizeof buf, &ctx), MST_EUSAGE);
}

Test(key, new__is_written_for_us_alone_and_never_over_another)
{
  struct stat st;
  char first[MST_PUBLIC_KEY_TEXT_BYTES + 1];

  cr_expect_eq(run("keys", "new", NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect_eq(strncmp(rig.out, "ed25519:", 8), 0, "%s", rig.out);
  snprintf(first, sizeof first, "%s", rig.out);
  cr_assert_eq(stat(rig.key_path, &st), 0);
  cr_expect_eq(st.st_mode & 07777, 0600);
  cr_expect_eq(run("keys", "new", NULL), MST_EXIT_ERROR);
  cr_expect(said("never overwritten"), "%s", rig.err);
  cr_expect_eq(run("keys", "export", NULL), MST_EXIT_OK);
  cr_expect_str_eq(rig.out, first);
  cr_expect_eq(run("keys", "export", "--json", NULL), MST_EXIT_OK);
  json_t *document = json_loads(rig.out, 0, NULL);
  first[strcspn(first, "\n")] = '\0';
  cr_expect_str_eq(mst_cli_text(document, "key"), first);
  cr_expect_str_eq(mst_cli_text(document, "file"), rig.key_path);
  json_decref(document);
}

Test(key, new_in_a_folder_that_is_not_there__makes_it)
{
  char path[128], folder[96];

  snprintf(folder, sizeof folder, "%s/d", rig.folder);
  snprintf(path, sizeof path, "%s/k", folder);
  cr_expect_eq(run("keys", "new", path, NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect_eq(access(path, R_OK), 0);
  unlink(path);
  rmdir(folder);
}

Test(key, with_a_passphrase__opens_with_it_alone)
{
  setenv("MUSTER_KEY_PASSPHRASE", "correct horse", 1);
  cr_expect_eq(run("keys", "new", NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect_eq(run("keys", "export", NULL), MST_EXIT_OK);
  setenv("MUSTER_KEY_PASSPHRASE", "", 1);
  cr_expect_eq(run("keys", "export", NULL), MST_EXIT_ERROR);
  cr_expect(said("MUSTER_KEY_PASSPHRASE"), "%s", rig.err);
  unsetenv("MUSTER_KEY_PASSPHRASE");
}

Test(key, that_is_not_there_or_that_others_read__says_what_to_do)
{
  cr_expect_eq(run("agents", "approve", "web-1", NULL), MST_EXIT_ERROR);
  cr_expect(said("`muster keys new` makes one") && said(rig.key_path), "%s", rig.err);
  cr_expect_eq(run("keys", "new", NULL), MST_EXIT_OK);
  cr_assert_eq(chmod(rig.key_path, 0644), 0);
  cr_expect_eq(run("agents", "approve", "web-1", NULL), MST_EXIT_ERROR);
  cr_expect(said("chmod 600"), "%s", rig.err);
}

Test(statement, fields__are_in_order_however_they_come)
{
  static const char *const orders[][4] = {{"a", "b", "c", "d"}, {"d", "c", "b", "a"}, {"b", "d", "a", "c"}};

  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    mst_cli_statement statement = {.kind = "k"};
    for (size_t k = 0; k < 4; k++)
      mst_cli_statement_add(&statement, orders[i][k], orders[i][k]);
    mst_cli_statement_add(&statement, "e", NULL);
    cr_assert_eq(statement.field_count, 4, "no value, no field");
    for (size_t k = 0; k < 4; k++)
      cr_expect_str_eq(statement.fields[k].key, orders[0][k]);
  }
}

/* The labels of these arguments (up to a NULL) as one text; NULL when they were refused. */
static const char *
labels_of(const char *first, const char *second, const char *third)
{
  const char *given[] = {first, second, third};
  static char texts[3][64], result[256];
  char *arguments[3];
  mst_errctx ctx = {0};
  mst_buf text;
  int count = 0;

  for (; count < 3 && given[count]; count++) {
    snprintf(texts[count], sizeof texts[0], "%s", given[count]);
    arguments[count] = texts[count];
  }
  mst_buf_init(&text, 1024);
  mst_err err = mst_cli_labels(arguments, count, &text, &ctx);
  snprintf(result, sizeof result, "%s", mst_buf_text(&text));
  mst_buf_done(&text);
  cr_expect(err == MST_OK || err == MST_EUSAGE);
  return err == MST_OK ? result : NULL;
}

Test(statement, labels__travel_a_line_each)
{
  cr_expect_str_eq(labels_of("zone=a", "role=api", "note=a=b"), "zone=a\nrole=api\nnote=a=b");
  cr_expect_str_eq(labels_of(NULL, NULL, NULL), "");
  cr_expect_null(labels_of("role=a\nadmin=yes", NULL, NULL), "a line break would smuggle a second label in");
  cr_expect_null(labels_of("role=", NULL, NULL));
  cr_expect_null(labels_of("=x", NULL, NULL));
}

static const canned accepts[] = {
    {"/api/v1/statements ", 200, "{\"ok\":true,\"token\":\"mst1.abc\",\"hostname\":\"web-1\",\"run\":\"r-2\"}"},
    {"/api/v1/status ", 200, "{\"run\":{\"id\":\"r-1\"}}"},
    {"/api/v1/verdict ", 200,
     "{\"version\":3,\"verdict\":{\"digest\":\"d1\",\"verdict\":\"PENDING\",\"result\":{\"run\":{\"id\":\"r-1\"}}}}"},
    {NULL, 0, NULL},
};

/* The statement that the controller was sent, with its signature verified by the rig's key. */
static void
take_statement(mst_statement *ret_statement)
{
  mst_key *key = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(strncmp(rig.request, "POST /api/v1/statements ", 24), 0, "%.60s", rig.request);
  cr_assert_eq(mst_statement_decode(rig.request + rig.body_at, rig.request_bytes - rig.body_at, ret_statement, &ctx), MST_OK, "%s",
               ctx.text);
  cr_assert_eq(mst_key_load(rig.key_path, NULL, &key, &ctx), MST_OK);
  cr_expect_eq(mst_statement_verify(ret_statement, mst_key_public(key), &ctx), MST_OK, "%s", ctx.text);
  mst_key_destroy(key);
}

/* "kind subject|key=value|..." of a statement. */
static const char *
shown(const mst_statement *statement)
{
  static char buf[1024];
  int used = snprintf(buf, sizeof buf, "%.*s %.*s", (int)statement->kind.size_bytes, statement->kind.data,
                      (int)statement->subject.size_bytes, statement->subject.data);

  for (uint32_t i = 0; i < statement->field_count; i++)
    used += snprintf(buf + used, sizeof buf - (size_t)used, "|%.*s=%.*s", (int)statement->fields[i].key.size_bytes,
                     statement->fields[i].key.data, (int)statement->fields[i].value.size_bytes, statement->fields[i].value.data);
  return buf;
}

Test(statement, of_each_command__is_signed_and_says_what_was_asked)
{
  static const struct {
    const char *arguments[14], *says, *prints;
  } cases[] = {
      {{"token", "new", "--ttl", "2h", "--role", "api", "--uses", "3", "--manual", "zone=a"},
       "token.new |labels=role=api\nzone=a|manual=true|ttl=2h|uses=3",
       "mst1.abc\n"},
      {{"token", "new"}, "token.new |ttl=1h", "mst1.abc\n"},
      {{"token", "revoke", "t1", "--reason", "leaked"}, "token.revoke t1|reason=leaked", "revoked\n"},
      {{"agents", "approve", "web-1"}, "agent.approve web-1", "approved web-1\n"},
      {{"agents", "revoke", "web-1", "--reason", "gone"}, "agent.revoke web-1|reason=gone", "web-1\n"},
      {{"agents", "label", "web-1", "role=db", "zone=b"}, "agent.label web-1|labels=role=db\nzone=b", "labelled web-1\n"},
      {{"operators", "add", "bob", "ed25519:00", "--role", "admin,devops-lead"},
       "operator.add bob|key=ed25519:00|roles=admin\ndevops-lead",
       "added\n"},
      {{"operators", "revoke", "k1", "--reason", "left"}, "operator.revoke k1|reason=left", "revoked\n"},
      {{"run", "start", "--checklist", "c", "--commit", "abc", "--deployed-by", "me", "--method", "manual", "--backup", "s3", "--force",
        "--deployment-date=2026-11-23"},
       "run.start |backup=s3|checklist=c|commit=abc|deployed_by=me|deployment_date=2026-11-23|force=true|method=manual",
       "started r-2\n"},
      {{"run", "end", "--reason", "over"}, "run.end r-1|reason=over", "ended r-2\n"},
      {{"run", "end", "r-9", "--reason", "over"}, "run.end r-9|reason=over", "ended r-2\n"},
      {{"attest", "1.2", "--role", "technical-lead", "--comment", "seen"},
       "attest 1.2|comment=seen|role=technical-lead|run=r-1",
       "attested\n"},
      {{"na", "1.2", "--reason", "no GPU"}, "na 1.2|reason=no GPU|run=r-1", "not applicable\n"},
      {{"sign", "--role", "technical-lead", "--approve"}, "sign-off r-1|decision=approved|digest=d1|role=technical-lead", "approved r-2\n"},
      {{"sign", "--role", "technical-lead", "--reject", "--comment", "no"},
       "sign-off r-1|comment=no|decision=rejected|digest=d1|role=technical-lead",
       "Verdict: PENDING"},
      {{"intervene", "restarted nginx"}, "intervention r-1|text=restarted nginx", "recorded\n"},
  };

  cr_assert_eq(run("keys", "new", NULL), MST_EXIT_OK);
  rig_answer(accepts);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *const *a = cases[i].arguments;
    mst_statement statement;
    cr_assert_eq(run(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], NULL), MST_EXIT_OK,
                 "%s %s: %s", a[0], a[1], rig.err);
    take_statement(&statement);
    cr_expect_str_eq(shown(&statement), cases[i].says);
    cr_expect(printed(cases[i].prints), "%s %s: %s", a[0], a[1], rig.out);
    cr_expect_eq(statement.expires_at.ns, 0);
  }
}

Test(statement, of_a_waiver__expires)
{
  mst_statement statement;

  cr_assert_eq(run("keys", "new", NULL), MST_EXIT_OK);
  rig_answer(accepts);
  cr_assert_eq(run("waive", "1.2", "--reason", "r", "--expires", "3h", NULL), MST_EXIT_OK, "%s", rig.err);
  take_statement(&statement);
  cr_expect_str_eq(shown(&statement), "waive 1.2|reason=r|run=r-1");
  int64_t ns = statement.expires_at.ns - statement.issued_at.ns;
  cr_expect(ns <= 3 * 3600 * MST_NS_PER_S && ns > 2 * 3600 * MST_NS_PER_S, "%lld", (long long)ns);
}

Test(statement, with_a_document__carries_what_sha256sum_says)
{
  mst_statement statement;
  char path[96];

  cr_assert_eq(run("keys", "new", NULL), MST_EXIT_OK);
  snprintf(path, sizeof path, "%s/doc", rig.folder);
  FILE *file = fopen(path, "w");
  fputs("abc", file);
  fclose(file);
  rig_answer(accepts);
  cr_expect_eq(run("attest", "1.2", "--role", "r", "--document", path, NULL), MST_EXIT_OK, "%s", rig.err);
  take_statement(&statement);
  cr_expect_str_eq(shown(&statement),
                   "attest 1.2|document=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad|role=r|run=r-1");
  unlink(path);
  cr_expect_eq(run("attest", "1.2", "--role", "r", "--document", path, NULL), MST_EXIT_ERROR);
  cr_expect(said("hash the document") && said(path), "%s", rig.err);
}

Test(statement, refused__says_why_in_the_controllers_words)
{
  static const canned answers[] = {{"/api/v1/statements ", 403, "{\"error\":{\"code\":\"MST_EPERM\",\"text\":\"bob may not do that\"}}"},
                                   {NULL, 0, NULL}};

  cr_assert_eq(run("keys", "new", NULL), MST_EXIT_OK);
  rig_answer(answers);
  cr_expect_eq(run("agents", "approve", "web-1", NULL), MST_EXIT_ERROR);
  cr_expect_str_eq(rig.err, "muster: bob may not do that\n");
  cr_expect_str_eq(rig.out, "");
}

Test(statement, on_no_run__says_how_to_start_one)
{
  static const canned answers[] = {{"/api/v1/status ", 200, "{\"run\":null}"}, {NULL, 0, NULL}};

  cr_assert_eq(run("keys", "new", NULL), MST_EXIT_OK);
  rig_answer(answers);
  cr_expect_eq(run("na", "1.2", "--reason", "r", NULL), MST_EXIT_ERROR);
  cr_expect(said("muster run start"), "%s", rig.err);
}

Test(statement, with_the_bearer_token__sends_it_with_reads)
{
  char path[96];

  snprintf(path, sizeof path, "%s/token", rig.folder);
  FILE *file = fopen(path, "w");
  fputs("sesame-sesame-sesame\n", file);
  fclose(file);
  rig_answer(accepts);
  cr_expect_eq(run("status", "--token-file", path, NULL), MST_EXIT_OK, "%s", rig.err);
  cr_expect(strstr(rig.request, "Authorization: Bearer sesame-sesame-sesame\r\n") != NULL, "%s", rig.request);
  cr_assert_eq(truncate(path, 0), 0);
  cr_expect_eq(run("status", "--token-file", path, NULL), MST_EXIT_ERROR);
  cr_expect(said("is empty"), "%s", rig.err);
  unlink(path);
  cr_expect_eq(run("status", "--token-file", path, NULL), MST_EXIT_ERROR);
  cr_expect(said("read the bearer token"), "%s", rig.err);
}

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "double.h"
#include "http/http.h"

static mst_core core;
static atomic_bool stopping;

static void
setup(void)
{
  double_init(&core);
}

static void
teardown(void)
{
  double_done(&core);
}

TestSuite(route, .init = setup, .fini = teardown);

/* The "connection" of these tests is a NULL-terminated list of names and values. */
static const char *
query_of_list(void *connection, const char *name)
{
  const char *const *list = connection;

  for (; list && list[0]; list += 2)
    if (strcmp(list[0], name) == 0)
      return list[1];
  return NULL;
}

static mst_http_answer
ask(const char *method, const char *path, const char **query)
{
  mst_http_answer answer = {0};
  const mst_http_request request = {
      .core = &core, .stopping = &stopping, .method = method, .path = path, .query = query_of_list, .connection = query};

  mst_http_route(&request, &answer);
  return answer;
}

static void
done(mst_http_answer *answer)
{
  if (!answer->is_static)
    mst_free(answer->body);
}

static json_t *
json_of(const mst_http_answer *answer)
{
  json_t *document = json_loadb(answer->body, answer->size_bytes, 0, NULL);

  cr_assert(document != NULL, "%.*s", (int)answer->size_bytes, answer->body);
  return document;
}

static void
expect_error(const char *method, const char *path, const char **query, unsigned status, const char *code)
{
  mst_http_answer answer = ask(method, path, query);
  json_t *document = json_of(&answer);
  const json_t *error = json_object_get(document, "error");

  cr_expect_eq(answer.status, status, "%s %s: %u", method, path, answer.status);
  cr_expect_str_eq(json_string_value(json_object_get(error, "code")), code, "%s", path);
  cr_expect(strlen(json_string_value(json_object_get(error, "text"))) > 0);
  json_decref(document);
  done(&answer);
}

Test(route, each_document__comes_from_its_function_of_the_core)
{
  static const struct {
    const char *path, *what, *id;
  } cases[] = {
      {"/api/v1/status", "status", NULL},       {"/api/v1/agents", "agents", NULL}, {"/api/v1/tokens", "tokens", NULL},
      {"/api/v1/operators", "operators", NULL}, {"/api/v1/runs", "runs", NULL},     {"/api/v1/agents/web-1", "agent", "web-1"},
      {"/api/v1/runs/r-1", "run", "r-1"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_http_answer answer = ask("GET", cases[i].path, NULL);
    json_t *document = json_of(&answer);
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.content_type, "application/json");
    cr_expect_str_eq(json_string_value(json_object_get(document, "what")), cases[i].what);
    if (cases[i].id)
      cr_expect_str_eq(json_string_value(json_object_get(document, "id")), cases[i].id);
    json_decref(document);
    done(&answer);
  }
}

Test(route, text_answers__have_their_types)
{
  static const struct {
    const char *path, *type, *start;
  } cases[] = {
      {"/healthz", "text/plain; charset=utf-8", "ok\n"},
      {"/readyz", "text/plain; charset=utf-8", "ready\n"},
      {"/metrics", "text/plain; version=0.0.4; charset=utf-8", "# HELP muster_build_info "},
      {"/", "text/html; charset=utf-8", "<!doctype html>"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_http_answer answer = ask("GET", cases[i].path, NULL);
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.content_type, cases[i].type);
    cr_assert_geq(answer.size_bytes, strlen(cases[i].start));
    cr_expect_eq(memcmp(answer.body, cases[i].start, strlen(cases[i].start)), 0, "%s", cases[i].path);
    done(&answer);
  }
}

Test(route, head__is_answered_as_get)
{
  mst_http_answer answer = ask("HEAD", "/api/v1/status", NULL);

  cr_expect_eq(answer.status, 200);
  done(&answer);
}

Test(route, another_method__is_405_and_says_which_are_allowed)
{
  static const struct {
    const char *method, *path, *allow;
  } cases[] = {
      {"POST", "/api/v1/status", "GET, HEAD"},   {"DELETE", "/api/v1/agents/web-1", "GET, HEAD"}, {"PUT", "/", "GET, HEAD"},
      {"OPTIONS", "/api/v1/statements", "POST"}, {"GET", "/api/v1/statements", "POST"},           {"HEAD", "/api/v1/statements", "POST"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_http_answer answer = ask(cases[i].method, cases[i].path, NULL);
    cr_expect_eq(answer.status, 405, "%s %s", cases[i].method, cases[i].path);
    cr_expect_str_eq(answer.allow, cases[i].allow);
    json_decref(json_of(&answer));
    done(&answer);
  }
}

Test(route, unknown_paths__are_404)
{
  static const char *const paths[] = {
      "",   "/api",        "/api/v1/",  "/api/v2/status",  "/api/v1/agents/", "/api/v1/agents/a/b", "/api/v1/status/",
      "//", "/index.html", "/metricsx", "/api/v1/verdict/"};

  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    expect_error("GET", paths[i], NULL, 404, "MST_EABSENT");
    expect_error("POST", paths[i], NULL, 404, "MST_EABSENT");
  }
}

Test(route, each_error_of_the_core__has_its_status)
{
  static const struct {
    mst_err err;
    unsigned status;
  } cases[] = {
      {MST_EABSENT, 404},  {MST_EMALFORMED, 400}, {MST_EIO, 503},      {MST_ENOMEM, 503},       {MST_ELIMIT, 413},
      {MST_EPERM, 403},    {MST_ECRYPTO, 401},    {MST_EVERSION, 400}, {MST_EEXIST, 409},       {MST_ESTATE, 409},
      {MST_ETIMEOUT, 503}, {MST_EUSAGE, 400},     {MST_ECONFIG, 400},  {MST_EUNREACHABLE, 503}, {MST_ECORRUPT, 500},
  };
  static const char *const gets[] = {"/api/v1/agents/x",     "/api/v1/runs/x", "/api/v1/verdict",
                                     "/api/v1/verdict/wait", "/api/v1/items",  "/api/v1/items/5.3.1"};

  cr_assert_eq(sizeof cases / sizeof cases[0], MST_ECORRUPT, "a new error code needs its status here and in answer.c");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double_set_error(&core, cases[i].err, i % 2 ? "what went wrong" : ""); /* a text of its own for an empty one */
    for (size_t k = 0; k < sizeof gets / sizeof gets[0]; k++)
      expect_error("GET", gets[k], NULL, cases[i].status, mst_err_name(cases[i].err));
    expect_error("POST", "/api/v1/statements", NULL, cases[i].status, mst_err_name(cases[i].err));
  }
}

Test(route, error_text_that_is_no_utf8__is_still_an_error_with_a_text)
{
  double_set_error(&core, MST_EABSENT, "there is no agent \xff\xc3");
  mst_http_answer answer = ask("GET", "/api/v1/agents/x", NULL);
  json_t *document = json_of(&answer);

  cr_expect_eq(answer.status, 404);
  cr_expect_str_eq(json_string_value(json_object_get(json_object_get(document, "error"), "text")), "there is no agent ??");
  json_decref(document);
  done(&answer);
}

Test(route, readyz_of_a_core_that_is_not_ready__is_503_and_says_why)
{
  double_set_error(&core, MST_ELIMIT, "the disk of the store is full");
  mst_http_answer answer = ask("GET", "/readyz", NULL);

  cr_expect_eq(answer.status, 503);
  cr_expect_eq(memcmp(answer.body, "the disk of the store is full\n", answer.size_bytes), 0);
  done(&answer);
}

Test(route, verdict__holds_the_bytes_of_the_judge_and_the_version)
{
  char expected[1024];
  mst_http_answer answer = ask("GET", "/api/v1/verdict", NULL);

  snprintf(expected, sizeof expected, "{\"verdict\":%s,\"version\":7}\n", double_verdict);
  cr_expect_eq(answer.status, 200);
  cr_expect_eq(answer.size_bytes, strlen(expected));
  cr_expect_eq(memcmp(answer.body, expected, answer.size_bytes), 0, "%.*s", (int)answer.size_bytes, answer.body);
  done(&answer);
}

/* The ids of a list of the items document, joined by blanks. */
static const char *
ids(const char **query, const char *list, char buf[static 128])
{
  mst_http_answer answer = ask("GET", "/api/v1/items", query);
  json_t *document = json_of(&answer), *item;
  size_t index;

  cr_assert_eq(answer.status, 200);
  cr_assert(json_is_array(json_object_get(document, list)));
  buf[0] = '\0';
  json_array_foreach(json_object_get(document, list), index, item)
      snprintf(buf + strlen(buf), 128 - strlen(buf), "%s%s", index ? " " : "", json_string_value(json_object_get(item, "id")));
  json_decref(document);
  done(&answer);
  return buf;
}

Test(route, items__are_chosen_by_section_and_outcome)
{
  char buf[128];

  cr_expect_str_eq(ids(NULL, "items", buf), "5.3.1 50.1 5.1");
  cr_expect_str_eq(ids(NULL, "follow_ups", buf), "14.1");
  cr_expect_str_eq(ids((const char *[]){"section", "5", NULL}, "items", buf), "5.3.1 5.1", "5 holds 5.3, and not 50");
  cr_expect_str_eq(ids((const char *[]){"section", "5.3", NULL}, "items", buf), "5.3.1");
  cr_expect_str_eq(ids((const char *[]){"section", "14", NULL}, "items", buf), "");
  cr_expect_str_eq(ids((const char *[]){"section", "14", NULL}, "follow_ups", buf), "14.1");
  cr_expect_str_eq(ids((const char *[]){"outcome", "FAIL", NULL}, "items", buf), "50.1 5.1");
  cr_expect_str_eq(ids((const char *[]){"outcome", "FAIL", "section", "5", NULL}, "items", buf), "5.1");
  cr_expect_str_eq(ids((const char *[]){"outcome", "", "section", "", NULL}, "items", buf), "5.3.1 50.1 5.1", "empty is none");
  expect_error("GET", "/api/v1/items", (const char *[]){"outcome", "FIAL", NULL}, 400, "MST_EUSAGE");
  expect_error("GET", "/api/v1/items", (const char *[]){"run", "gone", NULL}, 404, "MST_EABSENT");
}

Test(route, one_item__is_found_also_among_the_follow_ups)
{
  static const char *const paths[] = {"/api/v1/items/5.3.1", "/api/v1/items/14.1"};

  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    mst_http_answer answer = ask("GET", paths[i], NULL);
    json_t *document = json_of(&answer);
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(json_string_value(json_object_get(document, "id")), paths[i] + strlen("/api/v1/items/"));
    json_decref(document);
    done(&answer);
  }
  expect_error("GET", "/api/v1/items/9.9", NULL, 404, "MST_EABSENT");
}

Test(route, item_with_a_number__shows_it_as_the_judge_wrote_it)
{
  mst_http_answer answer = ask("GET", "/api/v1/items/5.3.1", NULL);

  cr_expect(memmem(answer.body, answer.size_bytes, "\"number\":0.95,", 14) != NULL, "%.*s", (int)answer.size_bytes, answer.body);
  done(&answer);
}

Test(wait, for_another_version_or_no_time__answers_at_once, .init = setup, .fini = teardown, .timeout = 20)
{
  static const char *const queries[][5] = {
      {"version", "6", "timeout", "60s", NULL}, {"version", "7", "timeout", "0", NULL}, {"version", "7", "timeout", "20ms", NULL}, {NULL}};

  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
    const char *query[5];
    memcpy(query, queries[i], sizeof query);
    mst_http_answer answer = ask("GET", "/api/v1/verdict/wait", query);
    cr_expect_eq(answer.status, 200);
    json_decref(json_of(&answer));
    done(&answer);
  }
}

Test(wait, with_wrong_parameters__is_400, .init = setup, .fini = teardown, .timeout = 20)
{
  static const char *const wrong[][2] = {{"version", "x"},  {"version", "-1"},  {"version", "7x"},
                                         {"version", ""},   {"version", " 7"},  {"version", "99999999999999999999999"},
                                         {"timeout", "30"}, {"timeout", "-1s"}, {"timeout", "soon"},
                                         {"timeout", ""}};

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    expect_error("GET", "/api/v1/verdict/wait", (const char *[]){wrong[i][0], wrong[i][1], NULL}, 400, "MST_EUSAGE");
}

Test(wait, for_a_run_that_is_not_there__does_not_wait, .init = setup, .fini = teardown, .timeout = 20)
{
  expect_error("GET", "/api/v1/verdict/wait", (const char *[]){"version", "7", "run", "gone", NULL}, 404, "MST_EABSENT");
  cr_expect_eq(double_waits(&core), 0);
}

Test(wait, while_stopping__answers_at_once, .init = setup, .fini = teardown, .timeout = 20)
{
  atomic_store(&stopping, true);
  mst_http_answer answer = ask("GET", "/api/v1/verdict/wait", (const char *[]){"version", "7", "timeout", "60s", NULL});
  cr_expect_eq(answer.status, 200);
  done(&answer);
}

Test(route, without_memory__is_503_and_valid_json)
{
  static const char *const paths[] = {"/api/v1/status", "/api/v1/verdict", "/api/v1/items", "/api/v1/items/5.3.1",
                                      "/metrics",       "/readyz",         "/nowhere"};

  core.no_memory = true;
  expect_error("GET", "/api/v1/status", NULL, 503, "MST_ENOMEM");
  core.no_memory = false;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    for (size_t nth = 1; nth < 20; nth++) {
      mst_alloc_fail_at(nth);
      mst_http_answer answer = ask("GET", paths[i], NULL);
      mst_alloc_fail_at(0);
      cr_expect(answer.status == 503 || answer.status == (strcmp(paths[i], "/nowhere") ? 200u : 404u), "%s: %u", paths[i], answer.status);
      if (answer.status == 503)
        json_decref(json_of(&answer));
      done(&answer);
    }
  }
}

Test(metrics, exposition__has_one_head_a_name_and_no_line_from_outside, .init = setup, .fini = teardown)
{
  static const char expected[] = "# HELP muster_refused_total Refused\\nby \\\\ reason.\n"
                                 "# TYPE muster_refused_total counter\n"
                                 "muster_refused_total{reason=\"future\"} 3\n"
                                 "muster_refused_total{reason=\"a\\nmuster_up 1\"} 4\n"
                                 "# HELP muster_ratio A share.\n"
                                 "# TYPE muster_ratio gauge\n"
                                 "muster_ratio 0.25\n"
                                 "# HELP muster_odd Not a number.\n"
                                 "# TYPE muster_odd gauge\n"
                                 "muster_odd{k=\"nan\"} NaN\n"
                                 "muster_odd{k=\"up\"} +Inf\n"
                                 "muster_odd{k=\"down\"} -Inf\n";
  mst_errctx ctx = {0};
  mst_buf text;

  cr_assert_eq(mst_http_metrics(&core, &text, &ctx), MST_OK);
  const char *own = strstr(mst_buf_text(&text), "# HELP muster_refused_total");
  cr_assert(own != NULL);
  cr_expect_str_eq(own, expected);
  cr_expect(strncmp(mst_buf_text(&text), "# HELP muster_build_info ", 25) == 0);
  mst_buf_done(&text);
}

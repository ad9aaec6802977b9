/* Paths into JSON documents, and what must hold for what stands there. */
#include <criterion/criterion.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/json/expect.h>

static mst_errctx why;

static json_t *
read_json(const char *text)
{
  json_t *root = NULL;

  cr_assert_eq(mst_json_read(text, strlen(text), &root, &why), MST_OK, "%s", why.text);
  return root;
}

static const char document[] = "{\"id\":\"t-1\",\"n\":5,\"half\":0.5,\"yes\":true,\"no\":null,\"odd name\":{\"a.b\":[10,20,30]},\"tasks\":"
                               "[{\"id\":\"a\",\"state\":\"done\",\"after\":[]},{\"id\":\"b\",\"state\":\"done\",\"after\":[\"a\"]},"
                               "{\"id\":\"c\",\"state\":\"failed\",\"after\":[\"a\",\"b\"]}],\"text\":\"gr\\u00fc\\u00dfe\",\"empty\":[]}";

Test(json_path, each_way_of_writing__finds_its_value)
{
  static const struct {
    const char *path, *value; /* as JSON; NULL: nothing there */
  } cases[] = {
      {"id", "\"t-1\""},
      {"$.n", "5"},
      {"$['odd name']['a.b'][1]", "20"},
      {"['odd name'][\"a.b\"][-1]", "30"},
      {"tasks[0].state", "\"done\""},
      {"tasks[-1].state", "\"failed\""},
      {"tasks[3].state", NULL},
      {"tasks[-4]", NULL},
      {"tasks.id", NULL},
      {"id[0]", NULL},
      {"tasks[*].id", "\"a\""},
      {"empty[*]", NULL},
      {"no", "null"},
      {"none", NULL},
  };
  json_t *root = read_json(document);

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_json_path *path = NULL;
    cr_assert_eq(mst_json_path_parse(cases[i].path, &path, &why), MST_OK, "%s: %s", cases[i].path, why.text);
    const json_t *found = mst_json_path_first(path, root);
    cr_expect_eq(found != NULL, cases[i].value != NULL, "%s", cases[i].path);
    if (found && cases[i].value) {
      json_t *wanted = read_json(cases[i].value);
      cr_expect(json_equal(found, wanted), "%s", cases[i].path);
      json_decref(wanted);
    }
    mst_json_path_destroy(path);
  }
  json_decref(root);
}

Test(json_path, what_is_no_path__is_refused_with_its_place)
{
  static const char *const wrong[] = {"",      ".a",  "a..b", "a[", "a[]",   "a[x]",           "a[1",
                                      "a['b]", "a b", "$a",   "a.", "a[1]b", "a[99999999999]", "a]"};
  char deep[256] = "a";

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    mst_json_path *path = NULL;
    why.text[0] = '\0';
    cr_expect_eq(mst_json_path_parse(wrong[i], &path, &why), MST_EUSAGE, "\"%s\"", wrong[i]);
    cr_expect(why.text[0], "\"%s\" is refused without a word", wrong[i]);
  }
  for (size_t i = 0; i < 32; i++)
    memcpy(deep + 1 + 3 * i, "[0]", 4);
  mst_json_path *path = NULL;
  cr_expect_eq(mst_json_path_parse(deep, &path, &why), MST_EUSAGE, "33 parts");
}

typedef struct expectation {
  const char *path, *text, *reason; /* part of the reason; NULL: it holds */
} expectation;

static void
try_all(const expectation *cases, size_t count, const json_t *root)
{
  char reason[MST_JSON_REASON_BYTES];

  for (size_t i = 0; i < count; i++) {
    mst_json_expect *expect = NULL;
    cr_assert_eq(mst_json_expect_parse(cases[i].path, cases[i].text, &expect, &why), MST_OK, "%s: %s", cases[i].text, why.text);
    bool holds = mst_json_expect_holds(expect, root, reason);
    cr_expect_eq(holds, cases[i].reason == NULL, "%s %s: \"%s\"", cases[i].path, cases[i].text, reason);
    cr_expect_eq(holds, reason[0] == '\0');
    if (cases[i].reason)
      cr_expect(strstr(reason, cases[i].reason), "%s %s: \"%s\"", cases[i].path, cases[i].text, reason);
    mst_json_expect_destroy(expect);
  }
}

Test(json_expect, each_word__holds_and_fails_with_its_reason)
{
  static const expectation cases[] = {
      {"n", "== 5", NULL},
      {"n", "==5", NULL},
      {"n", "!= 5", "n is \"5\"; wanted: != 5"},
      {"n", ">= 5", NULL},
      {"n", "> 5", "wanted: > 5"},
      {"half", "< 1", NULL},
      {"id", ">= 0", "id is \"t-1\""},
      {"id", "is t-1", NULL},
      {"id", "is not t-1", "is not t-1"},
      {"yes", "is true", NULL},
      {"no", "is null", NULL},
      {"n", "is 5", NULL},
      {"tasks", "is []", "list of 3"},
      {"tasks[*].state", "in done, failed", NULL},
      {"tasks[*].state", "in done, running", "\"failed\""},
      {"tasks[*].state", "is done", "is \"failed\""},
      {"tasks[0].state", "not in failed, lost", NULL},
      {"id", "matches ^t-\\d+$", NULL},
      {"id", "matches ^\\d+$", "matches"},
      {"n", "matches 5", "wanted: matches"},
      {"id", "not matches x", NULL},
      {"n", "not matches x", "not matches"},
      {"no", "exists", NULL},
      {"none", "exists", "none is not there"},
      {"none", "absent", NULL},
      {"id", "absent", "wanted: absent"},
      {"none", "is not error", "is not there"},
      {"none", "!= 5", "is not there"},
      {"empty[*].id", "exists", "is not there"},
      {"tasks", "length >= 3", NULL},
      {"tasks", "length == 2", "list of 3"},
      {"text", "length == 5", NULL},
      {"n", "length >= 0", "wanted: length"},
      {"tasks", "type list", NULL},
      {"n", "type text", "type text"},
      {"tasks", "acyclic by id, after", NULL},
      {"tasks", "acyclic by name, after", "element 0 has no name"},
      {"id", "acyclic by id, after", "it is no list"},
  };
  json_t *root = read_json(document);

  try_all(cases, sizeof cases / sizeof cases[0], root);
  json_decref(root);
}

Test(json_expect, circles__are_found_wherever_they_stand)
{
  static const char *const circles[] = {
      "[{\"id\":1,\"after\":[1]}]",
      "[{\"id\":1,\"after\":[3]},{\"id\":2,\"after\":[1]},{\"id\":3,\"after\":[2]}]",
      "[{\"id\":\"x\"},{\"id\":\"a\",\"after\":[\"x\",\"b\"]},{\"id\":\"b\",\"after\":[\"a\"]}]",
      "[{\"id\":\"a\",\"after\":[\"nobody\"]}]",
      "[{\"id\":\"a\"},{\"id\":\"a\"}]",
      "[{\"id\":\"a\",\"after\":\"a\"}]",
  };
  char problem[MST_JSON_REASON_BYTES];
  mst_buf chain;

  for (size_t i = 0; i < sizeof circles / sizeof circles[0]; i++) {
    json_t *list = read_json(circles[i]);
    cr_expect_not(mst_json_is_acyclic(list, "id", "after", problem), "%s", circles[i]);
    cr_expect(problem[0]);
    json_decref(list);
  }
  /* The longest chain, last first: no circle, and no time lost. */
  mst_buf_init(&chain, 1 << 20);
  for (int i = 0; i < 4096; i++)
    mst_buf_printf(&chain, "%s{\"id\":%d,\"after\":[%d]}", i ? "," : "[", i, i + 1);
  mst_buf_puts(&chain, "]");
  json_t *list = read_json(mst_buf_text(&chain));
  cr_expect_not(mst_json_is_acyclic(list, "id", "after", problem));
  json_array_remove(list, 4095);
  cr_assert_eq(json_object_set_new(json_array_get(list, 4094), "after", json_array()), 0);
  cr_expect(mst_json_is_acyclic(list, "id", "after", problem), "%s", problem);
  json_decref(list);
  mst_buf_done(&chain);
}

Test(json_expect, what_is_no_expectation__is_refused)
{
  static const char *const wrong[] = {
      "",          "==",      "== x",          "=> 3",           "is",      "in", "exists x", "length", "length x", "type", "type map",
      "matches (", "acyclic", "acyclic by id", "acyclic by id,", "equals 3"};

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    mst_json_expect *expect = NULL;
    why.text[0] = '\0';
    cr_expect_eq(mst_json_expect_parse("a", wrong[i], &expect, &why), MST_EUSAGE, "\"%s\"", wrong[i]);
    cr_expect(why.text[0]);
  }
}

Test(json, texts_from_outside__are_bounded_and_exact)
{
  static const char *const wrong[] = {"", "{", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "[1,]", "nul", "\"\xff\""};
  char deep[256];
  json_t *root = NULL;

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_eq(mst_json_read(wrong[i], strlen(wrong[i]), &root, &why), MST_EMALFORMED, "%s", wrong[i]);
  memset(deep, '[', MST_JSON_DEPTH_MAX + 1);
  cr_expect_eq(mst_json_read(deep, MST_JSON_DEPTH_MAX + 1, &root, &why), MST_ELIMIT);
  memset(deep + MST_JSON_DEPTH_MAX, ']', MST_JSON_DEPTH_MAX);
  cr_assert_eq(mst_json_read(deep, (size_t)MST_JSON_DEPTH_MAX * 2, &root, &why), MST_OK, "%s", why.text);
  json_decref(root);
  static const char quoted[] = "\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"";
  cr_assert_eq(mst_json_read(quoted, strlen(quoted), &root, &why), MST_OK, "%s", why.text);
  json_decref(root);
}

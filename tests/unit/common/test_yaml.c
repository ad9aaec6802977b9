#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/yaml.h>

static mst_diags diags;

static void
set_up(void)
{
  mst_diags_init(&diags);
}

static void
tear_down(void)
{
  mst_alloc_fail_at(0);
  mst_diags_done(&diags);
}

TestSuite(yaml, .init = set_up, .fini = tear_down);

static mst_yaml *
parse(const char *text)
{
  return mst_yaml_parse("t.yml", text, strlen(text), &diags);
}

static void
print_diags(void)
{
  char text[2048];

  for (size_t i = 0; i < diags.count; i++)
    fprintf(stderr, "  %s\n", mst_diag_format(&diags.list[i], text, sizeof text));
}

static void
expect_diags(const char *text, const char *const *lines)
{
  char line[2048];
  size_t count = 0;

  mst_diags_sort(&diags);
  for (; lines[count]; count++) {
    const char *got = count < diags.count ? mst_diag_format(&diags.list[count], line, sizeof line) : "(nothing)";
    cr_expect_str_eq(got, lines[count], "in <%s>: said <%s>", text, got);
  }
  cr_expect_eq(diags.count, count, "in <%s>: %zu errors, not %zu", text, diags.count, count);
}

Test(yaml, nested_document__has_kinds_texts_places_and_paths)
{
  mst_yaml *yaml = parse("# a comment\n"
                         "name: base\n"
                         "items:\n"
                         "  - id: cpu\n"
                         "    check: {target: '8', n: 8}\n"
                         "  - id: disk\n");
  cr_assert(yaml, "refused");
  cr_expect_str_eq(mst_yaml_file(yaml), "t.yml");
  const mst_yaml_node *root = mst_yaml_root(yaml), *items = mst_yaml_node_get(root, "items");
  cr_expect_eq(mst_yaml_node_kind(root), MST_YAML_MAP);
  cr_expect_eq(mst_yaml_node_count(root), 2);
  cr_expect_str_eq(mst_yaml_node_path(root), "");
  cr_expect_str_eq(mst_yaml_node_text(root), "");
  cr_expect_str_eq(mst_yaml_node_text(mst_yaml_node_key_at(root, 1)), "items");
  cr_expect_eq(mst_yaml_node_line(mst_yaml_node_key_at(root, 1)), 3);
  cr_expect_eq(mst_yaml_node_kind(items), MST_YAML_LIST);
  cr_expect_eq(mst_yaml_node_count(items), 2);
  cr_expect_null(mst_yaml_node_key_at(items, 0));
  cr_expect_null(mst_yaml_node_at(items, 2));
  cr_expect_null(mst_yaml_node_get(items, "id"));
  cr_expect_null(mst_yaml_node_get(root, "none"));

  const mst_yaml_node *check = mst_yaml_node_get(mst_yaml_node_at(items, 0), "check");
  const mst_yaml_node *target = mst_yaml_node_get(check, "target"), *n = mst_yaml_node_get(check, "n");
  cr_expect_str_eq(mst_yaml_node_text(target), "8");
  cr_expect(mst_yaml_node_is_quoted(target));
  cr_expect_not(mst_yaml_node_is_quoted(n));
  cr_expect_eq(mst_yaml_node_line(target), 5);
  cr_expect_eq(mst_yaml_node_column(target), 21);
  cr_expect_str_eq(mst_yaml_node_path(target), "items[0].check.target");
  cr_expect_str_eq(mst_yaml_node_path(mst_yaml_node_get(mst_yaml_node_at(items, 1), "id")), "items[1].id");
  cr_expect_str_eq(mst_yaml_node_file(target), "t.yml");
  cr_expect_eq(mst_yaml_node_count(target), 0);

  mst_yaml_complain(&diags, target, "over %d", 7);
  expect_diags("complain", (const char *const[]){"t.yml:5:21: items[0].check.target: over 7", NULL});
  mst_yaml_destroy(yaml);
}

Test(yaml, null__is_a_plain_empty_scalar_tilde_or_null)
{
  mst_yaml *yaml = parse("[~, null, '', 'null', nil, ]");
  static const bool expected[] = {true, true, false, false, false};

  cr_assert(yaml);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    cr_expect_eq(mst_yaml_node_is_null(mst_yaml_node_at(mst_yaml_root(yaml), i)), expected[i], "entry %zu", i);
  cr_expect_not(mst_yaml_node_is_null(mst_yaml_root(yaml)));
  mst_yaml_destroy(yaml);

  cr_assert(yaml = parse("a:\nb: |\n  x\n"));
  cr_expect(mst_yaml_node_is_null(mst_yaml_node_get(mst_yaml_root(yaml), "a")));
  cr_expect_str_eq(mst_yaml_node_text(mst_yaml_node_get(mst_yaml_root(yaml), "b")), "x\n");
  cr_expect(mst_yaml_node_is_quoted(mst_yaml_node_get(mst_yaml_root(yaml), "b")));
  mst_yaml_destroy(yaml);
}

Test(yaml, core_tags__are_taken_and_text_tags_quote)
{
  mst_yaml *yaml = parse("{a: !!int 8, b: !!str 8, d: !!seq [1], e: !!map {}, f: !!bool true, g: !!float 1.5, h: !!null ~}");

  print_diags();
  cr_assert(yaml);
  const mst_yaml_node *root = mst_yaml_root(yaml);
  cr_expect_not(mst_yaml_node_is_quoted(mst_yaml_node_get(root, "a")));
  cr_expect(mst_yaml_node_is_quoted(mst_yaml_node_get(root, "b")));
  cr_expect_eq(mst_yaml_node_count(mst_yaml_node_get(root, "d")), 1);
  cr_expect_eq(mst_yaml_node_kind(mst_yaml_node_get(root, "e")), MST_YAML_MAP);
  mst_yaml_destroy(yaml);
}

Test(yaml, unwanted_constructs__are_refused_each_with_its_place)
{
  static const struct {
    const char *text;
    const char *lines[6];
  } cases[] = {
      {"", {"t.yml: the file is empty"}},
      {"# nothing\n\n", {"t.yml: the file is empty"}},
      {"a: 1\nb: 2\na: 3\nc: 4\na: 5\nb: 6\n",
       {"t.yml:3:1: a: the key stands twice; first on line 1", "t.yml:5:1: a: the key stands twice; first on line 1",
        "t.yml:6:1: b: the key stands twice; first on line 2"}},
      {"x:\n  - {k: 1, 'k': 2}\n", {"t.yml:2:12: x[0].k: the key stands twice; first on line 2"}},
      {"a: &one 1\nb: *one\nc: *one\n",
       {"t.yml:1:4: a: anchors (&one) are not allowed here; write the value out",
        "t.yml:2:4: b: aliases (*one) are not allowed here; write the value out",
        "t.yml:3:4: c: aliases (*one) are not allowed here; write the value out"}},
      {"a: &m {x: 1}\nb: &l [1]\n",
       {"t.yml:1:4: a: anchors (&m) are not allowed here; write the value out",
        "t.yml:2:4: b: anchors (&l) are not allowed here; write the value out"}},
      {"*a : 1\n", {"t.yml:1:1: aliases (*a) are not allowed here; write the value out"}},
      {"<<: {a: 1}\nb: 2\nb: 3\n",
       {"t.yml:1:1: <<: merge keys are not allowed here; write the values out", "t.yml:3:1: b: the key stands twice; first on line 2"}},
      {"a: !ruby/object 1\nb: !!binary aGk=\nc: !!seq {}\n",
       {"t.yml:1:4: a: the tag !ruby/object is not allowed here; leave it out",
        "t.yml:2:4: b: the tag tag:yaml.org,2002:binary is not allowed here; leave it out",
        "t.yml:3:4: c: the tag tag:yaml.org,2002:seq is not allowed here; leave it out"}},
      {"a: 1\n---\nb: 2\n", {"t.yml:2:1: a second document in one file"}},
      {"? [a, b]\n: 1\n? {c: d}\n: 2\n",
       {"t.yml:1:3: a key must be a text, not a list or a map", "t.yml:3:3: a key must be a text, not a list or a map"}},
      {"a: \"x\\0y\"\n", {"t.yml:1:4: a: a NUL character is not allowed here"}},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_yaml *yaml = parse(cases[i].text);
    cr_expect_eq(yaml != NULL, i > 1, "<%s>", cases[i].text);
    cr_expect(!yaml || mst_yaml_node_is_flawed(mst_yaml_root(yaml)), "<%s>", cases[i].text);
    expect_diags(cases[i].text, cases[i].lines);
    mst_yaml_destroy(yaml);
    mst_diags_done(&diags);
  }
}

Test(yaml, syntax_error__says_what_libyaml_says_and_where)
{
  static const struct {
    const char *text;
    const char *lines[3];
  } cases[] = {
      {"a: 1\n b: 2\n", {"t.yml:2:3: not YAML: mapping values are not allowed in this context"}},
      {"a: [1, 2\nb: 3\n", {"t.yml:2:2: not YAML: did not find expected ',' or ']' while parsing a flow sequence that began on line 1"}},
      {"a:\n  - 1\n  b: 2\n",
       {"t.yml:3:3: not YAML: did not find expected '-' indicator while parsing a block collection that began on line 2"}},
      {"a: 'x\n", {"t.yml:2:1: not YAML: found unexpected end of stream while scanning a quoted scalar that began on line 1"}},
      {"a:\n\t- 1\n", {"t.yml:2:1: not YAML: a tab stands here; indent with spaces"}},
      {"a:\n  \tb: 1\n", {"t.yml:2:3: not YAML: a tab stands here; indent with spaces"}},
      {"a: @b\n",
       {"t.yml:1:4: not YAML: found character that cannot start any token while scanning for the next token that began on line 1"}},
      {"a: 1\na: 2\nb: [\n",
       {"t.yml:2:1: a: the key stands twice; first on line 1",
        "t.yml:4:1: not YAML: did not find expected node content while parsing a flow node that began on line 4"}},
      {"a: 1\nb\303\244: \"\377\"\n", {"t.yml:2:6: not YAML: invalid leading UTF-8 octet"}},
      {"a: \"\303(\"\n", {"t.yml:1:6: not YAML: invalid trailing UTF-8 octet"}},
      {"a: \001\n", {"t.yml:1:4: not YAML: control characters are not allowed"}},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_expect_null(parse(cases[i].text), "<%s>", cases[i].text);
    expect_diags(cases[i].text, cases[i].lines);
    mst_diags_done(&diags);
  }
}

/* Room for the largest text that is needed below. */
static char *
repeat(const char *part, size_t times)
{
  size_t bytes = strlen(part);
  char *text = malloc(bytes * times + 1);

  cr_assert(text);
  for (size_t i = 0; i < times; i++)
    memcpy(text + i * bytes, part, bytes);
  text[bytes * times] = '\0';
  return text;
}

Test(yaml, limits__are_held)
{
  char *deep = repeat("[", 40), *many = repeat("- a\n", MST_YAML_MAX_NODES), *large = repeat("# 3456789\n", MST_YAML_MAX_BYTES / 10 + 1);
  char *shallow = repeat("[", MST_YAML_MAX_DEPTH + 1), *closing = repeat("]", MST_YAML_MAX_DEPTH + 1);
  char fits[2 * MST_YAML_MAX_DEPTH + 8];

  cr_expect_null(parse(deep));
  cr_expect(strstr(diags.list[0].text, "nested deeper than 32"), "%s", diags.list[0].text);
  mst_diags_done(&diags);
  snprintf(fits, sizeof fits, "%s%s", shallow, closing);
  mst_yaml *yaml = parse(fits);
  cr_expect(yaml, "depth 32 is allowed");
  mst_yaml_destroy(yaml);
  cr_expect_null(parse(many));
  cr_expect(strstr(diags.list[0].text, "over 200000 values"), "%s", diags.list[0].text);
  mst_diags_done(&diags);
  cr_expect_null(parse(large));
  cr_expect(strstr(diags.list[0].text, "at most 4194304 are read"), "%s", diags.list[0].text);
  free(deep);
  free(many);
  free(large);
  free(shallow);
  free(closing);
}

/* A quadratic search for duplicates would take minutes here. */
Test(yaml, map_of_many_keys__is_read_in_time, .timeout = 20)
{
  enum { KEYS = 90000 };
  char *text = malloc(KEYS * 16);
  size_t used = 0;

  cr_assert(text);
  for (int i = 0; i < KEYS; i++)
    used += (size_t)snprintf(text + used, KEYS * 16 - used, "key%d: 1\n", i);
  mst_yaml *yaml = mst_yaml_parse("t.yml", text, used, &diags);
  cr_assert(yaml);
  cr_expect_eq(mst_yaml_node_count(mst_yaml_root(yaml)), KEYS);
  mst_yaml_destroy(yaml);
  free(text);
}

Test(yaml, file__is_loaded_and_a_missing_one_is_named)
{
  char path[] = "/tmp/mst_test_yaml_XXXXXX";
  int fd = mkstemp(path);

  cr_assert(fd >= 0);
  cr_assert_eq(write(fd, "a: 1\n", 5), 5);
  close(fd);
  mst_yaml *yaml = mst_yaml_load(path, &diags);
  cr_assert(yaml);
  cr_expect_str_eq(mst_yaml_file(yaml), path);
  cr_expect_str_eq(mst_yaml_node_text(mst_yaml_node_get(mst_yaml_root(yaml), "a")), "1");
  mst_yaml_destroy(yaml);
  unlink(path);
  cr_expect_null(mst_yaml_load(path, &diags));
  cr_assert_eq(diags.count, 1);
  cr_expect(strstr(diags.list[0].text, "No such file"), "%s", diags.list[0].text);
  cr_expect_str_eq(diags.list[0].file, path);
}

/* Each allocation in turn fails: no crash, no leak (the sanitizer looks), an error that is counted, and no tree that could be taken. */
Test(yaml, failing_allocation__is_an_error)
{
  for (size_t nth = 1;; nth++) {
    mst_alloc_fail_at(nth);
    mst_yaml *yaml = parse("a: 1\nb: [1, 2, {c: d, e: f}, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    mst_alloc_fail_at(0);
    bool is_whole = yaml && !mst_yaml_node_is_flawed(mst_yaml_root(yaml));
    mst_yaml_destroy(yaml);
    if (is_whole) {
      cr_expect_gt(nth, 30);
      cr_expect_eq(diags.count + diags.dropped, 0);
      return;
    }
    cr_expect_gt(diags.count + diags.dropped, 0, "allocation %zu", nth);
    for (size_t i = 0; i < diags.count; i++)
      cr_expect(strstr(diags.list[i].text, "out of memory"), "allocation %zu: %s", nth, diags.list[i].text);
    mst_diags_done(&diags);
  }
}

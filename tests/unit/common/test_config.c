#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/config.h>

typedef struct collector {
  char *id;
  int64_t interval_ns;
  mst_config_place place;
} collector;

typedef struct tls {
  char *cert;
  bool is_strict;
} tls;

typedef struct sample {
  char *name;
  bool is_on;
  int64_t count;
  double weight, ratio;
  int64_t wait_ns, size_bytes;
  int level;
  mst_config_strings hosts;
  mst_config_pairs labels;
  tls tls;
  mst_config_list collectors;
  const mst_yaml_node *check;
  mst_config_place place;
} sample;

static const char *const levels[] = {"low", "middle", "high", NULL};

static const mst_config_field collector_fields[] = {
    {"id", MST_CONFIG_STRING, offsetof(collector, id), .required = true, .min = 1, .max = 8},
    {"interval", MST_CONFIG_DURATION, offsetof(collector, interval_ns), .default_text = "10s", .min = 1e9, .max = 3600e9},
};
static const mst_config_schema collector_schema = {"collector", sizeof(collector), collector_fields, 2, offsetof(collector, place), "id"};

static const mst_config_field tls_fields[] = {
    {"cert", MST_CONFIG_STRING, offsetof(tls, cert), .default_text = "a.pem"},
    {"strict", MST_CONFIG_BOOL, offsetof(tls, is_strict), .default_text = "true"},
};
static const mst_config_schema tls_schema = {"tls", sizeof(tls), tls_fields, 2, MST_CONFIG_NO_PLACE, NULL};

static const mst_config_field sample_fields[] = {
    {"name", MST_CONFIG_STRING, offsetof(sample, name), .required = true},
    {"on", MST_CONFIG_BOOL, offsetof(sample, is_on)},
    {"count", MST_CONFIG_INTEGER, offsetof(sample, count), .default_text = "3", .min = 1, .max = 10},
    {"weight", MST_CONFIG_NUMBER, offsetof(sample, weight), .min = -1, .max = 1},
    {"ratio", MST_CONFIG_RATIO, offsetof(sample, ratio), .default_text = "95%"},
    {"wait", MST_CONFIG_DURATION, offsetof(sample, wait_ns), .default_text = "1h30m"},
    {"size", MST_CONFIG_SIZE, offsetof(sample, size_bytes), .default_text = "64MiB", .min = 1e6, .max = 1e9},
    {"level", MST_CONFIG_ENUM, offsetof(sample, level), .default_text = "middle", .names = levels},
    {"hosts", MST_CONFIG_STRING_LIST, offsetof(sample, hosts), .default_text = "localhost", .max = 3},
    {"labels", MST_CONFIG_STRING_MAP, offsetof(sample, labels)},
    {"tls", MST_CONFIG_STRUCT, offsetof(sample, tls), .sub = &tls_schema},
    {"collectors", MST_CONFIG_STRUCT_LIST, offsetof(sample, collectors), .sub = &collector_schema},
    {"check", MST_CONFIG_NODE, offsetof(sample, check)},
};
static const mst_config_schema sample_schema = {
    "sample", sizeof(sample), sample_fields, sizeof sample_fields / sizeof sample_fields[0], offsetof(sample, place), NULL};

static mst_diags diags;
static mst_yaml *yaml;
static sample got;

static void
clean(void)
{
  mst_config_free(&sample_schema, &got);
  memset(&got, 0, sizeof got);
  mst_yaml_destroy(yaml);
  yaml = NULL;
  mst_diags_done(&diags);
}

static void
tear_down(void)
{
  mst_alloc_fail_at(0);
  clean();
}

TestSuite(config, .fini = tear_down);

static bool
map(const char *text)
{
  yaml = mst_yaml_parse("t.yml", text, strlen(text), &diags);
  cr_assert(yaml, "not YAML: %s", diags.list[0].text);
  return mst_config_map(mst_yaml_root(yaml), &sample_schema, &got, &diags);
}

static void
expect_diags(const char *text, const char *const *lines)
{
  char line[2048];
  size_t count = 0;

  mst_diags_sort(&diags);
  for (; lines[count]; count++) {
    const char *said = count < diags.count ? mst_diag_format(&diags.list[count], line, sizeof line) : "(nothing)";
    cr_expect_str_eq(said, lines[count], "in <%s>: said <%s>", text, said);
  }
  cr_expect_eq(diags.count, count, "in <%s>: %zu errors, not %zu", text, diags.count, count);
}

Test(config, full_map__fills_every_type)
{
  cr_assert(map("name: \"8\"\n"
                "on: true\n"
                "count: 7\n"
                "weight: -0.25\n"
                "ratio: \"46.3%\"\n"
                "wait: '90s'\n"
                "size: \"2MB\"\n"
                "level: high\n"
                "hosts: [a, '']\n"
                "labels: {b: 1, a: two}\n"
                "tls: {cert: x.pem, strict: false}\n"
                "collectors:\n"
                "  - {id: cpu, interval: 5s}\n"
                "  - {id: disk}\n"
                "check: {any: [thing]}\n"));
  cr_expect_str_eq(got.name, "8");
  cr_expect(got.is_on);
  cr_expect_eq(got.count, 7);
  cr_expect_eq(got.weight, -0.25);
  cr_expect_eq(got.ratio, 0.463);
  cr_expect_eq(got.wait_ns, 90000000000);
  cr_expect_eq(got.size_bytes, 2000000);
  cr_expect_eq(got.level, 2);
  cr_assert_eq(got.hosts.count, 2);
  cr_expect_str_eq(got.hosts.items[0], "a");
  cr_expect_str_eq(got.hosts.items[1], "");
  cr_assert_eq(got.labels.count, 2);
  cr_expect_str_eq(got.labels.items[0].key, "b");
  cr_expect_str_eq(got.labels.items[0].value, "1");
  cr_expect_str_eq(got.labels.items[1].key, "a");
  cr_expect_str_eq(got.labels.items[1].value, "two");
  cr_expect_str_eq(got.tls.cert, "x.pem");
  cr_expect_not(got.tls.is_strict);
  cr_assert_eq(got.collectors.count, 2);
  const collector *collectors = got.collectors.items;
  cr_expect_str_eq(collectors[0].id, "cpu");
  cr_expect_eq(collectors[0].interval_ns, 5000000000);
  cr_expect_str_eq(collectors[1].id, "disk");
  cr_expect_eq(collectors[1].interval_ns, 10000000000);
  cr_expect_eq(mst_yaml_node_line(collectors[1].place.node), 14);
  cr_expect_eq(mst_yaml_node_kind(got.check), MST_YAML_MAP);
  cr_expect_eq(got.place.node, mst_yaml_root(yaml));
}

Test(config, absent_keys__get_their_defaults)
{
  cr_assert(map("name: x\n"));
  cr_expect_not(got.is_on);
  cr_expect_eq(got.count, 3);
  cr_expect_eq(got.weight, 0);
  cr_expect_eq(got.ratio, 0.95);
  cr_expect_eq(got.wait_ns, 5400000000000);
  cr_expect_eq(got.size_bytes, 67108864);
  cr_expect_eq(got.level, 1);
  cr_assert_eq(got.hosts.count, 1);
  cr_expect_str_eq(got.hosts.items[0], "localhost");
  cr_expect_eq(got.labels.count, 0);
  cr_expect_str_eq(got.tls.cert, "a.pem");
  cr_expect(got.tls.is_strict);
  cr_expect_eq(got.collectors.count, 0);
  cr_expect_null(got.check);
}

Test(config, no_node__gives_defaults_and_names_what_is_missing)
{
  cr_expect_not(mst_config_map(NULL, &sample_schema, &got, &diags));
  expect_diags("no node", (const char *const[]){"missing key name (a text)", NULL});
  cr_expect_eq(got.count, 3);
  cr_expect_null(got.place.node);
}

Test(config, lone_scalar__is_a_list_of_one_and_empty_lists_are_lists)
{
  cr_assert(map("name: x\nhosts: one\ncollectors: []\nlabels: {}\n"));
  cr_assert_eq(got.hosts.count, 1);
  cr_expect_str_eq(got.hosts.items[0], "one");
  cr_expect_eq(got.collectors.count, 0);
  clean();
  cr_assert(map("name: x\nhosts: []\n"));
  cr_expect_eq(got.hosts.count, 0);
}

/* One text, the errors that it must give. */
static const struct {
  const char *text;
  const char *lines[8];
} wrong[] = {
    {"{}", {"t.yml:1:1: missing key name (a text)"}},
    {"[name]", {"t.yml:1:1: the sample must be a map of keys and values"}},
    {"x", {"t.yml:1:1: the sample must be a map of keys and values"}},
    {"nmae: x\n", {"t.yml:1:1: missing key name (a text)", "t.yml:1:1: nmae: unknown key; did you mean name?"}},
    {"name: x\nintervall: 5s\n",
     {"t.yml:2:1: intervall: unknown key; known keys are: name, on, count, weight, ratio, wait, size, level, hosts, labels, tls, "
      "collectors, check"}},
    {"name: x\nab: 1\n",
     {"t.yml:2:1: ab: unknown key; known keys are: name, on, count, weight, ratio, wait, size, level, hosts, labels, tls, collectors, "
      "check"}},
    {"name: x\ncollectors: [{id: a, intervl: 5s}]\n", {"t.yml:2:22: collectors[0].intervl: unknown key; did you mean interval?"}},
    {"name:\n", {"t.yml:1:6: name: the value is missing; it wants a text"}},
    {"name: x\ntls:\nhosts:\nlabels: ~\ncollectors: null\n",
     {"t.yml:2:5: tls: the value is missing; it wants a map", "t.yml:3:7: hosts: the value is missing; it wants a list of texts",
      "t.yml:4:9: labels: the value is missing; it wants a map of texts",
      "t.yml:5:13: collectors: the value is missing; it wants a list of maps"}},
    {"name: [x]\n", {"t.yml:1:7: name: wants a text, but a list stands here"}},
    {"name: x\ncount: {a: b}\n", {"t.yml:2:8: count: wants a whole number, but a map stands here"}},
    {"name: x\non: yes\n", {"t.yml:2:5: on: not true or false: \"yes\""}},
    {"name: x\non: 'true'\n", {"t.yml:2:5: on: not true or false: \"true\" is a text; write it without quotes"}},
    {"name: x\ncount: \"8\"\n", {"t.yml:2:8: count: not a whole number: \"8\" is a text; write it without quotes"}},
    {"name: x\ncount: 8.5\n", {"t.yml:2:8: count: not a whole number: \"8.5\""}},
    {"name: x\ncount: 0x8\n", {"t.yml:2:8: count: not a whole number: \"0x8\""}},
    {"name: x\ncount: 99999999999999999999\n",
     {"t.yml:2:8: count: 99999999999999999999 is out of range; a whole number has at most 63 bits"}},
    {"name: x\ncount: 11\n", {"t.yml:2:8: count: 11 is out of range; it must be 1 to 10"}},
    {"name: x\nweight: much\n", {"t.yml:2:9: weight: not a number: \"much\""}},
    {"name: x\nweight: 5%\n", {"t.yml:2:9: weight: not a number: \"5%\"; it must have no unit"}},
    {"name: x\nweight: \"1\"\n", {"t.yml:2:9: weight: not a number: \"1\" is a text; write it without quotes"}},
    {"name: x\nweight: -1.5\n", {"t.yml:2:9: weight: -1.5 is out of range; it must be -1 to 1"}},
    {"name: x\nratio: 95\n", {"t.yml:2:8: ratio: not a ratio: \"95\"; it must be within 0% and 100%; write 95% or 0.95"}},
    {"name: x\nratio: 5s\n", {"t.yml:2:8: ratio: not a ratio: \"5s\"; write 95% or 0.95"}},
    {"name: x\nwait: 10 minutes\n", {"t.yml:2:7: wait: not a duration: \"10 minutes\"; write 10m, 90s, 1h30m or 500ms"}},
    {"name: x\ncollectors: [{id: a, interval: 10ms}]\n", {"t.yml:2:32: collectors[0].interval: 10ms is out of range; it must be 1s to 1h"}},
    {"name: x\nsize: big\n", {"t.yml:2:7: size: not a size: \"big\"; write 64MB, 8GiB or a whole number of bytes"}},
    {"name: x\nsize: 2GB\n", {"t.yml:2:7: size: 2GB is out of range; it must be 1MB to 1GB"}},
    {"name: x\nlevel: hihg\n", {"t.yml:2:8: level: \"hihg\" is not known here; choose low, middle or high"}},
    {"name: x\nhosts: {a: b}\n", {"t.yml:2:8: hosts: wants a list of texts, but a map stands here"}},
    {"name: x\nhosts: [a, b, c, d]\n", {"t.yml:2:8: hosts: 4 entries; there may be at most 3"}},
    {"name: x\nhosts: [a, [b], ~]\n",
     {"t.yml:2:12: hosts[1]: wants a text, but a list stands here", "t.yml:2:17: hosts[2]: the value is missing; it wants a text"}},
    {"name: x\nhosts: [a, b, c, [d]]\n",
     {"t.yml:2:8: hosts: 4 entries; there may be at most 3", "t.yml:2:18: hosts[3]: wants a text, but a list stands here"}},
    {"name: x\nlabels: [a]\n", {"t.yml:2:9: labels: wants a map of texts, but a list stands here"}},
    {"name: x\nlabels: {a: {b: c}, d: }\n",
     {"t.yml:2:13: labels.a: wants a text, but a map stands here", "t.yml:2:24: labels.d: the value is missing; it wants a text"}},
    {"name: x\ntls: 5\n", {"t.yml:2:6: tls: the tls must be a map of keys and values"}},
    {"name: x\ncollectors: {id: a}\n", {"t.yml:2:13: collectors: wants a list of maps, but a map stands here"}},
    {"name: x\ncollectors: [{id: a}, b, ]\n", {"t.yml:2:23: collectors[1]: the collector must be a map of keys and values"}},
    {"name: x\ncollectors: [{}]\n", {"t.yml:2:14: collectors[0]: missing key id (a text)"}},
    {"name: x\ncollectors: [{id: ''}]\n", {"t.yml:2:19: collectors[0].id: a text of 0 characters; it must have 1 to 8"}},
    {"name: x\ncollectors: [{id: '\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244'}]\n", {NULL}},
    {"name: x\ncollectors:\n - id: cpu\n - id: disk\n - id: cpu\n - id: 'cpu'\n",
     {"t.yml:5:8: collectors[2].id: duplicate id cpu; first on line 3", "t.yml:6:8: collectors[3].id: duplicate id cpu; first on line 3"}},
};

Test(config, wrong_values__each_give_one_error_with_its_place)
{
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    cr_expect_eq(map(wrong[i].text), wrong[i].lines[0] == NULL, "<%s>", wrong[i].text);
    expect_diags(wrong[i].text, wrong[i].lines);
    clean();
  }
}

Test(config, many_errors__are_all_reported)
{
  static const char text[] = "nmae: x\ncount: 0\nwait: long\ncollectors:\n  - {id: a, interval: 1d}\n  - {id: a}\n  - {interval: x}\n";

  cr_expect_not(map(text));
  expect_diags(text, (const char *const[]){
                         "t.yml:1:1: missing key name (a text)",
                         "t.yml:1:1: nmae: unknown key; did you mean name?",
                         "t.yml:2:8: count: 0 is out of range; it must be 1 to 10",
                         "t.yml:3:7: wait: not a duration: \"long\"; write 10m, 90s, 1h30m or 500ms",
                         "t.yml:5:23: collectors[0].interval: 1d is out of range; it must be 1s to 1h",
                         "t.yml:6:10: collectors[1].id: duplicate id a; first on line 5",
                         "t.yml:7:5: collectors[2]: missing key id (a text)",
                         "t.yml:7:16: collectors[2].interval: not a duration: \"x\"; write 10m, 90s, 1h30m or 500ms",
                         NULL,
                     });
}

Test(config, required_key_of_an_absent_map__is_named_at_the_nearest_place)
{
  static const mst_config_field inner_fields[] = {{"key", MST_CONFIG_STRING, 0, .required = true}};
  static const mst_config_schema inner = {"inner", sizeof(char *), inner_fields, 1, MST_CONFIG_NO_PLACE, NULL};
  static const mst_config_field middle_fields[] = {{"inner", MST_CONFIG_STRUCT, 0, .sub = &inner}};
  static const mst_config_schema middle = {"middle", sizeof(char *), middle_fields, 1, MST_CONFIG_NO_PLACE, NULL};
  static const mst_config_field outer_fields[] = {{"middle", MST_CONFIG_STRUCT, 0, .sub = &middle}};
  static const mst_config_schema outer = {"outer", sizeof(char *), outer_fields, 1, MST_CONFIG_NO_PLACE, NULL};
  char *value = NULL;

  yaml = mst_yaml_parse("t.yml", " {}", 3, &diags);
  cr_expect_not(mst_config_map(mst_yaml_root(yaml), &outer, &value, &diags));
  expect_diags("{}", (const char *const[]){"t.yml:1:2: missing key middle.inner.key (a text)", NULL});
  mst_config_free(&outer, &value);
}

/* What the reading of the YAML complains about hides nothing else, is said once, and what it concerns is not taken. */
Test(config, errors_of_the_yaml__hide_no_others)
{
  static const char text[] =
      "name: &n x\nname: 7\ncount: 11\nlevel: *n\n<<: {on: true}\n? [a, b]\n: 1\nwait: !!binary soon\ntls: !x {strict: maybe}\n";

  cr_expect_not(map(text));
  expect_diags(text, (const char *const[]){
                         "t.yml:1:7: name: anchors (&n) are not allowed here; write the value out",
                         "t.yml:2:1: name: the key stands twice; first on line 1",
                         "t.yml:3:8: count: 11 is out of range; it must be 1 to 10",
                         "t.yml:4:8: level: aliases (*n) are not allowed here; write the value out",
                         "t.yml:5:1: <<: merge keys are not allowed here; write the values out",
                         "t.yml:6:3: a key must be a text, not a list or a map",
                         "t.yml:8:7: wait: not a duration: \"soon\"; write 10m, 90s, 1h30m or 500ms",
                         "t.yml:8:7: wait: the tag tag:yaml.org,2002:binary is not allowed here; leave it out",
                         "t.yml:9:6: tls: the tag !x is not allowed here; leave it out",
                         "t.yml:9:18: tls.strict: not true or false: \"maybe\"",
                         NULL,
                     });
}

/* Nothing that a schema could find is wrong, and yet it must not be taken. */
Test(config, flawed_yaml__is_not_mapped)
{
  static const char *const texts[] = {"name: &n x\n", "name: x\nname: x\n", "name: !x x\n", "name: x\n<<: {}\n", "name: x\n---\nname: y\n"};

  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    cr_expect_not(map(texts[i]), "<%s>", texts[i]);
    cr_expect_eq(diags.count, 1, "<%s>", texts[i]);
    clean();
  }
}

Test(config, list_out_of_bounds__is_looked_at_all_the_same)
{
  static const mst_config_field fields[] = {{"list", MST_CONFIG_STRUCT_LIST, 0, .min = 2, .max = 2, .sub = &collector_schema}};
  static const mst_config_schema schema = {"outer", sizeof(mst_config_list), fields, 1, MST_CONFIG_NO_PLACE, NULL};
  static const char text[] = "list: [{id: a}, {id: b}, {id: a}, {id: d, interval: x}]";
  mst_config_list list = {0};

  yaml = mst_yaml_parse("t.yml", text, strlen(text), &diags);
  cr_expect_not(mst_config_map(mst_yaml_root(yaml), &schema, &list, &diags));
  cr_expect_eq(list.count, 2, "no more than a user has room for");
  expect_diags(text, (const char *const[]){"t.yml:1:7: list: 4 entries; there must be 2",
                                           "t.yml:1:31: list[2].id: duplicate id a; first on line 1",
                                           "t.yml:1:53: list[3].interval: not a duration: \"x\"; write 10m, 90s, 1h30m or 500ms", NULL});
  mst_config_free(&schema, &list);
  clean();
  list = (mst_config_list){0};
  yaml = mst_yaml_parse("t.yml", "list: [{id: [1]}]", 17, &diags);
  cr_expect_not(mst_config_map(mst_yaml_root(yaml), &schema, &list, &diags));
  expect_diags("one", (const char *const[]){"t.yml:1:7: list: 1 entries; there must be 2",
                                            "t.yml:1:13: list[0].id: wants a text, but a list stands here", NULL});
  mst_config_free(&schema, &list);
}

/* A default that does not fit is our own mistake; it is said, not swallowed. */
Test(config, default_that_does_not_fit__is_an_error)
{
  static const mst_config_field fields[] = {{"wait", MST_CONFIG_DURATION, 0, .default_text = "1 hour"}};
  static const mst_config_schema schema = {"thing", sizeof(int64_t), fields, 1, MST_CONFIG_NO_PLACE, NULL};
  int64_t value = 0;

  cr_expect_not(mst_config_map(NULL, &schema, &value, &diags));
  expect_diags("default",
               (const char *const[]){"wait: its default value: not a duration: \"1 hour\"; write 10m, 90s, 1h30m or 500ms", NULL});
}

Test(config, free_of_nothing__does_nothing)
{
  mst_config_free(&sample_schema, NULL);
  mst_config_free(&sample_schema, &got);
  mst_config_free(&sample_schema, &got);
}

Test(config, failing_allocation__is_an_error)
{
  static const char text[] = "name: x\nhosts: [a, b]\nlabels: {a: b}\ntls: {cert: c}\ncollectors: [{id: a}, {id: b}]\n";

  yaml = mst_yaml_parse("t.yml", text, strlen(text), &diags);
  cr_assert(yaml);
  for (size_t nth = 1;; nth++) {
    mst_alloc_fail_at(nth);
    bool is_good = mst_config_map(mst_yaml_root(yaml), &sample_schema, &got, &diags);
    mst_alloc_fail_at(0);
    mst_config_free(&sample_schema, &got);
    memset(&got, 0, sizeof got);
    if (is_good) {
      cr_expect_geq(nth, 12);
      cr_expect_eq(diags.count + diags.dropped, 0);
      return;
    }
    cr_expect_gt(diags.count + diags.dropped, 0, "allocation %zu", nth);
    for (size_t i = 0; i < diags.count; i++)
      cr_expect(strstr(diags.list[i].text, "out of memory"), "allocation %zu: %s", nth, diags.list[i].text);
    mst_diags_done(&diags);
  }
}

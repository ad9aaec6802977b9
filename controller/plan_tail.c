/* Tails: logs that agents follow, as a plan names them. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "plan_tail.h"

#include <pcre2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/clock.h>

#include "plan_journal.h"

enum {
  GLOBS_MAX = 32,
  RULES_MAX = 64, /* what an agent's scanner takes */
  RULE_NAME_MAX_BYTES = 64,
  FIELD_NAMES_MAX = 16,
  LEVELS_TEXT_BYTES = 64,
  NUMBER_TEXT_BYTES = 32,
};

static const char *const formats[] = {"auto", "json", "text", "docker", NULL};
static const char *const froms[] = {"end", "start", NULL};
static const char *const levels[] = {"trace", "debug", "info", "warn", "error", "fatal", NULL};
static const char *const field_kinds[] = {"timestamp", "level", "message", "trace", "trace_id", NULL};

static const mst_config_field fields[] = {
    {"name", MST_CONFIG_STRING, offsetof(mst_plan_tail_file, name), .required = true, .min = 1, .max = 128,
     .help = "The tail's name: the label log= of its signals"},
    {"hosts", MST_CONFIG_NODE, offsetof(mst_plan_tail_file, hosts), .help = "Labels that a host must have, as for collectors"},
    {"files", MST_CONFIG_STRING_LIST, offsetof(mst_plan_tail_file, files), .min = 1, .max = GLOBS_MAX,
     .help = "Absolute paths or shell patterns of the log files; rotated ones are found by themselves"},
    {"journal", MST_CONFIG_NODE, offsetof(mst_plan_tail_file, journal),
     .help = "In place of files, the systemd journal: {units: [nginx.service], identifiers: [sshd], priority: info, path: /folder}, or {} "
             "for all of it"},
    {"format", MST_CONFIG_ENUM, offsetof(mst_plan_tail_file, format), .default_text = "auto", .names = formats,
     .help = "json, text, docker (the JSON lines of Docker's json-file driver), or auto: JSON where a line begins with {"},
    {"from", MST_CONFIG_ENUM, offsetof(mst_plan_tail_file, from), .default_text = "end", .names = froms,
     .help = "Where reading begins in files that are there when the tail is first met: end or start"},
    {"required", MST_CONFIG_STRING_LIST, offsetof(mst_plan_tail_file, required), .max = 5,
     .help = "Fields that every record should have: timestamp, level, message, trace_id"},
    {"fields", MST_CONFIG_NODE, offsetof(mst_plan_tail_file, fields),
     .help = "Names of fields in JSON lines, {level: [lvl, log.level]}, before the usual ones"},
    {"rules", MST_CONFIG_NODE, offsetof(mst_plan_tail_file, rules),
     .help =
         "Names and patterns (PCRE2) of what is counted, {audit: action=audit}, or {match: PATTERN, levels: [error], ignore_case: true}"},
    {"secrets", MST_CONFIG_BOOL, offsetof(mst_plan_tail_file, secrets), .default_text = "true",
     .help = "Whether keys, tokens and passwords are looked for; counted under rule=secret"},
    {"pii", MST_CONFIG_BOOL, offsetof(mst_plan_tail_file, pii), .default_text = "true",
     .help = "Whether card numbers, mail addresses and the like are looked for; counted under rule=pii"},
    {"line_max", MST_CONFIG_SIZE, offsetof(mst_plan_tail_file, line_max_bytes), .default_text = "1MiB", .min = 1024, .max = 16777216,
     .help = "What is longer is looked at only so far"},
    {"files_max", MST_CONFIG_INTEGER, offsetof(mst_plan_tail_file, files_max), .default_text = "256", .min = 1, .max = 256,
     .help = "How many files are followed at most"},
    {"cpu_share", MST_CONFIG_RATIO, offsetof(mst_plan_tail_file, cpu_share), .default_text = "20%", .min = 0.001, .max = 1,
     .help = "Share of one CPU that the tail may take; what it does not manage waits"},
    {"backlog_max", MST_CONFIG_SIZE, offsetof(mst_plan_tail_file, backlog_max_bytes), .default_text = "1GiB", .min = 1048576, .max = 1e12,
     .help = "When more than this waits to be read, the oldest is skipped, and counted"},
};
const mst_config_schema mst_plan_tail_schema = {
    .name = "tail",
    .struct_size_bytes = sizeof(mst_plan_tail_file),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = offsetof(mst_plan_tail_file, place),
};

static bool
is_one_of(const char *text, const char *const *names)
{
  for (; *names; names++)
    if (strcmp(text, *names) == 0)
      return true;
  return false;
}

/* ---- checks ---- */

static void
check_pattern(const mst_yaml_node *node, bool ignore_case, mst_diags *diags)
{
  const char *pattern = mst_yaml_node_text(node);
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[256];

  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR || pattern[0] == '\0' || strlen(pattern) > MST_PLAN_VALUE_MAX_BYTES) {
    mst_yaml_complain(diags, node, "write a pattern of 1 to %d bytes", MST_PLAN_VALUE_MAX_BYTES);
    return;
  }
  pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, ignore_case ? PCRE2_CASELESS : 0, &number, &offset, NULL);
  if (!code) {
    (void)pcre2_get_error_message(number, message, sizeof message);
    mst_yaml_complain(diags, node, "the pattern is wrong at its character %zu: %s", (size_t)offset + 1, (const char *)message);
  }
  pcre2_code_free(code);
}

static void
check_levels(const mst_yaml_node *node, mst_diags *diags)
{
  size_t count = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_count(node) : 1;

  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *one = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node;
    if (mst_yaml_node_kind(one) != MST_YAML_SCALAR || !is_one_of(mst_yaml_node_text(one), levels))
      mst_yaml_complain(diags, one, "there is no level \"%.32s\"; choose of trace, debug, info, warn, error, fatal",
                        mst_yaml_node_text(one));
  }
}

static bool
is_true(const mst_yaml_node *node)
{
  return node && strcmp(mst_yaml_node_text(node), "true") == 0;
}

static void
check_rule_map(const mst_yaml_node *rule, mst_diags *diags)
{
  const mst_yaml_node *match = mst_yaml_node_get(rule, "match"), *case_node = mst_yaml_node_get(rule, "ignore_case");

  for (size_t i = 0; i < mst_yaml_node_count(rule); i++) {
    static const char *const keys[] = {"match", "levels", "ignore_case", NULL};
    const mst_yaml_node *key = mst_yaml_node_key_at(rule, i);
    if (!is_one_of(mst_yaml_node_text(key), keys))
      mst_yaml_complain(diags, key, "unknown key \"%.64s\"; a rule has match, levels and ignore_case", mst_yaml_node_text(key));
  }
  if (match)
    check_pattern(match, is_true(case_node), diags);
  else
    mst_yaml_complain(diags, rule, "a rule needs match: its pattern");
  if (mst_yaml_node_get(rule, "levels"))
    check_levels(mst_yaml_node_get(rule, "levels"), diags);
  if (case_node && !is_true(case_node) && strcmp(mst_yaml_node_text(case_node), "false") != 0)
    mst_yaml_complain(diags, case_node, "write true or false");
}

static void
check_rule_name(const mst_yaml_node *key, mst_diags *diags)
{
  static const char *const taken[] = {"secret", "pii", NULL};
  const char *name = mst_yaml_node_text(key);
  size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.");

  if (length == 0 || name[length] != '\0' || length > RULE_NAME_MAX_BYTES)
    mst_yaml_complain(diags, key, "\"%.80s\" is no name of a rule; use at most %d of a-z, 0-9, - _ and .", name, RULE_NAME_MAX_BYTES);
  else if (is_one_of(name, taken))
    mst_yaml_complain(diags, key, "rule %s counts what `secrets: true` and `pii: true` find; choose another name", name);
}

static void
check_rules(const mst_yaml_node *rules, mst_diags *diags)
{
  if (mst_yaml_node_kind(rules) != MST_YAML_MAP || mst_yaml_node_count(rules) > RULES_MAX) {
    mst_yaml_complain(diags, rules, "must be a map of at most %d names and patterns, such as {audit: \"action=audit\"}", RULES_MAX);
    return;
  }
  for (size_t i = 0; i < mst_yaml_node_count(rules); i++) {
    const mst_yaml_node *rule = mst_yaml_node_at(rules, i);
    check_rule_name(mst_yaml_node_key_at(rules, i), diags);
    if (mst_yaml_node_kind(rule) == MST_YAML_MAP)
      check_rule_map(rule, diags);
    else
      check_pattern(rule, false, diags);
  }
}

static void
check_fields(const mst_yaml_node *map, mst_diags *diags)
{
  if (mst_yaml_node_kind(map) != MST_YAML_MAP) {
    mst_yaml_complain(diags, map, "must be a map of fields and the names that they have, such as {level: [lvl]}");
    return;
  }
  for (size_t i = 0; i < mst_yaml_node_count(map); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(map, i), *names = mst_yaml_node_at(map, i);
    bool is_list = mst_yaml_node_kind(names) == MST_YAML_LIST;
    size_t count = is_list ? mst_yaml_node_count(names) : 1;
    if (!is_one_of(mst_yaml_node_text(key), field_kinds))
      mst_yaml_complain(diags, key, "there is no field \"%.64s\"; choose of timestamp, level, message, trace, trace_id",
                        mst_yaml_node_text(key));
    if (count == 0 || count > FIELD_NAMES_MAX)
      mst_yaml_complain(diags, names, "write 1 to %d names", FIELD_NAMES_MAX);
    for (size_t k = 0; k < count; k++) {
      const mst_yaml_node *name = is_list ? mst_yaml_node_at(names, k) : names;
      if (mst_yaml_node_kind(name) != MST_YAML_SCALAR || mst_yaml_node_text(name)[0] == '\0' || strlen(mst_yaml_node_text(name)) > 128)
        mst_yaml_complain(diags, name, "write a name of 1 to 128 bytes; dots reach into maps: log.level");
    }
  }
}

static void
check_files(const mst_plan_tail_file *tail, mst_diags *diags)
{
  const mst_yaml_node *node = mst_yaml_node_get(tail->place.node, "files");

  for (size_t i = 0; i < tail->files.count; i++) {
    const mst_yaml_node *one = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node;
    const char *path = tail->files.items[i];
    if (path[0] == '\0' || strlen(path) > MST_PLAN_VALUE_MAX_BYTES)
      mst_yaml_complain(diags, one, "write a text of 1 to %d bytes", MST_PLAN_VALUE_MAX_BYTES);
    else if (path[0] != '/')
      mst_yaml_complain(diags, one, "\"%.128s\" is no absolute path: begin it with /", path);
  }
}

static void
check_source(const mst_plan_tail_file *tail, mst_diags *diags)
{
  const mst_yaml_node *node = tail->place.node;
  bool has_files = mst_yaml_node_get(node, "files") != NULL;

  if (has_files == (tail->journal != NULL))
    mst_yaml_complain(diags, has_files ? mst_yaml_node_get(node, "journal") : node,
                      has_files ? "a tail has either files or a journal: make two tails of it"
                                : "missing key files (a list of texts) or journal (a map)");
  check_files(tail, diags);
  if (!tail->journal)
    return;
  mst_plan_journal_check(tail->journal, diags);
  if (strcmp(formats[tail->format], "docker") == 0)
    mst_yaml_complain(diags, mst_yaml_node_get(node, "format"), "docker is a format of files; choose auto, json or text for a journal");
}

void
mst_plan_tail_check(const mst_plan_tail_file *tail, mst_diags *diags)
{
  check_source(tail, diags);
  for (size_t i = 0; i < tail->required.count; i++)
    if (!is_one_of(tail->required.items[i], field_kinds))
      mst_yaml_complain(diags, mst_yaml_node_get(tail->place.node, "required"),
                        "there is no field \"%.64s\"; choose of timestamp, level, message, trace_id", tail->required.items[i]);
  if (tail->rules)
    check_rules(tail->rules, diags);
  if (tail->fields)
    check_fields(tail->fields, diags);
}

/* ---- what agents are told ---- */

/* The options of one tail, their values and the texts that stand nowhere in the file, in one block. */
typedef struct compiled {
  mst_plan_option options[24];
  mst_text values[GLOBS_MAX + 2 * MST_PLAN_JOURNAL_PATTERNS_MAX + 3 * RULES_MAX + 5 * FIELD_NAMES_MAX + 24];
  char texts[RULES_MAX + 8][LEVELS_TEXT_BYTES];
  uint32_t option_count, value_count, text_count;
} compiled;

static mst_text
text_of(const char *text)
{
  return (mst_text){text, strlen(text)};
}

static void
begin_option(compiled *to, const char *key)
{
  to->options[to->option_count++] = (mst_plan_option){.key = text_of(key), .values = &to->values[to->value_count]};
}

static void
add_value(compiled *to, const char *value)
{
  to->values[to->value_count++] = text_of(value);
  to->options[to->option_count - 1].value_count++;
}

static void
put_one(compiled *to, const char *key, const char *value)
{
  begin_option(to, key);
  add_value(to, value);
}

static void
put_number(compiled *to, const char *key, double number)
{
  char *text = to->texts[to->text_count++];

  snprintf(text, NUMBER_TEXT_BYTES, "%.15g", number);
  put_one(to, key, text);
}

static void
put_strings(compiled *to, const char *key, const mst_config_strings *list)
{
  if (list->count == 0)
    return;
  begin_option(to, key);
  for (size_t i = 0; i < list->count; i++)
    add_value(to, list->items[i]);
}

static void
put_texts(compiled *to, const char *key, const mst_yaml_node *list)
{
  if (!list)
    return;
  begin_option(to, key);
  if (mst_yaml_node_kind(list) != MST_YAML_LIST)
    add_value(to, mst_yaml_node_text(list));
  for (size_t i = 0; mst_yaml_node_kind(list) == MST_YAML_LIST && i < mst_yaml_node_count(list); i++)
    add_value(to, mst_yaml_node_text(mst_yaml_node_at(list, i)));
}

static void
put_journal(compiled *to, const mst_yaml_node *journal)
{
  const mst_yaml_node *path = journal ? mst_yaml_node_get(journal, "path") : NULL;

  if (!journal)
    return;
  put_one(to, "journal", path ? mst_yaml_node_text(path) : "host");
  put_texts(to, "journal_units", mst_yaml_node_get(journal, "units"));
  put_texts(to, "journal_identifiers", mst_yaml_node_get(journal, "identifiers"));
  put_texts(to, "journal_priority", mst_yaml_node_get(journal, "priority"));
}

static void
put_fields(compiled *to, const mst_yaml_node *map)
{
  static const char *const keys[] = {"field_timestamp", "field_level", "field_message", "field_trace", "field_trace_id"};

  for (size_t i = 0; map && field_kinds[i]; i++) {
    const mst_yaml_node *names = mst_yaml_node_get(map, field_kinds[i]);
    put_texts(to, keys[i], names);
  }
}

/* "error,fatal", and "ignore_case" among them where it is asked for. */
static const char *
flags_of(compiled *to, const mst_yaml_node *rule)
{
  const mst_yaml_node *list = mst_yaml_node_get(rule, "levels");
  char *text = to->texts[to->text_count++];
  size_t used = 0;

  text[0] = '\0';
  for (const char *const *level = levels; list && *level; level++) {
    bool is_named = mst_yaml_node_kind(list) == MST_YAML_SCALAR && strcmp(mst_yaml_node_text(list), *level) == 0;
    for (size_t i = 0; mst_yaml_node_kind(list) == MST_YAML_LIST && i < mst_yaml_node_count(list); i++)
      is_named = is_named || strcmp(mst_yaml_node_text(mst_yaml_node_at(list, i)), *level) == 0;
    if (is_named)
      used += (size_t)snprintf(text + used, LEVELS_TEXT_BYTES - used, "%s%s", used ? "," : "", *level);
  }
  if (is_true(mst_yaml_node_get(rule, "ignore_case")))
    snprintf(text + used, LEVELS_TEXT_BYTES - used, "%signore_case", used ? "," : "");
  return text;
}
_Static_assert(sizeof "trace,debug,info,warn,error,fatal,ignore_case" <= LEVELS_TEXT_BYTES, "all flags of a rule fit");

static void
put_rules(compiled *to, const mst_yaml_node *rules)
{
  size_t count = rules ? mst_yaml_node_count(rules) : 0;

  if (count == 0)
    return;
  begin_option(to, "rule_names");
  for (size_t i = 0; i < count; i++)
    add_value(to, mst_yaml_node_text(mst_yaml_node_key_at(rules, i)));
  begin_option(to, "rule_patterns");
  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *rule = mst_yaml_node_at(rules, i);
    add_value(to, mst_yaml_node_text(mst_yaml_node_kind(rule) == MST_YAML_MAP ? mst_yaml_node_get(rule, "match") : rule));
  }
  begin_option(to, "rule_flags");
  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *rule = mst_yaml_node_at(rules, i);
    add_value(to, mst_yaml_node_kind(rule) == MST_YAML_MAP ? flags_of(to, rule) : "");
  }
}

mst_err
mst_plan_tail_compile(const mst_plan_tail_file *tail, mst_plan_collector *ret_collector, mst_errctx *ctx)
{
  compiled *to = mst_alloc(1, sizeof *to);

  if (!to)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for tail %s", tail->name);
  put_strings(to, "files", &tail->files);
  put_journal(to, tail->journal);
  put_one(to, "format", formats[tail->format]);
  put_one(to, "from", froms[tail->from]);
  put_strings(to, "required", &tail->required);
  put_fields(to, tail->fields);
  put_rules(to, tail->rules);
  put_one(to, "secrets", tail->secrets ? "true" : "false");
  put_one(to, "pii", tail->pii ? "true" : "false");
  put_number(to, "line_max", (double)tail->line_max_bytes);
  put_number(to, "files_max", (double)tail->files_max);
  put_number(to, "cpu_share", tail->cpu_share);
  put_number(to, "backlog_max", (double)tail->backlog_max_bytes);
  *ret_collector = (mst_plan_collector){
      .name = text_of("tail"), .instance = text_of(tail->name), .option_count = to->option_count, .options = to->options};
  return MST_OK;
}

void
mst_plan_tail_done(mst_plan_collector *collector)
{
  mst_free(collector->options); /* the first member of the block */
  *collector = (mst_plan_collector){0};
}

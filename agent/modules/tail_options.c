/* Options of a tail, as the plan gives them. */
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "tail_state.h"

static const char *
text_of(const mst_collector_env *env, const char *key, const char *otherwise)
{
  const mst_option *option = mst_collector_option(env, key);

  return option && option->value_count == 1 ? option->values[0] : otherwise;
}

static mst_err
choose(const mst_collector_env *env, const char *key, const char *const *names, int *ret_index, mst_errctx *ctx)
{
  const char *text = text_of(env, key, names[0]);

  for (int i = 0; names[i]; i++) {
    if (strcmp(names[i], text) == 0) {
      *ret_index = i;
      return MST_OK;
    }
  }
  return mst_fail(ctx, MST_EUSAGE, "option %s: \"%.32s\" is not known to this agent", key, text);
}

static mst_err
read_number(const mst_collector_env *env, const char *key, const char *otherwise, double least, double most, double *ret_number,
            mst_errctx *ctx)
{
  const char *text = text_of(env, key, otherwise);
  char *end;
  double number = strtod(text, &end);

  if (end == text || *end != '\0' || !(number >= least && number <= most))
    return mst_fail(ctx, MST_EUSAGE, "option %s: \"%.32s\" is no number from %g to %g", key, text, least, most);
  *ret_number = number;
  return MST_OK;
}

/* "error,fatal,ignore_case" */
static mst_err
read_flags(const char *text, mst_scan_rule *rule, mst_errctx *ctx)
{
  static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal"};

  while (*text) {
    size_t length = strcspn(text, ","), i = 0;
    while (i < sizeof names / sizeof names[0] && (strlen(names[i]) != length || memcmp(names[i], text, length) != 0))
      i++;
    if (i < sizeof names / sizeof names[0])
      rule->levels |= 1U << i;
    else if (length == strlen("ignore_case") && memcmp(text, "ignore_case", length) == 0)
      rule->ignore_case = true;
    else
      return mst_fail(ctx, MST_EUSAGE, "rule %s: \"%.*s\" is not known to this agent", rule->name, (int)length, text);
    text += length + (text[length] == ',');
  }
  return MST_OK;
}

static mst_err
read_rules(const mst_collector_env *env, mst_tail_options *options, mst_errctx *ctx)
{
  const mst_option *names = mst_collector_option(env, "rule_names"), *patterns = mst_collector_option(env, "rule_patterns"),
                   *flags = mst_collector_option(env, "rule_flags");
  size_t count = names ? names->value_count : 0;
  mst_err err = MST_OK;

  if (count > MST_SCAN_RULES_MAX || (count > 0 && (!patterns || patterns->value_count != count)) || (flags && flags->value_count != count))
    return mst_fail(ctx, MST_EUSAGE, "%zu rules with %zu patterns; at most %d are possible", count, patterns ? patterns->value_count : 0,
                    MST_SCAN_RULES_MAX);
  for (size_t i = 0; i < count && err == MST_OK; i++) {
    options->rules[i] = (mst_scan_rule){.name = names->values[i], .pattern = patterns->values[i]};
    if (strlen(names->values[i]) >= MST_TAIL_RULE_NAME_BYTES)
      err = mst_fail(ctx, MST_ELIMIT, "rule %.70s: its name is over %d bytes", names->values[i], MST_TAIL_RULE_NAME_BYTES - 1);
    else if (flags)
      err = read_flags(flags->values[i], &options->rules[i], ctx);
  }
  options->scan.rules = options->rules;
  options->scan.rule_count = count;
  return err;
}

static mst_err
read_fields(const mst_collector_env *env, mst_tail_options *options, mst_errctx *ctx)
{
  static const char *const keys[MST_SCAN_FIELDS] = {"field_timestamp", "field_level", "field_message", "field_trace", "field_trace_id"};
  static const char *const kinds[] = {"timestamp", "level", "message", "trace", "trace_id"};
  const mst_option *required = mst_collector_option(env, "required");

  for (int field = 0; field < MST_SCAN_FIELDS; field++) {
    const mst_option *names = mst_collector_option(env, keys[field]);
    for (size_t i = 0; names && i < names->value_count && i < MST_SCAN_NAMES_MAX; i++)
      options->names[field][i] = names->values[i];
    options->scan.names[field] = options->names[field];
  }
  for (size_t i = 0; required && i < required->value_count; i++) {
    size_t field = 0;
    while (field < MST_SCAN_FIELDS && strcmp(kinds[field], required->values[i]) != 0)
      field++;
    if (field == MST_SCAN_FIELDS)
      return mst_fail(ctx, MST_EUSAGE, "option required: there is no field \"%.32s\"", required->values[i]);
    options->scan.required |= 1U << field;
  }
  return MST_OK;
}

static mst_err
read_journal(const mst_collector_env *env, mst_tail_options *options, mst_errctx *ctx)
{
  static const char *const priorities[] = {"debug", "info", "notice", "warning", "err", "crit", "alert", "emerg", NULL};
  const mst_option *units = mst_collector_option(env, "journal_units"), *identifiers = mst_collector_option(env, "journal_identifiers");
  const char *path = text_of(env, "journal", "");
  const void *source = NULL;
  int priority = 0;
  mst_err err = choose(env, "journal_priority", priorities, &priority, ctx);

  if (err == MST_OK && path[0] != '/' && strcmp(path, "host") != 0)
    return mst_fail(ctx, MST_EUSAGE, "option journal: \"%.128s\" is neither \"host\" nor an absolute path", path);
  if (err == MST_OK)
    err = mst_module_find("journal", "mst_tail_journal", &source, ctx);
  if (err != MST_OK)
    return mst_fail_within(ctx, err, "journals cannot be read here");
  options->source = source;
  options->journal.path = path[0] == '/' ? path : NULL;
  options->journal.units = units ? units->values : NULL;
  options->journal.unit_count = units ? units->value_count : 0;
  options->journal.identifiers = identifiers ? identifiers->values : NULL;
  options->journal.identifier_count = identifiers ? identifiers->value_count : 0;
  options->journal.priority_max = MST_JOURNAL_PRIORITY_DEBUG - priority;
  return MST_OK;
}

static mst_err
read_source(const mst_collector_env *env, mst_tail_options *options, mst_errctx *ctx)
{
  const mst_option *files = mst_collector_option(env, "files");
  bool is_journal = mst_collector_option(env, "journal") != NULL;

  if (is_journal == (files && files->value_count > 0))
    return mst_fail(ctx, MST_EUSAGE, "%s: give the tail either files or a journal in the plan",
                    is_journal ? "both files and a journal are named" : "no files are named");
  if (is_journal)
    return read_journal(env, options, ctx);
  options->source = &mst_tail_files;
  options->follow.globs = files->values;
  options->follow.glob_count = files->value_count;
  return MST_OK;
}

mst_err
mst_tail_options_read(const mst_collector_env *env, mst_tail_options *ret_options, mst_errctx *ctx)
{
  static const char *const formats[] = {"auto", "json", "text", "docker", NULL}, *const froms[] = {"end", "start", NULL},
                           *const switches[] = {"true", "false", NULL};
  int format = 0, from = 0, no_secrets = 0, no_pii = 0;
  double line_max = 0, files_max = 0, backlog_max = 0;
  mst_tail_options *options = ret_options;
  mst_err err = read_source(env, options, ctx);

  if (err == MST_OK)
    err = choose(env, "format", formats, &format, ctx);
  if (err == MST_OK)
    err = choose(env, "from", froms, &from, ctx);
  if (err == MST_OK)
    err = choose(env, "secrets", switches, &no_secrets, ctx);
  if (err == MST_OK)
    err = choose(env, "pii", switches, &no_pii, ctx);
  if (err == MST_OK)
    err = read_number(env, "line_max", "1048576", 1024, 16777216, &line_max, ctx);
  if (err == MST_OK)
    err = read_number(env, "files_max", "256", 1, MST_FOLLOW_FILES_MAX, &files_max, ctx);
  if (err == MST_OK)
    err = read_number(env, "cpu_share", "0.2", 0.001, 1, &options->cpu_share, ctx);
  if (err == MST_OK)
    err = read_number(env, "backlog_max", "1073741824", 1024, 1e15, &backlog_max, ctx);
  if (err == MST_OK)
    err = read_rules(env, options, ctx);
  if (err == MST_OK)
    err = read_fields(env, options, ctx);
  if (err != MST_OK)
    return err;
  options->scan.format = (mst_scan_format)format;
  options->scan.secrets = options->secrets = !no_secrets;
  options->scan.pii = options->pii = !no_pii;
  options->scan.fingerprint_key = env->fingerprint_key;
  options->follow.root_fd = env->root_fd;
  options->follow.clock = env->clock;
  options->follow.from_start = from == 1;
  options->follow.files_max = (uint32_t)files_max;
  options->follow.line_max_bytes = (size_t)line_max;
  options->journal.root_fd = env->root_fd;
  options->journal.clock = env->clock;
  options->journal.from_start = from == 1;
  options->journal.line_max_bytes = (size_t)line_max;
  options->backlog_max_bytes = (uint64_t)backlog_max;
  return MST_OK;
}

/* Followed logs: what they give, without what it takes to measure it. */
#include "tail.h"

#include "emit.h"

const char *const mst_tail_levels[] = {"trace", "debug", "info", "warn", "error", "fatal", "unknown", NULL};
const char *const mst_tail_checks[] = {"json", "required-fields", "error-with-stack-trace", "trace-id", NULL};

const mst_signal mst_tail_signals[MST_TAIL_SIGNALS] = {
    [MST_TAIL_AGE] = {"muster.log.age", MST_SIGNAL_GAUGE, "s", "Time since something was last appended to the log's files"},
    [MST_TAIL_BYTES] = {"muster.log.bytes", MST_SIGNAL_COUNTER, "By", "Bytes of the log that were read, by file (rotated ones with it)"},
    [MST_TAIL_CHECKED] = {"muster.log.checked", MST_SIGNAL_COUNTER, "{record}",
                          "Records that were looked at for a quality: being JSON, having the required fields, a stack trace, a trace id"},
    [MST_TAIL_CPU_TIME] = {"muster.log.cpu.time", MST_SIGNAL_COUNTER, "s", "CPU time that following and reading the log took"},
    [MST_TAIL_CUT] = {"muster.log.cut_lines", MST_SIGNAL_COUNTER, "{line}", "Lines that were longer than line_max: looked at only so far"},
    [MST_TAIL_FILES] = {"muster.log.files", MST_SIGNAL_GAUGE, "{file}", "Files that fit the log's patterns now, without rotated ones"},
    [MST_TAIL_INVALID] = {"muster.log.invalid_lines", MST_SIGNAL_COUNTER, "{line}", "Lines that are no valid UTF-8"},
    [MST_TAIL_LOST] = {"muster.log.lost", MST_SIGNAL_COUNTER, "{event}",
                       "How often a part of the log was gone before it was read: deleted, compressed, cut off or skipped"},
    [MST_TAIL_PASSED] = {"muster.log.passed", MST_SIGNAL_COUNTER, "{record}",
                         "Of the records that were looked at for a quality, those that have it"},
    [MST_TAIL_RECORDS] = {"muster.log.records", MST_SIGNAL_COUNTER, "{record}", "Records by level, and those that fit a rule by rule"},
    [MST_TAIL_ROTATED_FILES] = {"muster.log.rotated_files", MST_SIGNAL_GAUGE, "{file}",
                                "Rotated siblings of the log's files that are there now, compressed ones included"},
    [MST_TAIL_ROTATIONS] = {"muster.log.rotations", MST_SIGNAL_COUNTER, "{rotation}", "Rotations of the log's files that were seen"},
    [MST_TAIL_SECRETS] = {"muster.log.secrets", MST_SIGNAL_COUNTER, "{match}",
                          "Secrets and personal data in the log, by what they look like and by a keyed fingerprint, never the text"},
    [MST_TAIL_SKIPPED] = {"muster.log.skipped", MST_SIGNAL_COUNTER, "By", "Bytes that were not read, because more than backlog_max waited"},
    [MST_TAIL_UNREAD] = {"muster.log.unread", MST_SIGNAL_GAUGE, "By", "Bytes that wait to be read"},
};

static const mst_option_help options[] = {
    {"files", "none", "absolute paths or shell patterns of the log files"},
    {"journal", "none", "in place of files: host for the host's own systemd journal, or an absolute path of a folder of journal files"},
    {"journal_units", "all", "units, or shell patterns of units, whose entries are read"},
    {"journal_identifiers", "all", "identifiers (SYSLOG_IDENTIFIER), or shell patterns, whose entries are read"},
    {"journal_priority", "debug", "emerg, alert, crit, err, warning, notice, info or debug: what is less urgent is not read"},
    {"format", "auto", "auto, json, text or docker"},
    {"from", "end", "end or start: where reading begins in files that are there at first"},
    {"required", "none", "fields that every record should have"},
    {"field_timestamp", "the usual names", "names of the time stamp in JSON lines"},
    {"field_level", "the usual names", "names of the level"},
    {"field_message", "the usual names", "names of the message"},
    {"field_trace", "the usual names", "names of the stack trace"},
    {"field_trace_id", "the usual names", "names of the trace id"},
    {"rule_names", "none", "names of the rules"},
    {"rule_patterns", "none", "their patterns, in the same order"},
    {"rule_flags", "none", "for each rule, comma-separated: levels that it is limited to, ignore_case"},
    {"secrets", "true", "whether secrets are looked for"},
    {"pii", "true", "whether personal data is looked for"},
    {"line_max", "1048576", "bytes of a line that are looked at"},
    {"files_max", "256", "how many files are followed at most"},
    {"cpu_share", "0.2", "share of one CPU that reading may take"},
    {"backlog_max", "1073741824", "bytes that may wait to be read before the oldest are skipped"},
};

static bool
is_on(const mst_collector_env *env, const char *key)
{
  const mst_option *option = mst_collector_option(env, key);

  return !option || option->value_count != 1 || option->values[0][0] != 'f';
}

static void
miss(mst_emit *emit, int signal, const mst_tag tags[static 2], size_t tag_count, bool is_absent, const char *reason)
{
  (is_absent ? mst_emit_absent : mst_emit_error)(emit, &mst_tail_signals[signal], tags, tag_count, reason);
}

mst_err
mst_tail_miss(const mst_collector_env *env, bool is_absent, const char *reason, mst_sink *sink, mst_errctx *ctx)
{
  const mst_option *rules = mst_collector_option(env, "rule_names");
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_tag tags[] = {{"log", env->instance}, {"rule", "secret"}};

  miss(&emit, MST_TAIL_BYTES, tags, 1, is_absent, reason);
  if (is_on(env, "secrets"))
    miss(&emit, MST_TAIL_RECORDS, tags, 2, is_absent, reason);
  tags[1].value = "pii";
  if (is_on(env, "pii"))
    miss(&emit, MST_TAIL_RECORDS, tags, 2, is_absent, reason);
  for (size_t i = 0; rules && i < rules->value_count; i++) {
    tags[1].value = rules->values[i];
    miss(&emit, MST_TAIL_RECORDS, tags, 2, is_absent, reason);
  }
  tags[1].key = "level";
  for (const char *const *level = mst_tail_levels; *level; level++) {
    tags[1].value = *level;
    miss(&emit, MST_TAIL_RECORDS, tags, 2, is_absent, reason);
  }
  tags[1].key = "what";
  for (const char *const *check = mst_tail_checks; *check; check++) {
    tags[1].value = *check;
    miss(&emit, MST_TAIL_CHECKED, tags, 2, is_absent, reason);
    miss(&emit, MST_TAIL_PASSED, tags, 2, is_absent, reason);
  }
  return emit.err;
}

static mst_err
withhold(const mst_collector_env *env, const char *reason, mst_sink *sink, mst_errctx *ctx)
{
  return mst_tail_miss(env, false, reason, sink, ctx);
}

const mst_collector mst_collector_tail = {
    .name = "tail",
    .help = "Records of followed log files, by level and rule, and how good they are",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = mst_tail_signals,
    .signal_count = MST_TAIL_SIGNALS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .withhold = withhold,
    .module = "tails",
};

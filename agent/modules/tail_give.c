/* Samples of a followed log. */
#include <stdio.h>

#include <mst/common/file.h>

#include "collectors/emit.h"
#include "collectors/tail.h"
#include "tail_state.h"

static const mst_signal *
signal_of(int number)
{
  return &mst_tail_signals[number];
}

static void
give_scan(const mst_tail *tail, mst_emit *emit)
{
  const mst_tail_totals *totals = &tail->given.totals;
  const mst_scan_counts *scan = &totals->scan;
  mst_tag tags[] = {{"log", tail->env.instance}, {"level", NULL}};

  for (size_t i = 0; mst_tail_levels[i]; i++) {
    tags[1].value = mst_tail_levels[i];
    mst_emit_counter(emit, signal_of(MST_TAIL_RECORDS), tags, 2, totals->since, (double)scan->levels[i]);
  }
  tags[1].key = "rule";
  for (uint32_t i = 0; i < totals->rule_count; i++) {
    tags[1].value = totals->rules[i].name;
    mst_emit_counter(emit, signal_of(MST_TAIL_RECORDS), tags, 2, totals->rules[i].since, (double)scan->rules[i]);
  }
  tags[1].value = "secret";
  if (tail->options.secrets)
    mst_emit_counter(emit, signal_of(MST_TAIL_RECORDS), tags, 2, totals->since, (double)scan->secrets);
  tags[1].value = "pii";
  if (tail->options.pii)
    mst_emit_counter(emit, signal_of(MST_TAIL_RECORDS), tags, 2, totals->since, (double)scan->pii);
  tags[1].key = "what";
  for (size_t i = 0; mst_tail_checks[i]; i++) {
    tags[1].value = mst_tail_checks[i];
    mst_emit_counter(emit, signal_of(MST_TAIL_CHECKED), tags, 2, totals->since, (double)scan->checked[i]);
    mst_emit_counter(emit, signal_of(MST_TAIL_PASSED), tags, 2, totals->since, (double)scan->passed[i]);
  }
  mst_emit_counter(emit, signal_of(MST_TAIL_INVALID), tags, 1, totals->since, (double)scan->invalid_lines);
  mst_emit_counter(emit, signal_of(MST_TAIL_CUT), tags, 1, totals->since, (double)totals->cut_lines);
}

static void
give_paths(const mst_tail *tail, mst_emit *emit)
{
  const mst_tail_totals *totals = &tail->given.totals;
  char print[2 * MST_SCAN_PRINT_BYTES + 1];

  for (uint32_t i = 0; i <= MST_TAIL_PATHS_MAX; i++) {
    const mst_tag tags[] = {{"log", tail->env.instance}, {"file", totals->paths[i].path}};
    if (i < totals->path_count || (i == MST_TAIL_PATHS_MAX && totals->paths[i].bytes > 0))
      mst_emit_counter(emit, signal_of(MST_TAIL_BYTES), tags, 2, totals->paths[i].since, (double)totals->paths[i].bytes);
  }
  for (uint32_t i = 0; i < totals->secret_count; i++) {
    const mst_tail_secret *secret = &totals->secrets[i];
    const mst_tag tags[] = {
        {"log", tail->env.instance}, {"file", totals->paths[secret->path].path}, {"pattern", secret->pattern}, {"fingerprint", print}};
    mst_hex_encode(secret->print, sizeof secret->print, print);
    mst_emit_counter(emit, signal_of(MST_TAIL_SECRETS), tags, 4, secret->since, (double)secret->count);
  }
}

/* What is right even when the counts are not. */
static void
give_state(const mst_tail *tail, mst_emit *emit)
{
  const mst_tail_view *view = &tail->given;
  const mst_tag tag = {"log", tail->env.instance};
  double age_s = (double)(mst_clock_wall(tail->env.clock).ns - view->stats.appended_at.ns) / 1e9;

  mst_emit_counter(emit, signal_of(MST_TAIL_LOST), &tag, 1, view->totals.first_since, (double)view->totals.lost);
  mst_emit_counter(emit, signal_of(MST_TAIL_SKIPPED), &tag, 1, view->totals.first_since, (double)view->totals.skipped_bytes);
  mst_emit_counter(emit, signal_of(MST_TAIL_ROTATIONS), &tag, 1, view->totals.first_since, (double)view->totals.rotations);
  mst_emit_counter(emit, signal_of(MST_TAIL_CPU_TIME), &tag, 1, tail->opened_at, (double)view->cpu_ns / 1e9);
  mst_emit_gauge(emit, signal_of(MST_TAIL_UNREAD), &tag, 1, (double)view->stats.unread_bytes);
  mst_emit_gauge(emit, signal_of(MST_TAIL_FILES), &tag, 1, (double)view->stats.files);
  mst_emit_gauge(emit, signal_of(MST_TAIL_ROTATED_FILES), &tag, 1, (double)view->stats.rotated_files);
  if (view->stats.appended_at.ns > 0)
    mst_emit_gauge(emit, signal_of(MST_TAIL_AGE), &tag, 1, age_s > 0 ? age_s : 0);
}

mst_err
mst_tail_give(const mst_tail *tail, mst_sink *sink, mst_errctx *ctx)
{
  const mst_tail_view *view = &tail->given;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  char reason[MST_TAIL_TEXT_BYTES + 64] = "";

  give_state(tail, &emit);
  if (emit.err != MST_OK)
    return emit.err;
  if (view->broken[0])
    snprintf(reason, sizeof reason, "%s", view->broken);
  else if (view->stats.trouble[0])
    snprintf(reason, sizeof reason, "%s", view->stats.trouble);
  else if (view->stats.left_out > 0)
    snprintf(reason, sizeof reason, "%u files are not followed: raise files_max", view->stats.left_out);
  else if (view->is_behind)
    snprintf(reason, sizeof reason, "%llu bytes wait to be read: raise cpu_share, or log less",
             (unsigned long long)view->stats.unread_bytes);
  if (reason[0])
    return mst_tail_miss(&tail->env, false, reason, sink, ctx);
  if (view->stats.families == 0) {
    snprintf(reason, sizeof reason, "no file fits %.200s", tail->options.follow.glob_count > 0 ? tail->options.follow.globs[0] : "the log");
    return mst_tail_miss(&tail->env, true, reason, sink, ctx);
  }
  give_scan(tail, &emit);
  give_paths(tail, &emit);
  return emit.err;
}

/* The judge: which check reads which series of which host, and the windows that come in. */
#include "judge_state.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

/* Sliding spans keep so many windows more than the grace, for hosts whose clock is a little ahead. */
enum { AHEAD_WINDOWS = 8, JUDGE_MAX_WINDOWS = 1000 * 1000 };

static mst_err
no_memory(mst_errctx *ctx)
{
  return mst_fail(ctx, MST_ENOMEM, "out of memory for the judge");
}

static void
host_done(mst_judge_host *host)
{
  mst_free(host->agent_id);
  mst_free(host->hostname);
  mst_streaks_done(&host->windows);
  mst_free(host->defined);
  mst_free(host->cells);
}

void
mst_judge_destroy(mst_judge *judge)
{
  if (!judge)
    return;
  for (uint32_t i = 0; judge->plans && i < judge->plan_count; i++) {
    mst_plan_entry *plan = &judge->plans[i];
    for (uint32_t j = 0; plan->slots && j < plan->host_count; j++) {
      for (uint32_t k = 0; k < plan->slots[j].count; k++)
        mst_cell_destroy(plan->slots[j].cells[k]);
      mst_free(plan->slots[j].cells);
    }
    mst_free(plan->hosts);
    mst_free(plan->slots);
  }
  for (uint32_t i = 0; judge->hosts && i < judge->host_count; i++)
    host_done(&judge->hosts[i]);
  mst_free(judge->plans);
  mst_free(judge->plan_of_check);
  mst_free(judge->interests);
  mst_free(judge->hosts);
  mst_free(judge->rows);
  mst_free(judge->statements);
  mst_free(judge->evidence);
  mst_pool_done(&judge->statement_texts);
  mst_pool_done(&judge->evidence_texts);
  mst_free(judge->run_id);
  mst_free(judge);
}

static bool
copy_hosts(mst_judge *judge, const mst_judge_setup *setup)
{
  judge->hosts = mst_alloc(setup->host_count ? setup->host_count : 1, sizeof *judge->hosts);
  if (!judge->hosts)
    return false;
  judge->host_count = (uint32_t)setup->host_count;
  for (uint32_t i = 0; i < judge->host_count; i++) {
    mst_judge_host *host = &judge->hosts[i];
    mst_streaks_init(&host->windows, 0);
    host->agent_id = mst_strdup(setup->hosts[i].agent_id);
    host->hostname = mst_strdup(setup->hosts[i].hostname);
    if (!host->agent_id || !host->hostname)
      return false;
  }
  return true;
}

static bool
make_plan(mst_judge *judge, const mst_judge_setup *setup, const mst_check *check)
{
  mst_plan_entry *plan = &judge->plans[judge->plan_count];
  uint32_t capacity = judge->host_count ? judge->host_count : 1;

  judge->plan_of_check[check->number] = judge->plan_count++;
  plan->check = check;
  plan->hosts = mst_alloc(capacity, sizeof *plan->hosts);
  if (!plan->hosts)
    return false;
  for (uint32_t i = 0; i < judge->host_count; i++)
    if (mst_select_match(&check->measure.hosts, setup->hosts[i].labels, setup->hosts[i].label_count))
      plan->hosts[plan->host_count++] = i;
  plan->slots = mst_alloc(plan->host_count ? plan->host_count : 1, sizeof *plan->slots);
  return plan->slots != NULL;
}

static int
compare_interests(const void *a, const void *b)
{
  const mst_interest *x = a, *y = b;
  int order = strcmp(x->signal, y->signal);

  if (order == 0)
    order = (x->plan > y->plan) - (x->plan < y->plan);
  return order ? order : x->whole - y->whole;
}

static bool
make_plans(mst_judge *judge, const mst_judge_setup *setup)
{
  const mst_checklist *list = judge->list;

  judge->plans = mst_alloc(list->check_count, sizeof *judge->plans);
  judge->plan_of_check = mst_alloc(list->check_count, sizeof *judge->plan_of_check);
  judge->interests = mst_alloc(2 * list->check_count, sizeof *judge->interests);
  if (!judge->plans || !judge->plan_of_check || !judge->interests)
    return false;
  for (size_t i = 0; i < list->item_count; i++) {
    for (size_t j = 0; j < list->items[i].check_count; j++) {
      const mst_check *check = &list->items[i].checks[j];
      judge->plan_of_check[check->number] = UINT32_MAX;
      if (check->kind != &mst_check_kind_measure)
        continue;
      judge->interests[judge->interest_count++] = (mst_interest){.signal = check->measure.signal, .plan = judge->plan_count};
      if (check->measure.of_signal)
        judge->interests[judge->interest_count++] =
            (mst_interest){.signal = check->measure.of_signal, .plan = judge->plan_count, .whole = true};
      if (!make_plan(judge, setup, check))
        return false;
    }
  }
  qsort(judge->interests, judge->interest_count, sizeof *judge->interests, compare_interests);
  return true;
}

static mst_err
check_setup(const mst_judge_setup *setup, mst_errctx *ctx)
{
  int64_t period_ns = setup->checklist->file.period_ns;

  if (setup->window_ns <= 0 || setup->grace_ns < 0 || setup->start.ns < 0 || setup->start.ns % setup->window_ns != 0)
    return mst_fail(ctx, MST_ESTATE, "a run must start at a multiple of the window, %lld ns", (long long)setup->window_ns);
  if (period_ns % setup->window_ns != 0 || period_ns / setup->window_ns > JUDGE_MAX_WINDOWS || setup->start.ns > INT64_MAX - 2 * period_ns)
    return mst_fail(ctx, MST_ESTATE, "the period of %s must be a multiple of the window and at most %d windows",
                    setup->checklist->file.name, JUDGE_MAX_WINDOWS);
  if (setup->host_count > UINT32_MAX / 2)
    return mst_fail(ctx, MST_ELIMIT, "a roster of %zu hosts", setup->host_count);
  for (size_t i = 0; i < setup->checklist->item_count; i++) {
    const mst_item *item = &setup->checklist->items[i];
    for (size_t j = 0; j < item->check_count; j++)
      if (item->checks[j].kind == &mst_check_kind_measure && item->checks[j].measure.bucket_ns > 0 &&
          item->checks[j].measure.bucket_ns < setup->window_ns)
        return mst_fail(ctx, MST_ESTATE, "item %s: a trend bucket is shorter than the window of %lld ns", item->id,
                        (long long)setup->window_ns);
  }
  return MST_OK;
}

mst_err
mst_judge_create(const mst_judge_setup *setup, mst_judge **ret_judge, mst_errctx *ctx)
{
  mst_err err = check_setup(setup, ctx);
  mst_judge *judge;

  if (err != MST_OK)
    return err;
  judge = mst_alloc(1, sizeof *judge);
  if (!judge)
    return no_memory(ctx);
  judge->list = setup->checklist;
  judge->series = setup->series;
  judge->grace_ns = setup->grace_ns;
  judge->grid = (mst_grid){
      .start = setup->start,
      .window_ns = setup->window_ns,
      .windows = (uint32_t)(setup->checklist->file.period_ns / setup->window_ns),
      .ahead = (uint32_t)(setup->grace_ns / setup->window_ns < JUDGE_MAX_WINDOWS ? setup->grace_ns / setup->window_ns : JUDGE_MAX_WINDOWS) +
               AHEAD_WINDOWS,
  };
  judge->run_id = mst_strdup(setup->run_id);
  if (!judge->run_id || !copy_hosts(judge, setup) || !make_plans(judge, setup)) {
    mst_judge_destroy(judge);
    return no_memory(ctx);
  }
  *ret_judge = judge;
  return MST_OK;
}

static mst_err
note_defined(mst_judge_host *host, uint32_t series, uint32_t window, mst_errctx *ctx)
{
  if (series >= host->defined_count) {
    uint32_t count = series + 1 > 2 * host->defined_count ? series + 1 : 2 * host->defined_count;
    uint32_t *defined = mst_realloc(host->defined, count, sizeof *defined);
    if (!defined)
      return no_memory(ctx);
    for (uint32_t i = host->defined_count; i < count; i++)
      defined[i] = UINT32_MAX;
    host->defined = defined;
    host->defined_count = count;
  }
  if (window < host->defined[series])
    host->defined[series] = window;
  return MST_OK;
}

static mst_err
insert_cell(mst_judge_host *host, mst_slot *slot, uint32_t at, mst_cell *cell, mst_errctx *ctx)
{
  mst_cell **cells = mst_realloc(slot->cells, slot->count + 1, sizeof *cells);

  if (!cells)
    return no_memory(ctx);
  slot->cells = cells;
  if (host->cell_count == host->cell_capacity) {
    uint32_t capacity = host->cell_capacity ? 2 * host->cell_capacity : 64;
    mst_cell **all = mst_realloc(host->cells, capacity, sizeof *all);
    if (!all)
      return no_memory(ctx);
    host->cells = all;
    host->cell_capacity = capacity;
  }
  memmove(&cells[at + 1], &cells[at], (slot->count - at) * sizeof *cells);
  cells[at] = cell;
  slot->count++;
  host->cells[host->cell_count++] = cell;
  return MST_OK;
}

/* Where a series of these labels belongs among the slot's cells; kinds and units break ties, so that the order never hangs on that of
 * arrival. */
static uint32_t
place_of(const mst_slot *slot, const mst_series *series)
{
  uint32_t at = 0;

  for (; at < slot->count; at++) {
    const mst_series *other = slot->cells[at]->lineages[0].series;
    int order = mst_series_compare_labels(other, series);
    if (order > 0 || (order == 0 && other->kind > series->kind))
      break;
  }
  return at;
}

/* Which of the slot's cells takes this series in; slot->count when none does. A ratio has one cell for all. */
static uint32_t
cell_for(const mst_slot *slot, const mst_series *series, bool is_ratio)
{
  uint32_t found = slot->count;

  for (uint32_t i = 0; i < slot->count; i++)
    if (is_ratio || mst_cell_is_kin(slot->cells[i], series))
      found = i;
  return found;
}

static mst_err
join_slot(mst_judge *judge, mst_judge_host *host, const mst_plan_entry *plan, mst_slot *slot, const mst_series *series, uint32_t number,
          bool whole, uint32_t window, mst_errctx *ctx)
{
  const uint32_t at = cell_for(slot, series, plan->check->measure.stat == MST_STAT_RATIO);
  mst_err err;

  if (at == MST_CELLS_MAX) {
    slot->crowded = true;
    return MST_OK;
  }
  if (at < slot->count) {
    err = mst_cell_join(slot->cells[at], series, number, whole, window, ctx);
  } else {
    mst_cell *cell = NULL;
    err = mst_cell_create(plan->check, &judge->grid, series, &cell, ctx);
    if (err != MST_OK)
      return err;
    err = mst_cell_join(cell, series, number, whole, window, ctx);
    if (err == MST_OK)
      err = insert_cell(host, slot, place_of(slot, series), cell, ctx);
    if (err != MST_OK)
      mst_cell_destroy(cell);
  }
  if (err == MST_ELIMIT) {
    slot->crowded = true;
    return MST_OK;
  }
  return err;
}

static bool
wants(const mst_interest *interest, const mst_plan_entry *plan, const mst_series *series)
{
  const mst_check_measure *measure = &plan->check->measure;

  return mst_select_match(interest->whole ? &measure->of_where : &measure->where, series->labels, series->label_count);
}

static mst_slot *
slot_of(const mst_plan_entry *plan, uint32_t host)
{
  uint32_t low = 0, high = plan->host_count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (plan->hosts[middle] < host)
      low = middle + 1;
    else
      high = middle;
  }
  return low < plan->host_count && plan->hosts[low] == host ? &plan->slots[low] : NULL;
}

static int
compare_signal(const char *signal, mst_text name)
{
  int order = strncmp(signal, name.data, name.size_bytes);

  return order ? order : signal[name.size_bytes] != '\0';
}

static mst_err
add_to_checks(mst_judge *judge, uint32_t host, const mst_series *series, uint32_t number, uint32_t window, mst_errctx *ctx)
{
  uint32_t low = 0, high = judge->interest_count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (compare_signal(judge->interests[middle].signal, series->name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < judge->interest_count && compare_signal(judge->interests[low].signal, series->name) == 0; low++) {
    const mst_interest *interest = &judge->interests[low];
    const mst_plan_entry *plan = &judge->plans[interest->plan];
    mst_slot *slot = slot_of(plan, host);
    if (!slot || !wants(interest, plan, series))
      continue;
    mst_err err = join_slot(judge, &judge->hosts[host], plan, slot, series, number, interest->whole, window, ctx);
    if (err != MST_OK)
      return err;
  }
  return MST_OK;
}

mst_err
mst_judge_add_series(mst_judge *judge, size_t host_index, uint32_t number, mst_wall defined_at, mst_errctx *ctx)
{
  mst_judge_host *host = &judge->hosts[host_index];
  const mst_series *series = mst_series_table_get(judge->series, number);
  int64_t since = (defined_at.ns - judge->grid.start.ns) / judge->grid.window_ns;
  uint32_t window = defined_at.ns <= judge->grid.start.ns ? 0 : since < judge->grid.windows ? (uint32_t)since : judge->grid.windows;
  uint32_t known;

  if (!series)
    return mst_fail(ctx, MST_EABSENT, "no series %u in the table", number);
  known = number < host->defined_count ? host->defined[number] : UINT32_MAX;
  if (known <= window)
    return MST_OK;
  /* What those windows held of it was passed over when they came. */
  if (mst_streaks_present(&host->windows, window, known) > 0)
    return mst_fail(ctx, MST_ESTATE, "series %u of %s was defined before windows that are judged already; forget them and add them anew",
                    number, host->hostname);
  mst_err err = add_to_checks(judge, (uint32_t)host_index, series, number, window, ctx);
  return err == MST_OK ? note_defined(host, number, window, ctx) : err;
}

/* Whether a window has fewer reports than its length asks for, give or take one. */
static bool
is_thin(const mst_window *window, int64_t window_ns)
{
  int64_t covered = 0, longest = 0;
  uint32_t count = mst_window_column_count(window);

  for (uint32_t i = 0; i < count; i++) {
    int64_t interval = mst_window_column_at(window, i)->interval_ns;
    covered += interval < window_ns ? interval : window_ns;
    longest = interval > longest ? interval : longest;
  }
  return covered < window_ns - longest;
}

static mst_err
index_rows(mst_judge *judge, const mst_judge_host *host, const mst_window *window, mst_errctx *ctx)
{
  uint32_t count = mst_series_table_count(judge->series), rows = mst_window_row_count(window);

  if (count > judge->row_count) {
    const mst_window_row **all = mst_realloc(judge->rows, count, sizeof *all);
    if (!all)
      return no_memory(ctx);
    memset(all + judge->row_count, 0, (count - judge->row_count) * sizeof *all);
    judge->rows = all;
    judge->row_count = count;
  }
  for (uint32_t i = 0; i < rows; i++) {
    const mst_window_row *row = mst_window_row_at(window, i);
    if (row->series < judge->row_count && row->series < host->defined_count && host->defined[row->series] != UINT32_MAX)
      judge->rows[row->series] = row;
  }
  return MST_OK;
}

static void
clear_rows(mst_judge *judge, const mst_window *window)
{
  for (uint32_t i = 0; i < mst_window_row_count(window); i++) {
    uint32_t series = mst_window_row_at(window, i)->series;
    if (series < judge->row_count)
      judge->rows[series] = NULL;
  }
}

mst_err
mst_judge_add_window(mst_judge *judge, size_t host_index, const mst_window *window, mst_errctx *ctx)
{
  mst_judge_host *host = &judge->hosts[host_index];
  int64_t since = mst_window_start(window).ns - judge->grid.start.ns;
  mst_err err;

  if (mst_window_length_ns(window) != judge->grid.window_ns || since % judge->grid.window_ns != 0)
    return mst_fail(ctx, MST_EMALFORMED, "a window of %s does not fit into the run's grid of %lld ns", host->hostname,
                    (long long)judge->grid.window_ns);
  if (since < 0 || since / judge->grid.window_ns >= judge->grid.windows)
    return MST_OK;
  uint32_t index = (uint32_t)(since / judge->grid.window_ns);
  err = mst_streaks_add(&host->windows, index, NULL, NULL, NULL, ctx);
  if (err != MST_OK)
    return mst_fail_within(ctx, err, "windows of %s", host->hostname);
  bool thin = is_thin(window, judge->grid.window_ns);
  err = index_rows(judge, host, window, ctx);
  for (uint32_t i = 0; err == MST_OK && i < host->cell_count; i++)
    err = mst_cell_add(host->cells[i], window, index, judge->rows, thin, ctx);
  clear_rows(judge, window);
  /* Some cells have it and some do not: what is there is worth nothing. */
  if (err != MST_OK)
    mst_judge_forget_windows(judge, host_index);
  return err;
}

void
mst_judge_forget_windows(mst_judge *judge, size_t host_index)
{
  mst_judge_host *host = &judge->hosts[host_index];

  mst_streaks_clear(&host->windows);
  for (uint32_t i = 0; i < host->cell_count; i++)
    mst_cell_clear(host->cells[i]);
}

void
mst_judge_set_host(mst_judge *judge, size_t host_index, mst_host_state state, mst_wall last_received_at, int64_t interval_ns)
{
  mst_judge_host *host = &judge->hosts[host_index];

  host->state = state;
  host->last_received_at = last_received_at;
  host->interval_ns = interval_ns;
}

void
mst_judge_end(mst_judge *judge, mst_wall ended_at)
{
  judge->ended_at = ended_at;
}

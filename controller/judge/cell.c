/* Cells: what a check keeps of one series of one host. */
#include "cell.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "why.h"

/* Ratios of the most lineages have the greatest payload. */
enum { PAYLOAD_MAX_BYTES = 32 * 1024 };

void
mst_span_windows(const mst_span *span, const mst_grid *grid, uint32_t *ret_from, uint32_t *ret_to, uint32_t *ret_slide)
{
  *ret_from = 0;
  *ret_to = grid->windows;
  *ret_slide = 0;
  if (span->type == MST_SPAN_HOURS) {
    int64_t from = span->from_ns / grid->window_ns, to = span->to_ns / grid->window_ns;
    *ret_from = from < grid->windows ? (uint32_t)from : grid->windows;
    *ret_to = to < grid->windows ? (uint32_t)to : grid->windows;
  } else if (span->type == MST_SPAN_SLIDING) {
    int64_t slide = (span->length_ns + grid->window_ns - 1) / grid->window_ns;
    *ret_slide = slide < grid->windows ? (uint32_t)slide : grid->windows;
  }
}

static int
compare_texts(mst_text a, mst_text b)
{
  size_t least = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
  int order = least ? memcmp(a.data, b.data, least) : 0;

  return order ? order : (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

int
mst_series_compare_labels(const mst_series *a, const mst_series *b)
{
  for (uint32_t i = 0; i < a->label_count && i < b->label_count; i++) {
    int order = compare_texts(a->labels[i].key, b->labels[i].key);
    if (order == 0)
      order = compare_texts(a->labels[i].value, b->labels[i].value);
    if (order != 0)
      return order;
  }
  return (a->label_count > b->label_count) - (a->label_count < b->label_count);
}

static bool
same_lineage(const mst_series *a, const mst_series *b)
{
  return a->kind == b->kind && compare_texts(a->name, b->name) == 0 && compare_texts(a->unit, b->unit) == 0 &&
         mst_series_compare_labels(a, b) == 0;
}

bool
mst_cell_is_kin(const mst_cell *cell, const mst_series *series)
{
  for (uint32_t i = 0; i < cell->lineage_count; i++)
    if (same_lineage(cell->lineages[i].series, series))
      return true;
  return false;
}

static int
find_unfit(const mst_check *check, const mst_series *series)
{
  const mst_check_measure *measure = &check->measure;
  bool text = check->bounds.target.type == MST_TARGET_TEXT;

  if (!mst_family_for(measure, text, series->kind))
    return MST_WHY_KIND;
  if (text || measure->baseline.evidence)
    return MST_WHY_HOLDS;
  const char *unit = mst_stat_unit(measure->stat, series->unit), *target = check->bounds.target.unit;
  if (measure->stat == MST_STAT_SLOPE && !check->bounds.target.relative && check->bounds.target.per_hour)
    unit = mst_stat_unit(MST_STAT_AVG, series->unit);
  if (unit && target[0] != '\0' && strcmp(unit, target) != 0)
    return MST_WHY_UNIT;
  return MST_WHY_HOLDS;
}

/* The ring of a sliding span, or the runs of a fixed one. */
static mst_err
make_store(mst_cell *cell, const mst_grid *grid, mst_errctx *ctx)
{
  bool keeps_values = cell->family == &mst_family_trend;

  if (keeps_values) {
    mst_streaks_init(&cell->runs, 0);
    cell->bucket = (uint32_t)(cell->measure->bucket_ns / cell->window_ns);
    if (cell->bucket == 0)
      return mst_fail(ctx, MST_ESTATE, "trend buckets of %lld ns hold no window of %lld ns", (long long)cell->measure->bucket_ns,
                      (long long)cell->window_ns);
    cell->trend = mst_trend_create(cell->to - cell->from, cell->bucket);
    return cell->trend ? MST_OK : mst_fail(ctx, MST_ENOMEM, "out of memory for a trend");
  }
  mst_streaks_init(&cell->runs, cell->family->payload_bytes);
  if (cell->slide > 0) {
    cell->ring_slots = cell->slide + grid->ahead;
    cell->ring = mst_alloc(cell->ring_slots, cell->runs.stride_bytes);
    cell->ring_windows = mst_alloc(cell->ring_slots, sizeof *cell->ring_windows);
    return cell->ring && cell->ring_windows ? MST_OK : mst_fail(ctx, MST_ENOMEM, "out of memory for %u windows", cell->ring_slots);
  }
  if (cell->measure->stat == MST_STAT_QUANTILE) {
    cell->hist = mst_alloc(1, sizeof *cell->hist);
    if (!cell->hist)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for a histogram");
    mst_hist_init(cell->hist);
  }
  return MST_OK;
}

mst_err
mst_cell_create(const mst_check *check, const mst_grid *grid, const mst_series *first, mst_cell **ret_cell, mst_errctx *ctx)
{
  mst_cell *cell = mst_alloc(1, sizeof *cell);

  if (!cell)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a series of %s", check->measure.signal);
  cell->measure = &check->measure;
  cell->bounds = &check->bounds;
  cell->kind = first->kind;
  cell->window_ns = grid->window_ns;
  cell->unfit = find_unfit(check, first);
  cell->family = mst_family_for(&check->measure, check->bounds.target.type == MST_TARGET_TEXT, first->kind);
  cell->hold = 1;
  if (check->measure.every_ns > grid->window_ns)
    cell->hold = (uint32_t)((check->measure.every_ns + grid->window_ns - 1) / grid->window_ns);
  mst_span_windows(&check->measure.span, grid, &cell->from, &cell->to, &cell->slide);
  cell->span_start.ns = grid->start.ns + (int64_t)cell->from * grid->window_ns;
  mst_weight_limits(cell->bounds, cell->limits);
  if (!cell->family)
    cell->family = &mst_family_last; /* nothing is read of an unfit cell */
  mst_err err = make_store(cell, grid, ctx);
  if (err != MST_OK) {
    mst_cell_destroy(cell);
    return err;
  }
  *ret_cell = cell;
  return MST_OK;
}

void
mst_cell_destroy(mst_cell *cell)
{
  if (!cell)
    return;
  mst_streaks_done(&cell->runs);
  mst_streaks_done(&cell->troubled);
  mst_free(cell->ring);
  mst_free(cell->ring_windows);
  mst_trend_destroy(cell->trend);
  if (cell->hist)
    mst_hist_done(cell->hist);
  mst_free(cell->hist);
  mst_free(cell->excuse);
  mst_free(cell->lineages);
  mst_free(cell->members);
  mst_free(cell);
}

/* Payloads of a ratio hold every lineage. */
static mst_err
widen(mst_cell *cell, mst_errctx *ctx)
{
  uint32_t stride = mst_ratio_payload_bytes(cell->lineage_count), old = cell->runs.stride_bytes;

  mst_err err = mst_streaks_widen(&cell->runs, stride, ctx);
  if (err != MST_OK || !cell->ring)
    return err;
  uint8_t *ring = mst_alloc(cell->ring_slots, stride);
  if (!ring)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %u windows", cell->ring_slots);
  for (uint32_t i = 0; i < cell->ring_slots; i++)
    memcpy(ring + (size_t)i * stride, cell->ring + (size_t)i * old, old);
  mst_free(cell->ring);
  cell->ring = ring;
  return MST_OK;
}

static mst_err
find_lineage(mst_cell *cell, const mst_series *series, bool whole, uint32_t defined, uint32_t *ret_lineage, mst_errctx *ctx)
{
  mst_lineage *lineages;

  for (uint32_t i = 0; i < cell->lineage_count; i++) {
    if (cell->lineages[i].whole != whole || !same_lineage(cell->lineages[i].series, series))
      continue;
    if (defined < cell->lineages[i].defined)
      cell->lineages[i].defined = defined;
    *ret_lineage = i;
    return MST_OK;
  }
  if (cell->lineage_count == MST_LINEAGES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "a ratio of over %d series of one host", MST_LINEAGES_MAX);
  lineages = mst_realloc(cell->lineages, cell->lineage_count + 1, sizeof *lineages);
  if (!lineages)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a series of %s", cell->measure->signal);
  cell->lineages = lineages;
  lineages[cell->lineage_count] = (mst_lineage){.series = series, .whole = whole, .defined = defined};
  *ret_lineage = cell->lineage_count++;
  return cell->family == &mst_family_ratio ? widen(cell, ctx) : MST_OK;
}

mst_err
mst_cell_join(mst_cell *cell, const mst_series *series, uint32_t number, bool whole, uint32_t defined, mst_errctx *ctx)
{
  uint32_t lineage = 0, at;
  mst_member *members;
  mst_err err = find_lineage(cell, series, whole, defined, &lineage, ctx);

  if (err != MST_OK)
    return err;
  for (at = 0; at < cell->member_count; at++)
    if (cell->members[at].series == number && cell->members[at].lineage == lineage)
      return MST_OK;
  if (cell->member_count == MST_MEMBERS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "%s began anew over %d times on one host", cell->measure->signal, MST_MEMBERS_MAX);
  members = mst_realloc(cell->members, cell->member_count + 1, sizeof *members);
  if (!members)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a series of %s", cell->measure->signal);
  cell->members = members;
  for (at = cell->member_count; at > 0; at--) {
    const mst_member *before = &members[at - 1];
    if (before->lineage < lineage || (before->lineage == lineage && before->start_ns <= series->start_at.ns))
      break;
    members[at] = *before;
  }
  members[at] = (mst_member){.series = number, .lineage = lineage, .start_ns = series->start_at.ns};
  cell->member_count++;
  if (cell->unfit == MST_WHY_HOLDS && !mst_family_for(cell->measure, false, series->kind) && cell->family == &mst_family_ratio)
    cell->unfit = MST_WHY_KIND;
  return MST_OK;
}

static void
merge_payloads(const void *context, void *left, const void *right, bool adjacent)
{
  const mst_cell *cell = context;
  mst_payload *into = left;
  const mst_payload *from = right;

  cell->family->merge(cell, into, from, adjacent);
  into->windows += from->windows;
  into->uncertain += from->uncertain;
  into->absent += from->absent;
  into->thin += from->thin;
}

/* The rows that are the cell's, and how their samples went. */
static void
look(const mst_cell *cell, const mst_window_row *const *rows, const mst_window_row **found, const mst_member **members, mst_sight *sight)
{
  for (uint32_t i = 0; i < cell->member_count; i++) {
    const mst_window_row *row = rows[cell->members[i].series];
    if (!row || sight->count == MST_MEMBERS_MAX)
      continue;
    found[sight->count] = row;
    members[sight->count++] = &cell->members[i];
    for (uint32_t j = 0; j < row->cell_count; j++) {
      sight->ok += row->cells[j].status == MST_SAMPLE_OK;
      sight->absent += row->cells[j].status == MST_SAMPLE_ABSENT;
      sight->error += row->cells[j].status == MST_SAMPLE_ERROR;
    }
  }
}

/* Remembers the reason of the last error, for people: of the latest window, in whatever order windows come. */
static void
note_excuse(mst_cell *cell, uint32_t index, const mst_sight *sight)
{
  const mst_window_cell *last = NULL;

  if (sight->error == 0 || (cell->excuse && cell->excuse->index > index))
    return;
  for (size_t i = 0; i < sight->count; i++)
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++)
      if (sight->rows[i]->cells[j].status == MST_SAMPLE_ERROR)
        last = &sight->rows[i]->cells[j];
  if (!last || last->text.size_bytes == 0)
    return;
  if (!cell->excuse)
    cell->excuse = mst_alloc(1, sizeof *cell->excuse);
  if (!cell->excuse) /* the outcome does not hang on it */
    return;
  size_t length = last->text.size_bytes < sizeof cell->excuse->text - 1 ? last->text.size_bytes : sizeof cell->excuse->text - 1;
  while (length > 0 && length < last->text.size_bytes && ((unsigned char)last->text.data[length] & 0xc0) == 0x80)
    length--; /* not within a character */
  memcpy(cell->excuse->text, last->text.data, length);
  cell->excuse->text[length] = '\0';
  cell->excuse->index = index;
}

static mst_err
keep(mst_cell *cell, uint32_t index, mst_payload *payload, mst_errctx *ctx)
{
  if (cell->trend) {
    mst_err err = mst_streaks_add(&cell->runs, index, NULL, NULL, NULL, ctx);
    return err == MST_OK ? mst_trend_add(cell->trend, index - cell->from, payload, ctx) : err;
  }
  if (!cell->ring)
    return mst_streaks_add(&cell->runs, index, payload, merge_payloads, cell, ctx);
  uint32_t slot = index % cell->ring_slots;
  if (cell->ring_windows[slot] > index)
    return MST_OK; /* older than the span reaches back */
  memcpy(cell->ring + (size_t)slot * cell->runs.stride_bytes, payload, cell->runs.stride_bytes);
  cell->ring_windows[slot] = index + 1;
  return MST_OK;
}

/* It was due here and could not be read. */
static mst_err
note_trouble(mst_cell *cell, uint32_t index, mst_errctx *ctx)
{
  if (cell->hold == 1)
    return MST_OK;
  return mst_streaks_add(&cell->troubled, index, NULL, NULL, NULL, ctx);
}

/* Whether the window has something to keep; fills the zeroed payload. */
static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *payload)
{
  bool last = cell->family == &mst_family_last, ratio = cell->family == &mst_family_ratio;

  if (sight->ok + sight->absent == 0 || (sight->ok == 0 && sight->error > 0 && !last))
    return false;
  /* A thing that is said to be gone leaves a window without a value, which is no missing one. */
  return (sight->ok == 0 && !last && !ratio) || cell->family->observe(cell, sight, payload);
}

mst_err
mst_cell_add(mst_cell *cell, const mst_window *window, uint32_t index, const mst_window_row *const *rows, bool thin, mst_errctx *ctx)
{
  _Alignas(16) uint8_t bytes[PAYLOAD_MAX_BYTES];
  mst_payload *payload = (mst_payload *)(void *)bytes;
  const mst_window_row *found[MST_MEMBERS_MAX];
  const mst_member *members[MST_MEMBERS_MAX];
  mst_sight sight = {.window = window, .index = index, .start = mst_window_start(window), .rows = found, .members = members};

  if (index < cell->from || index >= cell->to || cell->unfit != MST_WHY_HOLDS)
    return MST_OK;
  look(cell, rows, found, members, &sight);
  if (sight.count == 0)
    return MST_OK;
  note_excuse(cell, index, &sight);
  memset(bytes, 0, cell->trend ? cell->family->payload_bytes : cell->runs.stride_bytes);
  if (!observe(cell, &sight, payload))
    return note_trouble(cell, index, ctx);
  payload->windows = sight.ok > 0;
  payload->uncertain = sight.ok > 0 && sight.error > 0;
  payload->absent = sight.ok == 0;
  payload->thin = thin;
  return keep(cell, index, payload, ctx);
}

void
mst_cell_clear(mst_cell *cell)
{
  mst_streaks_clear(&cell->runs);
  mst_streaks_clear(&cell->troubled);
  mst_free(cell->excuse);
  cell->excuse = NULL;
  if (cell->ring)
    memset(cell->ring_windows, 0, cell->ring_slots * sizeof *cell->ring_windows);
  if (cell->trend)
    mst_trend_clear(cell->trend);
  if (cell->hist) {
    mst_hist_done(cell->hist);
    mst_hist_init(cell->hist);
  }
}

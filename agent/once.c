/* One report for a person or a program to read, without a controller; see once.h. */
#include "once_rows.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

static size_t
place_of(const mst_sampler *sampler, uint32_t id)
{
  const char *name = mst_sampler_series_collector(sampler, id);
  size_t count = mst_sampler_collector_count(sampler);

  for (size_t i = 0; i < count; i++) {
    if (strcmp(mst_sampler_collector_at(sampler, i).name, name) == 0)
      return i;
  }
  return count;
}

static int
compare_rows(const void *left, const void *right, void *sampler)
{
  const mst_once_row *a = left, *b = right;

  if (a->collector != b->collector)
    return a->collector < b->collector ? -1 : 1;

  mst_text name = mst_sampler_series_at(sampler, a->id)->name, other = mst_sampler_series_at(sampler, b->id)->name;
  size_t shorter = name.size_bytes < other.size_bytes ? name.size_bytes : other.size_bytes;
  int order = memcmp(name.data, other.data, shorter);

  if (order == 0)
    order = name.size_bytes < other.size_bytes ? -1 : name.size_bytes > other.size_bytes;
  return order ? order : (a->id > b->id) - (a->id < b->id);
}

static mst_err
read_rows(mst_bytes body, mst_once_rows *rows, mst_wall *ret_at, mst_errctx *ctx)
{
  mst_report report;
  mst_err err = mst_report_decode(body, &report, ctx);

  if (err != MST_OK)
    return err;
  rows->list = mst_alloc(report.header.sample_count ? report.header.sample_count : 1, sizeof *rows->list);
  if (!rows->list)
    return mst_fail(ctx, MST_ENOMEM, "no memory for %u samples", report.header.sample_count);
  while (rows->count < report.header.sample_count) {
    mst_once_row *row = &rows->list[rows->count];

    err = mst_report_next_sample(&report, &row->sample, ctx);
    if (err != MST_OK)
      return err;
    if (row->sample.id >= mst_sampler_series_count(rows->sampler))
      return mst_fail(ctx, MST_EMALFORMED, "the report has a sample of series %u, which is not defined", row->sample.id);
    row->id = row->sample.id;
    row->collector = place_of(rows->sampler, row->id);
    rows->count++;
  }
  *ret_at = report.header.at;
  return MST_OK;
}

/* What counters did in a second between an earlier report and this one. */
static mst_err
add_rates(mst_bytes earlier, mst_once_rows *rows, mst_wall at, mst_errctx *ctx)
{
  mst_once_rows before = {.sampler = rows->sampler};
  mst_wall before_at;
  mst_err err = read_rows(earlier, &before, &before_at, ctx);
  double seconds = err == MST_OK ? (double)(at.ns - before_at.ns) / 1e9 : 0;

  for (size_t i = 0; seconds > 0 && i < before.count; i++) {
    const mst_sample *old = &before.list[i].sample;

    if (old->status != MST_SAMPLE_OK || mst_sampler_series_at(rows->sampler, old->id)->kind != MST_SIGNAL_COUNTER)
      continue;
    for (size_t j = 0; j < rows->count; j++) {
      mst_once_row *row = &rows->list[j];

      if (row->id != old->id || row->sample.status != MST_SAMPLE_OK || row->sample.number < old->number)
        continue;
      row->has_rate = true;
      row->per_s = (row->sample.number - old->number) / seconds;
      break;
    }
  }
  mst_free(before.list);
  return err;
}

mst_err
mst_once_print(FILE *out, const mst_sampler *sampler, mst_bytes earlier, mst_bytes body, mst_once_format format, mst_errctx *ctx)
{
  mst_once_rows rows = {.sampler = sampler};
  mst_wall at;
  mst_err err = read_rows(body, &rows, &at, ctx);

  if (err == MST_OK && earlier.size_bytes > 0)
    err = add_rates(earlier, &rows, at, ctx);
  if (err == MST_OK) {
    union {
      const mst_sampler *in;
      void *out;
    } borrowed = {.in = sampler}; /* qsort_r has no const argument */

    qsort_r(rows.list, rows.count, sizeof *rows.list, compare_rows, borrowed.out);
    err = format == MST_ONCE_JSON ? mst_once_print_json(out, &rows, ctx) : mst_once_print_text(out, &rows, ctx);
  }
  if (err == MST_OK && (fflush(out) != 0 || ferror(out)))
    err = mst_fail_errno(ctx, MST_EIO, "write what was measured");
  mst_free(rows.list);
  return err;
}

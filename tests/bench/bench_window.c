/* What a minute of one host costs: adding its reports, sealing and encoding the window, decoding it again; and how big the document is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>
#include <mst/controller/window.h>

enum { SERIES = 150, REPORTS = 6, MINUTES = 3000 };

static uint64_t state = 1;

static uint32_t
below(uint32_t bound)
{
  state = state * 6364136223846793005 + 1442695040888963407;
  return (uint32_t)(state >> 33) % bound;
}

static void
must(mst_err err, const mst_errctx *ctx)
{
  if (err == MST_OK)
    return;
  fprintf(stderr, "bench_window: %s\n", ctx->text);
  exit(1);
}

static int64_t
now(void)
{
  return mst_clock_mono(mst_clock_system()).ns;
}

/* As the base plan's: two fifths counters of seconds and of bytes, two fifths gauges (half of them bytes, a quarter each ratios and
 * constant), a tenth states. */
static mst_signal_kind
kind_of(uint32_t id)
{
  return id % 10 < 5 ? MST_SIGNAL_COUNTER : id % 10 < 9 ? MST_SIGNAL_GAUGE : MST_SIGNAL_STATE;
}

static mst_err
write_sample(mst_report_writer *writer, uint32_t id, uint32_t tick, mst_errctx *ctx)
{
  switch (id % 10) {
  case 0:
  case 1:
    return mst_report_write_number(writer, id, (1000000.0 * id + 731.0 * tick + below(300)) / 100, ctx);
  case 2:
  case 3:
  case 4:
    return mst_report_write_number(writer, id, 5e9 * id + 20000.0 * tick + below(5000), ctx);
  case 5:
  case 6:
    return mst_report_write_number(writer, id, 4096.0 * (1000000 + below(2000)), ctx);
  case 7:
    return mst_report_write_number(writer, id, below(100000) / 100003.0, ctx);
  case 8:
    return mst_report_write_number(writer, id, 8e9, ctx);
  default:
    return mst_report_write_state(writer, id, "up", ctx);
  }
}

static void
make_reports(mst_buf bodies[REPORTS], mst_report reports[REPORTS], mst_errctx *ctx)
{
  mst_report_header header = {.at = {1}, .interval_ns = 10 * MST_NS_PER_S, .definitions = SERIES};
  mst_report_writer writer;

  mst_report_writer_init(&writer);
  for (uint32_t tick = 0; tick < REPORTS; tick++) {
    for (uint32_t id = 0; id < SERIES; id++)
      must(write_sample(&writer, id, tick, ctx), ctx);
    mst_buf_init(&bodies[tick], MST_ENVELOPE_MAX_BODY_BYTES);
    must(mst_report_writer_finish(&writer, &header, &bodies[tick], ctx), ctx);
    must(mst_report_decode((mst_bytes){bodies[tick].data, bodies[tick].size_bytes}, &reports[tick], ctx), ctx);
  }
  mst_report_writer_done(&writer);
}

static mst_series_table *
make_table(uint32_t numbers[SERIES], mst_errctx *ctx)
{
  mst_series_table *table;

  must(mst_series_table_create(SERIES, &table, ctx), ctx);
  for (uint32_t id = 0; id < SERIES; id++) {
    char name[32];
    bool is_new;
    int bytes = snprintf(name, sizeof name, "bench.signal.%u", id);
    mst_series series = {.name = {name, (size_t)bytes}, .kind = kind_of(id), .unit = {"1", 1}};
    must(mst_series_table_intern(table, &series, &numbers[id], &is_new, ctx), ctx);
  }
  return table;
}

int
main(void)
{
  uint32_t numbers[SERIES];
  mst_report reports[REPORTS];
  mst_buf bodies[REPORTS], bytes;
  mst_errctx ctx = {0};
  int64_t adding = 0, sealing = 0, decoding = 0;

  must(mst_crypto_start(&ctx), &ctx);
  mst_series_table *table = make_table(numbers, &ctx);
  make_reports(bodies, reports, &ctx);
  mst_buf_init(&bytes, MST_WINDOW_MAX_BYTES);
  for (uint32_t minute = 0; minute < MINUTES; minute++) {
    mst_window *window, *again;
    int64_t start = now();
    must(mst_window_create((mst_wall){minute * 60 * MST_NS_PER_S}, 60 * MST_NS_PER_S, &window, &ctx), &ctx);
    for (uint32_t i = 0; i < REPORTS; i++) {
      mst_window_column column = {.sequence = minute * REPORTS + i + 1,
                                  .at = {minute * 60 * MST_NS_PER_S + i * 10 * MST_NS_PER_S + below(1000000)},
                                  .interval_ns = 10 * MST_NS_PER_S};
      must(mst_window_add(window, &column, &reports[i], numbers, SERIES, table, &ctx), &ctx);
    }
    int64_t added = now();
    mst_buf_reset(&bytes);
    must(mst_window_seal(window, &ctx), &ctx);
    must(mst_window_encode(window, &bytes, &ctx), &ctx);
    int64_t sealed = now();
    mst_window_destroy(window);
    int64_t before = now();
    must(mst_window_decode((mst_bytes){bytes.data, bytes.size_bytes}, &again, &ctx), &ctx);
    decoding += now() - before;
    mst_window_destroy(again);
    adding += added - start;
    sealing += sealed - added;
  }
  printf("window: %d reports of %d samples a minute\n", REPORTS, SERIES);
  printf("  add          %6.2f us a report\n", (double)adding / 1000 / MINUTES / REPORTS);
  printf("  seal, encode %6.2f us a window\n", (double)sealing / 1000 / MINUTES);
  printf("  decode       %6.2f us a window\n", (double)decoding / 1000 / MINUTES);
  printf("  document     %zu bytes, %.1f a series; the reports are %zu each\n", bytes.size_bytes, (double)bytes.size_bytes / SERIES,
         bodies[0].size_bytes);
  mst_buf_done(&bytes);
  for (uint32_t i = 0; i < REPORTS; i++)
    mst_buf_done(&bodies[i]);
  mst_series_table_destroy(table);
  return 0;
}

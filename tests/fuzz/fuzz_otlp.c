/* OTLP's requests in both encodings: whatever comes, the counts fit each other and what is kept is bounded. Byte 0: bit 0 metrics, bit 1
 * JSON, bit 2 gzip before it; the rest: the body. */
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

static mst_wall
wall(const mst_clock *clock)
{
  (void)clock;
  return (mst_wall){1795420000000000000};
}

static mst_mono
mono(const mst_clock *clock)
{
  (void)clock;
  return (mst_mono){1000000000000};
}

static void
check(const mst_otlp_view *view)
{
  uint64_t spans = view->spans[0] + view->spans[1] + view->spans[2];

  if (view->with_ids > view->recent || view->held > view->recent || view->complete > view->held || view->recent != spans)
    abort();
  if (view->state == MST_OTLP_IS_KNOWN && !(view->sampling >= 0))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  static const mst_clock clock = {wall, mono};
  static const mst_otlp_wanted wanted = {.required = {"service.name", "http.request.method|http.method"},
                                         .required_count = 2,
                                         .requests_metric = "http.server.request.duration"};
  mst_otlp_book *book = NULL;
  mst_errctx ctx = {0};
  mst_otlp_view view;

  if (size_bytes == 0)
    return 0;
  if (mst_otlp_book_create(&wanted, 300 * MST_NS_PER_S, &clock, &book, &ctx) != MST_OK)
    abort();
  const mst_otlp_head head = {.method = "POST",
                              .path = data[0] & 1 ? "/v1/metrics" : "/v1/traces",
                              .type = data[0] & 2 ? "application/json" : "application/x-protobuf",
                              .encoding = data[0] & 4 ? "gzip" : NULL};
  for (int time = 0; time < 2; time++) {
    mst_otlp_exchange exchange = mst_otlp_exchange_begin(&head);
    mst_otlp_answer answer;

    mst_otlp_exchange_answer(&exchange, &wanted, book, data + 1, size_bytes - 1, 1 << 20, &answer);
    if (answer.body.failed != MST_OK || (answer.status != 200) != exchange.is_refused)
      abort();
    mst_buf_done(&answer.body);
    mst_otlp_book_look(book, &view);
    check(&view);
  }
  if (view.requests[0][MST_OTLP_ACCEPTED] % 2 != 0 || view.requests[1][MST_OTLP_ACCEPTED] % 2 != 0)
    abort(); /* the same body was judged in two ways */
  mst_otlp_book_destroy(book);
  return 0;
}

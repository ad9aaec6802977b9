#include "vectors.h"

static mst_err
decode(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  uint32_t count;

  return mst_loss_decode((mst_bytes){data, size_bytes}, ranges, &count, ctx);
}

static mst_buf
vector_body(void)
{
  mst_loss_range ranges[2] = {{.first = 4, .last = 9, .samples = 900}, {.first = 1, .last = 1ULL << 40}};
  mst_errctx ctx = {0};
  mst_buf body;

  count_up(ranges[0].session.bytes, MST_SESSION_BYTES, 0xA0);
  count_up(ranges[1].session.bytes, MST_SESSION_BYTES, 0xB0);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  assert_ok(mst_loss_encode(ranges, 2, &body, &ctx), ctx);
  return body;
}

Test(loss, vector__is_reproduced_byte_for_byte)
{
  mst_buf body = vector_body();
  expect_envelope(MST_ENVELOPE_LOSS, 10, &body, "envelope-loss.json");
  mst_buf_done(&body);
}

Test(loss, what_was_encoded__comes_back)
{
  static mst_loss_range got[MST_LOSS_RANGES_MAX];
  mst_buf body = vector_body();
  mst_errctx ctx = {0};
  uint32_t count = 0;

  assert_ok(mst_loss_decode((mst_bytes){body.data, body.size_bytes}, got, &count, &ctx), ctx);
  cr_assert_eq(count, 2);
  cr_expect_eq(got[0].session.bytes[0], 0xA0);
  cr_expect_eq(got[0].first, 4);
  cr_expect_eq(got[0].last, 9);
  cr_expect_eq(got[0].samples, 900);
  cr_expect_eq(got[1].session.bytes[15], 0xBF);
  cr_expect_eq(got[1].last, 1ULL << 40);
  mst_buf_done(&body);
}

Test(loss, a_cut_at_any_byte__is_refused)
{
  mst_buf body = vector_body();
  expect_truncations_refused(body.data, body.size_bytes, decode);
  mst_buf_done(&body);
}

Test(loss, the_most_ranges__fit_and_one_more_does_not)
{
  mst_loss_range *ranges = calloc(MST_LOSS_RANGES_MAX + 1, sizeof *ranges);
  mst_errctx ctx = {0};
  mst_buf body;

  for (uint32_t i = 0; i <= MST_LOSS_RANGES_MAX; i++)
    ranges[i] = (mst_loss_range){.first = INT64_MAX, .last = INT64_MAX, .samples = INT64_MAX};
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  assert_ok(mst_loss_encode(ranges, MST_LOSS_RANGES_MAX, &body, &ctx), ctx);
  assert_ok(decode(body.data, body.size_bytes, &ctx), ctx);
  mst_buf_reset(&body);
  cr_expect_eq(mst_loss_encode(ranges, MST_LOSS_RANGES_MAX + 1, &body, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_loss_encode(ranges, 0, &body, &ctx), MST_EMALFORMED);
  mst_buf_done(&body);
  free(ranges);
}

Test(loss, encode__refuses_what_is_no_range)
{
  static const mst_loss_range bad[] = {
      {.first = 0, .last = 1}, {.first = 2, .last = 1}, {.first = 1, .last = UINT64_MAX}, {.first = 1, .last = 1, .samples = UINT64_MAX}};
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    cr_expect_eq(mst_loss_encode(&bad[i], 1, &body, &ctx), i < 2 ? MST_EMALFORMED : MST_ELIMIT);
    cr_expect_eq(body.size_bytes, 0);
  }
  mst_buf_done(&body);
}

Test(loss, decode__leaves_the_result_on_failure)
{
  static mst_loss_range got[MST_LOSS_RANGES_MAX];
  mst_buf body = vector_body();
  uint32_t count = 77;

  got[0].first = 99;
  cr_expect_neq(mst_loss_decode((mst_bytes){body.data, body.size_bytes - 1}, got, &count, NULL), MST_OK);
  cr_expect_eq(got[0].first, 99);
  cr_expect_eq(count, 77);
  mst_buf_done(&body);
}

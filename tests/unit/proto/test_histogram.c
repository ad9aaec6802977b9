#include <math.h>

#include "histogram_wire.h"
#include "vectors.h"

static mst_buf
encoded(const mst_hist *hist)
{
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_HISTOGRAM_MAX_BYTES);
  assert_ok(mst_histogram_encode(hist, &bytes, &ctx), ctx);
  return bytes;
}

static mst_err
check(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  return mst_histogram_check((mst_bytes){data, size_bytes}, ctx);
}

static void
expect_round_trip(const mst_hist *hist)
{
  mst_buf bytes = encoded(hist);
  mst_errctx ctx = {0};
  mst_hist got;

  assert_ok(mst_histogram_decode((mst_bytes){bytes.data, bytes.size_bytes}, &got, &ctx), ctx);
  cr_expect(mst_hist_equal(hist, &got));
  mst_hist_done(&got);
  mst_buf_done(&bytes);
}

Test(histogram, vectors__are_reproduced_byte_for_byte)
{
  mst_hist hist, empty;

  vector_histogram(&hist);
  mst_hist_init(&empty);
  mst_buf bytes = encoded(&hist), none = encoded(&empty);
  expect_bytes(bytes.data, bytes.size_bytes, "histogram.json", "encoded", 0);
  expect_bytes(none.data, none.size_bytes, "histogram.json", "encoded_empty", 0);
  mst_buf_done(&bytes);
  mst_buf_done(&none);
  mst_hist_done(&hist);
}

Test(histogram, any_values__come_back_equal)
{
  static const double sets[][4] = {
      {0, 0, 0, 0},
      {1, 1, 1, 1},
      {-1, 0, 1, 2},
      {1e-9, 1e-3, 1, 1e9},
      {5e-324, 1, 2, 3},
      {9.2e18, 1, -1, 0},
      {-9.2e18, -1e-300, 0, 0},
      {0.1, 0.2, 0.3, 0.4},
      {1e15, 1e15 + 1, 1e15 + 2, 0},
  };
  mst_errctx ctx = {0};

  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
    mst_hist hist;
    mst_hist_init(&hist);
    expect_round_trip(&hist);
    for (size_t j = 0; j < 4; j++) {
      assert_ok(mst_hist_add(&hist, sets[i][j], j + 1, &ctx), ctx);
      expect_round_trip(&hist);
    }
    mst_hist_done(&hist);
  }
}

Test(histogram, a_full_one__fits_its_limit)
{
  mst_errctx ctx = {0};
  mst_hist hist;

  mst_hist_init(&hist);
  for (int i = 0; i < MST_HIST_MAX_BUCKETS; i++) {
    assert_ok(mst_hist_add(&hist, pow(2, (i + 0.5) / 8), 1ULL << 40, &ctx), ctx);
    assert_ok(mst_hist_add(&hist, -pow(2, (i + 0.5) / 8), 1ULL << 40, &ctx), ctx);
  }
  expect_round_trip(&hist);
  mst_hist_done(&hist);
}

Test(histogram, a_sum_over_the_limit__is_refused)
{
  mst_errctx ctx = {0};
  mst_hist hist;
  mst_buf bytes;

  mst_hist_init(&hist);
  assert_ok(mst_hist_add(&hist, 0x1p60, 1 << 20, &ctx), ctx);
  expect_round_trip(&hist);
  assert_ok(mst_hist_add(&hist, 0x1p60, 1, &ctx), ctx);
  mst_buf_init(&bytes, MST_HISTOGRAM_MAX_BYTES);
  cr_expect_eq(mst_histogram_encode(&hist, &bytes, &ctx), MST_ELIMIT);
  cr_expect_eq(bytes.size_bytes, 0);
  mst_buf_done(&bytes);
  mst_hist_done(&hist);
}

Test(histogram, a_cut_at_any_byte__is_refused)
{
  mst_hist hist;

  vector_histogram(&hist);
  mst_buf bytes = encoded(&hist);
  expect_truncations_refused(bytes.data, bytes.size_bytes, check);
  mst_buf_done(&bytes);
  mst_hist_done(&hist);
}

Test(histogram, a_flipped_bit__gives_a_refusal_or_a_valid_histogram)
{
  mst_errctx ctx = {0};
  mst_hist hist, got;

  vector_histogram(&hist);
  mst_buf bytes = encoded(&hist);
  for (size_t i = 0; i < bytes.size_bytes * 8; i++) {
    bytes.data[i / 8] ^= (uint8_t)(1 << i % 8);
    mst_err err = mst_histogram_decode((mst_bytes){bytes.data, bytes.size_bytes}, &got, &ctx);
    cr_assert_eq(err, check(bytes.data, bytes.size_bytes, &ctx));
    if (err == MST_OK) {
      cr_assert(mst_hist_valid(&got));
      mst_hist_done(&got);
    }
    bytes.data[i / 8] ^= (uint8_t)(1 << i % 8);
  }
  mst_buf_done(&bytes);
  mst_hist_done(&hist);
}

Test(histogram, bytes_over_the_limit__are_refused)
{
  uint8_t *huge = calloc(1, MST_HISTOGRAM_MAX_BYTES + 1);
  mst_errctx ctx = {0};

  cr_expect_eq(check(huge, MST_HISTOGRAM_MAX_BYTES + 1, &ctx), MST_ELIMIT);
  free(huge);
}

Test(histogram, no_memory__is_said)
{
  mst_errctx ctx = {0};
  mst_hist hist, got;

  vector_histogram(&hist);
  mst_buf bytes = encoded(&hist);
  expect_enomem_each(mst_histogram_decode((mst_bytes){bytes.data, bytes.size_bytes}, &got, &ctx));
  mst_hist_done(&got);
  mst_buf_done(&bytes);
  mst_hist_done(&hist);
}

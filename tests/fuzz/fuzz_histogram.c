/* Histograms from the wire: what is taken is valid, merges with itself, and is encoded again to an equal one. */
#include "fuzz_proto.h"

#include <mst/proto/report.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  mst_hist hist, again;
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_err err = mst_histogram_decode((mst_bytes){data, size_bytes}, &hist, &ctx);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  MUST(mst_hist_valid(&hist));
  mst_buf_init(&bytes, MST_HISTOGRAM_MAX_BYTES);
  MUST(mst_histogram_encode(&hist, &bytes, &ctx) == MST_OK);
  MUST(mst_histogram_decode((mst_bytes){bytes.data, bytes.size_bytes}, &again, &ctx) == MST_OK);
  MUST(mst_hist_equal(&hist, &again));
  err = mst_hist_merge(&again, &hist, &ctx);
  MUST(err == MST_OK || err == MST_ELIMIT);
  MUST(mst_hist_valid(&again));
  mst_hist_done(&again);
  mst_hist_done(&hist);
  mst_buf_done(&bytes);
  return 0;
}

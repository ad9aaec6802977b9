/* Loss records: what is taken is encoded again to the same ranges. */
#include "fuzz_proto.h"

#include <mst/proto/report.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX], again[MST_LOSS_RANGES_MAX];
  uint32_t count, count_again;
  mst_errctx ctx = {0};
  mst_buf body;

  mst_err err = mst_loss_decode((mst_bytes){data, size_bytes}, ranges, &count, &ctx);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  MUST(mst_loss_encode(ranges, count, &body, &ctx) == MST_OK);
  MUST(mst_loss_decode((mst_bytes){body.data, body.size_bytes}, again, &count_again, &ctx) == MST_OK);
  MUST(count == count_again && memcmp(ranges, again, count * sizeof ranges[0]) == 0);
  mst_buf_done(&body);
  return 0;
}

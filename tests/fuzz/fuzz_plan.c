/* Plans: the input is all but the signature, which the target makes. What opens is sealed again to a plan that opens. */
#include "fuzz_proto.h"

#include <mst/proto/plan.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  const mst_key *key = fuzz_key(32);
  mst_plan plan, again;
  mst_errctx ctx = {0};
  size_t message_bytes;
  mst_buf bytes;

  uint8_t *message = fuzz_sign(data, size_bytes, key, "muster/1/plan", &message_bytes);
  mst_err err = mst_plan_open(message, message_bytes, mst_key_public(key), &plan, &ctx);
  free(message);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  mst_buf_init(&bytes, MST_PLAN_MAX_BYTES);
  MUST(mst_plan_seal(&plan, key, &bytes, &ctx) == MST_OK);
  MUST(mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &again, &ctx) == MST_OK);
  MUST(again.collector_count == plan.collector_count && again.interval_ns == plan.interval_ns && again.jitter_ratio == plan.jitter_ratio);
  mst_plan_done(&again);
  mst_plan_done(&plan);
  mst_buf_done(&bytes);
  return 0;
}

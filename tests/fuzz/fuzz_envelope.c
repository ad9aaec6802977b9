/* Envelopes: what is taken can be made again with equal bytes but for the signature, and never verifies under a key that did not sign it.
 */
#include "fuzz_proto.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  const mst_key *key = fuzz_key(0);
  mst_envelope envelope, again;
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_err err = mst_envelope_decode(data, size_bytes, &envelope, &ctx);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  MUST(envelope.signed_part.size_bytes + 66 == size_bytes);
  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES);
  MUST(mst_envelope_encode(&envelope, key, &bytes, &ctx) == MST_OK);
  MUST(mst_envelope_decode(bytes.data, bytes.size_bytes, &again, &ctx) == MST_OK);
  MUST(mst_envelope_verify(&again, mst_key_public(key), &ctx) == MST_OK);
  MUST(again.sequence == envelope.sequence && again.sent_at.ns == envelope.sent_at.ns && again.kind == envelope.kind);
  MUST(again.body.size_bytes == envelope.body.size_bytes && memcmp(again.body.data, envelope.body.data, envelope.body.size_bytes) == 0);
  mst_buf_done(&bytes);
  return 0;
}

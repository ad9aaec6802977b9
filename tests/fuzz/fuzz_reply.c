/* Replies, both ways: the input as it comes over the wire must not open but for bytes that the controller's key signed; the input as the
 * body of a signed reply must be refused, or open and be encoded again to a body that opens. */
#include "fuzz_proto.h"

#include <mst/proto/reply.h>

static void
sealed(mst_bytes body, const mst_key *key, mst_buf *bytes)
{
  mst_reply_batch *batch;

  MUST(mst_reply_batch_create(&body, 1, key, &batch, NULL) == MST_OK);
  MUST(mst_reply_batch_encode(batch, 0, bytes, NULL) == MST_OK);
  mst_reply_batch_destroy(batch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  const mst_key *key = fuzz_key(32);
  mst_digest envelope = {{0}};
  mst_reply reply, again;
  mst_errctx ctx = {0};
  mst_buf bytes, body;

  /* Replies to the vectors' envelopes have other digests than the one asked for, so none may open. */
  mst_err err = mst_reply_open(data, size_bytes, mst_key_public(key), &envelope, &reply, &ctx);
  must_be_refusal(err, &ctx);
  if (size_bytes == 0 || size_bytes > MST_REPLY_MAX_PLAN_BYTES)
    return 0;
  /* [fixarray 11, bin 8 of 32 bytes]: the digest stands at byte 3. */
  if (size_bytes >= 3 + MST_DIGEST_BYTES)
    memcpy(envelope.bytes, data + 3, MST_DIGEST_BYTES);
  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  sealed((mst_bytes){data, size_bytes}, key, &bytes);
  err = mst_reply_open(bytes.data, bytes.size_bytes, mst_key_public(key), &envelope, &reply, &ctx);
  if (err == MST_OK) {
    mst_buf_init(&body, MST_REPLY_MAX_BYTES);
    MUST(mst_reply_encode_body(&reply, &body, &ctx) == MST_OK);
    MUST(body.size_bytes <= size_bytes);
    mst_buf whole;
    mst_buf_init(&whole, MST_REPLY_MAX_BYTES);
    sealed((mst_bytes){body.data, body.size_bytes}, key, &whole);
    MUST(mst_reply_open(whole.data, whole.size_bytes, mst_key_public(key), &envelope, &again, &ctx) == MST_OK);
    MUST(again.status == reply.status && again.refusal == reply.refusal && again.retry_after_ns == reply.retry_after_ns);
    mst_buf_done(&whole);
    mst_buf_done(&body);
  } else {
    must_be_refusal(err, &ctx);
  }
  mst_buf_done(&bytes);
  return 0;
}

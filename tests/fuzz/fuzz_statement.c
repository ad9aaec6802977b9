/* Statements: the input is all but the signature, which the target makes. What is taken is sealed again to a statement that verifies. */
#include "fuzz_proto.h"

#include <mst/proto/statement.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  const mst_key *key = fuzz_key(64);
  mst_statement statement, again;
  mst_errctx ctx = {0};
  size_t message_bytes;
  mst_buf bytes;

  uint8_t *message = fuzz_sign(data, size_bytes, key, "muster/1/statement", &message_bytes);
  mst_err err = mst_statement_decode(message, message_bytes, &statement, &ctx);
  if (err == MST_OK) {
    mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
    MUST(mst_statement_seal(&statement, key, &bytes, &ctx) == MST_OK);
    MUST(bytes.size_bytes <= message_bytes);
    MUST(mst_statement_decode(bytes.data, bytes.size_bytes, &again, &ctx) == MST_OK);
    MUST(mst_statement_verify(&again, mst_key_public(key), &ctx) == MST_OK);
    MUST(again.field_count == statement.field_count);
    mst_buf_done(&bytes);
  } else {
    must_be_refusal(err, &ctx);
  }
  free(message);
  return 0;
}

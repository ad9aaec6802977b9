/* Enrolment bodies and tokens: what is taken is written again to the same bytes. */
#include "fuzz_proto.h"

#include <mst/proto/enrol.h>

static void
try_token(const uint8_t *data, size_t size_bytes)
{
  char text[MST_TOKEN_TEXT_BYTES], *given = malloc(size_bytes + 1);
  mst_errctx ctx = {0};
  mst_token token;

  MUST(given);
  if (size_bytes > 0)
    memcpy(given, data, size_bytes);
  given[size_bytes] = '\0';
  mst_err err = mst_token_parse(given, &token, &ctx);
  if (err == MST_OK)
    MUST(strcmp(mst_token_format(&token, text), given) == 0);
  else
    must_be_refusal(err, &ctx);
  free(given);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  mst_errctx ctx = {0};
  mst_enrol enrol, again;
  mst_buf body;

  try_token(data, size_bytes);
  mst_err err = mst_enrol_decode((mst_bytes){data, size_bytes}, &enrol, &ctx);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  MUST(mst_enrol_encode(&enrol, &body, &ctx) == MST_OK);
  MUST(body.size_bytes <= size_bytes);
  MUST(mst_enrol_decode((mst_bytes){body.data, body.size_bytes}, &again, &ctx) == MST_OK);
  MUST(memcmp(again.tag, enrol.tag, sizeof again.tag) == 0 && again.hostname.size_bytes == enrol.hostname.size_bytes);
  mst_buf_done(&body);
  return 0;
}

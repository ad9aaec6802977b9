/* Definitions: what is taken is encoded again to bytes that are taken and hold the same. */
#include "fuzz_proto.h"

#include <mst/proto/report.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  mst_definitions definitions, again;
  mst_errctx ctx = {0};
  mst_buf body;

  mst_err err = mst_definitions_decode((mst_bytes){data, size_bytes}, &definitions, &ctx);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  MUST(definitions.first_id + definitions.count <= MST_SERIES_MAX);
  mst_definitions header = definitions;
  mst_series *series = calloc(definitions.count + 1, sizeof *series);
  MUST(series);
  for (uint32_t i = 0; i < header.count; i++)
    MUST(mst_definitions_next(&definitions, &series[i], &ctx) == MST_OK);
  MUST(mst_definitions_next(&definitions, &series[header.count], &ctx) == MST_EABSENT);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  MUST(mst_definitions_encode(&header, series, &body, &ctx) == MST_OK);
  MUST(body.size_bytes <= size_bytes);
  MUST(mst_definitions_decode((mst_bytes){body.data, body.size_bytes}, &again, &ctx) == MST_OK);
  MUST(again.count == header.count && again.first_id == header.first_id);
  mst_buf_done(&body);
  free(series);
  return 0;
}

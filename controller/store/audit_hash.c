/* The audit chain's hash: the same for every store, and for whoever verifies a chain. */
#include <string.h>

#include <mst/controller/store.h>

enum { RECORD_MAX_BYTES = 16 * 1024 * 1024 };

/* Highest byte first. */
static void
put_number(mst_buf *buf, uint64_t number, int size_bytes)
{
  for (int shift = 8 * (size_bytes - 1); shift >= 0; shift -= 8)
    mst_buf_append(buf, &(uint8_t){(uint8_t)(number >> shift)}, 1);
}

mst_err
mst_store_audit_hash(const mst_digest *previous, const mst_store_audit *record, mst_digest *ret_hash, mst_errctx *ctx)
{
  const mst_bytes parts[] = {
      {(const uint8_t *)record->kind, strlen(record->kind)},
      {(const uint8_t *)record->subject, strlen(record->subject)},
      record->body,
  };
  mst_buf all;

  mst_buf_init(&all, RECORD_MAX_BYTES);
  mst_buf_append(&all, previous->bytes, sizeof previous->bytes);
  put_number(&all, (uint64_t)record->sequence, 8);
  put_number(&all, (uint64_t)record->at.ns, 8);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    put_number(&all, parts[i].size_bytes, 4);
    mst_buf_append(&all, parts[i].data, parts[i].size_bytes);
  }
  mst_err err = mst_buf_check(&all, "audit record", ctx);
  if (err == MST_OK)
    *ret_hash = mst_digest_of("muster/1/audit", all.data, all.size_bytes);
  mst_buf_done(&all);
  return err;
}

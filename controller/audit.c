/* The audit chain. */
#include "audit.h"

#include <string.h>

#include "ingest/blob.h"

static const char head_key[] = "audit-head";
static const char head_context[] = "muster/1/audit-head";

enum { SIGNED_BYTES = 8 + MST_DIGEST_BYTES };

/* Number, hash, key id, signature. */
static mst_err
sign_head(mst_core *core, const mst_store_audit *record, mst_errctx *ctx)
{
  const mst_key_id id = mst_key_id_of(mst_key_public(core->keys.current));
  uint8_t signature[MST_SIGNATURE_BYTES];
  mst_buf head;

  mst_buf_init(&head, MST_AUDIT_HEAD_BYTES);
  mst_blob_put(&head, (uint64_t)record->sequence, 8);
  mst_buf_append(&head, record->hash.bytes, MST_DIGEST_BYTES);
  mst_err err = mst_buf_check(&head, "the head of the audit chain", ctx);
  if (err == MST_OK)
    err = mst_key_sign(core->keys.current, head_context, head.data, SIGNED_BYTES, signature, ctx);
  if (err == MST_OK) {
    mst_buf_append(&head, id.bytes, sizeof id.bytes);
    mst_buf_append(&head, signature, sizeof signature);
    err = mst_buf_check(&head, "the head of the audit chain", ctx);
  }
  if (err == MST_OK)
    err = core->ops->meta_put(core->store, head_key, (mst_bytes){head.data, head.size_bytes}, ctx);
  mst_buf_done(&head);
  return err;
}

mst_err
mst_audit_append(mst_core *core, const char *kind, const char *subject, const void *body, size_t size_bytes, mst_errctx *ctx)
{
  mst_store_audit record = {.at = mst_core_now(core), .kind = kind, .subject = subject, .body = {body, size_bytes}};

  mst_err err = core->ops->audit_append(core->store, &record, ctx);
  return err == MST_OK ? sign_head(core, &record, ctx) : err;
}

struct walk {
  int64_t count;
  mst_digest last;
  mst_err err;
  mst_errctx *ctx;
};

static bool
visit(void *user, const void *data)
{
  const mst_store_audit *record = data;
  struct walk *walk = user;

  mst_digest expected;
  walk->err = mst_store_audit_hash(&walk->last, record, &expected, walk->ctx);
  if (walk->err != MST_OK)
    return false;
  if (record->sequence != walk->count + 1)
    walk->err = mst_fail(walk->ctx, MST_ECORRUPT, "the audit chain jumps from record %lld to %lld", (long long)walk->count,
                         (long long)record->sequence);
  else if (!mst_digest_equal(&expected, &record->hash))
    walk->err =
        mst_fail(walk->ctx, MST_ECORRUPT, "record %lld of the audit chain was changed, or one before it", (long long)record->sequence);
  walk->count = record->sequence;
  walk->last = record->hash;
  return walk->err == MST_OK;
}

mst_err
mst_audit_verify(const mst_store_ops *ops, mst_store *store, const mst_public_key *current, int64_t *ret_count, mst_errctx *ctx)
{
  struct walk walk = {.ctx = ctx};
  uint64_t sequence = 0;
  mst_buf head;

  mst_err err = ops->audit_each(store, 1, visit, &walk, ctx);
  if (err == MST_OK)
    err = walk.err;
  if (err != MST_OK)
    return err;
  mst_buf_init(&head, MST_AUDIT_HEAD_BYTES);
  err = ops->meta_get(store, head_key, &head, ctx);
  if (err == MST_EABSENT && walk.count == 0) {
    err = MST_OK;
  } else if (err == MST_OK) {
    mst_bytes bytes = {head.data, head.size_bytes};
    if (head.size_bytes != MST_AUDIT_HEAD_BYTES || !mst_blob_get(&bytes, 8, &sequence) || (int64_t)sequence != walk.count ||
        memcmp(bytes.data, walk.last.bytes, MST_DIGEST_BYTES) != 0)
      err = mst_fail(ctx, MST_ECORRUPT, "the signed head is not that of the chain's %lld records: records were cut off or added",
                     (long long)walk.count);
    else if (mst_key_verify(current, head_context, head.data, SIGNED_BYTES, head.data + SIGNED_BYTES + MST_KEY_ID_BYTES, ctx) != MST_OK)
      err = mst_fail_within(ctx, MST_ECRYPTO, "the head of the audit chain is not signed by this controller's key");
  }
  mst_buf_done(&head);
  if (err == MST_OK)
    *ret_count = walk.count;
  return err;
}

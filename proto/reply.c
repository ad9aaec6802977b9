/* What the controller answers. Layout: docs/wire-format.md. */
#include <mst/proto/reply.h>

#include <string.h>

#include <mst/common/alloc.h>

#include "merkle.h"
#include "pack.h"
#include "signed.h"
#include "text.h"

enum { OUTER_ELEMENTS = 6, BODY_ELEMENTS = 11 };

static const char context[] = "muster/1/reply";

struct mst_reply_batch {
  mst_merkle tree;
  mst_bytes *bodies; /* owned array of borrowed bytes */
  uint8_t signature[MST_SIGNATURE_BYTES];
};

const char *
mst_refusal_name(mst_refusal refusal)
{
  static const char *const names[] = {
#define NAME(name, number, text) [(number)] = (text),
      MST_REFUSALS(NAME)
#undef NAME
  };

  return (unsigned)refusal < MST_REFUSAL_COUNT ? names[refusal] : "unknown";
}

/* What both sides ask of a reply. */
static mst_err
check_reply(const mst_reply *reply, uint64_t status, uint64_t refusal, mst_errctx *ctx)
{
  if (status < MST_REPLY_STORED || status > MST_REPLY_LATER)
    return mst_fail(ctx, MST_EMALFORMED, "reply.status: %llu is none", (unsigned long long)status);
  if (refusal >= MST_REFUSAL_COUNT)
    return mst_fail(ctx, MST_EMALFORMED, "reply.refusal: %llu is none", (unsigned long long)refusal);
  if ((status == MST_REPLY_REFUSED) != (refusal != MST_REFUSED_NONE))
    return mst_fail(ctx, MST_EMALFORMED, "reply: status %llu does not go with refusal \"%s\"", (unsigned long long)status,
                    mst_refusal_name((mst_refusal)refusal));
  if (reply->retry_after_ns < 0 || reply->sent_at.ns < 0 || reply->received_at.ns < 0 || reply->replied_at.ns < 0)
    return mst_fail(ctx, MST_EMALFORMED, "reply: a time is negative");
  if (reply->next_key.size_bytes != 0 && reply->next_key.size_bytes != MST_KEY_PUBLIC_BYTES)
    return mst_fail(ctx, MST_EMALFORMED, "reply.next_key: %zu bytes, must be %d or none", reply->next_key.size_bytes, MST_KEY_PUBLIC_BYTES);
  if (reply->plan.size_bytes > MST_REPLY_MAX_PLAN_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "reply.plan: %zu bytes long, at most %d are allowed", reply->plan.size_bytes,
                    MST_REPLY_MAX_PLAN_BYTES);
  if (reply->task_count != 0)
    return mst_fail(ctx, MST_EMALFORMED, "reply.tasks: %u; version %d has none", reply->task_count, MST_WIRE_VERSION);
  return MST_OK;
}

/* nil when there is none. */
static void
pack_optional(msgpack_packer *pack, mst_bytes bytes)
{
  if (bytes.size_bytes > 0)
    mst_pack_bin(pack, bytes.data, bytes.size_bytes);
  else
    msgpack_pack_nil(pack);
}

mst_err
mst_reply_encode_body(const mst_reply *reply, mst_buf *ret_body, mst_errctx *ctx)
{
  size_t start = ret_body->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_body);

  mst_err err = check_reply(reply, reply->status, reply->refusal, ctx);
  if (err == MST_OK)
    err = mst_text_check(reply->reason, "reply.reason", 0, MST_REPLY_REASON_MAX_BYTES, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, BODY_ELEMENTS);
  mst_pack_bin(&pack, reply->envelope.bytes, sizeof reply->envelope.bytes);
  msgpack_pack_uint8(&pack, (uint8_t)reply->status);
  msgpack_pack_uint8(&pack, (uint8_t)reply->refusal);
  mst_pack_text(&pack, reply->reason);
  msgpack_pack_int64(&pack, reply->retry_after_ns);
  msgpack_pack_int64(&pack, reply->sent_at.ns);
  msgpack_pack_int64(&pack, reply->received_at.ns);
  msgpack_pack_int64(&pack, reply->replied_at.ns);
  pack_optional(&pack, reply->plan);
  pack_optional(&pack, reply->next_key);
  msgpack_pack_array(&pack, 0); /* tasks */
  return mst_pack_finish(ret_body, start, MST_OK, "reply", ctx);
}

mst_err
mst_reply_batch_create(const mst_bytes *bodies, uint32_t count, const mst_key *key, mst_reply_batch **ret_batch, mst_errctx *ctx)
{
  uint8_t head[MST_MERKLE_HEAD_BYTES];

  if (count == 0 || count > MST_REPLY_BATCH_MAX)
    return mst_fail(ctx, count == 0 ? MST_EMALFORMED : MST_ELIMIT, "batch of %u replies: 1 to %d go under one signature", count,
                    MST_REPLY_BATCH_MAX);
  mst_reply_batch *batch = mst_alloc(1, sizeof *batch);
  if (!batch || !(batch->bodies = mst_alloc(count, sizeof *batch->bodies))) {
    mst_reply_batch_destroy(batch);
    return mst_fail(ctx, MST_ENOMEM, "batch of %u replies: out of memory", count);
  }
  memcpy(batch->bodies, bodies, count * sizeof *batch->bodies);
  mst_err err = mst_merkle_init(&batch->tree, bodies, count, ctx);
  if (err == MST_OK) {
    mst_merkle_head(mst_merkle_root(&batch->tree), count, head);
    err = mst_key_sign(key, context, head, sizeof head, batch->signature, ctx);
  }
  if (err == MST_OK)
    *ret_batch = batch;
  else
    mst_reply_batch_destroy(batch);
  return err;
}

void
mst_reply_batch_destroy(mst_reply_batch *batch)
{
  if (!batch)
    return;
  mst_merkle_done(&batch->tree);
  mst_free(batch->bodies);
  mst_free(batch);
}

mst_err
mst_reply_batch_encode(const mst_reply_batch *batch, uint32_t index, mst_buf *ret_bytes, mst_errctx *ctx)
{
  size_t start = ret_bytes->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_bytes);
  mst_digest path[MST_MERKLE_PATH_MAX];

  if (index >= batch->tree.count)
    return mst_fail(ctx, MST_EABSENT, "reply %u of a batch of %u", index, batch->tree.count);
  uint32_t steps = mst_merkle_path(&batch->tree, index, path);
  msgpack_pack_array(&pack, OUTER_ELEMENTS);
  msgpack_pack_uint8(&pack, MST_WIRE_VERSION);
  mst_pack_bin(&pack, batch->bodies[index].data, batch->bodies[index].size_bytes);
  msgpack_pack_uint32(&pack, index);
  msgpack_pack_uint32(&pack, batch->tree.count);
  mst_pack_bin(&pack, path, steps * sizeof path[0]);
  mst_pack_bin(&pack, batch->signature, sizeof batch->signature);
  return mst_pack_finish(ret_bytes, start, MST_OK, "reply", ctx);
}

/* Reads the outer array and verifies it. */
static mst_err
open_outer(const void *data, size_t size_bytes, const mst_public_key *key, mst_bytes *ret_body, mst_errctx *ctx)
{
  uint8_t head[MST_MERKLE_HEAD_BYTES];
  mst_bytes path, signature;
  uint64_t index = 0, count = 0;
  uint32_t version;
  mst_digest root;
  mst_cursor cursor;

  mst_cursor_init(&cursor, data, size_bytes);
  mst_err err = mst_signed_head(&cursor, "reply", OUTER_ELEMENTS, &version, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "reply.body", 1, MST_REPLY_MAX_BYTES, ret_body, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "reply.index", MST_REPLY_BATCH_MAX - 1, &index, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "reply.count", MST_REPLY_BATCH_MAX, &count, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "reply.path", 0, (size_t)MST_MERKLE_PATH_MAX * MST_DIGEST_BYTES, &path, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "reply.signature", MST_SIGNATURE_BYTES, MST_SIGNATURE_BYTES, &signature, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "reply", ctx);
  if (err == MST_OK)
    err = mst_merkle_climb(mst_merkle_leaf(*ret_body), (uint32_t)index, (uint32_t)count, path, &root, ctx);
  if (err != MST_OK)
    return err;
  mst_merkle_head(&root, (uint32_t)count, head);
  return mst_key_verify(key, context, head, sizeof head, signature.data, ctx);
}

static mst_err
read_time(mst_cursor *cursor, const char *what, int64_t *ret_ns, mst_errctx *ctx)
{
  uint64_t ns;

  mst_err err = mst_cursor_uint(cursor, what, INT64_MAX, &ns, ctx);
  if (err == MST_OK)
    *ret_ns = (int64_t)ns;
  return err;
}

static mst_err
read_optional(mst_cursor *cursor, const char *what, size_t most, mst_bytes *ret_bytes, mst_errctx *ctx)
{
  if (!mst_cursor_nil(cursor))
    return mst_cursor_bin(cursor, what, 1, most, ret_bytes, ctx);
  *ret_bytes = (mst_bytes){0};
  return MST_OK;
}

static mst_err
decode_body(mst_bytes body, mst_reply *reply, mst_errctx *ctx)
{
  uint64_t status = 0, refusal = 0;
  uint32_t elements;
  mst_bytes digest;
  mst_cursor cursor;

  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "reply body", BODY_ELEMENTS, BODY_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "reply.envelope", MST_DIGEST_BYTES, MST_DIGEST_BYTES, &digest, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "reply.status", UINT32_MAX, &status, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "reply.refusal", UINT32_MAX, &refusal, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "reply.reason", MST_REPLY_REASON_MAX_BYTES, &reply->reason, ctx);
  if (err == MST_OK)
    err = read_time(&cursor, "reply.retry_after_ns", &reply->retry_after_ns, ctx);
  if (err == MST_OK)
    err = read_time(&cursor, "reply.sent_at", &reply->sent_at.ns, ctx);
  if (err == MST_OK)
    err = read_time(&cursor, "reply.received_at", &reply->received_at.ns, ctx);
  if (err == MST_OK)
    err = read_time(&cursor, "reply.replied_at", &reply->replied_at.ns, ctx);
  if (err == MST_OK)
    err = read_optional(&cursor, "reply.plan", MST_REPLY_MAX_PLAN_BYTES, &reply->plan, ctx);
  if (err == MST_OK)
    err = read_optional(&cursor, "reply.next_key", MST_KEY_PUBLIC_BYTES, &reply->next_key, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(&cursor, "reply.tasks", 0, 0, &reply->task_count, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "reply body", ctx);
  if (err == MST_OK)
    err = check_reply(reply, status, refusal, ctx);
  if (err != MST_OK)
    return err;
  memcpy(reply->envelope.bytes, digest.data, MST_DIGEST_BYTES);
  reply->status = (mst_reply_status)status;
  reply->refusal = (mst_refusal)refusal;
  return MST_OK;
}

mst_err
mst_reply_open(const void *data, size_t size_bytes, const mst_public_key *key, const mst_digest *envelope, mst_reply *ret_reply,
               mst_errctx *ctx)
{
  mst_reply reply = {0};
  mst_bytes body;

  if (size_bytes > MST_REPLY_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "reply: %zu bytes long, at most %d are allowed", size_bytes, MST_REPLY_MAX_BYTES);
  mst_err err = open_outer(data, size_bytes, key, &body, ctx);
  if (err == MST_OK)
    err = decode_body(body, &reply, ctx);
  if (err != MST_OK)
    return err;
  if (!mst_digest_equal(&reply.envelope, envelope))
    return mst_fail(ctx, MST_ECRYPTO, "reply: answers another envelope than the one that was sent");
  *ret_reply = reply;
  return MST_OK;
}

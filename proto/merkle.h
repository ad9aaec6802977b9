#ifndef MST_PROTO_MERKLE_H
#define MST_PROTO_MERKLE_H

#include <mst/common/digest.h>
#include <mst/proto/reply.h>

/* The tree over a batch of replies, in RFC 6962's shape: an odd last node moves up a level as it is. */
enum { MST_MERKLE_PATH_MAX = 12 /* log2 of MST_REPLY_BATCH_MAX */ };

mst_digest mst_merkle_leaf(mst_bytes body);
/* The root that leaf `index` of `count` and its path lead to. MST_EMALFORMED when the path has not the length that index and count ask for.
 */
mst_err mst_merkle_climb(mst_digest leaf, uint32_t index, uint32_t count, mst_bytes path, mst_digest *ret_root,
                         mst_errctx *ctx) MST_MUST_USE;

/* All levels, leaves first, the root last. */
typedef struct mst_merkle {
  mst_digest *nodes; /* owned */
  uint32_t count;    /* leaves, 1 .. MST_REPLY_BATCH_MAX */
} mst_merkle;
mst_err mst_merkle_init(mst_merkle *tree, const mst_bytes *bodies, uint32_t count, mst_errctx *ctx) MST_MUST_USE;
void mst_merkle_done(mst_merkle *tree);
const mst_digest *mst_merkle_root(const mst_merkle *tree);
/* Writes the siblings of leaf `index` from the bottom up; returns how many. */
uint32_t mst_merkle_path(const mst_merkle *tree, uint32_t index, mst_digest ret_path[static MST_MERKLE_PATH_MAX]);

/* What the controller signs: the root, then the number of leaves as four bytes, highest first. */
enum { MST_MERKLE_HEAD_BYTES = MST_DIGEST_BYTES + 4 };
void mst_merkle_head(const mst_digest *root, uint32_t count, uint8_t ret_head[static MST_MERKLE_HEAD_BYTES]);

#endif

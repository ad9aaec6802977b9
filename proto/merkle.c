/* A Merkle tree over a batch of replies. Source of the shape: RFC 6962 section 2.1. */
#include "merkle.h"

#include <string.h>

#include <mst/common/alloc.h>

mst_digest
mst_merkle_leaf(mst_bytes body)
{
  return mst_digest_of("muster/1/reply-leaf", body.data, body.size_bytes);
}

static mst_digest
join(const mst_digest *left, const mst_digest *right)
{
  mst_digest both[2] = {*left, *right};

  return mst_digest_of("muster/1/reply-node", both, sizeof both);
}

mst_err
mst_merkle_climb(mst_digest leaf, uint32_t index, uint32_t count, mst_bytes path, mst_digest *ret_root, mst_errctx *ctx)
{
  mst_digest node = leaf, sibling;
  size_t used = 0;

  if (index >= count)
    return mst_fail(ctx, MST_EMALFORMED, "reply: is number %u of a batch of %u", index, count);
  for (; count > 1; index /= 2, count = (count + 1) / 2) {
    if ((index ^ 1) >= count)
      continue; /* the odd last one moves up */
    if (path.size_bytes - used < MST_DIGEST_BYTES)
      return mst_fail(ctx, MST_EMALFORMED, "reply: its path of %zu bytes ends before the root", path.size_bytes);
    memcpy(sibling.bytes, path.data + used, MST_DIGEST_BYTES);
    used += MST_DIGEST_BYTES;
    node = index % 2 ? join(&sibling, &node) : join(&node, &sibling);
  }
  if (used != path.size_bytes)
    return mst_fail(ctx, MST_EMALFORMED, "reply: its path of %zu bytes goes on behind the root", path.size_bytes);
  *ret_root = node;
  return MST_OK;
}

mst_err
mst_merkle_init(mst_merkle *tree, const mst_bytes *bodies, uint32_t count, mst_errctx *ctx)
{
  size_t total = 1;

  for (uint32_t width = count; width > 1; width = (width + 1) / 2)
    total += width;
  mst_digest *nodes = mst_alloc(total, sizeof *nodes);
  if (!nodes)
    return mst_fail(ctx, MST_ENOMEM, "batch of %u replies: out of memory", count);
  for (uint32_t i = 0; i < count; i++)
    nodes[i] = mst_merkle_leaf(bodies[i]);
  mst_digest *level = nodes;
  for (uint32_t width = count; width > 1; width = (width + 1) / 2) {
    mst_digest *above = level + width;
    for (uint32_t i = 0; i < width; i += 2)
      above[i / 2] = i + 1 < width ? join(&level[i], &level[i + 1]) : level[i];
    level = above;
  }
  *tree = (mst_merkle){.nodes = nodes, .count = count};
  return MST_OK;
}

void
mst_merkle_done(mst_merkle *tree)
{
  mst_free(tree->nodes);
  *tree = (mst_merkle){0};
}

const mst_digest *
mst_merkle_root(const mst_merkle *tree)
{
  const mst_digest *level = tree->nodes;

  for (uint32_t width = tree->count; width > 1; width = (width + 1) / 2)
    level += width;
  return level;
}

uint32_t
mst_merkle_path(const mst_merkle *tree, uint32_t index, mst_digest ret_path[static MST_MERKLE_PATH_MAX])
{
  const mst_digest *level = tree->nodes;
  uint32_t used = 0;

  for (uint32_t width = tree->count; width > 1; width = (width + 1) / 2) {
    if ((index ^ 1) < width)
      ret_path[used++] = level[index ^ 1];
    level += width;
    index /= 2;
  }
  return used;
}

void
mst_merkle_head(const mst_digest *root, uint32_t count, uint8_t ret_head[static MST_MERKLE_HEAD_BYTES])
{
  memcpy(ret_head, root->bytes, MST_DIGEST_BYTES);
  for (unsigned i = 0; i < 4; i++)
    ret_head[MST_DIGEST_BYTES + i] = (uint8_t)(count >> (24 - 8 * i));
}

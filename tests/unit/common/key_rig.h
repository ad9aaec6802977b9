#ifndef MST_TEST_KEY_RIG_H
#define MST_TEST_KEY_RIG_H

/* Keys of known seeds, for the tests of keys and of their files. */

#include <stdbool.h>

#include <mst/common/digest.h>
#include <mst/common/key.h>

#include "scratch.h"

/* RFC 8032 section 7.1, test 1. */
#define FIRST_SEED   "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define FIRST_PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

enum { THREADS = 4 };

static SCRATCH_UNUSED void
key_rig_start(void)
{
  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
  cr_assert_eq(mst_crypto_start(NULL), MST_OK, "repeatable");
  scratch_make();
}

static SCRATCH_UNUSED mst_key *
key_of(const char *seed_hex)
{
  uint8_t seed[32];
  mst_key *key = NULL;

  cr_assert_eq(mst_hex_decode(seed_hex, seed, sizeof seed, NULL), MST_OK);
  cr_assert_eq(mst_key_create_from_seed(seed, &key, NULL), MST_OK);
  return key;
}

static SCRATCH_UNUSED mst_key *
first_key(void)
{
  return key_of(FIRST_SEED);
}

static SCRATCH_UNUSED bool
same_public(const mst_key *a, const mst_key *b)
{
  return memcmp(mst_key_public(a)->bytes, mst_key_public(b)->bytes, MST_KEY_PUBLIC_BYTES) == 0;
}

#endif

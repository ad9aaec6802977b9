#include <pthread.h>
#include <sodium.h>

#include <mst/common/alloc.h>

#include "key_rig.h"

TestSuite(key, .init = key_rig_start, .fini = scratch_remove);

/* RFC 8032 section 7.1: secret key (seed), public key. */
static const struct {
  const char *seed, *public_key;
} vectors[] = {
    {FIRST_SEED, FIRST_PUBLIC},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"},
    {"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
     "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"},
};

Test(key, seeds_of_rfc_8032__give_its_public_keys)
{
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    char hex[2 * MST_KEY_PUBLIC_BYTES + 1];
    mst_key *key = key_of(vectors[i].seed);
    cr_expect_str_eq(mst_hex_encode(mst_key_public(key)->bytes, MST_KEY_PUBLIC_BYTES, hex), vectors[i].public_key);
    mst_key_destroy(key);
  }
}

/* The RFC's own signatures are over bare messages, which mst_key_sign never signs. That it is the RFC's scheme is shown by OpenSSL's
 * signatures (pkeyutl -sign -rawin) over context || 0 || message; the longest does not fit the stack buffer. */
Test(key, sign__gives_the_signature_of_another_implementation)
{
  static const struct {
    size_t bytes;
    const char *signature;
  } cases[] = {
      {0,
       "69fa24419128ad4d7d71a908deec973388b24326952243d796b352fc65fd7861210dd367e40155d35222d624e1067d329fb7ee33ee534fd20f30ae1f9baa6303"},
      {5000,
       "5664cbf116876f1b58d8d5db938a5a11e0130097cdaf7b038dd783dc06652d851f1b2784f1683d9043ead0ce003a5a323188b893f38c9af9aee6ecd850386700"},
  };
  uint8_t message[5000], signature[MST_SIGNATURE_BYTES];
  char hex[2 * MST_SIGNATURE_BYTES + 1];
  mst_key *key = first_key();

  cr_expect_eq(mst_key_sign(key, "muster/1/test", "abc", 3, signature, NULL), MST_OK);
  cr_expect_str_eq(
      mst_hex_encode(signature, sizeof signature, hex),
      "c17976312cfb83533d307ec1e70d281f148c8904e3010399bd23df7c6749f1797d6dae07cc3a10eeb8a26954b4241ef85a2fe33298fa89c02d2ef64a554d2a02");
  for (size_t i = 0; i < sizeof message; i++)
    message[i] = (uint8_t)(i * 7);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_expect_eq(mst_key_sign(key, "muster/1/test", cases[i].bytes ? message : NULL, cases[i].bytes, signature, NULL), MST_OK);
    cr_expect_str_eq(mst_hex_encode(signature, sizeof signature, hex), cases[i].signature);
  }
  mst_key_destroy(key);
}

/* Around the border between stack and heap, and of the longest context. */
Test(key, sign__of_any_length__is_plain_ed25519_and_verifies)
{
  static const size_t sizes[] = {0, 1, 63, 4000, 4092, 4093, 4094, 4095, 4096, 4097, 20000};
  static uint8_t message[20000], joined[20100];
  uint8_t signature[MST_SIGNATURE_BYTES];
  char context[64];
  mst_key *key = first_key();

  randombytes_buf(message, sizeof message);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (size_t length = 0; length < sizeof context; length += length < 3 ? 1 : 60) {
      memset(context, 'c', length);
      context[length] = '\0';
      cr_assert_eq(mst_key_sign(key, context, message, sizes[i], signature, NULL), MST_OK);
      cr_assert_eq(mst_key_verify(mst_key_public(key), context, message, sizes[i], signature, NULL), MST_OK);
      memcpy(joined, context, length + 1);
      memcpy(joined + length + 1, message, sizes[i]);
      cr_assert_eq(crypto_sign_verify_detached(signature, joined, length + 1 + sizes[i], mst_key_public(key)->bytes), 0);
    }
  mst_key_destroy(key);
}

Test(key, verify__refuses_every_change)
{
  uint8_t message[] = "a message", signature[MST_SIGNATURE_BYTES];
  mst_errctx ctx = {0};
  mst_key *key = first_key(), *other = key_of(vectors[1].seed);
  const mst_public_key *public_key = mst_key_public(key);

  cr_assert_eq(mst_key_sign(key, "ctx", message, 9, signature, NULL), MST_OK);
  cr_assert_eq(mst_key_verify(public_key, "ctx", message, 9, signature, NULL), MST_OK);
  cr_expect_eq(mst_key_verify(mst_key_public(other), "ctx", message, 9, signature, &ctx), MST_ECRYPTO, "another key");
  cr_expect(strstr(ctx.text, "ctx"), "%s", ctx.text);
  cr_expect_eq(mst_key_verify(public_key, "cty", message, 9, signature, NULL), MST_ECRYPTO, "another context");
  cr_expect_eq(mst_key_verify(public_key, "ctx", message, 8, signature, NULL), MST_ECRYPTO, "a shorter message");
  for (size_t bit = 0; bit < 9 * 8; bit++) {
    message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    cr_expect_eq(mst_key_verify(public_key, "ctx", message, 9, signature, NULL), MST_ECRYPTO, "message bit %zu", bit);
    message[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  for (size_t bit = 0; bit < MST_SIGNATURE_BYTES * 8; bit++) {
    signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    cr_expect_eq(mst_key_verify(public_key, "ctx", message, 9, signature, NULL), MST_ECRYPTO, "signature bit %zu", bit);
    signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  mst_key_destroy(key);
  mst_key_destroy(other);
}

/* Moving the border between context and message must not give a signature for another statement. */
Test(key, verify__keeps_context_and_message_apart)
{
  uint8_t signature[MST_SIGNATURE_BYTES];
  mst_key *key = first_key();

  cr_assert_eq(mst_key_sign(key, "ab", "c", 1, signature, NULL), MST_OK);
  cr_expect_eq(mst_key_verify(mst_key_public(key), "a", "bc", 2, signature, NULL), MST_ECRYPTO);
  cr_expect_eq(mst_key_verify(mst_key_public(key), "abc", "", 0, signature, NULL), MST_ECRYPTO);
  mst_key_destroy(key);
}

/* The all-zero point verifies anything in a careless implementation. */
Test(key, verify__with_a_key_of_small_order__is_refused)
{
  static const mst_public_key zero = {{0}}, one = {{1}};
  uint8_t signature[MST_SIGNATURE_BYTES] = {0};

  cr_expect_eq(mst_key_verify(&zero, "ctx", "m", 1, signature, NULL), MST_ECRYPTO);
  signature[0] = 1;
  cr_expect_eq(mst_key_verify(&one, "ctx", "m", 1, signature, NULL), MST_ECRYPTO);
}

Test(key, context_over_63_bytes__is_refused)
{
  uint8_t signature[MST_SIGNATURE_BYTES] = {7};
  char context[65];
  mst_errctx ctx = {0};
  mst_key *key = first_key();

  memset(context, 'c', 64);
  context[64] = '\0';
  cr_expect_eq(mst_key_sign(key, context, "m", 1, signature, &ctx), MST_ELIMIT);
  cr_expect(strstr(ctx.text, "63 bytes"), "%s", ctx.text);
  cr_expect_eq(signature[0], 7);
  cr_expect_eq(mst_key_verify(mst_key_public(key), context, "m", 1, signature, &ctx), MST_ELIMIT);
  mst_key_destroy(key);
}

Test(key, memory_out__is_said)
{
  static uint8_t message[5000];
  uint8_t signature[MST_SIGNATURE_BYTES] = {7};
  mst_key *key = first_key(), *none = NULL;

  mst_alloc_fail_at(1);
  cr_expect_eq(mst_key_sign(key, "ctx", message, sizeof message, signature, NULL), MST_ENOMEM);
  cr_expect_eq(signature[0], 7);
  mst_alloc_fail_at(1);
  cr_expect_eq(mst_key_verify(mst_key_public(key), "ctx", message, sizeof message, signature, NULL), MST_ENOMEM);
  mst_alloc_fail_at(1);
  cr_expect_eq(mst_key_create(&none, NULL), MST_ENOMEM);
  cr_expect_null(none);
  mst_alloc_fail_at(1);
  cr_expect_eq(mst_key_sign(key, "ctx", message, 4000, signature, NULL), MST_OK, "short messages need no memory");
  mst_alloc_fail_at(0);
  mst_key_destroy(key);
}

Test(key, create__gives_another_pair_each_time)
{
  mst_key *a = NULL, *b = NULL;

  cr_assert_eq(mst_key_create(&a, NULL), MST_OK);
  cr_assert_eq(mst_key_create(&b, NULL), MST_OK);
  cr_expect_not(same_public(a, b));
  mst_key_destroy(a);
  mst_key_destroy(b);
  mst_key_destroy(NULL);
}

Test(key, random_bytes__fill_the_whole_room)
{
  uint8_t bytes[64], sum[64] = {0};

  for (int round = 0; round < 32; round++) {
    mst_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
      sum[i] |= bytes[i];
  }
  for (size_t i = 0; i < sizeof sum; i++)
    cr_expect_neq(sum[i], 0, "byte %zu", i);
}

/* The id of RFC 8032's first key, by Python's hashlib. */
Test(key, id__is_the_start_of_the_keys_digest)
{
  char hex[MST_KEY_ID_HEX_BYTES];
  mst_key *key = first_key();
  mst_key_id id = mst_key_id_of(mst_key_public(key));

  cr_expect_str_eq(mst_key_id_hex(&id, hex), "0bb7cb2865eeca57b6cb7f5d8e8f9f28");
  mst_key_destroy(key);
}

Test(key, public_key_text__comes_back)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_public_key back;
  mst_key *key = first_key();

  cr_expect_str_eq(mst_public_key_format(mst_key_public(key), text),
                   "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  cr_expect_eq(mst_public_key_parse(text, &back, NULL), MST_OK);
  cr_expect_arr_eq(back.bytes, mst_key_public(key)->bytes, MST_KEY_PUBLIC_BYTES);
  mst_key_destroy(key);
}

Test(key, wrong_public_key_text__is_refused_and_leaves_the_result)
{
  static const char *const cases[] = {
      "",
      "ed25519:",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "rsa:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751",
      "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a00",
      "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511g",
      "ed25519: d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511",
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_public_key key = {{7}};
    mst_errctx ctx = {0};
    cr_expect_eq(mst_public_key_parse(cases[i], &key, &ctx), MST_EMALFORMED, "%s", cases[i]);
    cr_expect_eq(key.bytes[0], 7);
    cr_expect(strstr(ctx.text, "ed25519:"), "%s", ctx.text);
  }
}

enum { ROUNDS = 200 };

static void *
sign_often(void *argument)
{
  static const size_t sizes[] = {10, 6000};
  const mst_key *key = argument;
  uint8_t message[6000], signature[MST_SIGNATURE_BYTES];

  for (int i = 0; i < ROUNDS; i++) {
    size_t bytes = sizes[i % 2];
    mst_random_bytes(message, bytes);
    if (mst_key_sign(key, "threads", message, bytes, signature, NULL) != MST_OK ||
        mst_key_verify(mst_key_public(key), "threads", message, bytes, signature, NULL) != MST_OK)
      return argument;
  }
  return NULL;
}

Test(key, one_key__signs_in_many_threads)
{
  pthread_t threads[THREADS];
  mst_key *key = first_key();

  for (size_t i = 0; i < THREADS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, sign_often, key), 0);
  for (size_t i = 0; i < THREADS; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    cr_expect_null(failed);
  }
  mst_key_destroy(key);
}

#include <errno.h>
#include <pthread.h>
#include <sodium.h>

#include <mst/common/alloc.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>

#include "scratch.h"

static void
start(void)
{
  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
  cr_assert_eq(mst_crypto_start(NULL), MST_OK, "repeatable");
  scratch_make();
}

TestSuite(key, .init = start, .fini = scratch_remove);
TestSuite(key_file, .init = start, .fini = scratch_remove);

/* RFC 8032 section 7.1: secret key (seed), public key. */
static const struct {
  const char *seed, *public_key;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"},
    {"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
     "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"},
};

static mst_key *
key_of(const char *seed_hex)
{
  uint8_t seed[32];
  mst_key *key = NULL;

  cr_assert_eq(mst_hex_decode(seed_hex, seed, sizeof seed, NULL), MST_OK);
  cr_assert_eq(mst_key_create_from_seed(seed, &key, NULL), MST_OK);
  return key;
}

static mst_key *
first_key(void)
{
  return key_of(vectors[0].seed);
}

static bool
same_public(const mst_key *a, const mst_key *b)
{
  return memcmp(mst_key_public(a)->bytes, mst_key_public(b)->bytes, MST_KEY_PUBLIC_BYTES) == 0;
}

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

enum { THREADS = 4, ROUNDS = 200 };

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

/* The format as key.c describes it; other programs may write it. */
static const char plain_file[] = "muster-key-1\n"
                                 "public: d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n"
                                 "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n";

/* Loading `path` fails with err and leaves the result; returns the text. */
static const char *
expect_refused(const char *path, const char *passphrase, mst_err err, const char *what)
{
  static mst_errctx ctx;
  mst_key *key = NULL;

  ctx = (mst_errctx){0};
  mst_err got = mst_key_load(path, passphrase, &key, &ctx);
  cr_expect_eq(got, err, "%s: %s: %s", what, mst_err_name(got), ctx.text);
  cr_expect_null(key);
  cr_expect(err == MST_ENOMEM || strstr(ctx.text, path), "%s: %s", what, ctx.text);
  cr_expect_null(strstr(ctx.text, "9d61b19d"), "the text gives the secret away");
  mst_key_destroy(key);
  return ctx.text;
}

Test(key_file, save__writes_the_documented_text_with_mode_0600)
{
  mst_key *key = first_key();

  umask(0);
  cr_expect_eq(mst_key_save(key, scratch_path("key"), NULL, NULL), MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("key")), plain_file);
  cr_expect_eq(scratch_mode(scratch_path("key")), 0600);
  cr_expect_eq(scratch_count(scratch_folder), 1, "no temporary file with the secret stays");
  mst_key_destroy(key);
}

Test(key_file, load__gives_the_key_that_was_saved)
{
  static const char *const passphrases[] = {NULL, "correct horse", "p\xc3\xa4ss \n \\ \" ", "x"};
  char name[16];

  for (size_t i = 0; i < sizeof passphrases / sizeof passphrases[0]; i++) {
    mst_key *key = NULL, *back = NULL;
    snprintf(name, sizeof name, "key%zu", i);
    cr_assert_eq(mst_key_create(&key, NULL), MST_OK);
    cr_assert_eq(mst_key_save(key, scratch_path(name), passphrases[i], NULL), MST_OK);
    cr_assert_eq(mst_key_load(scratch_path(name), passphrases[i], &back, NULL), MST_OK);
    cr_expect(same_public(key, back));
    uint8_t signature[MST_SIGNATURE_BYTES];
    cr_expect_eq(mst_key_sign(back, "ctx", "m", 1, signature, NULL), MST_OK);
    cr_expect_eq(mst_key_verify(mst_key_public(key), "ctx", "m", 1, signature, NULL), MST_OK);
    mst_key_destroy(key);
    mst_key_destroy(back);
  }
}

Test(key_file, load__of_a_plain_file__does_not_mind_a_passphrase_or_a_missing_last_line_feed)
{
  mst_key *key = NULL;

  scratch_write(scratch_path("key"), plain_file, strlen(plain_file) - 1, 0400);
  cr_assert_eq(mst_key_load(scratch_path("key"), "unused", &key, NULL), MST_OK);
  mst_key_destroy(key);
}

Test(key_file, save__never_overwrites)
{
  mst_errctx ctx = {0};
  mst_key *key = first_key();

  scratch_write(scratch_path("key"), "another key", 11, 0644);
  cr_expect_eq(mst_key_save(key, scratch_path("key"), NULL, &ctx), MST_EEXIST);
  cr_expect(strstr(ctx.text, "never overwritten"), "%s", ctx.text);
  cr_expect_str_eq(scratch_read(scratch_path("key")), "another key");
  cr_expect_eq(scratch_mode(scratch_path("key")), 0644);
  cr_expect_eq(scratch_count(scratch_folder), 1);
  cr_assert_eq(symlink(scratch_path("nowhere"), scratch_path("dangling")), 0);
  cr_expect_eq(mst_key_save(key, scratch_path("dangling"), NULL, &ctx), MST_EEXIST, "a link that leads nowhere is a name that is taken");
  mst_key_destroy(key);
}

static void *
save_own(void *argument)
{
  mst_key *key = argument;

  return mst_key_save(key, scratch_path("key"), NULL, NULL) == MST_OK ? key : NULL;
}

Test(key_file, save__by_many_threads__lets_one_win)
{
  pthread_t threads[THREADS];
  mst_key *keys[THREADS], *winner = NULL, *saved = NULL;

  for (size_t i = 0; i < THREADS; i++) {
    cr_assert_eq(mst_key_create(&keys[i], NULL), MST_OK);
    cr_assert_eq(pthread_create(&threads[i], NULL, save_own, keys[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    void *won;
    pthread_join(threads[i], &won);
    cr_expect(!won || !winner, "two threads were told that their key was saved");
    winner = won ? won : winner;
  }
  cr_assert_not_null(winner);
  cr_assert_eq(mst_key_load(scratch_path("key"), NULL, &saved, NULL), MST_OK);
  cr_expect(same_public(saved, winner));
  cr_expect_eq(scratch_count(scratch_folder), 1);
  mst_key_destroy(saved);
  for (size_t i = 0; i < THREADS; i++)
    mst_key_destroy(keys[i]);
}

Test(key_file, save__that_cannot_write__says_what)
{
  static char path[5000];
  mst_errctx ctx = {0};
  mst_key *key = first_key();

  cr_expect_eq(mst_key_save(key, scratch_path("none/key"), NULL, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "write key") && strstr(ctx.text, "none/key"), "%s", ctx.text);
  cr_expect_eq(ctx.os_errno, ENOENT);
  memset(path, 'x', sizeof path - 1);
  cr_expect_eq(mst_key_save(key, path, NULL, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_key_save(key, scratch_path("key"), "", &ctx), MST_EUSAGE, "an empty passphrase protects nothing");
  cr_expect_eq(scratch_count(scratch_folder), 0);
  mst_key_destroy(key);
}

Test(key_file, save__without_memory__writes_nothing)
{
  mst_key *key = first_key();
  mst_err err = MST_ENOMEM;

  for (size_t nth = 1; err == MST_ENOMEM && nth < 100; nth++) {
    cr_expect_eq(scratch_count(scratch_folder), 0);
    mst_alloc_fail_at(nth);
    err = mst_key_save(key, scratch_path("key"), NULL, NULL);
  }
  mst_alloc_fail_at(0);
  cr_expect_eq(err, MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("key")), plain_file);
  mst_key_destroy(key);
}

Test(key_file, load__without_memory__is_said)
{
  scratch_write(scratch_path("key"), plain_file, strlen(plain_file), 0600);
  mst_alloc_fail_at(1);
  expect_refused(scratch_path("key"), NULL, MST_ENOMEM, "no memory");
}

Test(key_file, load__refuses_what_others_can_read_or_write)
{
  static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666, 0777, 0440};
  char mode[16];

  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    scratch_write(scratch_path("key"), plain_file, strlen(plain_file), modes[i]);
    const char *text = expect_refused(scratch_path("key"), NULL, MST_EPERM, "mode");
    snprintf(mode, sizeof mode, "%04o", (unsigned)modes[i]);
    cr_expect(strstr(text, mode) && strstr(text, "chmod 600"), "%s", text);
  }
}

/* Only root can give a file away and take another user's part. */
Test(key_file, load__refuses_another_users_file)
{
  enum { SOMEONE = 12345, SOMEONE_ELSE = 12346 };
  mst_key *key = NULL;

  if (geteuid() != 0) {
    /* What stands for it without root: a file of root's that we may not even open. */
    expect_refused("/etc/shadow", NULL, MST_EPERM, "root's secret file");
    return;
  }
  cr_assert_eq(chmod(scratch_folder, 0711), 0);
  scratch_write(scratch_path("key"), plain_file, strlen(plain_file), 0600);
  cr_assert_eq(chown(scratch_path("key"), SOMEONE, SOMEONE), 0);
  const char *text = expect_refused(scratch_path("key"), NULL, MST_EPERM, "owner, seen by root");
  cr_expect(strstr(text, "12345"), "%s", text);
  cr_assert_eq(seteuid(SOMEONE), 0);
  cr_expect_eq(mst_key_load(scratch_path("key"), NULL, &key, NULL), MST_OK, "its owner may");
  cr_assert_eq(seteuid(0), 0);
  cr_assert_eq(seteuid(SOMEONE_ELSE), 0);
  expect_refused(scratch_path("key"), NULL, MST_EPERM, "another user, who cannot open it");
  cr_assert_eq(seteuid(0), 0);
  mst_key_destroy(key);
}

Test(key_file, load__without_a_file__says_so, .timeout = 60)
{
  expect_refused(scratch_path("none"), NULL, MST_EABSENT, "no file");
  expect_refused(scratch_folder, NULL, MST_EMALFORMED, "a folder");
  cr_assert_eq(mkfifo(scratch_path("fifo"), 0600), 0);
  expect_refused(scratch_path("fifo"), NULL, MST_EMALFORMED, "a FIFO, without waiting for its writer");
}

static void
expect_text_refused(const char *text, size_t bytes, const char *passphrase, mst_err err)
{
  scratch_write(scratch_path("key"), text, bytes, 0600);
  expect_refused(scratch_path("key"), passphrase, err, text);
}

Test(key_file, load__refuses_a_plain_file_cut_anywhere)
{
  for (size_t bytes = 0; bytes < strlen(plain_file) - 1; bytes++)
    expect_text_refused(plain_file, bytes, NULL, MST_EMALFORMED);
}

Test(key_file, load__refuses_a_sealed_file_cut_anywhere)
{
  char text[SCRATCH_FILE_BYTES + 1];
  mst_key *key = first_key();

  cr_assert_eq(mst_key_save(key, scratch_path("sealed"), "pass", NULL), MST_OK);
  snprintf(text, sizeof text, "%s", scratch_read(scratch_path("sealed")));
  cr_expect_null(strstr(text, "9d61b19d"), "the secret stands in the clear");
  for (size_t bytes = 0; bytes < strlen(text) - 1; bytes++)
    expect_text_refused(text, bytes, "pass", MST_EMALFORMED);
  mst_key_destroy(key);
}

Test(key_file, load__refuses_what_is_no_key_file)
{
#define PUBLIC "public: d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n"
#define SECRET "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n"
  static const char *const cases[] = {
      "hello\n",
      "muster-key-2\n" PUBLIC SECRET,
      "muster-key-11\n" PUBLIC SECRET,
      "muster-key-1 \n" PUBLIC SECRET,
      " muster-key-1\n" PUBLIC SECRET,
      "\nmuster-key-1\n" PUBLIC SECRET,
      "muster-key-1\n" SECRET PUBLIC,
      "muster-key-1\n" SECRET,
      "muster-key-1\n" PUBLIC PUBLIC SECRET,
      "muster-key-1\n" PUBLIC SECRET SECRET,
      "muster-key-1\n" PUBLIC SECRET "\n",
      "muster-key-1\n" PUBLIC SECRET "comment\n",
      "muster-key-1\n" PUBLIC "\n" SECRET,
      "muster-key-1\n" PUBLIC "secret:\n9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n",
      "muster-key-1\n" PUBLIC "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60 \n",
      "muster-key-1\n" PUBLIC "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60ab\n",
      "muster-key-1\n" PUBLIC "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f6z\n",
      "muster-key-1\n" PUBLIC "secret: \n",
      "muster-key-1\n" PUBLIC "sealed: \n",
      "muster-key-1\n" PUBLIC "sealed: 00 00 00\n",
      "muster-key-1\r\n" PUBLIC SECRET,
  };
  static char text[3000];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_text_refused(cases[i], strlen(cases[i]), "pass", MST_EMALFORMED);
  snprintf(text, sizeof text, "muster-key-1\n" PUBLIC SECRET);
  expect_text_refused(text, strlen(text) + 1, NULL, MST_EMALFORMED);
  memset(text + strlen(text), '\n', 2000);
  expect_text_refused(text, 2000, NULL, MST_EMALFORMED);
}

Test(key_file, load__refuses_halves_that_do_not_fit)
{
  static const char text[] = "muster-key-1\n"
                             "public: 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\n" SECRET;

  expect_text_refused(text, strlen(text), NULL, MST_ECRYPTO);
}

Test(key_file, load__of_a_sealed_file__needs_its_passphrase)
{
  mst_key *key = first_key();

  cr_assert_eq(mst_key_save(key, scratch_path("key"), "correct horse", NULL), MST_OK);
  const char *text = expect_refused(scratch_path("key"), NULL, MST_ECRYPTO, "none");
  cr_expect(strstr(text, "passphrase"), "%s", text);
  expect_refused(scratch_path("key"), "", MST_ECRYPTO, "empty");
  expect_refused(scratch_path("key"), "correct hors", MST_ECRYPTO, "a shorter one");
  expect_refused(scratch_path("key"), "Correct horse", MST_ECRYPTO, "another one");
  mst_key_destroy(key);
}

Test(key_file, load__of_a_sealed_file_with_a_changed_digit__is_refused)
{
  char text[SCRATCH_FILE_BYTES + 1];
  mst_key *key = first_key();

  cr_assert_eq(mst_key_save(key, scratch_path("sealed"), "pass", NULL), MST_OK);
  snprintf(text, sizeof text, "%s", scratch_read(scratch_path("sealed")));
  char *sealed = strstr(text, "sealed: ") + 8;
  /* One digit each of salt, nonce and box: each try costs one argon2id. */
  static const size_t places[] = {3, 33 + 5, 33 + 49 + 2, 33 + 49 + 95};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    char *digit = sealed + places[i], was = *digit;
    *digit = was == '0' ? '1' : '0';
    expect_text_refused(text, strlen(text), "pass", MST_ECRYPTO);
    *digit = was;
  }
  mst_key_destroy(key);
}

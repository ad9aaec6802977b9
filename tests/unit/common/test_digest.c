#include <criterion/criterion.h>
#include <string.h>

#include <mst/common/digest.h>
#include <mst/common/key.h>

static void
start(void)
{
  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
}

TestSuite(digest, .init = start);

static const char *
hex_of(const char *domain, const void *data, size_t size_bytes)
{
  static char hex[MST_DIGEST_HEX_BYTES];
  mst_digest digest = mst_digest_of(domain, data, size_bytes);

  return mst_digest_hex(&digest, hex);
}

/* Expected values: Python's hashlib.blake2b(domain + b"\0" + data, digest_size=32), another implementation. */
Test(digest, known_inputs__give_blake2b_256)
{
  uint8_t bytes[1000];

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)i;
  cr_expect_str_eq(hex_of("muster/1/test", "abc", 3), "f96d915e3632a2d7b8e90a0bfe02063b4e1dd30e73761f69c1acb2600ce92ff4");
  cr_expect_str_eq(hex_of("muster/1/test", NULL, 0), "a7e6b4807f30357ec1e4f81422118daf8064da653c448e86672240522001f177");
  cr_expect_str_eq(hex_of("", "", 0), "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314");
  cr_expect_str_eq(hex_of("a", bytes, sizeof bytes), "144ef79a041c83e8b7a8764eaf4e2a0a78aa1fb128402e5b7f23d1e1c886af24");
}

Test(digest, domains__keep_the_same_data_apart)
{
  mst_digest a = mst_digest_of("ab", "c", 1), b = mst_digest_of("a", "bc", 2), again = mst_digest_of("ab", "c", 1);

  cr_expect_not(mst_digest_equal(&a, &b));
  cr_expect(mst_digest_equal(&a, &again));
  again.bytes[MST_DIGEST_BYTES - 1] ^= 1;
  cr_expect_not(mst_digest_equal(&a, &again));
}

Test(hex, every_byte__comes_back)
{
  uint8_t bytes[256], back[256] = {0};
  char hex[2 * sizeof bytes + 1];

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)i;
  cr_expect_eq(mst_hex_encode(bytes, sizeof bytes, hex), hex);
  cr_expect_eq(strlen(hex), 512);
  cr_expect_eq(strncmp(hex, "000102030405060708090a0b", 24), 0);
  cr_expect_eq(mst_hex_decode(hex, back, sizeof back, NULL), MST_OK);
  cr_expect_arr_eq(bytes, back, sizeof bytes);
  for (char *at = hex; *at; at++)
    *at = (char)(*at >= 'a' ? *at - 'a' + 'A' : *at);
  memset(back, 0, sizeof back);
  cr_expect_eq(mst_hex_decode(hex, back, sizeof back, NULL), MST_OK, "upper case is read, too");
  cr_expect_arr_eq(bytes, back, sizeof bytes);
}

Test(hex, nothing__is_an_empty_text)
{
  char hex[1] = {'x'};

  cr_expect_str_eq(mst_hex_encode("", 0, hex), "");
  cr_expect_eq(mst_hex_decode("", hex, 0, NULL), MST_OK);
}

Test(hex, wrong_texts__are_refused_and_leave_the_result)
{
  static const char *const cases[] = {"", "0", "0a1", "0a1b2", "0a1b2c", "0a1g", "0a 1", " 0a1b", "0a1b ", "0x1b", "-a1b", "0a1b\n"};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t bytes[2] = {7, 7};
    mst_errctx ctx = {0};
    cr_expect_eq(mst_hex_decode(cases[i], bytes, 2, &ctx), MST_EMALFORMED, "\"%s\"", cases[i]);
    cr_expect(bytes[0] == 7 && bytes[1] == 7);
    cr_expect(strstr(ctx.text, "4 hex digits"), "%s", ctx.text);
  }
}

/* FIPS 180-4's own examples: the empty text, and "abc". */
Test(sha256, of_known_texts__is_what_sha256sum_prints)
{
  char hex[MST_DIGEST_HEX_BYTES];

  cr_expect_str_eq(mst_sha256_hex(NULL, 0, hex), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  cr_expect_str_eq(mst_sha256_hex("abc", 3, hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

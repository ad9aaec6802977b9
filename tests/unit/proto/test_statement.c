#include <mst/proto/statement.h>

#include "vectors.h"

static mst_statement
vector_statement(void)
{
  mst_statement statement = {
      .issued_at = {VECTOR_AT},
      .expires_at = {VECTOR_AT + 8 * 24 * 3600 * SECONDS},
      .kind = TEXT("waive"),
      .subject = TEXT("3.2.1"),
      .field_count = 3,
      .fields = {{{"expires", 7}, {"2026-12-01", 10}},
                 {{"reason", 6}, {"vendor fix is due; risk is \xe2\x80\x9clow\xe2\x80\x9d", 36}},
                 {{"role", 4}, {"qa", 2}}},
  };
  count_up(statement.id, sizeof statement.id, 0xE0);
  return statement;
}

static mst_buf
sealed(const mst_statement *statement, uint8_t seed)
{
  mst_key *key = vector_key(seed);
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
  assert_ok(mst_statement_seal(statement, key, &bytes, &ctx), ctx);
  mst_key_destroy(key);
  return bytes;
}

static mst_err
decode(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_statement statement;
  return mst_statement_decode(data, size_bytes, &statement, ctx);
}

static mst_err
open_by_operator(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_key *key = vector_key(OPERATOR);
  mst_statement statement;

  mst_err err = mst_statement_decode(data, size_bytes, &statement, ctx);
  if (err == MST_OK)
    err = mst_statement_verify(&statement, mst_key_public(key), ctx);
  mst_key_destroy(key);
  return err;
}

Test(statement, vector__is_reproduced_byte_for_byte)
{
  mst_statement statement = vector_statement();
  mst_buf bytes = sealed(&statement, OPERATOR);

  expect_bytes(bytes.data, bytes.size_bytes, "statement.json", "encoded", 0);
  mst_buf_done(&bytes);
}

Test(statement, what_was_sealed__comes_back)
{
  mst_statement statement = vector_statement(), got;
  mst_buf bytes = sealed(&statement, OPERATOR);
  mst_key *key = vector_key(OPERATOR);
  mst_key_id id = mst_key_id_of(mst_key_public(key));
  mst_errctx ctx = {0};

  assert_ok(mst_statement_decode(bytes.data, bytes.size_bytes, &got, &ctx), ctx);
  assert_ok(mst_statement_verify(&got, mst_key_public(key), &ctx), ctx);
  cr_expect_eq(memcmp(&got.key_id, &id, sizeof id), 0);
  cr_expect_eq(memcmp(got.id, statement.id, sizeof got.id), 0);
  cr_expect_eq(got.issued_at.ns, statement.issued_at.ns);
  cr_expect_eq(got.expires_at.ns, statement.expires_at.ns);
  cr_expect(mst_text_equal(got.kind, "waive"));
  cr_expect(mst_text_equal(got.subject, "3.2.1"));
  cr_expect_eq(got.field_count, 3);
  cr_expect(mst_text_equal(mst_statement_get(&got, "role"), "qa"));
  cr_expect(mst_text_equal(mst_statement_get(&got, "expires"), "2026-12-01"));
  cr_expect_null(mst_statement_get(&got, "rol").data);
  cr_expect_null(mst_statement_get(&got, "roles").data);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(statement, an_empty_field__is_there_and_an_absent_one_is_not)
{
  mst_statement statement = vector_statement(), got;
  mst_errctx ctx = {0};

  statement.expires_at.ns = 0;
  statement.field_count = 1;
  statement.fields[0] = (mst_statement_field){TEXT("note"), {0}};
  mst_buf bytes = sealed(&statement, OPERATOR);
  assert_ok(mst_statement_decode(bytes.data, bytes.size_bytes, &got, &ctx), ctx);
  cr_expect_not_null(mst_statement_get(&got, "note").data);
  cr_expect_eq(mst_statement_get(&got, "note").size_bytes, 0);
  mst_buf_done(&bytes);
}

Test(statement, a_cut_at_any_byte__is_refused)
{
  mst_statement statement = vector_statement();
  mst_buf bytes = sealed(&statement, OPERATOR);
  expect_truncations_refused(bytes.data, bytes.size_bytes, decode);
  mst_buf_done(&bytes);
}

Test(statement, any_flipped_bit__is_refused)
{
  mst_statement statement = vector_statement();
  mst_buf bytes = sealed(&statement, OPERATOR);
  expect_flips_refused(bytes.data, bytes.size_bytes, open_by_operator);
  mst_buf_done(&bytes);
}

Test(statement, another_key__does_not_verify)
{
  mst_statement statement = vector_statement(), got;
  mst_buf bytes = sealed(&statement, STRANGER);
  mst_key *operator_key = vector_key(OPERATOR);
  mst_errctx ctx = {0};

  assert_ok(mst_statement_decode(bytes.data, bytes.size_bytes, &got, &ctx), ctx);
  cr_expect_eq(mst_statement_verify(&got, mst_key_public(operator_key), &ctx), MST_ECRYPTO);
  got.key_id = mst_key_id_of(mst_key_public(operator_key));
  cr_expect_eq(mst_statement_verify(&got, mst_key_public(operator_key), &ctx), MST_ECRYPTO);
  mst_buf_done(&bytes);
  mst_key_destroy(operator_key);
}

Test(statement, seal__refuses_what_breaks_a_rule)
{
  static const char longer[4098] = {[0 ... 4096] = 'x'};
  mst_key *key = vector_key(OPERATOR);
  mst_statement s;
  mst_buf bytes;

#define EXPECT(code, change)                                                                                                               \
  do {                                                                                                                                     \
    mst_errctx ctx = {0};                                                                                                                  \
    s = vector_statement();                                                                                                                \
    change;                                                                                                                                \
    cr_expect_eq(mst_statement_seal(&s, key, &bytes, &ctx), code, "%s", #change);                                                          \
    cr_expect_neq(ctx.text[0], '\0');                                                                                                      \
    cr_expect_eq(bytes.size_bytes, 0);                                                                                                     \
  } while (0)
  mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
  EXPECT(MST_EMALFORMED, s.kind = (mst_text){0});
  EXPECT(MST_ELIMIT, (s.kind = (mst_text){longer, 65}));
  EXPECT(MST_ELIMIT, (s.subject = (mst_text){longer, 257}));
  EXPECT(MST_EMALFORMED, (s.subject = (mst_text){"a\0", 2}));
  EXPECT(MST_EMALFORMED, s.issued_at.ns = -1);
  EXPECT(MST_EMALFORMED, s.expires_at.ns = s.issued_at.ns);
  EXPECT(MST_EMALFORMED, s.expires_at.ns = -1);
  EXPECT(MST_ELIMIT, s.field_count = 33);
  EXPECT(MST_EMALFORMED, s.fields[1].key = s.fields[0].key);
  EXPECT(MST_EMALFORMED, (s.fields[0].key = (mst_text){"z", 1}));
  EXPECT(MST_EMALFORMED, s.fields[0].key.size_bytes = 0);
  EXPECT(MST_ELIMIT, (s.fields[0].key = (mst_text){longer, 65}));
  EXPECT(MST_ELIMIT, (s.fields[2].value = (mst_text){longer, 4097}));
#undef EXPECT
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(statement, one_over_64_kB__is_a_limit)
{
  static const char value[4096] = {[0 ... 4095] = 'v'};
  static const char keys[32][2] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F",
                                   "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V"};
  mst_statement statement = vector_statement(), got;
  mst_key *key = vector_key(OPERATOR);
  mst_errctx ctx = {0};
  mst_buf bytes;

  for (uint32_t i = 0; i < 32; i++)
    statement.fields[i] = (mst_statement_field){{keys[i], 1}, {value, sizeof value}};
  mst_buf_init(&bytes, 1 << 20);
  statement.field_count = 16;
  cr_expect_eq(mst_statement_seal(&statement, key, &bytes, &ctx), MST_ELIMIT);
  cr_expect_eq(bytes.size_bytes, 0);
  statement.field_count = 15;
  assert_ok(mst_statement_seal(&statement, key, &bytes, &ctx), ctx);
  assert_ok(decode(bytes.data, bytes.size_bytes, &ctx), ctx);
  uint8_t *huge = calloc(1, MST_STATEMENT_MAX_BYTES + 1);
  cr_expect_eq(mst_statement_decode(huge, MST_STATEMENT_MAX_BYTES + 1, &got, &ctx), MST_ELIMIT);
  free(huge);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

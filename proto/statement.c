/* A signed act of an operator. Layout: docs/wire-format.md. */
#include <mst/proto/statement.h>

#include <string.h>

#include "pack.h"
#include "signed.h"
#include "text.h"

enum { STATEMENT_ELEMENTS = 9 };

static const char context[] = "muster/1/statement";

static mst_err
check_times(mst_wall issued_at, mst_wall expires_at, mst_errctx *ctx)
{
  if (issued_at.ns < 0 || expires_at.ns < 0)
    return mst_fail(ctx, MST_EMALFORMED, "statement: a time is before 1970");
  if (expires_at.ns != 0 && expires_at.ns <= issued_at.ns)
    return mst_fail(ctx, MST_EMALFORMED, "statement.expires_at: is not after issued_at");
  return MST_OK;
}

static mst_err
check_fields(const mst_statement *statement, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (statement->field_count > MST_STATEMENT_MAX_FIELDS)
    return mst_fail(ctx, MST_ELIMIT, "statement.fields: %u, at most %d are allowed", statement->field_count, MST_STATEMENT_MAX_FIELDS);
  for (uint32_t i = 0; err == MST_OK && i < statement->field_count; i++) {
    const mst_statement_field *field = &statement->fields[i];
    err = mst_text_check(field->key, "statement.fields key", 1, MST_STATEMENT_KEY_MAX_BYTES, ctx);
    if (err == MST_OK)
      err = mst_text_check(field->value, "statement.fields value", 0, MST_STATEMENT_VALUE_MAX_BYTES, ctx);
    if (err == MST_OK && i > 0 && mst_text_compare(statement->fields[i - 1].key, field->key) >= 0)
      err = mst_fail(ctx, MST_EMALFORMED, "statement.fields key: \"%.*s\" is out of order or stands twice", (int)field->key.size_bytes,
                     field->key.data);
  }
  return err;
}

mst_err
mst_statement_seal(const mst_statement *statement, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx)
{
  size_t start = ret_bytes->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_bytes);
  mst_key_id key_id = mst_key_id_of(mst_key_public(key));

  mst_err err = check_times(statement->issued_at, statement->expires_at, ctx);
  if (err == MST_OK)
    err = mst_text_check(statement->kind, "statement.kind", 1, MST_STATEMENT_KIND_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_text_check(statement->subject, "statement.subject", 0, MST_STATEMENT_SUBJECT_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = check_fields(statement, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, STATEMENT_ELEMENTS);
  msgpack_pack_uint8(&pack, MST_WIRE_VERSION);
  mst_pack_bin(&pack, key_id.bytes, sizeof key_id.bytes);
  mst_pack_bin(&pack, statement->id, sizeof statement->id);
  msgpack_pack_int64(&pack, statement->issued_at.ns);
  msgpack_pack_int64(&pack, statement->expires_at.ns);
  mst_pack_text(&pack, statement->kind);
  mst_pack_text(&pack, statement->subject);
  msgpack_pack_map(&pack, statement->field_count);
  for (uint32_t i = 0; i < statement->field_count; i++) {
    mst_pack_text(&pack, statement->fields[i].key);
    mst_pack_text(&pack, statement->fields[i].value);
  }
  if (ret_bytes->size_bytes - start > MST_STATEMENT_MAX_BYTES - MST_SIGNED_TAIL_BYTES)
    err = mst_fail(ctx, MST_ELIMIT, "statement: over %d bytes", MST_STATEMENT_MAX_BYTES);
  else
    err = mst_signed_append(ret_bytes, start, key, context, ctx);
  return mst_pack_finish(ret_bytes, start, err, "statement", ctx);
}

static mst_err
read_fields(mst_cursor *cursor, mst_statement *statement, mst_errctx *ctx)
{
  mst_text previous = {0};

  mst_err err = mst_cursor_map(cursor, "statement.fields", MST_STATEMENT_MAX_FIELDS, &statement->field_count, ctx);
  for (uint32_t i = 0; err == MST_OK && i < statement->field_count; i++) {
    err = mst_text_read_key(cursor, "statement.fields key", MST_STATEMENT_KEY_MAX_BYTES, &previous, ctx);
    statement->fields[i].key = previous;
    if (err == MST_OK)
      err = mst_cursor_text(cursor, "statement.fields value", MST_STATEMENT_VALUE_MAX_BYTES, &statement->fields[i].value, ctx);
  }
  return err;
}

static mst_err
read_statement(mst_cursor *cursor, mst_statement *statement, mst_errctx *ctx)
{
  mst_bytes key_id, id;
  uint64_t issued_at = 0, expires_at = 0;

  mst_err err = mst_cursor_bin(cursor, "statement.key_id", MST_KEY_ID_BYTES, MST_KEY_ID_BYTES, &key_id, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "statement.id", MST_STATEMENT_ID_BYTES, MST_STATEMENT_ID_BYTES, &id, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "statement.issued_at", INT64_MAX, &issued_at, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "statement.expires_at", INT64_MAX, &expires_at, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "statement.kind", MST_STATEMENT_KIND_MAX_BYTES, &statement->kind, ctx);
  if (err == MST_OK && statement->kind.size_bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "statement.kind: is empty");
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "statement.subject", MST_STATEMENT_SUBJECT_MAX_BYTES, &statement->subject, ctx);
  if (err == MST_OK)
    err = read_fields(cursor, statement, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(cursor, "statement", ctx);
  statement->issued_at.ns = (int64_t)issued_at;
  statement->expires_at.ns = (int64_t)expires_at;
  if (err == MST_OK)
    err = check_times(statement->issued_at, statement->expires_at, ctx);
  if (err != MST_OK)
    return err;
  memcpy(statement->key_id.bytes, key_id.data, MST_KEY_ID_BYTES);
  memcpy(statement->id, id.data, MST_STATEMENT_ID_BYTES);
  return MST_OK;
}

mst_err
mst_statement_decode(const void *data, size_t size_bytes, mst_statement *ret_statement, mst_errctx *ctx)
{
  mst_statement statement = {0};
  mst_signed outer;

  if (size_bytes > MST_STATEMENT_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "statement: %zu bytes long, at most %d are allowed", size_bytes, MST_STATEMENT_MAX_BYTES);
  mst_err err = mst_signed_open(data, size_bytes, "statement", STATEMENT_ELEMENTS, &outer, ctx);
  if (err == MST_OK)
    err = read_statement(&outer.fields, &statement, ctx);
  if (err != MST_OK)
    return err;
  statement.signed_part = outer.signed_part;
  memcpy(statement.signature, outer.signature, sizeof statement.signature);
  *ret_statement = statement;
  return MST_OK;
}

mst_err
mst_statement_verify(const mst_statement *statement, const mst_public_key *key, mst_errctx *ctx)
{
  mst_key_id key_id = mst_key_id_of(key);

  if (memcmp(key_id.bytes, statement->key_id.bytes, sizeof key_id.bytes) != 0)
    return mst_fail(ctx, MST_ECRYPTO, "statement: names another key than the one it is verified with");
  return mst_key_verify(key, context, statement->signed_part.data, statement->signed_part.size_bytes, statement->signature, ctx);
}

mst_text
mst_statement_get(const mst_statement *statement, const char *key)
{
  for (uint32_t i = 0; i < statement->field_count; i++)
    if (mst_text_equal(statement->fields[i].key, key))
      return statement->fields[i].value;
  return (mst_text){0};
}

/* Ed25519 keys and their files.
 *
 * A key file is text, one entry a line:
 *   muster-key-1
 *   public: HEX            32 bytes
 *   secret: HEX            32-byte seed; or, with a passphrase,
 *   sealed: SALT NONCE BOX 16, 24 and 48 bytes in hex: crypto_secretbox of the seed under crypto_pwhash(passphrase, SALT), argon2id, interactive limits */
#include <mst/common/key.h>

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/digest.h>
#include <mst/common/file.h>

enum {
  SEED_BYTES = crypto_sign_SEEDBYTES,
  BOX_BYTES = SEED_BYTES + crypto_secretbox_MACBYTES,
  CONTEXT_MAX_BYTES = 63,
  STACK_MESSAGE_BYTES = 4096, /* most reports; longer ones take the heap */
  KEY_FILE_MAX_BYTES = 1024,
};

static const char magic[] = "muster-key-1";

struct mst_key {
  mst_public_key public_key;
  uint8_t *secret; /* crypto_sign_SECRETKEYBYTES in guarded memory */
};

mst_err
mst_crypto_start(mst_errctx *ctx)
{
  return sodium_init() >= 0 ? MST_OK : mst_fail(ctx, MST_ECRYPTO, "start libsodium: no source of randomness");
}

void
mst_random_bytes(void *ret_data, size_t size_bytes)
{
  randombytes_buf(ret_data, size_bytes);
}

mst_err
mst_key_create_from_seed(const uint8_t seed[static 32], mst_key **ret_key, mst_errctx *ctx)
{
  mst_key *key = mst_alloc(1, sizeof *key);

  if (key)
    key->secret = sodium_malloc(crypto_sign_SECRETKEYBYTES);
  if (!key || !key->secret) {
    mst_free(key);
    return mst_fail(ctx, MST_ENOMEM, "make a key");
  }
  crypto_sign_seed_keypair(key->public_key.bytes, key->secret, seed);
  sodium_mprotect_readonly(key->secret);
  *ret_key = key;
  return MST_OK;
}

mst_err
mst_key_create(mst_key **ret_key, mst_errctx *ctx)
{
  uint8_t seed[SEED_BYTES];

  randombytes_buf(seed, sizeof seed);
  mst_err err = mst_key_create_from_seed(seed, ret_key, ctx);
  sodium_memzero(seed, sizeof seed);
  return err;
}

void
mst_key_destroy(mst_key *key)
{
  if (!key)
    return;
  sodium_free(key->secret);
  mst_free(key);
}

const mst_public_key *
mst_key_public(const mst_key *key)
{
  return &key->public_key;
}

mst_key_id
mst_key_id_of(const mst_public_key *key)
{
  mst_digest digest = mst_digest_of("muster/key", key->bytes, sizeof key->bytes);
  mst_key_id id;

  memcpy(id.bytes, digest.bytes, sizeof id.bytes);
  return id;
}

const char *
mst_key_id_hex(const mst_key_id *id, char hex[static MST_KEY_ID_HEX_BYTES])
{
  return mst_hex_encode(id->bytes, sizeof id->bytes, hex);
}

/* context || 0 || message as one piece: libsodium's multi-part calls are Ed25519ph, another scheme. Returns `stack` or a block to mst_free. */
static uint8_t *
join(const char *context, const void *message, size_t size_bytes, uint8_t stack[static STACK_MESSAGE_BYTES], size_t *ret_bytes, mst_errctx *ctx)
{
  size_t context_bytes = strlen(context), total;
  uint8_t *joined = stack;

  if (context_bytes > CONTEXT_MAX_BYTES || __builtin_add_overflow(size_bytes, context_bytes + 1, &total)) {
    (void)mst_fail(ctx, MST_ELIMIT, "the context or message of a signature is too long");
    return NULL;
  }
  if (total > STACK_MESSAGE_BYTES && !(joined = mst_alloc(total, 1))) {
    (void)mst_fail(ctx, MST_ENOMEM, "a signature over %zu bytes", size_bytes);
    return NULL;
  }
  memcpy(joined, context, context_bytes + 1);
  if (size_bytes > 0)
    memcpy(joined + context_bytes + 1, message, size_bytes);
  *ret_bytes = total;
  return joined;
}

mst_err
mst_key_sign(const mst_key *key, const char *context, const void *message, size_t size_bytes, uint8_t ret_signature[static MST_SIGNATURE_BYTES],
             mst_errctx *ctx)
{
  uint8_t stack[STACK_MESSAGE_BYTES];
  size_t bytes;
  uint8_t *joined = join(context, message, size_bytes, stack, &bytes, ctx);

  if (!joined)
    return size_bytes > STACK_MESSAGE_BYTES ? MST_ENOMEM : MST_ELIMIT;
  crypto_sign_detached(ret_signature, NULL, joined, bytes, key->secret);
  if (joined != stack)
    mst_free(joined);
  return MST_OK;
}

mst_err
mst_key_verify(const mst_public_key *key, const char *context, const void *message, size_t size_bytes,
               const uint8_t signature[static MST_SIGNATURE_BYTES], mst_errctx *ctx)
{
  uint8_t stack[STACK_MESSAGE_BYTES];
  size_t bytes;
  uint8_t *joined = join(context, message, size_bytes, stack, &bytes, ctx);

  if (!joined)
    return size_bytes > STACK_MESSAGE_BYTES ? MST_ENOMEM : MST_ELIMIT;
  int fits = crypto_sign_verify_detached(signature, joined, bytes, key->bytes);
  if (joined != stack)
    mst_free(joined);
  return fits == 0 ? MST_OK : mst_fail(ctx, MST_ECRYPTO, "the signature (%s) does not fit the key", context);
}

static mst_err
derive(const char *passphrase, const uint8_t *salt, uint8_t ret_key[static crypto_secretbox_KEYBYTES], mst_errctx *ctx)
{
  if (crypto_pwhash(ret_key, crypto_secretbox_KEYBYTES, passphrase, strlen(passphrase), salt, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                    crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return mst_fail(ctx, MST_ENOMEM, "derive a key from the passphrase: out of memory");
  return MST_OK;
}

static void
add_hex(mst_buf *text, const void *data, size_t size_bytes)
{
  char hex[2 * KEY_FILE_MAX_BYTES / 8 + 1];

  mst_buf_puts(text, mst_hex_encode(data, size_bytes, hex));
  sodium_memzero(hex, sizeof hex);
}

static mst_err
write_entries(const mst_key *key, const char *passphrase, mst_buf *text, mst_errctx *ctx)
{
  uint8_t seed[SEED_BYTES];
  mst_err err = MST_OK;

  crypto_sign_ed25519_sk_to_seed(seed, key->secret);
  mst_buf_printf(text, "%s\npublic: ", magic);
  add_hex(text, key->public_key.bytes, sizeof key->public_key.bytes);
  if (!passphrase) {
    mst_buf_puts(text, "\nsecret: ");
    add_hex(text, seed, sizeof seed);
  } else {
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box_key[crypto_secretbox_KEYBYTES], box[BOX_BYTES];
    randombytes_buf(salt, sizeof salt);
    randombytes_buf(nonce, sizeof nonce);
    err = derive(passphrase, salt, box_key, ctx);
    if (err == MST_OK) {
      crypto_secretbox_easy(box, seed, sizeof seed, nonce, box_key);
      mst_buf_puts(text, "\nsealed: ");
      add_hex(text, salt, sizeof salt);
      mst_buf_puts(text, " ");
      add_hex(text, nonce, sizeof nonce);
      mst_buf_puts(text, " ");
      add_hex(text, box, sizeof box);
    }
    sodium_memzero(box_key, sizeof box_key);
  }
  mst_buf_puts(text, "\n");
  sodium_memzero(seed, sizeof seed);
  return err == MST_OK ? mst_buf_check(text, "key file", ctx) : err;
}

mst_err
mst_key_save(const mst_key *key, const char *path, const char *passphrase, mst_errctx *ctx)
{
  char temporary[KEY_FILE_MAX_BYTES * 4];
  mst_buf text;
  mst_err err;

  mst_buf_init(&text, KEY_FILE_MAX_BYTES);
  if (snprintf(temporary, sizeof temporary, "%s.new.%ld", path, (long)getpid()) >= (int)sizeof temporary)
    return mst_fail(ctx, MST_ELIMIT, "write key %s: the path is too long", path);
  err = write_entries(key, passphrase, &text, ctx);
  if (err == MST_OK)
    err = mst_file_replace(temporary, text.data, text.size_bytes, 0600, ctx);
  if (err == MST_OK) {
    /* link, not rename: it fails when the name is taken, so that no key is ever overwritten. */
    if (link(temporary, path) != 0)
      err = errno == EEXIST ? mst_fail(ctx, MST_EEXIST, "write key %s: there is a file already, and a key is never overwritten", path)
                            : mst_fail_errno(ctx, MST_EIO, "write key %s", path);
    unlink(temporary);
    if (err == MST_OK)
      err = mst_file_sync_dir(path, ctx);
  }
  if (text.data)
    sodium_memzero(text.data, text.size_bytes);
  mst_buf_done(&text);
  return err;
}

/* The rest of the line that starts with `name: `; NULL when there is none. Ends the line with NUL. */
static char *
entry(char *text, const char *name)
{
  size_t bytes = strlen(name);

  for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
    if (strncmp(line, name, bytes) == 0 && strncmp(line + bytes, ": ", 2) == 0)
      return line + bytes + 2;
  return NULL;
}

static mst_err
open_sealed(const char *sealed, const char *passphrase, const char *path, uint8_t ret_seed[static SEED_BYTES], mst_errctx *ctx)
{
  uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box_key[crypto_secretbox_KEYBYTES], box[BOX_BYTES];
  char salt_hex[2 * sizeof salt + 1], nonce_hex[2 * sizeof nonce + 1], box_hex[2 * sizeof box + 1];

  if (sscanf(sealed, "%32s %48s %96s", salt_hex, nonce_hex, box_hex) != 3 || mst_hex_decode(salt_hex, salt, sizeof salt, NULL) != MST_OK ||
      mst_hex_decode(nonce_hex, nonce, sizeof nonce, NULL) != MST_OK || mst_hex_decode(box_hex, box, sizeof box, NULL) != MST_OK)
    return mst_fail(ctx, MST_EMALFORMED, "key file %s: the sealed entry is damaged", path);
  if (!passphrase || !passphrase[0])
    return mst_fail(ctx, MST_ECRYPTO, "key file %s needs a passphrase; set MUSTER_KEY_PASSPHRASE", path);
  mst_err err = derive(passphrase, salt, box_key, ctx);
  if (err == MST_OK && crypto_secretbox_open_easy(ret_seed, box, sizeof box, nonce, box_key) != 0)
    err = mst_fail(ctx, MST_ECRYPTO, "key file %s: the passphrase does not fit", path);
  sodium_memzero(box_key, sizeof box_key);
  return err;
}

static mst_err
check_file(const char *path, mst_errctx *ctx)
{
  struct stat st;

  if (stat(path, &st) != 0)
    return mst_fail_errno(ctx, errno == ENOENT ? MST_EABSENT : MST_EIO, "read key %s", path);
  if (!S_ISREG(st.st_mode))
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: not a regular file", path);
  if ((st.st_mode & 0077) != 0)
    return mst_fail(ctx, MST_EPERM, "read key %s: others can read or write it (mode %04o); chmod 600 it, and make a new key if it was exposed", path,
                    (unsigned)(st.st_mode & 07777));
  if (st.st_uid != geteuid() && st.st_uid != 0)
    return mst_fail(ctx, MST_EPERM, "read key %s: it belongs to user %u, neither to us nor to root", path, (unsigned)st.st_uid);
  return MST_OK;
}

static mst_err
read_entries(char *text, const char *path, const char *passphrase, mst_key **ret_key, mst_errctx *ctx)
{
  char hex[2 * MST_KEY_PUBLIC_BYTES + 1];
  mst_public_key public_key;
  uint8_t seed[SEED_BYTES];
  char *public_text = entry(text, "public"), *secret = entry(text, "secret"), *sealed = entry(text, "sealed");
  mst_key *key = NULL;

  if (strncmp(text, magic, sizeof magic - 1) != 0 || text[sizeof magic - 1] != '\n' || !public_text || !secret == !sealed ||
      sscanf(public_text, "%64s", hex) != 1 || mst_hex_decode(hex, public_key.bytes, sizeof public_key.bytes, NULL) != MST_OK)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: it is no muster key file, or damaged", path);
  mst_err err = MST_OK;
  if (sealed)
    err = open_sealed(sealed, passphrase, path, seed, ctx);
  else if (sscanf(secret, "%64s", hex) != 1 || mst_hex_decode(hex, seed, sizeof seed, NULL) != MST_OK)
    err = mst_fail(ctx, MST_EMALFORMED, "read key %s: the secret entry is damaged", path);
  if (err == MST_OK)
    err = mst_key_create_from_seed(seed, &key, ctx);
  sodium_memzero(seed, sizeof seed);
  sodium_memzero(hex, sizeof hex);
  if (err != MST_OK)
    return err;
  if (memcmp(key->public_key.bytes, public_key.bytes, sizeof public_key.bytes) != 0) {
    mst_key_destroy(key);
    return mst_fail(ctx, MST_ECRYPTO, "read key %s: its public and secret halves do not fit each other", path);
  }
  *ret_key = key;
  return MST_OK;
}

mst_err
mst_key_load(const char *path, const char *passphrase, mst_key **ret_key, mst_errctx *ctx)
{
  mst_buf text;
  mst_err err = check_file(path, ctx);

  if (err != MST_OK)
    return err;
  mst_buf_init(&text, KEY_FILE_MAX_BYTES);
  err = mst_file_read(path, &text, ctx);
  if (err != MST_OK)
    err = mst_fail_within(ctx, err, "read key");
  else if (text.size_bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "read key %s: the file is empty", path);
  else
    err = read_entries((char *)text.data, path, passphrase, ret_key, ctx);
  if (text.data)
    sodium_memzero(text.data, text.size_bytes);
  mst_buf_done(&text);
  return err;
}

const char *
mst_public_key_format(const mst_public_key *key, char text[static MST_PUBLIC_KEY_TEXT_BYTES])
{
  memcpy(text, "ed25519:", 8);
  mst_hex_encode(key->bytes, sizeof key->bytes, text + 8);
  return text;
}

mst_err
mst_public_key_parse(const char *text, mst_public_key *ret_key, mst_errctx *ctx)
{
  mst_public_key key;

  if (strncmp(text, "ed25519:", 8) != 0 || mst_hex_decode(text + 8, key.bytes, sizeof key.bytes, NULL) != MST_OK)
    return mst_fail(ctx, MST_EMALFORMED, "\"%.80s\" is no public key; it looks like ed25519: and 64 hex digits", text);
  *ret_key = key;
  return MST_OK;
}

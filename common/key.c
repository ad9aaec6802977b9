/* Ed25519 keys and their files.
 *
 * A key file is text, one entry a line:
 *   muster-key-1
 *   public: HEX            32 bytes
 *   secret: HEX            32-byte seed; or, with a passphrase,
 *   sealed: SALT NONCE BOX 16, 24 and 48 bytes in hex: crypto_secretbox of the seed under crypto_pwhash(passphrase, SALT), argon2id,
 * interactive limits */
#include <mst/common/key.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* context || 0 || message as one piece: libsodium's multi-part calls are Ed25519ph, another scheme.
 * *ret_joined is `stack`, or a block to mst_free when the piece is longer. */
static mst_err
join(const char *context, const void *message, size_t size_bytes, uint8_t stack[static STACK_MESSAGE_BYTES], uint8_t **ret_joined,
     size_t *ret_bytes, mst_errctx *ctx)
{
  size_t context_bytes = strlen(context), total;
  uint8_t *joined = stack;

  if (context_bytes > CONTEXT_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "the context of a signature, \"%.80s\", is over %d bytes", context, CONTEXT_MAX_BYTES);
  if (__builtin_add_overflow(size_bytes, context_bytes + 1, &total))
    return mst_fail(ctx, MST_ELIMIT, "a signature (%s) over %zu bytes", context, size_bytes);
  if (total > STACK_MESSAGE_BYTES && !(joined = mst_alloc(total, 1)))
    return mst_fail(ctx, MST_ENOMEM, "a signature (%s) over %zu bytes: out of memory", context, size_bytes);
  memcpy(joined, context, context_bytes + 1);
  if (size_bytes > 0)
    memcpy(joined + context_bytes + 1, message, size_bytes);
  *ret_joined = joined;
  *ret_bytes = total;
  return MST_OK;
}

mst_err
mst_key_sign(const mst_key *key, const char *context, const void *message, size_t size_bytes,
             uint8_t ret_signature[static MST_SIGNATURE_BYTES], mst_errctx *ctx)
{
  uint8_t stack[STACK_MESSAGE_BYTES], *joined;
  size_t bytes;
  mst_err err = join(context, message, size_bytes, stack, &joined, &bytes, ctx);

  if (err != MST_OK)
    return err;
  crypto_sign_detached(ret_signature, NULL, joined, bytes, key->secret);
  if (joined != stack)
    mst_free(joined);
  return MST_OK;
}

mst_err
mst_key_verify(const mst_public_key *key, const char *context, const void *message, size_t size_bytes,
               const uint8_t signature[static MST_SIGNATURE_BYTES], mst_errctx *ctx)
{
  uint8_t stack[STACK_MESSAGE_BYTES], *joined;
  size_t bytes;
  mst_err err = join(context, message, size_bytes, stack, &joined, &bytes, ctx);

  if (err != MST_OK)
    return err;
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
  char temporary[PATH_MAX];
  mst_buf text;
  mst_err err;

  mst_buf_init(&text, KEY_FILE_MAX_BYTES);
  if (passphrase && passphrase[0] == '\0')
    return mst_fail(ctx, MST_EUSAGE, "write key %s: the passphrase is empty; give one, or none at all", path);
  /* The thread's id: of two threads that save to one path, the slower must not link the other's key. */
  if (snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)gettid()) >= (int)sizeof temporary)
    return mst_fail(ctx, MST_ELIMIT, "write key %s: the path is too long", path);
  err = write_entries(key, passphrase, &text, ctx);
  if (err == MST_OK && (err = mst_file_replace(temporary, text.data, text.size_bytes, 0600, ctx)) != MST_OK)
    (void)mst_fail_within(ctx, err, "write key %s", path);
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

/* The next line when it starts with `start`: its rest, NUL-terminated, and *at steps behind it. NULL and nothing changed when it does not.
 */
static char *
take_line(char **at, const char *start)
{
  size_t bytes = strlen(start);

  if (strncmp(*at, start, bytes) != 0)
    return NULL;
  char *rest = *at + bytes, *end = rest + strcspn(rest, "\n");
  *at = *end ? end + 1 : end;
  *end = '\0';
  return rest;
}

static mst_err
open_sealed(char *sealed, const char *passphrase, const char *path, uint8_t ret_seed[static SEED_BYTES], mst_errctx *ctx)
{
  uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box_key[crypto_secretbox_KEYBYTES], box[BOX_BYTES];
  char *save = NULL, *salt_hex = strtok_r(sealed, " ", &save), *nonce_hex = strtok_r(NULL, " ", &save),
       *box_hex = strtok_r(NULL, "", &save);

  if (!salt_hex || !nonce_hex || !box_hex || mst_hex_decode(salt_hex, salt, sizeof salt, NULL) != MST_OK ||
      mst_hex_decode(nonce_hex, nonce, sizeof nonce, NULL) != MST_OK || mst_hex_decode(box_hex, box, sizeof box, NULL) != MST_OK)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: its sealed entry is damaged or cut off", path);
  if (!passphrase || !passphrase[0])
    return mst_fail(ctx, MST_ECRYPTO, "read key %s: it needs a passphrase; set MUSTER_KEY_PASSPHRASE", path);
  mst_err err = derive(passphrase, salt, box_key, ctx);
  if (err == MST_OK && crypto_secretbox_open_easy(ret_seed, box, sizeof box, nonce, box_key) != 0)
    err = mst_fail(ctx, MST_ECRYPTO, "read key %s: the passphrase does not fit", path);
  sodium_memzero(box_key, sizeof box_key);
  return err;
}

/* fd: the file that is read afterwards, so that nobody can swap it between the look and the read. */
static mst_err
check_file(int fd, const char *path, mst_errctx *ctx)
{
  struct stat st;

  if (fstat(fd, &st) != 0)
    return mst_fail_errno(ctx, MST_EIO, "read key %s", path);
  if (!S_ISREG(st.st_mode))
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: not a regular file", path);
  if ((st.st_mode & 0077) != 0)
    return mst_fail(ctx, MST_EPERM,
                    "read key %s: others can read or write it (mode %04o); chmod 600 it, and make a new key if it was exposed", path,
                    (unsigned)(st.st_mode & 07777));
  if (st.st_uid != geteuid() && st.st_uid != 0)
    return mst_fail(ctx, MST_EPERM, "read key %s: it belongs to user %u, neither to us nor to root", path, (unsigned)st.st_uid);
  return MST_OK;
}

/* text: at least KEY_FILE_MAX_BYTES + 1; filled with the whole file and a NUL. */
static mst_err
read_file(const char *path, char *text, mst_errctx *ctx)
{
  size_t used = 0;
  ssize_t n = 0;
  /* Without O_NONBLOCK a FIFO of that name would hold us here for ever. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0)
    return mst_fail_errno(ctx, errno == ENOENT ? MST_EABSENT : errno == EACCES ? MST_EPERM : MST_EIO, "read key %s", path);
  mst_err err = check_file(fd, path, ctx);
  while (err == MST_OK && used <= KEY_FILE_MAX_BYTES && (n = read(fd, text + used, KEY_FILE_MAX_BYTES + 1 - used)) != 0) {
    if (n > 0)
      used += (size_t)n;
    else if (errno != EINTR)
      err = mst_fail_errno(ctx, MST_EIO, "read key %s", path);
  }
  close(fd);
  if (err != MST_OK)
    return err;
  if (used == 0)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: the file is empty", path);
  if (used > KEY_FILE_MAX_BYTES || memchr(text, '\0', used))
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: it is no muster key file", path);
  text[used] = '\0';
  return MST_OK;
}

/* text is taken apart in place. */
static mst_err
read_entries(char *text, const char *path, const char *passphrase, mst_public_key *ret_public, uint8_t ret_seed[static SEED_BYTES],
             mst_errctx *ctx)
{
  char *at = text, *rest = take_line(&at, magic);

  if (!rest || *rest)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: it is no muster key file: it does not start with \"%s\"", path, magic);
  char *public_hex = take_line(&at, "public: ");
  if (!public_hex || mst_hex_decode(public_hex, ret_public->bytes, sizeof ret_public->bytes, NULL) != MST_OK)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: its public entry is missing, damaged or cut off", path);
  char *secret = take_line(&at, "secret: "), *sealed = secret ? NULL : take_line(&at, "sealed: ");
  if (!secret && !sealed)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: it is cut off: neither a secret nor a sealed entry", path);
  if (*at)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: something follows its last entry", path);
  if (sealed)
    return open_sealed(sealed, passphrase, path, ret_seed, ctx);
  if (mst_hex_decode(secret, ret_seed, SEED_BYTES, NULL) != MST_OK)
    return mst_fail(ctx, MST_EMALFORMED, "read key %s: its secret entry is damaged or cut off", path);
  return MST_OK;
}

mst_err
mst_key_load(const char *path, const char *passphrase, mst_key **ret_key, mst_errctx *ctx)
{
  char text[KEY_FILE_MAX_BYTES + 1];
  uint8_t seed[SEED_BYTES];
  mst_public_key public_key;
  mst_key *key = NULL;
  mst_err err = read_file(path, text, ctx);

  if (err == MST_OK)
    err = read_entries(text, path, passphrase, &public_key, seed, ctx);
  if (err == MST_OK)
    err = mst_key_create_from_seed(seed, &key, ctx);
  sodium_memzero(seed, sizeof seed);
  sodium_memzero(text, sizeof text);
  if (err != MST_OK)
    return err;
  if (memcmp(key->public_key.bytes, public_key.bytes, sizeof public_key.bytes) != 0) {
    mst_key_destroy(key);
    return mst_fail(ctx, MST_ECRYPTO, "read key %s: its public and secret halves do not fit each other", path);
  }
  *ret_key = key;
  return MST_OK;
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

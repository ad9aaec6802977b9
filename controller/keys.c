/* The controller's key files. */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mst/common/file.h>

enum { PATH_BYTES = 4096 };

static const char *
passphrase(void)
{
  const char *text = getenv("MUSTER_KEY_PASSPHRASE");

  return text && text[0] ? text : NULL;
}

static mst_err
path_of(const char *state_dir, const char *suffix, char path[static PATH_BYTES], mst_errctx *ctx)
{
  int length = snprintf(path, PATH_BYTES, "%s/controller.key%s", state_dir, suffix);

  if (length < 0 || length >= PATH_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "the path of state_dir is too long: %.200s", state_dir);
  return MST_OK;
}

static mst_err
make_key(const char *path, mst_key **ret_key, mst_errctx *ctx)
{
  mst_key *key = NULL;

  mst_err err = mst_key_create(&key, ctx);
  if (err == MST_OK)
    err = mst_key_save(key, path, passphrase(), ctx);
  if (err != MST_OK) {
    mst_key_destroy(key);
    return err;
  }
  *ret_key = key;
  return MST_OK;
}

static mst_err
load(const char *state_dir, const char *suffix, mst_key **ret_key, mst_errctx *ctx)
{
  char path[PATH_BYTES];

  mst_err err = path_of(state_dir, suffix, path, ctx);
  if (err == MST_OK)
    err = mst_key_load(path, passphrase(), ret_key, ctx);
  if (err == MST_ECRYPTO)
    return mst_fail_within(ctx, err, "the controller's key (is $MUSTER_KEY_PASSPHRASE set rightly?)");
  return err;
}

mst_err
mst_keys_open(const char *state_dir, mst_keys *ret_keys, bool *ret_made, mst_errctx *ctx)
{
  mst_keys keys = {0};
  char path[PATH_BYTES], next[PATH_BYTES];
  bool made = false;

  mst_err err = path_of(state_dir, "", path, ctx);
  if (err == MST_OK)
    err = path_of(state_dir, ".next", next, ctx);
  if (err != MST_OK)
    return err;
  /* A change that was cut off between its two renames. */
  if (access(path, F_OK) != 0 && access(next, F_OK) == 0 && rename(next, path) != 0)
    return mst_fail_errno(ctx, MST_EIO, "rename %s to %s", next, path);
  err = load(state_dir, "", &keys.current, ctx);
  if (err == MST_EABSENT) {
    made = true;
    err = make_key(path, &keys.current, ctx);
  }
  if (err == MST_OK) {
    err = load(state_dir, ".next", &keys.next, ctx);
    err = err == MST_EABSENT ? MST_OK : err;
  }
  if (err != MST_OK) {
    mst_keys_done(&keys);
    return err;
  }
  *ret_keys = keys;
  *ret_made = made;
  return MST_OK;
}

void
mst_keys_done(mst_keys *keys)
{
  mst_key_destroy(keys->current);
  mst_key_destroy(keys->next);
  *keys = (mst_keys){0};
}

mst_err
mst_keys_prepare(const char *state_dir, mst_public_key *ret_next, mst_errctx *ctx)
{
  char path[PATH_BYTES];
  mst_key *key = NULL;

  mst_err err = path_of(state_dir, ".next", path, ctx);
  if (err == MST_OK)
    err = make_key(path, &key, ctx);
  if (err == MST_EEXIST)
    return mst_fail(ctx, err, "a change of key is under way: %s is there", path);
  if (err != MST_OK)
    return err;
  *ret_next = *mst_key_public(key);
  mst_key_destroy(key);
  return MST_OK;
}

mst_err
mst_keys_find_next(const char *state_dir, mst_keys *keys, bool *ret_found, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (!keys->next) {
    err = load(state_dir, ".next", &keys->next, ctx);
    err = err == MST_EABSENT ? MST_OK : err;
  }
  if (err == MST_OK)
    *ret_found = keys->next != NULL;
  return err;
}

mst_err
mst_keys_switch(const char *state_dir, mst_keys *keys, mst_key **ret_old, mst_errctx *ctx)
{
  char path[PATH_BYTES], next[PATH_BYTES], old[PATH_BYTES];

  mst_err err = path_of(state_dir, "", path, ctx);
  if (err == MST_OK)
    err = path_of(state_dir, ".next", next, ctx);
  if (err == MST_OK)
    err = path_of(state_dir, ".old", old, ctx);
  if (err != MST_OK)
    return err;
  if (rename(path, old) != 0)
    return mst_fail_errno(ctx, MST_EIO, "rename %s to %s", path, old);
  if (rename(next, path) != 0) {
    err = mst_fail_errno(ctx, MST_EIO, "rename %s to %s", next, path);
    (void)rename(old, path);
    return err;
  }
  err = mst_file_sync_dir(path, ctx);
  *ret_old = keys->current;
  keys->current = keys->next;
  keys->next = NULL;
  return err;
}

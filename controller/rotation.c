/* Changing the controller's key. */
#include "rotation.h"

#include <string.h>

#include <mst/common/log.h>

#include "audit.h"
#include "ingest/blob.h"

/* When the next key was announced first; empty: no change is under way. */
static const char announced_key[] = "key-announced-at";

static mst_err
read_announced(mst_core *core, mst_wall *ret_at, mst_errctx *ctx)
{
  uint64_t ns = 0;
  mst_buf value;

  mst_buf_init(&value, 64);
  mst_err err = core->ops->meta_get(core->store, announced_key, &value, ctx);
  mst_bytes bytes = {value.data, value.size_bytes};
  if (err == MST_OK && value.size_bytes > 0 && !mst_blob_get(&bytes, 8, &ns))
    err = mst_fail(ctx, MST_ECORRUPT, "the time of the key's announcement");
  mst_buf_done(&value);
  if (err == MST_OK || err == MST_EABSENT)
    *ret_at = (mst_wall){(int64_t)ns};
  return err == MST_EABSENT ? MST_OK : err;
}

/* Keeps the time (0: none) with a record of why. */
static mst_err
note(mst_core *core, mst_wall at, const char *kind, const mst_public_key *key, mst_errctx *ctx)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_buf value;

  mst_public_key_format(key, text);
  mst_buf_init(&value, 64);
  if (at.ns != 0)
    mst_blob_put(&value, (uint64_t)at.ns, 8);
  mst_err err = mst_core_begin(core, ctx);
  if (err == MST_OK) {
    err = core->ops->meta_put(core->store, announced_key, (mst_bytes){value.data, value.size_bytes}, ctx);
    if (err == MST_OK)
      err = mst_audit_append(core, kind, text, "", 0, ctx);
    err = mst_core_end(core, err, ctx);
  }
  mst_buf_done(&value);
  return err;
}

mst_err
mst_rotation_look(mst_core *core, mst_errctx *ctx)
{
  mst_wall announced = {0};
  bool has_next = false;
  char text[MST_PUBLIC_KEY_TEXT_BYTES];

  pthread_rwlock_wrlock(&core->state.lock);
  mst_err err = mst_keys_find_next(core->config->state_dir, &core->keys, &has_next, ctx);
  pthread_rwlock_unlock(&core->state.lock);
  if (err == MST_OK)
    err = read_announced(core, &announced, ctx);
  if (err != MST_OK)
    return err;
  if (!has_next) /* switched, but the record of it was cut off */
    return announced.ns != 0 ? note(core, (mst_wall){0}, "key.changed", mst_key_public(core->keys.current), ctx) : MST_OK;
  if (announced.ns == 0) {
    announced = mst_core_now(core);
    err = note(core, announced, "key.announced", mst_key_public(core->keys.next), ctx);
    mst_log(MST_LOG_INFO, "key-announced", "next", mst_public_key_format(mst_key_public(core->keys.next), text), NULL);
  }
  core->keys.announced_at = announced;
  return err;
}

mst_err
mst_rotation_step(mst_core *core, mst_wall now, mst_errctx *ctx)
{
  mst_key *old = NULL;
  char text[MST_PUBLIC_KEY_TEXT_BYTES];

  if (!core->keys.next || core->keys.announced_at.ns == 0 || now.ns - core->keys.announced_at.ns < core->config->key_overlap_ns)
    return MST_OK;
  /* On the disk first: what a crash leaves undone, the next start finishes. */
  pthread_rwlock_wrlock(&core->state.lock);
  mst_err err = mst_keys_switch(core->config->state_dir, &core->keys, &old, ctx);
  if (old && core->plans) {
    mst_err sealed = mst_plan_set_reseal(core->plans, core->keys.current, ctx);
    err = err == MST_OK ? sealed : err;
  }
  pthread_rwlock_unlock(&core->state.lock);
  mst_key_destroy(old);
  if (err != MST_OK)
    return err;
  mst_log(MST_LOG_INFO, "key-changed", "key", mst_public_key_format(mst_key_public(core->keys.current), text), NULL);
  return note(core, (mst_wall){0}, "key.changed", mst_key_public(core->keys.current), ctx);
}

#include "pins.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/common/file.h>

/* Two lines of under 80 bytes. */
enum { PINS_MAX_BYTES = 256 };

mst_err
mst_pins_load(const char *path, mst_pins *ret_pins, mst_errctx *ctx)
{
  mst_pins pins = {0};
  mst_buf text;

  mst_buf_init(&text, PINS_MAX_BYTES);
  mst_err err = mst_file_read(path, &text, ctx);
  if (err != MST_OK)
    goto out;
  char *save = NULL;
  char *first = text.data ? strtok_r((char *)text.data, "\n", &save) : NULL;
  char *second = first ? strtok_r(NULL, "\n", &save) : NULL;
  err = mst_public_key_parse(first ? first : "", &pins.current, ctx);
  if (err == MST_OK && second) {
    pins.has_next = true;
    err = strncmp(second, "next ", 5) == 0 ? mst_public_key_parse(second + 5, &pins.next, ctx)
                                           : mst_fail(ctx, MST_EMALFORMED, "\"%.32s\" where \"next ed25519:...\" may stand", second);
  }
  if (err == MST_OK)
    *ret_pins = pins;
  else
    err = mst_fail_within(ctx, err, "%s (enrol again to replace it)", path);

out:
  mst_buf_done(&text);
  return err;
}

mst_err
mst_pins_save(const mst_pins *pins, const char *path, mst_errctx *ctx)
{
  char current[MST_PUBLIC_KEY_TEXT_BYTES];
  char next[MST_PUBLIC_KEY_TEXT_BYTES];
  char text[PINS_MAX_BYTES];
  int length;

  mst_public_key_format(&pins->current, current);
  mst_public_key_format(&pins->next, next);
  length = pins->has_next ? snprintf(text, sizeof text, "%s\nnext %s\n", current, next) : snprintf(text, sizeof text, "%s\n", current);
  return mst_file_replace(path, text, (size_t)length, 0644, ctx);
}

static bool
is_same_key(const mst_public_key *a, const mst_public_key *b)
{
  return memcmp(a->bytes, b->bytes, MST_KEY_PUBLIC_BYTES) == 0;
}

mst_err
mst_pins_open_reply(mst_pins *pins, const void *data, size_t size_bytes, const mst_digest *envelope, mst_reply *ret_reply,
                    bool *ret_changed, mst_errctx *ctx)
{
  bool is_changed = false;
  mst_reply reply;

  mst_err err = mst_reply_open(data, size_bytes, &pins->current, envelope, &reply, ctx);
  if (err == MST_ECRYPTO && pins->has_next) {
    err = mst_reply_open(data, size_bytes, &pins->next, envelope, &reply, ctx);
    if (err == MST_OK) {
      /* The controller has changed over: its old key is worth nothing from here on. */
      pins->current = pins->next;
      pins->has_next = false;
      is_changed = true;
    }
  }
  if (err != MST_OK)
    return err;
  if (reply.next_key.size_bytes == MST_KEY_PUBLIC_BYTES) {
    mst_public_key next;
    memcpy(next.bytes, reply.next_key.data, MST_KEY_PUBLIC_BYTES);
    if (!is_same_key(&next, &pins->current) && !(pins->has_next && is_same_key(&next, &pins->next))) {
      pins->next = next;
      pins->has_next = true;
      is_changed = true;
    }
  }
  *ret_reply = reply;
  *ret_changed = is_changed;
  return MST_OK;
}

mst_err
mst_pins_open_plan(const mst_pins *pins, const void *data, size_t size_bytes, mst_plan *ret_plan, mst_errctx *ctx)
{
  mst_err err = mst_plan_open(data, size_bytes, &pins->current, ret_plan, ctx);

  if (err == MST_ECRYPTO && pins->has_next)
    err = mst_plan_open(data, size_bytes, &pins->next, ret_plan, ctx);
  return err;
}

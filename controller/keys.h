#ifndef MST_CONTROLLER_KEYS_H
#define MST_CONTROLLER_KEYS_H

#include <stdbool.h>

#include <mst/common/clock.h>
#include <mst/common/key.h>

/* The controller's key, and the one that will follow it. Files in the state folder, 0600: controller.key, controller.key.next while a
 * change is announced, controller.key.old after it. $MUSTER_KEY_PASSPHRASE seals them. docs/operations-controller.md tells the way of a
 * change.
 */
typedef struct mst_keys {
  mst_key *current, *next; /* next: NULL unless a change is under way */
  mst_wall announced_at;   /* since when next is in the replies; kept in the store */
} mst_keys;

/* Loads the keys; makes the first one when there is none (*ret_made). */
mst_err mst_keys_open(const char *state_dir, mst_keys *ret_keys, bool *ret_made, mst_errctx *ctx) MST_MUST_USE;
void mst_keys_done(mst_keys *keys);
/* Makes the next key. MST_EEXIST: a change is under way already. */
mst_err mst_keys_prepare(const char *state_dir, mst_public_key *ret_next, mst_errctx *ctx) MST_MUST_USE;
/* Looks for a next key that was made since; *ret_found says whether there is one now. */
mst_err mst_keys_find_next(const char *state_dir, mst_keys *keys, bool *ret_found, mst_errctx *ctx) MST_MUST_USE;
/* Puts the next key in place of the current one, on the disk first. *ret_old is the caller's to destroy. */
mst_err mst_keys_switch(const char *state_dir, mst_keys *keys, mst_key **ret_old, mst_errctx *ctx) MST_MUST_USE;

#endif

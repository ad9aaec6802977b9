#ifndef MST_AGENT_PINS_H
#define MST_AGENT_PINS_H

#include <stdbool.h>

#include <mst/common/key.h>
#include <mst/proto/plan.h>
#include <mst/proto/reply.h>

/* The controller's keys that this agent believes: the one in force, and while the controller changes its key the next one too. */
typedef struct mst_pins {
  mst_public_key current, next;
  bool has_next;
} mst_pins;

/* The file: a line "ed25519:HEX", and perhaps a second, "next ed25519:HEX". MST_EABSENT: not enrolled. Blocks. */
mst_err mst_pins_load(const char *path, mst_pins *ret_pins, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_pins_save(const mst_pins *pins, const char *path, mst_errctx *ctx) MST_MUST_USE;

/* Opens a reply with the current key, or the next one. *ret_changed: what the reply said about keys (a next key, or the first reply under
 * it) changed the pins, which should be saved. */
mst_err mst_pins_open_reply(mst_pins *pins, const void *data, size_t size_bytes, const mst_digest *envelope, mst_reply *ret_reply,
                            bool *ret_changed, mst_errctx *ctx) MST_MUST_USE;
/* Opens a plan with the current key, or the next one. */
mst_err mst_pins_open_plan(const mst_pins *pins, const void *data, size_t size_bytes, mst_plan *ret_plan, mst_errctx *ctx) MST_MUST_USE;

#endif

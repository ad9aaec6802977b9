#ifndef MST_PROBES_WEB_VARS_H
#define MST_PROBES_WEB_VARS_H

#include <stdbool.h>

#include <mst/common/buf.h>

/* What {{NAME}} stands for in texts of a request: secrets, what earlier steps captured, what is made anew for each request. Not
 * thread-safe. */
typedef struct mst_var {
  char *name, *value; /* owned */
  bool is_secret;     /* wiped, and a request that used it is not redirected to another host */
} mst_var;

typedef struct mst_vars {
  mst_var *list; /* owned */
  size_t count;
} mst_vars;

enum {
  MST_VARS_MAX = 160,
  MST_FILL_MAX_BYTES = 16 * 1024 * 1024, /* what a text may grow to: bodies over any sensible limit of a service */
};

void mst_vars_done(mst_vars *vars);
/* Takes the place of one of that name. MST_ENOMEM, MST_ELIMIT. */
mst_err mst_vars_set(mst_vars *vars, const char *name, const char *value, bool is_secret, mst_errctx *ctx) MST_MUST_USE;
const mst_var *mst_vars_find(const mst_vars *vars, const char *name);

/* Appends text with all {{...}} filled in:
 *   {{NAME}}             as it is
 *   {{NAME|url}}         percent-encoded (RFC 3986: all but unreserved letters)
 *   {{NAME|json}}        as the inside of a JSON text (RFC 8259 section 7)
 *   {{NAME|xml}}         with & < > " ' as entities
 *   {{NAME|base64}}
 *   {{fill:NUMBER}}      that many letters a
 *   {{nest:NUMBER:A:B}}  A that many times, then B as often: "[[[]]]"
 * ret_has_secret (may be NULL): set to true when a secret was filled in, otherwise left. MST_EUSAGE: there is none of that name;
 * MST_ELIMIT, MST_ENOMEM. */
mst_err mst_vars_fill(const mst_vars *vars, const char *text, mst_buf *to, bool *ret_has_secret, mst_errctx *ctx) MST_MUST_USE;

#endif

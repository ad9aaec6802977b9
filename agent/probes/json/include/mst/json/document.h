#ifndef MST_JSON_DOCUMENT_H
#define MST_JSON_DOCUMENT_H

#include <jansson.h>

#include <mst/common/err.h>

enum {
  MST_JSON_DEPTH_MAX = 64, /* deeper ones are an attack: jansson's reader calls itself once a level */
};

/* Reads one JSON text (RFC 8259) whole: no bytes behind it, no name twice, nothing deeper than MST_JSON_DEPTH_MAX. MST_EMALFORMED says
 * where it is wrong, MST_ELIMIT, MST_ENOMEM. *ret_root is the caller's (json_decref). Any thread. */
mst_err mst_json_read(const char *text, size_t size_bytes, json_t **ret_root, mst_errctx *ctx) MST_MUST_USE;

#endif

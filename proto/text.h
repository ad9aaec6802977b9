#ifndef MST_PROTO_TEXT_PRIVATE_H
#define MST_PROTO_TEXT_PRIVATE_H

#include <mst/proto/cursor.h>

/* True for UTF-8 without NUL, overlong forms or surrogates. Source: Unicode 15, table 3-7. Pure: any thread. */
bool mst_text_valid(const char *data, size_t size_bytes);
/* What an encoder asks of a text before it writes it: MST_EMALFORMED when it is no valid text or shorter than `least` bytes, MST_ELIMIT
 * when longer than `most`. */
mst_err mst_text_check(mst_text text, const char *what, size_t least, size_t most, mst_errctx *ctx) MST_MUST_USE;
/* Bytewise, as memcmp; a text that is the beginning of another stands before it. The order of map keys on the wire. */
int mst_text_compare(mst_text a, mst_text b);
/* Copies a C string (NULL: an empty one) into at most `most` bytes; every byte that is no part of valid UTF-8 becomes U+FFFD, a cut is made
 * between characters. Returns the length; ret is not terminated. */
size_t mst_text_clean(const char *raw, char *ret, size_t most);
/* Reads a map's key, which must stand after the one before it: *previous is that one (data NULL for the first) and becomes this one. */
mst_err mst_text_read_key(mst_cursor *cursor, const char *what, size_t most, mst_text *previous, mst_errctx *ctx) MST_MUST_USE;

#endif

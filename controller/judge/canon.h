#ifndef MST_JUDGE_CANON_H
#define MST_JUDGE_CANON_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/common/buf.h>

/* Writes JSON straight into a buffer: no tree is built for what is only written once. Whoever writes an object writes its keys in sorted
 * order: that, no white space and pinned numbers make the bytes canonical (a test holds them against jansson's sorted dump). Commas come by
 * themselves. */
void mst_canon_open(mst_buf *buf, char bracket);
void mst_canon_close(mst_buf *buf, char bracket);
/* Before each entry of a list. */
void mst_canon_entry(mst_buf *buf);
void mst_canon_key(mst_buf *buf, const char *key);
/* Values. Bytes that are no UTF-8 become "?". */
void mst_canon_text(mst_buf *buf, const char *text);
void mst_canon_number(mst_buf *buf, double number); /* finite; nine significant digits */

void mst_canon_put_text(mst_buf *buf, const char *key, const char *text);
void mst_canon_put_count(mst_buf *buf, const char *key, uint64_t count);
void mst_canon_put_number(mst_buf *buf, const char *key, double number);
void mst_canon_put_flag(mst_buf *buf, const char *key, bool flag);

#endif

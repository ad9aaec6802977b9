#ifndef MST_EXPOSITION_READER_H
#define MST_EXPOSITION_READER_H

#include <mst/common/buf.h>
#include <mst/exposition/parse.h>

/* parse.c cuts lines and reads comments, sample.c reads samples. */

/* A piece of the line; the byte after it may be overwritten once the line has been read. */
typedef struct piece {
  char *at;
  size_t length;
} piece;

struct mst_exposition {
  mst_exposition_format format;
  uint64_t max_bytes, bytes, samples;
  size_t line;
  mst_exposition_take take;
  void *arg;
  mst_buf rest;   /* the line so far */
  mst_buf family; /* the name of the last TYPE, HELP or UNIT line */
  mst_exposition_type type;
  bool has_family;
  bool is_over; /* "# EOF" was read */
  mst_err failed;
  char failure[MST_ERRCTX_TEXT_BYTES];
  mst_exposition_label labels[MST_EXPOSITION_LABELS_MAX];
  piece names[MST_EXPOSITION_LABELS_MAX], values[MST_EXPOSITION_LABELS_MAX];
  size_t label_count;
};

/* "line N: <what>: at <the next bytes>". */
mst_err mst_exposition_wrong(const mst_exposition *reader, const char *what, const char *at, mst_errctx *ctx);
/* A bare or a quoted name; moves *at behind it. */
mst_err mst_exposition_name(const mst_exposition *reader, char **at, bool may_have_colon, piece *ret_name, mst_errctx *ctx);
mst_err mst_exposition_sample_line(mst_exposition *reader, char *line, mst_errctx *ctx);
/* Between parts of a line: one space in OpenMetrics, spaces and tabs elsewhere. NULL when there is none. */
char *mst_exposition_gap(const mst_exposition *reader, char *at);

#endif

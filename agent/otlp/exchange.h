#ifndef MST_AGENT_OTLP_EXCHANGE_H
#define MST_AGENT_OTLP_EXCHANGE_H

#include <mst/common/buf.h>

#include "book.h"

/* What one request of OTLP/HTTP is answered, apart from how it came in. Source: the OTLP specification 1.5, "OTLP/HTTP". */

/* What its head says; texts may be NULL where a header is missing. */
typedef struct mst_otlp_head {
  const char *method, *path, *type, *encoding;
} mst_otlp_head;

typedef struct mst_otlp_exchange {
  mst_otlp_path path;
  bool is_json; /* asked and answered so */
  bool is_gzip;
  bool is_refused;
  mst_otlp_reason reason; /* of is_refused */
} mst_otlp_exchange;

/* An answer: status, and a body of that type. */
typedef struct mst_otlp_answer {
  unsigned status;
  const char *type;
  mst_buf body; /* the caller finishes it */
} mst_otlp_answer;

/* Says by the head alone whether the request may have a body that is read. */
mst_otlp_exchange mst_otlp_exchange_begin(const mst_otlp_head *head);
/* From now on it is refused, for this. The first reason stands. */
void mst_otlp_exchange_refuse(mst_otlp_exchange *exchange, mst_otlp_reason reason);

/* Reads the body, gives what it holds to the book, and writes the answer. body_max: bytes once it is inflated. Blocks for as long as it
 * takes to read so much: some 10 ms a MiB. */
void mst_otlp_exchange_answer(mst_otlp_exchange *exchange, const mst_otlp_wanted *wanted, mst_otlp_book *book, const uint8_t *body,
                              size_t size_bytes, size_t body_max, mst_otlp_answer *ret_answer);

/* gzip (RFC 1952), several members too. MST_ELIMIT: over what `ret_plain` may hold; MST_EMALFORMED; MST_ENOMEM. */
mst_err mst_otlp_inflate(const uint8_t *packed, size_t size_bytes, mst_buf *ret_plain, mst_errctx *ctx) MST_MUST_USE;

#endif

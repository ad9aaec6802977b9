#ifndef MST_PROBES_REDIS_LINK_H
#define MST_PROBES_REDIS_LINK_H

#include <stdint.h>

#include <mst/common/err.h>
#include <mst/proto/probe.h>

/* A connection to a Redis server, for one thread: hiredis writes and reads its protocol, the socket is ours, so that every wait has an end
 * and no answer is larger than it may be. Opaque. */
typedef struct mst_redis_link mst_redis_link;

enum { MST_REDIS_ANSWER_MAX_BYTES = 1024 * 1024 /* INFO has some 5 KiB */, MST_REDIS_TEXT_BYTES = 200 };

typedef struct mst_redis_answer {
  bool is_error; /* text: "NOAUTH Authentication required." */
  char *text;    /* owned; NULL: nil */
} mst_redis_answer;

/* until_ns: of mst_clock_mono(mst_clock_system()), for this and all that follows. MST_EUNREACHABLE, MST_ETIMEOUT, MST_ENOMEM. */
mst_err mst_redis_link_open(const mst_probe_address *address, int64_t until_ns, mst_redis_link **ret_link, mst_errctx *ctx) MST_MUST_USE;
void mst_redis_link_close(mst_redis_link *link);
/* Sends a command and waits for its answer, which the caller finishes. MST_EIO, MST_ETIMEOUT, MST_EMALFORMED, MST_ELIMIT. */
mst_err mst_redis_link_ask(mst_redis_link *link, const char *const *words, size_t word_count, mst_redis_answer *ret_answer,
                           mst_errctx *ctx) MST_MUST_USE;
void mst_redis_answer_done(mst_redis_answer *answer);

#endif

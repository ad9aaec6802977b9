#ifndef MST_AGENT_OTLP_BOOK_H
#define MST_AGENT_OTLP_BOOK_H

#include <mst/common/clock.h>

#include "tally.h"

enum {
  MST_OTLP_SLOTS = 60,        /* of a window */
  MST_OTLP_SERIES_MAX = 4096, /* of requests_metric that are known at a time */
};

typedef enum mst_otlp_path { MST_OTLP_TRACES, MST_OTLP_METRICS, MST_OTLP_NO_PATH, MST_OTLP_PATHS } mst_otlp_path;
typedef enum mst_otlp_outcome { MST_OTLP_ACCEPTED, MST_OTLP_PARTIAL, MST_OTLP_REFUSED, MST_OTLP_OUTCOMES } mst_otlp_outcome;
/* Why; the reader of a label. MST_OTLP_CUT: the client went, or took too long. MST_OTLP_OVER: a data point over a limit. */
typedef enum mst_otlp_reason {
  MST_OTLP_NOT_FOUND,
  MST_OTLP_METHOD,
  MST_OTLP_TYPE,
  MST_OTLP_ENCODING,
  MST_OTLP_TOO_LARGE,
  MST_OTLP_MALFORMED,
  MST_OTLP_BUSY,
  MST_OTLP_CUT,
  MST_OTLP_OVER,
  MST_OTLP_REASONS
} mst_otlp_reason;
extern const char *const mst_otlp_path_names[MST_OTLP_PATHS];
extern const char *const mst_otlp_outcome_names[MST_OTLP_OUTCOMES];
extern const char *const mst_otlp_reason_names[MST_OTLP_REASONS];

/* What came since the listener opened, and within the window. Has a lock of its own: any thread. */
typedef struct mst_otlp_book mst_otlp_book;

/* wanted, clock: borrowed for the life of the book. */
mst_err mst_otlp_book_create(const mst_otlp_wanted *wanted, int64_t window_ns, const mst_clock *clock, mst_otlp_book **ret_book,
                             mst_errctx *ctx) MST_MUST_USE;
void mst_otlp_book_destroy(mst_otlp_book *book);

/* One request that could be read, as accepted or, where points of it could not be taken, as partial. Returns how many these are. */
uint64_t mst_otlp_book_take(mst_otlp_book *book, mst_otlp_path path, const mst_otlp_tally *tally);
void mst_otlp_book_refuse(mst_otlp_book *book, mst_otlp_path path, mst_otlp_reason reason);

/* Why there is no sampling to be told. */
typedef enum mst_otlp_sampling {
  MST_OTLP_IS_KNOWN,
  MST_OTLP_NOT_ASKED,   /* the plan names no metric */
  MST_OTLP_NEVER_CAME,  /* the metric */
  MST_OTLP_UNUSABLE,    /* it is no monotonic sum and no histogram */
  MST_OTLP_NO_REQUESTS, /* it counted none within the window */
  MST_OTLP_NOT_ALL,     /* some of its series could not be taken within the window */
} mst_otlp_sampling;

typedef struct mst_otlp_view {
  mst_wall since; /* of the counters */
  uint64_t spans[MST_OTLP_STATUSES], points, requests[MST_OTLP_PATHS][MST_OTLP_OUTCOMES], rejected[MST_OTLP_REASONS];
  /* within the window: */
  uint64_t recent, with_ids, held, complete;
  mst_otlp_sampling state;
  double sampling; /* with MST_OTLP_IS_KNOWN */
} mst_otlp_view;
void mst_otlp_book_look(mst_otlp_book *book, mst_otlp_view *ret_view);

#endif

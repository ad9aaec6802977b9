/* Counts of what came by OTLP, and a sliding window of them; see book.h. */
#include "book.h"

#include <pthread.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "series.h"

const char *const mst_otlp_path_names[MST_OTLP_PATHS] = {"traces", "metrics", "other"};
const char *const mst_otlp_outcome_names[MST_OTLP_OUTCOMES] = {"accepted", "partial", "refused"};
const char *const mst_otlp_reason_names[MST_OTLP_REASONS] = {
    [MST_OTLP_NOT_FOUND] = "not-found", [MST_OTLP_METHOD] = "method",       [MST_OTLP_TYPE] = "content-type",
    [MST_OTLP_ENCODING] = "encoding",   [MST_OTLP_TOO_LARGE] = "too-large", [MST_OTLP_MALFORMED] = "malformed",
    [MST_OTLP_BUSY] = "busy",           [MST_OTLP_CUT] = "cut-off",         [MST_OTLP_OVER] = "limit",
};

typedef struct slot {
  int64_t number; /* of its time: nanoseconds by slot_ns */
  uint64_t spans, with_ids, held, complete, roots, untaken;
  double requests;
} slot;

struct mst_otlp_book {
  pthread_mutex_t lock; /* of all below but what is const */
  const mst_otlp_wanted *wanted;
  const mst_clock *clock;
  int64_t slot_ns;
  mst_otlp_view counted; /* its counters */
  slot slots[MST_OTLP_SLOTS];
  mst_otlp_series_set *series; /* owned; NULL: no metric is asked for */
  uint64_t waiting_roots;      /* since the metric came last: they count with the requests that it tells of next */
  bool has_metric, is_unusable;
};

mst_err
mst_otlp_book_create(const mst_otlp_wanted *wanted, int64_t window_ns, const mst_clock *clock, mst_otlp_book **ret_book, mst_errctx *ctx)
{
  mst_otlp_book *book = mst_alloc(1, sizeof *book);

  if (!book)
    return mst_fail(ctx, MST_ENOMEM, "otlp: no memory for its counts");
  book->wanted = wanted;
  book->clock = clock;
  book->slot_ns = window_ns / MST_OTLP_SLOTS;
  book->counted.since = mst_clock_wall(clock);
  for (size_t i = 0; i < MST_OTLP_SLOTS; i++)
    book->slots[i].number = -1;
  if (wanted->requests_metric) {
    book->series = mst_otlp_series_create((uint64_t)book->counted.since.ns, MST_OTLP_SERIES_MAX);
    if (!book->series) {
      mst_free(book);
      return mst_fail(ctx, MST_ENOMEM, "otlp: no memory for the series of %s", wanted->requests_metric);
    }
  }
  pthread_mutex_init(&book->lock, NULL);
  *ret_book = book;
  return MST_OK;
}

void
mst_otlp_book_destroy(mst_otlp_book *book)
{
  if (!book)
    return;
  pthread_mutex_destroy(&book->lock);
  mst_otlp_series_destroy(book->series);
  mst_free(book);
}

static slot *
slot_now(mst_otlp_book *book, mst_mono now)
{
  int64_t number = now.ns / book->slot_ns;
  slot *at = &book->slots[number % MST_OTLP_SLOTS];

  if (at->number != number)
    *at = (slot){.number = number};
  return at;
}

/* Roots and requests have to be of the same time: roots wait until the metric comes, and are weighed against what it counted since it came
 * before. Where it is not known what is new in it, the window begins anew with both. */
static void
take_requests(mst_otlp_book *book, const mst_otlp_tally *tally, mst_mono now, uint64_t *untaken)
{
  slot *at = slot_now(book, now);
  mst_otlp_increase more = mst_otlp_series_take(book->series, tally->requests, tally->request_count, now.ns / MST_NS_PER_S);

  *untaken += more.untaken;
  at->untaken += *untaken;
  book->has_metric = true;
  book->is_unusable = tally->is_unusable;
  if (more.has_unknown) {
    for (size_t i = 0; i < MST_OTLP_SLOTS; i++) {
      book->slots[i].roots = 0;
      book->slots[i].requests = 0;
    }
  } else {
    at->roots += book->waiting_roots;
    at->requests += more.requests;
  }
  book->waiting_roots = 0;
}

uint64_t
mst_otlp_book_take(mst_otlp_book *book, mst_otlp_path path, const mst_otlp_tally *tally)
{
  mst_mono now = mst_clock_mono(book->clock);
  uint64_t untaken = tally->untaken;

  pthread_mutex_lock(&book->lock);
  slot *at = slot_now(book, now);

  for (size_t i = 0; i < MST_OTLP_STATUSES; i++) {
    book->counted.spans[i] += tally->spans[i];
    at->spans += tally->spans[i];
  }
  book->counted.points += tally->points - untaken;
  at->with_ids += tally->with_ids;
  at->held += tally->held;
  at->complete += tally->complete;
  if (book->series) {
    book->waiting_roots += tally->roots;
    if (tally->has_metric)
      take_requests(book, tally, now, &untaken);
  }
  book->counted.points -= untaken - tally->untaken;
  book->counted.rejected[MST_OTLP_OVER] += untaken;
  book->counted.requests[path][untaken > 0 ? MST_OTLP_PARTIAL : MST_OTLP_ACCEPTED]++;
  pthread_mutex_unlock(&book->lock);
  return untaken;
}

void
mst_otlp_book_refuse(mst_otlp_book *book, mst_otlp_path path, mst_otlp_reason reason)
{
  pthread_mutex_lock(&book->lock);
  book->counted.requests[path][MST_OTLP_REFUSED]++;
  book->counted.rejected[reason]++;
  pthread_mutex_unlock(&book->lock);
}

void
mst_otlp_book_look(mst_otlp_book *book, mst_otlp_view *ret_view)
{
  int64_t number = mst_clock_mono(book->clock).ns / book->slot_ns;
  double requests = 0, roots = 0;
  uint64_t untaken = 0;

  pthread_mutex_lock(&book->lock);
  *ret_view = book->counted;
  for (size_t i = 0; i < MST_OTLP_SLOTS; i++) {
    const slot *at = &book->slots[i];

    if (at->number < 0 || at->number <= number - MST_OTLP_SLOTS)
      continue;
    ret_view->recent += at->spans;
    ret_view->with_ids += at->with_ids;
    ret_view->held += at->held;
    ret_view->complete += at->complete;
    roots += (double)at->roots;
    requests += at->requests;
    untaken += at->untaken;
  }
  if (!book->series)
    ret_view->state = MST_OTLP_NOT_ASKED;
  else if (!book->has_metric)
    ret_view->state = MST_OTLP_NEVER_CAME;
  else if (book->is_unusable)
    ret_view->state = MST_OTLP_UNUSABLE;
  else if (untaken > 0)
    ret_view->state = MST_OTLP_NOT_ALL;
  else if (requests <= 0)
    ret_view->state = MST_OTLP_NO_REQUESTS;
  else
    ret_view->sampling = roots / requests;
  pthread_mutex_unlock(&book->lock);
}

#ifndef MST_JUDGE_FAMILY_H
#define MST_JUDGE_FAMILY_H

#include <mst/common/fixed.h>
#include <mst/common/hist.h>

#include "checklist.h"
#include "streaks.h"

/* A family is a way to keep what a statistic needs of many windows in little memory: a payload for each run of windows, that merges
 * associatively, and from that an interval of the values that the statistic may have, whatever the missing windows held. */

/* The weight of one window: divisible by 1 to 16, so that samples share it without rest at the usual intervals. */
enum { MST_WINDOW_WEIGHT = 720720 };
enum { MST_WEIGHT_ENDS = 4 };
enum { MST_LINEAGES_MAX = 256, MST_MEMBERS_MAX = 4096, MST_CELLS_MAX = 1024 };

/* What every payload begins with. */
typedef struct mst_payload {
  uint32_t windows;   /* with a value */
  uint32_t uncertain; /* of these, some sample could not be read */
  uint32_t absent;    /* in which the thing was said to be gone */
  uint32_t thin;      /* with fewer reports than their length asks for: late ones may still change them */
} mst_payload;

/* One series that a cell reads. The same thing counted anew (another start) is another series of the same lineage. */
typedef struct mst_member {
  uint32_t series;
  uint32_t lineage; /* index into the cell's; the numerators' stand before the denominators' */
  int64_t start_ns;
} mst_member;

typedef struct mst_lineage {
  const mst_series *series; /* one of them, for name and labels */
  bool whole;               /* of a ratio: belongs to the denominator */
  uint32_t defined;         /* window from which it is expected */
} mst_lineage;

/* What is read of one window by one cell. rows[i] belongs to members[i]; ordered by lineage and start. */
typedef struct mst_sight {
  const mst_window *window;
  uint32_t index;
  mst_wall start;
  const mst_window_row *const *rows;
  const mst_member *const *members;
  size_t count;
  uint32_t ok, absent, error; /* samples */
} mst_sight;

typedef struct mst_family mst_family;
typedef struct mst_trend mst_trend;

/* What one check keeps of one series (or of all series of a ratio) of one host. */
/* What the agent said when it could not be read last. */
typedef struct mst_excuse {
  uint32_t index; /* window */
  char text[160];
} mst_excuse;

typedef struct mst_cell {
  const mst_check_measure *measure;
  const mst_bounds *bounds;
  const mst_family *family;
  uint32_t from, to; /* fixed span: its windows; sliding: the whole period's */
  uint32_t slide;    /* sliding span: its windows, else 0 */
  uint32_t bucket;   /* trend: windows a bucket */
  uint32_t hold;     /* windows for which a sample stands: 1, or more where it is sampled less often */
  mst_wall span_start;
  int64_t window_ns;
  mst_signal_kind kind; /* of a ratio: that of its first series */
  mst_lineage *lineages;
  uint32_t lineage_count;
  mst_member *members; /* by lineage, start */
  uint32_t member_count;
  int unfit;              /* mst_why when its series and the check do not go together; else 0 */
  mst_streaks troubled;   /* with hold > 1: windows in which it could not be read, which no sample before them excuses */
  mst_streaks runs;       /* fixed spans and trends */
  uint8_t *ring;          /* sliding: ring_slots payloads */
  uint32_t *ring_windows; /* window + 1 of each slot, 0: empty */
  uint32_t ring_slots;
  double limits[MST_WEIGHT_ENDS]; /* quantiles: see mst_weight_limits */
  mst_hist *hist;                 /* quantiles over fixed spans: for the displayed value only */
  mst_trend *trend;
  mst_excuse *excuse; /* owned; NULL: it could always be read */
} mst_cell;

/* The windows of a cell's span as seen at one time. */
typedef struct mst_view {
  uint32_t from, to; /* the span's windows that are over; to <= from: none yet */
  uint32_t future;   /* windows of the span still to come */
  uint32_t expected, missing;
  bool missing_first, missing_last; /* before the first window that is there, after the last */
  uint32_t gap;                     /* the longest */
  bool open;                        /* a sliding span before the end: everything may still change */
} mst_view;

/* What can be said of a statistic. */
typedef struct mst_estimate {
  bool known;              /* something was observed */
  bool graded;             /* worst, best, ever say it; else the intervals do */
  double value;            /* of what was observed */
  double lo, hi;           /* over every content of the missing windows */
  double ever_lo, ever_hi; /* and of those to come */
  mst_grade worst, best;   /* over every content of the missing windows */
  mst_grade ever;          /* the best, over those to come too */
  double pool[4];          /* ratio by samples: numerator lo, hi, denominator lo, hi, for sums over hosts */
  const char *unit;        /* of the value where it is not the series' one; NULL: mst_stat_unit says */
  const char *trend;       /* of a slope: what is significant; static */
  char text[80];           /* instead of a value; "" */
  int why;                 /* mst_why: why nothing is known */
  uint32_t have, need;     /* of buckets, for that text */
} mst_estimate;

struct mst_family {
  const char *name;
  uint32_t payload_bytes; /* of one window, header included; a multiple of 16 */
  /* Fills a zeroed payload from what was seen; header.windows and the like are set by the caller. False: nothing usable, the window is
   * missing. */
  bool (*observe)(mst_cell *cell, const mst_sight *sight, mst_payload *payload);
  /* Headers are merged by the caller. */
  void (*merge)(const mst_cell *cell, mst_payload *left, const mst_payload *right, bool adjacent);
  /* payload: all runs of the span merged; NULL for a family that keeps its own store. */
  void (*estimate)(const mst_cell *cell, const mst_payload *payload, const mst_view *view, mst_estimate *ret_estimate);
};

extern const mst_family mst_family_last, mst_family_point, mst_family_change, mst_family_counter, mst_family_weight, mst_family_ratio,
    mst_family_trend;

/* The family for a statistic of series of that kind; NULL when the two do not go together. text: the target is one. */
const mst_family *mst_family_for(const mst_check_measure *measure, bool text, mst_signal_kind kind);
/* Bytes of a ratio's payload with that many lineages. */
uint32_t mst_ratio_payload_bytes(uint32_t lineages);

/* The greatest values that are still within the bounds' ends, NAN where there is none. */
void mst_weight_limits(const mst_bounds *bounds, double ret_limits[static MST_WEIGHT_ENDS]);

/* Whether values lie between 0 and 1 by their nature. */
bool mst_series_is_share(const mst_series *series);
/* How much a counter grew from one sample to a later one; start_ns: since when each counts. */
double mst_counter_step(double before, int64_t before_start_ns, double after, int64_t after_start_ns);

/* trend.c: a store of window values by bucket. */
mst_trend *mst_trend_create(uint32_t windows, uint32_t bucket);
void mst_trend_destroy(mst_trend *trend);
void mst_trend_clear(mst_trend *trend);
mst_err mst_trend_add(mst_trend *trend, uint32_t window, const mst_payload *payload, mst_errctx *ctx) MST_MUST_USE;
/* missing(context, from, to): expected windows that are not there. */
typedef uint32_t (*mst_missing)(const void *context, uint32_t from, uint32_t to);
void mst_trend_estimate(const mst_cell *cell, const mst_view *view, mst_missing missing, const void *context, mst_estimate *ret_estimate);

#endif

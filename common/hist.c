/* Base-2 exponential histograms.
 * Source: opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram */
#include <mst/common/hist.h>

#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { DOUBLE_EXPONENT_LEAST = -1074, DOUBLE_EXPONENT_MOST = 1023 };

/* An inclusive range of bucket indices; empty when low > high. */
typedef struct range {
  int64_t low, high;
} range;

static const range empty_range = {.low = 1, .high = 0};

void
mst_hist_init(mst_hist *hist)
{
  *hist = (mst_hist){.scale = MST_HIST_MAX_SCALE};
}

void
mst_hist_done(mst_hist *hist)
{
  mst_free(hist->positive.counts);
  mst_free(hist->negative.counts);
  mst_hist_init(hist);
}

/* floor(log2(mantissa) * 2^bits) for mantissa in [1, 2), given with 63 binary places: squaring doubles the logarithm, and whenever the
 * square reaches 2 the next bit is 1. Integers only, so that every machine gets the same bits; and the first n bits do not depend on how
 * many are asked for, so that lowering the scale is the same as having measured at the lower scale. */
static int32_t
log2_bits(uint64_t mantissa, int32_t bits)
{
  int32_t result = 0;

  for (int32_t i = 0; i < bits; i++) {
    unsigned __int128 square = ((unsigned __int128)mantissa * mantissa) >> 63;
    bool over = (square >> 64) != 0;
    mantissa = (uint64_t)(over ? square >> 1 : square);
    result = (int32_t)((uint32_t)result << 1) | over;
  }
  return result;
}

int32_t
mst_hist_index(double value, int32_t scale)
{
  int exponent;
  /* frexp gives [0.5, 1): 53 significant bits, exact. */
  uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), 64);
  bool power_of_two = mantissa == 1ULL << 63;

  exponent--;
  if (scale <= 0)
    return (exponent - power_of_two) >> -scale;
  if (power_of_two)
    return (int32_t)((uint32_t)exponent << scale) - 1;
  return (int32_t)((uint32_t)exponent << scale) + log2_bits(mantissa, scale);
}

static range
range_of(const mst_hist_side *side)
{
  return side->length == 0 ? empty_range : (range){side->offset, (int64_t)side->offset + side->length - 1};
}

static range
join(range a, range b)
{
  if (a.low > a.high)
    return b;
  if (b.low > b.high)
    return a;
  return (range){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

static range
shift(range r, int32_t by)
{
  return r.low > r.high ? r : (range){r.low >> by, r.high >> by};
}

static bool
fits(range r)
{
  return r.low > r.high || r.high - r.low < MST_HIST_MAX_BUCKETS;
}

/* Adds the counts of `from`, `by` scales finer, into `to`, which covers their range. */
static void
pour(const mst_hist_side *from, int32_t by, mst_hist_side *to)
{
  if (!to->counts) /* covers nothing, so there is nothing in `from` */
    return;
  for (uint32_t i = 0; i < from->length; i++)
    to->counts[(((int64_t)from->offset + i) >> by) - to->offset] += from->counts[i];
}

/* A zeroed side over a range. */
static bool
side_create(range r, mst_hist_side *ret_side)
{
  *ret_side = (mst_hist_side){0};
  if (r.low > r.high)
    return true;
  uint32_t length = (uint32_t)(r.high - r.low + 1);
  ret_side->counts = mst_alloc(length, sizeof *ret_side->counts);
  ret_side->offset = (int32_t)r.low;
  ret_side->length = length;
  return ret_side->counts != NULL;
}

/* Gives the histogram `scale` and room for the two ranges (which are of that scale and hold its own). Unchanged on failure. */
static bool
refit(mst_hist *hist, int32_t scale, range positive, range negative)
{
  range old_positive = range_of(&hist->positive), old_negative = range_of(&hist->negative);
  mst_hist_side new_positive, new_negative;

  if (scale == hist->scale && memcmp(&positive, &old_positive, sizeof positive) == 0 &&
      memcmp(&negative, &old_negative, sizeof negative) == 0)
    return true;
  if (!side_create(positive, &new_positive))
    return false;
  if (!side_create(negative, &new_negative)) {
    mst_free(new_positive.counts);
    return false;
  }
  pour(&hist->positive, hist->scale - scale, &new_positive);
  pour(&hist->negative, hist->scale - scale, &new_negative);
  mst_free(hist->positive.counts);
  mst_free(hist->negative.counts);
  hist->positive = new_positive;
  hist->negative = new_negative;
  hist->scale = scale;
  return true;
}

/* The greatest scale up to `scale` at which both ranges (of that scale) fit; shifts them to it. */
static int32_t
fit_scale(int32_t scale, range *positive, range *negative)
{
  while ((!fits(*positive) || !fits(*negative)) && scale > MST_HIST_MIN_SCALE) {
    *positive = shift(*positive, 1);
    *negative = shift(*negative, 1);
    scale--;
  }
  return scale;
}

mst_err
mst_hist_add(mst_hist *hist, double value, uint64_t count, mst_errctx *ctx)
{
  mst_fixed step, sum;

  if (!mst_fixed_from_double(value, &step))
    return mst_fail(ctx, MST_EMALFORMED, "histogram: %g is not a number that it can hold; it must be between -2^63 and 2^63", value);
  if (count == 0)
    return MST_OK;
  if (count > INT64_MAX || hist->count > INT64_MAX - count)
    return mst_fail(ctx, MST_ELIMIT, "histogram: over 2^63 samples");
  if (__builtin_mul_overflow(step, (mst_fixed)count, &sum) || __builtin_add_overflow(hist->sum, sum, &sum))
    return mst_fail(ctx, MST_ELIMIT, "histogram: the sum of its samples is over 2^97");
  if (value != 0) {
    range positive = range_of(&hist->positive), negative = range_of(&hist->negative);
    range *own = value > 0 ? &positive : &negative;
    int64_t index = mst_hist_index(fabs(value), hist->scale);
    *own = join(*own, (range){index, index});
    int32_t scale = fit_scale(hist->scale, &positive, &negative);
    index >>= hist->scale - scale;
    if (!refit(hist, scale, positive, negative))
      return mst_fail(ctx, MST_ENOMEM, "histogram");
    mst_hist_side *side = value > 0 ? &hist->positive : &hist->negative;
    side->counts[index - side->offset] += count;
  } else {
    value = 0; /* -0 would make the extremes' bytes depend on the order */
    hist->zero_count += count;
  }
  if (hist->count == 0 || value < hist->min)
    hist->min = value;
  if (hist->count == 0 || value > hist->max)
    hist->max = value;
  hist->count += count;
  hist->sum = sum;
  return MST_OK;
}

mst_err
mst_hist_merge(mst_hist *into, const mst_hist *from, mst_errctx *ctx)
{
  mst_fixed sum;

  if (from->count > INT64_MAX || into->count > INT64_MAX - from->count)
    return mst_fail(ctx, MST_ELIMIT, "histogram: over 2^63 samples");
  if (__builtin_add_overflow(into->sum, from->sum, &sum))
    return mst_fail(ctx, MST_ELIMIT, "histogram: the sum of its samples is over 2^97");
  int32_t scale = into->scale < from->scale ? into->scale : from->scale;
  range positive = join(shift(range_of(&into->positive), into->scale - scale), shift(range_of(&from->positive), from->scale - scale));
  range negative = join(shift(range_of(&into->negative), into->scale - scale), shift(range_of(&from->negative), from->scale - scale));
  scale = fit_scale(scale, &positive, &negative);
  if (!refit(into, scale, positive, negative))
    return mst_fail(ctx, MST_ENOMEM, "histogram");
  pour(&from->positive, from->scale - scale, &into->positive);
  pour(&from->negative, from->scale - scale, &into->negative);
  into->zero_count += from->zero_count;
  if (from->count > 0 && (into->count == 0 || from->min < into->min))
    into->min = from->min;
  if (from->count > 0 && (into->count == 0 || from->max > into->max))
    into->max = from->max;
  into->count += from->count;
  into->sum = sum;
  return MST_OK;
}

mst_err
mst_hist_copy(const mst_hist *from, mst_hist *ret_copy, mst_errctx *ctx)
{
  mst_hist copy;

  mst_hist_init(&copy);
  copy.scale = from->scale;
  mst_err err = mst_hist_merge(&copy, from, ctx);
  if (err == MST_OK)
    *ret_copy = copy;
  return err;
}

static void
side_downscale(mst_hist_side *side, int32_t by)
{
  if (side->length == 0)
    return;
  int64_t low = (int64_t)side->offset >> by, high = ((int64_t)side->offset + side->length - 1) >> by;
  /* In place: a bucket only ever moves down. */
  for (uint32_t i = 0; i < side->length; i++) {
    uint64_t count = side->counts[i];
    side->counts[i] = 0;
    side->counts[(((int64_t)side->offset + i) >> by) - low] += count;
  }
  side->offset = (int32_t)low;
  side->length = (uint32_t)(high - low + 1);
}

void
mst_hist_downscale(mst_hist *hist, int32_t by)
{
  if (by > hist->scale - MST_HIST_MIN_SCALE)
    by = hist->scale - MST_HIST_MIN_SCALE;
  if (by <= 0)
    return;
  side_downscale(&hist->positive, by);
  side_downscale(&hist->negative, by);
  hist->scale -= by;
}

static bool
side_equal(const mst_hist_side *a, const mst_hist_side *b)
{
  return a->length == b->length &&
         (a->length == 0 || (a->offset == b->offset && memcmp(a->counts, b->counts, a->length * sizeof *a->counts) == 0));
}

bool
mst_hist_equal(const mst_hist *a, const mst_hist *b)
{
  return a->scale == b->scale && a->count == b->count && a->zero_count == b->zero_count && a->sum == b->sum &&
         (a->count == 0 || (a->min == b->min && a->max == b->max)) && side_equal(&a->positive, &b->positive) &&
         side_equal(&a->negative, &b->negative);
}

/* Ends that are not empty, indices that a double of this scale can have, and a total that does not overflow. */
static bool
side_valid(const mst_hist_side *side, int32_t scale, uint64_t *total)
{
  if (side->length == 0)
    return side->offset == 0;
  if (!side->counts || side->length > MST_HIST_MAX_BUCKETS || side->counts[0] == 0 || side->counts[side->length - 1] == 0)
    return false;
  int64_t least = scale > 0 ? (int64_t)DOUBLE_EXPONENT_LEAST * (1LL << scale) - 1 : (int64_t)(DOUBLE_EXPONENT_LEAST - 1) >> -scale;
  int64_t most = scale > 0 ? (int64_t)(DOUBLE_EXPONENT_MOST + 1) * (1LL << scale) : (int64_t)DOUBLE_EXPONENT_MOST >> -scale;
  if (side->offset < least || (int64_t)side->offset + side->length - 1 > most)
    return false;
  for (uint32_t i = 0; i < side->length; i++)
    if (__builtin_add_overflow(*total, side->counts[i], total))
      return false;
  return true;
}

/* The index of the bucket that holds the extreme value must be the side's own extreme. */
static bool
extreme_fits(double value, int32_t scale, const mst_hist_side *side, bool far_end)
{
  int64_t want = far_end ? (int64_t)side->offset + side->length - 1 : side->offset;

  return side->length > 0 && mst_hist_index(fabs(value), scale) == want;
}

static bool
extremes_valid(const mst_hist *hist)
{
  const double limit = 0x1p63;

  if (!isfinite(hist->min) || !isfinite(hist->max) || hist->min > hist->max || hist->min <= -limit || hist->max >= limit)
    return false;
  if ((hist->min == 0 && signbit(hist->min)) || (hist->max == 0 && signbit(hist->max)))
    return false;
  bool low = hist->min < 0 ? extreme_fits(hist->min, hist->scale, &hist->negative, true)
             : hist->min > 0
                 ? hist->negative.length == 0 && hist->zero_count == 0 && extreme_fits(hist->min, hist->scale, &hist->positive, false)
                 : hist->negative.length == 0 && hist->zero_count > 0;
  bool high = hist->max > 0 ? extreme_fits(hist->max, hist->scale, &hist->positive, true)
              : hist->max < 0
                  ? hist->positive.length == 0 && hist->zero_count == 0 && extreme_fits(hist->max, hist->scale, &hist->negative, false)
                  : hist->positive.length == 0 && hist->zero_count > 0;
  return low && high;
}

bool
mst_hist_valid(const mst_hist *hist)
{
  uint64_t total = hist->zero_count;

  if (hist->scale < MST_HIST_MIN_SCALE || hist->scale > MST_HIST_MAX_SCALE)
    return false;
  if (!side_valid(&hist->positive, hist->scale, &total) || !side_valid(&hist->negative, hist->scale, &total))
    return false;
  if (total != hist->count || total > INT64_MAX)
    return false;
  return hist->count == 0 ? hist->sum == 0 : extremes_valid(hist);
}

/* 2^(numerator / 2^scale), from square roots (which IEEE 754 rounds correctly) and products: the same on every machine. */
static double
power_of_base(int64_t numerator, int32_t scale)
{
  if (scale <= 0) {
    int64_t exponent = numerator * (1LL << -scale);
    return exponent < DOUBLE_EXPONENT_LEAST ? 0 : exponent > DOUBLE_EXPONENT_MOST ? INFINITY : ldexp(1, (int)exponent);
  }
  int64_t whole = numerator >> scale;
  uint64_t fraction = (uint64_t)numerator & ((1ULL << scale) - 1);
  double result = 1, root = 2;
  for (int32_t bit = scale - 1; bit >= 0; bit--) {
    root = sqrt(root);
    if (fraction >> bit & 1)
      result *= root;
  }
  return ldexp(result, (int)whole);
}

/* 2lu/(l+u) of bucket i; its distance from any value of the bucket is at most (base-1)/(base+1) of that value. An edge that is beyond the
 * doubles is replaced by what the formula goes to. */
static double
bucket_middle(int64_t index, int32_t scale)
{
  double low = power_of_base(index, scale), high = power_of_base(index + 1, scale);

  if (low == 0)
    return ldexp(1, DOUBLE_EXPONENT_LEAST);
  return isinf(high) ? low * 2 : low * (2 / (1 + low / high));
}

double
mst_hist_error(const mst_hist *hist)
{
  double base = power_of_base(1, hist->scale);

  return isinf(base) ? 1 : (base - 1) / (base + 1);
}

/* The value of the sample with that rank, from 1. */
static double
value_at_rank(const mst_hist *hist, uint64_t rank)
{
  uint64_t seen = 0;

  for (uint32_t i = hist->negative.length; i-- > 0;) {
    seen += hist->negative.counts[i];
    if (seen >= rank)
      return -bucket_middle((int64_t)hist->negative.offset + i, hist->scale);
  }
  seen += hist->zero_count;
  if (seen >= rank)
    return 0;
  for (uint32_t i = 0; i < hist->positive.length; i++) {
    seen += hist->positive.counts[i];
    if (seen >= rank)
      return bucket_middle((int64_t)hist->positive.offset + i, hist->scale);
  }
  return hist->max;
}

double
mst_hist_quantile(const mst_hist *hist, double q)
{
  if (hist->count == 0 || isnan(q))
    return NAN;
  /* The slack: 0.07 is a little over 7/100 as a double, and must not ask for the 8th of 100 samples. */
  double wanted = ceil(q * (double)hist->count * (1 - 0x1p-50));
  uint64_t rank = q >= 1 || wanted >= (double)hist->count ? hist->count : wanted < 1 ? 1 : (uint64_t)wanted;
  double value = value_at_rank(hist, rank);
  return value < hist->min ? hist->min : value > hist->max ? hist->max : value;
}

void
mst_hist_count_upto(const mst_hist *hist, double bound, uint64_t *ret_surely, uint64_t *ret_possibly)
{
  uint64_t surely = 0, possibly = 0;

  if (hist->count > 0 && hist->max <= bound) {
    surely = hist->count;
  } else if (hist->count > 0 && hist->min <= bound && bound < 0) {
    int64_t index = mst_hist_index(-bound, hist->scale);
    for (uint32_t i = 0; i < hist->negative.length; i++) {
      int64_t at = (int64_t)hist->negative.offset + i;
      surely += at > index ? hist->negative.counts[i] : 0;
      possibly += at == index ? hist->negative.counts[i] : 0;
    }
  } else if (hist->count > 0 && hist->min <= bound) {
    for (uint32_t i = 0; i < hist->negative.length; i++)
      surely += hist->negative.counts[i];
    surely += hist->zero_count;
    /* A bound that is its bucket's upper edge holds all of it. */
    int64_t index = bound > 0 ? mst_hist_index(bound, hist->scale) : INT64_MIN;
    bool at_edge = bound > 0 && mst_hist_index(nextafter(bound, INFINITY), hist->scale) > index;
    for (uint32_t i = 0; i < hist->positive.length; i++) {
      int64_t at = (int64_t)hist->positive.offset + i;
      if (at < index || (at == index && at_edge))
        surely += hist->positive.counts[i];
      else if (at == index)
        possibly += hist->positive.counts[i];
    }
  }
  *ret_surely = surely;
  *ret_possibly = surely + possibly;
}

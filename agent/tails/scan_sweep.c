/* Lines on which there may be personal data: these have no fixed text that Hyperscan could jump to (it takes a fifth of its usual speed).
 * Each byte becomes a bit, whether it is of a kind, 64 at once; a run of them that is long enough is found with a few shifts. */
#include "scan_state.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
  DIGIT = 1,         /* digits, blank, hyphen, of which cards' and social security numbers are made */
  CODE = 2,          /* capitals, digits, blank, of which IBANs are */
  LEAST_NUMBER = 11, /* 123-45-6789 */
  LEAST_CARD_DIGITS = 13,
  LEAST_IBAN = 15, /* Norway's */
  AT_ONCE = 64,
};

typedef struct sweep {
  mst_patterns *patterns;
  const char *data;
  size_t size_bytes;
  bool has_room;
} sweep;

static bool
is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool
is_upper(char c)
{
  return c >= 'A' && c <= 'Z';
}

static bool
is_alnum(char c)
{
  return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z');
}

static const uint8_t kinds[256] = {['0' ... '9'] = DIGIT | CODE, ['A' ... 'Z'] = CODE, [' '] = DIGIT | CODE, ['-'] = DIGIT};

static inline bool
is_of(unsigned kind, char c)
{
  return kinds[(unsigned char)c] & kind;
}

static void
hit(sweep *now, mst_screen screen, size_t offset)
{
  unsigned pattern = now->patterns->swept[screen];

  if (pattern > 0 && now->has_room)
    now->has_room = mst_patterns_hit(now->patterns, pattern - 1, now->data, now->size_bytes, offset);
}

/* A run of digits, blanks and hyphens. */
static void
look_at_number(sweep *now, size_t start, size_t stop)
{
  const char *data = now->data;
  size_t digits = 0;

  for (size_t i = start; i < stop; i++)
    digits += is_digit(data[i]);
  if (digits >= LEAST_CARD_DIGITS)
    hit(now, MST_SCREEN_CARD, start);
  for (size_t i = start; i + LEAST_NUMBER <= stop; i++) {
    if (data[i + 3] == '-' && data[i + 6] == '-' && is_digit(data[i]) && is_digit(data[i + 4]) && is_digit(data[i + 10])) {
      hit(now, MST_SCREEN_SSN, i);
      return;
    }
  }
}

/* A run of capitals, digits and blanks. */
static void
look_at_code(sweep *now, size_t start, size_t stop)
{
  const char *at = now->data;

  for (size_t i = start; i + LEAST_IBAN <= stop; i++) {
    if (is_upper(at[i]) && is_upper(at[i + 1]) && is_digit(at[i + 2]) && is_digit(at[i + 3])) {
      hit(now, MST_SCREEN_IBAN, i);
      return;
    }
  }
}

/* ---- 64 bytes at once: a bit for each, that of the first lowest ---- */

typedef struct masks {
  uint64_t numbers, codes, ats;
} masks;

static masks
masks_of_some(const char *at, size_t count)
{
  masks all = {0};

  for (size_t i = 0; i < count; i++) {
    all.numbers |= (uint64_t)is_of(DIGIT, at[i]) << i;
    all.codes |= (uint64_t)is_of(CODE, at[i]) << i;
    all.ats |= (uint64_t)(at[i] == '@') << i;
  }
  return all;
}

#ifdef __SSE2__
static inline __m128i
in_range(__m128i bytes, char first, char last)
{
  __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));

  return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(last - first))), above);
}

static inline masks
masks_of(const char *at)
{
  masks all = {0};

  for (unsigned i = 0; i < AT_ONCE; i += 16) {
    __m128i bytes;
    memcpy(&bytes, at + i, sizeof bytes);
    __m128i both = _mm_or_si128(in_range(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')));
    __m128i numbers = _mm_or_si128(both, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    __m128i codes = _mm_or_si128(both, in_range(bytes, 'A', 'Z'));
    all.numbers |= (uint64_t)(uint32_t)_mm_movemask_epi8(numbers) << i;
    all.codes |= (uint64_t)(uint32_t)_mm_movemask_epi8(codes) << i;
    all.ats |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('@'))) << i;
  }
  return all;
}
#else
static inline masks
masks_of(const char *at)
{
  return masks_of_some(at, AT_ONCE);
}
#endif

/* ---- */

/* The runs of one kind. None goes over the end of a line. */
typedef struct runs {
  unsigned kind, least;
  void (*look)(sweep *now, size_t start, size_t stop);
  unsigned open; /* how many of the last bytes are of the kind, up to 64 */
  size_t done;   /* what is before was looked at */
} runs;

/* Bits where a run of at least that many begins, all of it within the 64. */
static inline uint64_t
begins_in(uint64_t mask, unsigned least)
{
  uint64_t two = mask & mask >> 1, four = two & two >> 2, eight = four & four >> 4;

  return least == LEAST_NUMBER ? eight & two >> 8 & mask >> 10 : eight & four >> 8 & two >> 12 & mask >> 14;
}

static void
look_at_run(sweep *now, runs *of, size_t at)
{
  size_t start = at, stop = at;

  if (at < of->done)
    return;
  while (start > of->done && is_of(of->kind, now->data[start - 1]))
    start--;
  while (stop < now->size_bytes && is_of(of->kind, now->data[stop]))
    stop++;
  of->done = stop;
  if (stop - start >= of->least)
    of->look(now, start, stop);
}

static inline void
sweep_runs(sweep *now, runs *of, uint64_t mask, size_t at)
{
  unsigned first = ~mask ? (unsigned)__builtin_ctzll(~mask) : AT_ONCE;
  uint64_t begins = begins_in(mask, of->least);

  if (of->open > 0 && first > 0 && of->open + first >= of->least)
    look_at_run(now, of, at);
  for (; begins; begins &= begins - 1)
    look_at_run(now, of, at + (size_t)__builtin_ctzll(begins));
  of->open = ~mask ? (unsigned)__builtin_clzll(~mask) : AT_ONCE;
}
_Static_assert(LEAST_NUMBER == 11 && LEAST_IBAN == 15, "the shifts in begins_in");

static void
look_at_mail(sweep *now, size_t offset)
{
  const char *at = now->data + offset;

  if (offset == 0 || offset + 1 == now->size_bytes || !is_alnum(at[1]))
    return;
  if (is_alnum(at[-1]) || memchr("._%+-", at[-1], 5))
    hit(now, MST_SCREEN_MAIL, offset);
}

bool
mst_patterns_sweep(mst_patterns *patterns, const char *data, size_t size_bytes)
{
  sweep now = {.patterns = patterns, .data = data, .size_bytes = size_bytes, .has_room = true};
  runs numbers = {.kind = DIGIT, .least = LEAST_NUMBER, .look = look_at_number};
  runs codes = {.kind = CODE, .least = LEAST_IBAN, .look = look_at_code};
  bool is_asked = false;

  for (unsigned screen = MST_SCREEN_MAIL; screen <= MST_SCREEN_IBAN; screen++)
    is_asked = is_asked || patterns->swept[screen];
  for (size_t at = 0; is_asked && at < size_bytes; at += AT_ONCE) {
    masks all = size_bytes - at >= AT_ONCE ? masks_of(data + at) : masks_of_some(data + at, size_bytes - at);
    for (uint64_t ats = all.ats; ats; ats &= ats - 1)
      look_at_mail(&now, at + (size_t)__builtin_ctzll(ats));
    sweep_runs(&now, &numbers, all.numbers, at);
    sweep_runs(&now, &codes, all.codes, at);
  }
  return now.has_room;
}

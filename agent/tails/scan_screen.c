/* On which lines of a block patterns may fit. */
#include "scan_state.h"

#include <stdlib.h>
#include <string.h>

#ifdef MST_HAVE_HYPERSCAN
#include <hs.h>
#endif

#include <mst/common/alloc.h>

static bool
put(mst_patterns *patterns, uint64_t hit)
{
  if (patterns->hit_count == patterns->hit_capacity) {
    size_t capacity = patterns->hit_capacity * 2;
    uint64_t *hits = capacity <= MST_HITS_MAX ? mst_realloc(patterns->hits, capacity, sizeof *hits) : NULL;
    if (!hits)
      return false;
    patterns->hits = hits;
    patterns->hit_capacity = capacity;
  }
  patterns->hits[patterns->hit_count++] = hit;
  return true;
}

/* Most hits of a pattern come in the order of the text, but none needs to: only one in the same line as that before it is left out here. */
bool
mst_patterns_hit(mst_patterns *patterns, unsigned number, const char *data, size_t size_bytes, size_t offset)
{
  mst_pattern *pattern = &patterns->list[number];

  if (offset >= pattern->line_start && offset < pattern->line_stop)
    return true;
  const char *before = memrchr(data, '\n', offset), *newline = memchr(data + offset, '\n', size_bytes - offset);
  pattern->line_start = (uint32_t)(before ? before + 1 - data : 0);
  pattern->line_stop = (uint32_t)(newline ? newline + 1 - data : (ptrdiff_t)size_bytes);
  return put(patterns, (uint64_t)pattern->line_start << 8 | number);
}
_Static_assert(MST_ALL_PATTERNS_MAX <= 256 && MST_LINE_MAX_BYTES < UINT32_MAX / 2, "a hit fits");

static int
compare(const void *left, const void *right)
{
  const uint64_t *a = left, *b = right;

  return *a < *b ? -1 : *a > *b;
}

static void
sort(mst_patterns *patterns)
{
  bool is_sorted = true;

  for (size_t i = 1; i < patterns->hit_count && is_sorted; i++)
    is_sorted = patterns->hits[i - 1] <= patterns->hits[i];
  if (!is_sorted)
    qsort(patterns->hits, patterns->hit_count, sizeof *patterns->hits, compare);
}

#ifdef MST_HAVE_HYPERSCAN
typedef struct screening {
  mst_patterns *patterns;
  const char *data;
  size_t size_bytes;
} screening;

static int
on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
  const screening *now = arg;

  (void)from, (void)flags;
  return !mst_patterns_hit(now->patterns, id, now->data, now->size_bytes, to > 0 ? (size_t)to - 1 : 0);
}
#endif

mst_err
mst_patterns_screen(mst_patterns *patterns, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  patterns->hit_count = 0;
  for (size_t i = 0; i < patterns->count; i++)
    patterns->list[i].line_start = patterns->list[i].line_stop = 0;
  bool has_room = true;
#ifdef MST_HAVE_HYPERSCAN
  screening now = {.patterns = patterns, .data = data, .size_bytes = size_bytes};
  if (patterns->database) {
    hs_error_t failed = hs_scan(patterns->database, data, (unsigned)size_bytes, 0, patterns->scratch, on_hit, &now);
    if (failed != HS_SUCCESS && failed != HS_SCAN_TERMINATED)
      return mst_fail(ctx, MST_EIO, "scanning %zu bytes of a log failed with error %d of Hyperscan", size_bytes, (int)failed);
    has_room = failed == HS_SUCCESS;
  }
#endif
  if (has_room)
    has_room = mst_patterns_sweep(patterns, data, size_bytes);
  if (!has_room)
    return patterns->hit_count < MST_HITS_MAX ? mst_fail(ctx, MST_ENOMEM, "no memory for hits of patterns")
                                              : mst_fail(ctx, MST_ELIMIT, "over %d hits of patterns at once", MST_HITS_MAX);
  sort(patterns);
  return MST_OK;
}

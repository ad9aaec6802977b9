#ifndef MST_AGENT_SCAN_H
#define MST_AGENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bounded reader over text of the kernel: lines, words, numbers. Allocates nothing, needs no NUL at the end, never reads past `end`.
 * All functions are pure; those that return false leave the cursor where it was, but for skipped blanks. */
typedef struct mst_scan {
  const char *at, *end;
} mst_scan;

mst_scan mst_scan_over(const char *text, size_t length);
/* The next line without its newline; false at the end of the text. */
bool mst_scan_line(mst_scan *text, mst_scan *ret_line);
/* True when `line`, the last that mst_scan_line gave of `text`, has no newline: the kernel ends every line with one, so it was cut short.
 */
static inline bool
mst_scan_is_cut(const mst_scan *text, mst_scan line)
{
  return line.end == text->end;
}
/* The next run of what is neither blank, tab nor newline; false when there is none. */
bool mst_scan_word(mst_scan *line, mst_scan *ret_word);
/* A whole word of decimal digits; false for another word and over 2^64 - 1. */
bool mst_scan_u64(mst_scan *line, uint64_t *ret_value);
/* A whole word like "12", "0.25": no sign, no exponent, at most 18 digits in all. */
bool mst_scan_decimal(mst_scan *line, double *ret_value);
/* Steps over `prefix` when the text begins with it. */
bool mst_scan_prefix(mst_scan *line, const char *prefix);
bool mst_scan_equal(mst_scan word, const char *text);
static inline size_t
mst_scan_length(mst_scan text)
{
  return (size_t)(text.end - text.at);
}
/* How much of a text goes into an error message: 60 bytes say enough to find the line. */
int mst_scan_shown(mst_scan text);

#endif

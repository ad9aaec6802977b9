/* How rotation names files: logrotate, newsyslog, Python's handlers, log4j and their like. */
#include <stdlib.h>
#include <string.h>

#include "follow_state.h"

enum {
  DATE_DIGITS_MIN = 6, /* 202611: behind "-" and "_" a shorter number counts workers, and not rotations */
  RANK_DIGITS_MAX = 5, /* "a.log.12345" counts rotations, "a.log.20261123" is a date */
};

static const char *const compressions[] = {".gz", ".xz", ".zst", ".bz2", ".lz4", ".Z", ".zip"};
static const char *const backups[] = {".bak", ".orig", ".save", ".copy", ".tmp", ".swp", "~"};

size_t
mst_sibling_plain_length(const char *name)
{
  size_t length = strlen(name);

  for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++) {
    size_t ending = strlen(compressions[i]);
    if (length > ending && strcmp(name + length - ending, compressions[i]) == 0)
      return length - ending;
  }
  return length;
}

/* "1", "20261123", "2026-11-23", "2026-11-23_14.30", "20261123T143000Z", "20261123-1795420000": begins with a digit and has no letters but
 * those of times. */
static bool
is_number(const char *text, size_t length, size_t digits_min)
{
  size_t digits = 0;

  if (length == 0 || text[0] < '0' || text[0] > '9')
    return false;
  for (size_t i = 0; i < length; i++) {
    if (!strchr("0123456789-_.:+TZ", text[i]))
      return false;
    digits += text[i] >= '0' && text[i] <= '9';
  }
  return digits >= digits_min;
}

static size_t
digits_behind(char separator)
{
  return separator == '.' ? 1 : DATE_DIGITS_MIN;
}

static bool
is_old(const char *text, size_t length)
{
  return (length == 3 && memcmp(text, "old", 3) == 0) || (length == 4 && memcmp(text, "prev", 4) == 0);
}

/* "x-2026-11-23.log" beside "x.log". */
static bool
is_between(const char *live, const char *name, size_t length)
{
  const char *dot = strrchr(live, '.');
  size_t stem = dot ? (size_t)(dot - live) : 0, ending = dot ? strlen(dot) : 0;

  return stem > 0 && length > stem + 1 + ending && memcmp(live, name, stem) == 0 && strchr("-._", name[stem]) &&
         memcmp(name + length - ending, dot, ending) == 0 &&
         is_number(name + stem + 1, length - stem - 1 - ending, digits_behind(name[stem]));
}

mst_sibling
mst_sibling_of(const char *live, const char *name)
{
  size_t length = mst_sibling_plain_length(name), whole = strlen(live);
  bool is_compressed = name[length] != '\0';

  if (length > whole + 1 && memcmp(live, name, whole) == 0 && strchr(".-_", name[whole])) {
    if (is_number(name + whole + 1, length - whole - 1, digits_behind(name[whole])) || is_old(name + whole + 1, length - whole - 1))
      return is_compressed ? MST_SIBLING_COMPRESSED : MST_SIBLING_ROTATED;
    return is_compressed ? MST_SIBLING_NO : MST_SIBLING_OTHER;
  }
  if (is_compressed && length == whole && memcmp(live, name, whole) == 0)
    return MST_SIBLING_COMPRESSED;
  if (is_between(live, name, length))
    return is_compressed ? MST_SIBLING_COMPRESSED : MST_SIBLING_ROTATED;
  return mst_sibling_is_backup(live, name) ? MST_SIBLING_OTHER : MST_SIBLING_NO;
}

bool
mst_sibling_is_backup(const char *live, const char *name)
{
  size_t length = strlen(name), whole = strlen(live);

  if (length <= whole || memcmp(live, name, whole) != 0)
    return false;
  for (size_t i = 0; i < sizeof backups / sizeof backups[0]; i++)
    if (strcmp(name + whole, backups[i]) == 0)
      return true;
  return false;
}

/* The number that a rotated name ends with, when it counts rotations; 0 when it does not. */
static unsigned long
rank_of(const char *name)
{
  size_t length = strlen(name), digits = 0;

  while (digits < length && name[length - digits - 1] >= '0' && name[length - digits - 1] <= '9')
    digits++;
  if (digits == 0 || digits > RANK_DIGITS_MAX || digits == length || name[length - digits - 1] != '.')
    return 0;
  return strtoul(name + length - digits, NULL, 10);
}

bool
mst_sibling_is_older(const char *a, const char *b)
{
  unsigned long left = rank_of(a), right = rank_of(b);

  return left > 0 && right > 0 ? left > right : strcmp(a, b) < 0;
}

/* How rotation names files: logrotate, newsyslog, Python's handlers, log4j and their like. */
#include <string.h>

#include "follow_state.h"

static const char *const compressions[] = {".gz", ".xz", ".zst", ".bz2", ".lz4", ".Z", ".zip"};

/* Length of name without the ending of a compression; the whole length when it has none. */
static size_t
without_compression(const char *name)
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
is_number(const char *text, size_t length)
{
  if (length == 0 || text[0] < '0' || text[0] > '9')
    return false;
  for (size_t i = 0; i < length; i++)
    if (!strchr("0123456789-_.:+TZ", text[i]))
      return false;
  return true;
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
         memcmp(name + length - ending, dot, ending) == 0 && is_number(name + stem + 1, length - stem - 1 - ending);
}

mst_sibling
mst_sibling_of(const char *live, const char *name)
{
  size_t length = without_compression(name), whole = strlen(live);
  bool is_compressed = name[length] != '\0';

  if (length > whole + 1 && memcmp(live, name, whole) == 0 && strchr(".-_", name[whole])) {
    if (is_number(name + whole + 1, length - whole - 1) || is_old(name + whole + 1, length - whole - 1))
      return is_compressed ? MST_SIBLING_COMPRESSED : MST_SIBLING_ROTATED;
    return is_compressed ? MST_SIBLING_NO : MST_SIBLING_OTHER;
  }
  if (is_compressed && length == whole && memcmp(live, name, whole) == 0)
    return MST_SIBLING_COMPRESSED;
  if (is_between(live, name, length))
    return is_compressed ? MST_SIBLING_COMPRESSED : MST_SIBLING_ROTATED;
  return MST_SIBLING_NO;
}

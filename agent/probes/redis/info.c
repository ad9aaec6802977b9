/* Reading INFO; see info.h. */
#include "info.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
mst_redis_info_text(const char *info, const char *name, char *ret_value, size_t value_bytes)
{
  const size_t name_bytes = strlen(name);

  for (const char *line = info; *line;) {
    size_t length = strcspn(line, "\r\n");
    if (length > name_bytes && strncmp(line, name, name_bytes) == 0 && line[name_bytes] == ':') {
      snprintf(ret_value, value_bytes, "%.*s", (int)(length - name_bytes - 1 < 4096 ? length - name_bytes - 1 : 4096),
               line + name_bytes + 1);
      return true;
    }
    line += length;
    line += strspn(line, "\r\n");
  }
  return false;
}

bool
mst_redis_info_number(const char *info, const char *name, double *ret_number)
{
  char value[64], *end;

  if (!mst_redis_info_text(info, name, value, sizeof value))
    return false;
  *ret_number = strtod(value, &end);
  return end != value && *end == '\0' && isfinite(*ret_number);
}

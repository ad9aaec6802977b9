/* Numbers with units as configs and checklists write them. */
#include <mst/common/config.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTITY_MAX_BYTES = 64 };

/* name, factor to the base unit, base unit. */
static const struct {
  const char *name;
  double factor;
  const char *base;
} units[] = {
    {"%", 0.01, "1"},
    {"ns", 1e-9, "s"},     {"us", 1e-6, "s"},     {"ms", 1e-3, "s"},        {"s", 1, "s"},          {"m", 60, "s"},       {"min", 60, "s"},
    {"h", 3600, "s"},      {"d", 86400, "s"},     {"w", 604800, "s"},
    {"B", 1, "By"},        {"kB", 1e3, "By"},     {"KB", 1e3, "By"},        {"MB", 1e6, "By"},      {"GB", 1e9, "By"},    {"TB", 1e12, "By"},
    {"KiB", 1024, "By"},   {"MiB", 1048576, "By"}, {"GiB", 1073741824, "By"}, {"TiB", 1099511627776, "By"},
    {"B/s", 1, "By/s"},    {"kB/s", 1e3, "By/s"}, {"MB/s", 1e6, "By/s"},    {"GB/s", 1e9, "By/s"},
    {"bit/s", 0.125, "By/s"}, {"kbit/s", 125, "By/s"}, {"Mbit/s", 125e3, "By/s"}, {"Gbit/s", 125e6, "By/s"},
    {"/s", 1, "1/s"},      {"/min", 1.0 / 60, "1/s"}, {"/h", 1.0 / 3600, "1/s"}, {"/d", 1.0 / 86400, "1/s"},
};

mst_err
mst_quantity_parse(const char *text, double *ret_value, const char **ret_unit, mst_errctx *ctx)
{
  char *end;

  if (strnlen(text, QUANTITY_MAX_BYTES + 1) > QUANTITY_MAX_BYTES || text[0] == '\0' || !strchr("+-.0123456789", text[0]) || strpbrk(text, "xX"))
    return mst_fail(ctx, MST_EMALFORMED, "not a number: \"%.64s\"", text);
  errno = 0;
  double value = strtod(text, &end);
  if (end == text || errno == ERANGE || !isfinite(value))
    return mst_fail(ctx, MST_EMALFORMED, "not a number: \"%s\"", text);
  while (*end == ' ')
    end++;
  if (*end == '\0') {
    *ret_value = value;
    *ret_unit = "";
    return MST_OK;
  }
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcmp(end, units[i].name) == 0) {
      /* Divided, not multiplied by a rounded fraction: 46.3% is then the double nearest to 0.463. */
      *ret_value = units[i].factor == 0.01 ? value / 100 : units[i].factor == 1e-3 ? value / 1e3 : value * units[i].factor;
      *ret_unit = units[i].base;
      return MST_OK;
    }
  return mst_fail(ctx, MST_EMALFORMED, "\"%s\": the unit \"%s\" is not known; known are %%, ms, s, min, h, d, kB, MB, GB, MiB, GiB, Mbit/s, MB/s, /s, /min, /h", text,
                  end);
}

mst_err
mst_size_parse(const char *text, int64_t *ret_bytes, mst_errctx *ctx)
{
  const char *unit;
  double value;
  mst_err err = mst_quantity_parse(text, &value, &unit, NULL);

  if (err != MST_OK || (strcmp(unit, "By") != 0 && unit[0] != '\0'))
    return mst_fail(ctx, MST_EMALFORMED, "not a size: \"%.64s\"; write 64MB, 8GiB or a number of bytes", text);
  if (value < 0 || value >= 9.2e18)
    return mst_fail(ctx, MST_ELIMIT, "the size \"%s\" is out of range", text);
  *ret_bytes = (int64_t)(value + 0.5);
  return MST_OK;
}

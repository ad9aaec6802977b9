/* Numbers with units as configs and checklists write them. */
#include <mst/common/config.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTITY_MAX_BYTES = 64 /* no number that a person writes is longer */, EXPONENT_MAX = 400 /* beyond any double's */ };

/* A unit is 10^exponent * factor / divisor of its base unit. The power of ten goes into the number's text before that is read, so
 * that 46.3% is the double nearest to 0.463 and 1.1GB is 1100000000. */
static const struct unit {
  char name[8];
  int exponent;
  double factor, divisor;
  char base[5];
} units[] = {
    {"%", -2, 1, 1, "1"},
    {"ns", -9, 1, 1, "s"},
    {"us", -6, 1, 1, "s"},
    {"ms", -3, 1, 1, "s"},
    {"s", 0, 1, 1, "s"},
    {"m", 0, 60, 1, "s"},
    {"min", 0, 60, 1, "s"},
    {"h", 0, 3600, 1, "s"},
    {"d", 0, 86400, 1, "s"},
    {"w", 0, 604800, 1, "s"},
    {"B", 0, 1, 1, "By"},
    {"kB", 3, 1, 1, "By"},
    {"KB", 3, 1, 1, "By"},
    {"MB", 6, 1, 1, "By"},
    {"GB", 9, 1, 1, "By"},
    {"TB", 12, 1, 1, "By"},
    {"KiB", 0, 0x1p10, 1, "By"},
    {"MiB", 0, 0x1p20, 1, "By"},
    {"GiB", 0, 0x1p30, 1, "By"},
    {"TiB", 0, 0x1p40, 1, "By"},
    {"B/s", 0, 1, 1, "By/s"},
    {"kB/s", 3, 1, 1, "By/s"},
    {"MB/s", 6, 1, 1, "By/s"},
    {"GB/s", 9, 1, 1, "By/s"},
    {"KiB/s", 0, 0x1p10, 1, "By/s"},
    {"MiB/s", 0, 0x1p20, 1, "By/s"},
    {"GiB/s", 0, 0x1p30, 1, "By/s"},
    {"bit/s", 0, 1, 8, "By/s"},
    {"kbit/s", 3, 1, 8, "By/s"},
    {"Mbit/s", 6, 1, 8, "By/s"},
    {"Gbit/s", 9, 1, 8, "By/s"},
    {"/s", 0, 1, 1, "1/s"},
    {"/min", 0, 1, 60, "1/s"},
    {"/h", 0, 1, 3600, "1/s"},
    {"/d", 0, 1, 86400, "1/s"},
};

static const struct unit *
find_unit(const char *name)
{
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcmp(name, units[i].name) == 0)
      return &units[i];
  return NULL;
}

/* How many bytes of text are a decimal number ("-1.5e3"), and how many of these come before its exponent; 0: none. Stricter than strtod,
 * which also reads "0x1p3", "inf" and leading spaces. */
static size_t
number_bytes(const char *text, size_t *ret_mantissa_bytes)
{
  static const char digits[] = "0123456789";
  size_t at = text[0] == '-' || text[0] == '+', whole = strspn(text + at, digits), fraction = 0;

  at += whole;
  if (text[at] == '.') {
    fraction = strspn(text + at + 1, digits);
    at += 1 + fraction;
  }
  if (whole + fraction == 0)
    return 0;
  *ret_mantissa_bytes = at;
  if (text[at] == 'e' || text[at] == 'E') {
    size_t sign = text[at + 1] == '-' || text[at + 1] == '+', exponent = strspn(text + at + 1 + sign, digits);
    at += exponent ? 1 + sign + exponent : 0;
  }
  return at;
}

/* The number times 10^exponent, rounded once. False: out of a double's range. */
static bool
read_number(const char *text, size_t bytes, size_t mantissa_bytes, int exponent, double *ret_number)
{
  char decimal[QUANTITY_MAX_BYTES + 16];
  long own = bytes > mantissa_bytes ? strtol(text + mantissa_bytes + 1, NULL, 10) : 0;

  own = own > EXPONENT_MAX ? EXPONENT_MAX : own < -EXPONENT_MAX ? -EXPONENT_MAX : own;
  snprintf(decimal, sizeof decimal, "%.*se%ld", (int)mantissa_bytes, text, own + exponent);
  errno = 0;
  *ret_number = strtod(decimal, NULL);
  return errno != ERANGE && isfinite(*ret_number);
}

mst_err
mst_quantity_parse(const char *text, double *ret_value, const char **ret_unit, mst_errctx *ctx)
{
  size_t mantissa_bytes = 0, bytes = strnlen(text, QUANTITY_MAX_BYTES + 1) > QUANTITY_MAX_BYTES ? 0 : number_bytes(text, &mantissa_bytes);
  double number;

  if (bytes == 0)
    return mst_fail(ctx, MST_EMALFORMED, "not a number: \"%.64s\"", text);
  const char *name = text + bytes + strspn(text + bytes, " ");
  const struct unit *unit = *name ? find_unit(name) : NULL;
  if (*name && !unit)
    return mst_fail(
        ctx, MST_EMALFORMED,
        "\"%s\": the unit \"%s\" is not known; known are %%, ms, s, min, h, d, kB, MB, GB, MiB, GiB, Mbit/s, MB/s, /s, /min, /h", text,
        name);
  if (!read_number(text, bytes, mantissa_bytes, unit ? unit->exponent : 0, &number))
    return mst_fail(ctx, MST_ELIMIT, "the number \"%s\" is out of range", text);
  if (unit)
    number = number * unit->factor / unit->divisor;
  if (!isfinite(number))
    return mst_fail(ctx, MST_ELIMIT, "the number \"%s\" is out of range", text);
  *ret_value = number;
  *ret_unit = unit ? unit->base : "";
  return MST_OK;
}

mst_err
mst_size_parse(const char *text, int64_t *ret_bytes, mst_errctx *ctx)
{
  const char *unit = "";
  double value;

  /* A bare number of bytes is read as it stands: over 2^53 a double would round it. */
  if (text[0] >= '0' && text[0] <= '9' && text[strspn(text, "0123456789")] == '\0') {
    errno = 0;
    long long bytes = strtoll(text, NULL, 10);
    if (errno == ERANGE)
      return mst_fail(ctx, MST_ELIMIT, "the size \"%.64s\" is out of range; it must be under 2^63 bytes", text);
    *ret_bytes = bytes;
    return MST_OK;
  }
  mst_err err = mst_quantity_parse(text, &value, &unit, NULL);
  if (err == MST_EMALFORMED || (err == MST_OK && strcmp(unit, "By") != 0))
    return mst_fail(ctx, MST_EMALFORMED, "not a size: \"%.64s\"; write 64MB, 8GiB or a whole number of bytes", text);
  if (err != MST_OK || value < 0 || value >= 0x1p63)
    return mst_fail(ctx, MST_ELIMIT, "the size \"%.64s\" is out of range; it must be at least 0 and under 2^63 bytes", text);
  *ret_bytes = (int64_t)nearbyint(value);
  return MST_OK;
}

/* Clocks, durations and RFC 3339. */
#include <mst/common/clock.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_MIN (60 * MST_NS_PER_S)
#define NS_PER_H   (60 * NS_PER_MIN)
#define NS_PER_D   (24 * NS_PER_H)
#define NS_PER_W   (7 * NS_PER_D)

enum { DURATION_TEXT_MAX_BYTES = 64, FRACTION_DIGITS_MAX = 9 };

static mst_wall
system_wall(const mst_clock *clock)
{
  struct timespec now;

  (void)clock;
  clock_gettime(CLOCK_REALTIME, &now);
  return (mst_wall){now.tv_sec * MST_NS_PER_S + now.tv_nsec};
}

static mst_mono
system_mono(const mst_clock *clock)
{
  struct timespec now;

  (void)clock;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (mst_mono){now.tv_sec * MST_NS_PER_S + now.tv_nsec};
}

int64_t
mst_clock_thread_cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * MST_NS_PER_S + now.tv_nsec;
}

const mst_clock *
mst_clock_system(void)
{
  static const mst_clock system_clock = {system_wall, system_mono};

  return &system_clock;
}

static mst_wall
manual_wall(const mst_clock *clock)
{
  return (mst_wall){__atomic_load_n(&((const mst_clock_manual *)(const void *)clock)->wall_ns, __ATOMIC_RELAXED)};
}

static mst_mono
manual_mono(const mst_clock *clock)
{
  return (mst_mono){__atomic_load_n(&((const mst_clock_manual *)(const void *)clock)->mono_ns, __ATOMIC_RELAXED)};
}

void
mst_clock_manual_init(mst_clock_manual *clock, int64_t wall_ns)
{
  *clock = (mst_clock_manual){.base = {manual_wall, manual_mono}, .wall_ns = wall_ns, .mono_ns = MST_NS_PER_S};
}

void
mst_clock_manual_advance(mst_clock_manual *clock, int64_t ns)
{
  /* Atomic: a test moves the clock while threads under test read it. */
  __atomic_add_fetch(&clock->wall_ns, ns, __ATOMIC_RELAXED);
  __atomic_add_fetch(&clock->mono_ns, ns, __ATOMIC_RELAXED);
}

/* Biggest first: the order in which a duration is written. */
static const struct {
  const char *name;
  int64_t ns;
} units[] = {{"w", NS_PER_W},     {"d", NS_PER_D},       {"h", NS_PER_H},       {"m", NS_PER_MIN},
             {"s", MST_NS_PER_S}, {"ms", MST_NS_PER_MS}, {"us", MST_NS_PER_US}, {"ns", 1}};
enum { UNIT_COUNT = sizeof units / sizeof units[0], UNIT_WEEK = 0, UNIT_DAY = 1, UNIT_SECOND = 4 };

static size_t
unit_at(const char *text, size_t *ret_bytes)
{
  size_t bytes = strspn(text, "abcdefghijklmnopqrstuvwxyz");

  for (size_t i = 0; i < UNIT_COUNT; i++)
    if (strlen(units[i].name) == bytes && strncmp(text, units[i].name, bytes) == 0) {
      *ret_bytes = bytes;
      return i;
    }
  return UNIT_COUNT;
}

/* One "1.5h" at *at; steps over it. False: no such pair. */
static bool
parse_pair(const char **at, size_t *unit, __int128 *ret_ns)
{
  const char *text = *at;
  size_t whole_digits = strspn(text, "0123456789"), fraction_digits = 0, unit_bytes;
  __int128 whole = 0, fraction = 0, scale = 1;

  if (whole_digits == 0 || whole_digits > 19)
    return false;
  for (size_t i = 0; i < whole_digits; i++)
    whole = whole * 10 + (text[i] - '0');
  text += whole_digits;
  if (*text == '.') {
    fraction_digits = strspn(text + 1, "0123456789");
    if (fraction_digits == 0 || fraction_digits > FRACTION_DIGITS_MAX)
      return false;
    for (size_t i = 0; i < fraction_digits; i++, scale *= 10)
      fraction = fraction * 10 + (text[1 + i] - '0');
    text += 1 + fraction_digits;
  }
  *unit = unit_at(text, &unit_bytes);
  if (*unit == UNIT_COUNT)
    return false;
  *ret_ns = whole * units[*unit].ns + fraction * units[*unit].ns / scale;
  *at = text + unit_bytes;
  return true;
}

mst_err
mst_duration_parse(const char *text, int64_t *ret_ns, mst_errctx *ctx)
{
  const char *at = text;
  __int128 total = 0;
  size_t last_unit = UNIT_COUNT;

  if (strcmp(text, "0") == 0) {
    *ret_ns = 0;
    return MST_OK;
  }
  if (*at == '\0' || strnlen(text, DURATION_TEXT_MAX_BYTES + 1) > DURATION_TEXT_MAX_BYTES)
    goto malformed;
  while (*at) {
    __int128 ns;
    size_t unit;
    if (!parse_pair(&at, &unit, &ns) || (last_unit != UNIT_COUNT && unit <= last_unit))
      goto malformed;
    last_unit = unit;
    total += ns;
    if (total > INT64_MAX)
      return mst_fail(ctx, MST_ELIMIT, "the duration \"%s\" is over 292 years", text);
  }
  *ret_ns = (int64_t)total;
  return MST_OK;

malformed:
  return mst_fail(ctx, MST_EMALFORMED, "not a duration: \"%.64s\"; write 10m, 90s, 1h30m or 500ms", text);
}

const char *
mst_duration_format(int64_t ns, char buf[static MST_TIME_TEXT_BYTES])
{
  uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
  size_t used = 0;

  if (left == 0)
    return memcpy(buf, "0s", 3);
  if (ns < 0)
    buf[used++] = '-';
  /* Weeks are left out: nobody reads "4w2d" faster than "30d". */
  for (size_t i = UNIT_DAY; i < UNIT_COUNT; i++) {
    uint64_t count = left / (uint64_t)units[i].ns;
    left %= (uint64_t)units[i].ns;
    if (count > 0)
      used += (size_t)snprintf(buf + used, MST_TIME_TEXT_BYTES - used, "%llu%s", (unsigned long long)count, units[i].name);
  }
  return buf;
}

const char *
mst_duration_format_short(int64_t ns, char buf[static MST_TIME_TEXT_BYTES])
{
  uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
  const char *sign = ns < 0 ? "-" : "";

  if (left == 0)
    return memcpy(buf, "0s", 3);
  for (size_t i = UNIT_DAY; i < UNIT_COUNT; i++) {
    uint64_t unit = (uint64_t)units[i].ns;
    if (left < unit)
      continue;
    uint64_t count = left / unit;
    if (i < UNIT_SECOND) {
      uint64_t next = left % unit / (uint64_t)units[i + 1].ns;
      if (next > 0)
        snprintf(buf, MST_TIME_TEXT_BYTES, "%s%llu%s%llu%s", sign, (unsigned long long)count, units[i].name, (unsigned long long)next,
                 units[i + 1].name);
      else
        snprintf(buf, MST_TIME_TEXT_BYTES, "%s%llu%s", sign, (unsigned long long)count, units[i].name);
    } else if (i < UNIT_COUNT - 1 && count < 10 && left % unit * 10 / unit > 0) {
      snprintf(buf, MST_TIME_TEXT_BYTES, "%s%llu.%llu%s", sign, (unsigned long long)count, (unsigned long long)(left % unit * 10 / unit),
               units[i].name);
    } else {
      snprintf(buf, MST_TIME_TEXT_BYTES, "%s%llu%s", sign, (unsigned long long)count, units[i].name);
    }
    break;
  }
  return buf;
}

const char *
mst_wall_format(mst_wall at, char buf[static MST_TIME_TEXT_BYTES])
{
  int64_t fraction = at.ns % MST_NS_PER_S;
  time_t seconds = (time_t)(at.ns / MST_NS_PER_S);
  struct tm parts;

  if (fraction < 0) {
    fraction += MST_NS_PER_S;
    seconds--;
  }
  gmtime_r(&seconds, &parts);
  size_t used = strftime(buf, MST_TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
  if (fraction == 0)
    snprintf(buf + used, MST_TIME_TEXT_BYTES - used, "Z");
  else if (fraction % MST_NS_PER_MS == 0)
    snprintf(buf + used, MST_TIME_TEXT_BYTES - used, ".%03dZ", (int)(fraction / MST_NS_PER_MS));
  else if (fraction % MST_NS_PER_US == 0)
    snprintf(buf + used, MST_TIME_TEXT_BYTES - used, ".%06dZ", (int)(fraction / MST_NS_PER_US));
  else
    snprintf(buf + used, MST_TIME_TEXT_BYTES - used, ".%09dZ", (int)fraction);
  return buf;
}

/* Exactly `digits` digits within least..most; steps over them. */
static bool
take_number(const char **at, int digits, int least, int most, int *ret_value)
{
  int value = 0;

  for (int i = 0; i < digits; i++) {
    if ((*at)[i] < '0' || (*at)[i] > '9')
      return false;
    value = value * 10 + ((*at)[i] - '0');
  }
  if (value < least || value > most)
    return false;
  *at += digits;
  *ret_value = value;
  return true;
}

static bool
take_char(const char **at, const char *any_of)
{
  if (**at == '\0' || !strchr(any_of, **at))
    return false;
  (*at)++;
  return true;
}

static int
days_in_month(int year, int month)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

  return days[month - 1] + (month == 2 && leap);
}

static bool
take_fraction(const char **at, int64_t *ret_ns)
{
  int64_t ns = 0, unit = MST_NS_PER_S / 10;
  size_t digits;

  *ret_ns = 0;
  if (**at != '.')
    return true;
  digits = strspn(*at + 1, "0123456789");
  if (digits == 0 || digits > FRACTION_DIGITS_MAX)
    return false;
  for (size_t i = 0; i < digits; i++, unit /= 10)
    ns += ((*at)[1 + i] - '0') * unit;
  *at += 1 + digits;
  *ret_ns = ns;
  return true;
}

static bool
take_offset(const char **at, int *ret_minutes)
{
  int hours, minutes, sign = **at == '-' ? -1 : 1;

  if (take_char(at, "Zz")) {
    *ret_minutes = 0;
    return true;
  }
  if (!take_char(at, "+-") || !take_number(at, 2, 0, 23, &hours) || !take_char(at, ":") || !take_number(at, 2, 0, 59, &minutes))
    return false;
  *ret_minutes = sign * (hours * 60 + minutes);
  return true;
}

mst_err
mst_wall_parse(const char *text, mst_wall *ret_at, mst_errctx *ctx)
{
  const char *at = text;
  int year, month, day, hour, minute, second, offset;
  int64_t fraction_ns;

  bool fits = take_number(&at, 4, 1970, 2261, &year) && take_char(&at, "-") && take_number(&at, 2, 1, 12, &month) && take_char(&at, "-") &&
              take_number(&at, 2, 1, 31, &day) && day <= days_in_month(year, month) && take_char(&at, "Tt ") &&
              take_number(&at, 2, 0, 23, &hour) && take_char(&at, ":") && take_number(&at, 2, 0, 59, &minute) && take_char(&at, ":") &&
              take_number(&at, 2, 0, 59, &second) && take_fraction(&at, &fraction_ns) && take_offset(&at, &offset) && *at == '\0';
  if (!fits)
    return mst_fail(ctx, MST_EMALFORMED, "not a time: \"%.40s\"; write 2026-11-23T05:17:33Z", text);
  struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second};
  int64_t seconds = (int64_t)timegm(&parts) - offset * 60LL;
  if (seconds < 0)
    return mst_fail(ctx, MST_EMALFORMED, "the time \"%.40s\" is before 1970 in UTC", text);
  *ret_at = (mst_wall){seconds * MST_NS_PER_S + fraction_ns};
  return MST_OK;
}

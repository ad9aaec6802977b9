/* Levels: how loggers write them, and where. */
#include <ctype.h>
#include <string.h>

#include "scan_state.h"

static const struct {
  const char *name;
  mst_log_level level;
} names[] = {
    {"trace", MST_LEVEL_TRACE}, {"verbose", MST_LEVEL_TRACE}, {"silly", MST_LEVEL_TRACE},      {"finest", MST_LEVEL_TRACE},
    {"finer", MST_LEVEL_TRACE}, {"debug", MST_LEVEL_DEBUG},   {"dbg", MST_LEVEL_DEBUG},        {"fine", MST_LEVEL_DEBUG},
    {"info", MST_LEVEL_INFO},   {"inf", MST_LEVEL_INFO},      {"information", MST_LEVEL_INFO}, {"informational", MST_LEVEL_INFO},
    {"notice", MST_LEVEL_INFO}, {"config", MST_LEVEL_INFO},   {"warn", MST_LEVEL_WARN},        {"warning", MST_LEVEL_WARN},
    {"wrn", MST_LEVEL_WARN},    {"error", MST_LEVEL_ERROR},   {"err", MST_LEVEL_ERROR},        {"severe", MST_LEVEL_ERROR},
    {"fatal", MST_LEVEL_FATAL}, {"ftl", MST_LEVEL_FATAL},     {"critical", MST_LEVEL_FATAL},   {"crit", MST_LEVEL_FATAL},
    {"alert", MST_LEVEL_FATAL}, {"emerg", MST_LEVEL_FATAL},   {"emergency", MST_LEVEL_FATAL},  {"panic", MST_LEVEL_FATAL},
};
enum { NAME_LONGEST = 13, TOKENS_MAX = 10 };

mst_log_level
mst_level_of_name(const char *text, size_t length)
{
  char lower[NAME_LONGEST + 1];

  if (length == 0 || length > NAME_LONGEST)
    return MST_LEVEL_UNKNOWN;
  for (size_t i = 0; i < length; i++)
    lower[i] = (char)tolower((unsigned char)text[i]);
  lower[length] = '\0';
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i].name, lower) == 0)
      return names[i].level;
  return MST_LEVEL_UNKNOWN;
}

mst_log_level
mst_level_of_number(long long number)
{
  if (number < 10 || number > 60 || number % 10 != 0)
    return MST_LEVEL_UNKNOWN;
  return (mst_log_level)(number / 10 - 1);
}

static bool
is_separator(char c)
{
  return c == ' ' || c == '\t' || c == '|' || c == ';';
}

/* A field of what stands before a message. */
typedef struct token {
  const char *at;
  size_t length; /* without the brackets or the colon around it */
  bool is_bracketed, has_colon, has_digit, has_dot, is_upper, has_letter;
  bool is_delimited; /* a "-" or "|" follows */
} token;

static void
describe(token *one)
{
  one->is_upper = true;
  for (size_t i = 0; i < one->length; i++) {
    unsigned char c = (unsigned char)one->at[i];
    one->has_digit = one->has_digit || isdigit(c);
    one->has_dot = one->has_dot || c == '.';
    one->has_letter = one->has_letter || isalpha(c);
    one->is_upper = one->is_upper && !islower(c);
  }
}

/* The next field, and where what follows it begins. */
static const char *
next_token(const char *at, const char *end, token *ret_token)
{
  token one = {0};

  while (at < end && is_separator(*at))
    at++;
  one.at = at;
  while (at < end && !is_separator(*at)) {
    char c = *at++;
    if (c == ']' || c == '>' || c == ')' || (c == ':' && at < end && !isdigit((unsigned char)*at) && *at != ':'))
      break; /* "[x][y]", "ERROR:root:text" */
  }
  one.length = (size_t)(at - one.at);
  if (one.length > 0 && one.at[one.length - 1] == ':') {
    one.has_colon = true;
    one.length--;
  }
  if (one.length > 1 && strchr("[<(", one.at[0])) {
    one.is_bracketed = true;
    one.at++;
    one.length -= 1 + (strchr("]>)", one.at[one.length - 2]) != NULL);
  }
  describe(&one);
  const char *after = at;
  while (after < end && (*after == ' ' || *after == '\t'))
    after++;
  one.is_delimited = after < end && (*after == '|' || (*after == '-' && after + 1 < end && after[1] == ' '));
  *ret_token = one;
  return at;
}

static bool
is_calendar(const token *one)
{
  static const char *const words[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                                      "Nov", "Dec", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "UTC"};

  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (one->length == 3 && memcmp(one->at, words[i], 3) == 0)
      return true;
  return false;
}

/* level=warn, lvl="warn": logfmt, wherever it stands at the beginning of a word. */
static mst_log_level
level_of_logfmt(mst_line line)
{
  static const char *const keys[] = {"level=", "lvl=", "severity=", "log_level="};
  size_t look = line.length < MST_SCAN_LINE_LOOK_BYTES ? line.length : MST_SCAN_LINE_LOOK_BYTES;

  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    size_t bytes = strlen(keys[i]);
    const char *at = memmem(line.at, look, keys[i], bytes), *end = line.at + look;
    if (!at || (at > line.at && at[-1] != ' ' && at[-1] != '\t'))
      continue;
    at += bytes;
    at += at < end && *at == '"';
    size_t length = 0;
    while (at + length < end && isalpha((unsigned char)at[length]))
      length++;
    mst_log_level level = mst_level_of_name(at, length);
    if (level != MST_LEVEL_UNKNOWN)
      return level;
  }
  return MST_LEVEL_UNKNOWN;
}

/* "E1123 05:17:33.123456 ...": glog and klog. */
static mst_log_level
level_of_glog(mst_line line)
{
  static const char letters[] = "IWEF";
  const char *letter = line.length > 5 ? memchr(letters, line.at[0], 4) : NULL;

  if (!letter)
    return MST_LEVEL_UNKNOWN;
  for (int i = 1; i <= 4; i++)
    if (!isdigit((unsigned char)line.at[i]))
      return MST_LEVEL_UNKNOWN;
  return line.at[5] == ' ' ? (mst_log_level)(MST_LEVEL_INFO + (letter - letters)) : MST_LEVEL_UNKNOWN;
}

mst_log_level
mst_level_of_line(mst_line line)
{
  const char *at = line.at, *end = line.at + (line.length < 256 ? line.length : 256);
  bool has_time = false, has_word = false;
  mst_log_level level = level_of_glog(line);

  for (int i = 0; level == MST_LEVEL_UNKNOWN && i < TOKENS_MAX && at < end; i++) {
    token one;
    at = next_token(at, end, &one);
    if (one.length == 0 && !one.has_colon)
      break;
    mst_log_level named = one.has_digit ? MST_LEVEL_UNKNOWN : mst_level_of_name(one.at, one.length);
    if (named != MST_LEVEL_UNKNOWN && (one.is_upper || one.is_bracketed || one.has_colon || one.is_delimited))
      return named;
    has_time = has_time || (one.has_digit && memchr(one.at, ':', one.length));
    bool is_prefix = one.has_digit || one.is_bracketed || one.has_dot || !one.has_letter || one.is_delimited || is_calendar(&one);
    if (!is_prefix && (!has_time || has_word)) /* one word after the time: a host, a program */
      break;
    has_word = has_word || !is_prefix;
  }
  return level != MST_LEVEL_UNKNOWN ? level : level_of_logfmt(line);
}

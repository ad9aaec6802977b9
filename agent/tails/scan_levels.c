/* Levels: how loggers write them, and where. */
#include <ctype.h>
#include <string.h>

#include "scan_state.h"

static const struct {
  const char *name;
  mst_log_level level;
} names[] = {
    {"trace", MST_LEVEL_TRACE},     {"trce", MST_LEVEL_TRACE},       {"verbose", MST_LEVEL_TRACE},      {"vrb", MST_LEVEL_TRACE},
    {"silly", MST_LEVEL_TRACE},     {"finest", MST_LEVEL_TRACE},     {"finer", MST_LEVEL_TRACE},        {"debug", MST_LEVEL_DEBUG},
    {"dbg", MST_LEVEL_DEBUG},       {"dbug", MST_LEVEL_DEBUG},       {"fine", MST_LEVEL_DEBUG},         {"info", MST_LEVEL_INFO},
    {"inf", MST_LEVEL_INFO},        {"information", MST_LEVEL_INFO}, {"informational", MST_LEVEL_INFO}, {"notice", MST_LEVEL_INFO},
    {"config", MST_LEVEL_INFO},     {"note", MST_LEVEL_INFO},        {"warn", MST_LEVEL_WARN},          {"warning", MST_LEVEL_WARN},
    {"wrn", MST_LEVEL_WARN},        {"error", MST_LEVEL_ERROR},      {"err", MST_LEVEL_ERROR},          {"eror", MST_LEVEL_ERROR},
    {"severe", MST_LEVEL_ERROR},    {"fail", MST_LEVEL_ERROR},       {"fatal", MST_LEVEL_FATAL},        {"ftl", MST_LEVEL_FATAL},
    {"critical", MST_LEVEL_FATAL},  {"crit", MST_LEVEL_FATAL},       {"alert", MST_LEVEL_FATAL},        {"emerg", MST_LEVEL_FATAL},
    {"emergency", MST_LEVEL_FATAL}, {"panic", MST_LEVEL_FATAL},      {"dpanic", MST_LEVEL_FATAL},
};
enum { NAME_LONGEST = 13, TOKENS_MAX = 12, HEAD_BYTES = 256 /* of a line: time, host, program and thread fit before its level */ };

mst_log_level
mst_level_of_name(const char *text, size_t length)
{
  char lower[NAME_LONGEST + 1];

  if (length < 3 || length > NAME_LONGEST)
    return MST_LEVEL_UNKNOWN;
  for (size_t i = 0; i < length; i++)
    lower[i] = (char)tolower((unsigned char)text[i]);
  lower[length] = '\0';
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].name[0] == lower[0] && strcmp(names[i].name, lower) == 0 && strlen(names[i].name) == length)
      return names[i].level;
  return MST_LEVEL_UNKNOWN;
}

static mst_log_level
level_of_syslog(long severity)
{
  static const mst_log_level levels[] = {MST_LEVEL_FATAL, MST_LEVEL_FATAL, MST_LEVEL_FATAL, MST_LEVEL_ERROR,
                                         MST_LEVEL_WARN,  MST_LEVEL_INFO,  MST_LEVEL_INFO,  MST_LEVEL_DEBUG};

  return severity >= 0 && severity <= 7 ? levels[severity] : MST_LEVEL_UNKNOWN;
}

mst_log_level
mst_level_of_number(mst_level_scale scale, long number)
{
  switch (scale) {
  case MST_SCALE_SYSLOG:
    return level_of_syslog(number);
  case MST_SCALE_OTEL: /* four of each */
    return number >= 1 && number <= 24 ? (mst_log_level)((number - 1) / 4) : MST_LEVEL_UNKNOWN;
  case MST_SCALE_PYTHON:
    return number >= 10 && number < 60 ? (mst_log_level)(MST_LEVEL_DEBUG + number / 10 - 1) : MST_LEVEL_UNKNOWN;
  case MST_SCALE_USUAL:
    break;
  }
  if (number < 10)
    return level_of_syslog(number);
  return number < 70 ? (mst_log_level)(number / 10 - 1) : MST_LEVEL_UNKNOWN;
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
  bool is_bracketed, is_closed, has_colon, has_digit, has_dot, is_upper, has_letter, is_lower_first;
  bool is_delimited; /* a "-", a "|", a tab or two blanks follow */
} token;

static void
describe(token *one)
{
  one->is_upper = true;
  one->is_lower_first = one->length > 0 && islower((unsigned char)one->at[0]);
  for (size_t i = 0; i < one->length; i++) {
    unsigned char c = (unsigned char)one->at[i];
    one->has_digit = one->has_digit || isdigit(c);
    one->has_dot = one->has_dot || (c == '.' && i + 1 < one->length);
    one->has_letter = one->has_letter || isalpha(c);
    one->is_upper = one->is_upper && !islower(c);
  }
}

static bool
is_delimiter(const char *at, const char *end)
{
  const char *after = at;

  while (after < end && (*after == ' ' || *after == '\t'))
    after++;
  if (after == end)
    return false;
  return *after == '|' || (*after == '-' && after + 1 < end && (after[1] == ' ' || after[1] == '-')) || after - at > 1 || *at == '\t';
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
    one.length--;
  }
  if (one.length > 1 && strchr("]>)", one.at[one.length - 1])) {
    one.is_closed = true; /* "[05:17:33 ERR]" too */
    one.length--;
  }
  describe(&one);
  one.is_delimited = is_delimiter(at, end);
  *ret_token = one;
  return at;
}

static bool
is_calendar(const token *one)
{
  static const char *const words[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                                      "Dec", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "UTC", "GMT"};

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

/* "<11>1 2026-...", "<3>text": RFC 5424's priority, which is 8 times the facility and the severity. */
static mst_log_level
level_of_priority(mst_line line)
{
  long number = 0;
  size_t i = 1;

  while (i < line.length && i < 4 && isdigit((unsigned char)line.at[i]))
    number = number * 10 + (line.at[i++] - '0');
  return i > 1 && i < line.length && line.at[i] == '>' && number <= 191 ? level_of_syslog(number & 7) : MST_LEVEL_UNKNOWN;
}

/* What runtimes write when a program ends by something that nobody caught; no level stands there. */
static mst_log_level
level_of_crash(mst_line line)
{
  static const char *const heads[] = {"Exception in thread \"", "Unhandled exception", "Uncaught ",          "thread '",
                                      "fatal error: ",          "Segmentation fault",  "Unhandled Rejection"};

  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    size_t length = strlen(heads[i]);
    if (line.length < length || memcmp(line.at, heads[i], length) != 0)
      continue;
    if (heads[i][0] != 't' || memmem(line.at, line.length < HEAD_BYTES ? line.length : HEAD_BYTES, "' panicked at ", 14))
      return heads[i][0] == 'E' || heads[i][0] == 'U' ? MST_LEVEL_ERROR : MST_LEVEL_FATAL;
  }
  return MST_LEVEL_UNKNOWN;
}

/* "7:M 23 Nov 2026 05:17:33.123 # text": Redis. */
static mst_log_level
level_of_redis(const token *first, const token *one, bool has_time)
{
  static const char marks[] = ".-*#";
  static const mst_log_level levels[] = {MST_LEVEL_DEBUG, MST_LEVEL_DEBUG, MST_LEVEL_INFO, MST_LEVEL_WARN};
  const char *mark = one->length == 1 ? memchr(marks, one->at[0], sizeof marks - 1) : NULL;
  const char *role = first->has_colon ? first->at + first->length + 1 : NULL;

  return has_time && mark && role && first->has_digit && !first->has_letter && memchr("MSCX", *role, 4) ? levels[mark - marks]
                                                                                                        : MST_LEVEL_UNKNOWN;
}

/* "ERROR", "[core:error]", "INFO/MainProcess]". */
static mst_log_level
level_of_token(const token *one, bool is_after_time)
{
  const char *slash = memchr(one->at, '/', one->length), *colon = memchr(one->at, ':', one->length);
  mst_log_level level = MST_LEVEL_UNKNOWN;

  if (!one->has_digit && (one->is_upper || one->is_bracketed || one->is_closed || one->has_colon || one->is_delimited))
    level = mst_level_of_name(one->at, one->length);
  else if (!one->has_digit && is_after_time && one->is_lower_first && one->is_delimited)
    level = mst_level_of_name(one->at, one->length);
  if (level == MST_LEVEL_UNKNOWN && slash && one->is_closed)
    level = mst_level_of_name(one->at, (size_t)(slash - one->at));
  if (level == MST_LEVEL_UNKNOWN && colon && one->is_bracketed)
    level = mst_level_of_name(colon + 1, (size_t)(one->at + one->length - colon - 1));
  return level;
}

/* Goes over the fields before the message: times, numbers, what is in brackets, one name. Whatever else stands there begins it. */
static mst_log_level
level_of_fields(mst_line line)
{
  const char *at = line.at, *end = line.at + line.length;
  bool has_time = false, has_word = false, has_date = false, was_time = false;
  token first = {0};

  for (int i = 0; i < TOKENS_MAX && at < end; i++) {
    token one;
    at = next_token(at, end, &one);
    if (one.length == 0 && !one.has_colon)
      break;
    if (i == 0)
      first = one;
    mst_log_level level = level_of_token(&one, was_time);
    if (level == MST_LEVEL_UNKNOWN)
      level = level_of_redis(&first, &one, has_time);
    if (level != MST_LEVEL_UNKNOWN)
      return level;
    was_time = one.has_digit && memchr(one.at, ':', one.length);
    has_time = has_time || was_time;
    has_date = has_date || is_calendar(&one);
    if (one.has_digit || one.is_bracketed || one.is_closed || one.has_dot || !one.has_letter || one.is_delimited || is_calendar(&one))
      continue;
    /* One name behind the time, a host's or a logger's: "Nov 23 05:17:33 web-1 genesis[7]: ERROR", "... root ERROR". A sentence begins with
     * a capital letter. */
    if (has_word || !has_time || !(one.is_lower_first || has_date))
      break;
    has_word = true;
  }
  return MST_LEVEL_UNKNOWN;
}

/* The head of a line without the escape sequences that colour it. */
static mst_line
without_colours(mst_line line, char head[static HEAD_BYTES])
{
  size_t length = 0, i = 0;

  if (!memchr(line.at, '\033', line.length))
    return line;
  while (i < line.length) {
    if (line.at[i] != '\033') {
      head[length++] = line.at[i++];
      continue;
    }
    i += 1 + (i + 1 < line.length && line.at[i + 1] == '[');
    while (i < line.length && (isdigit((unsigned char)line.at[i]) || line.at[i] == ';'))
      i++;
    i += i < line.length;
  }
  return (mst_line){head, length};
}

mst_log_level
mst_level_of_line(mst_line line)
{
  char text[HEAD_BYTES];
  mst_line head = without_colours((mst_line){line.at, line.length < HEAD_BYTES ? line.length : HEAD_BYTES}, text);
  mst_log_level level = level_of_glog(head);

  if (level == MST_LEVEL_UNKNOWN && head.length > 0 && head.at[0] == '<')
    level = level_of_priority(head);
  if (level == MST_LEVEL_UNKNOWN)
    level = level_of_crash(head);
  if (level == MST_LEVEL_UNKNOWN)
    level = level_of_fields(head);
  return level != MST_LEVEL_UNKNOWN ? level : level_of_logfmt(line);
}

/* Structured log lines with rate-limited repeats. */
#include <mst/common/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  LINE_BYTES = 4096,
  LINE_END_BYTES = 3,   /* a closing quote, a brace, a line feed */
  KEY_SIGNS_BYTES = 12, /* ,"": and a quote, and the longest escape */
  EVENTS_TRACKED = 64,  /* distinct event names whose repeats are counted; there are fewer in the code */
  EVENT_NAME_BYTES = 48,
  REPEATS_MAX = 10,
};
#define REPEAT_SPAN_NS (10 * MST_NS_PER_S)

struct tracked {
  char name[EVENT_NAME_BYTES];
  int64_t since_ns; /* start of the present span, monotonic */
  unsigned count;   /* lines in it */
  unsigned long long suppressed;
};

/* Guards everything below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  const char *component;
  mst_log_level least;
  mst_log_format format;
  int fd;
  const mst_clock *clock;
  struct tracked events[EVENTS_TRACKED];
} logger = {.component = "muster", .least = MST_LOG_INFO, .fd = 2};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void
mst_log_start(const char *component, mst_log_level least, mst_log_format format, int fd, const mst_clock *clock)
{
  pthread_mutex_lock(&lock);
  logger.component = component;
  logger.least = least;
  logger.format = format;
  logger.fd = fd;
  logger.clock = clock;
  memset(logger.events, 0, sizeof logger.events);
  pthread_mutex_unlock(&lock);
}

mst_err
mst_log_level_parse(const char *text, mst_log_level *ret_level, mst_errctx *ctx)
{
  for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
    if (strcmp(text, level_names[i]) == 0) {
      *ret_level = (mst_log_level)i;
      return MST_OK;
    }
  return mst_fail(ctx, MST_EMALFORMED, "\"%.32s\" is no log level; choose debug, info, warn or error", text);
}

mst_err
mst_log_format_parse(const char *text, mst_log_format *ret_format, mst_errctx *ctx)
{
  if (strcmp(text, "text") == 0)
    *ret_format = MST_LOG_KEY_VALUE;
  else if (strcmp(text, "json") == 0)
    *ret_format = MST_LOG_JSON;
  else
    return mst_fail(ctx, MST_EMALFORMED, "\"%.32s\" is no log format; choose text or json", text);
  return MST_OK;
}

/* Whether a line of this event may go out now; *ret_suppressed: how many were held back since the last one. */
static bool
admit(const char *event, int64_t now_ns, unsigned long long *ret_suppressed)
{
  struct tracked *at = NULL;

  for (size_t i = 0; i < EVENTS_TRACKED && !at; i++)
    if (logger.events[i].name[0] == '\0' || strncmp(logger.events[i].name, event, EVENT_NAME_BYTES - 1) == 0)
      at = &logger.events[i];
  *ret_suppressed = 0;
  if (!at)
    return true;
  if (at->name[0] == '\0' || now_ns - at->since_ns >= REPEAT_SPAN_NS) {
    snprintf(at->name, sizeof at->name, "%s", event);
    at->since_ns = now_ns;
    at->count = 0;
  }
  if (at->count >= REPEATS_MAX) {
    at->suppressed++;
    return false;
  }
  at->count++;
  *ret_suppressed = at->suppressed;
  at->suppressed = 0;
  return true;
}

struct line {
  char text[LINE_BYTES];
  size_t used;
  bool cut; /* something had no room: nothing more is added */
};

/* All of the piece or nothing of it, so that a line is never cut within an escape or a character. Room is kept for the line's end. */
static void
put(struct line *line, const char *piece, size_t bytes)
{
  if (line->cut || line->used + bytes > LINE_BYTES - LINE_END_BYTES) {
    line->cut = true;
    return;
  }
  memcpy(line->text + line->used, piece, bytes);
  line->used += bytes;
}

static void
put_text(struct line *line, const char *text)
{
  put(line, text, strlen(text));
}

/* Bytes of the UTF-8 character at `at`, 0 when there is none (stray or overlong bytes, surrogates). Source: RFC 3629 section 4. */
static size_t
character_bytes(const unsigned char *at)
{
  size_t bytes = at[0] < 0x80                     ? 1
                 : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                 : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                 : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                  : 0;

  for (size_t i = 1; i < bytes; i++)
    if ((at[i] & 0xc0) != 0x80)
      return 0;
  if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
      (at[0] == 0xf4 && at[1] > 0x8f))
    return 0;
  return bytes;
}

/* Control characters, those of Latin-1 with them, never reach the log: a value must not forge a line or steer a terminal.
 * What is no UTF-8 becomes U+FFFD, else the line would be no JSON. */
static void
put_escaped(struct line *line, const char *value)
{
  char code[8];

  for (const unsigned char *at = (const unsigned char *)value; *at && !line->cut;) {
    size_t bytes = character_bytes(at);
    if (bytes == 0)
      put_text(line, "\\ufffd");
    else if (*at == '"' || *at == '\\')
      put(line, (char[]){'\\', (char)*at}, 2);
    else if (*at == '\n')
      put_text(line, "\\n");
    else if (*at < 0x20 || *at == 0x7f || (bytes == 2 && at[0] == 0xc2 && at[1] < 0xa0)) {
      snprintf(code, sizeof code, "\\u%04x", at[bytes - 1]);
      put_text(line, code);
    } else
      put(line, (const char *)at, bytes);
    at += bytes ? bytes : 1;
  }
}

/* A quoted value; one that is too long is cut and still closed. */
static void
put_quoted(struct line *line, const char *value)
{
  put_text(line, "\"");
  bool opened = !line->cut;
  put_escaped(line, value);
  if (opened)
    line->text[line->used++] = '"'; /* in the room kept for the end */
}

/* No room for the key, the signs around it and one character: the pair is left out whole. */
static bool
key_fits(struct line *line, const char *key)
{
  if (line->used + strlen(key) + KEY_SIGNS_BYTES > LINE_BYTES - LINE_END_BYTES)
    line->cut = true;
  return !line->cut;
}

static void
put_pair(struct line *line, const char *key, const char *value)
{
  if (!key_fits(line, key))
    return;
  if (logger.format == MST_LOG_JSON) {
    put_text(line, line->used > 1 ? ",\"" : "\"");
    put_text(line, key);
    put_text(line, "\":");
    put_quoted(line, value);
    return;
  }
  if (line->used > 0)
    put_text(line, " ");
  put_text(line, key);
  put_text(line, "=");
  bool plain = value[0] != '\0' && line->used + strlen(value) <= LINE_BYTES - LINE_END_BYTES; /* only a quoted value can be cut */
  for (const char *at = value; *at && plain; at++)
    plain = *at > ' ' && *at < 0x7f && *at != '"' && *at != '=' && *at != '\\';
  if (plain)
    put_text(line, value);
  else
    put_quoted(line, value);
}

/* All of it, also into a pipe that takes it in parts. A log that cannot be written has nowhere to say so. */
static void
write_line(const char *text, size_t bytes)
{
  while (bytes > 0) {
    ssize_t n = write(logger.fd, text, bytes);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return;
    text += n;
    bytes -= (size_t)n;
  }
}

void
mst_log(mst_log_level level, const char *event, ...)
{
  char time_text[MST_TIME_TEXT_BYTES], count[32];
  unsigned long long suppressed;
  struct line line = {.used = 0};
  va_list pairs;

  pthread_mutex_lock(&lock);
  const mst_clock *clock = logger.clock ? logger.clock : mst_clock_system();
  if (level < logger.least || !admit(event, mst_clock_mono(clock).ns, &suppressed)) {
    pthread_mutex_unlock(&lock);
    return;
  }
  mst_wall now = mst_clock_wall(clock);
  now.ns -= now.ns % MST_NS_PER_MS;
  if (logger.format == MST_LOG_JSON)
    put_text(&line, "{");
  put_pair(&line, "time", mst_wall_format(now, time_text));
  put_pair(&line, "level", level_names[level]);
  put_pair(&line, "component", logger.component);
  put_pair(&line, "event", event);
  if (suppressed > 0) {
    snprintf(count, sizeof count, "%llu", suppressed);
    put_pair(&line, "suppressed", count);
  }
  va_start(pairs, event);
  for (const char *key = va_arg(pairs, const char *); key; key = va_arg(pairs, const char *)) {
    const char *value = va_arg(pairs, const char *);
    put_pair(&line, key, value ? value : "");
  }
  va_end(pairs);
  if (logger.format == MST_LOG_JSON)
    line.text[line.used++] = '}';
  line.text[line.used++] = '\n';
  write_line(line.text, line.used);
  pthread_mutex_unlock(&lock);
}

/* Structured log lines with rate-limited repeats. */
#include <mst/common/log.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  LINE_BYTES = 4096,
  EVENTS_TRACKED = 64, /* distinct event names whose repeats are counted; there are fewer in the code */
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
};

/* Room is kept for the end of the line. */
static void
put(struct line *line, char c)
{
  if (line->used < LINE_BYTES - 4)
    line->text[line->used++] = c;
}

static void
put_text(struct line *line, const char *text)
{
  for (; *text; text++)
    put(line, *text);
}

/* Control characters never reach the log: a value must not be able to forge a line. */
static void
put_escaped(struct line *line, const char *value)
{
  char code[8];

  for (; *value; value++) {
    unsigned char c = (unsigned char)*value;
    if (c == '"' || c == '\\') {
      put(line, '\\');
      put(line, (char)c);
    } else if (c == '\n') {
      put_text(line, "\\n");
    } else if (c < 0x20 || c == 0x7f) {
      snprintf(code, sizeof code, "\\u%04x", c);
      put_text(line, code);
    } else {
      put(line, (char)c);
    }
  }
}

static void
put_pair(struct line *line, const char *key, const char *value)
{
  if (logger.format == MST_LOG_JSON) {
    put_text(line, line->used > 1 ? ",\"" : "\"");
    put_escaped(line, key);
    put_text(line, "\":\"");
    put_escaped(line, value);
    put(line, '"');
    return;
  }
  if (line->used > 0)
    put(line, ' ');
  put_text(line, key);
  put(line, '=');
  bool plain = value[0] != '\0';
  for (const char *at = value; *at && plain; at++)
    plain = (unsigned char)*at > ' ' && *at != '"' && *at != '=' && *at != '\\' && *at != 0x7f;
  if (plain) {
    put_text(line, value);
    return;
  }
  put(line, '"');
  put_escaped(line, value);
  put(line, '"');
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
    put(&line, '{');
  put_pair(&line, "time", mst_wall_format(now, time_text));
  put_pair(&line, "level", level_names[level]);
  put_pair(&line, "component", logger.component);
  put_pair(&line, "event", event);
  va_start(pairs, event);
  for (const char *key = va_arg(pairs, const char *); key; key = va_arg(pairs, const char *)) {
    const char *value = va_arg(pairs, const char *);
    put_pair(&line, key, value ? value : "");
  }
  va_end(pairs);
  if (suppressed > 0) {
    snprintf(count, sizeof count, "%llu", suppressed);
    put_pair(&line, "suppressed", count);
  }
  if (line.used >= LINE_BYTES - 4 && logger.format == MST_LOG_JSON)
    line.text[line.used++] = '"'; /* a cut line is still JSON */
  if (logger.format == MST_LOG_JSON)
    line.text[line.used++] = '}';
  line.text[line.used++] = '\n';
  /* A log that cannot be written has nowhere to say so. */
  ssize_t written = write(logger.fd, line.text, line.used);
  (void)written;
  pthread_mutex_unlock(&lock);
}

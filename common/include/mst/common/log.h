#ifndef MST_COMMON_LOG_H
#define MST_COMMON_LOG_H

#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>

typedef enum mst_log_level { MST_LOG_DEBUG, MST_LOG_INFO, MST_LOG_WARN, MST_LOG_ERROR } mst_log_level;
typedef enum mst_log_format { MST_LOG_KEY_VALUE, MST_LOG_JSON } mst_log_format;

/* Set once in main before threads start. fd: where lines go (2 by default), not closed. component: "agent", "controller"; static. */
void mst_log_start(const char *component, mst_log_level least, mst_log_format format, int fd, const mst_clock *clock);
mst_err mst_log_level_parse(const char *text, mst_log_level *ret_level, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_log_format_parse(const char *text, mst_log_format *ret_format, mst_errctx *ctx) MST_MUST_USE;

/* Writes one line: time, level, component, event, then the pairs: a NULL-terminated list of (const char *key, const char *value).
 * event is a short stable name ("envelope-refused"); repeats of the same event beyond 10 in 10 s are held back and counted, and the next
 * line that goes out carries suppressed=N. Values are escaped; a line is cut at 4 KB. No secrets. Any thread. */
void mst_log(mst_log_level level, const char *event, ...) __attribute__((sentinel));

#endif

#ifndef MST_COMMON_CLOCK_H
#define MST_COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

#define MST_NS_PER_US 1000LL
#define MST_NS_PER_MS 1000000LL
#define MST_NS_PER_S  1000000000LL

/* Wall time: Unix nanoseconds, UTC. Its own type, so that it is never mixed up with the monotonic clock. */
typedef struct mst_wall {
  int64_t ns;
} mst_wall;

/* Monotonic time: nanoseconds since some fixed point of this boot. */
typedef struct mst_mono {
  int64_t ns;
} mst_mono;

/* A clock is handed in to whatever needs the time; direct clock calls are banned outside common/.
 * Both functions may be called from any thread. */
typedef struct mst_clock {
  mst_wall (*wall)(const struct mst_clock *clock);
  mst_mono (*mono)(const struct mst_clock *clock);
} mst_clock;

/* The clock of this machine (CLOCK_REALTIME, CLOCK_MONOTONIC). Static. */
const mst_clock *mst_clock_system(void);

/* CPU time that the calling thread has taken so far. */
int64_t mst_clock_thread_cpu_ns(void);

/* A clock that stands still until it is told to move: how 48 hours fit into a second of test. */
typedef struct mst_clock_manual {
  mst_clock base; /* hand &manual.base to the code under test */
  int64_t wall_ns;
  int64_t mono_ns;
} mst_clock_manual;
void mst_clock_manual_init(mst_clock_manual *clock, int64_t wall_ns);
void mst_clock_manual_advance(mst_clock_manual *clock, int64_t ns);

static inline mst_wall
mst_clock_wall(const mst_clock *clock)
{
  return clock->wall(clock);
}
static inline mst_mono
mst_clock_mono(const mst_clock *clock)
{
  return clock->mono(clock);
}

/* Reads a duration: one or more pairs of a decimal number and a unit, biggest first, no spaces:
 * "10m", "48h", "1h30m", "500ms", "1.5s", "30d". Units: ns us ms s m h d w. A bare number is refused except "0".
 *
 * text    NUL-terminated, borrowed, at most 64 bytes
 * ret_ns  >= 0; untouched on failure
 *
 * MST_EMALFORMED  no such duration; the text says what stood there
 * MST_ELIMIT      over about 292 years
 *
 * Pure: any thread. */
mst_err mst_duration_parse(const char *text, int64_t *ret_ns, mst_errctx *ctx) MST_MUST_USE;

/* Enough for any duration or time that is written below. */
enum { MST_TIME_TEXT_BYTES = 40 };

/* Writes a duration exactly, as mst_duration_parse reads it back: whole units from days down ("10m", "1h30m", "1s500ms"); "0s" for zero;
 * a leading "-" for negative ones (which mst_duration_parse refuses). Returns buf. */
const char *mst_duration_format(int64_t ns, char buf[static MST_TIME_TEXT_BYTES]);

/* For tables: at most two units, rounded down: "2d3h", "14m2s", "1.5s", "12ms". Returns buf. */
const char *mst_duration_format_short(int64_t ns, char buf[static MST_TIME_TEXT_BYTES]);

/* RFC 3339 in UTC: "2026-11-23T05:17:33Z", with a fraction of 3, 6 or 9 digits only where it is not zero. Returns buf. */
const char *mst_wall_format(mst_wall at, char buf[static MST_TIME_TEXT_BYTES]);

/* Reads RFC 3339 with "Z" or a numeric offset, fraction of up to 9 digits; years 1970 to 2261. Leap seconds (":60") are refused:
 * Unix time has no place for them. MST_EMALFORMED. Source: RFC 3339 section 5.6. */
mst_err mst_wall_parse(const char *text, mst_wall *ret_at, mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_AGENT_OFFSET_H
#define MST_AGENT_OFFSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/clock.h>

/* The last exchanges that are looked at. */
enum { MST_OFFSET_SAMPLES = 8 };

/* Estimates how far the controller's wall clock is ahead of this host's from request-reply exchanges: of the last eight the one with the
 * least delay wins (it had the least room for asymmetry). It is kept against the monotonic clock, so that a step of this host's wall clock
 * changes the offset at once. Source: RFC 5905 section 10 (clock filter). Zero-initialise; not thread-safe. */
typedef struct mst_offset_filter {
  struct {
    int64_t delay_ns;
    int64_t ahead_ns; /* controller's wall clock minus our monotonic one */
  } samples[MST_OFFSET_SAMPLES];
  size_t count, next;
} mst_offset_filter;

/* One exchange of a record that was sent for the first time: ours sent and answered, the controller's received and replied.
 * False when the four stamps contradict each other; the exchange is then left out. */
bool mst_offset_add(mst_offset_filter *filter, mst_mono sent, mst_wall received, mst_wall replied, mst_mono answered);
/* The offset as of now: controller's clock minus ours. False (and *ret_ns untouched) before the first exchange. */
bool mst_offset_get(const mst_offset_filter *filter, mst_wall wall, mst_mono mono, int64_t *ret_ns);

#endif

#ifndef MST_AGENT_COUNTER_H
#define MST_AGENT_COUNTER_H

#include <stdint.h>

/* Counters of the kernel that do not only go up: 32-bit ones wrap round, some tremble. Zero-initialise. */
typedef struct mst_counter {
  uint64_t last;  /* as the kernel gave it */
  uint64_t added; /* what wraps have eaten */
} mst_counter;

/* The counter with wraps of 32 bits undone. A wrap is a fall from the last quarter of 32 bits into the first; any other fall is a reset
 * (the device was replaced) and is passed on as it is: whoever reads the series knows that a fall is a reset. Pure but for *counter. */
uint64_t mst_counter_unwrap(mst_counter *counter, uint64_t now);

/* The counter with small falls held at the old value: the kernel's idle and iowait times, and differences of two counters that are not read
 * at the same instant, tremble by that much. A fall of over `most` is a reset and is passed on. */
uint64_t mst_counter_hold(mst_counter *counter, uint64_t now, uint64_t most);

#endif

#ifndef MST_TEST_DRAW_H
#define MST_TEST_DRAW_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Random data for property tests (xorshift64*). The seed is printed, so that a failure can be repeated with MST_SEED. */
static uint64_t draw_state;

static inline void
draw_seed(void)
{
  const char *given = getenv("MST_SEED");

  draw_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
  printf("MST_SEED=0x%llx\n", (unsigned long long)draw_state);
  fflush(stdout);
}

static inline uint64_t
draw(void)
{
  draw_state ^= draw_state >> 12;
  draw_state ^= draw_state << 25;
  draw_state ^= draw_state >> 27;
  return draw_state * 2685821657736338717ULL;
}

/* Over 0, under 1. */
static inline double
draw_share(void)
{
  return ((double)(draw() >> 12) + 0.5) * 0x1p-52;
}

static inline double
draw_normal(void)
{
  return sqrt(-2 * log(draw_share())) * cos(2 * M_PI * draw_share());
}

#endif

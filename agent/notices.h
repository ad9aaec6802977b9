#ifndef MST_AGENT_NOTICES_H
#define MST_AGENT_NOTICES_H

#include <mst/agent/sampler.h>

/* Says once what cannot be measured here and why, and once more when that changes. Zero-initialise. */
typedef struct mst_notices {
  const char **list; /* owned; the state that was said last of each collector in force, in the sampler's order. The texts are constants */
  size_t count;
} mst_notices;

void mst_notices_done(mst_notices *notices);
/* Forgets what was said: another plan is in force. */
void mst_notices_reset(mst_notices *notices);
/* Logs every collector whose state is not what it was. */
void mst_notices_say(mst_notices *notices, const mst_sampler *sampler);

#endif

#ifndef MST_AGENT_ALLOW_H
#define MST_AGENT_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What this host's own configuration allows a plan to ask for (key `allow`): a controller that is taken over gets no further. Nothing is
 * allowed by default. Owned by the configuration, borrowed for life. */
typedef struct mst_allow_command {
  const char *name;         /* what plans call it */
  const char *const *words; /* an absolute path and fixed arguments */
  size_t word_count;
  const char *user; /* whom it runs as; NULL: nobody, or the agent's own user when that is not root */
} mst_allow_command;

typedef struct mst_allow {
  const char *const *secrets; /* shell patterns of what may be referred to: "env:OPENAI_API_KEY", "file:/etc/muster/secrets/..." */
  size_t secret_count;
  const mst_allow_command *commands;
  size_t command_count;
  bool load; /* whether load probes may run */
} mst_allow;

#endif

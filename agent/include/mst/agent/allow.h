#ifndef MST_AGENT_ALLOW_H
#define MST_AGENT_ALLOW_H

#include <stdbool.h>

#include <mst/common/config.h>

/* What this host's own configuration allows a plan to ask for (key `allow`): a controller that is taken over gets no further. Nothing is
 * allowed by default. Made by the configuration, borrowed for life by whoever probes. */
typedef struct mst_allow_command {
  char *name;             /* what plans call it */
  mst_config_strings run; /* an absolute path and fixed arguments */
  char *user;             /* whom it runs as; NULL: nobody when the agent is root, otherwise the agent's own user */
  mst_config_place place;
} mst_allow_command;

typedef struct mst_allow {
  mst_config_strings secrets; /* shell patterns of what may be referred to: "env:OPENAI_API_KEY", "file:/etc/muster/secrets/?*" */
  mst_config_list commands;   /* of mst_allow_command */
  bool load;                  /* whether load probes may run */
} mst_allow;

#endif

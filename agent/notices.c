#include "notices.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

enum { SIGNALS_TEXT_BYTES = 512 };

void
mst_notices_done(mst_notices *notices)
{
  mst_free(notices->list);
  *notices = (mst_notices){0};
}

void
mst_notices_reset(mst_notices *notices)
{
  notices->count = 0;
}

/* A collector that nothing was said of is taken for "ok", which needs no words. */
static bool
make_room(mst_notices *notices, size_t count)
{
  const char **list = count > notices->count ? mst_realloc(notices->list, count, sizeof *list) : notices->list;

  if (!list)
    return false;
  notices->list = list;
  while (notices->count < count)
    list[notices->count++] = "ok";
  return true;
}

static const char *
signals_of(const mst_collector *kind, char text[static SIGNALS_TEXT_BYTES])
{
  size_t used = 0;

  text[0] = '\0';
  for (size_t i = 0; kind && i < kind->signal_count && used < SIGNALS_TEXT_BYTES; i++)
    used += (size_t)snprintf(text + used, SIGNALS_TEXT_BYTES - used, "%s%s", i ? "," : "", kind->signals[i].name);
  return text;
}

void
mst_notices_say(mst_notices *notices, const mst_sampler *sampler)
{
  char signals[SIGNALS_TEXT_BYTES];

  if (!make_room(notices, mst_sampler_collector_count(sampler)))
    return; /* with the next report */
  for (size_t i = 0; i < mst_sampler_collector_count(sampler); i++) {
    const mst_collector_state state = mst_sampler_collector_at(sampler, i);
    if (strcmp(notices->list[i], state.state) == 0)
      continue;
    notices->list[i] = state.state;
    if (strcmp(state.state, "ok") == 0)
      mst_log(MST_LOG_INFO, "collector-works-again", "collector", state.name, NULL);
    else
      mst_log(strcmp(state.state, "absent") == 0 ? MST_LOG_INFO : MST_LOG_WARN, "collector-unavailable", "collector", state.name, "state",
              state.state, "reason", state.reason, "signals", signals_of(state.kind, signals), NULL);
  }
}

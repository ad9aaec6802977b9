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

/* The notice of a collector; a new one says "ok", which needs no words. NULL when memory is out. */
static mst_notice *
find_notice(mst_notices *notices, const char *collector)
{
  for (size_t i = 0; i < notices->count; i++)
    if (strcmp(notices->list[i].collector, collector) == 0)
      return &notices->list[i];
  mst_notice *list = mst_realloc(notices->list, notices->count + 1, sizeof *list);
  if (!list)
    return NULL;
  notices->list = list;
  mst_notice *notice = &list[notices->count++];
  *notice = (mst_notice){.state = "ok"};
  snprintf(notice->collector, sizeof notice->collector, "%s", collector);
  return notice;
}

static const char *
signals_of(const char *collector, char text[static SIGNALS_TEXT_BYTES])
{
  const mst_collector *kind = mst_collector_find(collector);
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

  for (size_t i = 0; i < mst_sampler_collector_count(sampler); i++) {
    const mst_collector_state state = mst_sampler_collector_at(sampler, i);
    mst_notice *notice = find_notice(notices, state.name);
    if (!notice || strcmp(notice->state, state.state) == 0)
      continue;
    snprintf(notice->state, sizeof notice->state, "%s", state.state);
    if (strcmp(state.state, "ok") == 0)
      mst_log(MST_LOG_INFO, "collector-works-again", "collector", state.name, NULL);
    else
      mst_log(strcmp(state.state, "absent") == 0 ? MST_LOG_INFO : MST_LOG_WARN, "collector-unavailable", "collector", state.name, "state",
              state.state, "reason", state.reason, "signals", signals_of(state.name, signals), NULL);
  }
}

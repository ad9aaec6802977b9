/* Spans of time that a measure looks at. */
#include "span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>

#define NS_PER_HOUR (3600 * MST_NS_PER_S)

static bool
hours(const mst_yaml_node *node, const char *text, int64_t period_ns, mst_span *ret_span, mst_diags *diags)
{
  char from_text[16], to_text[16], rest;
  int64_t from, to;
  mst_errctx ctx = {0};

  /* Hours are whole or have decimals, so they are read as durations. */
  if (sscanf(text, "%13[0-9.]-%13[0-9.]%c", from_text, to_text, &rest) != 2) {
    mst_yaml_complain(diags, node, "\"hours %s\" is no span; write for example \"hours 6-12\"", text);
    return false;
  }
  if (strcmp(from_text, "0") != 0)
    memcpy(from_text + strlen(from_text), "h", 2);
  memcpy(to_text + strlen(to_text), "h", 2);
  if (mst_duration_parse(from_text, &from, &ctx) != MST_OK || mst_duration_parse(to_text, &to, &ctx) != MST_OK) {
    mst_yaml_complain(diags, node, "\"hours %s\" is no span; write for example \"hours 6-12\"", text);
    return false;
  }
  if (from >= to) {
    mst_yaml_complain(diags, node, "\"hours %s\" is empty: the first hour must be before the last", text);
    return false;
  }
  if (period_ns > 0 && to > period_ns) {
    char period[MST_TIME_TEXT_BYTES];
    mst_yaml_complain(diags, node, "\"hours %s\" ends after the period of %s; end it by then, or make `period:` longer", text,
                      mst_duration_format(period_ns, period));
    return false;
  }
  *ret_span = (mst_span){.type = MST_SPAN_HOURS, .from_ns = from, .to_ns = to};
  return true;
}

bool
mst_span_parse(const mst_yaml_node *node, int64_t period_ns, mst_span *ret_span, mst_diags *diags)
{
  const char *text = node ? mst_yaml_node_text(node) : "period";
  int64_t length;
  mst_errctx ctx = {0};

  if (strcmp(text, "period") == 0) {
    *ret_span = (mst_span){.type = MST_SPAN_PERIOD};
    return true;
  }
  if (strncmp(text, "hours ", 6) == 0)
    return hours(node, text + 6, period_ns, ret_span, diags);
  if (mst_duration_parse(text, &length, &ctx) != MST_OK || length <= 0) {
    mst_yaml_complain(diags, node, "\"%s\" is no span; write \"period\", \"hours 6-12\" or a duration such as \"10m\"", text);
    return false;
  }
  *ret_span = (mst_span){.type = MST_SPAN_SLIDING, .length_ns = length};
  return true;
}

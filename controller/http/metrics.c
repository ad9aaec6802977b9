/* Prometheus text exposition of the controller's own numbers.
 * Source: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4. */
#include "http/http.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  METRICS_MAX_BYTES = 1024 * 1024, /* some hundred series; a bound, not an expectation */
  NAME_MAX_BYTES = 128,
};

struct exposition {
  mst_buf *text;
  char last_name[NAME_MAX_BYTES]; /* HELP and TYPE stand once, before the first sample of a name */
};

/* A line break would end the line early and let a text begin another sample. */
static void
put_line(mst_buf *text, const char *part, bool escape_backslash)
{
  for (; *part; part++) {
    if (*part == '\n')
      mst_buf_puts(text, "\\n");
    else if (*part == '\\' && escape_backslash)
      mst_buf_puts(text, "\\\\");
    else
      mst_buf_append(text, part, 1);
  }
}

static void
expose(void *user, const char *name, const char *help, const char *type, const char *labels, double value)
{
  struct exposition *out = user;

  if (strcmp(out->last_name, name) != 0) {
    mst_buf_printf(out->text, "# HELP %s ", name);
    put_line(out->text, help, true);
    mst_buf_printf(out->text, "\n# TYPE %s %s\n", name, type);
    snprintf(out->last_name, sizeof out->last_name, "%s", name);
  }
  mst_buf_puts(out->text, name);
  if (labels[0] != '\0') {
    mst_buf_puts(out->text, "{");
    put_line(out->text, labels, false); /* quoted, with quotes and backslashes escaped, by whoever made them */
    mst_buf_puts(out->text, "}");
  }
  if (isfinite(value))
    mst_buf_printf(out->text, " %.17g\n", value);
  else
    mst_buf_puts(out->text, isnan(value) ? " NaN\n" : value > 0 ? " +Inf\n" : " -Inf\n");
}

mst_err
mst_http_metrics(mst_core *core, mst_buf *ret_text, mst_errctx *ctx)
{
  struct exposition out = {.text = ret_text};

  mst_buf_init(ret_text, METRICS_MAX_BYTES);
  expose(&out, "muster_build_info", "Version of the controller.", "gauge", "version=\"" MST_VERSION "\"", 1);
  mst_core_metrics(core, expose, &out);
  return mst_buf_check(ret_text, "metrics", ctx);
}

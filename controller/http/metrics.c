/* Prometheus text exposition of the controller's own numbers.
 * Source: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4. */
#include "http/http.h"

#include <math.h>
#include <string.h>

enum { METRICS_MAX_BYTES = 1024 * 1024 /* some hundred series; a bound, not an expectation */ };

struct exposition {
  mst_buf *text;
  const char *last_name; /* HELP and TYPE stand once, before the first sample of a name */
};

static void
expose(void *user, const char *name, const char *help, const char *type, const char *labels, double value)
{
  struct exposition *out = user;

  if (!out->last_name || strcmp(out->last_name, name) != 0) {
    mst_buf_printf(out->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    out->last_name = name;
  }
  mst_buf_puts(out->text, name);
  if (labels[0] != '\0')
    mst_buf_printf(out->text, "{%s}", labels);
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

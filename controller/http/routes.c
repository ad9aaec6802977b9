/* The routes of /api/v1 and what stands beside it. */
#include "http/http.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

enum {
  WAIT_MAX_S = 60,       /* proxies cut idle connections at about a minute */
  WAIT_SLICE_MS = 200,   /* how long a stop may take to reach a long poll */
};

typedef void (*handler)(const mst_http_request *request, const char *rest, mst_http_answer *ret_answer);

static const struct {
  mst_err err;
  unsigned status;
} statuses[] = {
    {MST_EABSENT, 404}, {MST_EMALFORMED, 400}, {MST_EUSAGE, 400},  {MST_ECONFIG, 400}, {MST_ELIMIT, 413}, {MST_EPERM, 403},
    {MST_ECRYPTO, 401}, {MST_EEXIST, 409},     {MST_ESTATE, 409},  {MST_EVERSION, 400}, {MST_EIO, 503},    {MST_ENOMEM, 503},
};

static void
answer_static(mst_http_answer *answer, unsigned status, const char *type, const char *text)
{
  union {
    const char *in;
    char *out;
  } body = {.in = text}; /* is_static: never freed, never written */

  *answer = (mst_http_answer){.status = status, .content_type = type, .body = body.out, .size_bytes = strlen(text), .is_static = true};
}

/* Takes the reference of `document`. */
static void
answer_json(mst_http_answer *answer, unsigned status, json_t *document)
{
  char *text = document ? json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

  json_decref(document);
  /* jansson allocates with malloc; mst_free is the same door out. */
  if (!text) {
    answer_static(answer, 503, "application/json", "{\"error\":{\"code\":\"MST_ENOMEM\",\"text\":\"out of memory\"}}\n");
    return;
  }
  *answer = (mst_http_answer){.status = status, .content_type = "application/json", .body = text, .size_bytes = strlen(text)};
}

static void
answer_error(mst_http_answer *answer, mst_err err, const char *text)
{
  unsigned status = 500;

  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    if (statuses[i].err == err)
      status = statuses[i].status;
  answer_json(answer, status, json_pack("{s:{s:s,s:s}}", "error", "code", mst_err_name(err), "text", text));
}

static void
get_status(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  answer_json(answer, 200, mst_core_status_json(request->core));
}

static void
get_agents(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  if (rest[0] == '\0') {
    answer_json(answer, 200, mst_core_agents_json(request->core));
    return;
  }
  mst_err err = mst_core_agent_json(request->core, rest, &document, &ctx);
  if (err != MST_OK)
    answer_error(answer, err, ctx.text);
  else
    answer_json(answer, 200, document);
}

static void
get_tokens(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  answer_json(answer, 200, mst_core_tokens_json(request->core));
}

static void
get_operators(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  answer_json(answer, 200, mst_core_operators_json(request->core));
}

static void
get_runs(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  if (rest[0] == '\0') {
    answer_json(answer, 200, mst_core_runs_json(request->core));
    return;
  }
  mst_err err = mst_core_run_json(request->core, rest, &document, &ctx);
  if (err != MST_OK)
    answer_error(answer, err, ctx.text);
  else
    answer_json(answer, 200, document);
}

/* The verdict of ?run=, parsed; NULL when an error answer was made. */
static json_t *
load_verdict(const mst_http_request *request, mst_http_answer *answer)
{
  const char *run = request->query(request->connection, "run");
  mst_errctx ctx = {0};
  char *text = NULL;

  mst_err err = mst_core_verdict_text(request->core, run ? run : "", &text, &ctx);
  if (err != MST_OK) {
    answer_error(answer, err, ctx.text);
    return NULL;
  }
  json_t *verdict = json_loads(text, 0, NULL);
  mst_free(text);
  if (!verdict)
    answer_error(answer, MST_ENOMEM, "reading the verdict: out of memory");
  return verdict;
}

static void
answer_verdict(const mst_http_request *request, mst_http_answer *answer)
{
  uint64_t version = mst_core_verdict_version(request->core);
  json_t *verdict = load_verdict(request, answer);

  if (verdict)
    answer_json(answer, 200, json_pack("{s:I,s:o}", "version", (json_int_t)version, "verdict", verdict));
}

static void
get_verdict(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  answer_verdict(request, answer);
}

static void
wait_verdict(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  const char *version_text = request->query(request->connection, "version");
  const char *timeout_text = request->query(request->connection, "timeout");
  int64_t left_ns = 30 * MST_NS_PER_S;
  mst_errctx ctx = {0};
  char *end = NULL;
  uint64_t version = version_text ? strtoull(version_text, &end, 10) : 0;

  (void)rest;
  if (version_text && (end == version_text || *end != '\0')) {
    answer_error(answer, MST_EUSAGE, "version must be a number, as the verdict document gives it");
    return;
  }
  if (timeout_text && mst_duration_parse(timeout_text, &left_ns, &ctx) != MST_OK) {
    answer_error(answer, MST_EUSAGE, ctx.text);
    return;
  }
  if (left_ns > WAIT_MAX_S * MST_NS_PER_S)
    left_ns = WAIT_MAX_S * MST_NS_PER_S;
  while (left_ns > 0 && !atomic_load(request->stopping) && mst_core_verdict_version(request->core) == version) {
    int64_t slice_ns = left_ns < WAIT_SLICE_MS * MST_NS_PER_MS ? left_ns : WAIT_SLICE_MS * MST_NS_PER_MS;
    mst_core_verdict_wait(request->core, version, slice_ns);
    left_ns -= slice_ns;
  }
  answer_verdict(request, answer);
}

static bool
field_is(const json_t *item, const char *key, const char *wanted)
{
  const char *text = json_string_value(json_object_get(item, key));

  return !wanted || (text && strcmp(text, wanted) == 0);
}

/* A section's own id, or that of a section above it: "5" holds "5.3". */
static bool
in_section(const json_t *item, const char *wanted)
{
  const char *section = json_string_value(json_object_get(item, "section"));
  size_t bytes = wanted ? strlen(wanted) : 0;

  return !wanted || (section && strncmp(section, wanted, bytes) == 0 && (section[bytes] == '\0' || section[bytes] == '.'));
}

static void
get_items(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  const char *section = request->query(request->connection, "section");
  const char *outcome = request->query(request->connection, "outcome");
  json_t *verdict = load_verdict(request, answer), *item, *chosen = json_array();
  size_t index;

  if (!verdict) {
    json_decref(chosen);
    return;
  }
  json_array_foreach(json_object_get(verdict, "items"), index, item)
  {
    if (rest[0] != '\0' ? field_is(item, "id", rest) : in_section(item, section) && field_is(item, "outcome", outcome))
      json_array_append(chosen, item);
  }
  if (rest[0] == '\0')
    answer_json(answer, 200, json_pack("{s:O}", "items", chosen));
  else if (json_array_size(chosen) == 0)
    answer_error(answer, MST_EABSENT, "the checklist has no such item; `muster items` lists them");
  else
    answer_json(answer, 200, json_incref(json_array_get(chosen, 0)));
  json_decref(chosen);
  json_decref(verdict);
}

static void
post_statement(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  (void)rest;
  mst_err err = mst_core_statement(request->core, request->body, request->body_bytes, &document, &ctx);
  if (err != MST_OK)
    answer_error(answer, err, ctx.text);
  else
    answer_json(answer, 200, document);
}

static void
get_metrics(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  mst_errctx ctx = {0};
  mst_buf text;

  (void)rest;
  if (mst_http_metrics(request->core, &text, &ctx) != MST_OK) {
    answer_error(answer, MST_EIO, ctx.text);
  } else {
    size_t bytes = text.size_bytes;
    uint8_t *body = mst_buf_take(&text, &bytes);
    *answer = (mst_http_answer){
        .status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = (char *)body, .size_bytes = bytes};
  }
  mst_buf_done(&text);
}

static void
get_healthz(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)request;
  (void)rest;
  answer_static(answer, 200, "text/plain", "ok\n");
}

static void
get_readyz(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  mst_errctx ctx = {0};

  (void)rest;
  if (mst_core_ready(request->core, &ctx) == MST_OK) {
    answer_static(answer, 200, "text/plain", "ready\n");
    return;
  }
  char *text = mst_strdup(ctx.text);
  if (!text)
    answer_static(answer, 503, "text/plain", "out of memory\n");
  else
    *answer = (mst_http_answer){.status = 503, .content_type = "text/plain", .body = text, .size_bytes = strlen(text)};
}

static void
get_page(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  union {
    const unsigned char *in;
    char *out;
  } body = {.in = mst_http_page};

  (void)request;
  (void)rest;
  *answer = (mst_http_answer){.status = 200,
                              .content_type = "text/html; charset=utf-8",
                              .body = body.out,
                              .size_bytes = mst_http_page_bytes,
                              .is_static = true};
}

/* A path that ends in "/" takes one more segment. Longer paths stand before their beginnings. */
static const struct route {
  const char *method, *path;
  handler handle;
} routes[] = {
    {"GET", "/", get_page},
    {"GET", "/healthz", get_healthz},
    {"GET", "/readyz", get_readyz},
    {"GET", "/metrics", get_metrics},
    {"GET", "/api/v1/status", get_status},
    {"GET", "/api/v1/agents", get_agents},
    {"GET", "/api/v1/agents/", get_agents},
    {"GET", "/api/v1/tokens", get_tokens},
    {"GET", "/api/v1/operators", get_operators},
    {"GET", "/api/v1/runs", get_runs},
    {"GET", "/api/v1/runs/", get_runs},
    {"GET", "/api/v1/verdict", get_verdict},
    {"GET", "/api/v1/verdict/wait", wait_verdict},
    {"GET", "/api/v1/items", get_items},
    {"GET", "/api/v1/items/", get_items},
    {"POST", "/api/v1/statements", post_statement},
};

static bool
route_fits(const struct route *route, const char *path, const char **ret_rest)
{
  size_t bytes = strlen(route->path);

  if (bytes > 1 && route->path[bytes - 1] == '/') {
    if (strncmp(path, route->path, bytes) != 0 || path[bytes] == '\0' || strchr(path + bytes, '/'))
      return false;
    *ret_rest = path + bytes;
    return true;
  }
  *ret_rest = "";
  return strcmp(path, route->path) == 0;
}

void
mst_http_route(const mst_http_request *request, mst_http_answer *ret_answer)
{
  const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
  bool path_known = false;

  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    const char *rest;
    if (!route_fits(&routes[i], request->path, &rest))
      continue;
    path_known = true;
    if (strcmp(method, routes[i].method) == 0) {
      routes[i].handle(request, rest, ret_answer);
      return;
    }
  }
  if (path_known)
    answer_static(ret_answer, 405, "application/json", "{\"error\":{\"code\":\"MST_EUSAGE\",\"text\":\"method not allowed here\"}}\n");
  else
    answer_error(ret_answer, MST_EABSENT, "no such path; docs/api.md lists them");
}

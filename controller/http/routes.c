/* The routes of /api/v1 and what stands beside it. */
#include "http/http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/controller/judge.h>

enum {
  WAIT_DEFAULT_S = 30,
  WAIT_MAX_S = 60,     /* proxies cut idle connections at about a minute */
  WAIT_SLICE_MS = 200, /* how long a stop may take to reach a long poll */
};

typedef void (*handler)(const mst_http_request *request, const char *rest, mst_http_answer *ret_answer);

static void
get_status(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  mst_http_answer_json(answer, 200, mst_core_status_json(request->core));
}

static void
get_agents(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  if (rest[0] == '\0') {
    mst_http_answer_json(answer, 200, mst_core_agents_json(request->core));
    return;
  }
  mst_err err = mst_core_agent_json(request->core, rest, &document, &ctx);
  if (err != MST_OK)
    mst_http_answer_error(answer, err, ctx.text);
  else
    mst_http_answer_json(answer, 200, document);
}

static void
get_tokens(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  mst_http_answer_json(answer, 200, mst_core_tokens_json(request->core));
}

static void
get_operators(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  mst_http_answer_json(answer, 200, mst_core_operators_json(request->core));
}

static void
get_runs(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  if (rest[0] == '\0') {
    mst_http_answer_json(answer, 200, mst_core_runs_json(request->core));
    return;
  }
  mst_err err = mst_core_run_json(request->core, rest, &document, &ctx);
  if (err != MST_OK)
    mst_http_answer_error(answer, err, ctx.text);
  else
    mst_http_answer_json(answer, 200, document);
}

/* The verdict of ?run=, to be freed with mst_free; NULL when an error answer was made. */
static char *
load_verdict(const mst_http_request *request, mst_http_answer *answer)
{
  const char *run = request->query(request->connection, "run");
  mst_errctx ctx = {0};
  char *text = NULL;

  mst_err err = mst_core_verdict_text(request->core, run ? run : "", &text, &ctx);
  if (err != MST_OK)
    mst_http_answer_error(answer, err, ctx.text);
  return text;
}

/* The verdict's bytes go out as the judge wrote them: its digest is over them. */
static void
answer_verdict(const mst_http_request *request, mst_http_answer *answer)
{
  /* The number first: when the verdict changes in between, whoever waits on the old number is answered at once. */
  uint64_t version = mst_core_verdict_version(request->core);
  char *verdict = load_verdict(request, answer);
  mst_buf body;

  if (!verdict)
    return;
  mst_buf_init(&body, MST_HTTP_ANSWER_MAX_BYTES);
  mst_buf_puts(&body, "{\"verdict\":");
  mst_buf_puts(&body, verdict);
  mst_buf_printf(&body, ",\"version\":%" PRIu64 "}\n", version);
  mst_free(verdict);
  mst_http_answer_buf(answer, 200, "application/json", &body);
}

static void
get_verdict(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)rest;
  answer_verdict(request, answer);
}

static bool
read_version(const char *text, uint64_t *ret_version)
{
  char *end;

  if (text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  uint64_t version = strtoull(text, &end, 10);
  if (*end != '\0' || errno != 0)
    return false;
  *ret_version = version;
  return true;
}

static void
wait_verdict(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  const char *version_text = request->query(request->connection, "version");
  const char *timeout_text = request->query(request->connection, "timeout");
  int64_t left_ns = WAIT_DEFAULT_S * MST_NS_PER_S;
  uint64_t version = 0;
  mst_errctx ctx = {0};

  (void)rest;
  if (version_text && !read_version(version_text, &version)) {
    mst_http_answer_error(answer, MST_EUSAGE, "version must be a number, as the verdict document gives it");
    return;
  }
  if (timeout_text && mst_duration_parse(timeout_text, &left_ns, &ctx) != MST_OK) {
    mst_http_answer_error(answer, MST_EUSAGE, ctx.text);
    return;
  }
  /* Nobody is made to wait for a run that is not there. */
  char *now = load_verdict(request, answer);
  if (!now)
    return;
  mst_free(now);
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

  return text && strcmp(text, wanted) == 0;
}

/* A section's own id, or that of a section above it: "5" holds "5.3". */
static bool
in_section(const json_t *item, const char *wanted)
{
  const char *section = json_string_value(json_object_get(item, "section"));
  size_t bytes = strlen(wanted);

  return section && strncmp(section, wanted, bytes) == 0 && (section[bytes] == '\0' || section[bytes] == '.');
}

/* What ?section= and ?outcome= choose of a list; NULL when memory is out. A list that lost an entry must not look whole. */
static json_t *
choose(const json_t *list, const char *section, const char *outcome)
{
  json_t *chosen = json_array(), *item;
  size_t index;

  json_array_foreach(list, index, item)
  {
    if ((section && !in_section(item, section)) || (outcome && !field_is(item, "outcome", outcome)))
      continue;
    if (json_array_append(chosen, item) != 0) {
      json_decref(chosen);
      return NULL;
    }
  }
  return chosen;
}

static json_t *
find_item(const json_t *list, const char *id)
{
  json_t *item;
  size_t index;

  json_array_foreach(list, index, item)
  {
    if (field_is(item, "id", id))
      return item;
  }
  return NULL;
}

static bool
outcome_is_known(const char *outcome)
{
  for (int i = MST_PASS; i <= MST_PENDING; i++)
    if (strcmp(outcome, mst_outcome_name((mst_outcome)i)) == 0)
      return true;
  return false;
}

/* An empty parameter is none. */
static const char *
parameter(const mst_http_request *request, const char *name)
{
  const char *value = request->query(request->connection, name);

  return value && value[0] ? value : NULL;
}

static void
get_items(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  const char *section = parameter(request, "section"), *outcome = parameter(request, "outcome");

  if (outcome && !outcome_is_known(outcome)) {
    mst_http_answer_error(answer, MST_EUSAGE, "there is no such outcome; write PASS, WARN, FAIL, NO_DATA, WAIVED, NA or PENDING");
    return;
  }
  char *text = load_verdict(request, answer);
  if (!text)
    return;
  json_t *verdict = json_loads(text, 0, NULL);
  mst_free(text);
  if (!verdict) {
    mst_http_answer_error(answer, MST_ENOMEM, "read the verdict: out of memory");
    return;
  }
  const json_t *items = json_object_get(json_object_get(verdict, "result"), "items");
  const json_t *follow_ups = json_object_get(verdict, "follow_ups");
  if (rest[0] == '\0') {
    mst_http_answer_json(
        answer, 200, json_pack("{s:o,s:o}", "items", choose(items, section, outcome), "follow_ups", choose(follow_ups, section, outcome)));
  } else {
    json_t *item = find_item(items, rest);
    if (!item)
      item = find_item(follow_ups, rest);
    if (item)
      mst_http_answer_json(answer, 200, json_incref(item));
    else
      mst_http_answer_error(answer, MST_EABSENT, "the checklist has no such item; `muster items` lists them");
  }
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
    mst_http_answer_error(answer, err, ctx.text);
  else
    mst_http_answer_json(answer, 200, document);
}

static void
get_metrics(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  mst_errctx ctx = {0};
  mst_buf text;

  (void)rest;
  mst_err err = mst_http_metrics(request->core, &text, &ctx);
  if (err == MST_OK)
    mst_http_answer_buf(answer, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
  else
    mst_http_answer_error(answer, err == MST_ELIMIT ? MST_EIO : err, ctx.text); /* 413 would blame the request */
  mst_buf_done(&text);
}

static void
get_healthz(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)request;
  (void)rest;
  mst_http_answer_static(answer, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static void
get_readyz(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  mst_errctx ctx = {0};
  mst_buf text;

  (void)rest;
  mst_err err = mst_core_ready(request->core, &ctx);
  mst_buf_init(&text, MST_ERRCTX_TEXT_BYTES + 1);
  mst_buf_printf(&text, "%s\n", err == MST_OK ? "ready" : ctx.text[0] ? ctx.text : mst_err_text(err));
  mst_http_answer_buf(answer, err == MST_OK ? 200 : 503, "text/plain; charset=utf-8", &text);
}

static void
get_page(const mst_http_request *request, const char *rest, mst_http_answer *answer)
{
  (void)request;
  (void)rest;
  mst_http_answer_static(answer, 200, "text/html; charset=utf-8", mst_http_page, mst_http_page_bytes);
}

/* A path that ends in "/" takes one more segment. No path has two methods. */
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

static void
answer_wrong_method(mst_http_answer *answer, const char *allowed)
{
  static const char text[] = "{\"error\":{\"code\":\"MST_EUSAGE\",\"text\":\"this path takes another method; see the Allow header\"}}\n";

  mst_http_answer_static(answer, 405, "application/json", text, sizeof text - 1);
  answer->allow = strcmp(allowed, "GET") == 0 ? "GET, HEAD" : allowed;
}

void
mst_http_route(const mst_http_request *request, mst_http_answer *ret_answer)
{
  const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
  const char *rest;

  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    if (!route_fits(&routes[i], request->path, &rest))
      continue;
    if (strcmp(method, routes[i].method) == 0)
      routes[i].handle(request, rest, ret_answer);
    else
      answer_wrong_method(ret_answer, routes[i].method);
    return;
  }
  mst_http_answer_error(ret_answer, MST_EABSENT, "no such path; docs/api.md lists them");
}

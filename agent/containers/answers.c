/* The answers of the Docker Engine API; see answers.h. */
#include "answers.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "answers_json.h"

static const char *const state_names[MST_CONTAINER_STATES] = {
    [MST_CONTAINER_UNKNOWN] = "unknown",       [MST_CONTAINER_CREATED] = "created", [MST_CONTAINER_RUNNING] = "running",
    [MST_CONTAINER_PAUSED] = "paused",         [MST_CONTAINER_EXITED] = "exited",   [MST_CONTAINER_DEAD] = "dead",
    [MST_CONTAINER_RESTARTING] = "restarting", [MST_CONTAINER_MISSING] = "missing",
};

const char *
mst_container_state_name(mst_container_state state)
{
  return state_names[state];
}

mst_container_state
mst_container_state_parse(const char *text)
{
  static const struct {
    const char *text;
    mst_container_state state;
  } others[] = {
      {"removing", MST_CONTAINER_DEAD},  {"configured", MST_CONTAINER_CREATED}, {"initialized", MST_CONTAINER_CREATED},
      {"stopped", MST_CONTAINER_EXITED}, {"stopping", MST_CONTAINER_RUNNING},
  };

  for (int i = MST_CONTAINER_CREATED; i < MST_CONTAINER_MISSING; i++)
    if (strcmp(text, state_names[i]) == 0)
      return (mst_container_state)i;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strcmp(text, others[i].text) == 0)
      return others[i].state;
  return MST_CONTAINER_UNKNOWN;
}

static const char *const health_names[] = {
    [MST_HEALTH_NONE] = "none", [MST_HEALTH_STARTING] = "starting", [MST_HEALTH_HEALTHY] = "healthy", [MST_HEALTH_UNHEALTHY] = "unhealthy"};

const char *
mst_container_health_name(mst_container_health health)
{
  return health_names[health];
}

json_t *
mst_docker_json(const char *text, size_t length, const char *what, mst_errctx *ctx)
{
  json_error_t why;
  json_t *json = length ? json_loadb(text, length, JSON_ALLOW_NUL, &why) : NULL; /* the output of a health check may hold NULs */

  if (!json && length == 0)
    (void)mst_fail(ctx, MST_EMALFORMED, "%s is empty", what);
  else if (!json)
    (void)mst_fail(ctx, MST_EMALFORMED, "%s is no JSON that can be read: %s (at byte %d)", what, why.text, why.position);
  return json;
}

bool
mst_docker_copy(const json_t *text, char *ret, size_t size_bytes)
{
  size_t length = json_string_length(text);

  if (!json_is_string(text) || length >= size_bytes)
    return false;
  memcpy(ret, json_string_value(text), length + 1);
  return true;
}

/* Ids go into paths of requests and into labels. */
bool
mst_docker_copy_id(const json_t *text, char ret[static MST_DOCKER_ID_BYTES + 1])
{
  const char *id = json_string_value(text);

  if (!id || strspn(id, "0123456789abcdef") != MST_DOCKER_ID_BYTES || id[MST_DOCKER_ID_BYTES] != '\0')
    return false;
  memcpy(ret, id, MST_DOCKER_ID_BYTES + 1);
  return true;
}

/* "1.41" -> 41. There is no API 2. */
static bool
parse_api(const json_t *text, unsigned *ret_minor)
{
  const char *api = json_string_value(text);
  char *end;

  if (!api || strncmp(api, "1.", 2) != 0 || !isdigit((unsigned char)api[2]))
    return false;

  unsigned long minor = strtoul(api + 2, &end, 10);

  if (*end != '\0' || minor > 999)
    return false;
  *ret_minor = (unsigned)minor;
  return true;
}

mst_err
mst_docker_parse_version(const char *text, size_t length, mst_docker_version *ret_version, mst_errctx *ctx)
{
  json_t *json = mst_docker_json(text, length, "the answer to GET /version", ctx), *component;
  mst_docker_version version = {0};
  size_t i;
  mst_err err = MST_OK;

  if (!json)
    return MST_EMALFORMED;
  json_array_foreach(json_object_get(json, "Components"), i, component)
  {
    const char *name = json_string_value(json_object_get(component, "Name"));

    if (name && strstr(name, "Podman"))
      version.is_podman = true;
  }
  if (!mst_docker_copy(json_object_get(json, "Version"), version.version, sizeof version.version) ||
      !parse_api(json_object_get(json, "ApiVersion"), &version.api_minor))
    err = mst_fail(ctx, MST_EMALFORMED, "the answer to GET /version has no Version and ApiVersion (1.x); is this socket Docker's?");
  /* The least version came with API 1.24; what does not say it can all that it ever could. */
  if (err == MST_OK && !parse_api(json_object_get(json, "MinAPIVersion"), &version.api_least_minor))
    version.api_least_minor = 0;
  json_decref(json);
  if (err == MST_OK)
    *ret_version = version;
  return err;
}

/* "Up 3 seconds (healthy)": the list has the health nowhere else. */
static mst_container_health
health_of_status(const char *status)
{
  if (!status)
    return MST_HEALTH_NONE;
  if (strstr(status, "(healthy)"))
    return MST_HEALTH_HEALTHY;
  if (strstr(status, "(unhealthy)"))
    return MST_HEALTH_UNHEALTHY;
  return strstr(status, "(health: starting)") ? MST_HEALTH_STARTING : MST_HEALTH_NONE;
}

/* Names begin with "/"; those with a second one are links that other containers have to it. */
static bool
copy_name(const json_t *names, char ret[static MST_DOCKER_NAME_BYTES + 1])
{
  json_t *entry;
  size_t i;

  json_array_foreach(names, i, entry)
  {
    const char *name = json_string_value(entry);

    if (!name)
      return false;
    name += name[0] == '/';
    if (strchr(name, '/'))
      continue;
    if (name[0] == '\0' || strlen(name) > MST_DOCKER_NAME_BYTES)
      return false;
    memcpy(ret, name, strlen(name) + 1);
    return true;
  }
  return false;
}

static mst_err
parse_listed(const json_t *entry, mst_docker_listed *ret_listed, mst_errctx *ctx)
{
  const char *state = json_string_value(json_object_get(entry, "State"));

  if (!mst_docker_copy_id(json_object_get(entry, "Id"), ret_listed->id) || !state)
    return mst_fail(ctx, MST_EMALFORMED, "an entry of the list of containers has no Id and State");
  /* A container that is being removed may have lost its name already: its id stands for it. */
  if (!copy_name(json_object_get(entry, "Names"), ret_listed->name))
    snprintf(ret_listed->name, sizeof ret_listed->name, "%.12s", ret_listed->id);
  ret_listed->state = mst_container_state_parse(state);
  ret_listed->health = health_of_status(json_string_value(json_object_get(entry, "Status")));
  return MST_OK;
}

mst_err
mst_docker_parse_list(const char *text, size_t length, mst_docker_listed **ret_list, size_t *ret_count, mst_errctx *ctx)
{
  json_t *json = mst_docker_json(text, length, "the list of containers", ctx);
  mst_docker_listed *list = NULL;
  mst_err err = MST_OK;
  size_t count;

  if (!json)
    return MST_EMALFORMED;
  count = json_array_size(json);
  if (!json_is_array(json))
    err = mst_fail(ctx, MST_EMALFORMED, "the list of containers is no list");
  else if (count > MST_DOCKER_CONTAINERS_MAX)
    err = mst_fail(ctx, MST_ELIMIT, "%zu containers, at most %d are looked at: remove those that have ended", count,
                   MST_DOCKER_CONTAINERS_MAX);
  else if (count > 0 && !(list = mst_alloc(count, sizeof *list)))
    err = mst_fail(ctx, MST_ENOMEM, "no memory for a list of %zu containers", count);
  for (size_t i = 0; err == MST_OK && i < count; i++)
    err = parse_listed(json_array_get(json, i), &list[i], ctx);
  json_decref(json);
  if (err != MST_OK) {
    mst_free(list);
    return err;
  }
  *ret_list = list;
  *ret_count = count;
  return MST_OK;
}

mst_err
mst_docker_parse_digest(const char *text, size_t length, const char *image, char ret_digest[static MST_DOCKER_DIGEST_BYTES + 1],
                        mst_errctx *ctx)
{
  json_t *json = mst_docker_json(text, length, "the answer about an image", ctx), *entry;
  const char *found = NULL;
  size_t i, name_bytes = strcspn(image, "@"), tag = name_bytes;
  mst_err err = MST_OK;

  if (!json)
    return MST_EMALFORMED;
  while (tag > 0 && image[tag - 1] != ':' && image[tag - 1] != '/')
    tag--;
  if (tag > 0 && image[tag - 1] == ':')
    name_bytes = tag - 1;
  json_array_foreach(json_object_get(json, "RepoDigests"), i, entry)
  {
    const char *pair = json_string_value(entry), *at = pair ? strchr(pair, '@') : NULL;

    if (!at || strlen(at + 1) != MST_DOCKER_DIGEST_BYTES)
      continue;
    if (!found || ((size_t)(at - pair) == name_bytes && strncmp(pair, image, name_bytes) == 0))
      found = at + 1;
  }
  if (found)
    memcpy(ret_digest, found, MST_DOCKER_DIGEST_BYTES + 1);
  else
    err = mst_fail(ctx, MST_EABSENT, "image %s was neither pushed nor pulled", image);
  json_decref(json);
  return err;
}

void
mst_docker_parse_message(const char *text, size_t length, char *ret_message, size_t size_bytes)
{
  json_t *json = length ? json_loadb(text, length, 0, NULL) : NULL;
  const char *message = json_string_value(json_object_get(json, "message"));
  size_t used = 0;

  for (; message && message[used] && used + 1 < size_bytes; used++)
    ret_message[used] = iscntrl((unsigned char)message[used]) ? ' ' : message[used];
  ret_message[used] = '\0';
  json_decref(json);
}

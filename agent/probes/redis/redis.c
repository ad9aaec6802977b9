/* Probe kind redis; see proto/probes/redis.c. All is done on a thread of the attempt's own. */
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>

#include "info.h"
#include "kinds.h"
#include "link.h"

enum { EXPECT_ANSWERS, EXPECT_AUTH_REQUIRED }; /* as in proto/probes/redis.c */
enum { ROLE_ANY, ROLE_MASTER, ROLE_REPLICA };
enum { REASON_BYTES = 400, CANARY_BYTES = 33 };
enum { PHASE_CONNECT, PHASE_AUTH, PHASE_PING, PHASE_INFO, PHASES };
static const char *const phase_names[PHASES] = {"connect", "auth", "ping", "info"};
static const int64_t margin_ns = 20 * MST_NS_PER_MS; /* the thread gives up before the attempt does, and says why */

typedef struct config {
  mst_probe_options options;
  mst_probe_address address;
  int expect, role;
  const char *user, *password, *canary;
  double min_replicas, min_hit_ratio, max_memory_ratio, max_clients_ratio;
  bool has_hit_ratio, has_memory_ratio, has_clients_ratio, persistence;
} config;

/* What one look found; the thread's until it is done. */
typedef struct look {
  const config *redis;
  int64_t until_ns, phase_at_ns;
  int64_t took_ns[PHASES]; /* 0: not done */
  char *info;              /* owned */
  char reason[REASON_BYTES];
} look;

#define SAY(look, ...) ((void)snprintf((look)->reason, sizeof(look)->reason, __VA_ARGS__))

static void
close_redis(void *opaque)
{
  mst_free(opaque);
}

static mst_err
open_redis(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *redis = mst_alloc(1, sizeof *redis);

  if (!redis)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  redis->options = *options;
  redis->expect = mst_probe_choice(options, "expect");
  redis->role = mst_probe_choice(options, "role");
  redis->user = mst_probe_text(options, "user");
  redis->password = mst_probe_text(options, "password");
  redis->canary = mst_probe_text(options, "canary");
  redis->min_replicas = mst_probe_number(options, "min_replicas");
  redis->min_hit_ratio = mst_probe_number(options, "min_hit_ratio");
  redis->has_hit_ratio = mst_probe_has(options, "min_hit_ratio");
  redis->max_memory_ratio = mst_probe_number(options, "max_memory_ratio");
  redis->has_memory_ratio = mst_probe_has(options, "max_memory_ratio");
  redis->max_clients_ratio = mst_probe_number(options, "max_clients_ratio");
  redis->has_clients_ratio = mst_probe_has(options, "max_clients_ratio");
  redis->persistence = mst_probe_flag(options, "persistence");
  mst_err err = mst_probe_address_parse(mst_probe_text(options, "address"), &redis->address, ctx);
  if (err == MST_OK && redis->expect == EXPECT_AUTH_REQUIRED && (redis->user || redis->password))
    err = mst_fail(ctx, MST_EUSAGE, "expect: auth_required asks without credentials; leave user and password out");
  if (err == MST_OK && redis->user && !redis->password)
    err = mst_fail(ctx, MST_EUSAGE, "a user needs a password");
  if (err != MST_OK) {
    close_redis(redis);
    return err;
  }
  *ret_config = redis;
  return MST_OK;
}

/* ---- on the thread ---- */

static void
end_phase(look *at, int phase)
{
  int64_t now = mst_clock_mono(mst_clock_system()).ns;

  at->took_ns[phase] = now - at->phase_at_ns;
  at->phase_at_ns = now;
}

/* The answer; false: a reason is said. what: "AUTH", which is told, and never the words. */
static bool
ask(look *at, mst_redis_link *link, const char *what, const char *const *words, size_t count, mst_redis_answer *ret_answer)
{
  const mst_probe_address *address = &at->redis->address;
  mst_errctx why = {0};
  mst_err err = mst_redis_link_ask(link, words, count, ret_answer, &why);

  if (err != MST_OK)
    SAY(at, "redis %.100s:%u: %s: %.150s", address->host, address->port, what, why.text);
  return err == MST_OK;
}

static bool
is_refused(const mst_redis_answer *answer)
{
  return answer->is_error && answer->text && strncmp(answer->text, "NOAUTH", 6) == 0;
}

static bool
authenticate(look *at, mst_redis_link *link)
{
  const config *redis = at->redis;
  mst_redis_answer answer = {0};
  mst_errctx why = {0};
  char *password = NULL;

  if (!redis->password)
    return true;
  if (mst_probe_secret_read(&redis->options, redis->password, &password, &why) != MST_OK) {
    SAY(at, "%.300s", why.text);
    return false;
  }
  const char *const words[] = {"AUTH", redis->user ? redis->user : password, password};
  bool is_good = ask(at, link, "AUTH", words, redis->user ? 3 : 2, &answer);
  mst_probe_secret_done(password);
  if (is_good && answer.is_error) {
    SAY(at, "redis %.100s:%u: AUTH: %.150s", redis->address.host, redis->address.port, answer.text ? answer.text : "refused");
    is_good = false;
  }
  mst_redis_answer_done(&answer);
  end_phase(at, PHASE_AUTH);
  return is_good;
}

static bool
ping(look *at, mst_redis_link *link)
{
  static const char *const words[] = {"PING"};
  const config *redis = at->redis;
  mst_redis_answer answer = {0};
  bool is_good = ask(at, link, "PING", words, 1, &answer);

  end_phase(at, PHASE_PING);
  if (!is_good)
    return false;
  const char *text = answer.text ? answer.text : "";
  if (redis->expect == EXPECT_AUTH_REQUIRED && !is_refused(&answer))
    SAY(at, "redis %.100s:%u: it answers PING with \"%.60s\" without a password, and must not", redis->address.host, redis->address.port,
        text);
  else if (redis->expect == EXPECT_ANSWERS && (answer.is_error || strcmp(text, "PONG") != 0))
    SAY(at, "redis %.100s:%u: PING: \"%.100s\"", redis->address.host, redis->address.port, text);
  mst_redis_answer_done(&answer);
  return at->reason[0] == '\0';
}

static bool
write_canary(look *at, mst_redis_link *link)
{
  const config *redis = at->redis;
  uint8_t bytes[CANARY_BYTES / 2];
  char value[CANARY_BYTES];
  mst_redis_answer answer = {0};

  if (!redis->canary)
    return true;
  mst_random_bytes(bytes, sizeof bytes);
  mst_hex_encode(bytes, sizeof bytes, value);
  const char *const set[] = {"SET", redis->canary, value, "EX", "60"}, *const get[] = {"GET", redis->canary};
  bool is_good = ask(at, link, "SET", set, 5, &answer);
  if (is_good && answer.is_error)
    SAY(at, "write %.64s: %.150s", redis->canary, answer.text ? answer.text : "refused");
  mst_redis_answer_done(&answer);
  is_good = is_good && !at->reason[0] && ask(at, link, "GET", get, 2, &answer);
  if (is_good && (answer.is_error || !answer.text || strcmp(answer.text, value) != 0))
    SAY(at, "read %.64s back: it is not what was written", redis->canary);
  mst_redis_answer_done(&answer);
  return at->reason[0] == '\0';
}

static void
work(void *arg)
{
  static const char *const info[] = {"INFO"};
  look *at = arg;
  mst_redis_link *link = NULL;
  mst_redis_answer answer = {0};
  mst_errctx why = {0};

  at->phase_at_ns = mst_clock_mono(mst_clock_system()).ns;
  if (mst_redis_link_open(&at->redis->address, at->until_ns, &link, &why) != MST_OK) {
    SAY(at, "%.300s", why.text);
    return;
  }
  end_phase(at, PHASE_CONNECT);
  if (authenticate(at, link) && ping(at, link) && at->redis->expect == EXPECT_ANSWERS && ask(at, link, "INFO", info, 1, &answer)) {
    end_phase(at, PHASE_INFO);
    if (answer.is_error) {
      SAY(at, "redis %.100s:%u: INFO: %.150s", at->redis->address.host, at->redis->address.port, answer.text ? answer.text : "refused");
    } else {
      at->info = answer.text;
      answer.text = NULL;
      (void)write_canary(at, link);
    }
  }
  mst_redis_answer_done(&answer);
  mst_redis_link_close(link);
}

/* ---- what it says ---- */

/* A share of two figures of INFO; false: one of them is missing, or the whole is 0. */
static bool
share_of(const char *info, const char *part, const char *whole, double *ret_share)
{
  double a = 0, b = 0;

  if (!mst_redis_info_number(info, part, &a) || !mst_redis_info_number(info, whole, &b) || b <= 0)
    return false;
  *ret_share = a / b;
  return true;
}

static bool
hit_ratio(const char *info, double *ret_ratio)
{
  double hits = 0, misses = 0;

  if (!mst_redis_info_number(info, "keyspace_hits", &hits) || !mst_redis_info_number(info, "keyspace_misses", &misses) ||
      hits + misses <= 0)
    return false;
  *ret_ratio = hits / (hits + misses);
  return true;
}

static void
give_info(const look *at, mst_probe_attempt *attempt)
{
  static const struct {
    const char *line, *field;
  } numbers[] = {{"connected_clients", "clients"},
                 {"evicted_keys", "evicted_keys"},
                 {"used_memory", "memory_bytes"},
                 {"connected_slaves", "replicas"}};
  char text[64];
  double number, saved;

  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (mst_redis_info_number(at->info, numbers[i].line, &number))
      mst_probe_value(attempt, numbers[i].field, number);
  if (hit_ratio(at->info, &number))
    mst_probe_value(attempt, "hit_ratio", number);
  if (share_of(at->info, "used_memory", "maxmemory", &number))
    mst_probe_value(attempt, "memory_ratio", number);
  if (share_of(at->info, "connected_clients", "maxclients", &number))
    mst_probe_value(attempt, "clients_ratio", number);
  if (mst_redis_info_number(at->info, "rdb_last_save_time", &saved))
    mst_probe_value(attempt, "last_save_age", (double)mst_clock_wall(at->redis->options.clock).ns / 1e9 - saved);
  if (mst_redis_info_text(at->info, "redis_version", text, sizeof text))
    mst_probe_state(attempt, "version", text);
  if (mst_redis_info_text(at->info, "role", text, sizeof text))
    mst_probe_state(attempt, "role", text);
}

static void
check_share(look *at, bool is_wanted, bool is_there, double share, double limit, bool is_least, const char *what)
{
  if (!is_wanted || at->reason[0])
    return;
  if (!is_there)
    SAY(at, "INFO does not say %s", what);
  else if (is_least ? share < limit : share > limit)
    SAY(at, "%s is %.1f %%; %s %.1f %% is wanted", what, share * 100, is_least ? "at least" : "at most", limit * 100);
}

static void
check_persistence(look *at)
{
  static const char *const lines[] = {"rdb_last_bgsave_status", "aof_last_write_status"};
  char text[32];

  for (size_t i = 0; i < 2 && at->redis->persistence && !at->reason[0]; i++) {
    if (!mst_redis_info_text(at->info, lines[i], text, sizeof text))
      SAY(at, "INFO does not say %s", lines[i]);
    else if (strcmp(text, "ok") != 0)
      SAY(at, "%s is %s", lines[i], text);
  }
}

static void
check_info(look *at)
{
  const config *redis = at->redis;
  char role[32] = "unknown";
  double number = 0;

  (void)mst_redis_info_text(at->info, "role", role, sizeof role);
  if ((redis->role == ROLE_MASTER && strcmp(role, "master") != 0) || (redis->role == ROLE_REPLICA && strcmp(role, "slave") != 0))
    SAY(at, "its role is %s; wanted %s", role, redis->role == ROLE_MASTER ? "master" : "replica");
  if (redis->min_replicas > 0 && !at->reason[0] &&
      (!mst_redis_info_number(at->info, "connected_slaves", &number) || number < redis->min_replicas))
    SAY(at, "%g replicas are connected; at least %g are wanted", number, redis->min_replicas);
  bool is_there = hit_ratio(at->info, &number);
  check_share(at, redis->has_hit_ratio, is_there, number, redis->min_hit_ratio, true, "the share of hits");
  is_there = share_of(at->info, "used_memory", "maxmemory", &number);
  check_share(at, redis->has_memory_ratio, is_there, number, redis->max_memory_ratio, false, "the share of maxmemory");
  is_there = share_of(at->info, "connected_clients", "maxclients", &number);
  check_share(at, redis->has_clients_ratio, is_there, number, redis->max_clients_ratio, false, "the share of maxclients");
  check_persistence(at);
}

static void
done(void *arg, mst_probe_attempt *attempt)
{
  look *at = arg;

  if (attempt) {
    for (int i = 0; i < PHASES; i++)
      if (at->took_ns[i] > 0)
        mst_probe_phase_took(attempt, phase_names[i], at->took_ns[i]);
    if (at->info) {
      give_info(at, attempt);
      if (!at->reason[0])
        check_info(at);
    }
    mst_probe_took(attempt, at->took_ns[PHASE_PING]);
    if (at->reason[0])
      mst_probe_fail(attempt, "%s", at->reason);
    else
      mst_probe_pass(attempt);
  }
  mst_free(at->info);
  mst_free(at);
}

static void *
begin_redis(void *opaque, mst_probe_attempt *attempt)
{
  const config *redis = opaque;
  look *at = mst_alloc(1, sizeof *at);

  if (!at) {
    mst_probe_fail(attempt, "no memory for a look at Redis");
    return NULL;
  }
  at->redis = redis;
  int64_t left_ns = mst_probe_left_ns(attempt);
  at->until_ns = mst_clock_mono(mst_clock_system()).ns + (left_ns > 2 * margin_ns ? left_ns - margin_ns : left_ns);
  mst_probe_doing(attempt, "redis %.100s:%u", redis->address.host, redis->address.port);
  mst_probe_job *job = mst_probe_work(attempt, work, done, at);
  if (!job)
    mst_free(at);
  return job;
}

static void
stop_redis(void *job)
{
  if (job)
    mst_probe_work_abandon(job);
}

const mst_probe_kind mst_probe_kind_redis = {
    .schema = &mst_probe_schema_redis,
    .open = open_redis,
    .close = close_redis,
    .begin = begin_redis,
    .stop = stop_redis,
};

/* What one agent is told to measure. Layout: docs/wire-format.md. */
#include <mst/proto/plan.h>

#include <string.h>

#include <mst/common/alloc.h>

#include "pack.h"
#include "signed.h"
#include "text.h"

enum { PLAN_ELEMENTS = 6, COLLECTOR_ELEMENTS = 4 };

static const char context[] = "muster/1/plan";
static const int64_t interval_least_ns = 100 * MST_NS_PER_MS, interval_most_ns = 3600 * MST_NS_PER_S;
static const double jitter_most = 0.5;

static mst_err
check_numbers(const mst_plan *plan, mst_errctx *ctx)
{
  if (plan->interval_ns < interval_least_ns || plan->interval_ns > interval_most_ns)
    return mst_fail(ctx, MST_EMALFORMED, "plan.interval_ns: %lld is not within 100 ms to 1 h", (long long)plan->interval_ns);
  if (!(plan->jitter_ratio >= 0 && plan->jitter_ratio <= jitter_most))
    return mst_fail(ctx, MST_EMALFORMED, "plan.jitter_ratio: %g is not within 0 to 0.5", plan->jitter_ratio);
  return MST_OK;
}

static mst_err
check_period(int64_t period_ns, mst_errctx *ctx)
{
  if (period_ns < 0 || period_ns > MST_PLAN_MAX_PERIOD_NS)
    return mst_fail(ctx, MST_EMALFORMED, "plan.collectors.period_ns: %lld is not within 0 to 30 d", (long long)period_ns);
  return MST_OK;
}

static mst_err
check_option_once(const mst_plan_option *options, uint32_t index, mst_errctx *ctx)
{
  for (uint32_t i = 0; i < index; i++)
    if (mst_text_compare(options[i].key, options[index].key) == 0)
      return mst_fail(ctx, MST_EMALFORMED, "plan.options: \"%.*s\" stands twice", (int)options[index].key.size_bytes,
                      options[index].key.data);
  return MST_OK;
}

static mst_err
pack_options(msgpack_packer *pack, const mst_plan_collector *collector, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (collector->option_count > MST_PLAN_MAX_OPTIONS)
    return mst_fail(ctx, MST_ELIMIT, "plan.options: %u, at most %d are allowed", collector->option_count, MST_PLAN_MAX_OPTIONS);
  msgpack_pack_map(pack, collector->option_count);
  for (uint32_t i = 0; err == MST_OK && i < collector->option_count; i++) {
    const mst_plan_option *option = &collector->options[i];
    err = mst_text_check(option->key, "plan.options key", 1, MST_PLAN_TEXT_MAX_BYTES, ctx);
    if (err == MST_OK)
      err = check_option_once(collector->options, i, ctx);
    if (err == MST_OK && option->value_count > MST_PLAN_MAX_OPTION_VALUES)
      err = mst_fail(ctx, MST_ELIMIT, "plan.options: %u values, at most %d are allowed", option->value_count, MST_PLAN_MAX_OPTION_VALUES);
    if (err != MST_OK)
      break;
    mst_pack_text(pack, option->key);
    msgpack_pack_array(pack, option->value_count);
    for (uint32_t j = 0; err == MST_OK && j < option->value_count; j++) {
      err = mst_text_check(option->values[j], "plan.options value", 0, MST_PLAN_VALUE_MAX_BYTES, ctx);
      if (err == MST_OK)
        mst_pack_text(pack, option->values[j]);
    }
  }
  return err;
}

static mst_err
pack_collectors(msgpack_packer *pack, const mst_plan *plan, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (plan->collector_count > MST_PLAN_MAX_COLLECTORS)
    return mst_fail(ctx, MST_ELIMIT, "plan.collectors: %u, at most %d are allowed", plan->collector_count, MST_PLAN_MAX_COLLECTORS);
  msgpack_pack_array(pack, plan->collector_count);
  for (uint32_t i = 0; err == MST_OK && i < plan->collector_count; i++) {
    const mst_plan_collector *collector = &plan->collectors[i];
    err = mst_text_check(collector->name, "plan.collectors.name", 1, MST_PLAN_TEXT_MAX_BYTES, ctx);
    if (err == MST_OK)
      err = mst_text_check(collector->instance, "plan.collectors.instance", 0, MST_PLAN_TEXT_MAX_BYTES, ctx);
    if (err == MST_OK)
      err = check_period(collector->period_ns, ctx);
    if (err != MST_OK)
      break;
    msgpack_pack_array(pack, COLLECTOR_ELEMENTS);
    mst_pack_text(pack, collector->name);
    mst_pack_text(pack, collector->instance);
    msgpack_pack_int64(pack, collector->period_ns);
    err = pack_options(pack, collector, ctx);
  }
  return err;
}

mst_err
mst_plan_seal(const mst_plan *plan, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx)
{
  size_t start = ret_bytes->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_bytes);

  mst_err err = check_numbers(plan, ctx);
  if (err == MST_OK)
    err = mst_text_check(plan->name, "plan.name", 0, MST_PLAN_TEXT_MAX_BYTES, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, PLAN_ELEMENTS);
  msgpack_pack_uint8(&pack, MST_WIRE_VERSION);
  mst_pack_text(&pack, plan->name);
  msgpack_pack_int64(&pack, plan->interval_ns);
  mst_pack_number(&pack, plan->jitter_ratio);
  err = pack_collectors(&pack, plan, ctx);
  if (err == MST_OK && ret_bytes->size_bytes - start > MST_PLAN_MAX_BYTES - MST_SIGNED_TAIL_BYTES)
    err = mst_fail(ctx, MST_ELIMIT, "plan: over %d bytes", MST_PLAN_MAX_BYTES);
  if (err == MST_OK)
    err = mst_signed_append(ret_bytes, start, key, context, ctx);
  return mst_pack_finish(ret_bytes, start, err, "plan", ctx);
}

static mst_err
read_name(mst_cursor *cursor, const char *what, mst_text *ret_name, mst_errctx *ctx)
{
  mst_err err = mst_cursor_text(cursor, what, MST_PLAN_TEXT_MAX_BYTES, ret_name, ctx);

  if (err == MST_OK && ret_name->size_bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "%s: is empty", what);
  return err;
}

static mst_err
read_option(mst_cursor *cursor, mst_plan_option *option, mst_errctx *ctx)
{
  uint32_t count = 0;

  mst_err err = read_name(cursor, "plan.options key", &option->key, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "plan.options values", 0, MST_PLAN_MAX_OPTION_VALUES, &count, ctx);
  if (err != MST_OK || count == 0)
    return err;
  option->values = mst_alloc(count, sizeof *option->values);
  if (!option->values)
    return mst_fail(ctx, MST_ENOMEM, "plan: out of memory");
  for (; err == MST_OK && option->value_count < count; option->value_count++)
    err = mst_cursor_text(cursor, "plan.options value", MST_PLAN_VALUE_MAX_BYTES, &option->values[option->value_count], ctx);
  return err;
}

static mst_err
read_collector(mst_cursor *cursor, mst_plan_collector *collector, mst_errctx *ctx)
{
  uint32_t elements, count = 0;
  uint64_t period = 0;

  mst_err err = mst_cursor_array(cursor, "plan.collectors entry", COLLECTOR_ELEMENTS, COLLECTOR_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = read_name(cursor, "plan.collectors.name", &collector->name, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "plan.collectors.instance", MST_PLAN_TEXT_MAX_BYTES, &collector->instance, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "plan.collectors.period_ns", INT64_MAX, &period, ctx);
  if (err == MST_OK)
    err = check_period((int64_t)period, ctx);
  if (err == MST_OK)
    err = mst_cursor_map(cursor, "plan.options", MST_PLAN_MAX_OPTIONS, &count, ctx);
  if (err != MST_OK)
    return err;
  collector->period_ns = (int64_t)period;
  if (count == 0)
    return MST_OK;
  collector->options = mst_alloc(count, sizeof *collector->options);
  if (!collector->options)
    return mst_fail(ctx, MST_ENOMEM, "plan: out of memory");
  while (err == MST_OK && collector->option_count < count) {
    err = read_option(cursor, &collector->options[collector->option_count], ctx);
    if (err == MST_OK)
      err = check_option_once(collector->options, collector->option_count, ctx);
    collector->option_count++; /* also a half-read one: mst_plan_done frees its values */
  }
  return err;
}

static mst_err
read_plan(mst_cursor *cursor, mst_plan *plan, mst_errctx *ctx)
{
  uint32_t count = 0;
  uint64_t interval = 0;

  mst_err err = mst_cursor_text(cursor, "plan.name", MST_PLAN_TEXT_MAX_BYTES, &plan->name, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "plan.interval_ns", INT64_MAX, &interval, ctx);
  if (err == MST_OK)
    err = mst_cursor_number(cursor, "plan.jitter_ratio", &plan->jitter_ratio, ctx);
  plan->interval_ns = (int64_t)interval;
  if (err == MST_OK)
    err = check_numbers(plan, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "plan.collectors", 0, MST_PLAN_MAX_COLLECTORS, &count, ctx);
  if (err == MST_OK && count > 0) {
    plan->collectors = mst_alloc(count, sizeof *plan->collectors);
    if (!plan->collectors)
      return mst_fail(ctx, MST_ENOMEM, "plan: out of memory");
  }
  while (err == MST_OK && plan->collector_count < count)
    err = read_collector(cursor, &plan->collectors[plan->collector_count++], ctx);
  return err == MST_OK ? mst_cursor_end(cursor, "plan", ctx) : err;
}

mst_err
mst_plan_open(const void *data, size_t size_bytes, const mst_public_key *key, mst_plan *ret_plan, mst_errctx *ctx)
{
  mst_plan plan = {0};
  mst_signed outer;

  if (size_bytes > MST_PLAN_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "plan: %zu bytes long, at most %d are allowed", size_bytes, MST_PLAN_MAX_BYTES);
  mst_err err = mst_signed_open(data, size_bytes, "plan", PLAN_ELEMENTS, &outer, ctx);
  if (err == MST_OK)
    err = mst_key_verify(key, context, outer.signed_part.data, outer.signed_part.size_bytes, outer.signature, ctx);
  if (err != MST_OK)
    return err;
  size_t head_bytes = mst_cursor_offset(&outer.fields), part_bytes = outer.signed_part.size_bytes;
  plan.bytes = mst_alloc(part_bytes, 1);
  if (!plan.bytes)
    return mst_fail(ctx, MST_ENOMEM, "plan: out of memory");
  memcpy(plan.bytes, outer.signed_part.data, part_bytes);
  plan.digest = mst_digest_of(context, plan.bytes, part_bytes);
  mst_cursor cursor = {.start = plan.bytes, .at = plan.bytes + head_bytes, .end = plan.bytes + part_bytes};
  err = read_plan(&cursor, &plan, ctx);
  if (err == MST_OK)
    *ret_plan = plan;
  else
    mst_plan_done(&plan);
  return err;
}

void
mst_plan_done(mst_plan *plan)
{
  for (uint32_t i = 0; i < plan->collector_count; i++) {
    for (uint32_t j = 0; j < plan->collectors[i].option_count; j++)
      mst_free(plan->collectors[i].options[j].values);
    mst_free(plan->collectors[i].options);
  }
  mst_free(plan->collectors);
  mst_free(plan->bytes);
  *plan = (mst_plan){0};
}

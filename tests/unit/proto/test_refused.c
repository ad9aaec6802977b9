#include <mst/proto/enrol.h>
#include <mst/proto/plan.h>
#include <mst/proto/reply.h>
#include <mst/proto/statement.h>

#include "vectors.h"

/* tests/golden/wire/refused.txt: what every receiver must refuse, and as what. */
static mst_err
decode(const char *decoder, blob bytes, mst_errctx *ctx)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  mst_bytes body = {bytes.data, bytes.size_bytes};
  union {
    mst_envelope envelope;
    mst_report report;
    mst_definitions definitions;
    mst_enrol enrol;
    mst_statement statement;
    mst_plan plan;
    mst_hist hist;
    uint32_t count;
  } ignored;

  if (strcmp(decoder, "envelope") == 0)
    return mst_envelope_decode(bytes.data, bytes.size_bytes, &ignored.envelope, ctx);
  if (strcmp(decoder, "report") == 0)
    return mst_report_decode(body, &ignored.report, ctx);
  if (strcmp(decoder, "definitions") == 0)
    return mst_definitions_decode(body, &ignored.definitions, ctx);
  if (strcmp(decoder, "loss") == 0)
    return mst_loss_decode(body, ranges, &ignored.count, ctx);
  if (strcmp(decoder, "histogram") == 0)
    return mst_histogram_decode(body, &ignored.hist, ctx);
  if (strcmp(decoder, "enrol") == 0)
    return mst_enrol_decode(body, &ignored.enrol, ctx);
  if (strcmp(decoder, "statement") == 0)
    return mst_statement_decode(bytes.data, bytes.size_bytes, &ignored.statement, ctx);
  cr_assert_str_eq(decoder, "plan");
  mst_key *key = vector_key(CONTROLLER);
  mst_err err = mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &ignored.plan, ctx);
  mst_key_destroy(key);
  return err;
}

static mst_err
error_of(const char *name)
{
  static const struct {
    const char *name;
    mst_err code;
  } names[] = {{"malformed", MST_EMALFORMED}, {"limit", MST_ELIMIT}, {"version", MST_EVERSION}, {"crypto", MST_ECRYPTO}};

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i].name, name) == 0)
      return names[i].code;
  cr_assert_fail("no such error: %s", name);
  return MST_OK;
}

Test(refused, every_vector__is_refused_as_it_says)
{
  char *text = vector_file("refused.txt"), *rest = NULL;
  int seen = 0;

  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (line[0] == '#')
      continue;
    char decoder[16], error[16];
    int hex_at = 0, hex_end = 0;
    cr_assert_eq(sscanf(line, "%15s %15s %n%*s%n", decoder, error, &hex_at, &hex_end), 2);
    line[hex_end] = '\0';
    const char *hex = line + hex_at, *why = line + hex_end + 1;
    size_t size = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    blob bytes = {malloc(size ? size : 1), size};
    mst_errctx ctx = {0};
    if (size > 0)
      assert_ok(mst_hex_decode(hex, bytes.data, size, &ctx), ctx);
    mst_err err = decode(decoder, bytes, &ctx);
    cr_expect_eq(err, error_of(error), "%s, %s: %s (%s)", decoder, why, mst_err_name(err), ctx.text);
    cr_expect_neq(ctx.text[0], '\0', "%s, %s: without a text", decoder, why);
    blob_done(&bytes);
    seen++;
  }
  cr_expect_gt(seen, 80);
  free(text);
}

#include <criterion/criterion.h>
#include <string.h>

#include "labels.h"

static void
expect_parsed(const char *text, mst_err wanted, const char *labels)
{
  mst_errctx ctx = {0};
  mst_buf sorted;

  mst_buf_init(&sorted, MST_LABELS_TEXT_BYTES * 2);
  mst_err err = mst_labels_parse(text, strlen(text), &sorted, &ctx);
  cr_expect_eq(err, wanted, "%s: %s", text, ctx.text);
  if (wanted == MST_OK)
    cr_expect_str_eq(mst_buf_text(&sorted), labels);
  mst_buf_done(&sorted);
}

Test(labels, good_ones__are_sorted)
{
  expect_parsed("", MST_OK, "");
  expect_parsed("zone=a\nrole=api", MST_OK, "role=api\nzone=a");
  expect_parsed("role=api\n", MST_OK, "role=api");
  expect_parsed("a=x=y", MST_OK, "a=x=y");
  expect_parsed("ab=1\na=2", MST_OK, "a=2\nab=1");
}

Test(labels, bad_ones__are_refused)
{
  expect_parsed("role", MST_EMALFORMED, NULL);
  expect_parsed("role=", MST_EMALFORMED, NULL);
  expect_parsed("=api", MST_EMALFORMED, NULL);
  expect_parsed("Role=api", MST_EMALFORMED, NULL);
  expect_parsed("role=a\nrole=b", MST_EMALFORMED, NULL);
  expect_parsed("role=a\tb", MST_EMALFORMED, NULL);
  expect_parsed("a=1\n\nb=2", MST_EMALFORMED, NULL);
  expect_parsed("a=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1\nh=1\ni=1\nj=1\nk=1\nl=1\nm=1\nn=1\no=1\np=1\nq=1", MST_ELIMIT, NULL);
}

Test(labels, value__is_found_by_its_whole_key)
{
  char value[MST_LABEL_VALUE_BYTES] = "";

  cr_expect(mst_labels_get("role=api\nzone=a", "zone", value));
  cr_expect_str_eq(value, "a");
  cr_expect_not(mst_labels_get("role=api\nzone=a", "zon", value));
  cr_expect_not(mst_labels_get("", "role", value));
}

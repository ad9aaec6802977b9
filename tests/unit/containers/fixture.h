#ifndef MST_TEST_FIXTURE_H
#define MST_TEST_FIXTURE_H

/* Captured answers of tests/fixtures/containers/answers. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/file.h>

static const char web_id[] = "7d5d63478efbbd26c2921f54a18bd73fc3c5ac65b1b39f34d5212e2969a79f13";
static const char pod_id[] = "94efacfc811eb08864f148c3e7d3a15a123a76bbd769f3827d6d0b78887980af";

/* To be finished with mst_buf_done. */
static __attribute__((unused)) mst_buf
read_answer(const char *name)
{
  char path[512];
  mst_buf text;
  mst_errctx ctx = {0};

  snprintf(path, sizeof path, "%s/tests/fixtures/containers/answers/%s", MST_SOURCE_DIR, name);
  mst_buf_init(&text, 1024 * 1024);
  cr_assert_eq(mst_file_read(path, &text, &ctx), MST_OK, "%s", ctx.text);
  return text;
}

#endif

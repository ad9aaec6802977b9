#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/file.h>

#include "folder.h"
#include "pins.h"

static char folder[64];
static char path[96];
static mst_key *key, *next;
static mst_pins pins;
static mst_errctx ctx;

static void
setup(void)
{
  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
  snprintf(folder, sizeof folder, "/tmp/mst-pins-XXXXXX");
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/controller.pub", folder);
  cr_assert_eq(mst_key_create(&key, NULL), MST_OK);
  cr_assert_eq(mst_key_create(&next, NULL), MST_OK);
  pins = (mst_pins){.current = *mst_key_public(key)};
}

static void
teardown(void)
{
  mst_key_destroy(key);
  mst_key_destroy(next);
  folder_remove(folder);
}

TestSuite(pins, .init = setup, .fini = teardown);

Test(pins, save__one_key_or_two__load_gives_the_same)
{
  mst_pins loaded;
  cr_assert_eq(mst_pins_save(&pins, path, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_pins_load(path, &loaded, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_not(loaded.has_next);
  cr_expect_arr_eq(loaded.current.bytes, pins.current.bytes, MST_KEY_PUBLIC_BYTES);
  pins.next = *mst_key_public(next);
  pins.has_next = true;
  cr_assert_eq(mst_pins_save(&pins, path, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_pins_load(path, &loaded, &ctx), MST_OK, "%s", ctx.text);
  cr_expect(loaded.has_next);
  cr_expect_arr_eq(loaded.next.bytes, pins.next.bytes, MST_KEY_PUBLIC_BYTES);
}

Test(pins, load__no_file__absent)
{
  cr_expect_eq(mst_pins_load(path, &pins, &ctx), MST_EABSENT);
}

Test(pins, load__something_else_in_the_file__refused_with_a_remedy)
{
  const char *const texts[] = {"", "hello\n", "ed25519:00\n", "next ed25519:00\n"};
  for (size_t i = 0; i < 4; i++) {
    mst_pins loaded;
    cr_assert_eq(mst_file_replace(path, texts[i], strlen(texts[i]), 0644, NULL), MST_OK);
    cr_expect_neq(mst_pins_load(path, &loaded, &ctx), MST_OK, "\"%s\"", texts[i]);
    cr_expect_not_null(strstr(ctx.text, "enrol again"));
  }
}

Test(pins, open_plan__by_current_next_or_stranger__first_two_only)
{
  const mst_plan plan = {.name = {"p", 1}, .interval_ns = MST_NS_PER_S};
  mst_plan opened;
  mst_buf by_next;
  mst_buf_init(&by_next, MST_PLAN_MAX_BYTES);
  cr_assert_eq(mst_plan_seal(&plan, next, &by_next, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_pins_open_plan(&pins, by_next.data, by_next.size_bytes, &opened, &ctx), MST_ECRYPTO);
  pins.next = *mst_key_public(next);
  pins.has_next = true;
  cr_assert_eq(mst_pins_open_plan(&pins, by_next.data, by_next.size_bytes, &opened, &ctx), MST_OK, "%s", ctx.text);
  mst_plan_done(&opened);
  mst_buf_done(&by_next);
}

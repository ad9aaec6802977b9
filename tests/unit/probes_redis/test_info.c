/* What INFO says. */
#include <criterion/criterion.h>
#include <string.h>

#include "probes/redis/info.h"

static const char info[] =
    "# Server\r\nredis_version:7.0.15\r\n\r\n# Stats\r\nkeyspace_hits:90\r\nkeyspace_misses:10\nempty:\r\nused_memory:1.5e6\r\nlast:yes";

Test(info, lines__are_found_whole_and_by_their_whole_name)
{
  char text[16], small[4];
  double number = 0;

  cr_assert(mst_redis_info_text(info, "redis_version", text, sizeof text));
  cr_expect_str_eq(text, "7.0.15");
  cr_assert(mst_redis_info_text(info, "redis_version", small, sizeof small));
  cr_expect_str_eq(small, "7.0");
  cr_assert(mst_redis_info_text(info, "last", text, sizeof text));
  cr_expect_str_eq(text, "yes");
  cr_expect_not(mst_redis_info_text(info, "version", text, sizeof text));
  cr_expect_not(mst_redis_info_text(info, "redis", text, sizeof text));
  cr_expect_not(mst_redis_info_text("", "redis", text, sizeof text));
  cr_assert(mst_redis_info_number(info, "keyspace_misses", &number));
  cr_expect_float_eq(number, 10, 0);
  cr_assert(mst_redis_info_number(info, "used_memory", &number));
  cr_expect_float_eq(number, 1.5e6, 0);
  cr_expect_not(mst_redis_info_number(info, "redis_version", &number), "7.0.15 is no number");
  cr_expect_not(mst_redis_info_number(info, "empty", &number));
}

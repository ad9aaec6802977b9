/* Values in settings files, and what files were encrypted with. */
#include <criterion/criterion.h>
#include <string.h>

#include "probes/host/encryption.h"
#include "probes/host/settings.h"

static const char staging[] =
    "llm:\n  cost_limits: {daily_max: 50, hourly_max: 10.5}\n  primary: {temperature: 0.3, model: secret-model}\n"
    "flags:\n  - name: daao\n    on: true\n  - name: tumix\n    on: false\nkeep: {logs: 30d, size: 1GiB, share: 40%}\n";

static char reason[MST_SETTINGS_REASON_BYTES];

static mst_setting
read_one(const char *text, const char *place)
{
  const char *const pairs[] = {"field", place};
  mst_setting setting = {0};

  (void)mst_settings_read(text, strlen(text), pairs, 2, &setting, reason);
  return setting;
}

Test(settings, figures__are_read_in_their_units)
{
  static const struct {
    const char *place;
    double number;
  } cases[] = {{"llm.cost_limits.daily_max", 50},
               {"llm.cost_limits.hourly_max", 10.5},
               {"llm.primary.temperature", 0.3},
               {"keep.logs as d", 30},
               {"keep.logs as s", 30 * 86400.0},
               {"keep.size as By", 1073741824.0},
               {"keep.share", 0.4},
               {"flags[0].on", 1},
               {"flags[1].on", 0}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_setting setting = read_one(staging, cases[i].place);
    cr_expect(setting.has_number && !reason[0], "%s: %s", cases[i].place, reason);
    cr_expect_float_eq(setting.number, cases[i].number, 1e-9, "%s gives %g", cases[i].place, setting.number);
  }
  cr_expect_str_eq(read_one(staging, "flags[0].on").state, "true");
  cr_expect_str_eq(read_one("{\"a\": {\"b\": [false]}}", "a.b[0]").state, "false");
}

Test(settings, what_is_not_there_or_no_figure__is_said_without_a_word_of_the_file)
{
  static const char *const places[] = {"llm.none",           "llm", "flags[2].on", "flags.name", "llm.primary.model", "keep.logs",
                                       "keep.logs as weeks", "[0]", "llm..x"};

  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    mst_setting setting = read_one(staging, places[i]);
    cr_expect(!setting.has_number && reason[0], "%s", places[i]);
    cr_expect_null(strstr(reason, "secret-model"), "%s", reason);
  }
  cr_expect_not(read_one("a: [", "a").has_number);
  cr_expect(strstr(reason, "cannot be read as YAML"), "%s", reason);
  cr_expect_not(read_one("a: s3cret\na: 5\n", "a").has_number);
  cr_expect_null(strstr(reason, "s3cret"), "%s", reason);
}

Test(encryption, beginnings__are_told_apart)
{
  static const struct {
    const char *data;
    size_t size_bytes;
    const char *name;
  } cases[] = {
      {"age-encryption.org/v1\n-> X25519 abc", 34, "age"},
      {"-----BEGIN PGP MESSAGE-----\n", 28, "openpgp"},
      {"Salted__12345678abc", 19, "openssl"},
      {"LUKS\xba\xbe\0\2", 8, "luks"},
      {"\x8c\x0d\x04\x09\x03\x02\1\2\3\4\5\6\7\x08\x60\xd2\x40\x01xxxxxxxx", 27, "openpgp"}, /* gpg --symmetric */
      {"\x85\0\0\0\x02name\0\x06\0\0\0", 14, "none"},                                        /* BSON of 133 bytes */
      {"\x1f\x8b\x08\0", 4, "none"},
      {"-- MySQL dump", 13, "none"},
      {"", 0, "none"},
      {"\x85", 1, "none"},
      {"\xcb\x10"
       "bplain text",
       14, "none"}, /* a literal packet */
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_str_eq(mst_encryption_of(cases[i].data, cases[i].size_bytes), cases[i].name, "case %zu", i);
}

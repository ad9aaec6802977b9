/* Secrets and personal data: what is one, and what only looks like it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/key.h>
#include <mst/tails/scan.h>

static const uint8_t key[32] = {9};

static struct {
  char names[512];
  uint8_t print[MST_SCAN_PRINT_BYTES];
} got;

static void
found(void *arg, const mst_scan_find *find)
{
  (void)arg;
  if (!strstr(got.names, find->pattern)) {
    strncat(got.names, got.names[0] ? " " : "", sizeof got.names - strlen(got.names) - 1);
    strncat(got.names, find->pattern, sizeof got.names - strlen(got.names) - 1);
  }
  memcpy(got.print, find->print, sizeof got.print);
}

/* Made once for a key: compiling all patterns takes a while. */
static mst_scanner *
scanner_of(const uint8_t *with_key)
{
  static struct {
    uint8_t key;
    mst_scanner *scanner;
  } made[4];
  mst_errctx ctx = {0};
  size_t i = 0;

  while (made[i].scanner && made[i].key != with_key[0])
    i++;
  if (!made[i].scanner) {
    const mst_scan_setup setup = {.format = MST_SCAN_TEXT, .secrets = true, .pii = true, .fingerprint_key = with_key};
    cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
    cr_assert_eq(mst_scanner_create(&setup, &made[i].scanner, &ctx), MST_OK, "%s", ctx.text);
    made[i].key = with_key[0];
  }
  return made[i].scanner;
}

static mst_scan_counts
scan(const char *line, const uint8_t *with_key)
{
  mst_scanner *scanner = scanner_of(with_key);
  mst_scan_state state = {0};
  mst_scan_counts counts = {0};
  const mst_scan_job job = {.state = &state, .counts = &counts, .found = found};
  mst_errctx ctx = {0};

  memset(&got, 0, sizeof got);
  cr_assert_eq(mst_scanner_scan(scanner, &job, line, strlen(line), &ctx), MST_OK, "%s", ctx.text);
  return counts;
}

/* Planted ones are put together here, so that no scanner of repositories takes this file for a leak. */
#define SPLIT(a, b) a b

Test(secrets, each_kind__is_found)
{
  static const struct {
    const char *line, *name;
    int personal;
  } cases[] = {
      {"key " SPLIT("sk-", "proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4"), "openai-api-key", 0},
      {"key " SPLIT("sk-", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"), "openai-api-key", 0},
      {"x=" SPLIT("sk-ant-", "api03-a1B2c3D4e5F6g7H8i9J0"), "anthropic-api-key", 0},
      {"id " SPLIT("AKIA", "Q3EGU7XZP2LM5NRT"), "aws-access-key-id", 0},
      {"aws_secret_access_key = " SPLIT("wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYzq9XAmPLKE"), "aws-secret-access-key", 0},
      {SPLIT("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"), "google-api-key", 0},
      {SPLIT("ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"), "github-token", 0},
      {SPLIT("glpat-", "a1B2c3D4e5F6g7H8i9J0"), "gitlab-token", 0},
      {SPLIT("xoxb-", "123456789012-abcdefGHIJKL"), "slack-token", 0},
      {SPLIT("sk_live_", "a1B2c3D4e5F6g7H8i9J0"), "stripe-key", 0},
      {SPLIT("hf_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7"), "huggingface-token", 0},
      {SPLIT("npm_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"), "npm-token", 0},
      {SPLIT("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"), "jwt", 0},
      {"Authorization: Bearer " SPLIT("a1B2c3D4", "e5F6g7H8i9J0"), "bearer-token", 0},
      {"{\"authorization\": \"Basic " SPLIT("dXNlcjpw", "YXNzd29yZA==") "\"}", "basic-credentials", 0},
      {SPLIT("-----BEGIN RSA ", "PRIVATE KEY-----\\nMIIEowIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW5sVq\\n"), "private-key", 0},
      {SPLIT("-----BEGIN ", "PRIVATE KEY-----\nMIIEowIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW5sVq\n"), "private-key", 0},
      {"mongodb://app:" SPLIT("Tr0ub4", "dor3") "@db-1:27017/x", "url-password", 0},
      {"password=" SPLIT("Tr0ub4dor", "&3xyz9"), "assigned-password", 0},
      {"{\"api_key\": \"" SPLIT("q7R8s9T0", "u1V2w3X4") "\"}", "assigned-secret", 0},
      {"paid with 4111 1111 1111 1111", "card-number", 1},
      {"paid with 5500-0055-5555-5559", "card-number", 1},
      {"card 378282246310005", "card-number", 1},
      {"mail to jane.doe@company.de", "mail-address", 1},
      {"call +49 30 1234567 now", "phone-number", 1},
      {"call (212) 555-0123", "us-phone-number", 1},
      {"account DE89 3704 0044 0532 0130 00", "iban", 1},
      {"ssn 536-22-8726", "us-ssn", 1},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_scan_counts counts = scan(cases[i].line, key);
    cr_expect(strstr(got.names, cases[i].name), "%s: found \"%s\"", cases[i].line, got.names);
    cr_expect_geq(cases[i].personal ? counts.pii : counts.secrets, 1, "%s", cases[i].line);
    cr_expect_eq(cases[i].personal ? counts.secrets : counts.pii, 0, "%s: \"%s\"", cases[i].line, got.names);
  }
}

Test(secrets, what_only_looks_like_one__is_not)
{
  static const char *const lines[] = {
      "{\"ts\": 1795420000123456789, \"level\": \"info\", \"msg\": \"started\", \"pid\": 4111}",
      "2026-11-23T05:17:33.123456Z request 7c9e6679-7425-40de-944b-e07fc1f90ae7 took 12.5 ms",
      "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      "commit 356a192b7913b04c54574d18c28d46e6395428ab of 10.0.0.1:8080 and 2001:db8::1",
      "password=**** api_key=<redacted> token: [FILTERED] secret=xxxxxxxxxxxx pwd=${PASSWORD}",
      "password: null, api_key: undefined, secret = None",
      "Authorization: Bearer ***",
      "https://user:****@host/x and postgres://app:<password>@db/x",
      "version 1.2.3.4 build 20261123.1 at 192.168.100.200",
      "order 4111 1111 1111 1112 and 1234567890123456",
      "0000 0000 0000 0000",
      "git@github.com:a/b.git? no: user@localhost, root@example.com, icon@2x.png",
      "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
      "{\"total_tokens\": 1234567, \"max_tokens\": 4096}",
      "tokenizer=sentencepiece, secretary=present, password_policy enabled",
      "DE89 3704 0044 0532 0130 01",
      "call 000-00-0000 or 666-12-3456",
      "latency_ms=123456789 bytes=9876543210 rows=5500005555555559999",
      "2026-11-23 05:17:33 +0000 GET /api/v1/users/123456789 200",
      "-----BEGIN PUBLIC KEY-----",
      "expected -----BEGIN RSA PRIVATE KEY----- at the beginning of the file",
      "skip sk-test and task-runner-with-a-long-name-of-words",
  };

  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    mst_scan_counts counts = scan(lines[i], key);
    cr_expect_eq(counts.secrets + counts.pii, 0, "%s: found \"%s\"", lines[i], got.names);
  }
}

Test(secrets, fingerprint__is_of_the_value_and_of_the_key)
{
  static const uint8_t other_key[32] = {8};
  uint8_t first[MST_SCAN_PRINT_BYTES];

  scan("paid with 4111 1111 1111 1111", key);
  memcpy(first, got.print, sizeof first);
  scan("again 4111 1111 1111 1111, thanks", key);
  cr_expect_arr_eq(first, got.print, sizeof first);
  scan("paid with 5500-0055-5555-5559", key);
  cr_expect_arr_neq(first, got.print, sizeof first);
  scan("paid with 4111 1111 1111 1111", other_key);
  cr_expect_arr_neq(first, got.print, sizeof first);
}

Test(secrets, several_on_a_line__count_each)
{
  cr_expect_eq(scan("a@b.de c@d.fr e@f.it", key).pii, 3);
}

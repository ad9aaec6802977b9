/* Any bytes as log lines: scanned whole and line by line they count the same. */
#include <stdlib.h>
#include <string.h>

#include <mst/common/key.h>
#include <mst/tails/scan.h>

static const mst_scan_rule rules[] = {{.name = "audit", .pattern = "\"event\": ?\"audit"},
                                      {.name = "errors", .pattern = ".", .levels = 1U << MST_LEVEL_ERROR},
                                      {.name = "behind", .pattern = "(?<=user=)root"}};
static mst_scanner *scanners[4];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  static const uint8_t key[32];

  (void)argc, (void)argv;
  if (mst_crypto_start(NULL) != MST_OK)
    abort();
  for (int format = 0; format < 4; format++) {
    const mst_scan_setup setup = {.format = (mst_scan_format)format,
                                  .rules = rules,
                                  .rule_count = 3,
                                  .required = 7,
                                  .secrets = true,
                                  .pii = true,
                                  .no_hyperscan = format % 2 > 0,
                                  .fingerprint_key = key};
    if (mst_scanner_create(&setup, &scanners[format], NULL) != MST_OK)
      abort();
  }
  return 0;
}

static void
scan(mst_scanner *scanner, mst_scan_state *state, mst_scan_counts *counts, const char *text, size_t size)
{
  const mst_scan_job job = {.state = state, .counts = counts};

  if (mst_scanner_scan(scanner, &job, text, size, NULL) != MST_OK)
    abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  mst_scan_state state = {0}, other = {0};
  mst_scan_counts whole = {0}, pieces = {0};

  if (size < 2)
    return 0;
  mst_scanner *scanner = scanners[data[0] & 3];
  const char *text = (const char *)data + 1, *end = text + size - 1;
  scan(scanner, &state, &whole, text, size - 1);
  for (const char *at = text; at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline + 1 : end;
    uint8_t bytes[MST_SCAN_STATE_BYTES];
    scan(scanner, &other, &pieces, at, (size_t)(stop - at));
    mst_scan_state_encode(&other, bytes);
    mst_scan_state_decode(bytes, &other);
    at = stop;
  }
  if (memcmp(&whole, &pieces, sizeof whole) != 0)
    abort();
  return 0;
}

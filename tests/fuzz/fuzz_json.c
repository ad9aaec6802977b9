/* Paths and expectations of a plan, and a document of a service: the first line is a path, the second an expectation, the rest JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mst/json/expect.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *
take_line(const uint8_t *at, const uint8_t *end, char line[static 256])
{
  const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
  size_t length = (size_t)((stop ? stop : end) - at);

  length = length < 255 ? length : 255;
  memcpy(line, at, length);
  line[length] = '\0';
  return stop ? stop + 1 : end;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char path[256], text[256], reason[MST_JSON_REASON_BYTES];
  const uint8_t *end = data + size, *rest;
  mst_json_expect *expect = NULL;
  mst_errctx why;
  json_t *root = NULL;

  rest = take_line(data, end, path);
  rest = take_line(rest, end, text);
  if (mst_json_read((const char *)rest, (size_t)(end - rest), &root, &why) != MST_OK)
    root = NULL;
  if (mst_json_expect_parse(path, text, &expect, &why) == MST_OK && root) {
    bool holds = mst_json_expect_holds(expect, root, reason);
    if (holds != (reason[0] == '\0') || strlen(reason) >= MST_JSON_REASON_BYTES)
      abort();
  }
  mst_json_expect_destroy(expect);
  json_decref(root);
  return 0;
}

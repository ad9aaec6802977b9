/* JSON texts from outside; see mst/json/document.h. */
#include <mst/json/document.h>

#include <stdbool.h>
#include <string.h>

/* How deep lists and objects stand in each other; what is no JSON is jansson's to refuse. */
static size_t
depth_of(const char *text, size_t size_bytes)
{
  size_t depth = 0, deepest = 0;
  bool is_text = false;

  for (size_t i = 0; i < size_bytes; i++) {
    char c = text[i];
    if (is_text) {
      i += c == '\\';
      is_text = c != '"';
    } else if (c == '"') {
      is_text = true;
    } else if (c == '{' || c == '[') {
      depth++;
      deepest = depth > deepest ? depth : deepest;
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
  }
  return deepest;
}

mst_err
mst_json_read(const char *text, size_t size_bytes, json_t **ret_root, mst_errctx *ctx)
{
  json_error_t wrong;

  if (depth_of(text, size_bytes) > MST_JSON_DEPTH_MAX)
    return mst_fail(ctx, MST_ELIMIT, "JSON of over %d levels", MST_JSON_DEPTH_MAX);
  *ret_root = json_loadb(text, size_bytes, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
  if (*ret_root)
    return MST_OK;
  if (json_error_code(&wrong) == json_error_out_of_memory)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a JSON document");
  return mst_fail(ctx, MST_EMALFORMED, "no JSON: line %d, column %d: %.120s", wrong.line, wrong.column, wrong.text);
}

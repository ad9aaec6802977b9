#ifndef MST_JSON_PATH_H
#define MST_JSON_PATH_H

#include <stdbool.h>

#include <mst/json/document.h>

/* Where in a JSON document something stands: a part of RFC 9535's JSONPath. "$" is the document itself and may be left out before a name:
 *   tasks[0].state   $.usage.total_tokens   $['odd name'].x   items[-1]   items[*].id
 * Names without quotes hold letters, digits, _ and -. A negative number counts from the end; [*] stands for every element of a list or
 * value of an object. Const once made: any thread. */
typedef struct mst_json_path mst_json_path;

enum {
  MST_JSON_PATH_STEPS_MAX = 32,
  MST_JSON_PATH_NAME_BYTES = 128,
};

/* MST_EUSAGE says where it is wrong; MST_ENOMEM. */
mst_err mst_json_path_parse(const char *text, mst_json_path **ret_path, mst_errctx *ctx) MST_MUST_USE;
void mst_json_path_destroy(mst_json_path *path);
/* As it was written. */
const char *mst_json_path_text(const mst_json_path *path);
/* The only value, or the first of several; NULL: there is none. Borrowed from root. */
const json_t *mst_json_path_first(const mst_json_path *path, const json_t *root);
/* Calls take for each value in the document's order until it returns false. Returns for how many. */
size_t mst_json_path_each(const mst_json_path *path, const json_t *root, bool (*take)(void *arg, const json_t *value), void *arg);

#endif

#ifndef MST_JSON_EXPECT_H
#define MST_JSON_EXPECT_H

#include <mst/json/path.h>

/* What must hold for a value of a JSON document, as people write it:
 *   == 5    != 0    < 2.5    <= 3    > 0    >= 15     a number
 *   is ok   is not error   is true   is null          a text, a boolean or null, exactly
 *   in ok, degraded                                    one of these texts
 *   matches ^task-\d+$    not matches Traceback        a text, by PCRE2
 *   exists   absent                                    whether it is there at all
 *   length >= 3                                        how many elements, members or characters (Unicode code points) it has; any of the
 * comparisons type list                                          object, list, text, number, boolean or null acyclic by id, depends_on a
 * list of objects, each with a name and a list of names of others that come before: no circle, and none that is missing With a path of
 * several values it must hold for each of them, and there must be one. Const once made: any thread. */
typedef struct mst_json_expect mst_json_expect;

enum { MST_JSON_REASON_BYTES = 224 };

/* MST_EUSAGE, MST_ENOMEM. */
mst_err mst_json_expect_parse(const char *path, const char *text, mst_json_expect **ret_expect, mst_errctx *ctx) MST_MUST_USE;
void mst_json_expect_destroy(mst_json_expect *expect);
/* reason: "" or "tasks[0].state is \"failed\"; wanted: is ok". */
bool mst_json_expect_holds(const mst_json_expect *expect, const json_t *root, char reason[static MST_JSON_REASON_BYTES]);

/* acyclic.c: whether no object of the list comes, over any number of others, before itself. problem: names who does, or is missing. */
bool mst_json_is_acyclic(const json_t *list, const char *name_key, const char *before_key, char problem[static MST_JSON_REASON_BYTES]);

#endif

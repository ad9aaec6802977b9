#ifndef MST_EXPOSITION_SELECT_H
#define MST_EXPOSITION_SELECT_H

#include <mst/exposition/parse.h>

/* Which series are meant: name{a="x",b!="y",c=~"re",d!~"re"}, as PromQL's instant vector selectors
 * (https://prometheus.io/docs/prometheus/latest/querying/basics/): a label that a series has not is "", patterns (PCRE2 here, RE2 there)
 * must match the whole value. */
typedef struct mst_selector mst_selector;

enum { MST_SELECTOR_MATCHERS_MAX = 32 }; /* more conditions than anyone writes */

/* MST_EUSAGE says what to write; MST_ENOMEM. One thread at a time for one selector: its patterns have one place to match in. */
mst_err mst_selector_create(const char *text, mst_selector **ret_selector, mst_errctx *ctx) MST_MUST_USE;
void mst_selector_destroy(mst_selector *selector);
/* name: in place of the sample's own, or NULL. MST_ELIMIT: a pattern went over its steps. */
mst_err mst_selector_match(mst_selector *selector, const mst_exposition_sample *sample, const char *name, bool *ret_matches,
                           mst_errctx *ctx) MST_MUST_USE;

#endif

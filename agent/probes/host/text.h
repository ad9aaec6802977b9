#ifndef MST_PROBES_HOST_TEXT_H
#define MST_PROBES_HOST_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What stands in texts that people write. Pure: any thread. The text ends in NUL at text[size_bytes]; one inside ends it earlier. */

/* Whether a line NAME=VALUE (also `export NAME=VALUE`) with a value stands in it; "" and '' are none. The last such line counts, as it does
 * for a shell. */
bool mst_text_has_setting(const char *text, const char *name);
/* Whether a Markdown heading (ATX: "## Title", CommonMark 0.31 section 4.2) with this title, in any case, stands in it, and something below
 * it before the next heading of its level or a higher one. Lines within ``` or ~~~ are no headings. ret_is_empty: it stands there, with
 * nothing below. */
bool mst_text_has_heading(const char *text, const char *title, bool *ret_is_empty);

#endif

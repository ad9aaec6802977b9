#ifndef MST_PROTO_PROBE_H
#define MST_PROTO_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* What kinds of probes there are, which options each takes and which figures it gives: the controller holds plans against it, agents read
 * options by it, docs/probes.md is checked against it. One kind is one file in proto/probes/ and one line in proto/probe.c; how it measures
 * is in agent/probes/. */
#pragma GCC visibility push(hidden) /* the agent and its modules each have their own */

enum {
  MST_PROBES_MAX = 640, /* of one plan: more than any checklist names, and what one thread of an agent runs every 10 s */
  MST_PROBE_NAME_MAX_BYTES = 128,
  MST_PROBE_LIST_MAX = 64, /* entries of a list or a map */
  MST_PROBE_RETRIES_MAX = 10,
  MST_PROBE_STEPS_MAX = 16,
};

typedef enum mst_probe_type {
  MST_PROBE_TEXT,    /* one text of 1..2048 bytes */
  MST_PROBE_TEXTS,   /* a list of such; one alone is a list of one */
  MST_PROBE_MAP,     /* names and texts; on the wire name, text, name, text, ... */
  MST_PROBE_PATTERN, /* PCRE2 */
  MST_PROBE_PATTERNS,
  MST_PROBE_CHOICE,   /* one of choices */
  MST_PROBE_BOOL,     /* true or false */
  MST_PROBE_INTEGER,  /* min..max */
  MST_PROBE_NUMBER,   /* "0.5", "50%", within min..max */
  MST_PROBE_DURATION, /* "5s"; min..max in ns */
  MST_PROBE_SIZE,     /* "10MiB"; min..max in bytes */
  MST_PROBE_ADDRESS,  /* HOST:PORT or [IPv6]:PORT */
  MST_PROBE_URL,      /* http:// or https:// */
  MST_PROBE_PATH,     /* absolute */
  MST_PROBE_SECRET,   /* env:NAME or file:/PATH on the host that probes; the secret itself never stands in a plan */
  MST_PROBE_SECRETS,  /* a map of names and such references */
  MST_PROBE_SUITE,    /* in a plan the name of a list of attacks, a-z 0-9 _ -; on the wire its texts */
  MST_PROBE_STEPS,    /* a list of maps, each with the options `each`; on the wire one option for each of theirs, "steps.1.url" from 1 on */
} mst_probe_type;

typedef struct mst_probe_option {
  const char *key;
  mst_probe_type type;
  bool is_required;
  const char *default_text;   /* read as if it stood in the plan; NULL: it may be left out */
  double min, max;            /* both 0: no bounds but the type's own. Of lists and maps: their entries */
  const char *const *choices; /* NULL-terminated */
  const char *help;
  const struct mst_probe_option *each; /* of MST_PROBE_STEPS */
  size_t each_count;
} mst_probe_option;

/* A figure (muster.probe.value) or a text (muster.probe.state, when unit is NULL) of a kind, told apart by the label field=. */
typedef struct mst_probe_field {
  const char *name; /* a name ending in * stands for those that an option names */
  const char *unit; /* UCUM; one of mst_probe_units */
  const char *help;
} mst_probe_field;

typedef struct mst_probe_schema {
  const char *name;
  const char *help;
  const mst_probe_option *options;
  size_t option_count;
  const mst_probe_field *fields;
  size_t field_count;
  const char *const *phases; /* of muster.probe.phase.duration, NULL-terminated; NULL: none */
} mst_probe_schema;

/* In the order of their names. */
extern const mst_probe_schema *const mst_probe_schemas[];
extern const size_t mst_probe_schemas_count;
extern const char *const mst_probe_units[]; /* NULL-terminated */

const mst_probe_schema *mst_probe_schema_find(const char *kind);
/* By the option's key, or a step's: "steps.1.url" gives the row `url` of steps. NULL: the kind has none of that name. */
const mst_probe_option *mst_probe_schema_option(const mst_probe_schema *schema, const char *key);
/* NULL: it gives no such figure. */
const mst_probe_field *mst_probe_schema_field(const mst_probe_schema *schema, const char *name);

/* Whether a scalar is one of that type; patterns are not compiled here. MST_EUSAGE says what to write. Any thread. */
mst_err mst_probe_scalar_check(const mst_probe_option *option, const char *text, mst_errctx *ctx) MST_MUST_USE;

/* A number with its unit's worth: "0.5", "50%", "-1". MST_EUSAGE. */
mst_err mst_probe_number_parse(const char *text, double *ret_number, mst_errctx *ctx) MST_MUST_USE;

enum { MST_PROBE_HOST_BYTES = 256 };
typedef struct mst_probe_address {
  char host[MST_PROBE_HOST_BYTES]; /* a name or an address, without brackets */
  uint16_t port;
} mst_probe_address;
/* "host:80", "127.0.0.1:80", "[::1]:80". MST_EUSAGE. */
mst_err mst_probe_address_parse(const char *text, mst_probe_address *ret_address, mst_errctx *ctx) MST_MUST_USE;

#pragma GCC visibility pop

#endif

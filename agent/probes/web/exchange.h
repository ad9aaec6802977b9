#ifndef MST_PROBES_WEB_EXCHANGE_H
#define MST_PROBES_WEB_EXCHANGE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <mst/json/expect.h>
#include <mst/probes/probe.h>

#include "vars.h"
#include "web.h"

/* A request as a plan writes it, and what its answer must be: the options of kind http, or of one step of kind scenario
 * (proto/probes/web_options.h). Const after mst_exchange_open. */

/* One of the statuses that are wanted: from..to; closed: the connection ended instead. */
typedef struct mst_status_range {
  int from, to;
  bool is_closed;
} mst_status_range;

typedef struct mst_statuses {
  mst_status_range ranges[MST_PROBE_LIST_MAX];
  size_t count;
} mst_statuses;

/* "200", "2xx", "200-299", "closed". MST_EUSAGE names the option. */
mst_err mst_statuses_read(const mst_probe_options *options, const char *key, mst_statuses *ret_statuses, mst_errctx *ctx) MST_MUST_USE;
bool mst_statuses_have(const mst_statuses *statuses, const mst_web_answer *answer);
/* "2xx, 404", as it was written. */
const char *mst_statuses_text(const mst_probe_options *options, const char *key, char text[static MST_WEB_TEXT_BYTES]);

/* Where a figure, a text or a captured value is found. */
typedef struct mst_pick {
  const char *name; /* the options' */
  enum { MST_PICK_JSON, MST_PICK_HEADER, MST_PICK_BODY, MST_PICK_STATUS } kind;
  mst_json_path *path; /* owned */
  pcre2_code *pattern; /* owned; its first group counts, or the whole match */
  const char *header;  /* the options' */
  const char *unit;    /* of mst_probe_units */
  bool is_length;
  const char *counted; /* the options': how many of the values are this text; NULL: it is no such count */
} mst_pick;

typedef struct mst_exchange_spec {
  mst_probe_options options; /* of the step, or of the probe */
  char label[48];            /* "" or "step 2 (login): " */
  const char *method, *url, *body, *ca_file;
  const char *const *headers; /* name, value, ... */
  size_t header_count;        /* of both */
  mst_web_version version;
  bool is_insecure;
  int follow;
  double clock_offset_s;
  const char *sign_what, *sign_with; /* NULL: it is not signed */
  bool is_signed_base64;

  mst_statuses statuses;
  int64_t min_size_bytes, max_size_bytes, max_duration_ns;
  pcre2_code *patterns[2 * MST_PROBE_LIST_MAX]; /* owned: those that must match, then those that must not */
  size_t match_count, pattern_count;
  mst_json_expect *expects[MST_PROBE_LIST_MAX]; /* owned */
  size_t expect_count;
  struct {
    const char *name;
    pcre2_code *pattern; /* owned */
  } header_patterns[MST_PROBE_LIST_MAX];
  size_t header_pattern_count;
  const char *const *header_absent, *const *cookie_flags;
  size_t header_absent_count, cookie_flag_count;
  mst_pick *picks; /* owned; captures, values, states, in this order */
  size_t capture_count, value_count, state_count;
} mst_exchange_spec;

/* MST_EUSAGE, MST_ENOMEM. The options must live as long as the spec. url and the like may hold {{NAME}}. */
mst_err mst_exchange_open(const mst_probe_options *options, const char *label, mst_exchange_spec **ret_spec, mst_errctx *ctx) MST_MUST_USE;
void mst_exchange_close(mst_exchange_spec *spec);

/* ---- one exchange ---- */

typedef struct mst_exchange mst_exchange; /* under way */

enum { MST_EXCHANGE_REASON_BYTES = 512 /* the prober keeps 255 */ };

typedef struct mst_exchange_result {
  bool is_ok;
  char reason[MST_EXCHANGE_REASON_BYTES]; /* "" when ok */
  const mst_web_answer *answer;           /* of the last request; NULL: it could not even be made */
  int64_t took_ns;                        /* with redirections */
  int redirections;
} mst_exchange_result;

typedef struct mst_exchange_setup {
  mst_web *web;
  const mst_exchange_spec *spec;
  mst_vars *vars;         /* read; captures are written */
  const mst_clock *clock; /* of {{timestamp}} */
  int64_t timeout_ns;
  mst_probe_attempt *attempt; /* gets values and states; NULL: nobody does */
  bool checks_nothing;        /* any answer is a good one: the caller looks at it */
  /* As mst_web_request's; NULL: the body is kept, up to max_size. Those of redirections do not come here. */
  bool (*head)(void *arg, int status, const char *content_type);
  bool (*take)(void *arg, const char *data, size_t size_bytes);
  void (*done)(void *arg, const mst_exchange_result *result); /* as mst_web_request's, but may come within begin */
  void *arg;
} mst_exchange_setup;

/* Fills in, signs, sends, follows, checks. It is freed after done(); NULL: done() was called already. */
mst_exchange *mst_exchange_begin(const mst_exchange_setup *setup);
/* For one whose web was closed before done(). NULL is fine. */
void mst_exchange_drop(mst_exchange *exchange);

/* check.c: whether the answer is as wanted; writes the reason. Values, states and captures are taken from it too. */
bool mst_exchange_check(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, mst_vars *vars,
                        mst_probe_attempt *attempt, char reason[static MST_EXCHANGE_REASON_BYTES]);
/* pick.c */
mst_err mst_pick_read(const mst_probe_options *options, const char *key, mst_pick *ret_picks, size_t *ret_count,
                      mst_errctx *ctx) MST_MUST_USE;
void mst_pick_done(mst_pick *pick);
/* The value as a text of at most MST_WEB_TEXT_BYTES - 1 bytes; root may be NULL. False: it is not there. */
bool mst_pick_text(const mst_pick *pick, const mst_web_answer *answer, const json_t *root, char text[static MST_WEB_TEXT_BYTES]);
bool mst_pick_number(const mst_pick *pick, const mst_web_answer *answer, const json_t *root, double *ret_number);
/* A pattern of an option. */
mst_err mst_pattern_compile(const char *key, const char *text, pcre2_code **ret_pattern, mst_errctx *ctx) MST_MUST_USE;
/* 1: it matches, 0: not, below: it could not be tried. ret_group (may be NULL): the first group, or the whole match. */
int mst_pattern_match(const pcre2_code *pattern, const char *text, size_t size_bytes, char *ret_group, size_t group_bytes);

#endif

#ifndef MST_TAILS_SCAN_STATE_H
#define MST_TAILS_SCAN_STATE_H

/* Shared by the scanner's own files only. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <mst/tails/scan.h>

typedef struct mst_line {
  const char *at;
  size_t length; /* without newline and carriage return */
} mst_line;

/* ---- scan_levels.c. Pure ---- */
/* "warning", "ERR", "4": any case; MST_LEVEL_UNKNOWN for others. */
mst_log_level mst_level_of_name(const char *text, size_t length);
/* Numbers of bunyan and pino (10 to 60). */
mst_log_level mst_level_of_number(long long number);
/* Of a text line, by what stands where levels stand; never by a word in the message. */
mst_log_level mst_level_of_line(mst_line line);

/* ---- scan_lines.c. Pure ---- */
typedef enum mst_continuation {
  MST_LINE_BEGINS,
  MST_LINE_CONTINUES,
  MST_LINE_TRACES /* continues, and is part of a stack trace */
} mst_continuation;
/* What a text line is to the record before it. */
mst_continuation mst_line_continues(mst_line line, const mst_scan_state *state);
/* Whether text has what stack traces have. */
bool mst_text_has_trace(const char *text, size_t length);

/* ---- scan_json.c ---- */
typedef struct mst_json mst_json;
typedef struct mst_json_result {
  bool is_valid;   /* one JSON object and nothing else */
  uint32_t fields; /* bits of mst_scan_field that are there and not empty */
  mst_log_level level;
  const char *log; /* of a Docker line: its text, decoded; borrowed until the next line */
  size_t log_length;
} mst_json_result;
mst_err mst_json_create(const mst_scan_setup *setup, mst_json **ret_json, mst_errctx *ctx) MST_MUST_USE;
void mst_json_destroy(mst_json *json);
mst_err mst_json_parse(mst_json *json, mst_line line, mst_json_result *ret_result, mst_errctx *ctx) MST_MUST_USE;

/* ---- scan_secrets.c ---- */
typedef struct mst_secret_pattern {
  const char *name;
  bool is_secret;
  const char *pattern; /* the secret is its first group, or the whole where it has none */
  bool ignore_case;
  /* NULL, or whether text is what it looks like. */
  bool (*confirm)(const char *text, size_t length);
} mst_secret_pattern;
extern const mst_secret_pattern mst_secret_patterns[];
extern const size_t mst_secret_pattern_count;

/* ---- scan_patterns.c ---- */
enum { MST_PATTERNS_MAX = 128 };
typedef struct mst_pattern {
  pcre2_code *code;                 /* owned */
  const mst_secret_pattern *secret; /* NULL: a rule */
  uint32_t rule;                    /* its number */
  uint32_t levels;
  bool is_scanned;  /* by Hyperscan; else it is tried on each line */
  const char *last; /* the line that it was tried on last in this block */
} mst_pattern;
typedef struct mst_patterns {
  mst_pattern list[MST_PATTERNS_MAX];
  size_t count;
  size_t tried;             /* how many are not scanned */
  uint32_t levels;          /* of all that are limited to levels */
  void *database, *scratch; /* Hyperscan's; NULL: none */
  pcre2_match_data *match;
  pcre2_match_context *limits;
  uint8_t key[32];
} mst_patterns;
mst_err mst_patterns_init(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx) MST_MUST_USE;
void mst_patterns_done(mst_patterns *patterns);
/* Counts, in one block of lines, what Hyperscan finds. MST_EIO is a bug. */
mst_err mst_patterns_scan(mst_patterns *patterns, const mst_scan_job *job, const char *data, size_t size_bytes,
                          mst_errctx *ctx) MST_MUST_USE;
/* Tries the others on one line of a record of that level. */
void mst_patterns_try(mst_patterns *patterns, const mst_scan_job *job, mst_line line, mst_log_level level);

struct mst_scanner {
  mst_scan_format format;
  bool has_lines;
  bool is_inside; /* the line is one of an entry, but not its first */
  uint32_t required;
  mst_json *json;
  mst_patterns patterns;
};

#endif

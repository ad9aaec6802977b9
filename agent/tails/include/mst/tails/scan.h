#ifndef MST_TAILS_SCAN_H
#define MST_TAILS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* What log lines say: levels, records over several lines, rules, secrets, whether they can be parsed. No file and no clock in it. A scanner
 * is made once for a log and used by one thread. Opaque. */
typedef struct mst_scanner mst_scanner;

enum {
  MST_SCAN_RULES_MAX = 64,
  MST_SCAN_PATTERNS_MAX = 64,      /* kinds of secrets and personal data that are known */
  MST_SCAN_NAMES_MAX = 24,         /* of one field */
  MST_SCAN_STATE_BYTES = 16,       /* of an encoded mst_scan_state */
  MST_SCAN_PRINT_BYTES = 8,        /* of a fingerprint: equal secrets can be told, and 2^32 of them without a collision */
  MST_SCAN_LINE_LOOK_BYTES = 1024, /* of a text line that levels and continuations are looked for in */
};

typedef enum mst_log_level {
  MST_LEVEL_TRACE,
  MST_LEVEL_DEBUG,
  MST_LEVEL_INFO,
  MST_LEVEL_WARN,
  MST_LEVEL_ERROR,
  MST_LEVEL_FATAL,
  MST_LEVEL_UNKNOWN,
  MST_LEVELS,
} mst_log_level;

/* AUTO: a line that begins with { is JSON, others are text. JSON: each line should be JSON. DOCKER: lines of Docker's json-file driver;
 * what they wrap is looked at as AUTO. */
typedef enum mst_scan_format { MST_SCAN_AUTO, MST_SCAN_JSON, MST_SCAN_TEXT, MST_SCAN_DOCKER } mst_scan_format;
typedef enum mst_scan_field {
  MST_FIELD_TIMESTAMP,
  MST_FIELD_LEVEL,
  MST_FIELD_MESSAGE,
  MST_FIELD_TRACE,
  MST_FIELD_TRACE_ID,
  MST_SCAN_FIELDS,
} mst_scan_field;
typedef enum mst_scan_quality {
  MST_QUALITY_JSON,
  MST_QUALITY_REQUIRED_FIELDS,
  MST_QUALITY_ERROR_WITH_STACK_TRACE,
  MST_QUALITY_TRACE_ID,
  MST_SCAN_QUALITIES,
} mst_scan_quality;

typedef struct mst_scan_rule {
  const char *name, *pattern; /* PCRE2; borrowed for the call. Looked for in each line by itself, without its newline */
  uint32_t levels;            /* bits of mst_log_level; 0: any */
  bool ignore_case;
} mst_scan_rule;

typedef struct mst_scan_setup {
  mst_scan_format format;
  const mst_scan_rule *rules;
  size_t rule_count;
  const char *const *names[MST_SCAN_FIELDS]; /* looked for before the usual ones; NULL-terminated, or NULL. Borrowed for the call */
  uint32_t required;                         /* bits of mst_scan_field */
  bool secrets, pii;
  bool no_lines;                  /* rules and secrets only: levels, records and qualities are not counted; every level is UNKNOWN */
  bool no_hyperscan;              /* PCRE2 alone, as where there is no Hyperscan */
  const uint8_t *fingerprint_key; /* 32 bytes; copied */
} mst_scan_setup;

/* MST_EMALFORMED: a pattern is wrong; the text names the rule, the place and the reason. MST_ELIMIT: too many rules. */
mst_err mst_scanner_create(const mst_scan_setup *setup, mst_scanner **ret_scanner, mst_errctx *ctx) MST_MUST_USE;
void mst_scanner_destroy(mst_scanner *scanner);

/* What is open at the end of what was scanned of one file. Zero: nothing is. */
typedef struct mst_scan_state {
  bool is_open;      /* a record */
  bool has_trace;    /* which has frames of a stack trace */
  bool is_in_trace;  /* and whose last line was one of a stack trace */
  bool is_in_python; /* one of Python, whose exception stands behind it */
  bool is_part;      /* the last line was a part of one that Docker split */
  uint8_t level;     /* of the record */
  uint8_t key_lines; /* in how many more lines the bytes of a private key are looked for; 0: none was begun */
} mst_scan_state;
void mst_scan_state_encode(const mst_scan_state *state, uint8_t ret_bytes[static MST_SCAN_STATE_BYTES]);
/* Bytes that are none of its own give a state in which nothing is open. */
void mst_scan_state_decode(const uint8_t bytes[static MST_SCAN_STATE_BYTES], mst_scan_state *ret_state);

/* Cumulative. Rules count lines that fit, each line once for a rule, at the level of the line's record. Secrets count each place. */
typedef struct mst_scan_counts {
  uint64_t lines, records, invalid_lines;
  uint64_t levels[MST_LEVELS];
  uint64_t rules[MST_SCAN_RULES_MAX];
  uint64_t rule_errors; /* lines on which a pattern took too long: they do not count as fitting */
  uint64_t secrets, pii;
  uint64_t patterns[MST_SCAN_PATTERNS_MAX]; /* secrets and pii by kind, in the order of mst_scan_pattern_at */
  uint64_t checked[MST_SCAN_QUALITIES], passed[MST_SCAN_QUALITIES];
} mst_scan_counts;

typedef struct mst_scan_find {
  const char *pattern; /* "openai-api-key"; static */
  bool is_secret;      /* else personal data */
  uint8_t print[MST_SCAN_PRINT_BYTES];
} mst_scan_find;

/* The static name of a pattern of that name; NULL when there is none. */
const char *mst_scan_pattern_name(const char *name);
/* The name of the pattern of that number; NULL after the last. */
const char *mst_scan_pattern_at(size_t number);

typedef struct mst_scan_job {
  mst_scan_state *state;
  mst_scan_counts *counts;
  bool is_entry; /* data is one entry of a journal: its first line may go on with the open record, the others go on with the first */
  mst_log_level entry_level;                           /* of an entry whose text says none */
  void (*found)(void *arg, const mst_scan_find *find); /* for each secret; may be NULL. Must not call the scanner */
  void *arg;
  bool is_cut; /* data is one line, of which the end is missing: whether it is JSON cannot be told, and is not counted */
} mst_scan_job;

/* data: whole lines, the last of which may lack its newline. Nothing in them is an error. Where a file is cut into calls makes no
 * difference. MST_ENOMEM: some of it may have been counted. */
mst_err mst_scanner_scan(mst_scanner *scanner, const mst_scan_job *job, const char *data, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;
/* The file is over: so is its open record. */
void mst_scanner_finish(mst_scanner *scanner, const mst_scan_job *job);

#endif

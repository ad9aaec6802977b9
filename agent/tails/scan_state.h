#ifndef MST_TAILS_SCAN_STATE_H
#define MST_TAILS_SCAN_STATE_H

/* Shared by the scanner's own files only. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <mst/common/buf.h>
#include <mst/tails/scan.h>

typedef struct mst_line {
  const char *at;
  size_t length; /* without newline and carriage return */
} mst_line;

/* ---- scan_levels.c. Pure ---- */
/* How numbers stand for levels. */
typedef enum mst_level_scale {
  MST_SCALE_USUAL,  /* bunyan and pino from 10 on (10 is trace, 60 fatal), syslog below */
  MST_SCALE_SYSLOG, /* RFC 5424: 0 emergency to 7 debug */
  MST_SCALE_PYTHON, /* 10 debug to 50 critical */
  MST_SCALE_OTEL,   /* OpenTelemetry's severity_number: 1 to 24 */
} mst_level_scale;
/* "warning", "ERR": any case; MST_LEVEL_UNKNOWN for others. */
mst_log_level mst_level_of_name(const char *text, size_t length);
mst_log_level mst_level_of_number(mst_level_scale scale, long number);
/* Of a text line, by what stands where levels stand; never by a word in the message. */
mst_log_level mst_level_of_line(mst_line line);

/* ---- scan_lines.c. Pure ---- */
typedef enum mst_continuation {
  MST_LINE_BEGINS,
  MST_LINE_CONTINUES,
  MST_LINE_FRAME,     /* continues, and is a place in a stack trace */
  MST_LINE_PYTHON,    /* in one of Python, whose exception stands behind its places */
  MST_LINE_IN_TRACE,  /* continues, and more of a stack trace follows */
  MST_LINE_EXCEPTION, /* continues, and ends one */
} mst_continuation;
/* What a text line is to the record before it. */
mst_continuation mst_line_continues(mst_line line, const mst_scan_state *state);
/* "Traceback (most recent call last)" at its beginning. */
bool mst_line_is_traceback(mst_line line);
/* Whether a text has a stack trace: raw JSON, in which line ends are written as \n. */
bool mst_text_has_trace(const char *text, size_t length);

/* ---- scan_names.c: what fields are called ---- */
typedef struct mst_names mst_names;
typedef struct mst_name {
  const char *text; /* owned by the table */
  uint16_t length, next;
  uint16_t rank;  /* of two names of a field on one line the lower one counts */
  int8_t field;   /* mst_scan_field; -1: only the beginning of names */
  uint8_t scale;  /* mst_level_scale of its numbers */
  bool is_prefix; /* names go on behind a dot: within the map that is its value */
} mst_name;
/* The names of setup and the usual ones; setup NULL: what Docker calls the line that it wraps, as the message. */
mst_err mst_names_create(const mst_scan_setup *setup, mst_names **ret_names, mst_errctx *ctx) MST_MUST_USE;
void mst_names_destroy(mst_names *names);
/* NULL: none of that name. */
const mst_name *mst_names_find(const mst_names *names, const char *key, size_t length);

/* ---- scan_json.c. Pure ---- */
typedef struct mst_json {
  bool is_valid;   /* one JSON object and nothing else */
  uint32_t fields; /* bits of mst_scan_field that are there and not empty; of a line that is not valid those before the fault */
  mst_log_level level;
  mst_line message; /* as it is written, with its escapes; .at NULL: none */
} mst_json;
mst_json mst_json_read(const mst_names *names, mst_line line);
/* Appends what a string stands for. text: as it is written in a valid line. What is no character becomes U+FFFD. */
void mst_json_decode(mst_line text, mst_buf *ret_decoded);

/* ---- scan_secrets.c ---- */
/* How lines are found on which a pattern may fit. */
typedef enum mst_screen {
  MST_SCREEN_HYPERSCAN, /* by the pattern itself; where there is no Hyperscan it is tried on each line */
  MST_SCREEN_EACH,      /* tried on each line */
  MST_SCREEN_MAIL,      /* the rest by scan_sweep.c, since Hyperscan is slow with what has no fixed text in it */
  MST_SCREEN_CARD,
  MST_SCREEN_SSN,
  MST_SCREEN_IBAN,
} mst_screen;
typedef struct mst_secret_pattern {
  const char *name;
  bool is_secret;
  bool ignore_case;
  bool is_key; /* the beginning of a private key: its bytes are what counts, on this line or on one of the next */
  mst_screen screen;
  const char *pattern; /* the secret is the first group that is set, or the whole where there is none */
  /* NULL, or whether text is what it looks like. scan_confirm.c */
  bool (*confirm)(const char *text, size_t length);
} mst_secret_pattern;
/* Special ones stand before general ones: where two fit the same text the first counts. */
extern const mst_secret_pattern mst_secret_patterns[];
extern const size_t mst_secret_pattern_count;

/* ---- scan_patterns.c ---- */
enum {
  MST_ALL_PATTERNS_MAX = MST_SCAN_RULES_MAX + MST_SCAN_PATTERNS_MAX,
  MST_PATTERN_WORDS = MST_ALL_PATTERNS_MAX / 64,
  MST_TAKEN_MAX = 64,            /* secrets on one line that are told apart */
  MST_KEY_LINES = 8,             /* within so many lines after its beginning a private key's bytes follow */
  MST_KEY_BYTES = 32,            /* base 64 digits in a row that are a key's bytes: a line of a PEM file has 64 */
  MST_HITS_MAX = 16 * 1024,      /* of one screening */
  MST_LINE_MAX_BYTES = 64 << 20, /* what is behind that of a line is not looked at; the followers' lines end before */
};
typedef struct mst_pattern {
  pcre2_code *code;                 /* owned */
  const mst_secret_pattern *secret; /* NULL: a rule */
  uint32_t number;                  /* of the rule, or of the secret in its table */
  uint32_t levels;                  /* bits; never 0 */
  mst_screen screen;
  uint32_t line_start, line_stop; /* the line of its last hit in this screening */
} mst_pattern;
typedef struct mst_patterns {
  mst_pattern list[MST_ALL_PATTERNS_MAX];
  size_t count;
  uint64_t tried[MST_PATTERN_WORDS]; /* bits of those that are tried on each line */
  bool has_tried;
  uint8_t swept[MST_SCREEN_IBAN + 1]; /* pattern + 1 of each sweep; 0: it is not asked for */
  void *database, *scratch;           /* Hyperscan's; NULL: none */
  pcre2_match_data *match;
  pcre2_match_context *limits;
  pcre2_jit_stack *stack;
  uint8_t key[32];
  /* Of one screening: beginning of a line << 8 | pattern, ascending. */
  uint64_t *hits; /* owned */
  size_t hit_count, hit_capacity;
  /* Where secrets were found on the line. */
  struct {
    size_t from, to;
  } taken[MST_TAKEN_MAX];
  size_t taken_count;
} mst_patterns;
mst_err mst_patterns_init(mst_patterns *patterns, const mst_scan_setup *setup, mst_errctx *ctx) MST_MUST_USE;
void mst_patterns_done(mst_patterns *patterns);

/* ---- scan_screen.c: on which lines patterns may fit ---- */
/* Fills the hits. data: lines without carriage returns at their ends. MST_ELIMIT: more than MST_HITS_MAX, give it less; one line always
 * goes. MST_ENOMEM; MST_EIO is a bug. */
mst_err mst_patterns_screen(mst_patterns *patterns, const char *data, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Notes that a pattern may fit the line around offset. False: the hits are full, or memory is (hit_count < MST_HITS_MAX). */
bool mst_patterns_hit(mst_patterns *patterns, unsigned pattern, const char *data, size_t size_bytes, size_t offset);

/* ---- scan_sweep.c ---- */
/* Hits of the patterns that are swept for. False as mst_patterns_hit. */
bool mst_patterns_sweep(mst_patterns *patterns, const char *data, size_t size_bytes);

/* ---- scan_match.c: whether they fit ---- */
/* Counts the patterns of those bits that fit a line of a record of that level. */
void mst_patterns_match(mst_patterns *patterns, const mst_scan_job *job, const uint64_t bits[static MST_PATTERN_WORDS], mst_line line,
                        mst_log_level level);
/* Looks for the bytes of a private key that began before this line. */
void mst_patterns_follow_key(const mst_patterns *patterns, const mst_scan_job *job, mst_line line);

/* ---- scan_confirm.c. Pure ---- */
bool mst_confirm_unmasked(const char *text, size_t length); /* not ****, <redacted>, ${TOKEN} */
bool mst_confirm_random(const char *text, size_t length);   /* nor made of words */
bool mst_confirm_token(const char *text, size_t length);    /* nor without digits and letters */
bool mst_confirm_aws_secret(const char *text, size_t length);
bool mst_confirm_password(const char *text, size_t length);
/* scan_personal.c. Pure */
bool mst_confirm_card(const char *text, size_t length);
bool mst_confirm_mail(const char *text, size_t length);
bool mst_confirm_phone(const char *text, size_t length);       /* +49 30 1234567 */
bool mst_confirm_phone_field(const char *text, size_t length); /* behind "phone": */
bool mst_confirm_iban(const char *text, size_t length);
bool mst_confirm_ssn(const char *text, size_t length);

/* ---- scan.c ---- */
enum {
  MST_PIECE_BYTES = 256 * 1024, /* scanned at once, so that what was read stays in the cache of the second level */
  MST_KEPT_BYTES = 1024 * 1024, /* of the copy of a piece: a long line's memory is given back */
};
struct mst_scanner {
  mst_scan_format format;
  bool has_lines;
  bool is_inside; /* the next line is one of an entry, but not its first */
  uint32_t required;
  mst_names *names, *docker; /* NULL where there is nothing to be read */
  mst_patterns patterns;
  mst_buf text;       /* a piece without what wraps its lines, or without carriage returns */
  uint8_t *parts;     /* a bit for each of its lines: whether it is a part of one that Docker split. Owned; NULL for other formats */
  size_t line_number; /* within the piece */
  bool is_ascii;      /* what is looked at: none of its lines is invalid UTF-8 */
};
/* scan_docker.c: lines of Docker's without their wrapping into scanner->text, and which are parts. */
mst_err mst_scanner_unwrap(mst_scanner *scanner, const char *data, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;

#endif

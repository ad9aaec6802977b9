#ifndef MST_CLI_H
#define MST_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/err.h>
#include <mst/common/key.h>
#include <mst/proto/statement.h>

/* Exit codes of `muster` (ARCHITECTURE.md): decide answers 0 to 3, everything else 0 or an error. */
enum {
  MST_EXIT_OK = 0,
  MST_EXIT_CONDITIONAL_GO = 1,
  MST_EXIT_NO_GO = 2,
  MST_EXIT_PENDING = 3,
  MST_EXIT_USAGE = 64,
  MST_EXIT_UNREACHABLE = 69,
  MST_EXIT_ERROR = 70,
};

/* What every command is given: where the controller is, how to print. */
typedef struct mst_cli {
  const char *url;        /* "http://127.0.0.1:7651" or "unix:/path" */
  const char *token_file; /* bearer token for readers; NULL: none */
  const char *ca_file;    /* for https; NULL: the system's */
  const char *key_file;   /* operator key; NULL: the default place */
  bool json, colour;
  bool failed; /* something was not printed in full; whoever ends well then ends with MST_EXIT_ERROR all the same */
  int width;   /* columns of the terminal; 80 when there is none */
  FILE *out, *err;
} mst_cli;

/* One option of one command. `value` NULL: a flag. */
typedef struct mst_cli_option {
  const char *name;       /* without dashes */
  const char *value_name; /* "DURATION"; NULL for a flag */
  const char *help;
  const char **value;
  bool *flag;
} mst_cli_option;

typedef struct mst_cli_command {
  const char *name;                                /* "agents" */
  const char *usage;                               /* "[list|show ID|approve ID|revoke ID]" */
  const char *help;                                /* one line */
  int (*run)(mst_cli *cli, int argc, char **argv); /* argv[0] is the name; gives the exit code */
} mst_cli_command;

extern const mst_cli_command mst_cli_commands[];
extern const size_t mst_cli_command_count;

/* The whole program but for main's own duties. */
int mst_cli_main(int argc, char **argv);
/* The same over a cli that stands: argv[1] names the command. */
int mst_cli_dispatch(mst_cli *cli, int argc, char **argv);

/* Takes the options of a command (and the common ones, which may stand anywhere) out of argv; what is left are the positional arguments,
 * count in *ret_count, in argv itself. Returns false after having said what is wrong, or after --help; *ret_exit is then the exit code. */
bool mst_cli_options(mst_cli *cli, const mst_cli_command *command, const mst_cli_option *options, size_t option_count, int argc,
                     char **argv, int *ret_count, int *ret_exit);
const mst_cli_command *mst_cli_command_find(const char *name);

/* Says "muster: ..." on stderr and gives the exit code that fits the error. */
int mst_cli_fail(mst_cli *cli, mst_err err, const char *text);
int mst_cli_usage_error(mst_cli *cli, const mst_cli_command *command, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Prints a document as indented JSON. */
void mst_cli_print_json(mst_cli *cli, const json_t *document);

/* ---- talking to the controller ---- */
/* MST_EUNREACHABLE, or the error that the controller named. The caller decrefs. */
mst_err mst_cli_get(mst_cli *cli, const char *path, json_t **ret_document, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cli_post(mst_cli *cli, const char *path, const void *body, size_t size_bytes, json_t **ret_document,
                     mst_errctx *ctx) MST_MUST_USE;
/* Percent-encodes one path segment or query value into buf. */
mst_err mst_cli_escape(const char *text, char *buf, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;

/* A statement to be: fields are put in order by send. */
typedef struct mst_cli_statement {
  const char *kind, *subject;
  int64_t expires_at_ns; /* 0: never */
  struct {
    const char *key, *value;
  } fields[MST_STATEMENT_MAX_FIELDS];
  size_t field_count;
} mst_cli_statement;
/* Adds a field; a NULL value adds nothing. */
void mst_cli_statement_add(mst_cli_statement *statement, const char *key, const char *value);
/* The bytes as they are signed and sent; exported for tests. */
mst_err mst_cli_statement_seal(const mst_cli_statement *statement, const mst_key *key, mst_wall issued_at, mst_buf *ret_bytes,
                               mst_errctx *ctx) MST_MUST_USE;
/* Signs with the operator's key, sends, prints the answer (or `done` for people, with `named` of the answer behind it; NULL: nothing).
 * Gives the exit code. */
int mst_cli_statement_carry_out(mst_cli *cli, const mst_cli_statement *statement, const char *done, const char *named);
/* As carry_out, but the answer is for the caller, who decrefs. */
mst_err mst_cli_statement_send(mst_cli *cli, const mst_cli_statement *statement, json_t **ret_answer, mst_errctx *ctx) MST_MUST_USE;
/* --key, $MUSTER_KEY or ~/.config/muster/operator.key; passphrase from $MUSTER_KEY_PASSPHRASE. */
mst_err mst_cli_key_path(const mst_cli *cli, char *buf, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cli_key_load(const mst_cli *cli, mst_key **ret_key, mst_errctx *ctx) MST_MUST_USE;
/* NULL when there is none, or an empty one. */
const char *mst_cli_passphrase(void);
/* "role=api" arguments as one text, a label a line, as statements carry them. Appends. MST_EUSAGE. */
mst_err mst_cli_labels(char *const *arguments, int count, mst_buf *ret_text, mst_errctx *ctx) MST_MUST_USE;

/* ---- printing ---- */
/* Texts come from hosts and files: what would move the cursor, turn the writing direction or is no UTF-8 becomes "?" in place; line breaks
 * stay when `lines`, else they become blanks. */
void mst_cli_clean(char *text, bool lines);
/* Columns that a terminal gives a (clean) text; and the bytes of its longest beginning that takes at most so many columns. */
int mst_cli_columns(const char *text);
size_t mst_cli_cut(const char *text, int columns);

typedef enum mst_cli_tone { MST_TONE_PLAIN, MST_TONE_GOOD, MST_TONE_MIDDLING, MST_TONE_BAD, MST_TONE_DIM, MST_TONE_STRONG } mst_cli_tone;
/* Cleans what it prints. */
void mst_cli_print(mst_cli *cli, mst_cli_tone tone, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
mst_cli_tone mst_cli_tone_of(const char *outcome_or_verdict);

enum { MST_TABLE_COLUMNS_MAX = 8 };
typedef struct mst_cli_column {
  const char *title;
  bool right; /* right-aligned */
  int least;  /* gives way down to this width; 0: only when all others have given way */
} mst_cli_column;
/* A table that fits the width: columns are cut with an ellipsis, the widest first. */
typedef struct mst_cli_table mst_cli_table;
/* NULL when memory is out, which all calls below take. */
mst_cli_table *mst_cli_table_create(const mst_cli_column *columns, int count);
/* cells: `count` texts, copied; only the cell `toned` is coloured (-1: none). */
void mst_cli_table_row(mst_cli_table *table, const char *const *cells, int toned, mst_cli_tone tone);
/* Prints and destroys. A table that could not hold all rows says so. */
void mst_cli_table_finish(mst_cli *cli, mst_cli_table *table);

/* "3 s ago", "in 2 h"; "never" for an empty text. `now` as RFC 3339 from the controller's answer. */
const char *mst_cli_ago(const char *at, const char *now, char buf[static 48]);
const char *mst_cli_text(const json_t *object, const char *key);  /* "" when there is none */
long long mst_cli_integer(const json_t *object, const char *key); /* 0 when there is none */
/* The controller's "now", for mst_cli_ago; "" when it cannot be asked. */
typedef char mst_cli_now[MST_TIME_TEXT_BYTES];
mst_err mst_cli_get_now(mst_cli *cli, mst_cli_now ret_now, mst_errctx *ctx) MST_MUST_USE;
/* {"role": "api"} as "role=api zone=a"; appends. */
void mst_cli_join_labels(const json_t *labels, mst_buf *ret_text);

/* ---- commands ---- */
int mst_cli_status(mst_cli *cli, int argc, char **argv);
int mst_cli_items(mst_cli *cli, int argc, char **argv);
int mst_cli_item(mst_cli *cli, int argc, char **argv);
int mst_cli_watch(mst_cli *cli, int argc, char **argv);
int mst_cli_decide(mst_cli *cli, int argc, char **argv);
int mst_cli_run(mst_cli *cli, int argc, char **argv);
int mst_cli_agents(mst_cli *cli, int argc, char **argv);
int mst_cli_token(mst_cli *cli, int argc, char **argv);
int mst_cli_keys(mst_cli *cli, int argc, char **argv);
int mst_cli_operators(mst_cli *cli, int argc, char **argv);
int mst_cli_attest(mst_cli *cli, int argc, char **argv);
int mst_cli_waive(mst_cli *cli, int argc, char **argv);
int mst_cli_na(mst_cli *cli, int argc, char **argv);
int mst_cli_sign(mst_cli *cli, int argc, char **argv);
int mst_cli_intervene(mst_cli *cli, int argc, char **argv);
int mst_cli_lint(mst_cli *cli, int argc, char **argv);

/* Prints a document of /api/v1/items as a table, follow-ups apart; shared by items and watch. */
void mst_cli_print_items(mst_cli *cli, const json_t *document);
mst_err mst_cli_get_items(mst_cli *cli, const char *section, const char *outcome, const char *run, json_t **ret_document,
                          mst_errctx *ctx) MST_MUST_USE;
bool mst_cli_outcome_known(const char *outcome);
/* Appends "?key=value" or "&key=value" to a path, encoded; a NULL value adds nothing. */
mst_err mst_cli_add_query(char *path, size_t size_bytes, const char *key, const char *value, mst_errctx *ctx) MST_MUST_USE;
/* The verdict in a few lines: what it is, the rate, what stands in the way, what to do next. */
void mst_cli_print_verdict(mst_cli *cli, const json_t *verdict);

#endif

/* The command line: common options, dispatch, errors. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
  OPTIONS_MAX = 24,
  COMMON_OPTIONS = 5,
  FIRST_OPTION = 0x100, /* getopt's numbers of our options: over all letters */
  REAL_DIGITS = 15,     /* as many as a double keeps without showing its binary tail */
};

const mst_cli_command mst_cli_commands[] = {
    {"status", "", "What runs, its verdict so far, hosts and store", mst_cli_status},
    {"items", "[--section S] [--outcome O] [--run ID]", "The checklist's items and their outcomes", mst_cli_items},
    {"item", "ID [--run ID]", "One item with its evidence and what to do", mst_cli_item},
    {"watch", "[--section S] [--outcome O] [--updates N]", "The items, redrawn whenever the verdict changes", mst_cli_watch},
    {"decide", "[--wait] [--timeout DURATION] [--run ID]", "The verdict; exits 0 GO, 1 CONDITIONAL_GO, 2 NO_GO, 3 PENDING", mst_cli_decide},
    {"run", "[show [ID] | list | start --checklist NAME [OPTION...] | end [ID] --reason TEXT]", "Validation runs", mst_cli_run},
    {"agents", "[list | show ID | approve ID | revoke ID --reason TEXT | label ID KEY=VALUE...]", "The agents and their state",
     mst_cli_agents},
    {"token", "[list | new [OPTION...] [KEY=VALUE...] | revoke ID]", "Enrolment tokens", mst_cli_token},
    {"keys", "new [FILE] | export [FILE]", "The operator's own key", mst_cli_keys},
    {"operators", "[list | add NAME KEY --role R[,R...] | revoke KEYID]", "Who may change what", mst_cli_operators},
    {"attest", "ITEM --role R [--document FILE] [--comment TEXT]", "Attest an item that nothing can measure", mst_cli_attest},
    {"waive", "ITEM --reason TEXT --expires DURATION", "Waive an item; it counts as not passed and is shown", mst_cli_waive},
    {"na", "ITEM --reason TEXT", "Say that an item does not apply, where the checklist allows it", mst_cli_na},
    {"sign", "--role R (--approve | --reject) [--comment TEXT]", "Sign off on exactly the result shown", mst_cli_sign},
    {"intervene", "TEXT", "Record that somebody acted by hand on the system", mst_cli_intervene},
    {"lint", "[--overlay FILE] FILE...", "Find every error in checklists, plans and configs", mst_cli_lint},
};
const size_t mst_cli_command_count = sizeof mst_cli_commands / sizeof mst_cli_commands[0];

static const char common_help[] = "  --url URL          the controller ($MUSTER_URL; default http://127.0.0.1:7651, or unix:/PATH)\n"
                                  "  --token-file FILE  bearer token for a controller on another machine ($MUSTER_TOKEN_FILE)\n"
                                  "  --ca-file FILE     certificate authority of an https controller ($MUSTER_CA_FILE)\n"
                                  "  --key FILE         operator key ($MUSTER_KEY; default ~/.config/muster/operator.key)\n"
                                  "  --json             the controller's answer as JSON\n"
                                  "  --help             this text\n";

const mst_cli_command *
mst_cli_command_find(const char *name)
{
  for (size_t i = 0; i < mst_cli_command_count; i++)
    if (strcmp(mst_cli_commands[i].name, name) == 0)
      return &mst_cli_commands[i];
  return NULL;
}

static void
print_help(FILE *out)
{
  fprintf(out, "muster: does your staging pass muster?\n\nusage: muster COMMAND [ARGUMENT...] [OPTION...]\n\ncommands:\n");
  for (size_t i = 0; i < mst_cli_command_count; i++)
    fprintf(out, "  %-10s %s\n", mst_cli_commands[i].name, mst_cli_commands[i].help);
  fprintf(out,
          "\noptions of every command:\n%s"
          "\n`muster COMMAND --help` says more. Exit codes: 0 done (decide: GO), decide: 1 CONDITIONAL_GO, 2 NO_GO, 3 PENDING;\n"
          "64 wrong usage, 69 controller unreachable, 70 any other error.\n",
          common_help);
}

static void
print_command_help(const mst_cli *cli, const mst_cli_command *command, const mst_cli_option *options, size_t count)
{
  fprintf(cli->out, "muster %s: %s\n\nusage: muster %s %s\n\noptions:\n", command->name, command->help, command->name, command->usage);
  for (size_t i = 0; i < count; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", options[i].name, options[i].value_name ? " " : "",
             options[i].value_name ? options[i].value_name : "");
    fprintf(cli->out, "  --%-16s %s\n", name, options[i].help);
  }
  fputs(common_help, cli->out);
}

/* Errors are JSON too where JSON was asked for, so that a program need not read two languages; people read standard error. */
static void
say_error(mst_cli *cli, const char *who, mst_err err, const char *said)
{
  char text[MST_ERRCTX_TEXT_BYTES * 2];

  snprintf(text, sizeof text, "%s", said[0] ? said : mst_err_text(err));
  mst_cli_clean(text, true);
  if (cli->json) {
    json_t *document = json_pack("{s:{s:s,s:s}}", "error", "code", mst_err_name(err), "text", text);
    mst_cli_print_json(cli, document);
    json_decref(document);
  }
  fprintf(cli->err, "%s: %s\n", who, text);
}

int
mst_cli_fail(mst_cli *cli, mst_err err, const char *text)
{
  say_error(cli, "muster", err, text);
  if (err == MST_EUNREACHABLE || err == MST_ETIMEOUT)
    return MST_EXIT_UNREACHABLE;
  return err == MST_EUSAGE ? MST_EXIT_USAGE : MST_EXIT_ERROR;
}

int
mst_cli_usage_error(mst_cli *cli, const mst_cli_command *command, const char *fmt, ...)
{
  char text[MST_ERRCTX_TEXT_BYTES], who[64];
  va_list arguments;

  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  snprintf(who, sizeof who, "muster %s", command->name);
  say_error(cli, who, MST_EUSAGE, text);
  fprintf(cli->err, "usage: muster %s%s%s\n", command->name, command->usage[0] ? " " : "", command->usage);
  return MST_EXIT_USAGE;
}

void
mst_cli_print_json(mst_cli *cli, const json_t *document)
{
  if (json_dumpf(document, cli->out, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(REAL_DIGITS)) != 0)
    cli->failed = true;
  fputc('\n', cli->out);
}

/* What getopt stumbled over. */
static int
option_error(mst_cli *cli, const mst_cli_command *command, int chosen, int argc, char **argv)
{
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--json") == 0)
      cli->json = true; /* it may stand behind the fault */
  if (chosen == ':')
    return mst_cli_usage_error(cli, command, "%s needs a value", argv[optind - 1]);
  if (optopt > 0 && optopt < 0x80) /* a short one, perhaps among others behind one dash */
    return mst_cli_usage_error(cli, command, "there is no option -%c", optopt);
  if (optopt != 0) /* the number of one that is there */
    return mst_cli_usage_error(cli, command, "%.*s takes no value", (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
  return mst_cli_usage_error(cli, command, "there is no option %s, or several begin so", argv[optind - 1]);
}

bool
mst_cli_options(mst_cli *cli, const mst_cli_command *command, const mst_cli_option *options, size_t option_count, int argc, char **argv,
                int *ret_count, int *ret_exit)
{
  const mst_cli_option common[COMMON_OPTIONS] = {
      {"url", "URL", "", &cli->url, NULL},          {"token-file", "FILE", "", &cli->token_file, NULL},
      {"ca-file", "FILE", "", &cli->ca_file, NULL}, {"key", "FILE", "", &cli->key_file, NULL},
      {"json", NULL, "", NULL, &cli->json},
  };
  const mst_cli_option *all[OPTIONS_MAX];
  struct option longs[OPTIONS_MAX + 2] = {0};
  size_t count = 0;
  int at, chosen;

  for (size_t i = 0; i < COMMON_OPTIONS; i++)
    all[count++] = &common[i];
  for (size_t i = 0; i < option_count && count < OPTIONS_MAX; i++)
    all[count++] = &options[i];
  for (size_t i = 0; i < count; i++)
    longs[i] = (struct option){all[i]->name, all[i]->value_name ? required_argument : no_argument, NULL, FIRST_OPTION + (int)i};
  longs[count] = (struct option){"help", no_argument, NULL, 'h'};

  optind = 0; /* GNU: start anew, and let options stand behind arguments */
  opterr = 0;
  while ((chosen = getopt_long(argc, argv, ":h", longs, &at)) != -1) {
    if (chosen == 'h') {
      print_command_help(cli, command, options, option_count);
      *ret_exit = MST_EXIT_OK;
      return false;
    }
    if (chosen < FIRST_OPTION || chosen >= FIRST_OPTION + (int)count) {
      *ret_exit = option_error(cli, command, chosen, argc, argv);
      return false;
    }
    const mst_cli_option *option = all[chosen - FIRST_OPTION];
    if (option->value_name)
      *option->value = optarg;
    else
      *option->flag = true;
  }
  *ret_count = argc - optind;
  for (int i = optind; i < argc; i++)
    argv[i - optind] = argv[i];
  return true;
}

static int
terminal_width(FILE *out)
{
  struct winsize size;
  enum { NARROWEST = 60, DEFAULT = 80, WIDEST = 160 };

  if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return DEFAULT;
  return size.ws_col < NARROWEST ? NARROWEST : size.ws_col > WIDEST ? WIDEST : size.ws_col;
}

int
mst_cli_dispatch(mst_cli *cli, int argc, char **argv)
{
  mst_errctx ctx = {0};

  if (argc < 2) {
    print_help(cli->err);
    return MST_EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    print_help(cli->out);
    return MST_EXIT_OK;
  }
  if (strcmp(argv[1], "--version") == 0) {
    fprintf(cli->out, "muster %s\n", MST_VERSION);
    return MST_EXIT_OK;
  }
  const mst_cli_command *command = mst_cli_command_find(argv[1]);
  if (!command) {
    fprintf(cli->err,
            argv[1][0] == '-' ? "muster: options stand behind the command: muster COMMAND %s\n"
                              : "muster: there is no command %s; `muster --help` lists them\n",
            argv[1]);
    return MST_EXIT_USAGE;
  }
  if (mst_crypto_start(&ctx) != MST_OK)
    return mst_cli_fail(cli, MST_ECRYPTO, ctx.text);
  int code = command->run(cli, argc - 1, argv + 1);
  /* A verdict that could not be written must not look like one that was. */
  if (fflush(cli->out) != 0 || ferror(cli->out)) {
    fprintf(cli->err, "muster: writing the output failed\n");
    return MST_EXIT_ERROR;
  }
  return cli->failed && code == MST_EXIT_OK ? MST_EXIT_ERROR : code;
}

int
mst_cli_main(int argc, char **argv)
{
  const char *url = getenv("MUSTER_URL"), *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
  mst_cli cli = {
      .url = url && url[0] ? url : "http://127.0.0.1:7651",
      .token_file = getenv("MUSTER_TOKEN_FILE"),
      .ca_file = getenv("MUSTER_CA_FILE"),
      .key_file = getenv("MUSTER_KEY"),
      .colour = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) && !(terminal && strcmp(terminal, "dumb") == 0),
      .width = terminal_width(stdout),
      .out = stdout,
      .err = stderr,
  };

  return mst_cli_dispatch(&cli, argc, argv);
}

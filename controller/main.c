/* Options of musterd. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "commands.h"

enum { EXIT_USAGE = 64, EXIT_OTHER = 70, EXIT_CONFIG = 78 };

static const char help[] = "musterd: the controller of muster\n"
                           "\n"
                           "usage: musterd --config FILE [OPTION]\n"
                           "\n"
                           "  --config FILE               musterd.yml (default /etc/muster/musterd.yml)\n"
                           "  --check                     find every error in the config, its checklists and its plan, and end\n"
                           "  --first-operator NAME=KEY   make the first operator, an admin, and end; KEY as `muster keys new` prints it\n"
                           "  --rotate-key                make the controller's next key, and end; SIGHUP or a restart announces it\n"
                           "  --backup FILE               copy the store while it is in use, and end\n"
                           "  --verify                    read the whole store and its audit chain, and end\n"
                           "  --version, --help\n"
                           "\n"
                           "SIGHUP reads the config, the checklists and the plan anew; SIGTERM ends it.\n"
                           "Exit codes: 0, 64 wrong usage, 70 any other error, 78 wrong configuration.\n";

static int
code_of(mst_err err)
{
  switch (err) {
  case MST_OK:
    return 0;
  case MST_EUSAGE:
    return EXIT_USAGE;
  case MST_ECONFIG:
    return EXIT_CONFIG;
  default:
    return EXIT_OTHER;
  }
}

static bool
parse(int argc, char **argv, mst_musterd_options *options, int *ret_exit)
{
  static const struct option longs[] = {
      {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},        {"first-operator", required_argument, NULL, 'o'},
      {"rotate-key", no_argument, NULL, 'r'},   {"backup", required_argument, NULL, 'b'}, {"verify", no_argument, NULL, 'y'},
      {"version", no_argument, NULL, 'v'},      {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
  };
  int chosen, at;

  while ((chosen = getopt_long(argc, argv, "c:h", longs, &at)) != -1) {
    switch (chosen) {
    case 'c':
      options->config_path = optarg;
      break;
    case 'k':
      options->command = MST_MUSTERD_CHECK;
      break;
    case 'o':
      options->command = MST_MUSTERD_FIRST_OPERATOR;
      options->argument = optarg;
      break;
    case 'r':
      options->command = MST_MUSTERD_ROTATE_KEY;
      break;
    case 'b':
      options->command = MST_MUSTERD_BACKUP;
      options->argument = optarg;
      break;
    case 'y':
      options->command = MST_MUSTERD_VERIFY;
      break;
    case 'v':
      printf("musterd %s\n", MST_VERSION);
      *ret_exit = 0;
      return false;
    case 'h':
      fputs(help, stdout);
      *ret_exit = 0;
      return false;
    default:
      fputs(help, stderr);
      *ret_exit = EXIT_USAGE;
      return false;
    }
  }
  if (optind < argc) {
    fprintf(stderr, "musterd: \"%s\" is not understood; see --help\n", argv[optind]);
    *ret_exit = EXIT_USAGE;
    return false;
  }
  return true;
}

int
main(int argc, char **argv)
{
  mst_musterd_options options = {.config_path = "/etc/muster/musterd.yml"};
  mst_errctx ctx = {0};
  int code = 0;

  if (!parse(argc, argv, &options, &code))
    return code;
  mst_err err = mst_musterd_run(&options, &ctx);
  if (err != MST_OK)
    fprintf(stderr, "musterd: %s\n", ctx.text[0] ? ctx.text : mst_err_text(err));
  return code_of(err);
}

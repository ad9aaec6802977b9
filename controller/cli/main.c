#include "cli/cli.h"

int
main(int argc, char **argv)
{
  return mst_cli_main(argc, argv);
}

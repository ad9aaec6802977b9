/* What a peer sends to the port for agents, in the pieces in which the network may hand it over. Input: pieces, each a byte that says how
 * long it is (0 to 254; 255: 16 KiB of zeros) and that many bytes. The controller is a real one without its threads. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "config.h"
#include "core_parts.h"
#include "ingest/server.h"
#include "keeper.h"

enum { ZEROS = 16 * 1024 };

static char folder[64];
static mst_controller_config config;
static mst_core *core;
static mst_ingest ingest;
static mst_loop loop;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static void
leave(void)
{
  mst_core_destroy(core);
  mst_controller_config_done(&config);
  if (uv_loop_close(&loop.uv) != 0 || nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
    fprintf(stderr, "fuzz_frames: %s is left behind\n", folder);
  mst_free(loop.scratch);
}

static void
start(void)
{
  char path[128];
  mst_diags diags;
  mst_errctx ctx = {0};

  snprintf(folder, sizeof folder, "/tmp/mst_fuzz_frames_XXXXXX");
  if (!mkdtemp(folder))
    abort();
  snprintf(path, sizeof path, "%s/musterd.yml", folder);
  FILE *file = fopen(path, "w");
  if (!file || fprintf(file, "state_dir: %s/state\n", folder) < 0 || fclose(file) != 0)
    abort();
  mst_diags_init(&diags);
  mst_log_start("fuzz", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
  if (mst_crypto_start(&ctx) != MST_OK || !mst_controller_config_load(path, &config, &diags) ||
      mst_core_create(&config, mst_clock_system(), &core, &ctx) != MST_OK)
    abort();
  mst_diags_done(&diags);
  ingest = (mst_ingest){.core = core, .in_flight_max = 1000, .connection_max = 4};
  loop = (mst_loop){.ingest = &ingest, .scratch = mst_alloc(1, MST_SERVER_READ_BYTES)};
  if (!loop.scratch || uv_loop_init(&loop.uv) != 0 || atexit(leave) != 0)
    abort();
}

/* Until the other side has read it all, or is gone. */
static void
send_piece(int peer, const uint8_t *data, size_t size_bytes)
{
  ssize_t n = send(peer, data, size_bytes, MSG_NOSIGNAL);

  (void)n; /* it may have been ended for what came before */
  (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  static const uint8_t zeros[ZEROS];
  int ends[2];

  if (!core)
    start();
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    abort();
  mst_connection_accept(&loop, ends[0], false);
  for (size_t at = 0; at < size_bytes;) {
    size_t left = size_bytes - at - 1, piece = data[at++];
    if (piece == 255) {
      send_piece(ends[1], zeros, sizeof zeros);
      continue;
    }
    piece = piece < left ? piece : left;
    send_piece(ends[1], data + at, piece);
    at += piece;
  }
  mst_connection_stop_all(&loop, true);
  (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
  (void)close(ends[1]);
  /* Nobody is known here, so that nothing is under way, and what was kept for the peer is given back. */
  if (loop.partial_bytes != 0 || loop.connection_count != 0 || loop.connections || loop.oldest || loop.waiting || loop.in_flight != 0)
    abort();
  return 0;
}

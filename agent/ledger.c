#include "ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { LEDGER_LINE_BYTES = 320 };

mst_err
mst_ledger_open(mst_ledger *ledger, const char *path, mst_errctx *ctx)
{
  int fd = -1;

  if (path) {
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
      return mst_fail_errno(ctx, MST_EIO, "open the ledger %s", path);
  }
  ledger->fd = fd;
  return MST_OK;
}

void
mst_ledger_close(mst_ledger *ledger)
{
  if (ledger->fd >= 0)
    close(ledger->fd);
  ledger->fd = -1;
}

/* One write a line, so that a kill leaves no half line. */
static void
put_line(const mst_ledger *ledger, const char *line, int length)
{
  if (length > 0 && length < LEDGER_LINE_BYTES)
    (void)!write(ledger->fd, line, (size_t)length);
}

static const char *
session_hex(const mst_session_id *session, char hex[static 2 * MST_SESSION_BYTES + 1])
{
  return mst_hex_encode(session->bytes, MST_SESSION_BYTES, hex);
}

void
mst_ledger_record(mst_ledger *ledger, const char *event, const mst_record_image *image)
{
  char line[LEDGER_LINE_BYTES];
  char session[2 * MST_SESSION_BYTES + 1];
  char hex[MST_DIGEST_HEX_BYTES];

  if (ledger->fd < 0)
    return;
  mst_digest digest = mst_envelope_digest(image->envelope, image->size_bytes);
  put_line(ledger, line,
           snprintf(line, sizeof line, "%s %s %llu %s %u %s\n", event, session_hex(&image->session, session),
                    (unsigned long long)image->sequence, mst_envelope_kind_name(image->kind), image->samples,
                    mst_digest_hex(&digest, hex)));
}

void
mst_ledger_stored(mst_ledger *ledger, const mst_session_id *session, uint64_t sequence)
{
  char line[LEDGER_LINE_BYTES];
  char hex[2 * MST_SESSION_BYTES + 1];

  if (ledger->fd < 0)
    return;
  put_line(ledger, line, snprintf(line, sizeof line, "stored %s %llu\n", session_hex(session, hex), (unsigned long long)sequence));
}

void
mst_ledger_lost(mst_ledger *ledger, const mst_session_id *session, const mst_range *range, const char *reason)
{
  char line[LEDGER_LINE_BYTES];
  char hex[2 * MST_SESSION_BYTES + 1];

  if (ledger->fd < 0)
    return;
  put_line(ledger, line,
           snprintf(line, sizeof line, "lost %s %llu %llu %llu %s\n", session_hex(session, hex), (unsigned long long)range->first,
                    (unsigned long long)range->last, (unsigned long long)(range->samples_after - range->samples_before), reason));
}

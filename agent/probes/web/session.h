#ifndef MST_PROBES_WEB_SESSION_H
#define MST_PROBES_WEB_SESSION_H

#include <mst/probes/probe.h>

#include "vars.h"
#include "web.h"

/* What one attempt of a kind that speaks HTTP holds: its secrets, read anew each time on a thread of their own, and its connections.
 * Opaque; prober's thread. */
typedef struct mst_session mst_session;

typedef struct mst_session_setup {
  mst_probe_attempt *attempt;
  const mst_probe_options *options; /* their option "secrets", if the kind has one, is read; borrowed as long as the kind's config */
  size_t connections_max;
  /* Secrets are there, requests may be sent. Not called within begin. */
  void (*ready)(void *arg);
  /* All is closed: what arg points to may go. */
  void (*closed)(void *arg);
  void *arg;
} mst_session_setup;

/* NULL: the attempt has failed already, and closed() is not called. When a secret cannot be had the attempt fails later with the reason,
 * and the session closes itself: closed() is called, ready() is not. */
mst_session *mst_session_begin(const mst_session_setup *setup);
mst_web *mst_session_web(mst_session *session);
mst_vars *mst_session_vars(mst_session *session);
mst_probe_attempt *mst_session_attempt(mst_session *session);
/* For stop(), and after pass or fail. closed() comes at once or in a later turn of the loop. */
void mst_session_close(mst_session *session);

/* Reads the secrets of such options into vars; for a thread that may block. MST_EPERM, MST_EABSENT and the like say which one. */
mst_err mst_session_read_secrets(const mst_probe_options *options, mst_vars *vars, mst_errctx *ctx) MST_MUST_USE;

#endif

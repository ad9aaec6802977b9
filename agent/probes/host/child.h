#ifndef MST_PROBES_HOST_CHILD_H
#define MST_PROBES_HOST_CHILD_H

#include <mst/agent/allow.h>
#include <mst/common/buf.h>
#include <mst/common/err.h>

enum { MST_CHILD_OUTPUT_MAX_BYTES = 64 * 1024 };

typedef struct mst_child_end {
  int exit_code; /* -1: a signal ended it */
  int signal;
} mst_child_end;

/* Runs a command and waits for its end. No shell; a fixed environment; nothing of the agent's is open in it; a session of its own, whose
 * processes are all killed when the program has ended, or its time is over. As command->user; as nobody when that is NULL and the agent is
 * root. What it writes to standard output and standard error goes to output, whose limit cuts it. It dies with this thread, so with the
 * agent.
 *
 * until_ns: of mst_clock_mono(mst_clock_system()). cancel_fd: when it is readable the program is killed. MST_EPERM: it may not run as that
 * user; MST_EABSENT: there is no such program or user; MST_ETIMEOUT; MST_ESTATE: cancelled; MST_EIO. A thread that may block. */
mst_err mst_child_run(const mst_allow_command *command, int64_t until_ns, int cancel_fd, mst_buf *output, mst_child_end *ret_end,
                      mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_AGENT_ENROL_H
#define MST_AGENT_ENROL_H

#include <stdio.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>

#include "config.h"

/* Introduces this host to a controller with a one-time token: makes the host's key if there is none, proves to know the token, checks that
 * the answer is signed by the controller that the token names, and pins that key. Says on `out` what happened. Blocks, up to some seconds a
 * controller.
 *
 * MST_EUSAGE        no token
 * MST_EUNREACHABLE  no controller answered: wrong, expired or used up token, or no connection
 * MST_EPERM         refused, with the reason
 * others            the state_dir cannot be used */
mst_err mst_agent_enrol(const mst_agent_config *config, const char *token, const mst_clock *clock, FILE *out, mst_errctx *ctx) MST_MUST_USE;

#endif

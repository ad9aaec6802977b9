#ifndef MST_AGENT_PROCESSES_H
#define MST_AGENT_PROCESSES_H

#include <mst/agent/collector.h>

#include "collectors/scan.h"

typedef struct mst_process_stat {
  uint32_t pid;
  mst_scan name; /* points into the text; the kernel cuts it at 15 bytes */
  char state;    /* R, S, D, Z, ... */
  bool is_kernel_thread;
  uint64_t user_ticks, system_ticks; /* USER_HZ */
  uint64_t threads;
  uint64_t start_ticks; /* after boot */
  uint64_t resident_pages;
} mst_process_stat;

/* Reads /proc/PID/stat, whose name may hold blanks, brackets and newlines. MST_EMALFORMED: under 24 fields, or one that is no number;
 * ret untouched. Pure. Source: proc_pid_stat(5). */
mst_err mst_process_parse(const char *text, size_t length, mst_process_stat *ret_stat, mst_errctx *ctx) MST_MUST_USE;

/* The effective user id in /proc/PID/status. MST_EMALFORMED: no line "Uid:" with two numbers; ret untouched. Pure. */
mst_err mst_process_user_parse(const char *text, size_t length, uint32_t *ret_user, mst_errctx *ctx) MST_MUST_USE;

/* Turns /proc/PID/cmdline (arguments, each ended by NUL) into one line with blanks between them, in place. Returns its length. Pure. */
size_t mst_process_join_arguments(char *text, size_t length);

/* Whether a process fits an entry of the option "names": shell wildcards over its name, or, behind "cmdline:", over its whole command line.
 * A name that the kernel cut at 15 bytes is told by the last part of the first argument. arguments: joined, "" when there are none. Pure.
 */
bool mst_process_match(const char *pattern, const char *name, const char *arguments);
/* Whether mst_process_match needs the arguments to answer. Pure. */
bool mst_process_needs_arguments(const char *pattern, const char *name);

extern const mst_collector mst_collector_processes;

#endif

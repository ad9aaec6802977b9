/* The texts of /proc/PID; see processes.h. */
#include <fnmatch.h>
#include <string.h>

#include "collectors/processes.h"

enum { COMM_MAX_BYTES = 15 /* TASK_COMM_LEN - 1 */, PF_KTHREAD = 0x00200000 /* include/linux/sched.h */ };

static const char cmdline_prefix[] = "cmdline:";

mst_err
mst_process_parse(const char *text, size_t length, mst_process_stat *ret_stat, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), word;
  const char *open = memchr(text, '(', length), *close = memrchr(text, ')', length);
  mst_process_stat stat = {0};
  uint64_t number;

  if (!open || !close || close < open)
    goto malformed;

  mst_scan head = {.at = text, .end = open}, rest = {.at = close + 1, .end = all.end};

  if (!mst_scan_u64(&head, &number) || number > UINT32_MAX || !mst_scan_word(&rest, &word) || mst_scan_length(word) != 1)
    goto malformed;
  stat.pid = (uint32_t)number;
  stat.name = (mst_scan){.at = open + 1, .end = close};
  stat.state = *word.at;
  for (int field = 4; field <= 24; field++) {
    bool may_be_negative = field <= 8 || (field >= 16 && field <= 19) || field == 21 || field == 24; /* none of those but 24 is wanted */

    if (!mst_scan_u64(&rest, &number)) {
      if (!may_be_negative || !mst_scan_word(&rest, &word) || *word.at != '-')
        goto malformed;
      number = 0;
    }
    switch (field) {
    case 9:
      stat.is_kernel_thread = (number & PF_KTHREAD) != 0;
      break;
    case 14:
      stat.user_ticks = number;
      break;
    case 15:
      stat.system_ticks = number;
      break;
    case 20:
      stat.threads = number;
      break;
    case 22:
      stat.start_ticks = number;
      break;
    case 24:
      stat.resident_pages = number;
      break;
    default:
      break;
    }
  }
  if (rest.at == rest.end) /* more follows the 24th: it may have been cut short */
    goto malformed;
  *ret_stat = stat;
  return MST_OK;
malformed:
  return mst_fail(ctx, MST_EMALFORMED, "/proc/PID/stat: no process in \"%.*s\"", mst_scan_shown(all), text);
}

mst_err
mst_process_user_parse(const char *text, size_t length, uint32_t *ret_user, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  uint64_t real, effective;

  while (mst_scan_line(&all, &line)) {
    mst_scan shown = line;

    if (!mst_scan_prefix(&line, "Uid:"))
      continue;
    if (mst_scan_is_cut(&all, line) || !mst_scan_u64(&line, &real) || !mst_scan_u64(&line, &effective) || effective > UINT32_MAX)
      return mst_fail(ctx, MST_EMALFORMED, "/proc/PID/status: no two users in \"%.*s\"", mst_scan_shown(shown), shown.at);
    *ret_user = (uint32_t)effective;
    return MST_OK;
  }
  return mst_fail(ctx, MST_EMALFORMED, "/proc/PID/status: no line \"Uid:\" in its %zu bytes", length);
}

size_t
mst_process_join_arguments(char *text, size_t length)
{
  while (length > 0 && text[length - 1] == '\0')
    length--;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '\0')
      text[i] = ' ';
  }
  return length;
}

bool
mst_process_needs_arguments(const char *pattern, const char *name)
{
  return strncmp(pattern, cmdline_prefix, sizeof cmdline_prefix - 1) == 0 || strlen(name) >= COMM_MAX_BYTES;
}

/* "/usr/sbin/nginx -g x" fits the pattern of its last part, "nginx". */
static bool
match_program(const char *pattern, const char *arguments)
{
  char program[256];
  size_t length = strcspn(arguments, " ");
  const char *start = arguments;

  for (const char *at = arguments; at < arguments + length; at++) {
    if (*at == '/')
      start = at + 1;
  }
  length -= (size_t)(start - arguments);
  if (length == 0 || length >= sizeof program)
    return false;
  memcpy(program, start, length);
  program[length] = '\0';
  return fnmatch(pattern, program, 0) == 0;
}

bool
mst_process_match(const char *pattern, const char *name, const char *arguments)
{
  if (strncmp(pattern, cmdline_prefix, sizeof cmdline_prefix - 1) == 0)
    return arguments[0] && fnmatch(pattern + sizeof cmdline_prefix - 1, arguments, 0) == 0;
  return fnmatch(pattern, name, 0) == 0 || (strlen(name) >= COMM_MAX_BYTES && match_program(pattern, arguments));
}

/* Which text lines belong to the record before them: stack traces of Python, Java, JavaScript, Go, Rust and .NET. */
#include <ctype.h>
#include <string.h>

#include "scan_state.h"

static bool
begins(mst_line line, const char *with)
{
  size_t length = strlen(with);

  return line.length >= length && memcmp(line.at, with, length) == 0;
}

static mst_line
without_blanks(mst_line line)
{
  while (line.length > 0 && (*line.at == ' ' || *line.at == '\t')) {
    line.at++;
    line.length--;
  }
  return line;
}

/* The line that ends a Python traceback: "ValueError: text", "json.decoder.JSONDecodeError: text", "KeyboardInterrupt". */
static bool
is_exception(mst_line line)
{
  static const char *const endings[] = {"Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration", "Group"};
  size_t length = 0;

  while (length < line.length && (isalnum((unsigned char)line.at[length]) || line.at[length] == '_' || line.at[length] == '.'))
    length++;
  if (length == 0 || (length < line.length && line.at[length] != ':' && line.at[length] != ' ' && line.at[length] != '('))
    return false;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t ending = strlen(endings[i]);
    if (length >= ending && memcmp(line.at + length - ending, endings[i], ending) == 0)
      return true;
  }
  return false;
}

/* "  0: name" of Rust's backtraces. */
static bool
is_numbered_frame(mst_line line)
{
  size_t digits = 0;

  while (digits < line.length && isdigit((unsigned char)line.at[digits]))
    digits++;
  return digits > 0 && digits < 5 && digits + 2 < line.length && line.at[digits] == ':' && line.at[digits + 1] == ' ';
}

static bool
is_frame(mst_line indented)
{
  mst_line line = without_blanks(indented);

  return begins(line, "at ") || begins(line, "File \"") || begins(line, "... ") || begins(line, "--- End of") || is_numbered_frame(line);
}

mst_continuation
mst_line_continues(mst_line line, const mst_scan_state *state)
{
  static const char *const traces[] = {"Caused by: ",
                                       "Traceback (most recent call last)",
                                       "Suppressed: ",
                                       "stack backtrace:",
                                       "goroutine ",
                                       "During handling of the above exception",
                                       "The above exception was the direct cause"};

  if (!state->is_open)
    return MST_LINE_BEGINS;
  if (line.length == 0)
    return MST_LINE_CONTINUES;
  if (line.at[0] == ' ' || line.at[0] == '\t')
    return is_frame(line) ? MST_LINE_TRACES : MST_LINE_CONTINUES;
  for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++)
    if (begins(line, traces[i]))
      return MST_LINE_TRACES;
  const char *dot = memchr(line.at, '.', line.length < 200 ? line.length : 200);
  if (dot && is_exception(line) && !memchr(line.at, ' ', (size_t)(dot - line.at)))
    return MST_LINE_TRACES; /* java.lang.IllegalStateException: text */
  if (state->is_in_trace && (is_exception(line) || begins(line, "created by ") || begins(line, "exit status ")))
    return MST_LINE_TRACES;
  if (state->is_in_trace && line.at[line.length - 1] == ')' && memchr(line.at, '(', line.length) && !memchr(line.at, ' ', line.length))
    return MST_LINE_TRACES; /* main.run(0x1, 0x2): Go's frames stand unindented */
  return line.at[0] == '}' || line.at[0] == ']' || line.at[0] == ')' ? MST_LINE_CONTINUES : MST_LINE_BEGINS;
}

bool
mst_text_has_trace(const char *text, size_t length)
{
  static const char *const marks[] = {
      "Traceback (most recent call last)", "\n    at ", "\n\tat ", "\n  at ", "\n   at ", "\\n    at ", "\\n\\tat ", "goroutine "};

  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    if (memmem(text, length, marks[i], strlen(marks[i])))
      return true;
  return false;
}

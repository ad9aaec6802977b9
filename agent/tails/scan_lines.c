/* Which text lines belong to the record before them: stack traces of Python, Java, JavaScript, Go, Rust and .NET. */
#include <ctype.h>
#include <string.h>

#include "scan_state.h"

static const char traceback[] = "Traceback (most recent call last)";

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

bool
mst_line_is_traceback(mst_line line)
{
  return begins(line, traceback);
}

/* How long the name is that the line begins with and that stands before a colon or alone: "ValueError", "json.decoder.JSONDecodeError";
 * 0: none does. */
static size_t
name_length(mst_line line)
{
  size_t length = 0;

  while (length < line.length && (isalnum((unsigned char)line.at[length]) || (length > 0 && strchr("_.$", line.at[length]))))
    length++;
  if (length == 0 || isdigit((unsigned char)line.at[0]) || (length < line.length && line.at[length] != ':'))
    return 0;
  return length;
}

static bool
is_exception_name(const char *name, size_t length)
{
  static const char *const endings[] = {"Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration", "Group", "Failure"};

  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t ending = strlen(endings[i]);
    if (length >= ending && memcmp(name + length - ending, endings[i], ending) == 0)
      return true;
  }
  return false;
}

/* The line with the exception itself: before the frames in Java, behind them in Python. There it may have any name that is no level;
 * elsewhere it has the name of an exception, and a package before it. */
static bool
is_exception(mst_line line, bool is_in_python)
{
  size_t length = name_length(line);

  if (length == 0)
    return false;
  if (is_in_python)
    return mst_level_of_name(line.at, length) == MST_LEVEL_UNKNOWN;
  return memchr(line.at, '.', length) && is_exception_name(line.at, length);
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

/* Of a line that is indented. */
static mst_continuation
frame_of(mst_line indented)
{
  mst_line line = without_blanks(indented);

  if (begins(line, "File \"") || begins(line, traceback))
    return MST_LINE_PYTHON;
  return begins(line, "at ") || is_numbered_frame(line) ? MST_LINE_FRAME : MST_LINE_CONTINUES;
}

/* Go writes "main.run(0x1, 0x2)" and the file below it. */
static bool
is_go_frame(mst_line line)
{
  return line.at[line.length - 1] == ')' && memchr(line.at, '(', line.length) && memchr(line.at, '.', line.length) &&
         !isdigit((unsigned char)line.at[0]) && (!memchr(line.at, ' ', line.length) || memchr(line.at, ',', line.length));
}

mst_continuation
mst_line_continues(mst_line line, const mst_scan_state *state)
{
  static const char *const places[] = {"goroutine ", "stack backtrace:"};
  static const char *const more[] = {"Caused by: ",
                                     "Suppressed: ",
                                     "created by ",
                                     "exit status ",
                                     "During handling of the above exception",
                                     "The above exception was the direct cause",
                                     "note: run with `RUST_BACKTRACE"};

  if (line.length > MST_SCAN_LINE_LOOK_BYTES)
    line.length = MST_SCAN_LINE_LOOK_BYTES;
  if (line.length == 0)
    return MST_LINE_CONTINUES;
  if (!state->is_open)
    return MST_LINE_BEGINS;
  if (line.at[0] == ' ' || line.at[0] == '\t')
    return frame_of(line);
  if (mst_line_is_traceback(line))
    return MST_LINE_PYTHON;
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    if (begins(line, places[i]))
      return MST_LINE_FRAME;
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
    if (begins(line, more[i]))
      return MST_LINE_IN_TRACE;
  if (is_exception(line, state->is_in_python))
    return MST_LINE_EXCEPTION;
  if (state->is_in_trace && is_go_frame(line))
    return MST_LINE_FRAME;
  return line.at[0] == '}' || line.at[0] == ']' || line.at[0] == ')' ? MST_LINE_CONTINUES : MST_LINE_BEGINS;
}

bool
mst_text_has_trace(const char *text, size_t length)
{
  static const char *const marks[] = {traceback,   "\\n    at ",    "\\n\\tat ",          "\\n  at ",
                                      "\\n   at ", "\\ngoroutine ", "\\nstack backtrace:"};

  if (length < 8 || !memmem(text, length, "\\n", 2)) /* one line has no places in it */
    return false;
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    if (memmem(text, length, marks[i], strlen(marks[i])))
      return true;
  return false;
}

/* Settings and headings in texts; see text.h. */
#include "text.h"

#include <string.h>
#include <strings.h>

static const char *
next_line(const char *at)
{
  const char *end = strchr(at, '\n');

  return end ? end + 1 : at + strlen(at);
}

static size_t
line_length(const char *line)
{
  size_t length = strcspn(line, "\n");

  while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == ' ' || line[length - 1] == '\t'))
    length--;
  return length;
}

bool
mst_text_has_setting(const char *text, const char *name)
{
  const size_t name_bytes = strlen(name);
  bool has = false;

  for (const char *line = text; *line; line = next_line(line)) {
    const char *at = line + strspn(line, " \t"), *end = line + line_length(line);
    if (strncmp(at, "export ", 7) == 0)
      at += 7 + strspn(at + 7, " \t");
    if (strncmp(at, name, name_bytes) != 0 || at[name_bytes] != '=')
      continue;
    at += name_bytes + 1;
    bool is_quoted = end - at == 2 && (at[0] == '"' || at[0] == '\'') && at[1] == at[0];
    has = at < end && !is_quoted;
  }
  return has;
}

/* 1..6, and where the title stands; 0: no heading. */
static size_t
heading_level(const char *line, const char **ret_title, size_t *ret_bytes)
{
  const char *end = line + line_length(line);
  size_t blanks = strspn(line, " "), level = strspn(line + blanks, "#");
  const char *title = line + blanks + level;

  if (blanks > 3 || level == 0 || level > 6 || (title < end && *title != ' ' && *title != '\t'))
    return 0;
  while (title < end && (*title == ' ' || *title == '\t'))
    title++;
  while (end > title && end[-1] == '#')
    end--;
  while (end > title && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  *ret_title = title;
  *ret_bytes = (size_t)(end - title);
  return level;
}

static bool
is_fence(const char *line)
{
  line += strspn(line, " ");
  return strncmp(line, "```", 3) == 0 || strncmp(line, "~~~", 3) == 0;
}

bool
mst_text_has_heading(const char *text, const char *title, bool *ret_is_empty)
{
  size_t within = 0; /* level of the heading whose content is looked for; 0: none */
  bool is_code = false;

  *ret_is_empty = false;
  for (const char *line = text; *line; line = next_line(line)) {
    const char *found = NULL;
    size_t bytes = 0, level = is_code ? 0 : heading_level(line, &found, &bytes);
    if (within > 0 && line_length(line) > 0 && (level == 0 || level > within))
      return true;
    if (is_fence(line))
      is_code = !is_code;
    if (level > 0) {
      bool is_it = bytes == strlen(title) && strncasecmp(found, title, bytes) == 0;
      *ret_is_empty = *ret_is_empty || is_it;
      within = is_it ? level : 0;
    }
  }
  return false;
}

/* JSON lines: whether they are (RFC 8259), which of the wanted fields are there, and the level. Reads where the line stands and copies
 * nothing, eight bytes at a time within strings: some four times as fast as yajl, whose parser alone would take longer than a line may. */
#include <endian.h>
#include <string.h>

#include "scan_state.h"

enum {
  DEPTH_MAX = 64, /* of a log line, one bit each; deeper is taken for damage */
  PATH_MAX_BYTES = 128,
  PATH_DEPTH_MAX = 8, /* of names with dots */
};

typedef struct reader {
  const char *at, *end;
  const mst_names *names;
  mst_json result;
  uint64_t maps; /* the open maps and lists, the innermost lowest: 1 is a map */
  int depth;
  const mst_name *name; /* of the value that comes next; NULL: none of ours */
  uint16_t level_rank, message_rank;
  /* The maps from the top on whose keys are looked for, since names go on in them: how many, and what they are called. */
  int path_depth;
  uint8_t path_lengths[PATH_DEPTH_MAX];
  char path[PATH_MAX_BYTES];
} reader;

/* ---- tokens: each gives where what follows it begins, or NULL when it is none ---- */

static inline const char *
skip_blanks(const char *at, const char *end)
{
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
    at++;
  return at;
}

/* High bits of the bytes that end a run within a string: quote, backslash, control character. The lowest one is exact. */
static inline uint64_t
stops_in(uint64_t eight)
{
  const uint64_t ones = 0x0101010101010101ULL, highs = 0x8080808080808080ULL;
  uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';

  return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((eight - ones * 0x20) & ~eight)) & highs;
}

static bool
is_hex(char c)
{
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* at: behind a backslash. */
static const char *
skip_escape(const char *at, const char *end)
{
  if (at >= end)
    return NULL;
  switch (*at) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't':
    return at + 1;
  case 'u':
    return end - at > 4 && is_hex(at[1]) && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) ? at + 5 : NULL;
  default:
    return NULL;
  }
}

/* at: behind the quote that begins it. Gives where its last quote is. */
static const char *
find_string_end(const char *at, const char *end)
{
  for (;;) {
    while (end - at >= 8) {
      uint64_t eight;
      memcpy(&eight, at, sizeof eight);
      uint64_t stops = stops_in(le64toh(eight));
      if (stops) {
        at += __builtin_ctzll(stops) / 8;
        break;
      }
      at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
      at++;
    if (at >= end || (unsigned char)*at < 0x20)
      return NULL;
    if (*at == '"')
      return at;
    at = skip_escape(at + 1, end);
    if (!at)
      return NULL;
  }
}

static const char *
skip_digits(const char *at, const char *end)
{
  const char *start = at;

  while (at < end && *at >= '0' && *at <= '9')
    at++;
  return at > start ? at : NULL;
}

static const char *
skip_number(const char *at, const char *end)
{
  at += *at == '-';
  if (at < end && *at == '0')
    at++;
  else
    at = skip_digits(at, end);
  if (at && at < end && *at == '.')
    at = skip_digits(at + 1, end);
  if (at && at < end && (*at == 'e' || *at == 'E')) {
    at++;
    at += at < end && (*at == '+' || *at == '-');
    at = skip_digits(at, end);
  }
  return at;
}

static const char *
skip_word(const char *at, const char *end, const char *word)
{
  size_t length = strlen(word);

  return (size_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

/* ---- what values say ---- */

static mst_log_level
level_of_text(const mst_name *name, mst_line text)
{
  /* MongoDB and others write one letter, and a figure behind that of debug. */
  static const char letters[] = "TDIWEF";
  const char *letter = text.length > 0 ? memchr(letters, text.at[0], sizeof letters - 1) : NULL;
  long number = 0;
  size_t i = 0;

  while (i < text.length && i < 4 && text.at[i] >= '0' && text.at[i] <= '9')
    number = number * 10 + (text.at[i++] - '0');
  if (i > 0)
    return i == text.length || text.at[i] == '.' ? mst_level_of_number((mst_level_scale)name->scale, number) : MST_LEVEL_UNKNOWN;
  if (letter && (text.length == 1 || (text.length == 2 && text.at[1] >= '1' && text.at[1] <= '5')))
    return (mst_log_level)(letter - letters);
  return mst_level_of_name(text.at, text.length);
}

static void
take_level(reader *from, mst_line text)
{
  mst_log_level level = level_of_text(from->name, text);

  if (level == MST_LEVEL_UNKNOWN || (from->result.level != MST_LEVEL_UNKNOWN && from->level_rank <= from->name->rank))
    return;
  from->result.level = level;
  from->level_rank = from->name->rank;
}

/* text: a string without its quotes, or a number. */
static void
take_text(reader *from, mst_line text)
{
  static const char none[] = "NoneType: None"; /* what Python logs as the trace of no exception */
  const mst_name *name = from->name;

  if (!name || name->field < 0 || text.length == 0)
    return;
  if (name->field == MST_FIELD_LEVEL)
    take_level(from, text);
  if (name->field == MST_FIELD_TRACE && text.length == sizeof none - 1 && memcmp(text.at, none, text.length) == 0)
    return;
  if (name->field == MST_FIELD_MESSAGE && (!from->result.message.at || name->rank < from->message_rank)) {
    from->result.message = text;
    from->message_rank = name->rank;
  }
  from->result.fields |= 1U << name->field;
}

/* A map or a list is a value of every field but the level, unless it is empty. */
static void
take_group(reader *from, char closing)
{
  const char *inside = skip_blanks(from->at, from->end);

  if (from->name && from->name->field >= 0 && from->name->field != MST_FIELD_LEVEL && inside < from->end && *inside != closing)
    from->result.fields |= 1U << from->name->field;
}

/* ---- structure ---- */

static bool
open_group(reader *from, bool is_map)
{
  if (from->depth == DEPTH_MAX)
    return false;
  from->at++;
  take_group(from, is_map ? '}' : ']');
  if (is_map && from->depth == from->path_depth && from->path_depth < PATH_DEPTH_MAX && from->name && from->name->is_prefix) {
    memcpy(from->path, from->name->text, from->name->length); /* the whole name so far */
    from->path_lengths[from->path_depth++] = (uint8_t)from->name->length;
  }
  from->maps = from->maps << 1 | is_map;
  from->depth++;
  from->name = NULL;
  return true;
}

static void
close_group(reader *from)
{
  from->at++;
  from->maps >>= 1;
  if (from->path_depth == from->depth)
    from->path_depth--;
  from->depth--;
}

static const mst_name *
name_of(reader *from, const char *key, size_t length)
{
  char whole[PATH_MAX_BYTES + 1];

  if (from->path_depth != from->depth)
    return NULL;
  if (from->depth == 1)
    return mst_names_find(from->names, key, length);
  size_t before = from->path_lengths[from->path_depth - 1];
  if (before + 1 + length > PATH_MAX_BYTES)
    return NULL;
  memcpy(whole, from->path, before);
  whole[before] = '.';
  memcpy(whole + before + 1, key, length);
  return mst_names_find(from->names, whole, before + 1 + length);
}

/* A key and its colon. */
static bool
read_key(reader *from)
{
  const char *key = from->at + 1, *end;

  if (from->at >= from->end || *from->at != '"')
    return false;
  end = find_string_end(key, from->end);
  if (!end)
    return false;
  from->name = name_of(from, key, (size_t)(end - key));
  from->at = end + 1;
  if (from->at < from->end && *from->at != ':')
    from->at = skip_blanks(from->at, from->end);
  if (from->at >= from->end || *from->at != ':')
    return false;
  from->at++;
  return true;
}

/* A value, or the beginning of a map or list. */
static bool
read_value(reader *from, bool *ret_is_opened)
{
  const char *at = from->at = skip_blanks(from->at, from->end), *end = from->end;

  *ret_is_opened = false;
  if (at >= end)
    return false;
  switch (*at) {
  case '"':
    at = find_string_end(at + 1, end);
    if (!at)
      return false;
    take_text(from, (mst_line){from->at + 1, (size_t)(at - from->at - 1)});
    from->at = at + 1;
    return true;
  case '{':
  case '[':
    *ret_is_opened = true;
    return open_group(from, *at == '{');
  case 't':
    at = skip_word(at, end, "true");
    break;
  case 'f':
    at = skip_word(at, end, "false");
    break;
  case 'n':
    at = skip_word(at, end, "null");
    break;
  default:
    at = *at == '-' || (*at >= '0' && *at <= '9') ? skip_number(at, end) : NULL;
    if (at)
      take_text(from, (mst_line){from->at, (size_t)(at - from->at)});
  }
  from->at = at;
  return at != NULL;
}

static char
closing_of(const reader *from)
{
  return from->maps & 1 ? '}' : ']';
}

/* What stands behind a value, up to the next one: ends of maps and lists, a comma, a key. True at the end of the line's map too. */
static bool
read_on(reader *from)
{
  for (;;) {
    from->at = skip_blanks(from->at, from->end);
    if (from->depth == 0)
      return true;
    if (from->at >= from->end)
      return false;
    if (*from->at != closing_of(from))
      break;
    close_group(from);
  }
  if (*from->at != ',')
    return false;
  from->at = skip_blanks(from->at + 1, from->end);
  from->name = NULL; /* of lists */
  return !(from->maps & 1) || read_key(from);
}

/* Behind the bracket that began it: its first key, or its end and what is behind that. */
static bool
read_first(reader *from)
{
  from->at = skip_blanks(from->at, from->end);
  if (from->at >= from->end)
    return false;
  if (*from->at == closing_of(from)) {
    close_group(from);
    return read_on(from);
  }
  return !(from->maps & 1) || read_key(from);
}

mst_json
mst_json_read(const mst_names *names, mst_line line)
{
  reader from = {.at = line.at, .end = line.at + line.length, .names = names, .result = {.level = MST_LEVEL_UNKNOWN}};

  from.at = skip_blanks(from.at, from.end);
  if (from.at >= from.end || *from.at != '{')
    return from.result;
  /* The line's own map: its keys are looked for, and have nothing before them. */
  from.path_lengths[from.path_depth++] = 0;
  bool is_opened = true, goes_on = open_group(&from, true) && read_first(&from);
  while (goes_on && from.depth > 0)
    goes_on = read_value(&from, &is_opened) && (is_opened ? read_first(&from) : read_on(&from));
  from.result.is_valid = goes_on && from.at == from.end;
  return from.result;
}

/* ---- decoding ---- */

static unsigned
hex_of(const char *at)
{
  unsigned value = 0;

  for (int i = 0; i < 4; i++)
    value = value << 4 | (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] | 0x20) - 'a' + 10);
  return value;
}

/* at: the four digits. Gives what follows: the second half of a pair goes with the first. */
static const char *
decode_unit(const char *at, const char *end, mst_buf *to)
{
  unsigned point = hex_of(at);
  char utf8[4];

  at += 4;
  if (point >= 0xd800 && point < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' && hex_of(at + 2) >= 0xdc00 &&
      hex_of(at + 2) < 0xe000) {
    point = 0x10000 + ((point - 0xd800) << 10) + (hex_of(at + 2) - 0xdc00);
    at += 6;
  }
  if (point == 0 || (point >= 0xd800 && point < 0xe000))
    point = 0xfffd;
  if (point < 0x80) {
    utf8[0] = (char)point;
    mst_buf_append(to, utf8, 1);
    return at;
  }
  size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, point >>= 6)
    utf8[i] = (char)(0x80 | (point & 0x3f));
  utf8[0] = (char)(0xf00 >> length | point);
  mst_buf_append(to, utf8, length);
  return at;
}

void
mst_json_decode(mst_line text, mst_buf *ret_decoded)
{
  static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
  const char *at = text.at, *end = text.at + text.length;

  while (at < end) {
    const char *slash = memchr(at, '\\', (size_t)(end - at));
    mst_buf_append(ret_decoded, at, (size_t)((slash ? slash : end) - at));
    if (!slash || slash + 1 >= end)
      return;
    at = slash + 2;
    if (slash[1] == 'u') {
      at = decode_unit(at, end, ret_decoded);
      continue;
    }
    const char *letter = strchr(letters, slash[1]);
    mst_buf_append(ret_decoded, letter ? &bytes[letter - letters] : slash + 1, 1);
  }
}

/* What an entry of a journal says: its cursor and its fields. Formats: systemd.journal-fields(7), sd_journal_get_cursor(3). */
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_state.h"

/* ---- cursors: "s=ID;i=NUMBER;b=ID;m=TIME;t=TIME;x=HASH", all of them hexadecimal ---- */

/* Copies what stands between `before` and the next semicolon, where there is room; returns what follows, NULL when it is not so. */
static const char *
take_part(const char *at, const char *before, char *ret_part, size_t part_bytes)
{
  size_t skip = strlen(before), length;

  if (!at || strncmp(at, before, skip) != 0)
    return NULL;
  at += skip;
  length = strcspn(at, ";");
  if (length == 0 || length >= part_bytes || strspn(at, "0123456789abcdef") != length)
    return NULL;
  memcpy(ret_part, at, length);
  ret_part[length] = '\0';
  return at + length;
}

bool
mst_journal_mark_parse(const char *cursor, mst_journal_mark *ret_mark)
{
  mst_journal_mark mark = {0};
  char number[17];

  if (strlen(cursor) >= MST_JOURNAL_CURSOR_BYTES)
    return false;
  const char *at = take_part(cursor, "s=", mark.sequence, sizeof mark.sequence);
  at = take_part(at, ";i=", number, sizeof number);
  const char *identity = at;
  at = take_part(at, ";b=", mark.boot, sizeof mark.boot);
  if (!at || strlen(mark.sequence) != MST_JOURNAL_ID_TEXT_BYTES - 1)
    return false;
  mark.number = strtoull(number, NULL, 16);
  snprintf(mark.identity, sizeof mark.identity, "%s", identity + 1);
  *ret_mark = mark;
  return true;
}

/* journald numbers the entries of all its files in one go, from boot to boot; only in some versions under one id. */
bool
mst_journal_mark_follows(const mst_journal_mark *before, const mst_journal_mark *after)
{
  bool is_one_count = strcmp(before->sequence, after->sequence) == 0 || strcmp(before->boot, after->boot) == 0;

  return is_one_count && after->number == before->number + 1;
}

/* ---- fields ---- */

#define FIELD(name, member)                                                                                                                \
  {                                                                                                                                        \
    name "=", sizeof name, offsetof(mst_journal_fields, member), sizeof((mst_journal_fields *)NULL)->member                                \
  }
static const struct {
  const char *name; /* with its "=" */
  size_t length, offset, room;
} wanted[] = {
    FIELD("CONTAINER_ID_FULL", container),
    FIELD("COREDUMP_UNIT", dumped_unit),
    FIELD("OBJECT_SYSTEMD_UNIT", object_unit),
    FIELD("PRIORITY", priority),
    FIELD("SYSLOG_IDENTIFIER", identifier),
    FIELD("UNIT", about_unit),
    FIELD("_MACHINE_ID", machine),
    FIELD("_PID", pid),
    FIELD("_STREAM_ID", stream),
    FIELD("_SYSTEMD_UNIT", unit),
    FIELD("_TRANSPORT", transport),
    FIELD("_UID", uid),
};
#undef FIELD

bool
mst_journal_fields_take(mst_journal_fields *fields, const char *data, size_t size_bytes)
{
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    char *to = (char *)fields + wanted[i].offset;
    if (size_bytes < wanted[i].length || memcmp(data, wanted[i].name, wanted[i].length) != 0)
      continue;
    if (to[0] != '\0')
      return true; /* the first one holds */
    size_t length = size_bytes - wanted[i].length;
    length = length < wanted[i].room ? length : wanted[i].room - 1;
    memcpy(to, data + wanted[i].length, length);
    to[length] = '\0';
    return true;
  }
  return false;
}

/* As systemctl and journalctl take it: what has no ending is a service. */
static bool
fits_unit(const char *pattern, const char *unit)
{
  size_t length = strlen(pattern);

  if (fnmatch(pattern, unit, 0) == 0)
    return true;
  return strpbrk(pattern, ".*?[") == NULL && strncmp(pattern, unit, length) == 0 && strcmp(unit + length, ".service") == 0;
}

static bool
is_asked_for(const mst_journal_setup *setup, const char *unit)
{
  for (size_t i = 0; i < setup->unit_count && unit[0] != '\0'; i++)
    if (fits_unit(setup->units[i], unit))
      return true;
  return false;
}

static bool
fits_identifier(const mst_journal_setup *setup, const char *identifier)
{
  for (size_t i = 0; i < setup->identifier_count; i++)
    if (fnmatch(setup->identifiers[i], identifier, 0) == 0)
      return true;
  return setup->identifier_count == 0;
}

bool
mst_journal_fields_fit(const mst_journal_fields *fields, const mst_journal_setup *setup, const char **ret_unit)
{
  int priority = mst_journal_fields_priority(fields);
  /* What others say of a unit counts to it when they are systemd itself or root, as with `journalctl -u`. */
  const char *about = strcmp(fields->pid, "1") == 0 ? fields->about_unit : "";
  bool is_root = strcmp(fields->uid, "0") == 0;
  const char *const units[] = {fields->unit, about, is_root ? fields->object_unit : "", is_root ? fields->dumped_unit : ""};

  if (priority > setup->priority_max || !fits_identifier(setup, fields->identifier))
    return false;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (is_asked_for(setup, units[i])) {
      *ret_unit = units[i];
      return true;
    }
  }
  *ret_unit = fields->unit;
  return setup->unit_count == 0;
}

int
mst_journal_fields_priority(const mst_journal_fields *fields)
{
  bool is_one = fields->priority[0] >= '0' && fields->priority[0] <= '7' && fields->priority[1] == '\0';

  return is_one ? fields->priority[0] - '0' : -1;
}

const char *
mst_journal_fields_stream(const mst_journal_fields *fields)
{
  if (strcmp(fields->transport, "stdout") == 0)
    return fields->stream[0] != '\0' ? fields->stream : fields->unit;
  return fields->container[0] != '\0' ? fields->container : NULL; /* Docker's journald driver: an entry a line */
}

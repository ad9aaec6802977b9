/* The folders that a journal's files are in: whether they are there, whether all of them can be read, and how far their entries go.
 * Places: systemd-journald.service(8), FILES. Header of a file: https://systemd.io/JOURNAL_FILE_FORMAT/ */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/digest.h>

#include "journal_state.h"

enum {
  HEADER_BYTES = 176, /* up to the number of the newest entry, and of the oldest */
  SEQUENCE_AT = 72,
  NEWEST_AT = 160,
  ENTRIES_MAX = 100000, /* names in a folder: a journal of 4 GB has some hundred */
};
static const char magic[] = "LPKSHHRH";

typedef struct look {
  int root_fd;
  bool is_local; /* of this machine only */
  char machine[MST_JOURNAL_ID_TEXT_BYTES];
  const char *sequence;
  mst_journal_place *place;
} look;

bool
mst_journal_is_own_root(int root_fd)
{
  struct stat own, given;

  return stat("/", &own) == 0 && fstat(root_fd, &given) == 0 && own.st_dev == given.st_dev && own.st_ino == given.st_ino;
}

/* The first that is said stays. */
static void __attribute__((format(printf, 2, 3))) say(mst_journal_place *place, const char *format, ...)
{
  va_list arguments;

  if (place->trouble[0] != '\0')
    return;
  va_start(arguments, format);
  vsnprintf(place->trouble, sizeof place->trouble, format, arguments);
  va_end(arguments);
}

static void
say_unreadable(mst_journal_place *place, const char *folder, const char *slash, const char *name)
{
  say(place, "cannot read %s%s%s: %s; add the agent's user to the group systemd-journal", folder, slash, name, strerror(errno));
}

/* What tells a folder from another of its name. A sum: folders may be listed in any order. */
static void
mix(mst_journal_place *place, const struct stat *info)
{
  const uint64_t parts[] = {info->st_dev, info->st_ino};
  mst_digest digest = mst_digest_of("muster/journal-folder", parts, sizeof parts);
  uint64_t number;

  memcpy(&number, digest.bytes, sizeof number);
  place->identity += number;
}

static uint64_t
number_at(const uint8_t *header, size_t at)
{
  uint64_t number = 0;

  for (size_t i = 8; i-- > 0;)
    number = number << 8 | header[at + i];
  return number;
}

/* The number of the file's newest entry, if it is of the sequence that was asked for. A file without entries has that of the one before. */
static void
take_newest(const look *now, int fd)
{
  uint8_t header[HEADER_BYTES];
  char sequence[MST_JOURNAL_ID_TEXT_BYTES];

  if (pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header || memcmp(header, magic, sizeof magic - 1) != 0)
    return;
  mst_hex_encode(header + SEQUENCE_AT, 16, sequence);
  uint64_t newest = number_at(header, NEWEST_AT);
  if (strcmp(sequence, now->sequence) == 0 && newest > now->place->newest)
    now->place->newest = newest;
}

static bool
ends_with(const char *text, const char *with)
{
  size_t length = strlen(text), ending = strlen(with);

  return length > ending && strcmp(text + length - ending, with) == 0;
}

static void
take_file(const look *now, int folder_fd, const char *folder, const char *name)
{
  bool is_archived = strchr(name, '@') || ends_with(name, "~");
  int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0) {
    if (errno != ENOENT) /* archived or vacuumed a moment ago */
      say_unreadable(now->place, folder, "/", name);
    return;
  }
  now->place->files += !is_archived;
  now->place->archived += is_archived;
  if (now->sequence[0] != '\0')
    take_newest(now, fd);
  close(fd);
}

/* A folder of one machine, as journald makes it. */
static bool
is_of_machine(const look *now, const char *name)
{
  if (strlen(name) != MST_JOURNAL_ID_TEXT_BYTES - 1 || strspn(name, "0123456789abcdef") != MST_JOURNAL_ID_TEXT_BYTES - 1)
    return false;
  return !now->is_local || strcmp(name, now->machine) == 0;
}

/* depth: 0 for the folder itself, 1 for those of machines in it. False when there is none. */
static bool
take_folder(const look *now, const char *folder, int depth)
{
  int fd = openat(now->root_fd, folder[1] ? folder + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat info;
  DIR *list = fd < 0 ? NULL : fdopendir(fd);

  if (!list) {
    if (fd >= 0)
      close(fd);
    else if (errno != ENOENT && errno != ENOTDIR)
      say_unreadable(now->place, folder, "", "");
    return fd >= 0 || (errno != ENOENT && errno != ENOTDIR);
  }
  if (fstat(fd, &info) == 0)
    mix(now->place, &info);
  const struct dirent *entry;
  for (int i = 0; i < ENTRIES_MAX && (entry = readdir(list)); i++) {
    char inner[512];
    if (ends_with(entry->d_name, ".journal") || ends_with(entry->d_name, ".journal~"))
      take_file(now, fd, folder, entry->d_name);
    else if (depth == 0 && is_of_machine(now, entry->d_name) &&
             (size_t)snprintf(inner, sizeof inner, "%s/%s", folder, entry->d_name) < sizeof inner)
      (void)take_folder(now, inner, 1);
  }
  closedir(list);
  return true;
}

static void
read_machine(look *now)
{
  int fd = openat(now->root_fd, "etc/machine-id", O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  ssize_t got = read(fd, now->machine, sizeof now->machine - 1);
  now->machine[got > 0 ? got : 0] = '\0';
  close(fd);
}

void
mst_journal_look(int root_fd, const char *path, const char *sequence, mst_journal_place *ret_place)
{
  look now = {.root_fd = root_fd, .is_local = !path && mst_journal_is_own_root(root_fd), .sequence = sequence, .place = ret_place};

  *ret_place = (mst_journal_place){0};
  if (path) {
    if (!take_folder(&now, path, 0))
      say(ret_place, "there is no folder %s: no journal is kept there", path);
    else if (ret_place->files + ret_place->archived == 0)
      say(ret_place, "there is no journal file in %s", path);
    return;
  }
  if (now.is_local)
    read_machine(&now);
  (void)take_folder(&now, "/run/log/journal", 0);
  (void)take_folder(&now, "/var/log/journal", 0);
  if (ret_place->files + ret_place->archived == 0)
    say(ret_place,
        "this host keeps no journal: there is no file of one below /run/log/journal or /var/log/journal; is systemd-journald running?");
}

/* Probe kind file; see proto/probes/file.c. Everything that touches a file is done on a thread of the attempt's own: a mount may be dead.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pcre2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/digest.h>

#include "encryption.h"
#include "kinds.h"
#include "settings.h"
#include "text.h"

enum {
  CONTENT_MAX_BYTES = 16 * 1024 * 1024, /* configurations, documents and small backups; what is larger is looked at so far */
  CHUNK_BYTES = 64 * 1024,
  PLACE_BYTES = 4096 + 64,
  REASON_BYTES = 256,
  PATTERNS_MAX = 2 * MST_PROBE_LIST_MAX,
  USER_BYTES = 64,
  RECORD_BYTES = 4096, /* of a user, as getpwuid_r wants it */
};
static const int64_t clock_slack_ns = 60 * MST_NS_PER_S; /* a file of another host's clock */

typedef struct config {
  mst_probe_options options; /* its texts live as long as the probe, and so as any job of it */
  const char *path, *newer_than, *owner;
  bool is_absent_wanted, hash, is_encrypted_wanted;
  int64_t max_age_ns, min_size_bytes, max_size_bytes;
  mode_t mode_max;
  bool has_mode;
  const char *const *names, *const *headings, *const *values;
  size_t name_count, heading_count, value_count; /* of values: fields and places */
  pcre2_code *patterns[PATTERNS_MAX];
  size_t match_count, pattern_count;
} config;

/* What one look found; the thread's until it is done. */
typedef struct look {
  const config *file;
  char reason[REASON_BYTES]; /* "": it is as it should be */
  char place[PLACE_BYTES];   /* of the file that is looked at, behind the root's */
  struct stat status;
  size_t count;
  bool is_found;
  char sha256[MST_DIGEST_HEX_BYTES];
  const char *encryption; /* NULL: not looked for */
  mst_setting settings[MST_PROBE_LIST_MAX];
  mst_buf content;
} look;

static void
close_file(void *opaque)
{
  config *file = opaque;

  for (size_t i = 0; file && i < file->pattern_count; i++)
    pcre2_code_free(file->patterns[i]);
  mst_free(file);
}

static mst_err
add_patterns(config *file, const char *key, mst_errctx *ctx)
{
  const char *const *texts = NULL;
  size_t count = mst_probe_texts(&file->options, key, &texts);
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[128];

  for (size_t i = 0; i < count; i++) {
    if (file->pattern_count == PATTERNS_MAX)
      return mst_fail(ctx, MST_ELIMIT, "over %d patterns", PATTERNS_MAX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)texts[i], PCRE2_ZERO_TERMINATED, 0, &number, &offset, NULL);
    if (!code) {
      (void)pcre2_get_error_message(number, message, sizeof message);
      return mst_fail(ctx, MST_EUSAGE, "%s: pattern %zu is wrong at its character %zu: %s", key, i + 1, (size_t)offset + 1,
                      (const char *)message);
    }
    file->patterns[file->pattern_count++] = code;
  }
  return MST_OK;
}

static mst_err
read_mode(config *file, mst_errctx *ctx)
{
  const char *text = mst_probe_text(&file->options, "mode_max");
  char *end = NULL;

  if (!text)
    return MST_OK;
  unsigned long mode = strtoul(text, &end, 8);
  if (end == text || *end != '\0' || mode > 07777)
    return mst_fail(ctx, MST_EUSAGE, "mode_max: \"%.32s\" is no octal mode such as 0600", text);
  file->mode_max = (mode_t)mode;
  file->has_mode = true;
  return MST_OK;
}

static mst_err
open_file(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *file = mst_alloc(1, sizeof *file);

  if (!file)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  file->options = *options;
  file->path = mst_probe_text(options, "path");
  file->newer_than = mst_probe_text(options, "newer_than");
  file->owner = mst_probe_text(options, "owner");
  file->is_absent_wanted = mst_probe_choice(options, "expect") == 1;
  file->hash = mst_probe_flag(options, "hash");
  file->max_age_ns = mst_probe_duration(options, "max_age");
  file->min_size_bytes = mst_probe_size(options, "min_size");
  file->max_size_bytes = mst_probe_size(options, "max_size");
  file->name_count = mst_probe_texts(options, "names", &file->names);
  file->heading_count = mst_probe_texts(options, "headings", &file->headings);
  file->value_count = mst_probe_texts(options, "values", &file->values);
  file->is_encrypted_wanted = mst_probe_flag(options, "encrypted");
  mst_err err = read_mode(file, ctx);
  if (err == MST_OK)
    err = add_patterns(file, "matches", ctx);
  file->match_count = file->pattern_count;
  if (err == MST_OK)
    err = add_patterns(file, "not_matches", ctx);
  if (err != MST_OK) {
    close_file(file);
    return err;
  }
  *ret_config = file;
  return MST_OK;
}

/* ---- the look, on a thread of its own ---- */

#define SAY(look, ...) ((void)snprintf((look)->reason, sizeof(look)->reason, __VA_ARGS__))

/* The newest regular file that fits a path or pattern below the agent's root. False: there is none, or a reason is said. */
static bool
find(look *at, const char *path, char place[static PLACE_BYTES], struct stat *ret_status, size_t *ret_count)
{
  char root[32], pattern[PLACE_BYTES];
  glob_t found = {0};
  bool is_found = false;

  snprintf(root, sizeof root, "/proc/self/fd/%d", at->file->options.root_fd);
  if ((size_t)snprintf(pattern, sizeof pattern, "%s%s", root, path) >= sizeof pattern) {
    SAY(at, "look for %.150s: the path is too long", path);
    return false;
  }
  int failed = glob(pattern, GLOB_NOSORT, NULL, &found);
  if (failed == GLOB_NOSPACE)
    SAY(at, "look for %.150s: out of memory", path);
  for (size_t i = 0; failed == 0 && i < found.gl_pathc; i++) {
    struct stat status;
    if (stat(found.gl_pathv[i], &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    ++*ret_count;
    bool is_newer = !is_found || status.st_mtim.tv_sec > ret_status->st_mtim.tv_sec ||
                    (status.st_mtim.tv_sec == ret_status->st_mtim.tv_sec && status.st_mtim.tv_nsec > ret_status->st_mtim.tv_nsec);
    if (!is_newer)
      continue;
    *ret_status = status;
    snprintf(place, PLACE_BYTES, "%s", found.gl_pathv[i] + strlen(root));
    is_found = true;
  }
  globfree(&found);
  return is_found;
}

static int64_t
age_ns(const look *at)
{
  return mst_clock_wall(at->file->options.clock).ns - (at->status.st_mtim.tv_sec * MST_NS_PER_S + at->status.st_mtim.tv_nsec);
}

static bool
is_owned(const look *at, char found[static USER_BYTES])
{
  char record[RECORD_BYTES], number[USER_BYTES];
  struct passwd user, *known = NULL;

  snprintf(number, sizeof number, "%lu", (unsigned long)at->status.st_uid);
  if (getpwuid_r(at->status.st_uid, &user, record, sizeof record, &known) != 0)
    known = NULL;
  snprintf(found, USER_BYTES, "%s", known ? known->pw_name : number);
  return strcmp(found, at->file->owner) == 0 || strcmp(number, at->file->owner) == 0;
}

static void
check_age(look *at)
{
  const config *file = at->file;
  char age[MST_TIME_TEXT_BYTES], most[MST_TIME_TEXT_BYTES], other[PLACE_BYTES];
  struct stat status;
  size_t count = 0;

  if (file->max_age_ns > 0 && age_ns(at) < -clock_slack_ns)
    SAY(at, "%.120s was written %s from now: are the clocks right?", at->place, mst_duration_format_short(-age_ns(at), age));
  else if (file->max_age_ns > 0 && age_ns(at) > file->max_age_ns)
    SAY(at, "%.120s was written %s ago; at most %s is allowed", at->place, mst_duration_format_short(age_ns(at), age),
        mst_duration_format_short(file->max_age_ns, most));
  if (at->reason[0] || !file->newer_than)
    return;
  if (!find(at, file->newer_than, other, &status, &count)) {
    if (!at->reason[0])
      SAY(at, "look for %.120s, which %.60s is to be newer than: no such file", file->newer_than, at->place);
  } else if (at->status.st_mtim.tv_sec < status.st_mtim.tv_sec ||
             (at->status.st_mtim.tv_sec == status.st_mtim.tv_sec && at->status.st_mtim.tv_nsec <= status.st_mtim.tv_nsec)) {
    SAY(at, "%.110s was not written after %.110s", at->place, other);
  }
}

static void
check_status(look *at)
{
  const config *file = at->file;
  const long long size = at->status.st_size;
  char user[USER_BYTES];

  if (file->min_size_bytes > 0 && size < file->min_size_bytes)
    SAY(at, "%.150s has %lld bytes; at least %lld are wanted", at->place, size, (long long)file->min_size_bytes);
  else if (file->max_size_bytes > 0 && size > file->max_size_bytes)
    SAY(at, "%.150s has %lld bytes; at most %lld are allowed", at->place, size, (long long)file->max_size_bytes);
  else if (file->has_mode && (at->status.st_mode & 07777 & ~file->mode_max) != 0)
    SAY(at, "%.150s has mode %04o; at most %04o is allowed", at->place, (unsigned)(at->status.st_mode & 07777), (unsigned)file->mode_max);
  else if (file->owner && !is_owned(at, user))
    SAY(at, "%.120s belongs to %s, not to %.32s", at->place, user, file->owner);
}

/* Its first 16 MiB. O_NONBLOCK: what was a regular file a moment ago may be a FIFO now. */
static bool
read_content(look *at)
{
  char place[PLACE_BYTES + 32];
  struct stat status;
  ssize_t got = 1;

  snprintf(place, sizeof place, "/proc/self/fd/%d%s", at->file->options.root_fd, at->place);
  int fd = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    SAY(at, "open %.180s: %s", at->place, fd < 0 ? strerror(errno) : "no regular file any more");
    if (fd >= 0)
      close(fd);
    return false;
  }
  while (got > 0 && at->content.size_bytes < CONTENT_MAX_BYTES) {
    size_t left = CONTENT_MAX_BYTES - at->content.size_bytes, before = at->content.size_bytes;
    void *room = mst_buf_extend(&at->content, left < CHUNK_BYTES ? left : CHUNK_BYTES);
    got = room ? read(fd, room, left < CHUNK_BYTES ? left : CHUNK_BYTES) : -1;
    if (room)
      at->content.size_bytes = before + (got > 0 ? (size_t)got : 0);
    if (got < 0)
      SAY(at, "read %.180s: %s", at->place, room ? strerror(errno) : "out of memory");
  }
  close(fd);
  if (at->content.data)
    at->content.data[at->content.size_bytes] = '\0';
  return got >= 0;
}

/* 1: it matches, 0: not, below: pcre2's error. */
static int
matches(const look *at, const pcre2_code *pattern)
{
  const char *text = mst_buf_text(&at->content);
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(pattern, NULL);
  int found = match ? pcre2_match(pattern, (PCRE2_SPTR)text, at->content.size_bytes, 0, 0, match, NULL) : PCRE2_ERROR_NOMEMORY;

  pcre2_match_data_free(match);
  return found >= 0 ? 1 : found == PCRE2_ERROR_NOMATCH ? 0 : found;
}

/* What the patterns are is in the plan; what they met is not told: it may be a secret. */
static void
check_patterns(look *at)
{
  const config *file = at->file;

  for (size_t i = 0; i < file->pattern_count && !at->reason[0]; i++) {
    const char *key = i < file->match_count ? "matches" : "not_matches";
    size_t number = i < file->match_count ? i + 1 : i - file->match_count + 1;
    int found = matches(at, file->patterns[i]);
    if (found < 0)
      SAY(at, "%.150s: pattern %zu of %s cannot be tried: error %d of PCRE2", at->place, number, key, found);
    else if ((found == 1) != (i < file->match_count))
      SAY(at, "%.150s: pattern %zu of %s %s", at->place, number, key, found ? "is met, and must not be" : "is not met");
  }
}

static void
check_encryption(look *at)
{
  if (!at->file->is_encrypted_wanted)
    return;
  at->encryption = mst_encryption_of(mst_buf_text(&at->content), at->content.size_bytes);
  if (strcmp(at->encryption, "none") == 0)
    SAY(at, "%.150s is not encrypted: it begins as no file of age, OpenPGP, OpenSSL or LUKS does", at->place);
}

static void
check_settings(look *at)
{
  char reason[MST_SETTINGS_REASON_BYTES];

  if (at->file->value_count > 0 &&
      !mst_settings_read(mst_buf_text(&at->content), at->content.size_bytes, at->file->values, at->file->value_count, at->settings, reason))
    SAY(at, "%.80s: %.170s", at->place, reason);
}

static void
check_content(look *at)
{
  const config *file = at->file;
  const char *text = mst_buf_text(&at->content);
  bool is_empty = false;

  check_encryption(at);
  if (!at->reason[0])
    check_settings(at);
  if (!at->reason[0])
    check_patterns(at);
  for (size_t i = 0; i < file->name_count && !at->reason[0]; i++)
    if (!mst_text_has_setting(text, file->names[i]))
      SAY(at, "%.130s sets no %.64s, or sets it to nothing", at->place, file->names[i]);
  for (size_t i = 0; i < file->heading_count && !at->reason[0]; i++)
    if (!mst_text_has_heading(text, file->headings[i], &is_empty))
      SAY(at, "%.120s: heading \"%.64s\" %s", at->place, file->headings[i], is_empty ? "has nothing below it" : "is missing");
  if (file->hash && at->content.size_bytes == CONTENT_MAX_BYTES && !at->reason[0])
    SAY(at, "%.150s has 16 MiB or more: too much to be hashed here", at->place);
  else if (file->hash)
    mst_sha256_hex(text, at->content.size_bytes, at->sha256);
}

static void
work(void *arg)
{
  look *at = arg;
  const config *file = at->file;

  at->is_found = find(at, file->path, at->place, &at->status, &at->count);
  if (at->reason[0])
    return;
  if (file->is_absent_wanted) {
    if (at->is_found)
      SAY(at, "%.180s is there, and must not be", at->place);
    return;
  }
  if (!at->is_found) {
    SAY(at, "look for %.180s: no such file", file->path);
    return;
  }
  check_status(at);
  if (!at->reason[0])
    check_age(at);
  bool is_read =
      file->hash || file->is_encrypted_wanted || file->pattern_count + file->name_count + file->heading_count + file->value_count > 0;
  if (is_read && !at->reason[0] && read_content(at))
    check_content(at);
}

/* ---- the attempt ---- */

static void
free_look(look *at)
{
  mst_buf_done(&at->content);
  mst_free(at);
}

static void
give_settings(const look *at, mst_probe_attempt *attempt)
{
  for (size_t i = 0; i + 1 < at->file->value_count; i += 2) {
    const mst_setting *setting = &at->settings[i / 2];
    if (setting->has_number)
      mst_probe_value_in(attempt, at->file->values[i], setting->number, setting->unit);
    if (setting->state)
      mst_probe_state(attempt, at->file->values[i], setting->state);
  }
  if (at->encryption)
    mst_probe_state(attempt, "encryption", at->encryption);
}

static void
done(void *arg, mst_probe_attempt *attempt)
{
  look *at = arg;
  char mode[16];

  if (attempt) {
    mst_probe_value(attempt, "count", (double)at->count);
    if (at->is_found) {
      snprintf(mode, sizeof mode, "%04o", (unsigned)(at->status.st_mode & 07777));
      mst_probe_value(attempt, "size_bytes", (double)at->status.st_size);
      mst_probe_value(attempt, "age", (double)age_ns(at) / 1e9);
      mst_probe_state(attempt, "mode", mode);
      mst_probe_state(attempt, "path", at->place);
    }
    if (at->sha256[0])
      mst_probe_state(attempt, "sha256", at->sha256);
    give_settings(at, attempt);
    if (at->reason[0])
      mst_probe_fail(attempt, "%s", at->reason);
    else
      mst_probe_pass(attempt);
  }
  free_look(at);
}

static void *
begin_file(void *opaque, mst_probe_attempt *attempt)
{
  const config *file = opaque;
  look *at = mst_alloc(1, sizeof *at);

  if (!at) {
    mst_probe_fail(attempt, "look for %.180s: out of memory", file->path);
    return NULL;
  }
  at->file = file;
  mst_buf_init(&at->content, CONTENT_MAX_BYTES);
  mst_probe_doing(attempt, "look at %.100s", file->path);
  mst_probe_job *job = mst_probe_work(attempt, work, done, at);
  if (!job)
    free_look(at);
  return job;
}

static void
stop_file(void *job)
{
  if (job)
    mst_probe_work_abandon(job);
}

const mst_probe_kind mst_probe_kind_file = {
    .schema = &mst_probe_schema_file,
    .open = open_file,
    .close = close_file,
    .begin = begin_file,
    .stop = stop_file,
};

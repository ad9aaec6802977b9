/* Secrets of probes: plans name them, hosts have them, and the host's own configuration says which ones a plan may name. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/probes/probe.h>

static bool
is_allowed(const mst_allow *allow, const char *reference)
{
  for (size_t i = 0; allow && i < allow->secrets.count; i++)
    if (fnmatch(allow->secrets.items[i], reference, FNM_PATHNAME | FNM_PERIOD) == 0)
      return true;
  return false;
}

/* A secret's file may be a link (as Kubernetes makes them); but what is no regular file could hang, or give without end. */
static mst_err
read_file(const mst_probe_options *options, const char *path, char *room, size_t *ret_bytes, mst_errctx *ctx)
{
  struct stat status;
  ssize_t got = 1;
  int fd = openat(options->root_fd, path + strspn(path, "/"), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    return mst_fail(ctx, errno == ENOENT ? MST_EABSENT : MST_EIO, "open the secret file:%s: %s", path, strerror(errno));
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return mst_fail(ctx, MST_EIO, "open the secret file:%s: it is no regular file", path);
  }
  while (got > 0 && *ret_bytes < MST_PROBE_SECRET_MAX_BYTES) {
    got = read(fd, room + *ret_bytes, MST_PROBE_SECRET_MAX_BYTES - *ret_bytes);
    *ret_bytes += got > 0 ? (size_t)got : 0;
  }
  int failed = got < 0 ? errno : 0;
  close(fd);
  if (failed)
    return mst_fail(ctx, MST_EIO, "read the secret file:%s: %s", path, strerror(failed));
  return *ret_bytes < MST_PROBE_SECRET_MAX_BYTES
             ? MST_OK
             : mst_fail(ctx, MST_ELIMIT, "the secret file:%s has %d bytes or more", path, MST_PROBE_SECRET_MAX_BYTES);
}

static mst_err
read_variable(const char *name, char *room, size_t *ret_bytes, mst_errctx *ctx)
{
  const char *value = getenv(name);

  if (!value)
    return mst_fail(ctx, MST_EABSENT, "the secret env:%s is not in the agent's environment", name);
  *ret_bytes = strlen(value);
  if (*ret_bytes >= MST_PROBE_SECRET_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "the secret env:%s has %d bytes or more", name, MST_PROBE_SECRET_MAX_BYTES);
  memcpy(room, value, *ret_bytes);
  return MST_OK;
}

mst_err
mst_probe_secret_read(const mst_probe_options *options, const char *reference, char **ret_secret, mst_errctx *ctx)
{
  size_t size_bytes = 0;

  if (!is_allowed(options->allow, reference))
    return mst_fail(ctx, MST_EPERM, "the secret %.200s is not allowed on this host: add it to allow.secrets of the agent's configuration",
                    reference);
  char *room = mst_alloc(MST_PROBE_SECRET_MAX_BYTES + 1, 1);
  if (!room)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a secret");
  mst_err err = strncmp(reference, "env:", 4) == 0 ? read_variable(reference + 4, room, &size_bytes, ctx)
                                                   : read_file(options, reference + 5, room, &size_bytes, ctx);
  while (err == MST_OK && size_bytes > 0 && (room[size_bytes - 1] == '\n' || room[size_bytes - 1] == '\r'))
    size_bytes--;
  room[size_bytes] = '\0';
  if (err == MST_OK && (size_bytes == 0 || memchr(room, '\0', size_bytes)))
    err = mst_fail(ctx, MST_EMALFORMED, "the secret %.200s is empty, or has a NUL in it", reference);
  if (err != MST_OK) {
    mst_probe_secret_done(room);
    return err;
  }
  *ret_secret = room;
  return MST_OK;
}

void
mst_probe_secret_done(char *secret)
{
  if (!secret)
    return;
  explicit_bzero(secret, MST_PROBE_SECRET_MAX_BYTES + 1);
  mst_free(secret);
}

/* Running a program; see child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>

enum { RECORD_BYTES = 4096, CHUNK_BYTES = 4096, ARGUMENTS_MAX = 64, FIRST_SIGNAL = 1 };
static const int64_t rest_ns = 100 * MST_NS_PER_MS; /* for what is still in the pipe when the program has ended */

/* All that the child needs, made before it: between fork and exec only calls that are safe in a signal handler may be made
 * (signal-safety(7)), since the agent has other threads. */
typedef struct plan {
  char *argv[ARGUMENTS_MAX + 1];
  bool changes_user;
  uid_t uid;
  gid_t gid;
  int output[2], failure[2]; /* pipes: read, write */
  int null_fd;
  pid_t parent;
} plan;

/* ---- before ---- */

static mst_err
choose_user(const mst_allow_command *command, plan *to, mst_errctx *ctx)
{
  const char *name = command->user ? command->user : "nobody";
  char record[RECORD_BYTES];
  struct passwd user, *found = NULL;
  bool is_root = geteuid() == 0;

  if (!is_root && !command->user)
    return MST_OK;
  int failed = getpwnam_r(name, &user, record, sizeof record, &found);
  if (!found)
    return mst_fail(ctx, MST_EABSENT, "run %s: there is no user %s%s%s", to->argv[0], name, failed ? ": " : "",
                    failed ? strerror(failed) : "");
  if (!is_root && user.pw_uid != geteuid())
    return mst_fail(ctx, MST_EPERM, "run %s: the agent is not root, and cannot run it as %s", to->argv[0], name);
  to->changes_user = is_root;
  to->uid = user.pw_uid;
  to->gid = user.pw_gid;
  return MST_OK;
}

static void
close_all(plan *at)
{
  int *fds[] = {&at->output[0], &at->output[1], &at->failure[0], &at->failure[1], &at->null_fd};

  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
    if (*fds[i] >= 0)
      close(*fds[i]);
    *fds[i] = -1;
  }
}

static mst_err
make_plan(const mst_allow_command *command, plan *to, mst_errctx *ctx)
{
  *to = (plan){.output = {-1, -1}, .failure = {-1, -1}, .null_fd = -1, .parent = getpid()};
  for (size_t i = 0; i < command->run.count && i < ARGUMENTS_MAX; i++)
    to->argv[i] = command->run.items[i];
  mst_err err = choose_user(command, to, ctx);
  if (err != MST_OK)
    return err;
  to->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (to->null_fd < 0 || pipe2(to->output, O_CLOEXEC) != 0 || pipe2(to->failure, O_CLOEXEC) != 0) {
    err = mst_fail(ctx, MST_EIO, "run %s: %s", to->argv[0], strerror(errno));
    close_all(to);
  }
  return err;
}

/* ---- in the child ---- */

static int
become_user(const plan *at)
{
  if (!at->changes_user)
    return 0;
  if (setgroups(0, NULL) != 0 || setresgid(at->gid, at->gid, at->gid) != 0 || setresuid(at->uid, at->uid, at->uid) != 0)
    return errno;
  return 0;
}

static void
reset_signals(void)
{
  const struct sigaction usual = {.sa_handler = SIG_DFL};
  sigset_t none;

  for (int number = FIRST_SIGNAL; number < NSIG; number++)
    (void)sigaction(number, &usual, NULL); /* those that cannot be changed are as usual anyway */
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
be_child(const plan *at)
{
  static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8", home[] = "HOME=/";
  char *const environment[] = {path, lang, home, NULL};

  reset_signals();
  int failed = setsid() < 0 || dup2(at->null_fd, 0) < 0 || dup2(at->output[1], 1) < 0 || dup2(at->output[1], 2) < 0 || chdir("/") != 0 ||
                       syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                   ? errno
                   : become_user(at);
  /* Changing the user takes this away, so it comes afterwards. */
  if (!failed && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    failed = errno;
  if (!failed && getppid() == at->parent) {
    execve(at->argv[0], at->argv, environment);
    failed = errno;
  }
  ssize_t ignored = write(at->failure[1], &failed, sizeof failed);
  (void)ignored;
  _exit(127);
}

/* ---- while it runs ---- */

/* What has come; false: the pipe has ended. What goes over the limit is read and dropped, so that the program does not hang in writing. */
static bool
take_output(int fd, mst_buf *output)
{
  char chunk[CHUNK_BYTES];
  ssize_t got = read(fd, chunk, sizeof chunk);

  if (got > 0) {
    size_t room = MST_CHILD_OUTPUT_MAX_BYTES - output->size_bytes;
    mst_buf_append(output, chunk, (size_t)got < room ? (size_t)got : room);
  }
  return got > 0 || (got < 0 && errno == EINTR);
}

/* Until the program ends. MST_ETIMEOUT, MST_ESTATE. */
static mst_err
attend(const plan *at, int pid_fd, int cancel_fd, int64_t until_ns, mst_buf *output, mst_errctx *ctx)
{
  struct pollfd fds[] = {{pid_fd, POLLIN, 0}, {cancel_fd, POLLIN, 0}, {at->output[0], POLLIN, 0}};

  while (!(fds[0].revents & POLLIN)) {
    int64_t left_ns = until_ns - mst_clock_mono(mst_clock_system()).ns;
    if (left_ns <= 0)
      return mst_fail(ctx, MST_ETIMEOUT, "run %s: it has not ended in its time, and was killed", at->argv[0]);
    if (poll(fds, 3, (int)(left_ns / MST_NS_PER_MS) + 1) < 0 && errno != EINTR)
      return mst_fail(ctx, MST_EIO, "run %s: wait: %s", at->argv[0], strerror(errno));
    if (fds[1].revents)
      return mst_fail(ctx, MST_ESTATE, "run %s: given up", at->argv[0]);
    if (fds[2].revents && !take_output(at->output[0], output))
      fds[2].fd = -1;
  }
  return MST_OK;
}

/* Its children are dead by now, but those that made a session of their own may still hold the pipe. */
static void
take_rest(const plan *at, mst_buf *output)
{
  const int64_t until_ns = mst_clock_mono(mst_clock_system()).ns + rest_ns;
  struct pollfd one = {at->output[0], POLLIN, 0};
  int64_t left_ns = rest_ns;

  while (left_ns > 0 && poll(&one, 1, (int)(left_ns / MST_NS_PER_MS) + 1) > 0 && take_output(at->output[0], output))
    left_ns = until_ns - mst_clock_mono(mst_clock_system()).ns;
}

static mst_err
reap(const plan *at, pid_t pid, mst_child_end *ret_end, mst_errctx *ctx)
{
  int status = 0;
  pid_t got;

  do
    got = waitpid(pid, &status, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return mst_fail(ctx, MST_EIO, "run %s: wait for its end: %s", at->argv[0], strerror(errno));
  *ret_end = WIFEXITED(status) ? (mst_child_end){WEXITSTATUS(status), 0} : (mst_child_end){-1, WTERMSIG(status)};
  return MST_OK;
}

/* Why it could not begin; the pipe ends without a word when it did. */
static mst_err
read_failure(plan *at, mst_errctx *ctx)
{
  int failed = 0;
  ssize_t got;

  close(at->failure[1]);
  at->failure[1] = -1;
  do
    got = read(at->failure[0], &failed, sizeof failed);
  while (got < 0 && errno == EINTR);
  if (got != sizeof failed)
    return MST_OK;
  return mst_fail(ctx, failed == ENOENT ? MST_EABSENT : MST_EIO, "run %s: %s", at->argv[0],
                  failed == ENOENT ? "no such file" : strerror(failed));
}

static mst_err
tend(plan *at, pid_t pid, int64_t until_ns, int cancel_fd, mst_buf *output, mst_child_end *ret_end, mst_errctx *ctx)
{
  mst_errctx ignored;
  int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

  close(at->output[1]);
  at->output[1] = -1;
  mst_err err = pid_fd < 0 ? mst_fail(ctx, MST_EIO, "run %s: %s", at->argv[0], strerror(errno)) : read_failure(at, ctx);
  if (err == MST_OK)
    err = attend(at, pid_fd, cancel_fd, until_ns, output, ctx);
  /* Before it is reaped, so that the group's number is still its own. */
  (void)kill(-pid, SIGKILL);
  (void)kill(pid, SIGKILL);
  mst_err reaped = reap(at, pid, ret_end, err == MST_OK ? ctx : &ignored);
  if (err == MST_OK)
    take_rest(at, output);
  if (pid_fd >= 0)
    close(pid_fd);
  return err == MST_OK ? reaped : err;
}

mst_err
mst_child_run(const mst_allow_command *command, int64_t until_ns, int cancel_fd, mst_buf *output, mst_child_end *ret_end, mst_errctx *ctx)
{
  plan at;
  mst_err err = make_plan(command, &at, ctx);

  if (err != MST_OK)
    return err;
  pid_t pid = fork();
  if (pid == 0)
    be_child(&at);
  if (pid < 0)
    err = mst_fail(ctx, MST_EIO, "run %s: %s", at.argv[0], strerror(errno));
  else
    err = tend(&at, pid, until_ns, cancel_fd, output, ret_end, ctx);
  close_all(&at);
  return err;
}

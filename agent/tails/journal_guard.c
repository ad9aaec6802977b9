/* libsystemd maps journal files into memory. Where one is cut off meanwhile, or its disk fails, an access to it raises SIGBUS, which would
 * end the agent and all that it measures. As systemd's own programs do, the page is replaced by an empty one and reading goes on; what is
 * read then is nonsense, so the caller closes the journal and says so. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal_state.h"

static _Thread_local volatile sig_atomic_t is_guarded, was_hit;
static struct sigaction before;
static uintptr_t page_bytes;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
on_bus_error(int number, siginfo_t *info, void *context)
{
  (void)number, (void)context;
  const int kept = errno;

  if (is_guarded && info->si_code > 0) { /* of the kernel's own; not one that somebody sent */
    void *page = (void *)((uintptr_t)info->si_addr & ~(page_bytes - 1));
    was_hit = mmap(page, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page;
    if (was_hit) {
      errno = kept;
      return;
    }
  }
  (void)sigaction(SIGBUS, &before, NULL); /* the access is repeated, as if there were no guard */
}

static void
install(void)
{
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};

  page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
  sigemptyset(&action.sa_mask);
  (void)sigaction(SIGBUS, &action, &before);
}

void
mst_journal_guard(void)
{
  sigset_t bus;

  (void)pthread_once(&once, install);
  was_hit = 0;
  is_guarded = 1;
  /* The worker's thread blocks all signals; the kernel ends a process that blocks one of its own. */
  sigemptyset(&bus);
  sigaddset(&bus, SIGBUS);
  (void)pthread_sigmask(SIG_UNBLOCK, &bus, NULL);
}

bool
mst_journal_unguard(void)
{
  is_guarded = 0;
  return was_hit;
}

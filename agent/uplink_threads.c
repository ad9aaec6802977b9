#include "uplink_threads.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include <nng/nng.h>

/* nng's threads need little: mbedTLS's handshake and the resolver are the deepest, at some 40 KB. */
enum { STACK_BYTES = 256 * 1024 };

static bool is_starting;

/* glibc's own name of sysconf, for programs that replace the other. */
extern long __sysconf(int name);

/* ThreadSanitizer itself asks sysconf before it can follow anybody. */
#if __has_attribute(disable_sanitizer_instrumentation)
#define UNFOLLOWED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNFOLLOWED
#endif

UNFOLLOWED long
sysconf(int name)
{
  if (is_starting && (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF))
    return 1;
  return __sysconf(name);
}

mst_err
mst_uplink_bound_threads(mst_errctx *ctx)
{
  pthread_attr_t attributes;
  nng_aio *aio;

  if (pthread_attr_init(&attributes) == 0) {
    /* Best effort: only the address space grows without it. */
    if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0)
      (void)pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }
  is_starting = true;
  int rv = nng_aio_alloc(&aio, NULL, NULL);
  is_starting = false;
  if (rv != 0)
    return mst_fail(ctx, MST_ENOMEM, "start the messaging library: %s", nng_strerror(rv));
  nng_aio_free(aio);
  return MST_OK;
}

#ifndef MST_PROBES_HOST_ENCRYPTION_H
#define MST_PROBES_HOST_ENCRYPTION_H

#include <stddef.h>

/* What a file was encrypted with, by its first bytes: "age", "openpgp", "openssl", "luks", or "none". A file that only begins so passes:
 * the keys to look further are not on the host, and should not be. Static; any thread. */
const char *mst_encryption_of(const char *data, size_t size_bytes);

#endif

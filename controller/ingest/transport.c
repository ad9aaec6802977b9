/* Bytes over a TCP connection, plain or through TLS, without ever blocking. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mst/common/file.h>

#include "ingest/server.h"

enum {
  PEM_MAX_BYTES = 256 * 1024,
  KEEPALIVE_S = 60, /* the kernel finds out about hosts that vanished */
  /* What the kernel takes for a peer that does not read: left to itself it goes up to 4 MB for each. A plan fits. */
  SEND_BUFFER_BYTES = 128 * 1024,
};

/* TLS 1.2 stays: mbedTLS 2.28, through which Debian 12's nng speaks, has nothing newer. */
static const char tls_priorities[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";

static void
set_options(int fd)
{
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER_BYTES}, sizeof(int));
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){KEEPALIVE_S}, sizeof(int));
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){KEEPALIVE_S / 4}, sizeof(int));
}

mst_err
mst_transport_open(mst_transport *transport, int fd, gnutls_certificate_credentials_t credentials, mst_errctx *ctx)
{
  *transport = (mst_transport){.fd = fd, .is_ready = !credentials};
  set_options(fd);
  if (!credentials)
    return MST_OK;
  int failed = gnutls_init(&transport->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
  if (failed == 0)
    failed = gnutls_priority_set_direct(transport->tls, tls_priorities, NULL);
  if (failed == 0)
    failed = gnutls_credentials_set(transport->tls, GNUTLS_CRD_CERTIFICATE, credentials);
  if (failed != 0) {
    mst_transport_close(transport);
    return mst_fail(ctx, failed == GNUTLS_E_MEMORY_ERROR ? MST_ENOMEM : MST_EIO, "begin TLS: %s", gnutls_strerror(failed));
  }
  gnutls_transport_set_int(transport->tls, fd);
  return MST_OK;
}

static ssize_t
plain_result(ssize_t moved)
{
  if (moved > 0)
    return moved;
  return moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? MST_TRANSPORT_AGAIN : MST_TRANSPORT_ENDED;
}

static ssize_t
tls_result(ssize_t moved)
{
  if (moved > 0)
    return moved;
  return moved == GNUTLS_E_AGAIN || moved == GNUTLS_E_INTERRUPTED ? MST_TRANSPORT_AGAIN : MST_TRANSPORT_ENDED;
}

static ssize_t
shake_hands(mst_transport *transport)
{
  int failed;

  do
    failed = gnutls_handshake(transport->tls);
  while (failed != 0 && failed != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(failed));
  transport->is_ready = failed == 0;
  transport->wants_write = failed == GNUTLS_E_AGAIN && gnutls_record_get_direction(transport->tls) == 1;
  if (failed != 0 && failed != GNUTLS_E_AGAIN)
    transport->failure = gnutls_strerror(failed);
  return failed == 0 ? 1 : failed == GNUTLS_E_AGAIN ? MST_TRANSPORT_AGAIN : MST_TRANSPORT_ENDED;
}

ssize_t
mst_transport_receive(mst_transport *transport, void *data, size_t size_bytes)
{
  if (!transport->tls)
    return plain_result(recv(transport->fd, data, size_bytes, 0));
  if (!transport->is_ready) {
    ssize_t shaken = shake_hands(transport);
    if (shaken < 0)
      return shaken;
  }
  ssize_t received;
  do
    received = gnutls_record_recv(transport->tls, data, size_bytes);
  while (received < 0 && received != GNUTLS_E_AGAIN && received != GNUTLS_E_REHANDSHAKE && !gnutls_error_is_fatal((int)received));
  return tls_result(received); /* a peer that wants other keys in the middle is told good-bye */
}

ssize_t
mst_transport_send(mst_transport *transport, const void *data, size_t size_bytes)
{
  ssize_t sent;

  if (!transport->tls)
    return plain_result(send(transport->fd, data, size_bytes, MSG_NOSIGNAL));
  if (!transport->is_ready)
    return MST_TRANSPORT_AGAIN;
  if (transport->blocked_bytes > 0)
    sent = gnutls_record_send(transport->tls, NULL, 0); /* GnuTLS has kept the record */
  else
    sent = gnutls_record_send(transport->tls, data, size_bytes);
  transport->blocked_bytes = sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED ? size_bytes : 0;
  return tls_result(sent);
}

void
mst_transport_close(mst_transport *transport)
{
  if (transport->tls) {
    if (transport->is_ready)
      (void)gnutls_bye(transport->tls, GNUTLS_SHUT_WR); /* as far as it goes without waiting */
    gnutls_deinit(transport->tls);
  }
  if (transport->fd >= 0)
    (void)close(transport->fd);
  *transport = (mst_transport){.fd = -1};
}

mst_err
mst_transport_load_credentials(const char *cert_file, const char *key_file, gnutls_certificate_credentials_t *ret_credentials,
                               mst_errctx *ctx)
{
  gnutls_certificate_credentials_t credentials = NULL;
  mst_buf cert, key;
  int failed = 0;

  mst_buf_init(&cert, PEM_MAX_BYTES);
  mst_buf_init(&key, PEM_MAX_BYTES);
  mst_err err = mst_file_read(cert_file, &cert, ctx);
  if (err == MST_OK)
    err = mst_file_read(key_file, &key, ctx);
  if (err == MST_OK) {
    failed = gnutls_certificate_allocate_credentials(&credentials);
    if (failed == 0)
      failed = gnutls_certificate_set_x509_key_mem(credentials, &(gnutls_datum_t){cert.data, (unsigned)cert.size_bytes},
                                                   &(gnutls_datum_t){key.data, (unsigned)key.size_bytes}, GNUTLS_X509_FMT_PEM);
    if (failed < 0)
      err = mst_fail(ctx, MST_EIO, "use the certificate %s with the key %s: %s; both must be PEM, and belong together", cert_file, key_file,
                     gnutls_strerror(failed));
  }
  if (key.data)
    gnutls_memset(key.data, 0, key.size_bytes);
  mst_buf_done(&cert);
  mst_buf_done(&key);
  if (err != MST_OK) {
    if (credentials)
      gnutls_certificate_free_credentials(credentials);
    return err;
  }
  *ret_credentials = credentials;
  return MST_OK;
}

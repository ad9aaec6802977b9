/* Where the listener may listen: on this machine's loopback. What comes there is not authenticated. */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_BYTES = 64, PORT_MAX = 65535 };

static bool
parse_port(const char *text, in_port_t *ret_port)
{
  size_t digits = strspn(text, "0123456789");
  unsigned long port = strtoul(text, NULL, 10);

  if (digits == 0 || digits > 5 || text[digits] != '\0' || port == 0 || port > PORT_MAX)
    return false;
  *ret_port = htons((uint16_t)port);
  return true;
}

static bool
parse_four(const char *host, struct sockaddr_in *ret_four)
{
  return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ret_four->sin_addr) == 1 &&
         ntohl(ret_four->sin_addr.s_addr) >> 24 == 127;
}

static bool
parse_six(char *host, struct sockaddr_in6 *ret_six)
{
  size_t length = strlen(host);

  if (length < 3 || host[0] != '[' || host[length - 1] != ']')
    return false;
  host[length - 1] = '\0';
  return inet_pton(AF_INET6, host + 1, &ret_six->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&ret_six->sin6_addr);
}

mst_err
mst_otlp_address_parse(const char *text, mst_otlp_server_setup *ret_setup, mst_errctx *ctx)
{
  const char *colon = strrchr(text, ':');
  struct sockaddr_in four = {.sin_family = AF_INET};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  char host[HOST_BYTES] = "";
  in_port_t port = 0;

  if (colon && (size_t)(colon - text) < sizeof host)
    memcpy(host, text, (size_t)(colon - text));
  if (colon && parse_port(colon + 1, &port) && parse_four(host, &four)) {
    four.sin_port = port;
    memcpy(&ret_setup->address, &four, sizeof four);
    ret_setup->address_bytes = sizeof four;
    return MST_OK;
  }
  if (port != 0 && parse_six(host, &six)) {
    six.sin6_port = port;
    memcpy(&ret_setup->address, &six, sizeof six);
    ret_setup->address_bytes = sizeof six;
    return MST_OK;
  }
  return mst_fail(
      ctx, MST_EUSAGE,
      "otlp: the option \"address\" is \"%.100s\"; it must be a loopback address and a port, such as 127.0.0.1:4318 or [::1]:4318: "
      "nobody is authenticated there",
      text);
}

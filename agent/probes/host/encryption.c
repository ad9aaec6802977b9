/* Files that are encrypted; see encryption.h. */
#include "encryption.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool
begins(const char *data, size_t size_bytes, const char *with, size_t with_bytes)
{
  return size_bytes >= with_bytes && memcmp(data, with, with_bytes) == 0;
}

/* The header of a packet (RFC 9580 section 4.2): its kind, and where its body begins and ends. 0: it is none. */
static unsigned
packet_at(const uint8_t *data, size_t size_bytes, size_t at, size_t *ret_body, size_t *ret_end)
{
  if (size_bytes - at < 6 || !(data[at] & 0x80))
    return 0;
  const uint8_t *length = data + at + 1;
  bool is_new = data[at] & 0x40;
  unsigned width = is_new ? (length[0] < 192 ? 1 : length[0] < 224 ? 2 : length[0] == 255 ? 5 : 1) : 1u << (data[at] & 3);
  size_t body_bytes = 0;

  if (!is_new && width == 8)
    width = 0; /* up to the end */
  for (unsigned i = is_new && width == 5; i < width; i++)
    body_bytes = body_bytes << 8 | length[i];
  if (is_new && width == 2)
    body_bytes = body_bytes - (192 << 8) + 192;
  bool is_open_ended = width == 0 || (is_new && width == 1 && length[0] >= 224); /* partial lengths */
  *ret_body = at + 1 + width;
  *ret_end = is_open_ended ? size_bytes : *ret_body + body_bytes;
  return is_new ? data[at] & 0x3f : (data[at] & 0x3c) >> 2;
}

/* Session keys (kinds 1 and 3) and what they open (18 and 20), each by its version; plain text (8, 11), signatures and keys are not
 * encrypted. What follows must be such a packet too: dumps of databases begin with any byte. */
static bool
is_openpgp(const char *text, size_t size_bytes)
{
  static const struct {
    uint8_t kind, versions[3];
  } known[] = {{1, {3, 6, 3}}, {3, {4, 5, 6}}, {18, {1, 2, 1}}, {20, {1, 1, 1}}};
  const uint8_t *data = (const uint8_t *)text;
  size_t at = 0, body = 0, end = 0, packets = 0;

  while (at < size_bytes && packets < 2) {
    unsigned kind = packet_at(data, size_bytes, at, &body, &end);
    bool is_good = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && body < size_bytes; i++)
      is_good = is_good || (known[i].kind == kind && memchr(known[i].versions, data[body], sizeof known[i].versions));
    if (!is_good || end <= at)
      return false;
    packets++;
    at = end;
  }
  return packets > 0;
}

const char *
mst_encryption_of(const char *data, size_t size_bytes)
{
  static const struct {
    const char *with;
    size_t with_bytes;
    const char *name;
  } beginnings[] = {
      {"age-encryption.org/v1\n", 22, "age"},
      {"-----BEGIN AGE ENCRYPTED FILE-----", 34, "age"},
      {"-----BEGIN PGP MESSAGE-----", 27, "openpgp"},
      {"Salted__", 8, "openssl"},
      {"LUKS\xba\xbe", 6, "luks"},
  };

  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
    if (begins(data, size_bytes, beginnings[i].with, beginnings[i].with_bytes))
      return beginnings[i].name;
  return is_openpgp(data, size_bytes) ? "openpgp" : "none";
}

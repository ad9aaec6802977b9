/* Whether what looks like personal data is. */
#include <ctype.h>
#include <string.h>

#include "scan_state.h"

enum { DIGITS_MAX = 20 };

/* The digits of a text; 0 when there are more than DIGITS_MAX, or all are the same. */
static int
digits_of(const char *text, size_t length, int ret_digits[static DIGITS_MAX])
{
  int count = 0;
  bool is_varied = false;

  for (size_t i = 0; i < length; i++) {
    if (!isdigit((unsigned char)text[i]))
      continue;
    if (count == DIGITS_MAX)
      return 0;
    ret_digits[count++] = text[i] - '0';
    is_varied = is_varied || ret_digits[count - 1] != ret_digits[0];
  }
  return is_varied ? count : 0;
}

/* Issuers by their first four digits, and how long their numbers are: ISO/IEC 7812-1 and the issuers' own pages. */
static bool
is_issued(int four, int count)
{
  int two = four / 100, three = four / 10;

  if (four / 1000 == 4) /* Visa */
    return count == 13 || count == 16 || count == 19;
  if (two == 34 || two == 37) /* American Express */
    return count == 15;
  if (two == 36 || two == 38 || (three >= 300 && three <= 305)) /* Diners */
    return count == 14 || count == 16;
  if (two == 62) /* UnionPay */
    return count >= 16 && count <= 19;
  return count == 16 && ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720) || /* Mastercard */
                         (four >= 3528 && four <= 3589) ||                             /* JCB */
                         four == 6011 || two == 65 || (three >= 644 && three <= 649)); /* Discover */
}

/* The last digit is right: ISO/IEC 7812-1 annex B (Luhn). */
bool
mst_confirm_card(const char *text, size_t length)
{
  int digits[DIGITS_MAX], count = digits_of(text, length, digits), sum = 0;

  for (int i = 0; i < count; i++) {
    int digit = digits[count - 1 - i];
    sum += i % 2 == 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
  }
  return count >= 13 && sum % 10 == 0 && is_issued(digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3], count);
}

static bool
ends_with(const char *text, size_t length, const char *ending)
{
  size_t bytes = strlen(ending);

  return length >= bytes && strncasecmp(text + length - bytes, ending, bytes) == 0;
}

/* No mail addresses: names of hosts that services log (git@host), units of systemd (getty@tty1.service), packages and files, and what
 * documentation is made of (RFC 2606). */
bool
mst_confirm_mail(const char *text, size_t length)
{
  static const char *const endings[] = {"@example.com", "@example.org", "@example.net", ".example.com", ".example.org", ".example.net",
                                        ".example",     ".invalid",     ".test",        ".local",       ".localhost",   ".internal",
                                        ".service",     ".socket",      ".timer",       ".slice",       ".scope",       ".mount",
                                        ".png",         ".jpg",         ".svg",         ".js",          ".json",        ".tgz",
                                        ".gz",          ".zip",         ".whl",         ".jar",         ".log",         ".html"};
  const char *at = memchr(text, '@', length);

  if (!at || (length > 4 && memcmp(text, "git@", 4) == 0))
    return false;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    if (ends_with(text, length, endings[i]))
      return false;
  /* "xxxx@" is masked, "a@" is somebody. */
  return mst_confirm_unmasked(text, length) && (at - text < 3 || mst_confirm_unmasked(text, (size_t)(at - text)));
}

/* E.164: a country code and eight to fifteen digits with it; those of North America have eleven. */
bool
mst_confirm_phone(const char *text, size_t length)
{
  int digits[DIGITS_MAX], count = digits_of(text, length, digits);

  if (count < 8 || count > 15)
    return false;
  if (digits[0] == 1)
    return count == 11 && digits[1] >= 2 && digits[4] >= 2;
  if (digits[0] == 7)
    return count == 11;
  /* Codes that ITU-T E.164 (annex, 2016) leaves unassigned. */
  int two = digits[0] * 10 + digits[1], three = two * 10 + digits[2];
  return two != 28 && two != 83 && two != 89 && three != 210 && three != 999;
}

bool
mst_confirm_phone_field(const char *text, size_t length)
{
  int digits[DIGITS_MAX], count = digits_of(text, length, digits);

  return count >= 7 && count <= 15;
}

/* Length of each country's: SWIFT's registry of IBANs, release 99. */
static bool
is_iban_length(const char *country, size_t length)
{
  static const char lengths[] =
      "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27"
      "GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28"
      "PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20";

  for (size_t i = 0; i + 4 < sizeof lengths; i += 4)
    if (memcmp(lengths + i, country, 2) == 0)
      return (size_t)((lengths[i + 2] - '0') * 10 + lengths[i + 3] - '0') == length;
  return false;
}

/* ISO 13616: the remainder of the number, with its first four characters behind the rest and letters as 10 to 35, by 97 is 1. Behind it
 * may stand what looks like more of it: the country says where it ends. */
bool
mst_confirm_iban(const char *text, size_t length)
{
  char plain[40];
  size_t count = 0;

  for (size_t i = 0; i < length && count < sizeof plain; i++)
    if (text[i] != ' ')
      plain[count++] = text[i];
  while (count > 14 && !is_iban_length(plain, count))
    count--;
  if (count < 15)
    return false;

  unsigned rest = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned char c = (unsigned char)plain[(i + 4) % count];
    rest = isdigit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97 : (rest * 100 + (unsigned)(toupper(c) - 'A' + 10)) % 97;
  }
  return rest == 1;
}

/* What the Social Security Administration never gives: 000, 666, 900 and above; 00; 0000. */
bool
mst_confirm_ssn(const char *text, size_t length)
{
  return length == 11 && memcmp(text, "000", 3) != 0 && memcmp(text, "666", 3) != 0 && text[0] != '9' && memcmp(text + 4, "00", 2) != 0 &&
         memcmp(text + 7, "0000", 4) != 0;
}

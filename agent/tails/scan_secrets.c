/* What secrets and personal data look like. The patterns are such as Hyperscan and PCRE2 both take; a hit that is confirmed counts.
 * Prefixes and lengths: the providers' own pages, and the rules of gitleaks and trufflehog, November 2026. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "scan_state.h"

/* What stands in the place of a secret that was taken out. */
static bool
is_masked(const char *text, size_t length)
{
  static const char *const words[] = {"redacted", "filtered", "masked",    "hidden",  "removed",  "secret",      "null",  "none",
                                      "true",     "false",    "undefined", "example", "changeme", "placeholder", "empty", "string"};
  size_t same = 1;

  while (same < length && text[same] == text[0])
    same++;
  if (length == 0 || same == length) /* ****, xxxx */
    return true;
  if (memmem(text, length, "***", 3) || memmem(text, length, "...", 3) || memmem(text, length, "xxxx", 4) ||
      memmem(text, length, "XXXX", 4))
    return true;
  if (strchr("<[{($%", text[0])) /* <token>, [FILTERED], {{ token }}, ${TOKEN}, %s */
    return true;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (length >= strlen(words[i]) && strncasecmp(text, words[i], strlen(words[i])) == 0)
      return true;
  return false;
}

static bool
is_not_masked(const char *text, size_t length)
{
  return !is_masked(text, length);
}

/* Bits for each byte, by how often each occurs: words have little. Source: Shannon 1948. */
static double
entropy(const char *text, size_t length)
{
  unsigned counts[256] = {0};
  double bits = 0;

  for (size_t i = 0; i < length; i++)
    counts[(unsigned char)text[i]]++;
  for (size_t i = 0; i < 256; i++)
    if (counts[i])
      bits -= (double)counts[i] / (double)length * log2((double)counts[i] / (double)length);
  return bits;
}

static bool
is_random(const char *text, size_t length)
{
  static const double least_bits = 3.0; /* 16 and more random characters of base 64 have 3.6, words 2.8 */

  return !is_masked(text, length) && entropy(text, length) >= least_bits;
}

/* 40 characters of base 64 with all of their kinds: a hex digest of SHA-1 has none of capitals. */
static bool
is_aws_secret(const char *text, size_t length)
{
  bool has_upper = false, has_lower = false, has_digit = false;

  for (size_t i = 0; i < length; i++) {
    has_upper = has_upper || isupper((unsigned char)text[i]);
    has_lower = has_lower || islower((unsigned char)text[i]);
    has_digit = has_digit || isdigit((unsigned char)text[i]);
  }
  return has_upper && has_lower && has_digit && is_random(text, length);
}

/* ISO/IEC 7812-1 annex B, and lengths by issuer: Visa 13, 16, 19; Mastercard, JCB, Discover 16; American Express 15; Diners 14. */
static bool
is_card(const char *text, size_t length)
{
  int digits[20], count = 0, sum = 0;
  bool is_varied = false;

  for (size_t i = 0; i < length; i++) {
    if (!isdigit((unsigned char)text[i]))
      continue;
    if (count == 19)
      return false;
    digits[count++] = text[i] - '0';
    is_varied = is_varied || digits[count - 1] != digits[0];
  }
  if (count < 13 || !is_varied)
    return false;
  for (int i = 0; i < count; i++) {
    int digit = digits[count - 1 - i];
    digit = i % 2 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : digit;
    sum += digit;
  }
  int two = digits[0] * 10 + digits[1];
  bool is_length = digits[0] == 4           ? count == 13 || count == 16 || count == 19
                   : two == 34 || two == 37 ? count == 15
                   : two == 36 || two == 38 ? count == 14
                                            : count == 16;
  return is_length && sum % 10 == 0;
}

/* E.164: seven to fifteen digits, of which not all are the same. */
static bool
is_phone(const char *text, size_t length)
{
  int digits = 0;
  char first = 0;
  bool is_varied = false;

  for (size_t i = 0; i < length; i++) {
    if (!isdigit((unsigned char)text[i]))
      continue;
    is_varied = is_varied || (digits > 0 && text[i] != first);
    first = digits++ ? first : text[i];
  }
  return digits >= 7 && digits <= 15 && is_varied;
}

/* No mail addresses: names of hosts that services log (git@host), and what documentation is made of (RFC 2606). */
static bool
is_mail(const char *text, size_t length)
{
  static const char *const hosts[] = {"@example.com", "@example.org", "@example.net", "@localhost", ".example",
                                      ".invalid",     ".test",        ".local",       ".png",       ".js"};

  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    size_t ending = strlen(hosts[i]);
    if (length >= ending && strncasecmp(text + length - ending, hosts[i], ending) == 0)
      return false;
  }
  return !is_masked(text, length) && !(length > 4 && memcmp(text, "git@", 4) == 0);
}

/* What stands behind "password=": not a word. */
static bool
is_password(const char *text, size_t length)
{
  static const double least_bits = 3.3;
  bool has_digit = false, has_letter = false;

  for (size_t i = 0; i < length; i++) {
    has_digit = has_digit || isdigit((unsigned char)text[i]);
    has_letter = has_letter || isalpha((unsigned char)text[i]);
  }
  return !is_masked(text, length) && ((has_digit && has_letter) || entropy(text, length) >= least_bits);
}

/* ISO 13616: the remainder of the number, with its first four characters behind the rest and letters as 10 to 35, by 97 is 1. */
static bool
is_iban(const char *text, size_t length)
{
  char plain[40];
  size_t count = 0;
  unsigned rest = 0;

  for (size_t i = 0; i < length; i++)
    if (text[i] != ' ' && count < sizeof plain)
      plain[count++] = text[i];
  if (count < 15 || count > 34)
    return false;
  for (size_t i = 0; i < count; i++) {
    char c = plain[(i + 4) % count];
    rest = isdigit((unsigned char)c) ? (rest * 10 + (unsigned)(c - '0')) % 97
                                     : (rest * 100 + (unsigned)(toupper((unsigned char)c) - 'A' + 10)) % 97;
  }
  return rest == 1;
}

/* What the Social Security Administration never gives: 000, 666, 900 and above; 00; 0000. */
static bool
is_ssn(const char *text, size_t length)
{
  (void)length;
  return memcmp(text, "000", 3) != 0 && memcmp(text, "666", 3) != 0 && text[0] != '9' && memcmp(text + 4, "00", 2) != 0 &&
         memcmp(text + 7, "0000", 4) != 0;
}

#define SECRET(name, pattern, confirm)                                                                                                     \
  {                                                                                                                                        \
    name, true, pattern, false, confirm                                                                                                    \
  }
#define PERSONAL(name, pattern, confirm)                                                                                                   \
  {                                                                                                                                        \
    name, false, pattern, false, confirm                                                                                                   \
  }

const mst_secret_pattern mst_secret_patterns[] = {
    SECRET("anthropic-api-key", "\\bsk-ant-[A-Za-z0-9_-]{20,}", is_random),
    SECRET("openai-api-key", "\\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_]{20,}", is_random),
    SECRET("aws-access-key-id", "\\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\\b", is_random),
    {"aws-secret-access-key", true, "aws.{0,20}secret.{0,20}[\"'=: ]([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)", true, is_aws_secret},
    SECRET("google-api-key", "\\bAIza[0-9A-Za-z_-]{35}", is_random),
    SECRET("google-oauth-token", "\\bya29\\.[0-9A-Za-z_-]{20,}", is_random),
    SECRET("github-token", "\\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})", is_random),
    SECRET("gitlab-token", "\\bglpat-[A-Za-z0-9_-]{20}", is_random),
    SECRET("slack-token", "\\bxox[abeoprs]-[A-Za-z0-9-]{20,}", is_random),
    SECRET("slack-webhook", "hooks\\.slack\\.com/services/T[A-Za-z0-9_]{6,}/B[A-Za-z0-9_]{6,}/([A-Za-z0-9_]{20,})", is_random),
    SECRET("stripe-key", "\\b[sr]k_live_[0-9A-Za-z]{16,}", is_random),
    SECRET("twilio-key", "\\bSK[0-9a-f]{32}\\b", is_random),
    SECRET("sendgrid-key", "\\bSG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}", is_random),
    SECRET("npm-token", "\\bnpm_[A-Za-z0-9]{36}", is_random),
    SECRET("pypi-token", "\\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}", is_random),
    SECRET("huggingface-token", "\\bhf_[A-Za-z0-9]{30,}", is_random),
    SECRET("azure-storage-key", "AccountKey=([A-Za-z0-9+/]{86}==)", is_random),
    SECRET("jwt", "\\beyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{10,}", is_random),
    {"bearer-token", true, "\\bbearer\\s+([A-Za-z0-9._~+/-]{16,}=*)", true, is_random},
    {"basic-credentials", true, "\\bauthorization[\"']?\\s*[:=]\\s*[\"']?basic\\s+([A-Za-z0-9+/]{8,}=*)", true, is_not_masked},
    SECRET("private-key", "-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----", NULL),
    SECRET("url-password", "\\b[a-z][a-z0-9+.-]+://[^\\s/:@\"']+:([^\\s/@\"']{3,})@[A-Za-z0-9_.-]", is_not_masked),
    {"assigned-secret", true,
     "(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|client[_-]?secret|private[_-]?key)[\"']?\\s*"
     "[:=]\\s*[\"']?([^\\s\"',;}]{8,})",
     true, is_password},
    PERSONAL("card-number", "\\b[3-6][0-9](?:[ -]?[0-9]){11,17}\\b", is_card),
    PERSONAL("mail-address", "[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*\\.[A-Za-z]{2,}\\b", is_mail),
    PERSONAL("phone-number", "(?:^|[^0-9A-Za-z.+-])(\\+[1-9][0-9 ().-]{6,18}[0-9])(?:[^0-9A-Za-z-]|$)", is_phone),
    PERSONAL("us-phone-number",
             "(?:^|[^0-9A-Za-z.-])(\\([2-9][0-9]{2}\\) ?[2-9][0-9]{2}-[0-9]{4}|[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4})(?:[^0-9A-Za-z-]|$)",
             is_phone),
    PERSONAL("iban", "\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b", is_iban),
    PERSONAL("us-ssn", "(?:^|[^0-9A-Za-z-])([0-9]{3}-[0-9]{2}-[0-9]{4})(?:[^0-9A-Za-z-]|$)", is_ssn),
};
const size_t mst_secret_pattern_count = sizeof mst_secret_patterns / sizeof mst_secret_patterns[0];

const char *
mst_scan_pattern_name(const char *name)
{
  for (size_t i = 0; i < mst_secret_pattern_count; i++)
    if (strcmp(mst_secret_patterns[i].name, name) == 0)
      return mst_secret_patterns[i].name;
  return NULL;
}

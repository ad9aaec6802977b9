/* What secrets and personal data look like. Special patterns stand before general ones: a text counts once, for the first that fits.
 * Prefixes and lengths: the providers' own pages, and the rules of gitleaks and trufflehog, November 2026. */
#include <string.h>

#include "scan_state.h"

/* Where a word ends, in a line in which quotes may be written as \". */
#define KEY_END "\\\\?[\"']?\\s{0,4}[:=]\\s{0,4}\\\\?[\"']?"
#define PLAIN   "[^\\s\"',;&(){}\\\\<>|]"

#define SECRET(id, text, check) .name = (id), .is_secret = true, .pattern = (text), .confirm = (check)

const mst_secret_pattern mst_secret_patterns[] = {
    {SECRET("private-key", "-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----", NULL), .is_key = true},
    {SECRET("anthropic-api-key", "\\bsk-ant-[A-Za-z0-9_-]{20,}", mst_confirm_random)},
    {SECRET("openrouter-api-key", "\\bsk-or-v1-[0-9a-f]{64}", mst_confirm_random)},
    {SECRET("langfuse-secret-key", "\\bsk-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", mst_confirm_random)},
    {SECRET("openai-api-key", "\\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20,})", mst_confirm_token)},
    {SECRET("groq-api-key", "\\bgsk_[A-Za-z0-9]{40,}", mst_confirm_random)},
    {SECRET("xai-api-key", "\\bxai-[A-Za-z0-9]{60,}", mst_confirm_random)},
    {SECRET("perplexity-api-key", "\\bpplx-[A-Za-z0-9]{40,}", mst_confirm_random)},
    {SECRET("replicate-api-token", "\\br8_[A-Za-z0-9]{37}", mst_confirm_random)},
    {SECRET("langsmith-api-key", "\\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}", mst_confirm_random)},
    {SECRET("pinecone-api-key", "\\bpcsk_[A-Za-z0-9]{5,8}_[A-Za-z0-9]{50,}", mst_confirm_random)},
    {SECRET("aws-access-key-id", "\\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\\b", mst_confirm_random)},
    {SECRET("aws-secret-access-key", "aws.{0,20}secret.{0,20}[\"'=: ]([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+]|$)", mst_confirm_aws_secret),
     .ignore_case = true},
    {SECRET("google-api-key", "\\bAIza[0-9A-Za-z_-]{35}", mst_confirm_random)},
    {SECRET("google-oauth-token", "\\bya29\\.[0-9A-Za-z_-]{20,}", mst_confirm_random)},
    {SECRET("google-oauth-secret", "\\bGOCSPX-[0-9A-Za-z_-]{28}", mst_confirm_random)},
    {SECRET("azure-storage-key", "AccountKey=([A-Za-z0-9+/]{86}==)", mst_confirm_random)},
    {SECRET("azure-shared-key", "SharedAccessKey=([A-Za-z0-9+/]{43}=)", mst_confirm_random)},
    {SECRET("azure-client-secret", "\\b[A-Za-z0-9_]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}", mst_confirm_random)},
    {SECRET("github-token", "\\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})", mst_confirm_random)},
    {SECRET("gitlab-token", "\\bgl(?:pat|dt|rt|ptt|cbt|oas)-[A-Za-z0-9_.-]{20,}", mst_confirm_random)},
    {SECRET("slack-token", "\\bxox[abeoprs]-[A-Za-z0-9-]{20,}", mst_confirm_random)},
    {SECRET("slack-app-token", "\\bxapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[a-f0-9]{30,}", mst_confirm_random)},
    {SECRET("slack-webhook", "hooks\\.slack\\.com/services/T[A-Za-z0-9_]{6,}/B[A-Za-z0-9_]{6,}/([A-Za-z0-9_]{20,})", mst_confirm_random)},
    {SECRET("discord-webhook", "discord(?:app)?\\.com/api/webhooks/[0-9]{16,20}/([A-Za-z0-9_-]{60,})", mst_confirm_random)},
    {SECRET("telegram-bot-token", "\\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\\b", mst_confirm_random)},
    {SECRET("stripe-key", "\\b[sr]k_live_[0-9A-Za-z]{16,}", mst_confirm_random)},
    {SECRET("stripe-webhook-secret", "\\bwhsec_[0-9A-Za-z+/]{24,}", mst_confirm_random)},
    {SECRET("twilio-key", "\\bSK[0-9a-f]{32}\\b", mst_confirm_random)},
    {SECRET("sendgrid-key", "\\bSG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}", mst_confirm_random)},
    {SECRET("mailgun-key", "\\bkey-[0-9a-f]{32}\\b", mst_confirm_random)},
    {SECRET("npm-token", "\\bnpm_[A-Za-z0-9]{36}", mst_confirm_random)},
    {SECRET("pypi-token", "\\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}", mst_confirm_random)},
    {SECRET("docker-hub-token", "\\bdckr_pat_[A-Za-z0-9_-]{27}", mst_confirm_random)},
    {SECRET("huggingface-token", "\\bhf_[A-Za-z0-9]{30,}", mst_confirm_random)},
    {SECRET("vault-token", "\\bhv[sbr]\\.[A-Za-z0-9_-]{24,}", mst_confirm_random)},
    {SECRET("digitalocean-token", "\\bdo[oprt]_v1_[a-f0-9]{64}", mst_confirm_random)},
    {SECRET("databricks-token", "\\bdapi[a-f0-9]{32}", mst_confirm_random)},
    {SECRET("shopify-token", "\\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", mst_confirm_random)},
    {SECRET("age-secret-key", "AGE-SECRET-KEY-1[0-9A-Z]{58}", mst_confirm_random)},
    {SECRET("jwt", "\\beyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{10,}", mst_confirm_random)},
    {SECRET("bearer-token", "\\bbearer\\s+([A-Za-z0-9._~+/-]{16,}=*)", mst_confirm_token), .ignore_case = true},
    {SECRET("basic-credentials", "\\bauthorization" KEY_END "basic\\s+([A-Za-z0-9+/]{8,}=*)", mst_confirm_unmasked), .ignore_case = true},
    {SECRET("url-password", "\\b[a-z][a-z0-9+.-]{1,30}://[^\\s/:@\"'\\\\]{0,100}:([^\\s/@\"'\\\\]{3,100})@[A-Za-z0-9_.\\[-]",
            mst_confirm_unmasked)},
    {SECRET("assigned-password", "(?:password|passwd|pwd|passphrase)" KEY_END "(" PLAIN "{6,200})", mst_confirm_password),
     .ignore_case = true},
    {SECRET("assigned-secret",
            "(?:secret|api[_-]?key|apikey|(?:access|account|auth|private|secret|signing|encryption)[_-]?key|(?:auth|access|refresh|bearer|"
            "session|api)"
            "[_-]?token|client[_-]?secret|(?:^|[^a-z0-9_-])token)" KEY_END "(" PLAIN "{12,500})",
            mst_confirm_token),
     .ignore_case = true},
    {.name = "card-number",
     .screen = MST_SCREEN_CARD,
     .pattern = "(?<![\\w.])(?<![0-9]-)([2-6][0-9]{12,18}|[2-6][0-9]{3}([ -])[0-9]{4}\\2[0-9]{4}\\2[0-9]{1,7}|3[0-9]{3}([ "
                "-])[0-9]{6}\\3[0-9]{4,5})"
                "(?![\\w]|[.-][0-9])",
     .confirm = mst_confirm_card},
    {.name = "mail-address",
     .screen = MST_SCREEN_MAIL,
     /* What stands before the host of a URL is no mail address: it is stepped over. */
     .pattern =
         "://[^\\s/@\"'<>]*@(*SKIP)(*FAIL)|(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\\.){1,8}"
         "[A-Za-z]{2,24}\\b",
     .confirm = mst_confirm_mail},
    {.name = "phone-number",
     .pattern = "(?:^|[^0-9A-Za-z.+-])(\\+[1-9][0-9 ().-]{6,18}[0-9])(?:[^0-9A-Za-z-]|$)",
     .confirm = mst_confirm_phone},
    {.name = "phone-field",
     .ignore_case = true,
     .pattern = "(?:phone|mobile|telephone|fax)(?:[_-]?(?:number|no))?" KEY_END "(\\+?[0-9(][0-9 ()./-]{5,20}[0-9])(?:[^0-9A-Za-z-]|$)",
     .confirm = mst_confirm_phone_field},
    {.name = "us-phone-number",
     .pattern = "(?:^|[^0-9A-Za-z.-])(\\([2-9][0-9]{2}\\) ?[2-9][0-9]{2}-[0-9]{4}|[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4})(?:[^0-9A-Za-z-]|$)",
     .confirm = mst_confirm_phone_field},
    {.name = "iban",
     .screen = MST_SCREEN_IBAN,
     .pattern = "\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b",
     .confirm = mst_confirm_iban},
    {.name = "us-ssn",
     .screen = MST_SCREEN_SSN,
     .pattern = "(?<![0-9A-Za-z-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9A-Za-z-])",
     .confirm = mst_confirm_ssn},
};
const size_t mst_secret_pattern_count = sizeof mst_secret_patterns / sizeof mst_secret_patterns[0];
_Static_assert(sizeof mst_secret_patterns / sizeof mst_secret_patterns[0] <= MST_SCAN_PATTERNS_MAX, "each has a count");

const char *
mst_scan_pattern_at(size_t number)
{
  return number < mst_secret_pattern_count ? mst_secret_patterns[number].name : NULL;
}

const char *
mst_scan_pattern_name(const char *name)
{
  for (size_t i = 0; i < mst_secret_pattern_count; i++)
    if (strcmp(mst_secret_patterns[i].name, name) == 0)
      return mst_secret_patterns[i].name;
  return NULL;
}

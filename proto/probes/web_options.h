#ifndef MST_PROTO_PROBES_WEB_OPTIONS_H
#define MST_PROTO_PROBES_WEB_OPTIONS_H

#include <mst/proto/probe_kinds.h>

/* Options that kinds which speak HTTP share; agent/probes/web/exchange.h reads them. In texts of a request {{NAME}} is filled in. */
#define MST_WEB_METHODS   "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", NULL
#define MST_WEB_VERSIONS  "any", "1.1", "2", "2-prior", NULL
#define MST_WEB_SIGNED_AS "hex", "base64", NULL

// clang-format off
#define MST_WEB_REQUEST_OPTIONS(methods, versions, encodings) \
  {"method", MST_PROBE_CHOICE, .default_text = "GET", .choices = methods, .help = "the request's method"}, \
  {"headers", MST_PROBE_MAP, .help = "headers to send, by name"}, \
  {"body", MST_PROBE_TEXT, .help = "what is sent with it"}, \
  {"version", MST_PROBE_CHOICE, .default_text = "any", .choices = versions, .help = "HTTP version to ask for; 2-prior: 2 without TLS and without asking first"}, \
  {"follow", MST_PROBE_INTEGER, .default_text = "0", .min = 0, .max = 10, .help = "how many redirections to follow"}, \
  {"ca_file", MST_PROBE_PATH, .help = "PEM file of the authorities that may have signed the certificate; by default the system's"}, \
  {"insecure", MST_PROBE_BOOL, .default_text = "false", .help = "take any certificate: kind tls looks at those"}, \
  {"clock_offset", MST_PROBE_NUMBER, .default_text = "0", .min = -1e9, .max = 1e9, .help = "seconds to add to {{timestamp}}: -3601 makes an old one"}, \
  {"sign_with", MST_PROBE_TEXT, .help = "name of a secret: {{signature}} is the HMAC-SHA256 under it of what sign_what says"}, \
  {"sign_what", MST_PROBE_TEXT, .default_text = "{{method}}\\n{{path}}\\n{{timestamp}}\\n{{body}}", .help = "what is signed; \\n and other escapes are understood"}, \
  {"sign_as", MST_PROBE_CHOICE, .default_text = "hex", .choices = encodings, .help = "how the signature is written"}

#define MST_WEB_ANSWER_OPTIONS \
  {"status", MST_PROBE_TEXTS, .default_text = "2xx", .help = "statuses that are good: 200, 2xx, 400-499, or closed: it ends the connection instead"}, \
  {"header_matches", MST_PROBE_MAP, .help = "headers that must be there, by name, and the pattern that each must match"}, \
  {"header_absent", MST_PROBE_TEXTS, .help = "headers that may not be there"}, \
  {"cookie_flags", MST_PROBE_TEXTS, .help = "a cookie must be set, and each one must have these flags: Secure, HttpOnly, SameSite"}, \
  {"body_matches", MST_PROBE_PATTERNS, .help = "each of them must match somewhere in the body"}, \
  {"body_not_matches", MST_PROBE_PATTERNS, .help = "none of them may match in the body"}, \
  {"json", MST_PROBE_MAP, .help = "what must hold in a JSON body, by path: see below"}, \
  {"min_size", MST_PROBE_SIZE, .min = 1, .max = 4194304, .help = "how many bytes the body must have at least"}, \
  {"max_size", MST_PROBE_SIZE, .min = 1, .max = 4194304, .help = "how many bytes the body may have at most; without it bodies are looked into up to 1 MiB"}, \
  {"max_duration", MST_PROBE_DURATION, .min = 1e6, .max = 3600e9, .help = "how long it may take, redirections included"}, \
  {"values", MST_PROBE_MAP, .help = "figures to give, by field: where each is found, and perhaps as UNIT"}, \
  {"states", MST_PROBE_MAP, .help = "texts to give, by field: where each is found"}

#define MST_WEB_SECRETS_OPTION \
  {"secrets", MST_PROBE_SECRETS, .help = "secrets of the host that {{NAME}} stands for, by name: env:NAME or file:/PATH"}
// clang-format on

#endif

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "http/http.h"

/* All complaints about a config, one a line. */
static const char *
complaints(const char *text, char *buf, size_t size_bytes)
{
  mst_http_config config = {0};
  mst_diags diags;
  char line[600];
  size_t used = 0;

  mst_diags_init(&diags);
  mst_yaml *yaml = mst_yaml_parse("http.yml", text, strlen(text), &diags);
  cr_assert(yaml != NULL);
  bool is_mapped = mst_config_map(mst_yaml_root(yaml), &mst_http_config_schema, &config, &diags);
  if (is_mapped)
    mst_http_config_check(&config, &diags);
  mst_diags_sort(&diags);
  buf[0] = '\0';
  for (size_t i = 0; i < diags.count; i++)
    used += (size_t)snprintf(buf + used, size_bytes - used, "%s\n", mst_diag_format(&diags.list[i], line, sizeof line));
  mst_config_free(&mst_http_config_schema, &config);
  mst_yaml_destroy(yaml);
  mst_diags_done(&diags);
  return buf;
}

Test(http_config, that_is_good__has_no_complaint)
{
  char buf[2048];

  cr_expect_str_eq(complaints("{}", buf, sizeof buf), "");
  cr_expect_str_eq(complaints("listen: unix:/run/x.sock", buf, sizeof buf), "");
  cr_expect_str_eq(complaints("listen: [\"0.0.0.0:80\", \"[::1]:81\"]\ntoken_file: /dev/null", buf, sizeof buf), "");
}

Test(http_config, with_several_errors__has_a_complaint_for_each_at_its_place)
{
  char buf[2048];

  complaints("listen:\n  - 127.0.0.1\n  - 0.0.0.0:80\n  - 0.0.0.0:80\ncert_file: /nonexistent/cert.pem\n", buf, sizeof buf);
  cr_expect(strstr(buf, "http.yml:2:5: listen[0]: \"127.0.0.1\" is no address; write HOST:PORT") != NULL, "%s", buf);
  cr_expect(strstr(buf, "http.yml:4:5: listen[2]: this address is in the list twice") != NULL, "%s", buf);
  cr_expect(strstr(buf, "needs token_file") != NULL, "%s", buf);
  cr_expect(strstr(buf, "cert_file and key_file go together") != NULL, "%s", buf);
  cr_expect(strstr(buf, "cannot read \"/nonexistent/cert.pem\": No such file or directory") != NULL, "%s", buf);
}

Test(http_config, with_no_or_too_many_listeners__is_refused)
{
  char text[512] = "listen: [", buf[4096];
  size_t used = strlen(text);

  cr_expect_str_neq(complaints("listen: []", buf, sizeof buf), "");
  for (int i = 0; i <= MST_HTTP_LISTENERS_MAX; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\"127.0.0.1:%d\"", i ? "," : "", 1000 + i);
  snprintf(text + used, sizeof text - used, "]");
  cr_expect_str_neq(complaints(text, buf, sizeof buf), "");
}

Test(http_config, default__listens_on_the_loopback_alone)
{
  mst_http_config config = {0};
  mst_diags diags;

  mst_diags_init(&diags);
  cr_assert(mst_config_map(NULL, &mst_http_config_schema, &config, &diags));
  mst_http_config_check(&config, &diags);
  cr_expect_eq(diags.count, 0);
  cr_assert_eq(config.listen.count, 1);
  cr_expect_str_eq(config.listen.items[0], "127.0.0.1:7651");
  mst_config_free(&mst_http_config_schema, &config);
  mst_diags_done(&diags);
}

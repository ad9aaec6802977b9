#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include <mst/proto/enrol.h>

#include "enrol.h"
#include "fake_controller.h"
#include "folder.h"
#include "pins.h"

static struct rig {
  struct fake_controller fake;
  char folder[64], state_dir[96], pins_path[128];
  mst_agent_config config;
  mst_token token;
  char token_text[MST_TOKEN_TEXT_BYTES];
  char *said;
  size_t said_bytes;
  mst_errctx ctx;
} rig;

static void
configure(const char *first, const char *second)
{
  char text[512];
  mst_diags diags;
  mst_diags_init(&diags);
  mst_agent_config_done(&rig.config);
  snprintf(text, sizeof text, "controllers: [\"%s\"%s%s%s]\nstate_dir: %s\nhostname: host-7\nuplink:\n  timeout: 300ms\n", first,
           second ? ", \"" : "", second ? second : "", second ? "\"" : "", rig.state_dir);
  cr_assert(mst_agent_config_parse("agent.yml", text, &rig.config, &diags), "%s", text);
  mst_diags_done(&diags);
}

static void
setup(void)
{
  memset(&rig, 0, sizeof rig);
  fake_init(&rig.fake);
  snprintf(rig.folder, sizeof rig.folder, "/tmp/mst-enrol-XXXXXX");
  cr_assert_not_null(mkdtemp(rig.folder));
  snprintf(rig.state_dir, sizeof rig.state_dir, "%s/state", rig.folder);
  snprintf(rig.pins_path, sizeof rig.pins_path, "%s/controller.pub", rig.state_dir);
  rig.token.controller = *mst_key_public(rig.fake.key);
  mst_random_bytes(rig.token.id, sizeof rig.token.id);
  mst_random_bytes(rig.token.secret, sizeof rig.token.secret);
  mst_token_format(&rig.token, rig.token_text);
  configure(rig.fake.url, NULL);
}

static void
teardown(void)
{
  fake_done(&rig.fake);
  mst_agent_config_done(&rig.config);
  free(rig.said);
  folder_remove(rig.folder);
}

TestSuite(enrol, .init = setup, .fini = teardown, .timeout = 60);

static mst_err
enrol(void)
{
  free(rig.said);
  rig.ctx = (mst_errctx){0};
  FILE *out = open_memstream(&rig.said, &rig.said_bytes);
  mst_err err = mst_agent_enrol(&rig.config, rig.token_text, mst_clock_system(), out, &rig.ctx);
  fclose(out);
  return err;
}

/* As a controller does: the tag proves the token, the envelope is signed by the key that it brings. */
static struct fake_answer
check_request(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  mst_enrol request;
  uint8_t tag[MST_ENROL_TAG_BYTES];
  (void)fake, (void)reply;
  cr_assert_eq(envelope->kind, MST_ENVELOPE_ENROL);
  cr_assert_eq(envelope->sequence, 0);
  cr_assert_eq(mst_enrol_decode(envelope->body, &request, NULL), MST_OK);
  cr_assert_eq(mst_envelope_verify(envelope, &request.key, NULL), MST_OK);
  mst_enrol_tag(rig.token.secret, &request.key, request.hostname, tag);
  cr_assert_eq(memcmp(tag, request.tag, sizeof tag), 0);
  cr_assert_eq(memcmp(request.token_id, rig.token.id, MST_TOKEN_ID_BYTES), 0);
  cr_assert(mst_text_equal(request.hostname, "host-7"));
  return (struct fake_answer){0};
}

Test(enrol, enrol__right_token__key_made_and_controller_pinned)
{
  mst_pins pins;
  fake_set(&rig.fake, check_request);
  cr_assert_eq(enrol(), MST_OK, "%s", rig.ctx.text);
  cr_assert_eq(mst_pins_load(rig.pins_path, &pins, NULL), MST_OK);
  cr_expect_arr_eq(pins.current.bytes, rig.token.controller.bytes, MST_KEY_PUBLIC_BYTES);
  cr_expect_not_null(strstr(rig.said, "made a key"));
  cr_expect_not_null(strstr(rig.said, "enrolled: host host-7"));
  cr_assert_eq(enrol(), MST_OK, "%s", rig.ctx.text);
  cr_expect_null(strstr(rig.said, "made a key"), "the same key a second time");
}

static struct fake_answer
say_later(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake, (void)envelope;
  reply->status = MST_REPLY_LATER;
  return (struct fake_answer){0};
}

Test(enrol, enrol__approval_wanted__said_and_pinned)
{
  fake_set(&rig.fake, say_later);
  cr_assert_eq(enrol(), MST_OK, "%s", rig.ctx.text);
  cr_expect_not_null(strstr(rig.said, "pending approval"));
  cr_expect_eq(access(rig.pins_path, F_OK), 0);
}

static struct fake_answer
say_nothing(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake, (void)envelope, (void)reply;
  return (struct fake_answer){.silent = true};
}

Test(enrol, enrol__no_answer__unreachable_and_what_it_may_mean)
{
  fake_set(&rig.fake, say_nothing);
  cr_assert_eq(enrol(), MST_EUNREACHABLE);
  cr_expect_not_null(strstr(rig.ctx.text, "expired or used up"), "%s", rig.ctx.text);
  cr_expect_neq(access(rig.pins_path, F_OK), 0);
}

static struct fake_answer
forge(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake, (void)envelope, (void)reply;
  return (struct fake_answer){.forged = true};
}

Test(enrol, enrol__answer_by_another_key__not_believed)
{
  fake_set(&rig.fake, forge);
  cr_assert_eq(enrol(), MST_ECRYPTO);
  cr_expect_not_null(strstr(rig.ctx.text, "not from the controller"), "%s", rig.ctx.text);
  cr_expect_neq(access(rig.pins_path, F_OK), 0);
}

static struct fake_answer
refuse(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake, (void)envelope;
  reply->status = MST_REPLY_REFUSED;
  reply->refusal = MST_REFUSED_TOKEN;
  return (struct fake_answer){0};
}

Test(enrol, enrol__refused__said_why)
{
  fake_set(&rig.fake, refuse);
  cr_assert_eq(enrol(), MST_EPERM);
  cr_expect_not_null(strstr(rig.ctx.text, "bad_token"), "%s", rig.ctx.text);
}

Test(enrol, enrol__first_controller_dead__second_asked)
{
  char dead[64];
  fake_stop(&rig.fake);
  snprintf(dead, sizeof dead, "%s", rig.fake.url);
  cr_assert_eq(enrol(), MST_EUNREACHABLE);
  cr_expect_not_null(strstr(rig.ctx.text, "cannot connect"), "%s", rig.ctx.text);
  rig.fake.port = 0;
  fake_listen(&rig.fake);
  configure(dead, rig.fake.url);
  cr_assert_eq(enrol(), MST_OK, "%s", rig.ctx.text);
  cr_expect_not_null(strstr(rig.said, "cannot connect"));
}

Test(enrol, enrol__damaged_token__said_before_anything_is_made)
{
  rig.token_text[strlen(rig.token_text) - 3] = '\0';
  cr_assert_neq(enrol(), MST_OK);
  cr_expect_not_null(strstr(rig.ctx.text, "token"));
  cr_expect_neq(access(rig.state_dir, F_OK), 0);
}

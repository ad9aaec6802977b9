#include "fixture.h"

#include <mst/common/alloc.h>

#include "answers.h"

static const char image_id[] = "sha256:3a0bc1ab96a83185d6fc8523deeac7dfb7a7ea361593a364f8f4db544e41ec3e";

static mst_docker_inspect
inspect_of(const char *name)
{
  mst_buf text = read_answer(name);
  mst_docker_inspect inspect;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_docker_parse_inspect(mst_buf_text(&text), text.size_bytes, &inspect, &ctx), MST_OK, "%s", ctx.text);
  mst_buf_done(&text);
  return inspect;
}

static mst_err
parse_version(const char *text, mst_docker_version *ret_version, mst_errctx *ctx)
{
  return mst_docker_parse_version(text, strlen(text), ret_version, ctx);
}

Test(answers_version, of_docker_and_of_podman__are_told_apart)
{
  static const struct {
    const char *file, *version;
    unsigned minor, least;
    bool is_podman;
  } cases[] = {{"docker-version.json", "20.10.24+dfsg1", 41, 12, false}, {"podman-version.json", "4.3.1", 41, 24, true}};

  for (size_t i = 0; i < 2; i++) {
    mst_buf text = read_answer(cases[i].file);
    mst_docker_version version;
    mst_errctx ctx = {0};

    cr_assert_eq(mst_docker_parse_version(mst_buf_text(&text), text.size_bytes, &version, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_str_eq(version.version, cases[i].version);
    cr_expect_eq(version.api_minor, cases[i].minor);
    cr_expect_eq(version.api_least_minor, cases[i].least);
    cr_expect_eq(version.is_podman, cases[i].is_podman);
    mst_buf_done(&text);
  }
}

Test(answers_version, what_is_no_docker__is_refused_with_a_text_that_says_so)
{
  static const struct {
    const char *text, *said;
  } cases[] = {{"", "empty"},
               {"<html>", "no JSON"},
               {"[]", "is this socket Docker's"},
               {"{\"Version\": \"1\", \"ApiVersion\": \"2.0\"}", "is this socket Docker's"},
               {"{\"Version\": \"1\", \"ApiVersion\": \"1.4x\"}", "is this socket Docker's"},
               {"{\"Version\": \"1\", \"ApiVersion\": \"1.\"}", "is this socket Docker's"},
               {"{\"Version\": 1, \"ApiVersion\": \"1.41\"}", "is this socket Docker's"},
               {"{\"Version\": \"1234567890123456789012345678901234567890123456789012345678901234\", \"ApiVersion\": \"1.41\"}", "Version"},
               {"{\"Version\": \"1\", \"ApiVersion\": \"1.41\"} x", "no JSON"}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_docker_version version = {.api_minor = 7};
    mst_errctx ctx = {0};

    cr_expect_eq(parse_version(cases[i].text, &version, &ctx), MST_EMALFORMED, "took %s", cases[i].text);
    cr_expect(strstr(ctx.text, cases[i].said), "%s says: %s", cases[i].text, ctx.text);
    cr_expect_eq(version.api_minor, 7);
  }
}

Test(answers_list, captured_one__has_names_without_slash_states_and_health)
{
  mst_buf text = read_answer("docker-list.json");
  mst_docker_listed *list;
  size_t count;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_docker_parse_list(mst_buf_text(&text), text.size_bytes, &list, &count, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(count, 3);
  cr_expect_str_eq(list[0].name, "root-job");
  cr_expect_eq(list[0].state, MST_CONTAINER_CREATED);
  cr_expect_str_eq(list[1].name, "job");
  cr_expect_eq(list[1].state, MST_CONTAINER_EXITED);
  cr_expect_eq(list[1].health, MST_HEALTH_NONE);
  cr_expect_str_eq(list[2].name, "web");
  cr_expect_str_eq(list[2].id, web_id);
  cr_expect_eq(list[2].state, MST_CONTAINER_RUNNING);
  cr_expect_eq(list[2].health, MST_HEALTH_UNHEALTHY);
  mst_free(list);
  mst_buf_done(&text);
}

Test(answers_list, links_and_names_that_are_gone__do_not_stand_for_it)
{
  static const char format[] = "[{\"Id\": \"%s\", \"Names\": %s, \"State\": \"running\", \"Status\": \"Up 2 s (health: starting)\"}]";
  static const struct {
    const char *names, *name;
  } cases[] = {{"[\"/other/alias\", \"/web\"]", "web"}, {"[]", "7d5d63478efb"}, {"null", "7d5d63478efb"}, {"[7]", "7d5d63478efb"}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[512];
    mst_docker_listed *list;
    size_t count;
    mst_errctx ctx = {0};

    snprintf(text, sizeof text, format, web_id, cases[i].names);
    cr_assert_eq(mst_docker_parse_list(text, strlen(text), &list, &count, &ctx), MST_OK, "%s", ctx.text);
    cr_assert_eq(count, 1);
    cr_expect_str_eq(list[0].name, cases[i].name);
    cr_expect_eq(list[0].health, MST_HEALTH_STARTING);
    mst_free(list);
  }
}

Test(answers_list, empty_broken_and_endless_ones__are_told_apart)
{
  mst_docker_listed *list = NULL;
  size_t count = 7;
  mst_errctx ctx = {0};
  mst_buf text;

  cr_expect_eq(mst_docker_parse_list("[]", 2, &list, &count, &ctx), MST_OK);
  cr_expect_eq(count, 0);
  cr_expect_null(list);
  cr_expect_eq(mst_docker_parse_list("{}", 2, &list, &count, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_docker_parse_list("[{}]", 4, &list, &count, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_docker_parse_list("[{\"Id\": \"../../x\", \"State\": \"running\"}]", 39, &list, &count, &ctx), MST_EMALFORMED);

  mst_buf_init(&text, 65536);
  mst_buf_puts(&text, "[0");
  for (int i = 0; i < MST_DOCKER_CONTAINERS_MAX; i++)
    mst_buf_puts(&text, ",0");
  mst_buf_puts(&text, "]");
  cr_expect_eq(mst_docker_parse_list(mst_buf_text(&text), text.size_bytes, &list, &count, &ctx), MST_ELIMIT);
  cr_expect(strstr(ctx.text, "1001 containers"), "%s", ctx.text);
  mst_buf_done(&text);
}

Test(answers_inspect, running_one__has_its_limits_user_and_times)
{
  mst_docker_inspect inspect = inspect_of("docker-inspect-running.json");

  cr_expect_str_eq(inspect.name, "web");
  cr_expect_str_eq(inspect.id, web_id);
  cr_expect_str_eq(inspect.image, "muster-test:1");
  cr_expect_str_eq(inspect.image_id, image_id);
  cr_expect_eq(inspect.state, MST_CONTAINER_RUNNING);
  cr_expect_eq(inspect.health, MST_HEALTH_UNHEALTHY);
  cr_expect_eq(inspect.policy, MST_POLICY_ALWAYS, "unless-stopped is always until it is stopped");
  cr_expect_eq(inspect.capabilities, 2);
  cr_expect_not(inspect.is_privileged);
  cr_expect_not(inspect.is_root);
  cr_expect(inspect.has_own_network);
  cr_expect_eq(inspect.pid, 7648);
  cr_expect_eq(inspect.started_at.ns, 1795470910595889507);
  cr_expect_eq(inspect.finished_at.ns, 0, "the year 1 is never");
}

Test(answers_inspect, exited_and_privileged_ones__say_so)
{
  mst_docker_inspect exited = inspect_of("docker-inspect-exited.json"), privileged = inspect_of("docker-inspect-privileged.json");
  mst_docker_inspect podman = inspect_of("podman-inspect-created.json");

  cr_expect_eq(exited.state, MST_CONTAINER_EXITED);
  cr_expect_eq(exited.exit_code, 3);
  cr_expect_eq(exited.pid, 0);
  cr_expect_eq(exited.started_at.ns, 1795470910878651728);
  cr_expect_eq(exited.finished_at.ns, 1795470910876068951, "a short life ends before it begins");
  cr_expect_eq(exited.policy, MST_POLICY_NO);
  cr_expect(exited.is_root);
  cr_expect(privileged.is_privileged);
  cr_expect_eq(privileged.capabilities, 41, "ALL");
  cr_expect_eq(podman.health, MST_HEALTH_NONE, "Podman writes an empty health");
  cr_expect_eq(podman.policy, MST_POLICY_NO);
  cr_expect_eq(podman.started_at.ns, 0);
}

Test(answers_inspect, users_and_networks__are_read_as_docker_means_them)
{
  static const char format[] =
      "{\"Id\": \"%s\", \"Name\": \"/x\", \"State\": {\"Status\": \"running\", \"Error\": \"a\\u0000b\"}, "
      "\"HostConfig\": {\"NetworkMode\": \"%s\", \"RestartPolicy\": {\"Name\": \"on-failure\"}}, \"Config\": {\"User\": \"%s\"}}";
  static const struct {
    const char *user, *network;
    bool is_root, has_own_network;
  } cases[] = {{"", "bridge", true, true},  {"0", "host", true, false},          {"root:app", "container:abc", true, false},
               {"0:0", "none", true, true}, {"rootless", "bridge", false, true}, {"1000:0", "x", false, true},
               {"00", "hosts", false, true}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[512];
    mst_docker_inspect inspect;
    mst_errctx ctx = {0};

    snprintf(text, sizeof text, format, web_id, cases[i].network, cases[i].user);
    cr_assert_eq(mst_docker_parse_inspect(text, strlen(text), &inspect, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(inspect.is_root, cases[i].is_root, "user %s", cases[i].user);
    cr_expect_eq(inspect.has_own_network, cases[i].has_own_network, "network %s", cases[i].network);
    cr_expect_eq(inspect.policy, MST_POLICY_ON_FAILURE);
  }
}

Test(answers_inspect, cut_anywhere__is_refused)
{
  mst_buf text = read_answer("docker-inspect-running.json");

  for (size_t length = 0; length + 2 < text.size_bytes; length += 37) {
    mst_docker_inspect inspect;
    mst_errctx ctx = {0};

    cr_expect_eq(mst_docker_parse_inspect(mst_buf_text(&text), length, &inspect, &ctx), MST_EMALFORMED, "took %zu bytes of it", length);
  }
  mst_buf_done(&text);
}

Test(answers_events, captured_ones__are_read_in_order)
{
  static const mst_docker_action expected[] = {MST_ACTION_CREATE, MST_ACTION_START, MST_ACTION_CREATE, MST_ACTION_OTHER,
                                               MST_ACTION_START,  MST_ACTION_DIE,   MST_ACTION_CREATE};
  mst_buf text = read_answer("docker-events.jsonl");
  const char *at = mst_buf_text(&text), *end = at + text.size_bytes;
  size_t count = 0;
  mst_docker_event event = {.at = {0}};

  for (; at < end; count++) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    mst_wall before = event.at;
    mst_errctx ctx = {0};

    cr_assert_not_null(line);
    cr_assert_eq(mst_docker_parse_event(at, (size_t)(line - at), &event, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_gt(event.at.ns, before.ns);
    if (count < sizeof expected / sizeof expected[0])
      cr_expect_eq(event.action, expected[count], "event %zu", count);
    if (event.action == MST_ACTION_DIE) {
      cr_expect_eq(event.exit_code, 3);
      cr_expect_str_eq(event.name, "job");
    }
    at = line + 1;
  }
  cr_expect_eq(count, 17);
  cr_expect_eq(event.action, MST_ACTION_UNHEALTHY);
  cr_expect_str_eq(event.id, web_id);
  mst_buf_done(&text);
}

Test(answers_events, signal_and_podmans_health__are_read)
{
  static const char kill_text[] =
      "{\"Type\":\"container\",\"Action\":\"kill\",\"timeNano\":5,\"Actor\":{\"ID\":"
      "\"7d5d63478efbbd26c2921f54a18bd73fc3c5ac65b1b39f34d5212e2969a79f13\",\"Attributes\":{\"signal\":\"15\"}}}";
  static const char image[] = "{\"Type\":\"image\",\"Action\":\"pull\",\"timeNano\":5,\"Actor\":{\"ID\":\"x\"}}";
  mst_buf podman = read_answer("podman-events.jsonl");
  const char *second = strchr(mst_buf_text(&podman), '\n') + 1;
  mst_docker_event event;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_docker_parse_event(kill_text, strlen(kill_text), &event, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(event.signal, 15);
  cr_expect_eq(event.exit_code, -1);
  cr_expect_eq(mst_docker_parse_event(image, strlen(image), &event, &ctx), MST_EABSENT);
  cr_assert_eq(mst_docker_parse_event(second, strcspn(second, "\n"), &event, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(event.action, MST_ACTION_UNHEALTHY);
  mst_buf_done(&podman);
}

Test(answers_stats, captured_one__gives_what_docker_stats_shows)
{
  mst_buf text = read_answer("docker-stats-v1.json");
  mst_docker_usage usage;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_docker_parse_stats(mst_buf_text(&text), text.size_bytes, &usage, &ctx), MST_OK, "%s", ctx.text);
  cr_expect(usage.has_cpu && usage.has_memory && usage.has_disk);
  cr_expect_eq(usage.user_ns, 360000000);
  cr_expect_eq(usage.system_ns, 10000000);
  cr_expect_eq(usage.memory_bytes, 446464);
  cr_expect_not(usage.has_network, "--network none");
  mst_buf_done(&text);
}

Test(answers_stats, version_2_with_networks_and_disks__is_read)
{
  static const char text[] = "{\"cpu_stats\":{\"cpu_usage\":{\"usage_in_usermode\":5,\"usage_in_kernelmode\":7}},"
                             "\"memory_stats\":{\"usage\":1000,\"stats\":{\"inactive_file\":300}},"
                             "\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"read\",\"value\":3},{\"op\":\"Write\",\"value\":4}"
                             ",{\"op\":\"read\",\"value\":5}]},"
                             "\"networks\":{\"eth0\":{\"rx_bytes\":11,\"tx_bytes\":12},\"a-name-of-over-15\":{\"rx_bytes\":1,\"tx_bytes\":"
                             "1},\"eth1\":{\"rx_bytes\":-1}}}";
  static const char windows[] = "{\"cpu_stats\":{},\"memory_stats\":{}}";
  mst_docker_usage usage;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_docker_parse_stats(text, strlen(text), &usage, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(usage.memory_bytes, 700);
  cr_expect_eq(usage.read_bytes, 8);
  cr_expect_eq(usage.written_bytes, 4);
  cr_assert_eq(usage.link_count, 1);
  cr_expect_str_eq(usage.links[0].name, "eth0");
  cr_expect_eq(usage.links[0].sent_bytes, 12);
  cr_expect_eq(mst_docker_parse_stats(windows, strlen(windows), &usage, &ctx), MST_EMALFORMED);
}

Test(answers_digest, of_the_containers_repository__is_chosen)
{
#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  static const char both[] = "{\"RepoDigests\":[\"registry:5000/other@" D1 "\",\"registry:5000/web@" D2 "\"]}";
  static const struct {
    const char *text, *image, *digest;
  } cases[] = {{both, "registry:5000/web:1.2", D2},
               {both, "registry:5000/web@" D2, D2},
               {both, "registry:5000/other", D1},
               {both, "renamed:1", D1},
               {"{\"RepoDigests\":[]}", "x", NULL},
               {"{}", "x", NULL},
               {"{\"RepoDigests\":[\"x@sha256:12\", 7, \"x\"]}", "x", NULL}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char digest[MST_DOCKER_DIGEST_BYTES + 1] = "";
    mst_errctx ctx = {0};
    mst_err err = mst_docker_parse_digest(cases[i].text, strlen(cases[i].text), cases[i].image, digest, &ctx);

    cr_expect_eq(err, cases[i].digest ? MST_OK : MST_EABSENT, "case %zu: %s", i, ctx.text);
    cr_expect_str_eq(digest, cases[i].digest ? cases[i].digest : "");
  }
}

Test(answers_message, of_an_error__is_cut_and_cleaned)
{
  static const char text[] = "{\"message\":\"no such\\ncontainer\"}";
  char message[16];

  mst_docker_parse_message(text, strlen(text), message, sizeof message);
  cr_expect_str_eq(message, "no such contain");
  mst_docker_parse_message("<html>", 6, message, sizeof message);
  cr_expect_str_eq(message, "");
  mst_docker_parse_message("", 0, message, sizeof message);
  cr_expect_str_eq(message, "");
}

Test(answers_state, of_podman_and_unknown_ones__are_named)
{
  cr_expect_eq(mst_container_state_parse("stopped"), MST_CONTAINER_EXITED);
  cr_expect_eq(mst_container_state_parse("removing"), MST_CONTAINER_DEAD);
  cr_expect_eq(mst_container_state_parse("missing"), MST_CONTAINER_UNKNOWN, "only we say missing");
  cr_expect_eq(mst_container_state_parse("levitating"), MST_CONTAINER_UNKNOWN);
  cr_expect_str_eq(mst_container_state_name(mst_container_state_parse("paused")), "paused");
}

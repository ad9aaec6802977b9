/* The whole controller with its threads: runs from start to verdict. */
#include "live.h"

#include "audit.h"

TestSuite(core, .timeout = 120);

static void
expect_sound_chain(live *l)
{
  const mst_store_ops *ops = mst_store_find("sqlite");
  char path[256];
  mst_keys keys;
  mst_store *store = NULL;
  mst_errctx ctx = {0};
  int64_t count = 0;
  bool made;

  snprintf(path, sizeof path, "%s/state/muster.db", l->r.folder);
  cr_assert_eq(ops->open(path, true, &store, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(ops->check(store, &ctx), MST_OK, "%s", ctx.text);
  snprintf(path, sizeof path, "%s/state", l->r.folder);
  cr_assert_eq(mst_keys_open(path, &keys, &made, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_audit_verify(ops, store, mst_key_public(keys.current), &count, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_gt(count, 3);
  mst_keys_done(&keys);
  ops->close(store);
}

/* 1.2 is out of the way: the other two decide. */
static void
say_not_applicable(live *l, const char *run)
{
  mst_key *lead = live_operator(l, "lead", "technical-lead");
  mst_errctx ctx = {0};

  mst_err err = live_state(l, lead, "na", "1.2", NULL, &ctx, {"reason", "a test"}, {"run", run}, );
  cr_expect_eq(err, MST_OK, "%s", ctx.text);
  mst_key_destroy(lead);
}

Test(core, run__goes_from_start_to_a_kept_verdict)
{
  char id[MST_RUN_ID_BYTES], *before = NULL, *after = NULL;
  mst_errctx ctx = {0};
  net_agent agent;
  live l;

  live_start(&l, "2s", "");
  net_enrol(&agent, &l, 7, "role=api");
  net_go(&agent);
  live_run(&l, id);
  say_not_applicable(&l, id);
  live_wait(live_run_is(&l, id, "state", "decided"));
  cr_assert_eq(mst_core_verdict_text(l.r.core, id, &before, &ctx), MST_OK);
  cr_expect(live_run_is(&l, id, "verdict", "GO"), "%s", before);
  cr_expect(live_verdict_is(&l, "", "verdict", "GO"));
  net_rest(&agent);
  live_close(&l);
  expect_sound_chain(&l);
  live_open(&l);
  cr_assert_eq(mst_core_verdict_text(l.r.core, NULL, &after, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_str_eq(before, after);
  mst_free(before);
  mst_free(after);
  net_done(&agent);
  live_stop(&l);
}

Test(core, failing_critical_item__is_no_go_before_the_end)
{
  char id[MST_RUN_ID_BYTES];
  net_agent agent;
  live l;

  live_start(&l, "3s", "");
  net_enrol(&agent, &l, 7, "role=api");
  atomic_store(&agent.value, 0);
  net_go(&agent);
  live_run(&l, id);
  live_wait(live_verdict_is(&l, id, "verdict_so_far", "NO_GO"));
  live_wait(live_run_is(&l, id, "state", "decided"));
  cr_expect(live_run_is(&l, id, "verdict", "NO_GO"));
  net_rest(&agent);
  net_done(&agent);
  live_stop(&l);
}

Test(core, restart_within_a_run__goes_on_with_it)
{
  char id[MST_RUN_ID_BYTES];
  net_agent agent;
  live l;

  live_start(&l, "4s", "");
  net_enrol(&agent, &l, 7, "role=api");
  net_go(&agent);
  live_run(&l, id);
  say_not_applicable(&l, id);
  live_wait(atomic_load(&agent.stored) > 15);
  net_rest(&agent);
  nng_close(agent.socket);
  live_close(&l);
  live_open(&l);
  cr_expect(live_run_is(&l, id, "state", "running"));
  net_dial(&agent);
  net_go(&agent);
  live_wait(live_run_is(&l, id, "state", "decided"));
  cr_expect(live_run_is(&l, id, "verdict", "GO"));
  net_rest(&agent);
  net_done(&agent);
  live_stop(&l);
}

Test(core, run_that_is_ended__cannot_be_go)
{
  char id[MST_RUN_ID_BYTES];
  mst_errctx ctx = {0};
  net_agent agent;
  live l;

  live_start(&l, "1h", "");
  net_enrol(&agent, &l, 7, "role=api");
  net_go(&agent);
  live_run(&l, id);
  mst_err err = live_state(&l, l.admin, "run.start", "", NULL, &ctx, {"checklist", "test"}, );
  cr_expect_eq(err, MST_ESTATE, "one run at a time");
  err = live_state(&l, l.admin, "run.end", id, NULL, &ctx, {"reason", "new commit"}, );
  cr_expect_eq(err, MST_OK, "%s", ctx.text);
  live_wait(live_run_is(&l, id, "verdict", "NO_GO"));
  cr_expect(live_run_is(&l, id, "state", "ended"));
  cr_expect(live_run_is(&l, id, "reason", "new commit"));
  live_wait(live_state(&l, l.admin, "run.start", "", NULL, &ctx, {"checklist", "test"}, ) == MST_OK);
  net_rest(&agent);
  net_done(&agent);
  live_stop(&l);
}

Test(core, changed_rules__end_the_run)
{
  char id[MST_RUN_ID_BYTES];
  mst_controller_config fresh; /* beside the old one, which the keeper still reads */
  mst_errctx ctx = {0};
  mst_diags diags;
  net_agent agent;
  live l;

  live_start(&l, "1h", "");
  net_enrol(&agent, &l, 7, "role=api");
  net_go(&agent);
  live_wait(atomic_load(&agent.saw_plan));
  live_run(&l, id);
  mst_diags_init(&diags);
  cr_assert(mst_controller_config_load(l.r.config_path, &fresh, &diags));
  cr_expect_eq(mst_core_reload(l.r.core, &fresh, &ctx), MST_OK, "%s", ctx.text);
  cr_expect(live_run_is(&l, id, "state", "running"), "nothing was changed");
  live_write_rules(&l, "1h", "", "200ms");
  cr_expect_eq(mst_core_reload(l.r.core, &fresh, &ctx), MST_OK, "%s", ctx.text);
  live_wait(live_run_is(&l, id, "verdict", "NO_GO"));
  cr_expect(live_run_is(&l, id, "state", "ended"));
  cr_expect(live_run_is(&l, id, "reason", "the plan was changed"));
  net_rest(&agent);
  net_done(&agent);
  live_close(&l);
  mst_controller_config_done(&fresh);
  mst_diags_done(&diags);
  live_stop(&l);
}

Test(core, changed_checklist_over_a_restart__ends_the_run)
{
  char id[MST_RUN_ID_BYTES], *text = NULL;
  mst_errctx ctx = {0};
  net_agent agent;
  live l;

  live_start(&l, "1h", "");
  net_enrol(&agent, &l, 7, "role=api");
  live_run(&l, id);
  live_close(&l);
  live_write_rules(&l, "2h", "", "100ms");
  live_open(&l);
  cr_expect(live_run_is(&l, id, "state", "ended"));
  cr_expect_eq(mst_core_verdict_text(l.r.core, id, &text, &ctx), MST_EABSENT);
  net_done(&agent);
  live_stop(&l);
}

/* ---- sign-offs, and what comes after the freeze ---- */

static mst_err
sign(live *l, const mst_key *key, const char *role, const char *run, mst_errctx *ctx)
{
  json_t *verdict = live_verdict(l, run);
  mst_err err = live_state(l, key, "sign-off", run, NULL, ctx, {"decision", "approved"}, {"digest", mst_run_json_text(verdict, "digest")},
                           {"role", role}, );

  json_decref(verdict);
  return err;
}

static bool
is_frozen(live *l, const char *id)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_core_run_json(l->r.core, id, &document, &ctx), MST_OK);
  bool is_so = json_is_object(json_object_get(document, "frozen"));
  json_decref(document);
  return is_so;
}

static uint32_t
columns_of(live *l, uint32_t agent, mst_wall start)
{
  const mst_store_ops *ops = l->r.core->ops;
  mst_store *store = NULL;
  mst_window *window = NULL;
  mst_errctx ctx = {0};
  mst_buf document;
  uint32_t count = 0;

  mst_buf_init(&document, MST_WINDOW_MAX_BYTES);
  cr_assert_eq(ops->open(l->r.core->store_location, true, &store, &ctx), MST_OK, "%s", ctx.text);
  if (ops->window_get(store, start, agent, &document, &ctx) == MST_OK) {
    cr_assert_eq(mst_window_decode((mst_bytes){document.data, document.size_bytes}, &window, &ctx), MST_OK);
    count = mst_window_column_count(window);
  }
  mst_window_destroy(window);
  mst_buf_done(&document);
  ops->close(store);
  return count;
}

Test(core, sign_offs__make_it_go_and_late_data_does_not_change_what_was_signed)
{
  char id[MST_RUN_ID_BYTES], digest[80];
  mst_errctx ctx = {0};
  net_agent agent;
  live l;

  live_start(&l, "2s", "technical-lead, devops-lead");
  net_enrol(&agent, &l, 7, "role=api");
  net_go(&agent);
  mst_key *one = live_operator(&l, "one", "technical-lead"), *two = live_operator(&l, "two", "devops-lead");
  live_run(&l, id);
  mst_err err = live_state(&l, one, "na", "1.2", NULL, &ctx, {"reason", "a test"}, {"run", id}, );
  cr_assert_eq(err, MST_OK, "%s", ctx.text);
  live_wait(is_frozen(&l, id));
  net_rest(&agent);
  live_wait(live_verdict_is(&l, id, "verdict_so_far", "GO"));
  cr_expect(live_verdict_is(&l, id, "verdict", "PENDING"));
  json_t *verdict = live_verdict(&l, id), *run = NULL;
  snprintf(digest, sizeof digest, "%s", mst_run_json_text(verdict, "digest"));
  json_decref(verdict);
  /* Late data for a window of the run: acknowledged, but not in its document while the run is not decided. */
  cr_assert_eq(mst_core_run_json(l.r.core, id, &run, &ctx), MST_OK);
  mst_wall start;
  cr_assert_eq(mst_wall_parse(mst_run_json_text(run, "started_at"), &start, &ctx), MST_OK);
  json_decref(run);
  uint32_t before = columns_of(&l, 1, start);
  cr_expect_gt(before, 0);
  atomic_store(&agent.value, 99);
  expect_status(net_report(&agent, (mst_wall){start.ns + 1}), MST_REPLY_STORED);
  /* Across a restart too. */
  nng_close(agent.socket);
  live_close(&l);
  live_open(&l);
  net_dial(&agent);
  live_wait(live_verdict_is(&l, id, "verdict_so_far", "GO"));
  cr_expect(live_verdict_is(&l, id, "digest", digest), "what came after the freeze changes nothing");
  cr_expect_eq(columns_of(&l, 1, start), before);
  cr_expect_eq(live_state(&l, one, "na", "1.2", NULL, &ctx, {"reason", "late"}, {"run", id}, ), MST_ESTATE, "inputs are frozen");
  cr_expect_eq(sign(&l, two, "technical-lead", id, &ctx), MST_EPERM, "not his role");
  cr_expect_eq(live_state(&l, one, "sign-off", id, NULL, &ctx, {"decision", "approved"}, {"digest", "00"}, {"role", "technical-lead"}, ),
               MST_ESTATE);
  cr_expect_eq(sign(&l, one, "technical-lead", id, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(sign(&l, two, "devops-lead", id, &ctx), MST_OK, "%s", ctx.text);
  live_wait(live_run_is(&l, id, "state", "decided"));
  cr_expect(live_run_is(&l, id, "verdict", "GO"));
  cr_expect(live_verdict_is(&l, id, "digest", digest));
  live_wait(columns_of(&l, 1, start) == before + 1);
  mst_key_destroy(one);
  mst_key_destroy(two);
  net_done(&agent);
  live_stop(&l);
}

/* ---- keys ---- */

Test(core, change_of_key__is_announced_and_then_takes_over)
{
  char folder[128];
  mst_public_key next;
  mst_errctx ctx = {0};
  net_agent agent;
  live l;

  live_start(&l, "1h", "");
  net_enrol(&agent, &l, 7, "role=api");
  expect_status(net_report(&agent, mst_clock_wall(mst_clock_system())), MST_REPLY_STORED);
  cr_expect_not(atomic_load(&agent.saw_next_key));
  snprintf(folder, sizeof folder, "%s/state", l.r.folder);
  cr_assert_eq(mst_keys_prepare(folder, &next, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_keys_prepare(folder, &next, &ctx), MST_EEXIST);
  cr_assert_eq(mst_core_reload(l.r.core, &l.r.config, &ctx), MST_OK, "%s", ctx.text);
  expect_status(net_report(&agent, mst_clock_wall(mst_clock_system())), MST_REPLY_STORED);
  cr_expect(atomic_load(&agent.saw_next_key));
  json_t *status;
  char text[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_public_key_format(&next, text);
  live_wait((status = mst_core_status_json(l.r.core),
             strcmp(mst_run_json_text(status, "controller_key"), text) == 0 ? (json_decref(status), true) : (json_decref(status), false)));
  agent.controller = next;
  expect_status(net_report(&agent, mst_clock_wall(mst_clock_system())), MST_REPLY_STORED);
  live_close(&l);
  expect_sound_chain(&l);
  net_done(&agent);
  live_stop(&l);
}

/* ---- many at once ---- */

typedef struct reader {
  live *l;
  atomic_bool is_stopping;
  atomic_uint rounds;
} reader;

static void
count_metric(void *user, const char *name, const char *help, const char *type, const char *labels, double value)
{
  (void)name, (void)help, (void)type, (void)labels, (void)value;
  ++*(unsigned *)user;
}

static void *
read_all(void *arg)
{
  reader *r = arg;
  mst_core *core = r->l->r.core;
  char hex[MST_KEY_ID_HEX_BYTES] = "web-1";

  while (!atomic_load(&r->is_stopping)) {
    json_t *document = NULL;
    mst_errctx ctx = {0};
    char *text = NULL;
    unsigned metrics = 0;
    json_decref(mst_core_status_json(core));
    json_decref(mst_core_agents_json(core));
    json_decref(mst_core_tokens_json(core));
    json_decref(mst_core_operators_json(core));
    json_decref(mst_core_runs_json(core));
    if (mst_core_agent_json(core, hex, &document, &ctx) == MST_OK)
      json_decref(document);
    if (mst_core_verdict_text(core, "", &text, &ctx) == MST_OK)
      mst_free(text);
    mst_core_verdict_wait(core, mst_core_verdict_version(core), MST_NS_PER_MS);
    mst_core_metrics(core, count_metric, &metrics);
    (void)!mst_core_ready(core, &ctx);
    atomic_fetch_add(&r->rounds, 1);
  }
  return NULL;
}

Test(core, readers_agents_and_operators_at_once__do_not_disturb_each_other)
{
  enum { AGENTS = 4, READERS = 3 };
  pthread_t threads[READERS];
  net_agent agents[AGENTS];
  char id[MST_RUN_ID_BYTES];
  mst_errctx ctx = {0};
  reader r;
  live l;

  live_start(&l, "2s", "");
  for (int i = 0; i < AGENTS; i++) {
    net_enrol(&agents[i], &l, (uint8_t)(10 + i), i % 2 ? "role=api" : "role=db");
    net_go(&agents[i]);
  }
  live_run(&l, id);
  r = (reader){.l = &l};
  for (int i = 0; i < READERS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, read_all, &r), 0);
  for (int i = 0; i < 5; i++)
    mst_key_destroy(live_operator(&l, "somebody", "security-lead"));
  mst_err err = live_state(&l, l.admin, "agent.label", "web-1", NULL, &ctx, {"labels", "role=x"}, );
  cr_expect_eq(err, MST_EABSENT, "four agents have that name: %s", ctx.text);
  live_wait(live_run_is(&l, id, "state", "decided"));
  live_wait(atomic_load(&r.rounds) > 10);
  atomic_store(&r.is_stopping, true);
  for (int i = 0; i < READERS; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < AGENTS; i++) {
    net_rest(&agents[i]);
    cr_expect_gt(atomic_load(&agents[i].stored), 5);
    cr_expect_eq(atomic_load(&agents[i].refused), 0);
    net_done(&agents[i]);
  }
  live_stop(&l);
}

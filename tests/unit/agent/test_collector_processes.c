#include "rig.h"

#include "collectors/processes.h"

static mst_err
parse(const char *text, mst_process_stat *ret_stat, mst_errctx *ctx)
{
  return mst_process_parse(text, strlen(text), ret_stat, ctx);
}

#define REST " S 1 1 1 0 -1 4194560 41767 595716 0 627 312 832 1339 745 20 0 13 0 2500 51277824 4607 18446744073709551615 1 1\n"

Test(process_parse, names_with_anything_in_them__are_found)
{
  static const char *const names[] = {"init", "a b", "(sd-pam)", "x) S 1 (y", ") 1", "new\nline", ""};

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char text[512];
    mst_process_stat stat;
    mst_errctx ctx = {0};

    snprintf(text, sizeof text, "4194304 (%s)" REST, names[i]);
    cr_assert_eq(parse(text, &stat, &ctx), MST_OK, "%s", ctx.text);
    cr_expect(mst_scan_equal(stat.name, names[i]));
    cr_expect_eq(stat.pid, 4194304);
    cr_expect_eq(stat.state, 'S');
    cr_expect_eq(stat.user_ticks, 312);
    cr_expect_eq(stat.system_ticks, 832);
    cr_expect_eq(stat.threads, 13);
    cr_expect_eq(stat.start_ticks, 2500);
    cr_expect_eq(stat.resident_pages, 4607);
    cr_expect_not(stat.is_kernel_thread);
  }
}

Test(process_parse, kernel_thread__is_known_by_its_flags)
{
  mst_process_stat stat;
  mst_errctx ctx = {0};

  cr_assert_eq(parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 25 0 0 18446744073709551615 0\n", &stat, &ctx), MST_OK);
  cr_expect(stat.is_kernel_thread);
}

Test(process_parse, broken_text__is_refused_and_leaves_the_result)
{
  static const char *const broken[] = {"",
                                       "1",
                                       "1 (x",
                                       "1 x)",
                                       ") (",
                                       "1 (x)",
                                       "1 (x) S",
                                       "x (x)" REST,
                                       "1 (x) SS 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 13 0 2500 1 1 1\n",
                                       "1 (x) S 1 1 1 0 -1 4194560 1 1 1 1 -312 1 1 1 20 0 13 0 2500 1 1 1\n",
                                       "1 (x) S 1 1 1 0 -1 4194560 1 1 1 1 312 1 1 1 20 0 13 0 x 1 1 1\n",
                                       "1 (x) S 1 1 1 0 -1 4194560 1 1 1 1 312 1 1 1 20 0 13 0 2500 1 460" /* cut short */,
                                       "99999999999 (x)" REST};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_process_stat stat = {.pid = 7};
    mst_errctx ctx = {0};

    cr_expect_eq(parse(broken[i], &stat, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(stat.pid, 7);
  }
}

Test(process_user, effective_user__is_read_and_nonsense_refused)
{
  static const char *const broken[] = {
      "", "Uid:\n", "Uid:\t0\n", "Uid:\t0\tx\n", "Uid:\t0\t1" /* cut short */, "Uid:\t0\t4294967296\n", "Gid:\t1\t1\n"};
  static const char text[] = "Name:\tx\nUid:\t1000\t0\t1000\t1000\nGid:\t5\t5\t5\t5\n";
  mst_errctx ctx = {0};
  uint32_t user = 7;

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    cr_expect_eq(mst_process_user_parse(broken[i], strlen(broken[i]), &user, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
  cr_expect_eq(user, 7);
  cr_expect_eq(mst_process_user_parse(text, strlen(text), &user, &ctx), MST_OK);
  cr_expect_eq(user, 0);
}

Test(process_match, patterns__fit_names_and_command_lines)
{
  static const struct {
    const char *pattern, *name, *arguments;
    bool fits;
  } cases[] = {
      {"nginx", "nginx", "nginx: master", true},
      {"nginx", "nginx2", "", false},
      {"python3*", "python3.11", "python3.11 app.py", true},
      {"genesis-orchestrator", "genesis-orchest", "/opt/bin/genesis-orchestrator --x /y", true},
      {"genesis-orchestrator", "genesis-orchest", "/opt/bin/genesis-orchestra", false},
      {"genesis-orchestrator", "genesis-orchest", "", false},
      {"genesis-orchest", "genesis-orchest", "/opt/bin/genesis-orchestrator", true},
      {"cmdline:*uvicorn*", "python3", "python3 -m uvicorn app", true},
      {"cmdline:*uvicorn*", "uvicorn", "", false},
      {"cmdline:*", "kthreadd", "", false},
      {"[a-c]x", "bx", "", true},
      {"", "x", "", false},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_eq(mst_process_match(cases[i].pattern, cases[i].name, cases[i].arguments), cases[i].fits, "\"%s\" on %s, %s",
                 cases[i].pattern, cases[i].name, cases[i].arguments);
}

Test(process_arguments, separators__become_blanks)
{
  char text[] = "a\0b c\0\0d\0\0";
  size_t length = mst_process_join_arguments(text, sizeof text - 1);

  cr_expect_eq(length, 8);
  cr_expect_eq(memcmp(text, "a b c  d", 8), 0);
  cr_expect_eq(mst_process_join_arguments(text, 0), 0);
}

static void
put_process(struct rig *rig, int pid, const char *name, char state, int user, int start, int pages)
{
  char path[64], text[512];

  snprintf(path, sizeof path, "proc/%d/stat", pid);
  snprintf(text, sizeof text, "%d (%s) %c 1 1 1 0 -1 0 0 0 0 0 %d %d 0 0 20 0 2 0 %d 100 %d 1 1\n", pid, name, state, user, user / 2, start,
           pages);
  rig_write(rig, path, text);
}

static void
remove_process(struct rig *rig, int pid)
{
  char path[64];

  snprintf(path, sizeof path, "proc/%d/stat", pid);
  rig_remove(rig, path);
}

static void
start(struct rig *rig, const char *options)
{
  rig_init(rig, NULL);
  rig_write(rig, "proc/stat", "cpu 1 2 3 4 5 6 7\nbtime 1000000\n");
  put_process(rig, 1, "init", 'S', 10, 5, 1);
  rig_start(rig, "processes", options);
}

#define WEB "process.name=web"

Test(processes, named_ones__are_counted_and_summed)
{
  struct rig rig;
  double page = (double)sysconf(_SC_PAGESIZE);

  start(&rig, "names=web,db");
  put_process(&rig, 20, "web", 'S', 1000, 6000, 50);
  put_process(&rig, 21, "web", 'R', 500, 7000, 30);
  put_process(&rig, 22, "web", 'Z', 500, 7000, 0);
  put_process(&rig, 23, "webber", 'S', 500, 7000, 10);
  rig_write(&rig, "proc/20/status", "Name:\tweb\nUid:\t0\t0\t0\t0\n");
  rig_write(&rig, "proc/21/status", "Name:\tweb\nUid:\t33\t33\t33\t33\n");
  rig_write(&rig, "proc/20/fd/0", "");
  rig_write(&rig, "proc/20/fd/1", "");
  rig_write(&rig, "proc/21/fd/0", "");
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "muster.process.up", WEB), 1);
  cr_expect_eq(rig_number(&rig, "muster.process.count", WEB), 2);
  cr_expect_eq(rig_number(&rig, "process.memory.usage", WEB), 80 * page);
  cr_expect_eq(rig_number(&rig, "process.unix.file_descriptor.count", WEB), 3);
  cr_expect_eq(rig_number(&rig, "process.thread.count", WEB), 4);
  cr_expect_eq(rig_number(&rig, "muster.process.root", WEB), 1);
  cr_expect_eq(rig_number(&rig, "muster.process.start_time", WEB), 1000060);
  cr_expect_float_eq(rig_number(&rig, "process.cpu.time", "cpu.mode=user," WEB), 15, 1e-9);
  cr_expect_float_eq(rig_number(&rig, "process.cpu.time", "cpu.mode=system," WEB), 7.5, 1e-9);
  cr_expect_eq(rig_number(&rig, "muster.process.up", "process.name=db"), 0);
  cr_expect_eq(rig_number(&rig, "muster.process.count", "process.name=db"), 0);
  cr_expect_not(rig_has(&rig, "process.memory.usage", "process.name=db"), "no process has no memory, not zero bytes");
  rig_done(&rig);
}

Test(processes, one_that_ends_and_starts_again__keeps_the_counter_rising)
{
  struct rig rig;

  start(&rig, "names=web");
  put_process(&rig, 20, "web", 'S', 1000, 6000, 50);
  put_process(&rig, 21, "web", 'S', 400, 6500, 50);
  rig_tick(&rig, 0);
  remove_process(&rig, 20);
  put_process(&rig, 21, "web", 'S', 500, 6500, 50);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "process.cpu.time", "cpu.mode=user," WEB), 15, 1e-9);
  put_process(&rig, 21, "web", 'S', 20, 9000, 50); /* the same pid, another process */
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "process.cpu.time", "cpu.mode=user," WEB), 15.2, 1e-9);
  cr_expect_eq(rig_number(&rig, "muster.process.start_time", WEB), 1000090);
  remove_process(&rig, 21);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "muster.process.up", WEB), 0);
  rig_expect_missing(&rig, "process.cpu.time", "cpu.mode=user," WEB, MST_SAMPLE_ABSENT, "no longer there");
  put_process(&rig, 30, "web", 'S', 10, 9500, 50);
  uint32_t count = mst_sampler_series_count(rig.sampler);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "process.cpu.time", "cpu.mode=user," WEB), 15.3, 1e-9);
  cr_expect_eq(mst_sampler_series_count(rig.sampler), count, "a restart makes no new series");
  for (uint32_t i = 0; i < count; i++) {
    if (mst_sampler_series_at(rig.sampler, i)->kind == MST_SIGNAL_COUNTER)
      cr_expect_eq(mst_sampler_series_at(rig.sampler, i)->start_at.ns, 1000060 * MST_NS_PER_S);
  }
  rig_done(&rig);
}

Test(processes, long_names_and_command_lines__are_matched)
{
  struct rig rig;

  start(&rig, "names=genesis-orchestrator,cmdline:*uvicorn*");
  put_process(&rig, 20, "genesis-orchest", 'S', 1000, 6000, 50);
  rig_write_bytes(&rig, "proc/20/cmdline", "/opt/genesis-orchestrator\0-x\0", 29);
  put_process(&rig, 21, "python3", 'S', 1000, 6000, 50);
  rig_write_bytes(&rig, "proc/21/cmdline", "python3\0-m\0uvicorn\0", 19);
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "muster.process.count", "process.name=genesis-orchestrator"), 1);
  cr_expect_eq(rig_number(&rig, "muster.process.count", "process.name=cmdline:*uvicorn*"), 1);
  rig_done(&rig);
}

Test(processes, hidden_ones__are_no_proof_that_nothing_runs)
{
  struct rig rig;

  start(&rig, "names=web,mine");
  remove_process(&rig, 1);
  put_process(&rig, 20, "mine", 'S', 1000, 6000, 50);
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "muster.process.up", "process.name=mine"), 1);
  rig_expect_missing(&rig, "muster.process.up", WEB, MST_SAMPLE_ERROR, "hidepid");
  rig_done(&rig);
}

Test(processes, open_files_that_may_not_be_seen__are_an_error_with_a_hint)
{
  struct rig rig;

  start(&rig, "names=web");
  put_process(&rig, 20, "web", 'S', 1000, 6000, 50); /* without fd/ */
  rig_tick(&rig, 0);
  rig_expect_missing(&rig, "process.unix.file_descriptor.count", WEB, MST_SAMPLE_ERROR, "CAP_SYS_PTRACE");
  rig_expect_missing(&rig, "muster.process.root", WEB, MST_SAMPLE_ERROR, "status");
  cr_expect(rig_has(&rig, "process.memory.usage", WEB));
  rig_done(&rig);
}

Test(processes, malformed_one__hides_no_other)
{
  struct rig rig;

  start(&rig, "names=web");
  put_process(&rig, 20, "web", 'S', 1000, 6000, 50);
  rig_write(&rig, "proc/19/stat", "19 (web");
  rig_write(&rig, "proc/self/stat", "no process");
  rig_write(&rig, "proc/12345678901/stat", "no process");
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "muster.process.count", WEB), 1);
  rig_expect_collector(&rig, "error", "process 19");
  rig_done(&rig);
}

Test(processes, no_names__is_absent)
{
  struct rig rig;

  start(&rig, "");
  rig_expect_collector(&rig, "absent", "\"names\"");
  rig_done(&rig);
}

Test(processes, this_very_process_on_the_real_proc__is_found)
{
  struct rig rig;
  mst_sample sample;

  rig_init(&rig, NULL);
  rmdir(rig.root);
  snprintf(rig.root, sizeof rig.root, "/");
  rig_start(&rig, "processes", "names=agent_test_coll*");
  rig_tick(&rig, 0);
  cr_expect_geq(rig_number(&rig, "muster.process.count", "process.name=agent_test_coll*"), 1);
  cr_expect_gt(rig_number(&rig, "process.memory.usage", "process.name=agent_test_coll*"), 100000);
  cr_assert(rig_find(&rig, "process.unix.file_descriptor.count", "process.name=agent_test_coll*", &sample));
  if (sample.status == MST_SAMPLE_OK)
    cr_expect(sample.number >= 3 && sample.number < 10000, "%g open files", sample.number);
  mst_sampler_destroy(rig.sampler);
  mst_report_writer_done(&rig.writer);
  mst_buf_done(&rig.body);
}

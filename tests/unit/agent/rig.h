#ifndef MST_TEST_RIG_H
#define MST_TEST_RIG_H

/* A sampler over a copy of a captured tree, with a clock that the test moves, and the report of the last tick to look into. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/agent/sampler.h>
#include <mst/common/alloc.h>

#define RIG_UNUSED __attribute__((unused))

enum { RIG_PATH_BYTES = 512 };

struct rig {
  char root[RIG_PATH_BYTES];
  mst_clock_manual clock;
  mst_sampler *sampler;
  mst_report_writer writer;
  mst_buf body;
  mst_errctx ctx;
};

static struct rig *rig_copying; /* nftw has no argument for the callback */
static size_t rig_copying_skip;

static RIG_UNUSED void
rig_write_bytes(struct rig *rig, const char *path, const void *data, size_t size_bytes)
{
  char full[2 * RIG_PATH_BYTES];

  snprintf(full, sizeof full, "%s/%s", rig->root, path);
  for (char *at = full + strlen(rig->root) + 1; (at = strchr(at, '/')); at++) {
    *at = '\0';
    mkdir(full, 0755);
    *at = '/';
  }

  int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644); /* the same inode, as /proc's files stay the same */

  cr_assert_geq(fd, 0, "%s", full);
  cr_assert_eq(write(fd, data, size_bytes), (ssize_t)size_bytes);
  close(fd);
}

static RIG_UNUSED void
rig_write(struct rig *rig, const char *path, const char *text)
{
  rig_write_bytes(rig, path, text, strlen(text));
}

static RIG_UNUSED void
rig_remove(struct rig *rig, const char *path)
{
  char full[2 * RIG_PATH_BYTES];

  snprintf(full, sizeof full, "%s/%s", rig->root, path);
  cr_assert_eq(unlink(full), 0, "%s", full);
}

static RIG_UNUSED int
rig_copy_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  char text[65536];

  (void)where;
  if (kind != FTW_F)
    return 0;

  int fd = open(path, O_RDONLY);
  ssize_t got = read(fd, text, sizeof text);

  close(fd);
  if (got < 0 || got != info->st_size)
    return 1;
  rig_write_bytes(rig_copying, path + rig_copying_skip, text, (size_t)got);
  return 0;
}

/* fixture: a folder of tests/fixtures, or NULL for an empty root. */
static RIG_UNUSED void
rig_init(struct rig *rig, const char *fixture)
{
  memset(rig, 0, sizeof *rig);
  snprintf(rig->root, sizeof rig->root, "/tmp/mst-rig-XXXXXX");
  cr_assert_not_null(mkdtemp(rig->root));
  mst_clock_manual_init(&rig->clock, 1795420000 * MST_NS_PER_S);
  rig->clock.mono_ns = 1000 * MST_NS_PER_S;
  mst_report_writer_init(&rig->writer);
  mst_buf_init(&rig->body, MST_ENVELOPE_MAX_BODY_BYTES);
  if (fixture) {
    char path[RIG_PATH_BYTES];

    snprintf(path, sizeof path, "%s/tests/fixtures/%s/", MST_SOURCE_DIR, fixture);
    rig_copying = rig;
    rig_copying_skip = strlen(path);
    cr_assert_eq(nftw(path, rig_copy_one, 8, FTW_PHYS), 0, "copy %s", path);
  }
}

static RIG_UNUSED int
rig_delete_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static RIG_UNUSED void
rig_done(struct rig *rig)
{
  mst_sampler_destroy(rig->sampler);
  mst_report_writer_done(&rig->writer);
  mst_buf_done(&rig->body);
  nftw(rig->root, rig_delete_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Puts one collector in force. options: "key=value,value;key=value", or "". */
static RIG_UNUSED void
rig_start(struct rig *rig, const char *collector, const char *options)
{
  static char text[4096];
  static mst_text values[64];
  static mst_plan_option list[8];
  mst_sampler_setup setup = {.root = rig->root, .clock = &rig->clock.base};
  mst_plan_collector entry = {.name = {collector, strlen(collector)}, .options = list};
  mst_plan plan = {.collector_count = 1, .collectors = &entry};
  size_t used = 0;
  char *outer;

  snprintf(text, sizeof text, "%s", options);
  for (char *option = strtok_r(text, ";", &outer); option; option = strtok_r(NULL, ";", &outer)) {
    char *inner, *value = strchr(option, '=');

    *value++ = '\0';
    list[entry.option_count] = (mst_plan_option){.key = {option, strlen(option)}, .values = &values[used]};
    for (char *one = strtok_r(value, ",", &inner); one; one = strtok_r(NULL, ",", &inner)) {
      values[used++] = (mst_text){one, strlen(one)};
      list[entry.option_count].value_count++;
    }
    entry.option_count++;
  }
  if (!rig->sampler)
    cr_assert_eq(mst_sampler_create(&setup, &rig->sampler, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  cr_assert_eq(mst_sampler_apply(rig->sampler, &plan, &rig->ctx), MST_OK, "%s", rig->ctx.text);
}

/* Moves the clock and takes the samples that are due. */
static RIG_UNUSED void
rig_tick(struct rig *rig, int64_t after_ns)
{
  mst_report_header header = {.interval_ns = MST_NS_PER_S};

  mst_clock_manual_advance(&rig->clock, after_ns);
  mst_report_writer_reset(&rig->writer);
  cr_assert_eq(mst_sampler_tick(rig->sampler, &rig->writer, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  header.at = mst_clock_wall(&rig->clock.base);
  header.definitions = mst_sampler_series_count(rig->sampler);
  mst_buf_reset(&rig->body);
  cr_assert_eq(mst_report_writer_finish(&rig->writer, &header, &rig->body, &rig->ctx), MST_OK, "%s", rig->ctx.text);
}

/* "key=value,key=value", in the order of keys. */
static RIG_UNUSED bool
rig_is_series(const mst_series *series, const char *name, const char *labels)
{
  char text[2048];
  size_t length = 0;

  text[0] = '\0';
  for (uint32_t i = 0; i < series->label_count; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%.*s=%.*s", i ? "," : "", (int)series->labels[i].key.size_bytes,
                               series->labels[i].key.data, (int)series->labels[i].value.size_bytes, series->labels[i].value.data);
  return mst_text_equal(series->name, name) && strcmp(text, labels) == 0;
}

/* The sample of the last tick; false when the series is not defined or was not written. */
static RIG_UNUSED bool
rig_find(struct rig *rig, const char *name, const char *labels, mst_sample *ret_sample)
{
  mst_report report;

  cr_assert_eq(mst_report_decode((mst_bytes){rig->body.data, rig->body.size_bytes}, &report, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  while (mst_report_next_sample(&report, ret_sample, &rig->ctx) == MST_OK) {
    if (rig_is_series(mst_sampler_series_at(rig->sampler, ret_sample->id), name, labels))
      return true;
  }
  return false;
}

static RIG_UNUSED double
rig_number(struct rig *rig, const char *name, const char *labels)
{
  mst_sample sample;

  cr_assert(rig_find(rig, name, labels, &sample), "%s{%s} was not given", name, labels);
  cr_assert_eq(sample.status, MST_SAMPLE_OK, "%s{%s}: %.*s", name, labels, (int)sample.text.size_bytes, sample.text.data);
  return sample.number;
}

static RIG_UNUSED bool
rig_has(struct rig *rig, const char *name, const char *labels)
{
  mst_sample sample;

  return rig_find(rig, name, labels, &sample) && sample.status == MST_SAMPLE_OK;
}

/* Expects a sample that is missing, with a reason that holds `part`. */
static RIG_UNUSED void
rig_expect_missing(struct rig *rig, const char *name, const char *labels, mst_sample_status status, const char *part)
{
  char text[MST_REASON_MAX_BYTES + 1] = "";
  mst_sample sample;

  cr_assert(rig_find(rig, name, labels, &sample), "%s{%s} was not given", name, labels);
  cr_expect_eq(sample.status, status, "%s{%s} has status %d", name, labels, (int)sample.status);
  if (sample.text.size_bytes > 0)
    memcpy(text, sample.text.data, sample.text.size_bytes);
  cr_expect(strstr(text, part), "%s{%s} says \"%s\", not \"%s\"", name, labels, text, part);
}

static RIG_UNUSED void
rig_expect_state(struct rig *rig, const char *name, const char *labels, const char *state)
{
  mst_sample sample;

  cr_assert(rig_find(rig, name, labels, &sample), "%s{%s} was not given", name, labels);
  cr_expect_eq(sample.status, MST_SAMPLE_OK);
  cr_expect(mst_text_equal(sample.text, state), "%s{%s} is \"%.*s\", not \"%s\"", name, labels, (int)sample.text.size_bytes,
            sample.text.data, state);
}

/* The state of the one collector that rig_start put in force; its reason must hold `part`. */
static RIG_UNUSED void
rig_expect_collector(struct rig *rig, const char *state, const char *part)
{
  mst_collector_state now = mst_sampler_collector_at(rig->sampler, 0);

  cr_expect_str_eq(now.state, state, "%s is %s: %s", now.name, now.state, now.reason);
  cr_expect(strstr(now.reason, part), "%s says \"%s\", not \"%s\"", now.name, now.reason, part);
}

#endif

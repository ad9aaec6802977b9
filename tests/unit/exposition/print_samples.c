/* For tests/system/test_exposition.py: reads a text of Prometheus' from standard input and prints one JSON line for each sample, or, for
 * each question among the arguments, its answer. Of two scrapes (text, form feed, text) 60 s apart the second one's. print_samples
 * text|openmetrics [QUESTION ...] */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <mst/exposition/ask.h>

enum { QUESTIONS_MAX = 64, PIECE_BYTES = 4093 };

typedef struct work {
  mst_ask *asks[QUESTIONS_MAX];
  int count;
} work;

static mst_err
take(void *arg, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  work *job = arg;
  char number[64];

  for (int i = 0; i < job->count; i++) {
    mst_err err = mst_ask_take(job->asks[i], sample, ctx);
    if (err)
      return err;
  }
  if (job->count > 0)
    return MST_OK;
  json_t *line = json_object(), *labels = json_object();
  for (size_t i = 0; i < sample->label_count; i++)
    json_object_set_new(labels, sample->labels[i].name, json_string(sample->labels[i].value));
  (void)snprintf(number, sizeof number, "%.17g", sample->value);
  json_object_set_new(line, "name", json_string(sample->name));
  json_object_set_new(line, "family", json_string(sample->family));
  json_object_set_new(line, "type", json_string(mst_exposition_type_name(sample->type)));
  json_object_set_new(line, "labels", labels);
  json_object_set_new(line, "value", json_string(number));
  json_object_set_new(line, "time", sample->has_timestamp ? json_real(sample->timestamp_s) : json_null());
  json_object_set_new(line, "exemplar", sample->has_exemplar ? json_real(sample->exemplar_value) : json_null());
  (void)json_dumpf(line, stdout, JSON_COMPACT);
  (void)putchar('\n');
  json_decref(line);
  return MST_OK;
}

static mst_err
finish(work *job, mst_exposition *reader, int scrape, bool is_last, mst_errctx *ctx)
{
  mst_err err = mst_exposition_end(reader, ctx);

  for (int i = 0; i < job->count && !err; i++) {
    double value = 0;
    mst_errctx why = {0};
    mst_err none = mst_ask_end(job->asks[i], (int64_t)(scrape + 1) * 60 * 1000000000, scrape * 60.0, &value, &why);
    if (is_last && none)
      (void)printf("%s\n", why.text);
    else if (is_last)
      (void)printf("%.17g\n", value);
  }
  return err;
}

int
main(int argc, char **argv)
{
  static work job;
  char piece[PIECE_BYTES];
  mst_errctx ctx = {0};
  mst_err err = MST_OK;
  size_t got;
  int scrape = 0;

  if (argc < 2 || argc - 2 > QUESTIONS_MAX)
    return 2;
  for (; job.count < argc - 2 && !err; job.count++)
    err = mst_ask_create(argv[2 + job.count], &job.asks[job.count], &ctx);
  mst_exposition_format format = strcmp(argv[1], "openmetrics") == 0 ? MST_EXPOSITION_OPENMETRICS : MST_EXPOSITION_TEXT;
  mst_exposition *reader = mst_exposition_create(format, UINT64_MAX, take, &job);
  for (int i = 0; i < job.count && !err; i++)
    mst_ask_begin(job.asks[i]);
  while (reader && !err && (got = fread(piece, 1, sizeof piece, stdin)) > 0) {
    char *cut = memchr(piece, '\f', got);
    size_t length = cut ? (size_t)(cut - piece) : got;
    err = mst_exposition_feed(reader, piece, length, &ctx);
    if (!cut || err)
      continue;
    err = finish(&job, reader, scrape++, false, &ctx);
    mst_exposition_destroy(reader);
    reader = mst_exposition_create(format, UINT64_MAX, take, &job);
    for (int i = 0; i < job.count && !err; i++)
      mst_ask_begin(job.asks[i]);
    if (reader && !err)
      err = mst_exposition_feed(reader, cut + 1, got - length - 1, &ctx);
  }
  if (reader && !err)
    err = finish(&job, reader, scrape, true, &ctx);
  if (err)
    (void)fprintf(stderr, "%s\n", ctx.text);
  mst_exposition_destroy(reader);
  for (int i = 0; i < job.count; i++)
    mst_ask_destroy(job.asks[i]);
  return err || !reader ? 1 : 0;
}

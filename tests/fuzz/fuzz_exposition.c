/* Prometheus' text formats: whatever comes, and however it is cut, the same samples and the same error; questions are answered or refused.
 * Byte 0: format and where it is cut; up to the first NUL: a question; the rest: the text. */
#include <stdlib.h>
#include <string.h>

#include <mst/exposition/ask.h>

typedef struct sums {
  mst_ask *ask;
  uint64_t samples, letters;
} sums;

static mst_err
take(void *arg, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  sums *tally = arg;

  tally->samples++;
  tally->letters = tally->letters * 31 + strlen(sample->name) + strlen(sample->family);
  for (size_t i = 0; i < sample->label_count; i++)
    tally->letters = tally->letters * 31 + strlen(sample->labels[i].name) * 7 + strlen(sample->labels[i].value);
  return tally->ask ? mst_ask_take(tally->ask, sample, ctx) : MST_OK;
}

static mst_err
read_all(const uint8_t *data, size_t size_bytes, mst_exposition_format format, size_t cut, sums *tally, mst_errctx *ctx)
{
  mst_exposition *reader = mst_exposition_create(format, 1 << 20, take, tally);
  mst_err err = MST_OK;

  if (!reader)
    abort();
  for (size_t at = 0; at < size_bytes && !err; at += cut)
    err = mst_exposition_feed(reader, data + at, cut < size_bytes - at ? cut : size_bytes - at, ctx);
  if (!err)
    err = mst_exposition_end(reader, ctx);
  mst_exposition_destroy(reader);
  return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  sums whole = {0}, cut = {0};
  mst_errctx whole_ctx = {0}, cut_ctx = {0};
  const uint8_t *end = size_bytes > 1 ? memchr(data + 1, '\0', size_bytes - 1) : NULL;
  double value;

  if (!end)
    return 0;
  if (mst_ask_create((const char *)data + 1, &cut.ask, &cut_ctx) != MST_OK)
    cut.ask = NULL;
  cut_ctx = (mst_errctx){0};
  mst_exposition_format format = data[0] & 1 ? MST_EXPOSITION_OPENMETRICS : MST_EXPOSITION_TEXT;
  size_t step = 1 + data[0] / 2, left = size_bytes - (size_t)(end + 1 - data);
  mst_err wanted = read_all(end + 1, left, format, left + 1, &whole, &whole_ctx);
  for (int scrape = 1; scrape <= 2; scrape++) {
    cut.samples = cut.letters = 0;
    if (cut.ask)
      mst_ask_begin(cut.ask);
    mst_err err = read_all(end + 1, left, format, step, &cut, &cut_ctx);
    if (!cut.ask &&
        (err != wanted || cut.samples != whole.samples || cut.letters != whole.letters || strcmp(cut_ctx.text, whole_ctx.text) != 0))
      abort();
    if (cut.ask && !err)
      (void)!mst_ask_end(cut.ask, scrape, scrape, &value, &cut_ctx);
    cut_ctx = (mst_errctx){0};
  }
  mst_ask_destroy(cut.ask);
  return 0;
}

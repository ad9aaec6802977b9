/* The agent's module "journal": a systemd journal as the source of a tail. Loaded by the module "tails" when a plan first names one. */
#include "module.h"
#include "tail_state.h"

const uint32_t mst_agent_module_version = MST_AGENT_MODULE_VERSION;

static mst_err
create(const mst_tail_options *options, mst_bytes saved, void **ret_source, mst_errctx *ctx)
{
  mst_journal_setup setup = options->journal;
  mst_journal *journal = NULL;

  setup.saved = saved;
  mst_err err = mst_journal_create(&setup, &journal, ctx);
  if (err == MST_OK)
    *ret_source = journal;
  return err;
}

static void
destroy(void *source)
{
  mst_journal_destroy(source);
}

static mst_err
refresh(void *source, mst_errctx *ctx)
{
  return mst_journal_refresh(source, ctx);
}

static mst_err
read_some(void *source, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes, mst_errctx *ctx)
{
  return mst_journal_read(source, most_bytes, deliver, arg, ret_read_bytes, ctx);
}

static uint64_t
skip(void *source, uint64_t leave_bytes)
{
  return mst_journal_skip(source, leave_bytes);
}

static void
get_stats(const void *source, mst_follow_stats *ret_stats)
{
  mst_journal_get_stats(source, ret_stats);
}

static mst_err
save(void *source, mst_buf *ret_saved, mst_errctx *ctx)
{
  return mst_journal_save(source, ret_saved, ctx);
}

const mst_tail_source mst_tail_journal = {
    .create = create,
    .destroy = destroy,
    .refresh = refresh,
    .read = read_some,
    .skip = skip,
    .get_stats = get_stats,
    .save = save,
};

/* What musterd does, besides serving: commands for whoever owns the machine. */
#include "commands.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "audit.h"
#include "core_parts.h"
#include "serve.h"
#include "statements/operators.h"

enum { LINE_BYTES = 1024 };

/* Prints all problems; how many there are. */
static size_t
print_diags(mst_diags *diags)
{
  char line[LINE_BYTES];

  mst_diags_sort(diags);
  for (size_t i = 0; i < diags->count; i++)
    fprintf(stderr, "%s\n", mst_diag_format(&diags->list[i], line, sizeof line));
  if (diags->dropped > 0)
    fprintf(stderr, "and %zu more\n", diags->dropped);
  return diags->count + diags->dropped;
}

mst_err
mst_musterd_load_config(const char *path, mst_controller_config *ret_config, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  mst_diags diags;

  mst_diags_init(&diags);
  if (!mst_controller_config_load(path, ret_config, &diags)) {
    size_t count = print_diags(&diags);
    err = mst_fail(ctx, MST_ECONFIG, "%s has %zu error%s", path, count, count == 1 ? "" : "s");
    mst_controller_config_done(ret_config);
  }
  mst_diags_done(&diags);
  return err;
}

/* Every error of the config, of all checklists and of the plan. */
static mst_err
check(const char *path, mst_errctx *ctx)
{
  mst_controller_config config;
  mst_diags diags;

  mst_diags_init(&diags);
  (void)!mst_controller_config_load(path, &config, &diags);
  for (size_t i = 0; i < config.checklists.count; i++) {
    const mst_controller_checklist *entry = (const mst_controller_checklist *)config.checklists.items + i;
    /* What cannot be read is the config's error already. */
    const char *overlay = entry->overlay && access(entry->overlay, R_OK) == 0 ? entry->overlay : NULL;
    if (entry->file && access(entry->file, R_OK) == 0)
      mst_checklist_destroy(mst_checklist_load(entry->file, overlay, &diags));
  }
  if (config.plan && access(config.plan, R_OK) == 0) {
    const char *overlay = config.plan_overlay && access(config.plan_overlay, R_OK) == 0 ? config.plan_overlay : NULL;
    mst_plan_set_destroy(mst_plan_set_load(config.plan, overlay, &diags));
  }
  mst_controller_config_done(&config);
  size_t count = print_diags(&diags);
  mst_diags_done(&diags);
  if (count > 0)
    return mst_fail(ctx, MST_ECONFIG, "%zu error%s", count, count == 1 ? "" : "s");
  printf("%s and what it names are fine\n", path);
  return MST_OK;
}

/* For whoever owns the state folder; root becomes that user, for good: the service could not open what root made there. */
static mst_err
become_owner(const mst_controller_config *config, mst_errctx *ctx)
{
  struct stat st;

  if (stat(config->state_dir, &st) != 0 || st.st_uid == geteuid())
    return MST_OK;
  if (geteuid() != 0)
    return mst_fail(ctx, MST_EPERM, "only root and the owner of %s may do that", config->state_dir);
  if (setgroups(0, NULL) != 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 || setresuid(st.st_uid, st.st_uid, st.st_uid) != 0)
    return mst_fail_errno(ctx, MST_EPERM, "become the owner of %s", config->state_dir);
  return MST_OK;
}

static mst_err
first_operator(const mst_controller_config *config, const char *argument, mst_errctx *ctx)
{
  const char *equals = strchr(argument, '=');
  mst_public_key key;
  mst_core *core = NULL;
  char *name = NULL;

  if (!equals || equals == argument)
    return mst_fail(ctx, MST_EUSAGE, "--first-operator: write NAME=ed25519:..., the key as `muster keys new` prints it");
  mst_err err = mst_crypto_start(ctx);
  if (err == MST_OK)
    err = mst_public_key_parse(equals + 1, &key, ctx);
  if (err != MST_OK)
    return mst_fail_within(ctx, MST_EUSAGE, "--first-operator");
  err = become_owner(config, ctx);
  if (err == MST_OK) {
    name = mst_strndup(argument, (size_t)(equals - argument));
    err = name ? mst_core_create(config, mst_clock_system(), &core, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory");
  }
  if (err == MST_OK)
    err = mst_first_operator(core, name, &key, ctx);
  if (err == MST_OK)
    printf("%s is the first operator, with the role admin\n", name);
  mst_core_destroy(core);
  mst_free(name);
  return err;
}

static mst_err
rotate_key(const mst_controller_config *config, mst_errctx *ctx)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES], overlap[MST_TIME_TEXT_BYTES];
  mst_public_key next;

  mst_err err = mst_crypto_start(ctx);
  if (err == MST_OK)
    err = become_owner(config, ctx);
  if (err == MST_OK)
    err = mst_keys_prepare(config->state_dir, &next, ctx);
  if (err == MST_OK)
    printf("the next key is %s\nmusterd announces it from its next SIGHUP or start on, and changes over %s later;\n"
           "agents that are away for all that time must enrol anew\n",
           mst_public_key_format(&next, text), mst_duration_format(config->key_overlap_ns, overlap));
  return err;
}

static mst_err
open_for_reading(const mst_controller_config *config, const mst_store_ops **ret_ops, mst_store **ret_store, mst_errctx *ctx)
{
  char path[4096];

  snprintf(path, sizeof path, "%s%s", config->store.file ? config->store.file : config->state_dir, config->store.file ? "" : "/muster.db");
  *ret_ops = mst_store_find(config->store.backend);
  return (*ret_ops)->open(path, true, ret_store, ctx);
}

static mst_err
back_up(const mst_controller_config *config, const char *path, mst_errctx *ctx)
{
  const mst_store_ops *ops;
  mst_store *store = NULL;

  mst_err err = open_for_reading(config, &ops, &store, ctx);
  if (err != MST_OK)
    return err;
  err = ops->backup(store, path, ctx);
  ops->close(store);
  if (err == MST_OK)
    printf("copied to %s; keep it with the state folder's controller.key, which is not in it\n", path);
  return err;
}

static mst_err
verify(const mst_controller_config *config, mst_errctx *ctx)
{
  const mst_store_ops *ops;
  mst_store *store = NULL;
  mst_keys keys = {0};
  int64_t count = 0;
  bool made = false;

  mst_err err = mst_crypto_start(ctx);
  if (err == MST_OK)
    err = open_for_reading(config, &ops, &store, ctx);
  if (err != MST_OK)
    return err;
  err = ops->check(store, ctx);
  if (err == MST_OK)
    err = mst_keys_open(config->state_dir, &keys, &made, ctx);
  if (err == MST_OK)
    err = mst_audit_verify(ops, store, mst_key_public(keys.current), &count, ctx);
  mst_keys_done(&keys);
  ops->close(store);
  if (err == MST_OK)
    printf("the store is sound; the audit chain has %lld records, and this controller's key has signed its head\n", (long long)count);
  return err;
}

mst_err
mst_musterd_run(const mst_musterd_options *options, mst_errctx *ctx)
{
  mst_controller_config config;

  mst_log_start("controller", MST_LOG_INFO, MST_LOG_KEY_VALUE, STDERR_FILENO, mst_clock_system());
  if (options->command == MST_MUSTERD_CHECK)
    return check(options->config_path, ctx);
  if (options->command == MST_MUSTERD_SERVE)
    return mst_musterd_serve(options->config_path, ctx);
  mst_err err = mst_musterd_load_config(options->config_path, &config, ctx);
  if (err != MST_OK)
    return err;
  mst_log_start("controller", MST_LOG_WARN, (mst_log_format)config.log.format, STDERR_FILENO, mst_clock_system());
  switch (options->command) {
  case MST_MUSTERD_FIRST_OPERATOR:
    err = first_operator(&config, options->argument, ctx);
    break;
  case MST_MUSTERD_ROTATE_KEY:
    err = rotate_key(&config, ctx);
    break;
  case MST_MUSTERD_BACKUP:
    err = back_up(&config, options->argument, ctx);
    break;
  default:
    err = verify(&config, ctx);
    break;
  }
  mst_controller_config_done(&config);
  return err;
}

/* muster lint: every error of every file. What a file is, its keys say. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/diag.h>
#include <mst/common/yaml.h>
#include <mst/controller/judge.h>

#include "config.h"
#include "plan.h"

enum { NOTES_MAX = 256, LINE_BYTES = 4096 };

/* What is not an error, and must not look like a check that was made. */
typedef struct note {
  const char *file; /* borrowed from the arguments */
  const char *text;
} note;

typedef struct linting {
  const char *overlay; /* NULL: none */
  bool overlay_used;
  mst_diags diags;
  note notes[NOTES_MAX];
  size_t note_count;
  size_t file_count; /* looked at, those that a config names included */
} linting;

static void
lint_checklist(linting *at, const char *file, const char *overlay)
{
  mst_checklist_destroy(mst_checklist_load(file, overlay, &at->diags));
}

static void
lint_plan(linting *at, const char *file, const char *overlay)
{
  mst_plan_set_destroy(mst_plan_set_load(file, overlay, &at->diags));
}

/* A file that a config names; one that cannot be read is the config's error already. */
static bool
can_read(const char *file)
{
  return file && access(file, R_OK) == 0;
}

/* A controller's config, and the files that it names, even when something else in it is wrong. */
static void
lint_config(linting *at, const char *file)
{
  mst_controller_config config;

  (void)!mst_controller_config_load(file, &config, &at->diags);
  for (size_t i = 0; i < config.checklists.count; i++) {
    const mst_controller_checklist *entry = (const mst_controller_checklist *)config.checklists.items + i;
    if (!can_read(entry->file))
      continue;
    const char *overlay = can_read(entry->overlay) ? entry->overlay : NULL;
    lint_checklist(at, entry->file, overlay);
    at->file_count += overlay ? 2 : 1;
  }
  if (can_read(config.plan)) {
    const char *overlay = can_read(config.plan_overlay) ? config.plan_overlay : NULL;
    lint_plan(at, config.plan, overlay);
    at->file_count += overlay ? 2 : 1;
  }
  mst_controller_config_done(&config);
}

static void
add_note(linting *at, const char *file, const char *text)
{
  if (at->note_count < NOTES_MAX)
    at->notes[at->note_count++] = (note){file, text};
}

static void
note_agent_config(linting *at, const char *file)
{
  add_note(at, file, "not checked: agent configs are checked by muster-agent --check --config FILE");
}

static void
note_overlay(linting *at, const char *file)
{
  if (!at->overlay || strcmp(at->overlay, file) != 0)
    add_note(at, file,
             "not checked: an overlay is checked with its checklist or plan, muster lint --overlay FILE CHECKLIST, or with the musterd "
             "config that "
             "names both");
}

static void
lint_given_checklist(linting *at, const char *file)
{
  lint_checklist(at, file, at->overlay);
  at->file_count += at->overlay && !at->overlay_used;
  at->overlay_used = true;
}

static void
lint_given_plan(linting *at, const char *file)
{
  lint_plan(at, file, at->overlay);
  at->file_count += at->overlay && !at->overlay_used;
  at->overlay_used = true;
}

/* The first kind of which the file has a key. Keys that a musterd and an agent config share are musterd's: an agent's has controllers. */
static const struct file_kind {
  const char *keys[24];
  void (*lint)(linting *at, const char *file);
} kinds[] = {
    {{"checklist", "items"}, lint_given_checklist},
    {{"controllers", "hostname", "spool", "uplink", "forbid", "ledger", "root"}, note_agent_config},
    {{"listen", "http", "checklists", "store", "window", "grace", "evaluate_every", "max_age", "retention", "key_overlap", "contexts",
      "plan_overlay", "workers", "state_dir", "tls", "log"},
     lint_config},
    {{"plan", "collectors", "tails"}, lint_given_plan},
    {{"variables"}, note_overlay},
};

static const struct file_kind *
kind_of(const mst_yaml_node *root)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    for (const char *const *key = kinds[i].keys; *key; key++)
      if (mst_yaml_node_get(root, *key))
        return &kinds[i];
  return NULL;
}

static void
lint_file(linting *at, const char *file)
{
  mst_yaml *yaml = mst_yaml_load(file, &at->diags);

  at->file_count++;
  if (!yaml)
    return;
  const struct file_kind *kind = kind_of(mst_yaml_root(yaml));
  if (!kind)
    mst_yaml_complain(
        &at->diags, mst_yaml_root(yaml),
        "this is no file of muster's: a checklist has checklist:, a plan plan:, an overlay variables:, a musterd config listen: or http:, "
        "an agent config controllers:");
  mst_yaml_destroy(yaml);
  if (kind)
    kind->lint(at, file);
}

/* New reference; NULL when memory is out: a list that lost an error must not look whole. */
static json_t *
lint_json(const linting *at, size_t errors)
{
  json_t *list = json_array(), *notes = json_array();
  bool whole = true;

  for (size_t i = 0; i < at->diags.count && whole; i++) {
    const mst_diag *diag = &at->diags.list[i];
    json_t *entry = json_pack("{s:s,s:I,s:I,s:s,s:s}", "file", diag->file, "line", (json_int_t)diag->line, "column",
                              (json_int_t)diag->column, "key", diag->key, "text", diag->text);
    whole = json_array_append_new(list, entry) == 0;
  }
  for (size_t i = 0; i < at->note_count && whole; i++)
    whole = json_array_append_new(notes, json_pack("{s:s,s:s}", "file", at->notes[i].file, "text", at->notes[i].text)) == 0;
  json_t *document = json_pack("{s:o,s:o,s:I,s:I}", "errors", list, "notes", notes, "error_count", (json_int_t)errors, "files",
                               (json_int_t)at->file_count);
  if (whole)
    return document;
  json_decref(document);
  return NULL;
}

static void
print_lint(mst_cli *cli, const linting *at, size_t errors)
{
  char line[LINE_BYTES];

  for (size_t i = 0; i < at->diags.count; i++)
    mst_cli_print(cli, MST_TONE_PLAIN, "%s\n", mst_diag_format(&at->diags.list[i], line, sizeof line));
  if (at->diags.dropped > 0)
    fprintf(cli->out, "and %zu more\n", at->diags.dropped);
  for (size_t i = 0; i < at->note_count; i++)
    mst_cli_print(cli, MST_TONE_DIM, "%s: %s\n", at->notes[i].file, at->notes[i].text);
  fprintf(cli->out, "%zu error%s in %zu file%s\n", errors, errors == 1 ? "" : "s", at->file_count, at->file_count == 1 ? "" : "s");
}

static int
finish(mst_cli *cli, linting *at)
{
  mst_diags_sort(&at->diags);
  for (size_t i = 0; i < at->diags.count; i++) { /* they quote the files, which may hold anything */
    mst_cli_clean(at->diags.list[i].file, false);
    mst_cli_clean(at->diags.list[i].key, false);
    mst_cli_clean(at->diags.list[i].text, false);
  }
  const size_t errors = at->diags.count + at->diags.dropped;
  if (cli->json) {
    json_t *document = lint_json(at, errors);
    if (!document)
      cli->failed = true;
    mst_cli_print_json(cli, document);
    json_decref(document);
  } else {
    print_lint(cli, at, errors);
  }
  return errors > 0 ? MST_EXIT_ERROR : MST_EXIT_OK;
}

int
mst_cli_lint(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("lint");
  const char *overlay = NULL;
  const mst_cli_option options[] = {{"overlay", "FILE", "sets variables of the checklists and plans that are given", &overlay, NULL}};
  int count, code;

  if (!mst_cli_options(cli, command, options, 1, argc, argv, &count, &code))
    return code;
  if (count == 0)
    return mst_cli_usage_error(cli, command, "name at least one file");
  linting *at = mst_alloc(1, sizeof *at);
  if (!at)
    return mst_cli_fail(cli, MST_ENOMEM, "lint: out of memory");
  at->overlay = overlay;
  mst_diags_init(&at->diags);
  for (int i = 0; i < count; i++)
    lint_file(at, argv[i]);
  if (overlay && !at->overlay_used)
    code = mst_cli_usage_error(cli, command, "--overlay needs a checklist or a plan beside it");
  else
    code = finish(cli, at);
  mst_diags_done(&at->diags);
  mst_free(at);
  return code;
}

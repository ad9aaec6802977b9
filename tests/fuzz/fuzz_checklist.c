/* A checklist from any text, with an overlay when the text has a line "---overlay---": an error or a checklist that a judge can be made of
 * and that gives a verdict. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "judge/checklist.h"

static const char mark[] = "\n---overlay---\n";

static void
judge(const mst_checklist *list)
{
  mst_errctx ctx = {0};
  mst_series_table *table;
  mst_judge *made;
  mst_verdict *verdict;
  mst_label role = {{"role", 4}, {"api", 3}};
  mst_roster_host host = {.agent_id = "a", .hostname = "h", .labels = &role, .label_count = 1};
  mst_judge_setup setup = {.checklist = list, .hosts = &host, .host_count = 1, .run_id = "r", .window_ns = MST_NS_PER_S};
  mst_diags diags;

  mst_diags_init(&diags);
  mst_checklist_check_roster(list, &host, 1, &diags);
  mst_diags_done(&diags);
  if (mst_series_table_create(10, &table, &ctx) != MST_OK)
    abort();
  setup.series = table;
  /* A period or a bucket that is no multiple of a second is refused here. */
  if (mst_judge_create(&setup, &made, &ctx) == MST_OK) {
    if (mst_judge_evaluate(made, (mst_wall){mst_checklist_period_ns(list) / 2}, &verdict, &ctx) != MST_OK)
      abort();
    if (mst_verdict_item_count(verdict) != mst_checklist_item_count(list))
      abort();
    mst_verdict_destroy(verdict);
    mst_judge_destroy(made);
  }
  mst_series_table_destroy(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  const char *text = (const char *)data;
  const char *overlay = memmem(text, size_bytes, mark, sizeof mark - 1);
  size_t list_bytes = overlay ? (size_t)(overlay - text) : size_bytes, over_bytes = 0;
  mst_diags diags;

  if (overlay) {
    overlay += sizeof mark - 1;
    over_bytes = size_bytes - list_bytes - (sizeof mark - 1);
  }
  mst_diags_init(&diags);
  mst_checklist *list = mst_checklist_parse("fuzz.yml", text, list_bytes, "overlay.yml", overlay, over_bytes, &diags);
  if ((list == NULL) != (diags.count + diags.dropped > 0))
    abort();
  if (list)
    judge(list);
  mst_checklist_destroy(list);
  mst_diags_done(&diags);
  return 0;
}

/* Holding a checklist against a roster: selectors that fit no host, too few hosts. */
#include "checklist.h"
#include "kind.h"

static size_t
fitting(const mst_check_measure *measure, const mst_roster_host *hosts, size_t count)
{
  size_t fit = 0;

  for (size_t i = 0; i < count; i++)
    fit += mst_select_match(&measure->hosts, hosts[i].labels, hosts[i].label_count);
  return fit;
}

static void
check_measure(const mst_item *item, const mst_check *check, const mst_roster_host *hosts, size_t count, mst_diags *diags)
{
  const mst_check_measure *measure = &check->measure;
  size_t fit = fitting(measure, hosts, count);

  if (fit == 0)
    mst_yaml_complain(diags, check->node, "item %s: no host of the roster fits; it would be NO_DATA", item->id);
  else if (fit < (size_t)measure->least_hosts)
    mst_yaml_complain(diags, check->node, "item %s: %zu hosts of the roster fit; least_hosts is %lld", item->id, fit,
                      (long long)measure->least_hosts);
  else if (measure->combine == MST_COMBINE_QUORUM && fit < (size_t)measure->quorum)
    mst_yaml_complain(diags, check->node, "item %s: %zu hosts of the roster fit; the quorum is %lld", item->id, fit,
                      (long long)measure->quorum);
}

void
mst_checklist_check_roster(const mst_checklist *checklist, const mst_roster_host *hosts, size_t count, mst_diags *diags)
{
  for (size_t i = 0; i < checklist->item_count; i++) {
    const mst_item *item = &checklist->items[i];
    for (size_t j = 0; j < item->check_count; j++)
      if (item->checks[j].kind == &mst_check_kind_measure)
        check_measure(item, &item->checks[j], hosts, count, diags);
  }
  mst_diags_sort(diags);
}

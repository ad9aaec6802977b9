/* The controller's own numbers. */
#include <stdio.h>

#include "core_parts.h"
#include "judging.h"

struct visiting {
  mst_core_metric_visit visit;
  void *user;
};

static void
counter(const struct visiting *to, const char *name, const char *help, const char *labels, uint64_t value)
{
  to->visit(to->user, name, help, "counter", labels, (double)value);
}

static void
gauge(const struct visiting *to, const char *name, const char *help, const char *labels, double value)
{
  to->visit(to->user, name, help, "gauge", labels, value);
}

static void
visit_envelopes(mst_core *core, const struct visiting *to)
{
  static const char stored[] = "muster_envelopes_stored_total", stored_help[] = "Envelopes stored, by kind.";
  static const char refused[] = "muster_envelopes_refused_total", refused_help[] = "Envelopes refused, by reason.";
  mst_counters *counters = &core->counters;
  char labels[64];

  counter(to, "muster_envelopes_received_total", "Envelopes received.", "", atomic_load(&counters->received));
  for (int kind = MST_ENVELOPE_ENROL; kind <= MST_ENVELOPE_LOSS; kind++) {
    snprintf(labels, sizeof labels, "kind=\"%s\"", mst_envelope_kind_name((mst_envelope_kind)kind));
    counter(to, stored, stored_help, labels, atomic_load(&counters->stored[kind]));
  }
  for (int refusal = MST_REFUSED_NONE + 1; refusal < MST_REFUSAL_COUNT; refusal++) {
    snprintf(labels, sizeof labels, "reason=\"%s\"", mst_refusal_name((mst_refusal)refusal));
    counter(to, refused, refused_help, labels, atomic_load(&counters->refused[refusal]));
  }
  counter(to, "muster_envelopes_repeated_total", "Envelopes that were stored before and acknowledged again.", "",
          atomic_load(&counters->repeated));
  counter(to, "muster_envelopes_put_off_total", "Envelopes told to come again later.", "", atomic_load(&counters->later));
  counter(to, "muster_definitions_asked_total", "Reports answered with a request for definitions.", "",
          atomic_load(&counters->needed_definitions));
  counter(to, "muster_conflicts_total", "Envelopes under a sequence that another one has taken: an alarm.", "",
          atomic_load(&counters->conflicts));
  counter(to, "muster_samples_stored_total", "Samples in stored reports.", "", atomic_load(&counters->samples));
  counter(to, "muster_lost_records_total", "Records that agents reported as lost, since the start.", "",
          atomic_load(&counters->lost_records));
}

void
mst_core_metrics(mst_core *core, mst_core_metric_visit visit, void *user)
{
  const struct visiting to = {visit, user};
  mst_counters *counters = &core->counters;
  mst_agent_counts counts;

  visit_envelopes(core, &to);
  counter(&to, "muster_batches_total", "Transactions of envelopes.", "", atomic_load(&counters->batches));
  gauge(&to, "muster_batch_seconds", "How long the last batch took, with commit and replies.", "",
        (double)atomic_load(&counters->commit_ns) / 1e9);
  counter(&to, "muster_windows_closed_total", "Windows closed for the first time.", "", atomic_load(&counters->windows_sealed));
  counter(&to, "muster_windows_changed_total", "Windows closed again because of late data.", "", atomic_load(&counters->windows_changed));
  counter(&to, "muster_reports_overflowed_total", "Stored reports that did not fit into their window any more.", "",
          atomic_load(&counters->windows_overflowed));
  gauge(&to, "muster_windows_open", "Windows with reports that are not closed.", "", (double)atomic_load(&counters->open_windows));
  counter(&to, "muster_evaluations_total", "Evaluations of the run.", "", atomic_load(&counters->evaluations));
  gauge(&to, "muster_evaluation_seconds", "How long the last evaluation took.", "", (double)atomic_load(&counters->evaluate_ns) / 1e9);
  counter(&to, "muster_store_errors_total", "Failures of the store.", "", atomic_load(&counters->store_errors));
  gauge(&to, "muster_store_bytes", "Size of the store.", "", (double)core->ops->size_bytes(core->store));
  gauge(&to, "muster_disk_full", "1 while the store's disk is full.", "", atomic_load(&core->is_disk_full));
  mst_core_count_agents(core, &counts);
  gauge(&to, "muster_agents", "Agents by state; silent ones are approved too.", "state=\"approved\"", counts.approved);
  gauge(&to, "muster_agents", "", "state=\"pending\"", counts.pending);
  gauge(&to, "muster_agents", "", "state=\"revoked\"", counts.revoked);
  gauge(&to, "muster_agents", "", "state=\"silent\"", counts.silent);
  gauge(&to, "muster_sessions", "Sessions of agents that are known.", "", counts.sessions);
  gauge(&to, "muster_series", "Different series that are known.", "", counts.series);
  gauge(&to, "muster_verdict_version", "Rises with every change of the verdict.", "", (double)mst_judging_version(core));
}

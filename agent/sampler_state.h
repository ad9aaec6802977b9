#ifndef MST_AGENT_SAMPLER_STATE_H
#define MST_AGENT_SAMPLER_STATE_H

/* Shared by the sampler's own files only. */
#include <mst/agent/sampler.h>

#include "saved.h"
#include "sink.h"

typedef enum mst_slot_status {
  MST_SLOT_OK,
  MST_SLOT_ABSENT,
  MST_SLOT_ERROR,
  MST_SLOT_FORBIDDEN,
  MST_SLOT_UNKNOWN,
} mst_slot_status;

/* One collector in force. */
typedef struct mst_slot {
  char *name;                     /* owned: the collector's, and behind a slash the instance's, if it has a name */
  const char *instance;           /* in name; "" for the only one */
  const mst_collector *kind;      /* as in the table; NULL: unknown */
  const mst_collector *collector; /* with its functions, which may be those of a module; NULL: not loaded */
  mst_option *options;            /* owned, one block with its texts; borrowed by the collector while it is open */
  size_t option_count;
  int64_t period_ns;
  mst_mono due_at, retry_at;
  int64_t last_run_ns;
  void *state; /* the collector's, while is_open */
  bool is_open;
  uint16_t owner;
  mst_slot_status status;
  char reason[MST_REASON_MAX_BYTES + 1];
} mst_slot;

struct mst_sampler {
  int root_fd;
  const mst_clock *clock;
  mst_wall boot_at;
  const mst_collector *const *collectors;
  size_t collector_count;
  char **forbidden; /* owned */
  size_t forbidden_count;
  const mst_allow *allow; /* borrowed */
  mst_slot *slots;        /* owned */
  size_t slot_count;
  uint32_t run;
  uint16_t own_owner;
  mst_registry registry;
  mst_saved_set saved;
  uint8_t fingerprint_key[32];
};

/* sampler_slots.c */
void mst_slot_say(mst_slot *slot, mst_slot_status status, const char *reason);
/* What the collector is opened with. Borrowed from the slot; saved until the next sample. */
mst_collector_env mst_slot_env(const mst_sampler *sampler, const mst_slot *slot);
/* Opens it, or says why not and when it is tried again. */
void mst_slot_open(mst_sampler *sampler, mst_slot *slot);
void mst_slot_close(mst_slot *slot);
/* Leaves it alone for a while. */
void mst_slot_rest(const mst_sampler *sampler, mst_slot *slot);
void mst_slots_destroy(mst_slot *slots, size_t count);

#endif

#ifndef MST_AGENT_SINK_H
#define MST_AGENT_SINK_H

#include <stdbool.h>

#include <mst/agent/collector.h>

/* Every series of a session: what it is called, who gives it, and whether it was written in the run that is under way.
 * Small on purpose: 150 series cost about 15 KB, the widest struct of the wire (mst_series) is made only when one is asked for. */
typedef struct mst_registry_entry {
  const mst_signal *signal; /* borrowed for life: descriptors are const */
  char *labels;             /* owned: key NUL value NUL ..., sorted by key */
  mst_wall start_at;
  uint32_t hash;    /* of name and labels, without start_at */
  uint32_t written; /* number of the run that wrote it last; 0: never */
  uint16_t labels_bytes;
  uint16_t next_of_owner; /* id, or MST_REGISTRY_NONE */
  uint16_t owner;
  uint8_t label_count;
  bool superseded; /* the same counter goes on under a new start_at: this one is over */
} mst_registry_entry;

enum { MST_REGISTRY_NONE = 0xFFFF, MST_REGISTRY_OWNERS_MAX = 2047 };

typedef struct mst_registry_owner {
  char *name; /* owned: a collector's */
  uint16_t first, last;
} mst_registry_owner;

typedef struct mst_registry {
  mst_registry_entry *entries; /* owned */
  uint32_t count, capacity;
  uint16_t *slots; /* owned; open addressing, a power of two long, ids or MST_REGISTRY_NONE */
  uint32_t slot_count;
  mst_registry_owner *owners; /* owned */
  uint32_t owner_count;
  mst_series *scratch; /* owned; what mst_registry_series hands out */
} mst_registry;

mst_err mst_registry_init(mst_registry *registry, mst_errctx *ctx) MST_MUST_USE;
void mst_registry_done(mst_registry *registry);
/* The number of the owner of that name; makes it when new. MST_ELIMIT over MST_REGISTRY_OWNERS_MAX. */
mst_err mst_registry_owner_of(mst_registry *registry, const char *name, uint16_t *ret_owner, mst_errctx *ctx) MST_MUST_USE;
/* id < count. Valid until the next call; its texts as long as the registry. */
const mst_series *mst_registry_series(const mst_registry *registry, uint32_t id);

struct mst_sink {
  mst_registry *registry;
  mst_report_writer *writer;
  uint32_t run; /* over 0, another one for each run of each collector */
  uint16_t owner;
  uint32_t dropped; /* series that are over MST_SERIES_MAX, in this run */
  mst_err failed;   /* the writer's or the registry's failure: not the collector's fault */
};

/* Writes every series of the sink's owner that this run did not write, but superseded ones, as missing. */
mst_err mst_sink_write_missing(mst_sink *sink, mst_sample_status status, const char *reason, mst_errctx *ctx) MST_MUST_USE;

/* Copies text as valid UTF-8: what is not becomes '?', a cut is made between characters. Returns the copy's length; ret ends in NUL. */
size_t mst_sink_clean_text(const char *text, size_t most_bytes, char *ret);

#endif

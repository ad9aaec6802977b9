#ifndef MST_CONTROLLER_JUDGING_PARTS_H
#define MST_CONTROLLER_JUDGING_PARTS_H

#include "judging.h"

/* What the keeper tells judging. */
typedef enum mst_note_kind {
  MST_NOTE_BEGIN,
  MST_NOTE_SERIES,
  MST_NOTE_WINDOW,
  MST_NOTE_CHANGED, /* a window of that host holds more than the judge has seen */
  MST_NOTE_STATEMENT,
  MST_NOTE_FREEZE,
  MST_NOTE_END,
  MST_NOTE_DROP,
} mst_note_kind;

typedef struct mst_note {
  struct mst_note *next;
  mst_note_kind kind;
  uint32_t host, series; /* host: index into the roster; freeze: how many states */
  mst_wall at;
  mst_run *run;                   /* begin: a reference */
  mst_window *window;             /* owned */
  mst_host_state *states;         /* freeze; owned */
  mst_judge_statement *statement; /* owned, one block with its texts */
} mst_note;
void mst_note_destroy(mst_note *note);

/* The judge and what goes with it; the judging thread's alone. */
typedef struct mst_bench {
  mst_core *core;
  mst_store *store; /* a handle for reading; NULL until a run begins */
  mst_run *run;     /* a reference; NULL: nothing to judge */
  mst_judge *judge;
  mst_judge_statement **statements; /* owned */
  size_t statement_count;
  bool *needs_reload; /* by host */
  bool any_reload, is_frozen, is_ended, is_broken;
  mst_host_state *frozen_states;
} mst_bench;

/* Takes the note over. */
void mst_bench_take(mst_bench *bench, mst_note *note);
/* Hosts whose windows changed are read from the store anew. */
void mst_bench_reload(mst_bench *bench);
/* Hands the judge the live facts. */
void mst_bench_refresh(mst_bench *bench);
void mst_bench_done(mst_bench *bench);

#endif

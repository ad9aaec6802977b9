#ifndef MST_CONTAINERS_BOOK_H
#define MST_CONTAINERS_BOOK_H

#include <mst/common/buf.h>
#include <mst/proto/cursor.h>

#include "answers.h"

/* What is known of each container, by name: how it is, and what happened to it so far. Events of Docker tell of its lives one by one;
 * answers about the container say how it is, and where events were missed (an interruption, a new daemon) how its last life began or ended.
 * An answer may overtake events, so what it says of lives is taken only when it has been so for a while. Not thread-safe; reads no clock.
 */

struct mst_usage_source;

typedef struct mst_docker_record {
  char name[MST_DOCKER_NAME_BYTES + 1];
  char id[MST_DOCKER_ID_BYTES + 1]; /* of the last of that name; after a load only its first MST_BOOK_ID_BYTES */
  bool is_expected;
  bool is_listed;   /* the daemon has it */
  mst_wall gone_at; /* since when not; kept for a while, so that one that is made anew goes on counting */
  bool needs_inspect;
  mst_wall inspect_after, inspected_at;     /* not before; last */
  bool is_inspected;                        /* `seen` is of this id */
  mst_docker_inspect seen;                  /* the last answer; its state and health move on with the list and the events */
  char digest[MST_DOCKER_DIGEST_BYTES + 1]; /* "" while not known */
  bool is_mapped;                           /* root within is another user outside */
  bool is_unreadable;                       /* the last answer about it */
  bool needs_stats;                         /* its figures must be asked of the daemon */
  mst_docker_usage usage, usage_last;       /* sums over all lives since it was first measured; as they were read last */
  mst_wall usage_since;                     /* start of that */
  uint32_t measured_pid;                    /* whose figures usage_last are */
  struct mst_usage_source *source;          /* owned by who measures; see usage.h */

  mst_wall known_since; /* when it was first seen */
  /* The rest outlives the agent (book_save.c). */
  uint64_t restarts, by_hand, not_recovered;
  uint64_t oom_kills_before;        /* of earlier lives */
  uint64_t oom_events, oom_counted; /* of this life: as events told them; as the kernel counts them */
  bool has_exit_code;
  int64_t exit_code;
  /* Its present life, or its last death. */
  bool was_created; /* seen from its creation on */
  bool has_run, is_up;
  mst_wall started_at, died_at;
  uint64_t restart_count;  /* Docker's own count when it was last compared */
  uint64_t restarts_since; /* what was counted since */
  /* Whose doing it was. */
  mst_wall killed_at;   /* last deadly signal by an API client */
  bool is_stopping;     /* told to stop, and not dead yet */
  bool was_by_hand;     /* the last death was an API client's doing */
  bool was_by_daemon;   /* or came with the daemon's own end */
  bool restart_is_told; /* Podman says "restart" first */
  uint64_t held;        /* doings of an API client that might yet turn out to be the daemon's own end */
  bool held_start;      /* the last of these is a start: a "restart" behind it means the same */
  mst_wall held_at;
  /* How it recovers. */
  mst_wall failed_at; /* not well since; 0: well */
  bool is_failure_told;
  mst_wall well_at; /* running, and healthy if that is checked, again since; 0: not yet */
} mst_docker_record;

enum {
  MST_BOOK_ID_BYTES = 32,      /* of an id that are saved: 128 bits tell any two apart */
  MST_BOOK_RECENT_EVENTS = 64, /* remembered, to know them when they are told twice; asked again are those of MST_BOOK_OVERLAP_NS */
};
static const int64_t MST_BOOK_OVERLAP_NS = 100 * MST_NS_PER_MS; /* events are stamped before they are put in order */

/* Over all containers, also those that are gone: nothing that comes and goes is lost from them. */
typedef struct mst_docker_totals {
  mst_wall since;
  uint64_t not_recovered;
  uint64_t by_hand; /* since by_hand_since */
  mst_wall by_hand_since;
} mst_docker_totals;

typedef struct mst_book {
  mst_docker_record **list; /* owned, as its entries; in no order */
  size_t count, capacity;
  int64_t recover_within_ns;
  mst_docker_totals totals;
  mst_wall doubt_at; /* when a life was last found of which nobody can tell whose doing it was; totals.by_hand began anew then. 0: never */
  char doubt[MST_DOCKER_NAME_BYTES + 1]; /* of which container; not saved */
  mst_wall events_at;                    /* up to when events were seen; 0: none yet */
  uint64_t recent[MST_BOOK_RECENT_EVENTS];
  unsigned recent_at;
} mst_book;

void mst_book_init(mst_book *book, int64_t recover_within_ns, mst_wall now);
/* Sources of usage must have been taken out before. */
void mst_book_done(mst_book *book);
/* NULL: none. */
mst_docker_record *mst_book_of_name(const mst_book *book, const char *name);
mst_docker_record *mst_book_of_id(const mst_book *book, const char *id);
/* The record of that name, made when there is none. MST_ELIMIT over twice MST_DOCKER_CONTAINERS_MAX, MST_ENOMEM. */
mst_err mst_book_open(mst_book *book, const char *name, mst_wall now, mst_docker_record **ret_record, mst_errctx *ctx) MST_MUST_USE;

/* The list of containers as the daemon gives it now. Sets needs_inspect where something moved. Errors as mst_book_open. */
mst_err mst_book_list(mst_book *book, const mst_docker_listed *list, size_t count, mst_wall now, mst_errctx *ctx) MST_MUST_USE;
/* One event, in the order in which Docker tells them. ret_is_new: it was not told before. */
mst_err mst_book_event(mst_book *book, const mst_docker_event *event, bool *ret_is_new, mst_errctx *ctx) MST_MUST_USE;
/* The answer about one container; whoever asks takes needs_inspect back before. Errors as mst_book_open. */
mst_err mst_book_inspect(mst_book *book, const mst_docker_inspect *seen, mst_wall now, mst_errctx *ctx) MST_MUST_USE;

/* The daemon took and answered a new connection begun at asked_at: what API clients seemed to do before was no end of the daemon's. */
void mst_book_confirm(mst_book *book, mst_wall asked_at);
/* True when mst_book_confirm would settle something: some seconds after the last doing, when a "restart" behind a "start" would have been
 * told. */
bool mst_book_wants_confirmation(const mst_book *book, mst_wall now);
/* The daemon ended the stream of events: what API clients seemed to do just before was its own doing. */
void mst_book_daemon_ended(mst_book *book);
bool mst_book_is_due(const mst_docker_record *record, mst_wall now); /* to be asked about */
/* Counts failures that are over their time. Only while the records are up to date. */
void mst_book_judge(mst_book *book, mst_wall now);
/* Drops what has been gone for long. `drop` is called before each is freed; may be NULL. */
void mst_book_forget(mst_book *book, mst_wall now, void (*drop)(mst_docker_record *record));

uint64_t mst_book_oom_kills(const mst_docker_record *record);

/* Writes and reads what outlives the agent, as text lines; at most max_bytes, later records are left out when they do not fit.
 * Loading goes into an empty book; text of another version is MST_EVERSION, broken text MST_EMALFORMED. booted_at: doings held over a
 * reboot are dropped. */
mst_err mst_book_save(const mst_book *book, mst_buf *ret_text, size_t max_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_book_load(mst_book *book, mst_bytes text, mst_wall booted_at, mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_CONTAINERS_WATCH_STATE_H
#define MST_CONTAINERS_WATCH_STATE_H

#include <pthread.h>

#include "engine.h"
#include "watch.h"

/* The inside of the watch: watch.c has the thread and its timing, watch_daemon.c what is asked of the daemon, watch_measure.c what is read
 * on this host and how it is handed over. */

/* What we speak: the first API with health checks; the newest whose notes were read. */
enum { MST_API_LEAST = 24, MST_API_MOST = 51 };

typedef enum mst_watch_phase {
  MST_WATCH_OFF,      /* the API is not to be used */
  MST_WATCH_DOWN,     /* no daemon: tried again at retry_at */
  MST_WATCH_HELLO,    /* GET /version is under way */
  MST_WATCH_CATCH_UP, /* GET /events for what was missed */
  MST_WATCH_LIVE,
} mst_watch_phase;

typedef enum mst_watch_kind {
  MST_ASK_VERSION,
  MST_ASK_MISSED,
  MST_ASK_LIST,
  MST_ASK_INSPECT,
  MST_ASK_IMAGE,
  MST_ASK_STATS,
  MST_ASK_PING
} mst_watch_kind;

struct mst_watch {
  mst_watch_setup setup;
  pthread_t thread;
  /* Shared with the thread that takes samples: */
  pthread_mutex_t lock;
  bool is_stopping, is_sampled;
  mst_mono sampled_at;
  mst_docker_snapshot *ready;

  /* The thread's own: */
  mst_engine *engine;
  mst_book book;
  mst_watch_phase phase;
  mst_mono retry_at;
  int64_t pause_ns; /* before the next try */
  bool must_drop;   /* the engine, outside of its calls */
  bool is_ending;   /* the daemon: live until the stream is over */
  mst_mono live_at, ending_at;
  bool is_up, is_known;
  char reason[MST_REASON_MAX_BYTES + 1], trouble[MST_REASON_MAX_BYTES + 1];
  mst_docker_version version;
  unsigned api_minor;
  bool has_listed, is_list_wanted, is_list_asked, is_ping_asked, is_image_asked;
  mst_mono listed_at, looked_at; /* last list begun; last time that all were to be inspected again */
  mst_wall pinged_at;
  unsigned asked;    /* answers about containers that are awaited */
  size_t stats_next; /* of the records, whose figures the daemon is asked for */
  bool is_stats_asked;
  /* A round: the list, the answers that it asks for, the figures, and the hand-over. */
  mst_mono round_at, round_began;
  bool is_round, is_round_listed;
  int64_t period_ns;
  mst_mono last_sample;
};

/* watch_daemon.c */
void mst_watch_done(void *watch, const mst_engine_reply *reply);
void mst_watch_line(void *watch, const char *text, size_t length);
void mst_watch_ended(void *watch, mst_err err, const char *why);
/* Sends what is to be asked now. */
void mst_watch_ask(mst_watch *watch);
/* The daemon is down: tried again after a pause that grows. why: may be the watch's own reason. */
void mst_watch_fail(mst_watch *watch, const char *why);
/* False when it is not sent: too many are under way. */
bool mst_watch_get(mst_watch *watch, mst_watch_kind kind, const char *subject, const char *path, size_t max_bytes, bool is_fresh);
bool mst_watch_ignores(const mst_watch *watch, const char *name);
/* Keeps a text for people, cut at what a sample takes. */
void mst_watch_say(char ret_text[static MST_REASON_MAX_BYTES + 1], const char *why);

/* watch_containers.c */
void mst_watch_ask_list(mst_watch *watch, mst_mono now);
void mst_watch_ask_containers(mst_watch *watch, mst_wall now);
void mst_watch_ask_stats(mst_watch *watch);
void mst_watch_take_list(mst_watch *watch, const mst_engine_reply *reply);
void mst_watch_take_inspect(mst_watch *watch, const mst_engine_reply *reply);
void mst_watch_take_image(mst_watch *watch, const mst_engine_reply *reply);
void mst_watch_take_stats(mst_watch *watch, const mst_engine_reply *reply);
/* Something is to be asked, or its answer is awaited. */
bool mst_watch_has_questions(const mst_watch *watch);

/* watch_measure.c */
void mst_watch_measure(mst_watch *watch);
void mst_watch_hand_over(mst_watch *watch);
void mst_watch_drop_source(mst_docker_record *record);

#endif

#ifndef MST_AGENT_DELIVERY_STATE_H
#define MST_AGENT_DELIVERY_STATE_H

/* Shared by the delivery's own files only. */
#include "delivery.h"

/* Between loss records, so that a disk which refuses them does not make a busy loop. */
#define MST_LOSS_PAUSE_NS (1 * MST_NS_PER_S)

/* A record on its way. */
typedef struct mst_parcel {
  struct mst_parcel *next;
  mst_spool_item item;
  mst_digest digest;
  bool is_first; /* made just now and not sent before: its answer tells the clock offset */
  bool is_backlog;
  bool is_definition; /* of the round: the parked parcels wait for it */
  unsigned rounds;    /* how often definitions were asked for it */
  mst_mono sent;
} mst_parcel;

typedef struct mst_parcels {
  mst_parcel *first, *last;
  size_t count;
} mst_parcels;

typedef enum mst_settle { MST_SETTLE_STORED, MST_SETTLE_RETURN, MST_SETTLE_GIVE_UP } mst_settle;

typedef struct mst_settle_entry {
  mst_spool_handle handle;
  mst_settle what;
  char reason[32];
} mst_settle_entry;

typedef struct mst_settle_list {
  mst_settle_entry *list; /* owned */
  size_t count, capacity;
} mst_settle_list;

struct mst_delivery {
  mst_delivery_setup setup;
  mst_uplink *uplink;
  uv_timer_t timer;      /* the end of a hold */
  uv_timer_t loss_timer; /* the next loss record */
  bool is_held, is_closed;
  bool wants_newest;
  mst_parcel *flights[MST_UPLINK_SLOTS];
  size_t backlog_flights; /* in flight or in the backlog queue */
  mst_parcels live, backlog;
  mst_parcels parked; /* wait for the definitions of their session */
  struct {
    bool is_on, has_failed;
    mst_session_id session;
    size_t left; /* definitions without an answer */
  } round;
  mst_settle_list settling; /* not posted yet */
  bool is_settling, is_taking, is_reporting;
  mst_mono loss_tried;
  int64_t loss_pause_ns; /* between loss records */
  mst_offset_filter offset;
  mst_digest plan; /* the last one that was handed on */
  uint64_t lost_records;
  bool has_trouble, was_told_later;
};

/* delivery.c */
void mst_delivery_pump(mst_delivery *delivery);
bool mst_delivery_is_ready(const mst_delivery *delivery);
/* What is queued goes back to the spool. */
void mst_delivery_give_back(mst_delivery *delivery);
/* Stops sending for a while. */
void mst_delivery_hold(mst_delivery *delivery, int64_t ns);
/* Ends a parcel: its record becomes what `what` says. reason only for GIVE_UP. */
void mst_delivery_finish(mst_delivery *delivery, mst_parcel *parcel, mst_settle what, const char *reason);
/* Waits for the definitions of its session. */
void mst_delivery_park(mst_delivery *delivery, mst_parcel *parcel);
void mst_parcels_push(mst_parcels *parcels, mst_parcel *parcel);
mst_parcel *mst_parcels_pop(mst_parcels *parcels);

/* delivery_jobs.c, delivery_errands.c: what is done behind the spool's queue. */
/* After every job: says once what the disk and the bound did to the records, and goes on. */
void mst_delivery_look_around(mst_delivery *delivery);
void mst_delivery_post_settle(mst_delivery *delivery);
void mst_delivery_post_take(mst_delivery *delivery, size_t count);
void mst_delivery_post_definitions(mst_delivery *delivery);
void mst_delivery_post_losses(mst_delivery *delivery);
/* Writes a file whole, off the loop; what: for the log. */
void mst_delivery_post_file(mst_delivery *delivery, const char *path, const void *data, size_t size_bytes, const char *what);
void mst_delivery_post_pins(mst_delivery *delivery);

/* delivery_answer.c */
void mst_delivery_on_answer(void *arg, unsigned slot, mst_err answer, const void *data, size_t size_bytes, mst_mono answered);

#endif

#ifndef MST_TAILS_JOURNAL_STATE_H
#define MST_TAILS_JOURNAL_STATE_H

/* Shared by the journal's own files only. */
#include <mst/tails/journal.h>

enum {
  MST_JOURNAL_STREAMS_MAX = 64, /* outputs whose open record is remembered; the one that was silent longest makes room */
  MST_JOURNAL_PRINT_BYTES = 8,
  MST_JOURNAL_CURSOR_BYTES = 256, /* some 150 are used by systemd 252 */
  MST_JOURNAL_FIELD_BYTES = 257,  /* a unit's name has at most 255 */
  MST_JOURNAL_ID_TEXT_BYTES = 33, /* a 128-bit id in hexadecimal digits */
  MST_JOURNAL_MESSAGE_BYTES = 8,  /* of "MESSAGE=" */
};

/* ---- journal_place.c: the folders in which a journal's files are. Knows the file's header, not its content ---- */

/* What the files say without being read. */
typedef struct mst_journal_place {
  uint64_t identity;                     /* changes when a folder is another one; 0: there is none */
  uint32_t files, archived;              /* that can be read */
  uint64_t newest;                       /* greatest number of an entry of the sequence that was asked for; 0: not known */
  char trouble[MST_FOLLOW_REASON_BYTES]; /* what keeps the journal from being read whole, and what to do; "" */
} mst_journal_place;
/* path: absolute, or NULL for the host's own. sequence: the id of the sequence of entry numbers to look for. Nothing is an error but
 * `trouble`. */
void mst_journal_look(int root_fd, const char *path, const char *sequence, mst_journal_place *ret_place);
/* Whether root_fd is the root that this process has: its own journal is then the one of this machine. */
bool mst_journal_is_own_root(int root_fd);

/* ---- journal_entry.c: what an entry says. Pure ---- */

/* The parts of a cursor that say which entry it is. */
typedef struct mst_journal_mark {
  char sequence[MST_JOURNAL_ID_TEXT_BYTES]; /* of entry numbers */
  uint64_t number;                          /* within the sequence */
  char boot[MST_JOURNAL_ID_TEXT_BYTES];
  char identity[MST_JOURNAL_CURSOR_BYTES]; /* the cursor without the number: an entry that is copied to another file keeps it */
} mst_journal_mark;
/* False when the text is no cursor as systemd writes it. */
bool mst_journal_mark_parse(const char *cursor, mst_journal_mark *ret_mark);
/* Whether nothing can be between the entries of these marks. */
bool mst_journal_mark_follows(const mst_journal_mark *before, const mst_journal_mark *after);

/* The fields of an entry that are looked at; "" where it has none, cut where one is too long. */
typedef struct mst_journal_fields {
  char priority[4], uid[12], pid[12];
  char transport[16];
  char stream[40], container[72], machine[40];
  char unit[MST_JOURNAL_FIELD_BYTES], about_unit[MST_JOURNAL_FIELD_BYTES], object_unit[MST_JOURNAL_FIELD_BYTES],
      dumped_unit[MST_JOURNAL_FIELD_BYTES];
  char identifier[MST_JOURNAL_FIELD_BYTES];
} mst_journal_fields;
/* data: "NAME=value". True when it was one of them. */
bool mst_journal_fields_take(mst_journal_fields *fields, const char *data, size_t size_bytes);
/* Whether the entry is asked for; *ret_unit: the unit that it belongs to or is about, "" for none; borrowed from fields. */
bool mst_journal_fields_fit(const mst_journal_fields *fields, const mst_journal_setup *setup, const char **ret_unit);
/* 0 .. 7; -1: it has none. */
int mst_journal_fields_priority(const mst_journal_fields *fields);
/* What tells the stream of lines apart that the entry is one line of; NULL: it is a record by itself. */
const char *mst_journal_fields_stream(const mst_journal_fields *fields);

/* ---- journal_save.c ---- */

/* A service's output, line by line. */
typedef struct mst_journal_stream {
  uint8_t print[MST_JOURNAL_PRINT_BYTES];
  uint64_t used; /* the entry that used it last, by count; 0: free */
  _Alignas(16) uint8_t user[MST_FOLLOW_USER_BYTES];
} mst_journal_stream;

/* Where reading goes on. */
typedef struct mst_journal_position {
  bool has_begun;                           /* false: no journal was met yet */
  char cursor[MST_JOURNAL_CURSOR_BYTES];    /* of the entry that was read last; "": at the beginning */
  uint8_t machine[MST_JOURNAL_PRINT_BYTES]; /* whose entries are read; zeros: not known. Only of a folder that the plan names */
  uint64_t used;                            /* counts entries, for the order of streams */
  mst_journal_stream streams[MST_JOURNAL_STREAMS_MAX];
} mst_journal_position;
void mst_journal_print_of(const char *text, uint8_t ret_print[static MST_JOURNAL_PRINT_BYTES]);
mst_err mst_journal_position_save(const mst_journal_position *position, const char *path, mst_buf *ret_saved, mst_errctx *ctx) MST_MUST_USE;
/* What was saved of another path is as if nothing had been. MST_EMALFORMED. */
mst_err mst_journal_position_load(mst_bytes saved, const char *path, mst_journal_position *ret_position, mst_errctx *ctx) MST_MUST_USE;

/* ---- journal.c ---- */

struct mst_journal {
  mst_journal_setup setup;
  char *path;            /* owned; NULL: the host's own */
  struct sd_journal *sd; /* owned; NULL: it is not open */
  int folder_fd;         /* of path, while it is open; -1 */
  mst_journal_place place;
  uint64_t opened_identity; /* of the folders when it was opened */
  mst_mono looked_at;
  bool has_looked;
  mst_wall missing_at; /* when it was last found not to be there, or not to be readable, by the clock that journald goes by; 0: never */
  mst_journal_position position;
  bool is_waiting; /* the entry that sd stands at is not read yet */
  bool is_gone;    /* the position is gone, which has been said; until something is read */
  bool is_read_to_end;
  bool is_damaged; /* a file was cut off while it was read, which has been said; until a read goes well */
  /* As of mst_journal_enter. */
  char safe_cursor[MST_JOURNAL_CURSOR_BYTES];
  bool safe_has_begun;
  uint32_t machine_changes;          /* how often an entry was of another machine than the one before it */
  uint64_t seen_entries, seen_bytes; /* since it was made: what an entry is long, on average */
  mst_buf line;                      /* an entry's text */
  mst_follow_stats stats;
};

/* Something was not read, or may not have been. */
void mst_journal_lose(mst_journal *journal, uint64_t bytes, const char *why);
/* It cannot be read now: it is closed, and opened again by the next refresh. result: a negative errno. */
void mst_journal_fail(mst_journal *journal, const char *doing, int result);

/* Around all that reads the journal's files: what is read while one is cut off is nonsense. Then the position is what it was before, the
 * journal is closed, and it is a loss. */
void mst_journal_enter(mst_journal *journal);
/* False when it was so. */
bool mst_journal_leave(mst_journal *journal);

/* ---- journal_guard.c: of the calling thread ---- */
void mst_journal_guard(void);
/* Whether a file was cut off, or could not be read, since mst_journal_guard. */
bool mst_journal_unguard(void);

/* ---- journal_seek.c: the position. All give a negative errno when sd-journal does ---- */

/* Remembers the entry that sd stands at as the one that was read last. */
int mst_journal_note(mst_journal *journal);
/* Goes to where reading begins in a journal that is met for the first time. */
int mst_journal_begin(mst_journal *journal);
/* Goes to the position, so that the next entry is the one behind it; what is not there any more is lost. */
int mst_journal_find(mst_journal *journal);

#endif

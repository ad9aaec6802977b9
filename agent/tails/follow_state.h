#ifndef MST_TAILS_FOLLOW_STATE_H
#define MST_TAILS_FOLLOW_STATE_H

/* Shared by the follower's own files only. */
#include <sys/stat.h>
#include <sys/types.h>

#include <mst/tails/follow.h>

enum {
  MST_HEAD_BYTES = 1024, /* what tells files apart whose inode is the same */
  MST_TAIL_BYTES = 64,   /* before the position */
  MST_PRINT_BYTES = 8,
  MST_SPARE_FDS = 16, /* rotated files that stay open beyond files_max, so that they can be read when they are deleted */
};

typedef enum mst_file_state {
  MST_FILE_LIVE,     /* at its family's live path */
  MST_FILE_ROTATED,  /* not any more; read to its end, and watched for a while */
  MST_FILE_FINISHED, /* read to its end for good, known for as long as it is there */
  MST_FILE_HELD,     /* a copy of another file: read only if that is cut off */
} mst_file_state;

typedef struct mst_file {
  dev_t dev;
  ino_t ino;  /* 0: another file has its inode now; where it went is not known */
  char *path; /* owned; where it was seen last */
  uint32_t family;
  mst_file_state state;
  uint64_t position; /* behind the last line that was handed out */
  uint64_t size;     /* as seen last */
  uint64_t searched; /* no newline stands between position and here */
  int64_t mtime_ns;
  uint16_t head_bytes;
  uint8_t tail_bytes;
  uint8_t head[MST_PRINT_BYTES], tail[MST_PRINT_BYTES];
  bool is_skipping; /* within a line that was cut, or skipped into */
  bool is_suspect;  /* it changed while it was read: not read on before the next refresh has looked into it */
  bool is_cut;      /* seen to be another now by this refresh, which has not yet looked where its content went */
  uint8_t missed;   /* refreshes that did not find it */
  bool is_packed;   /* vanished, and a compressed file that came is taken for it */
  bool is_unlinked; /* at no path any more, still open */
  int fd;           /* -1: closed */
  mst_mono changed; /* when it was seen to grow, or to be rotated */
  uint64_t round;   /* of the refresh that saw it last */
  _Alignas(16) uint8_t user[MST_FOLLOW_USER_BYTES];
} mst_file;

typedef struct mst_family {
  char *path;                     /* owned; as the pattern found it. "": not known yet, see print */
  char *real;                     /* owned; where the live path leads to when it is a link, NULL when it is none */
  uint8_t print[MST_PRINT_BYTES]; /* of the path: a save may have had no room for more */
  bool is_there;
  bool is_first;            /* met in this refresh by a pattern that is new: what is in it and beside it is old */
  bool is_listed;           /* its siblings were looked for in this refresh */
  uint32_t rotated;         /* siblings there now */
  int64_t seen_mtime_ns;    /* newest change of a file of it as of the last refresh */
  int64_t packed_mtime_ns;  /* newest change of a compressed sibling as of the last refresh */
  int64_t packing_mtime_ns; /* and as of this one */
  int64_t folder_mtime_ns;  /* when its siblings were looked for last */
} mst_family;

struct mst_follow {
  mst_follow_setup setup;
  char *root;   /* owned: path of setup.root_fd, "" for / */
  char **globs; /* owned */
  size_t glob_count;
  uint32_t known_globs; /* bits of those that an earlier start had: what they find new now is new */
  bool has_refreshed;
  bool had_left_out; /* the last refresh left files out: what is new may have been there long */
  mst_file *files;   /* owned */
  size_t file_count, file_capacity;
  mst_family *families; /* owned */
  size_t family_count, family_capacity;
  uint32_t used_families; /* those that something is left of */
  uint32_t next_family;   /* to be read first by the next read */
  uint64_t round;
  mst_buf block;
  mst_follow_stats stats;
};

/* follow_file.c: one file. */
/* ROTATED files that would be too many are left closed, unless is_needed: the caller reads it now and closes it then. */
mst_err mst_file_open_fd(mst_follow *follow, mst_file *file, bool is_needed, mst_errctx *ctx) MST_MUST_USE;
void mst_file_close_fd(mst_file *file);
void mst_print_of(const void *bytes, size_t count, uint8_t ret_print[static MST_PRINT_BYTES]);
/* Of count bytes from offset on; false when they cannot be read. */
bool mst_file_print(int fd, uint64_t offset, size_t count, uint8_t ret_print[static MST_PRINT_BYTES]);
/* Whether its beginning and what stands before the position are what they were; fd is it, or another file that may have its content. */
bool mst_file_is_same(const mst_file *file, int fd, uint64_t size);
/* Whether its beginning is what it was; if so and it has grown, more of it is remembered. The file is open. */
bool mst_file_check_head(mst_file *file);
/* Remembers what stands before the position, and the beginning; the file is open. */
void mst_file_remember(mst_file *file);
/* After the beginning was remembered for the first time: when the file was cut off since it was listed, its size was that of other content,
 * and nothing is known of it yet. */
void mst_file_settle(mst_file *file);
/* Reads as many bytes as there are, at most count. */
mst_err mst_file_read_at(int fd, uint64_t offset, void *to, size_t count, size_t *ret_got, const char *path, mst_errctx *ctx) MST_MUST_USE;
/* Says that something was lost; the first words name the file. */
void mst_follow_lose(mst_follow *follow, const char *path, uint64_t bytes, const char *why);
/* Says why a file is not read; the first that is said stays until the next refresh. */
void mst_follow_trouble(mst_follow *follow, const char *why);
/* A path as patterns are written, below the root. */
const char *mst_follow_shown(const mst_follow *follow, const char *path);

/* follow_names.c */
typedef enum mst_sibling { MST_SIBLING_NO, MST_SIBLING_ROTATED, MST_SIBLING_COMPRESSED, MST_SIBLING_OTHER } mst_sibling;
/* What a file of this name is to the live file of that name, both without folders. OTHER: begins like it, but not as rotation names files:
 * only what is known already is followed there. Pure. */
mst_sibling mst_sibling_of(const char *live, const char *name);
/* Names that people and editors give to copies ("app.log.bak"): never live, whatever pattern they fit. Pure. */
bool mst_sibling_is_backup(const char *live, const char *name);
/* Whether the rotated name a is that of an older file than b, as far as the names say: a larger number, an earlier date. Pure. */
bool mst_sibling_is_older(const char *a, const char *b);
/* Length of name without the ending of a compression; the whole length when it has none. */
size_t mst_sibling_plain_length(const char *name);

/* follow_list.c: what is there. */
typedef struct mst_found_file {
  char *path; /* owned */
  uint32_t family;
  mst_sibling kind; /* NO: the live path itself */
  struct stat info;
} mst_found_file;
typedef struct mst_found {
  mst_found_file *list; /* owned */
  size_t count, capacity;
} mst_found;
int64_t mst_mtime_of(const struct stat *info);
mst_file *mst_follow_known(mst_follow *follow, const struct stat *info);
/* The files that a pattern fits, but rotated names of others. */
mst_err mst_follow_list_live(mst_follow *follow, size_t number, mst_found *all, mst_errctx *ctx) MST_MUST_USE;
/* The siblings of a family: from the folder if it has changed or is_forced, else those that are known. */
mst_err mst_follow_list_siblings(mst_follow *follow, uint32_t family, bool is_forced, mst_found *all, mst_errctx *ctx) MST_MUST_USE;
void mst_found_done(mst_found *all);
mst_err mst_follow_add_family(mst_follow *follow, const char *path, uint32_t *ret_family, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_follow_add_file(mst_follow *follow, const mst_file *file, const char *path, mst_file **ret_file, mst_errctx *ctx) MST_MUST_USE;
void mst_follow_drop_file(mst_follow *follow, size_t index);
void mst_follow_count_families(mst_follow *follow);
/* Without memory the old name stays, and the next refresh tries again. */
void mst_file_set_path(mst_file *file, const char *path);

/* follow_scan.c: which of the known files each is. */
mst_err mst_follow_scan(mst_follow *follow, mst_errctx *ctx) MST_MUST_USE;

/* follow_new.c: what is none of the known files. */
mst_err mst_follow_take_new(mst_follow *follow, const mst_found_file *one, mst_errctx *ctx) MST_MUST_USE;
void mst_follow_look_at_compressed(mst_follow *follow, const mst_found_file *one);
static inline bool
mst_found_is_live(const mst_found_file *one)
{
  return one->kind == MST_SIBLING_NO;
}
/* -1 when it cannot be opened; *ret_moved: because another or no file is there now, which the next refresh will see. */
int mst_found_open(const mst_found_file *one, bool *ret_moved);

/* follow_save.c */
/* Before the first refresh. */
mst_err mst_follow_load(mst_follow *follow, mst_bytes saved, mst_errctx *ctx) MST_MUST_USE;

/* follow.c */
uint64_t mst_file_unread(const mst_file *file);
void mst_follow_count_unread(mst_follow *follow);

#endif

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
};

typedef enum mst_file_state {
  MST_FILE_LIVE,     /* at its family's live path */
  MST_FILE_ROTATED,  /* not any more; read to its end, and watched for a while */
  MST_FILE_FINISHED, /* read to its end for good, known for as long as it is there */
  MST_FILE_HELD,     /* looks like a copy of the live file: read only if that is cut off */
} mst_file_state;

typedef struct mst_file {
  dev_t dev;
  ino_t ino;
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
  bool is_unlinked; /* seen at no path any more, still open */
  int fd;           /* -1: closed */
  mst_mono changed; /* when it was seen to grow, or to be rotated */
  uint64_t round;   /* of the refresh that saw it last */
  _Alignas(16) uint8_t user[MST_FOLLOW_USER_BYTES];
} mst_file;

typedef struct mst_family {
  char *path; /* owned; as the pattern found it */
  bool is_there;
  bool is_first;           /* met in this refresh by a pattern that is new: what is in it and beside it is old */
  bool is_listed;          /* its siblings were looked for in this refresh */
  uint32_t rotated;        /* siblings there now */
  int64_t read_mtime_ns;   /* change time of the newest file that was read to its end */
  int64_t folder_mtime_ns; /* when its siblings were looked for last */
} mst_family;

struct mst_follow {
  mst_follow_setup setup;
  char *root;   /* owned: path of setup.root_fd, "" for / */
  char **globs; /* owned */
  size_t glob_count;
  uint32_t known_globs; /* bits of those that an earlier start had: what they find new now is new */
  bool has_refreshed;
  mst_file *files; /* owned */
  size_t file_count, file_capacity;
  mst_family *families; /* owned */
  size_t family_count, family_capacity;
  uint64_t round;
  mst_buf block;
  mst_follow_stats stats;
};

/* follow_file.c: one file. */
mst_err mst_file_open_fd(mst_follow *follow, mst_file *file, mst_errctx *ctx) MST_MUST_USE;
void mst_file_close_fd(mst_file *file);
/* Of count bytes from offset on; false when they cannot be read. */
bool mst_file_print(int fd, uint64_t offset, size_t count, uint8_t ret_print[static MST_PRINT_BYTES]);
/* Whether its beginning and what stands before the position are what they were; the file is open. */
bool mst_file_is_same(const mst_file *file, int fd, uint64_t size);
/* Remembers them anew, after the position or the size has changed. */
void mst_file_remember(mst_file *file);
/* Says that something was lost; the first words name the file. */
void mst_follow_lose(mst_follow *follow, const char *path, uint64_t bytes, const char *why);

/* follow_names.c */
typedef enum mst_sibling { MST_SIBLING_NO, MST_SIBLING_ROTATED, MST_SIBLING_COMPRESSED, MST_SIBLING_OTHER } mst_sibling;
/* What a file of this name is to the live file of that name, both without folders. OTHER: begins like it, but not as rotation names files:
 * only a file that is known already is followed there. Pure. */
mst_sibling mst_sibling_of(const char *live, const char *name);

/* follow_list.c: what is there. */
/* One file that a scan found. */
typedef struct mst_found_file {
  char *path; /* owned */
  uint32_t family;
  mst_sibling kind; /* MST_SIBLING_NO: the live file */
  struct stat info;
} mst_found_file;

typedef struct mst_found {
  mst_found_file *list; /* owned */
  size_t count, capacity;
} mst_found;

void mst_found_done(mst_found *all);
int64_t mst_mtime_of(const struct stat *info);
/* The known file of that inode; NULL when there is none. Borrowed until files are added or dropped. */
mst_file *mst_follow_known(mst_follow *follow, const struct stat *info);
/* Adds the files that pattern `number` fits, and families for those that are new. */
mst_err mst_follow_list_live(mst_follow *follow, size_t number, mst_found *all, mst_errctx *ctx) MST_MUST_USE;
/* Adds the siblings of a family: all that are in its folder, or the known ones where names in it have not changed, unless is_forced. */
mst_err mst_follow_list_siblings(mst_follow *follow, uint32_t family, bool is_forced, mst_found *all, mst_errctx *ctx) MST_MUST_USE;

/* follow_scan.c: which of the known files each is. */
mst_err mst_follow_scan(mst_follow *follow, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_follow_add_family(mst_follow *follow, const char *path, uint32_t *ret_family, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_follow_add_file(mst_follow *follow, const mst_file *file, const char *path, mst_file **ret_file, mst_errctx *ctx) MST_MUST_USE;
void mst_follow_drop_file(mst_follow *follow, size_t index);

/* follow_save.c */
/* Before the first refresh. */
mst_err mst_follow_load(mst_follow *follow, mst_bytes saved, mst_errctx *ctx) MST_MUST_USE;

#endif

#ifndef MST_TESTS_STORE_RIG_H
#define MST_TESTS_STORE_RIG_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/controller/store.h>

/* A folder of its own, which is gone after the test. */
typedef struct rig_folder {
  char path[64];
  char store[96];
} rig_folder;

static inline rig_folder
rig_make_folder(void)
{
  rig_folder folder = {.path = "/tmp/muster-test-store-XXXXXX"};

  cr_assert(mkdtemp(folder.path));
  snprintf(folder.store, sizeof folder.store, "%s/store.db", folder.path);
  return folder;
}

static inline void
rig_drop_folder(const rig_folder *folder)
{
  char path[512];
  DIR *dir = opendir(folder->path);

  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
    unlink(path);
  }
  if (dir)
    closedir(dir);
  rmdir(folder->path);
}

static inline mst_store *
rig_open(const mst_store_ops *ops, const char *path)
{
  mst_errctx ctx = {0};
  mst_store *store = NULL;

  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  cr_assert_eq(ops->open(path, false, &store, &ctx), MST_OK, "%s", ctx.text);
  return store;
}

static inline void
rig_begin(const mst_store_ops *ops, mst_store *store)
{
  mst_errctx ctx = {0};

  cr_assert_eq(ops->begin(store, &ctx), MST_OK, "%s", ctx.text);
}

static inline void
rig_commit(const mst_store_ops *ops, mst_store *store)
{
  mst_errctx ctx = {0};

  cr_assert_eq(ops->commit(store, &ctx), MST_OK, "%s", ctx.text);
}

static inline mst_bytes
rig_bytes(const char *text)
{
  return (mst_bytes){(const uint8_t *)text, strlen(text)};
}

static inline bool
rig_is(mst_bytes bytes, const char *text)
{
  return bytes.size_bytes == strlen(text) && memcmp(bytes.data, text, bytes.size_bytes) == 0;
}

/* What a setting holds; "" when there is none. */
static inline const char *
rig_meta(const mst_store_ops *ops, mst_store *store, const char *key)
{
  static char text[256];
  mst_errctx ctx = {0};
  mst_buf value;

  mst_buf_init(&value, sizeof text - 1);
  mst_err err = ops->meta_get(store, key, &value, &ctx);
  cr_assert(err == MST_OK || err == MST_EABSENT, "%s", ctx.text);
  snprintf(text, sizeof text, "%s", mst_buf_text(&value));
  mst_buf_done(&value);
  return text;
}

#define RIG_OK(call)                                                                                                                       \
  do {                                                                                                                                     \
    mst_errctx ctx_ = {0}, *ctx = &ctx_;                                                                                                   \
    cr_assert_eq(call, MST_OK, "%s", ctx->text);                                                                                           \
  } while (0)

#endif

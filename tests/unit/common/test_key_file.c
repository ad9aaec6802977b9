#include <errno.h>
#include <pthread.h>

#include <mst/common/alloc.h>

#include "key_rig.h"

TestSuite(key_file, .init = key_rig_start, .fini = scratch_remove);

/* The format as key.c describes it; other programs may write it. */
static const char plain_file[] = "muster-key-1\n"
                                 "public: d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n"
                                 "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n";

/* Loading `path` fails with err and leaves the result; returns the text. */
static const char *
expect_refused(const char *path, const char *passphrase, mst_err err, const char *what)
{
  static mst_errctx ctx;
  mst_key *key = NULL;

  ctx = (mst_errctx){0};
  mst_err got = mst_key_load(path, passphrase, &key, &ctx);
  cr_expect_eq(got, err, "%s: %s: %s", what, mst_err_name(got), ctx.text);
  cr_expect_null(key);
  cr_expect(err == MST_ENOMEM || strstr(ctx.text, path), "%s: %s", what, ctx.text);
  cr_expect_null(strstr(ctx.text, "9d61b19d"), "the text gives the secret away");
  mst_key_destroy(key);
  return ctx.text;
}

Test(key_file, save__writes_the_documented_text_with_mode_0600)
{
  mst_key *key = first_key();

  umask(0);
  cr_expect_eq(mst_key_save(key, scratch_path("key"), NULL, NULL), MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("key")), plain_file);
  cr_expect_eq(scratch_mode(scratch_path("key")), 0600);
  cr_expect_eq(scratch_count(scratch_folder), 1, "no temporary file with the secret stays");
  mst_key_destroy(key);
}

Test(key_file, load__gives_the_key_that_was_saved)
{
  static const char *const passphrases[] = {NULL, "correct horse", "p\xc3\xa4ss \n \\ \" ", "x"};
  char name[16];

  for (size_t i = 0; i < sizeof passphrases / sizeof passphrases[0]; i++) {
    mst_key *key = NULL, *back = NULL;
    snprintf(name, sizeof name, "key%zu", i);
    cr_assert_eq(mst_key_create(&key, NULL), MST_OK);
    cr_assert_eq(mst_key_save(key, scratch_path(name), passphrases[i], NULL), MST_OK);
    cr_assert_eq(mst_key_load(scratch_path(name), passphrases[i], &back, NULL), MST_OK);
    cr_expect(same_public(key, back));
    uint8_t signature[MST_SIGNATURE_BYTES];
    cr_expect_eq(mst_key_sign(back, "ctx", "m", 1, signature, NULL), MST_OK);
    cr_expect_eq(mst_key_verify(mst_key_public(key), "ctx", "m", 1, signature, NULL), MST_OK);
    mst_key_destroy(key);
    mst_key_destroy(back);
  }
}

Test(key_file, load__of_a_plain_file__does_not_mind_a_passphrase_or_a_missing_last_line_feed)
{
  mst_key *key = NULL;

  scratch_write(scratch_path("key"), plain_file, strlen(plain_file) - 1, 0400);
  cr_assert_eq(mst_key_load(scratch_path("key"), "unused", &key, NULL), MST_OK);
  mst_key_destroy(key);
}

Test(key_file, save__never_overwrites)
{
  mst_errctx ctx = {0};
  mst_key *key = first_key();

  scratch_write(scratch_path("key"), "another key", 11, 0644);
  cr_expect_eq(mst_key_save(key, scratch_path("key"), NULL, &ctx), MST_EEXIST);
  cr_expect(strstr(ctx.text, "never overwritten"), "%s", ctx.text);
  cr_expect_str_eq(scratch_read(scratch_path("key")), "another key");
  cr_expect_eq(scratch_mode(scratch_path("key")), 0644);
  cr_expect_eq(scratch_count(scratch_folder), 1);
  cr_assert_eq(symlink(scratch_path("nowhere"), scratch_path("dangling")), 0);
  cr_expect_eq(mst_key_save(key, scratch_path("dangling"), NULL, &ctx), MST_EEXIST, "a link that leads nowhere is a name that is taken");
  mst_key_destroy(key);
}

static void *
save_own(void *argument)
{
  mst_key *key = argument;

  return mst_key_save(key, scratch_path("key"), NULL, NULL) == MST_OK ? key : NULL;
}

Test(key_file, save__by_many_threads__lets_one_win)
{
  pthread_t threads[THREADS];
  mst_key *keys[THREADS], *winner = NULL, *saved = NULL;

  for (size_t i = 0; i < THREADS; i++) {
    cr_assert_eq(mst_key_create(&keys[i], NULL), MST_OK);
    cr_assert_eq(pthread_create(&threads[i], NULL, save_own, keys[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    void *won;
    pthread_join(threads[i], &won);
    cr_expect(!won || !winner, "two threads were told that their key was saved");
    winner = won ? won : winner;
  }
  cr_assert_not_null(winner);
  cr_assert_eq(mst_key_load(scratch_path("key"), NULL, &saved, NULL), MST_OK);
  cr_expect(same_public(saved, winner));
  cr_expect_eq(scratch_count(scratch_folder), 1);
  mst_key_destroy(saved);
  for (size_t i = 0; i < THREADS; i++)
    mst_key_destroy(keys[i]);
}

Test(key_file, save__that_cannot_write__says_what)
{
  static char path[5000];
  mst_errctx ctx = {0};
  mst_key *key = first_key();

  cr_expect_eq(mst_key_save(key, scratch_path("none/key"), NULL, &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "write key") && strstr(ctx.text, "none/key"), "%s", ctx.text);
  cr_expect_eq(ctx.os_errno, ENOENT);
  memset(path, 'x', sizeof path - 1);
  cr_expect_eq(mst_key_save(key, path, NULL, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_key_save(key, scratch_path("key"), "", &ctx), MST_EUSAGE, "an empty passphrase protects nothing");
  cr_expect_eq(scratch_count(scratch_folder), 0);
  mst_key_destroy(key);
}

Test(key_file, save__without_memory__writes_nothing)
{
  mst_key *key = first_key();
  mst_err err = MST_ENOMEM;

  for (size_t nth = 1; err == MST_ENOMEM && nth < 100; nth++) {
    cr_expect_eq(scratch_count(scratch_folder), 0);
    mst_alloc_fail_at(nth);
    err = mst_key_save(key, scratch_path("key"), NULL, NULL);
  }
  mst_alloc_fail_at(0);
  cr_expect_eq(err, MST_OK);
  cr_expect_str_eq(scratch_read(scratch_path("key")), plain_file);
  mst_key_destroy(key);
}

Test(key_file, load__without_memory__is_said)
{
  scratch_write(scratch_path("key"), plain_file, strlen(plain_file), 0600);
  mst_alloc_fail_at(1);
  expect_refused(scratch_path("key"), NULL, MST_ENOMEM, "no memory");
}

Test(key_file, load__refuses_what_others_can_read_or_write)
{
  static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666, 0777, 0440};
  char mode[16];

  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    scratch_write(scratch_path("key"), plain_file, strlen(plain_file), modes[i]);
    const char *text = expect_refused(scratch_path("key"), NULL, MST_EPERM, "mode");
    snprintf(mode, sizeof mode, "%04o", (unsigned)modes[i]);
    cr_expect(strstr(text, mode) && strstr(text, "chmod 600"), "%s", text);
  }
}

/* Only root can give a file away and take another user's part. */
Test(key_file, load__refuses_another_users_file)
{
  enum { SOMEONE = 12345, SOMEONE_ELSE = 12346 };
  mst_key *key = NULL;

  if (geteuid() != 0) {
    /* What stands for it without root: a file of root's that we may not even open. */
    expect_refused("/etc/shadow", NULL, MST_EPERM, "root's secret file");
    return;
  }
  cr_assert_eq(chmod(scratch_folder, 0711), 0);
  scratch_write(scratch_path("key"), plain_file, strlen(plain_file), 0600);
  cr_assert_eq(chown(scratch_path("key"), SOMEONE, SOMEONE), 0);
  const char *text = expect_refused(scratch_path("key"), NULL, MST_EPERM, "owner, seen by root");
  cr_expect(strstr(text, "12345"), "%s", text);
  cr_assert_eq(seteuid(SOMEONE), 0);
  cr_expect_eq(mst_key_load(scratch_path("key"), NULL, &key, NULL), MST_OK, "its owner may");
  cr_assert_eq(seteuid(0), 0);
  cr_assert_eq(seteuid(SOMEONE_ELSE), 0);
  expect_refused(scratch_path("key"), NULL, MST_EPERM, "another user, who cannot open it");
  cr_assert_eq(seteuid(0), 0);
  mst_key_destroy(key);
}

Test(key_file, load__without_a_file__says_so, .timeout = 60)
{
  expect_refused(scratch_path("none"), NULL, MST_EABSENT, "no file");
  expect_refused(scratch_folder, NULL, MST_EMALFORMED, "a folder");
  cr_assert_eq(mkfifo(scratch_path("fifo"), 0600), 0);
  expect_refused(scratch_path("fifo"), NULL, MST_EMALFORMED, "a FIFO, without waiting for its writer");
}

static void
expect_text_refused(const char *text, size_t bytes, const char *passphrase, mst_err err)
{
  scratch_write(scratch_path("key"), text, bytes, 0600);
  expect_refused(scratch_path("key"), passphrase, err, text);
}

Test(key_file, load__refuses_a_plain_file_cut_anywhere)
{
  for (size_t bytes = 0; bytes < strlen(plain_file) - 1; bytes++)
    expect_text_refused(plain_file, bytes, NULL, MST_EMALFORMED);
}

Test(key_file, load__refuses_a_sealed_file_cut_anywhere)
{
  char text[SCRATCH_FILE_BYTES + 1];
  mst_key *key = first_key();

  cr_assert_eq(mst_key_save(key, scratch_path("sealed"), "pass", NULL), MST_OK);
  snprintf(text, sizeof text, "%s", scratch_read(scratch_path("sealed")));
  cr_expect_null(strstr(text, "9d61b19d"), "the secret stands in the clear");
  for (size_t bytes = 0; bytes < strlen(text) - 1; bytes++)
    expect_text_refused(text, bytes, "pass", MST_EMALFORMED);
  mst_key_destroy(key);
}

Test(key_file, load__refuses_what_is_no_key_file)
{
#define PUBLIC "public: d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n"
#define SECRET "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n"
  static const char *const cases[] = {
      "hello\n",
      "muster-key-2\n" PUBLIC SECRET,
      "muster-key-11\n" PUBLIC SECRET,
      "muster-key-1 \n" PUBLIC SECRET,
      " muster-key-1\n" PUBLIC SECRET,
      "\nmuster-key-1\n" PUBLIC SECRET,
      "muster-key-1\n" SECRET PUBLIC,
      "muster-key-1\n" SECRET,
      "muster-key-1\n" PUBLIC PUBLIC SECRET,
      "muster-key-1\n" PUBLIC SECRET SECRET,
      "muster-key-1\n" PUBLIC SECRET "\n",
      "muster-key-1\n" PUBLIC SECRET "comment\n",
      "muster-key-1\n" PUBLIC "\n" SECRET,
      "muster-key-1\n" PUBLIC "secret:\n9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n",
      "muster-key-1\n" PUBLIC "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60 \n",
      "muster-key-1\n" PUBLIC "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60ab\n",
      "muster-key-1\n" PUBLIC "secret: 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f6z\n",
      "muster-key-1\n" PUBLIC "secret: \n",
      "muster-key-1\n" PUBLIC "sealed: \n",
      "muster-key-1\n" PUBLIC "sealed: 00 00 00\n",
      "muster-key-1\r\n" PUBLIC SECRET,
  };
  static char text[3000];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_text_refused(cases[i], strlen(cases[i]), "pass", MST_EMALFORMED);
  snprintf(text, sizeof text, "muster-key-1\n" PUBLIC SECRET);
  expect_text_refused(text, strlen(text) + 1, NULL, MST_EMALFORMED);
  memset(text + strlen(text), '\n', 2000);
  expect_text_refused(text, 2000, NULL, MST_EMALFORMED);
}

Test(key_file, load__refuses_halves_that_do_not_fit)
{
  static const char text[] = "muster-key-1\n"
                             "public: 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\n" SECRET;

  expect_text_refused(text, strlen(text), NULL, MST_ECRYPTO);
}

Test(key_file, load__of_a_sealed_file__needs_its_passphrase)
{
  mst_key *key = first_key();

  cr_assert_eq(mst_key_save(key, scratch_path("key"), "correct horse", NULL), MST_OK);
  const char *text = expect_refused(scratch_path("key"), NULL, MST_ECRYPTO, "none");
  cr_expect(strstr(text, "passphrase"), "%s", text);
  expect_refused(scratch_path("key"), "", MST_ECRYPTO, "empty");
  expect_refused(scratch_path("key"), "correct hors", MST_ECRYPTO, "a shorter one");
  expect_refused(scratch_path("key"), "Correct horse", MST_ECRYPTO, "another one");
  mst_key_destroy(key);
}

Test(key_file, load__of_a_sealed_file_with_a_changed_digit__is_refused)
{
  char text[SCRATCH_FILE_BYTES + 1];
  mst_key *key = first_key();

  cr_assert_eq(mst_key_save(key, scratch_path("sealed"), "pass", NULL), MST_OK);
  snprintf(text, sizeof text, "%s", scratch_read(scratch_path("sealed")));
  char *sealed = strstr(text, "sealed: ") + 8;
  /* One digit each of salt, nonce and box: each try costs one argon2id. */
  static const size_t places[] = {3, 33 + 5, 33 + 49 + 2, 33 + 49 + 95};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    char *digit = sealed + places[i], was = *digit;
    *digit = was == '0' ? '1' : '0';
    expect_text_refused(text, strlen(text), "pass", MST_ECRYPTO);
    *digit = was;
  }
  mst_key_destroy(key);
}

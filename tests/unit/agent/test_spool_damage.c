#include "spool_rig.h"

enum { ROUNDS = 60, ROUNDS_FULL = 1500 };

TestSuite(damage, .init = setup, .fini = teardown, .timeout = 600);

/* ---- random damage: the round is the seed ---- */

static int
rounds(void)
{
  const char *full = getenv("MST_FULL");
  return full && strcmp(full, "yes") == 0 ? ROUNDS_FULL : ROUNDS;
}

static void
some_traffic(void)
{
  mst_spool_item item;
  mst_spool_item held[64];
  size_t count = 0;
  uint32_t steps = 5 + draw(60);

  keep(MST_ENVELOPE_DEFINITIONS, 100 + draw(2000), 0, false, NULL);
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t what = draw(10);
    if (what < 6) {
      keep(MST_ENVELOPE_REPORT, 50 + draw(3000), draw(200), false, NULL);
    } else if (what < 9 && count < 64 && take(draw(2) ? MST_SPOOL_NEWEST : MST_SPOOL_OLDEST, &item) == MST_OK) {
      held[count++] = item;
    } else if (count > 0) {
      uint32_t at = draw((uint32_t)count);
      if (draw(3))
        store(&held[at]);
      else
        mst_spool_return(fx.spool, held[at].handle);
      held[at] = held[--count];
    }
  }
  /* The rest is in flight when the power goes. */
}

static size_t
list_data_files(char names[][256], size_t most, bool with_journal)
{
  size_t count = 0;
  DIR *folder = opendir(fx.folder);
  for (const struct dirent *entry = readdir(folder); entry && count < most; entry = readdir(folder))
    if (strstr(entry->d_name, ".seg") || (with_journal && strcmp(entry->d_name, "journal") == 0))
      snprintf(names[count++], 256, "%s", entry->d_name);
  closedir(folder);
  return count;
}

static void
damage(bool with_journal)
{
  static char names[2000][256];
  char path[400];
  struct stat stat_buf;
  size_t count = list_data_files(names, 2000, with_journal);

  if (count == 0)
    return;
  snprintf(path, sizeof path, "%s/%s", fx.folder, names[draw((uint32_t)count)]);
  cr_assert_eq(stat(path, &stat_buf), 0);
  if (stat_buf.st_size == 0)
    return;
  uint32_t at = draw((uint32_t)stat_buf.st_size);
  if (draw(2)) {
    cr_assert_eq(truncate(path, at), 0);
  } else {
    uint8_t byte;
    int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= (uint8_t)(1u << draw(8));
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
  }
}

/* After any damage to the data files: what is not handed out any more is reported as lost to the sample, what was stored is never lost, and
 * nothing is both. */
Test(damage, reopen__data_files_damaged_anywhere__loss_reported_is_the_loss)
{
  for (int round = 0; round < rounds(); round++) {
    fx.random = 1000 + (uint64_t)round;
    fx.is_saving = round % 2 > 0;
    for (int crash = 0; crash < 4; crash++) {
      some_traffic();
      mst_spool_destroy(fx.spool);
      fx.spool = NULL;
      for (uint32_t i = draw(3); i > 0; i--)
        damage(false);
      open_spool();
      new_session();
    }
    report_losses();
    drain();
    for (size_t i = 0; i < fx.made; i++)
      cr_assert(fx.model[i].fate == FATE_STORED || fx.model[i].fate == FATE_LOST, "round %d: %s %llu is neither stored nor lost", round,
                mst_envelope_kind_name(fx.model[i].kind), (unsigned long long)fx.model[i].sequence);
    cr_assert_eq(mst_spool_get_stats(fx.spool).unreported, 0);
    fx.made = 0;
    reopen();
    cr_assert_eq(mst_spool_get_stats(fx.spool).records, 0, "round %d", round);
    new_session();
  }
}

/* A damaged journal may forget what was stored. Then stored records are sent once more or counted as lost, but none that waits gets lost
 * without a word. */
Test(damage, reopen__journal_damaged_too__never_silent)
{
  static mst_loss_range ranges[MST_LOSS_RANGES_MAX];
  for (int round = 0; round < rounds(); round++) {
    mst_spool_item item;
    fx.random = 5000 + (uint64_t)round;
    fx.is_saving = round % 2 > 0;
    for (int crash = 0; crash < 3; crash++) {
      some_traffic();
      mst_spool_destroy(fx.spool);
      fx.spool = NULL;
      damage(true);
      open_spool();
      new_session();
      uint32_t count = mst_spool_losses(fx.spool, ranges);
      for (uint32_t i = 0; i < count; i++)
        for (uint64_t sequence = ranges[i].first; sequence <= ranges[i].last; sequence++) {
          made *record = find_made(&ranges[i].session, sequence);
          if (record && record->fate == FATE_WAITING)
            record->fate = FATE_LOST;
        }
    }
    while (take(MST_SPOOL_OLDEST, &item) == MST_OK)
      store(&item);
    size_t silent = 0;
    for (size_t i = 0; i < fx.made; i++)
      silent += fx.model[i].fate == FATE_WAITING;
    cr_assert_eq(silent, 0, "round %d: %zu records vanished", round, silent);
    fx.made = 0;
  }
}

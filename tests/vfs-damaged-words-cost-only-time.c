/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever a process that was killed, or damage, leaves in the words of shared
 * memory by which leases are recalled and writers queue: readers read, writers
 * write and checkpoints copy, in bounded time.  Each word alone, with what a
 * death between two steps leaves there, and then all of them while they change
 * at random.
 */
#include "vfs.h"

#define FIRST 4                 /* of the words; before are coherence.c's */
#define LAST 11

/* s, for some rounds, on a busy machine.  Who waits for what does not come waits in
 * each of them, for ORIEL_LOCK_WAIT or the busy timeout. */
#define IN_TIME 60

static const char *path;
static uint64_t seed;
static struct {
  _Atomic int stop;
} *shared;

struct damage {
  const char *what;
  int word;
  uint64_t value;
};

static uint64_t *
find_words (void)
{
  oriel_pool *pool = test_pool ();

  return oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));
}

static int
damage (void *arg)
{
  const struct damage *d = arg;

  __atomic_store_n (&find_words ()[d->word], d->value, __ATOMIC_SEQ_CST);
  return 0;
}

static int
damage_on (void *arg)
{
  uint64_t *words = find_words ();
  uint64_t random = seed;

  (void) arg;
  while (!atomic_load (&shared->stop)) {
    int i = FIRST + (int) (next_random (&random) % (LAST - FIRST + 1));
    uint64_t value = next_random (&random);

    __atomic_store_n (&words[i], value >> next_random (&random) % 64,
                      __ATOMIC_SEQ_CST);
    usleep (50);
  }
  return 0;
}

/* A reader, two writers and a checkpoint, some times; 0 if all is well. */
static int
work (void *arg)
{
  int rounds = *(int *) arg;
  sqlite3 *reader = open_oriel (path);
  sqlite3 *writer = open_oriel (path);
  long long before = number_of (reader, "SELECT x FROM t");

  for (int i = 1; i <= rounds; i++) {
    run (writer, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1; COMMIT");
    for (int j = 0; j < 3; j++)
      if (number_of (reader, "SELECT x FROM t") != before + 2 * i - 1)
        return 1;
    run (reader, "UPDATE t SET x = x + 1");
    run (writer, "PRAGMA wal_checkpoint (RESTART)");
  }
  close_db (reader);
  close_db (writer);
  return 0;
}

int
main (void)
{
  /* The clock of SEEN, as the VFS has it. */
  struct timespec now;
  static const char *const journals[] = { "WAL", "DELETE" };

  setenv ("ORIEL_LOCK_WAIT", "10000", 1);
  seed = test_seed ();
  shared = shared_memory (sizeof *shared);
  path = path_in (pool_dir (), "words.db"); /* no disk that is slow */
  for (int k = 0; k < 2; k++) {
    sqlite3 *db = open_oriel (path);
    int rounds = 8;
    pid_t vandal;
    double start;

    run (db, "PRAGMA journal_mode = %s; CREATE TABLE IF NOT EXISTS t (x);"
             "DELETE FROM t; INSERT INTO t VALUES (0)", journals[k]);
    close_db (db);
    clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
    for (int i = 0;; i++) {
      const struct damage all[] = {
        { "leases that no one has", 4, UINT64_MAX },
        { "a recall that no one ends", 5, 1 },
        { "a checkpoint that was not", 6, 4711 },
        { "a commit that was not", 7, 4711 },
        { "a writer that was killed", 8, 0x10000000000001 },
        { "a queue of the dead", 9, 1000 },
        { "a queue that runs backwards", 9, (uint64_t) 1000 << 32 },
        { "a queue without end", 9, INT32_MAX },
        { "someone who waited just now", 11,
          (uint64_t) now.tv_sec * 1000 + 60000 },
      };

      if (i == sizeof all / sizeof *all)
        break;
      if (in_child (damage, (void *) &all[i]) != 0)
        bail_out ("the words cannot be written");
      start = seconds_now ();
      is_int (in_child (work, &rounds), 0, all[i].what);
      start = seconds_now () - start;
      if (!ok (start < IN_TIME, "%s: in time", journals[k]))
        diag ("it took %.3f s", start);
    }
    shared->stop = 0;
    vandal = spawn (damage_on, NULL);
    rounds = 15;
    start = seconds_now ();
    is_int (in_child (work, &rounds), 0, "all of them, at random");
    if (!ok (seconds_now () - start < IN_TIME, "%s: in time", journals[k]))
      diag ("it took %.3f s", seconds_now () - start);
    shared->stop = 1;
    reap (vandal);
    rounds = 1;
    is_int (in_child (work, &rounds), 0, "and after that");
    db = open_stock (path);
    is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
    close_db (db);
  }
  return done_testing ();
}

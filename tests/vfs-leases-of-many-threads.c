/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many threads in two processes, each with connections of its own that it
 * opens and closes, read, write and checkpoint: leases come and go under their
 * hands, no read goes back, no update is lost, and processes that are killed
 * meanwhile do not matter.
 */
#include "vfs.h"

#define THREADS 6

static const char *path;
static double seconds;
static uint64_t seed;
static struct {
  _Atomic long long written;
  _Atomic int bad;
} *shared;

static void *
work (void *arg)
{
  uint64_t random = seed + (uintptr_t) arg;
  double end = seconds_now () + seconds;

  while (seconds_now () < end) {
    sqlite3 *db = open_oriel (path);
    long long last = 0;

    for (int i = 0; i < 200 && seconds_now () < end; i++) {
      unsigned what = (unsigned) (next_random (&random) % 40);

      if (what == 0) {
        if (try_run (db, "UPDATE t SET x = x + 1 WHERE id = 1") == SQLITE_OK)
          atomic_fetch_add (&shared->written, 1);
        else
          atomic_store (&shared->bad, 1);
      } else if (what == 1)
        try_run (db, "PRAGMA wal_checkpoint (PASSIVE)");
      else if (what == 2)
        usleep ((useconds_t) (next_random (&random) % 8000));
      else {
        long long least = atomic_load (&shared->written);
        long long n = number_of (db, "SELECT x FROM t WHERE id = 1");

        if (n < last || n < least)
          atomic_store (&shared->bad, 2);
        last = n;
      }
    }
    close_db (db);
  }
  return NULL;
}

static int
process (void *arg)
{
  pthread_t thread[THREADS];
  uintptr_t base = (uintptr_t) arg;

  for (uintptr_t i = 0; i < THREADS; i++)
    thread[i] = start_thread (work, (void *) (base + i));
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  return 0;
}

/* One that only reads, for ever. */
static int
victim (void *arg)
{
  sqlite3 *db = open_oriel (path);

  (void) arg;
  for (;;)
    number_of (db, "SELECT x FROM t WHERE id = 1");
  return 0;
}

int
main (void)
{
  pid_t pid[2];
  sqlite3 *db;
  double end;
  int kills = 0;

  seconds = getenv ("ORIEL_QUICK") ? 1 : 3;
  seed = test_seed ();
  shared = shared_memory (sizeof *shared);
  path = scratch_file ("many.db");
  db = open_oriel (path);
  run (db, "PRAGMA journal_mode = WAL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, x);"
           "INSERT INTO t VALUES (1, 0)");
  close_db (db);
  pid[0] = spawn (process, (void *) 0);
  pid[1] = spawn (process, (void *) 100);
  for (end = seconds_now () + seconds; seconds_now () < end; kills++) {
    pid_t v = spawn (victim, NULL);

    usleep (30000 + (useconds_t) kills * 1000);
    kill (v, SIGKILL);
    reap (v);
  }
  ok (reap (pid[0]) == 0 && reap (pid[1]) == 0, "all threads end");
  is_int (shared->bad, 0, "no read goes back, and all can write");
  db = open_stock (path);
  is_int (number_of (db, "SELECT x FROM t WHERE id = 1"), shared->written,
          "no update is lost");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  diag ("%d readers were killed, %lld updates", kills,
        (long long) shared->written);
  close_db (db);
  return done_testing ();
}

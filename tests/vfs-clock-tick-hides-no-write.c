/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On a file system whose clock stands still, so that a write leaves a file's
 * times as they were, no read is stale: not after a stranger's checkpoint that
 * follows ours, nor when a writer was killed with pages written to the pool
 * alone, and a stranger rolled it back.  And the pool is in use again.
 *
 * The times that fstat(2) tells are replaced here: all the same, but for one
 * that was set by futimens(2).
 */
#include "vfs.h"

#include <sys/syscall.h>

#define ROUNDS 10
#define DAY 86400

static struct clock {
  struct timespec set;          /* by futimens(2), last */
  _Atomic int asked;
} *clock_;

static long
day_of (time_t seconds)
{
  return seconds - seconds % DAY;
}

static void
stand_still (struct timespec *t)
{
  if (t->tv_sec == clock_->set.tv_sec && t->tv_nsec == clock_->set.tv_nsec)
    return;
  t->tv_sec = day_of (t->tv_sec);
  t->tv_nsec = 500; /* 0 is that of a file system without fractions */
}

int
fstat (int fd, struct stat *st)
{
  int r = fstatat (fd, "", st, AT_EMPTY_PATH);

  if (r == 0 && clock_) {
    atomic_store (&clock_->asked, 1);
    stand_still (&st->st_mtim);
    st->st_ctim = (struct timespec){ day_of (st->st_ctim.tv_sec), 500 };
  }
  return r;
}

int
futimens (int fd, const struct timespec times[2])
{
  if (clock_)
    clock_->set = times[1];
  return (int) syscall (SYS_utimensat, fd, NULL, times, 0);
}

int
clock_gettime (clockid_t id, struct timespec *now)
{
  int r = (int) syscall (SYS_clock_gettime, id, now);

  if (r == 0 && id == CLOCK_REALTIME_COARSE)
    *now = (struct timespec){ day_of (now->tv_sec), 500 };
  return r;
}

/* ------------------------------------------------------------------ */

static int
checkpoints (const struct peer *peer)
{
  const char *path = scratch_file ("log.db");
  sqlite3 *db = open_oriel (path);
  int stale = 0;

  run (db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
           "CREATE TABLE t (x); INSERT INTO t VALUES (0)");
  peer_open (peer, path, "unix", "");
  for (int i = 1; i <= ROUNDS; i++) {
    run (db, "UPDATE t SET x = %d; PRAGMA wal_checkpoint (TRUNCATE)", 2 * i);
    stale += number_of (db, "SELECT x FROM t") != 2 * i;
    peer_run (peer, "UPDATE t SET x = %d", 2 * i + 1);
    peer_number (peer, "PRAGMA wal_checkpoint (TRUNCATE)");
    stale += number_of (db, "SELECT x FROM t") != 2 * i + 1;
  }
  peer_close (peer);
  close_db (db);
  return stale;
}

static void
dead_writers (const struct peer *stranger, struct peer *writers)
{
  const char *path = scratch_file ("journal.db");
  sqlite3 *db = open_oriel (path);
  int stale = 0, unused = 0;

  run (db, "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 5;"
           "CREATE TABLE t (x, filler);"
           "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
           "WHERE n < 300) INSERT INTO t SELECT 0, zeroblob (1000) FROM i");
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t hits;

    number_of (db, "SELECT sum (x) FROM t");
    peer_open (&writers[i], path, "oriel", POOL);
    peer_run (&writers[i], "PRAGMA cache_size = 5; BEGIN EXCLUSIVE;"
                           "UPDATE t SET x = 1");
    peer_kill (&writers[i]);
    peer_open (stranger, path, "unix", "");
    stale += peer_number (stranger, "SELECT sum (x) FROM t") != 0;
    peer_close (stranger);
    stale += number_of (db, "SELECT sum (x) FROM t") != 0;
    hits = stat_of (db, "hits");
    number_of (db, "SELECT sum (length (filler)) FROM t");
    unused += stat_of (db, "hits") == hits;
  }
  is_int (stale, 0, "a stranger rolled a dead writer back: stale reads");
  is_int (unused, 0, "transactions that then did without the pool");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (db);
}

int
main (void)
{
  struct peer stranger, writers[ROUNDS];
  int stale;

  clock_ = shared_memory (sizeof *clock_);
  stranger = peer_start ();
  for (int i = 0; i < ROUNDS; i++)
    writers[i] = peer_start ();
  stale = checkpoints (&stranger);
  if (!atomic_load (&clock_->asked))
    skip_all ("this C library's fstat() cannot be replaced");
  is_int (stale, 0, "a stranger's checkpoint after ours: stale reads");
  dead_writers (&stranger, writers);
  return done_testing ();
}

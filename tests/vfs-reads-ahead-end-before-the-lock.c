/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pool reads ahead of a scan that stops in the middle has been read when
 * the transaction's lock goes: what a stranger then writes, and takes back so that
 * the file looks as before, is never found in the pool.  With a log the lock stays,
 * and what is read too late is dropped with all that the stranger changed.
 *
 * Reads are kept back here until someone waits for them.  Without a log the file's
 * times stand still, as within a tick of the clock.
 */
#include "vfs.h"

#ifdef HAVE_LIBURING

#include <liburing.h>

#include "sys.h"

#define ROWS 3000

static int (*real_submit) (struct io_uring *ring);
static int (*real_wait) (struct io_uring *ring);
static struct io_uring *kept;   /* has reads that were not sent */
static int sends;
static int stands_still;        /* the clock of files */

static int
keep_back (struct io_uring *ring)
{
  kept = ring;
  sends++;
  return 1000;                  /* all that there are */
}

/* Send what was kept back, and wait until all of it is done. */
static void
let_go (void)
{
  struct io_uring *ring = kept;
  struct io_uring_cqe *cqe;

  kept = NULL;
  if (ring) {
    unsigned before = io_uring_cq_ready (ring);
    int n = real_submit (ring);

    if (n < 0 || io_uring_wait_cqe_nr (ring, &cqe, before + (unsigned) n) < 0)
      bail_out ("io_uring: reads cannot be sent, or do not end");
  }
}

static int
wait_for_one (struct io_uring *ring)
{
  let_go ();
  return real_wait (ring);
}

int
fstat (int fd, struct stat *st)
{
  int r = fstatat (fd, "", st, AT_EMPTY_PATH);

  if (r == 0 && stands_still)
    st->st_mtim = st->st_ctim = (struct timespec){ 86400, 500 };
  return r;
}

static sqlite3 *
make (const char *path, const char *mode)
{
  sqlite3 *db = open_stock (path);

  run (db, "PRAGMA journal_mode = %s; CREATE TABLE t (x, filler);"
           "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
           "WHERE n < %d) INSERT INTO t SELECT 0, zeroblob (1000) FROM i",
       mode, ROWS);
  close_db (db);
  return must_open_db (path, "oriel", "pool=test&pool_size=16M");
}

/* Read on until something is under way: the number of rows, less than all. */
static int
scan_until_kept (sqlite3 *db)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT filler FROM t");
  int rows = 0;

  while ((rows < 200 || !kept) && sqlite3_step (stmt) == SQLITE_ROW)
    rows++;
  sqlite3_finalize (stmt);
  return rows;
}

static void
journal (const struct peer *stranger)
{
  const char *path = scratch_file ("journal.db");
  sqlite3 *db = make (path, "DELETE");
  int rows;

  run (db, "BEGIN");
  rows = scan_until_kept (db);
  ok (kept && rows < ROWS, "after %d rows reads are under way", rows);
  run (db, "COMMIT");
  ok (kept == NULL, "and not when its transaction has ended");
  peer_open (stranger, path, "unix", "");
  peer_run (stranger, "PRAGMA cache_size = 5; BEGIN; UPDATE t SET x = 1");
  let_go ();
  peer_run (stranger, "ROLLBACK");
  peer_close (stranger);
  is_int (number_of (db, "SELECT sum (x) FROM t"), 0,
          "what a stranger wrote and took back");
  close_db (db);
}

static void
with_log (const struct peer *stranger)
{
  const char *path = scratch_file ("log.db");
  sqlite3 *db = make (path, "WAL");
  int rows = scan_until_kept (db);

  ok (kept && rows < ROWS, "with a log they are after the transaction of %d rows",
      rows);
  peer_open (stranger, path, "unix", "");
  peer_run (stranger, "UPDATE t SET x = 1");
  peer_number (stranger, "PRAGMA wal_checkpoint (TRUNCATE)");
  is_int (number_of (db, "SELECT sum (x) FROM t"), ROWS,
          "what a stranger wrote before they end");
  text_of (db, "PRAGMA oriel_drop");
  rows = scan_until_kept (db);
  ok (kept && rows < ROWS, "another scan, of %d rows", rows);
  peer_close (stranger);
  close_db (db);
  ok (kept == NULL, "but not when the file is closed");
}

static int
has_ring (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool ("probe", &opt);
  int has = get_stats (pool).store == ORIEL_STORE_URING;

  must (oriel_pool_close (pool), "oriel_pool_close");
  return has;
}

int
main (void)
{
  struct peer stranger = peer_start ();

  real_submit = orl_sys.uring_submit;
  real_wait = orl_sys.uring_wait;
  orl_sys.uring_submit = keep_back;
  orl_sys.uring_wait = wait_for_one;
  if (!has_ring ())
    skip_all ("there is no io_uring here");
  stands_still = 1;
  journal (&stranger);
  stands_still = 0;
  with_log (&stranger);
  ok (sends > 0, "reads were sent %d times", sends);
  return done_testing ();
}

#else

int
main (void)
{
  skip_all ("this build has no io_uring");
}

#endif

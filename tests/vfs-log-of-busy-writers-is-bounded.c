/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where several write without pause, the log is begun anew when it has become
 * long (LONG_LOG in queue.c), and is not four times as long in the end; stock's
 * goes on growing.
 */
#include "vfs.h"

#include <sys/stat.h>

#define WRITERS 3
#define ROWS 4000               /* one of each page */
#define COMMITS 3000            /* of each writer, 9 frames or so */
#define MOST 32000.0            /* frames; without a bound it has 70,000 */
#define ROUNDS 4                /* as by chance it may stay short */

#define PAGE 1024
#define FRAME (PAGE + 24.0)

static char path[512];

static int
write_on (void *seed)
{
  sqlite3 *db = must_open_db (path, "oriel", POOL);
  unsigned row = *(const unsigned *) seed;

  run (db, "PRAGMA busy_timeout = 60000; PRAGMA synchronous = NORMAL");
  for (int i = 0; i < COMMITS; i++) {
    row = (row * 69069 + 1) % ROWS;
    run (db, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1 WHERE id BETWEEN %u AND "
             "%u + 7; COMMIT", row, row);
  }
  close_db (db);
  return 0;
}

static void
in_a_round (void)
{
  unsigned seed[WRITERS];
  pid_t child[WRITERS];
  struct stat st;
  char log[600];
  sqlite3 *db;
  int good = 0;

  snprintf (log, sizeof log, "%s-wal", path);
  unlink (path);
  db = open_stock (path);
  run (db, "PRAGMA page_size = %d; PRAGMA journal_mode = WAL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, x, filler);"
           "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
           "WHERE n < %d) INSERT INTO t SELECT n, 0, zeroblob (800) FROM i;"
           "PRAGMA wal_checkpoint (TRUNCATE)",
       PAGE, ROWS + 8);
  for (int i = 0; i < WRITERS; i++) {
    seed[i] = (unsigned) i * 1117;
    child[i] = spawn (write_on, &seed[i]);
  }
  for (int i = 0; i < WRITERS; i++)
    good += reap (child[i]) == 0;
  is_int (good, WRITERS, "all have written");
  if (stat (log, &st) < 0)
    bail_out ("%s: %s", log, strerror (errno));
  diag ("%.0f frames", (double) st.st_size / FRAME);
  ok ((double) st.st_size / FRAME < MOST, "the log is bounded");
  close_db (db);
}

int
main (void)
{
  snprintf (path, sizeof path, "%s", scratch_file ("busy.db"));
  for (int i = 0; i < ROUNDS; i++)
    in_a_round ();
  return done_testing ();
}

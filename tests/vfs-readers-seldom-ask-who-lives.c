/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a process copies the log, each reader of another asks at times whether it
 * lives, and not at each transaction.
 */
#include "vfs.h"

#include "sys.h"

#define SELECTS 1000
#define ALIVE_MS 10             /* coherence.c: an answer holds so long */

static int (*real_locked) (int fd, off_t at);
static _Atomic int asked;

static int
count_locked (int fd, off_t at)
{
  asked++;
  return real_locked (fd, at);
}

/* The file's owner, that writes, until our end of the pipe is closed. */
static void
own (int told, int tell)
{
  oriel_pool *pool = test_pool ();
  uint64_t *words = oriel_file_words (
      must_open_file (pool, scratch_file ("a.db"), ORIEL_FOREIGN));
  char c = 0;

  words[0] = words[1] = oriel_self (pool); /* OWNER, WRITING: coherence.c */
  if (write (tell, &c, 1) == 1)
    while (read (told, &c, 1) > 0)
      ;
  words[0] = words[1] = 0;
  _exit (0);
}

static int
select_row (sqlite3_stmt *stmt, int i)
{
  int length = -1;

  sqlite3_bind_int (stmt, 1, i * 67 % 200);
  if (sqlite3_step (stmt) == SQLITE_ROW)
    length = sqlite3_column_int (stmt, 0);
  sqlite3_reset (stmt);
  return length;
}

int
main (void)
{
  const char *path = scratch_file ("a.db");
  const char *pools = pool_dir (); /* ours and the child's */
  int to[2], from[2];
  sqlite3 *db = open_stock (path);
  sqlite3_stmt *stmt;
  long long sum = 0;
  double took;
  int most;
  pid_t pid;
  char c;

  diag ("pools in %s", pools);
  run (db, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY,"
           "v BLOB); WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1"
           " FROM n WHERE i < 200) INSERT INTO t SELECT i, zeroblob (1000)"
           " FROM n");
  close_db (db);
  if (pipe (to) < 0 || pipe (from) < 0)
    bail_out ("pipe: %s", strerror (errno));
  fflush (stdout);
  pid = fork ();
  if (pid == 0) {
    close (to[1]);
    db = open_oriel (path);
    run (db, "UPDATE t SET v = randomblob (1000) WHERE id < 100;"
             "SELECT sum (length (v)) FROM t");
    own (to[0], from[1]);
  }
  close (from[1]);
  if (read (from[0], &c, 1) != 1)
    bail_out ("the owner does not answer");
  db = open_oriel (path);
  run (db, "PRAGMA cache_size = 2");
  stmt = prepare (db, "SELECT length (v), v FROM t WHERE id = ?");
  real_locked = orl_sys.locked;
  orl_sys.locked = count_locked;
  took = seconds_now ();
  for (int i = 0; i < SELECTS; i++)
    sum += select_row (stmt, i);
  took = seconds_now () - took;
  /* A slow machine asks more often. */
  most = SELECTS / 10 + (int) (took * 1000 / ALIVE_MS) + 2;
  is_int (sum, SELECTS * 1000, "rows are right");
  ok (asked < most, "it was asked %d times in %d transactions, of %.3f s",
      (int) asked, SELECTS, took);
  for (int i = 0; asked == 0; i++)
    select_row (stmt, i);
  ok (asked > 0, "and later");
  orl_sys.locked = real_locked;
  sqlite3_finalize (stmt);
  close_db (db);
  close (to[1]);
  waitpid (pid, NULL, 0);
  return done_testing ();
}

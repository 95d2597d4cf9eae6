/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a user of the pool copies the log, which may wait for the disk, readers
 * keep their leases on marks of frames; of an attempt that is no user's they do
 * not, as whoever made it can't ask for them.
 */
#include "vfs.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#define SELECTS 200
#define LEASE "&oriel_lease=3600000" /* the machine may be busy */
#define INDEX_BYTES 32768
#define MX_FRAME 4              /* words of the wal-index */
#define ATTEMPTED 32
#define MARKS_AT 123            /* bytes that os_unix locks for them */
#define MARKS 5

static int locks;               /* and unlocks, of read marks */

static int
count_fcntl (int fd, int command, ...)
{
  va_list list;
  void *arg;

  va_start (list, command);
  arg = va_arg (list, void *);
  va_end (list);
  if (command == F_SETLK) {
    const struct flock *l = arg;

    locks += l->l_start >= MARKS_AT && l->l_start < MARKS_AT + MARKS;
  }
  return fcntl (fd, command, arg);
}

/* Say that a checkpoint has begun, as SQLite does before it copies. */
static void
attempt (void)
{
  int fd = open (scratch_file ("a.db-shm"), O_RDWR | O_CLOEXEC);
  uint32_t *index = mmap (NULL, INDEX_BYTES, PROT_READ | PROT_WRITE,
                          MAP_SHARED, fd, 0);

  if (index == MAP_FAILED || index[MX_FRAME] == 0)
    _exit (1);
  index[ATTEMPTED] = index[MX_FRAME];
}

/* The file's owner, that writes, until told; then there is none. */
static void
own (int told, int tell)
{
  sqlite3 *db = open_oriel (scratch_file ("a.db"));
  oriel_pool *pool = test_pool ();
  uint64_t *words = oriel_file_words (
      must_open_file (pool, scratch_file ("a.db"), ORIEL_FOREIGN));
  char c = 0;

  run (db, "UPDATE t SET v = randomblob (100) WHERE id < 100;"
           "SELECT sum (length (v)) FROM t");
  attempt ();
  words[0] = words[1] = oriel_self (pool); /* OWNER, WRITING: coherence.c */
  if (write (tell, &c, 1) == 1 && read (told, &c, 1) == 1) {
    words[1] = words[0] = 0;
    if (write (tell, &c, 1) == 1)
      while (read (told, &c, 1) > 0)
        ;
  }
  _exit (0);
}

/* Locks of read marks that so many transactions take. */
static int
locks_of_selects (sqlite3_stmt *stmt, long long *sum)
{
  *sum = 0;
  for (int i = 0; i < 2 * SELECTS; i++) {
    if (i == SELECTS)
      locks = 0;
    sqlite3_bind_int (stmt, 1, i % SELECTS);
    if (sqlite3_step (stmt) == SQLITE_ROW)
      *sum += sqlite3_column_int (stmt, 0);
    sqlite3_reset (stmt);
  }
  return locks;
}

int
main (void)
{
  const char *path = scratch_file ("a.db");
  sqlite3_vfs *lower = sqlite3_vfs_find ("unix");
  int to[2], from[2];
  sqlite3 *db = open_stock (path);
  sqlite3_stmt *stmt;
  long long sum;
  int n;
  pid_t pid;
  char c;

  diag ("pools in %s", pool_dir ()); /* ours and the child's */
  run (db, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY,"
           "v BLOB); WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1"
           " FROM n WHERE i < %d) INSERT INTO t SELECT i, zeroblob (100)"
           " FROM n", SELECTS);
  close_db (db);
  if (pipe (to) < 0 || pipe (from) < 0)
    bail_out ("pipe: %s", strerror (errno));
  fflush (stdout);
  pid = fork ();
  if (pid == 0) {
    close (to[1]);
    own (to[0], from[1]);
  }
  close (from[1]);
  if (read (from[0], &c, 1) != 1)
    bail_out ("the owner does not answer");
  if (lower->xSetSystemCall (lower, "fcntl",
                             (sqlite3_syscall_ptr) count_fcntl) != SQLITE_OK)
    bail_out ("SQLite takes no other fcntl");
  db = must_open_db (path, "oriel", POOL LEASE);
  stmt = prepare (db, "SELECT length (v), v FROM t WHERE id = ?");
  n = locks_of_selects (stmt, &sum);
  is_int (sum, 2 * SELECTS * 100, "rows are right");
  is_int (n, 0, "a user copies the log: no mark is locked or unlocked");
  if (write (to[1], "", 1) != 1 || read (from[0], &c, 1) != 1)
    bail_out ("the owner does not answer");
  n = locks_of_selects (stmt, &sum);
  is_int (sum, 2 * SELECTS * 100, "rows are right");
  ok (n >= SELECTS, "an attempt of no user's: %d times in %d transactions", n,
      SELECTS);
  sqlite3_finalize (stmt);
  close_db (db);
  close (to[1]);
  waitpid (pid, NULL, 0);
  return done_testing ();
}

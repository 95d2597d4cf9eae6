/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A workload runs again and again, and each time another one of its system
 * calls fails: once, or from then on.  SQLite says so by an error code or does
 * not notice; the transactions that it acknowledged are there, whole, and no
 * half ones; when calls work again the process goes on; and the next process,
 * with the stock VFS, finds the database good.
 *
 * Some of the calls fail, each seventh; with FAULTS=all (make check-faults) all
 * of them, some thousands.
 */
#include "vfs.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "faults.h"

#define ROWS 60
#define EACH 7                  /* rows that a transaction changes */
#define TRANSACTIONS 8

static const struct mode {
  const char *name;
  const char *pragmas;
  const char *pool;
} modes[] = {
  { "rollback journal", "PRAGMA journal_mode = DELETE;", "window=1M" },
  { "WAL, pointers",
    "PRAGMA journal_mode = WAL; PRAGMA mmap_size = 10000000;"
    "PRAGMA wal_autocheckpoint = 12;",
    "window=1M" },
  { "WAL, window swapped", "PRAGMA journal_mode = WAL;",
    "window=64K&slot=16K&backend=mmap" },
};

/* What a child tells; in shared memory. */
static struct outcome {
  unsigned calls;               /* of the kind */
  int acknowledged;             /* transactions */
  int begun;
  char why[600];                /* what is wrong; "" nothing */
} *outcome;

static const char *path;
static const struct mode *mode;
static struct fault now;
static unsigned now_at;
static bool lasting;

static void __attribute__ ((format (printf, 1, 2)))
wrong (const char *fmt, ...)
{
  va_list ap;

  if (outcome->why[0])
    return;
  va_start (ap, fmt);
  vsnprintf (outcome->why, sizeof outcome->why, fmt, ap);
  va_end (ap);
}

/* ------------------------------------------------------------------ */
/* Calls that are not Oriel's core's                                  */

/* What SQLite's own VFS calls by its table, and what it and the VFS above call
 * of the C library. */
static const struct fault more_faults[] = {
  { "unix pread", EIO },       { "unix pwrite", EIO },
  { "unix pwrite", ENOSPC },   { "unix pwrite", SHORT },
  { "unix ftruncate", EIO },   { "unix fstat", EIO },
  { "unix mmap", ENOMEM },     { "libc statfs", EIO },
  { "libc fdatasync", EIO },   { "libc futimens", EPERM },
};

static ssize_t (*real_pread) (int fd, void *b, size_t n, off64_t at);
static ssize_t (*real_pwrite) (int fd, const void *b, size_t n, off64_t at);
static int (*real_ftruncate) (int fd, off64_t size);
static int (*real_fstat) (int fd, struct stat *st);
static void *(*real_mmap) (void *at, size_t n, int prot, int flags, int fd,
                           off64_t from);

/* Does it befall this call?  Then errno says so. */
static bool
hits (const char *call)
{
  if (!fault_hits (call))
    return false;
  errno = fault.error;
  return true;
}

static ssize_t
unix_pread (int fd, void *b, size_t n, off64_t at)
{
  return hits ("unix pread") ? -1 : real_pread (fd, b, n, at);
}

static ssize_t
unix_pwrite (int fd, const void *b, size_t n, off64_t at)
{
  if (!hits ("unix pwrite"))
    return real_pwrite (fd, b, n, at);
  return fault.error == SHORT && n > 1 ? real_pwrite (fd, b, n / 2, at) : -1;
}

static int
unix_ftruncate (int fd, off64_t size)
{
  return hits ("unix ftruncate") ? -1 : real_ftruncate (fd, size);
}

static int
unix_fstat (int fd, struct stat *st)
{
  return hits ("unix fstat") ? -1 : real_fstat (fd, st);
}

static void *
unix_mmap (void *at, size_t n, int prot, int flags, int fd, off64_t from)
{
  return hits ("unix mmap") ? MAP_FAILED
                            : real_mmap (at, n, prot, flags, fd, from);
}

int
statfs (const char *name, struct statfs *fs)
{
  static int (*real) (const char *, struct statfs *);

  if (!real)
    *(void **) &real = dlsym (RTLD_NEXT, "statfs");
  return hits ("libc statfs") ? -1 : real (name, fs);
}

/* SQLite's library calls it. */
__attribute__ ((visibility ("default"))) int
fdatasync (int fd)
{
  return hits ("libc fdatasync") ? -1 : (int) syscall (SYS_fdatasync, fd);
}

int
futimens (int fd, const struct timespec times[2])
{
  static int (*real) (int, const struct timespec *);

  if (!real)
    *(void **) &real = dlsym (RTLD_NEXT, "futimens");
  return hits ("libc futimens") ? -1 : real (fd, times);
}

/* SQLite was built with the one or the other of each. */
static void
wrap_unix (void)
{
  set_call ("pread", &real_pread, (sqlite3_syscall_ptr) unix_pread);
  set_call ("pread64", &real_pread, (sqlite3_syscall_ptr) unix_pread);
  set_call ("pwrite", &real_pwrite, (sqlite3_syscall_ptr) unix_pwrite);
  set_call ("pwrite64", &real_pwrite, (sqlite3_syscall_ptr) unix_pwrite);
  set_call ("ftruncate", &real_ftruncate,
            (sqlite3_syscall_ptr) unix_ftruncate);
  set_call ("mmap", &real_mmap, (sqlite3_syscall_ptr) unix_mmap);
  set_call ("fstat", &real_fstat, (sqlite3_syscall_ptr) unix_fstat);
}

/* ------------------------------------------------------------------ */
/* Content                                                            */

/* Transaction k changes the rows k * EACH to k * EACH + EACH - 1. */
static int
last_change (int row, int k)
{
  while (k > 0 && (row - k * EACH % ROWS + ROWS) % ROWS >= EACH)
    k--;
  return k;
}

/* How many transactions the database has; -1 if it is not as it must be. */
static int
read_state (sqlite3 *db, int *rc)
{
  sqlite3_stmt *stmt = NULL;
  int state = -1;

  *rc = sqlite3_prepare_v2 (db,
                            "SELECT (SELECT count (*) FROM log), id, n, "
                            "length (v), hex (substr (v, 1, 1)) FROM t "
                            "ORDER BY id",
                            -1, &stmt, NULL);
  for (int row = 0; *rc == SQLITE_OK; row++) {
    int n;

    *rc = sqlite3_step (stmt);
    if (*rc != SQLITE_ROW) {
      *rc = *rc == SQLITE_DONE ? SQLITE_OK : *rc;
      if (*rc == SQLITE_OK && row != ROWS)
        wrong ("there are %d rows", row), state = -1;
      break;
    }
    *rc = SQLITE_OK;
    state = sqlite3_column_int (stmt, 0);
    n = sqlite3_column_int (stmt, 2);
    if (sqlite3_column_int (stmt, 1) != row || n != last_change (row, state)
        || sqlite3_column_int (stmt, 3) != 300 + (row * 31 + n * 97) % 900) {
      wrong ("after %d transactions row %d has n = %d and %d bytes", state,
             row, n, sqlite3_column_int (stmt, 3));
      state = -1;
      break;
    }
  }
  sqlite3_finalize (stmt);
  return state;
}

static int
transact (sqlite3 *db, int k)
{
  char *sql = sqlite3_mprintf (
      "BEGIN IMMEDIATE;"
      "UPDATE t SET n = %d, v = CAST (printf ('%%.*c', 300 + (id * 31 + %d * "
      "97) %% 900, 'x') AS BLOB) WHERE (id - %d + 60) %% 60 < %d;"
      "INSERT INTO log VALUES (%d, zeroblob (%d));"
      "SAVEPOINT s; DELETE FROM t; ROLLBACK TO s;"
      "COMMIT",
      k, k, k * EACH % ROWS, EACH, k, k % 3 == 2 ? 9000 : 10);
  int rc = sqlite3_exec (db, sql, NULL, NULL, NULL);

  sqlite3_free (sql);
  return rc;
}

/* ------------------------------------------------------------------ */
/* The workload                                                       */

/* An error is an answer, unless it says what is not so. */
static bool
is_answer (int rc)
{
  switch (rc & 0xff) {
  case SQLITE_OK:
  case SQLITE_IOERR:
  case SQLITE_FULL:
  case SQLITE_CANTOPEN:
  case SQLITE_NOMEM:
    return true;
  case SQLITE_CORRUPT: /* SQLite's word for its own VFS's EIO, since 3.33 */
    return fault.call && strcmp (fault.call, "unix pread") == 0;
  default:
    return false;
  }
}

static void
judge (sqlite3 *db, int rc, const char *what)
{
  if (!is_answer (rc))
    wrong ("%s: %s (%d)", what, db ? sqlite3_errmsg (db) : "", rc);
}

static int
open_one (sqlite3 **db)
{
  char more[200];
  int rc;

  snprintf (more, sizeof more, "pool=faults&pool_size=256K&%s", mode->pool);
  rc = try_open (path, "oriel", more, db);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec (*db, mode->pragmas, NULL, NULL, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec (*db, "PRAGMA cache_size = 6", NULL, NULL, NULL);
  if (rc != SQLITE_OK) {
    sqlite3_close (*db);
    *db = NULL;
  }
  return rc;
}

/* Is what the connection sees acknowledged, and nothing lost? */
static void
check (sqlite3 *db, bool must, const char *what)
{
  int rc;
  int state = read_state (db, &rc);

  if (rc != SQLITE_OK && must)
    wrong ("%s: %s", what, sqlite3_errmsg (db));
  judge (db, rc, what);
  if (rc != SQLITE_OK)
    return;
  if (state >= 0
      && (state < outcome->acknowledged || state > outcome->begun))
    wrong ("%s: %d transactions, of %d acknowledged and %d begun", what, state,
           outcome->acknowledged, outcome->begun);
  if (state >= 0)
    outcome->acknowledged = outcome->begun = state;
}

static void
step (sqlite3 *db)
{
  int rc;

  outcome->begun = outcome->acknowledged + 1;
  rc = transact (db, outcome->begun);
  judge (db, rc, "transaction");
  if (rc == SQLITE_OK) {
    outcome->acknowledged = outcome->begun;
    return;
  }
  if (!sqlite3_get_autocommit (db))
    sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  check (db, false, "after a failed transaction");
}

static void
workload (void)
{
  sqlite3 *db = NULL;
  sqlite3 *reader = NULL;

  for (int i = 0; i < TRANSACTIONS && !outcome->why[0]; i++) {
    if (!db)
      judge (NULL, open_one (&db), "open");
    if (!reader)
      judge (NULL, open_one (&reader), "open");
    if (db)
      step (db);
    if (reader)
      check (reader, false, "reader");
    if (db && i == 4)
      judge (db,
             sqlite3_exec (db, "PRAGMA wal_checkpoint (PASSIVE)", NULL, NULL,
                           NULL),
             "checkpoint");
    if (db && i == 5) {
      judge (db, sqlite3_close (db), "close");
      db = NULL;
    }
    if (db && i == 6)
      judge (db, sqlite3_exec (db, "VACUUM", NULL, NULL, NULL), "VACUUM");
  }
  /* The calls work again: everything must. */
  outcome->calls = fault.calls;
  fault_disarm ();
  if (!db && open_one (&db) != SQLITE_OK)
    wrong ("the process cannot open the database any more");
  if (reader && !outcome->why[0])
    check (reader, true, "reader, in the end");
  if (db && !outcome->why[0]) {
    if (!sqlite3_get_autocommit (db))
      sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
    check (db, true, "in the end");
    outcome->begun = outcome->acknowledged + 1;
    if (transact (db, outcome->begun) != SQLITE_OK)
      wrong ("the process cannot go on: %s", sqlite3_errmsg (db));
    else
      outcome->acknowledged = outcome->begun;
    check (db, true, "after going on");
  }
  if (sqlite3_close (reader) || sqlite3_close (db))
    wrong ("a connection cannot be closed");
}

/* ------------------------------------------------------------------ */
/* A run                                                              */

static int
child (void *arg)
{
  (void) arg;
  wrap_unix ();
  fault_arm (&now, now_at, lasting);
  workload ();
  return 0;
}

static void
make_database (const char *name)
{
  sqlite3 *db = open_stock (name);

  run (db, "PRAGMA auto_vacuum = FULL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, v BLOB);"
           "CREATE TABLE log (k INTEGER PRIMARY KEY, v BLOB);"
           "CREATE INDEX t_n ON t (n);"
           "WITH RECURSIVE i (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM i "
           "WHERE x < 59) INSERT INTO t SELECT x, 0, zeroblob (300 + x * 31 "
           "%% 900) FROM i");
  close_db (db);
}

static void
restore (const char *template)
{
  static char data[1 << 20];
  size_t n = plain_read (template, 0, data, sizeof data);
  static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
  char name[300];

  for (size_t i = 0; i < COUNT (tails); i++) {
    snprintf (name, sizeof name, "%s%s", path, tails[i]);
    unlink (name);
  }
  unlink (pool_path ("faults"));
  plain_write (path, 0, data, n);
}

static void
next_process (void)
{
  sqlite3 *db = open_stock (path);
  int rc;
  int state;

  if (strcmp (text_of (db, "PRAGMA integrity_check"), "ok") != 0)
    wrong ("the next process: integrity_check: %s",
           text_of (db, "PRAGMA integrity_check"));
  state = read_state (db, &rc);
  if (rc != SQLITE_OK || state != outcome->acknowledged)
    wrong ("the next process: %d transactions, not %d: %s", state,
           outcome->acknowledged, sqlite3_errmsg (db));
  close_db (db);
}

/* One run; the number of calls of the kind. */
static unsigned
one (const char *template, unsigned at)
{
  int code;

  restore (template);
  memset (outcome, 0, sizeof *outcome);
  now_at = at;
  code = in_child (child, NULL);
  if (code != 0)
    wrong ("the process ended with %d", code);
  if (!outcome->why[0])
    next_process ();
  return outcome->calls;
}

static void
all_calls (const char *template, const struct fault *f, unsigned *runs)
{
  unsigned stride = getenv ("FAULTS") ? 1 : getenv ("ORIEL_QUICK") ? 29 : 7;
  unsigned calls;

  now = *f;
  calls = one (template, 0);
  if (outcome->why[0]) {
    ok (0, "%s, without a fault: %s", mode->name, outcome->why);
    return;
  }
  for (unsigned at = 1 + (unsigned) (*runs % stride);
       at <= calls && !outcome->why[0];) {
    calls = one (template, at);
    ++*runs;
    if (outcome->why[0])
      ok (0, "%s: %s number %u of %u says %d%s: %s", mode->name, f->call, at,
          calls, f->error, lasting ? ", and all after it" : "", outcome->why);
    at += lasting ? 5 * stride : stride;
  }
}

int
main (void)
{
  static const char *template; /* static: LeakSanitizer finds it at the end */
  size_t entries = sizeof (struct orl_sys) / sizeof (void (*) (void));

  /* In memory, where a sync takes no time. */
  path = strdup (path_in (pool_dir (), "a.db"));
  template = strdup (scratch_file ("template.db"));
  outcome = shared_memory (sizeof *outcome);
  make_database (template);
  is_int ((long long) fault_wrap (), (long long) entries,
          "faults.h knows every call of the table");
  for (size_t m = 0; m < COUNT (modes); m++) {
    unsigned runs = 0;

    mode = &modes[m];
    for (int l = 0; l < 2; l++)
      for (size_t i = 0; i < COUNT (all_faults); i++) {
        lasting = l;
        all_calls (template, &all_faults[i], &runs);
      }
    lasting = false;
    for (size_t i = 0; i < COUNT (more_faults); i++)
      all_calls (template, &more_faults[i], &runs);
    ok (runs > 20, "%s: %u faults were answered", mode->name, runs);
  }
  return done_testing ();
}

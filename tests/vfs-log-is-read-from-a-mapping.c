/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages in the log are read without a system call, and the answers are those of
 * the stock VFS: also when the log is cut under the mapping, anywhere, and made
 * whole again, when its pages cannot be had from the mapping, when it cannot be
 * mapped, and when it is longer than what is mapped.  Nothing is mapped where that
 * would be a signal: for threads that block SIGBUS, now or later, and under an SQLite that writes
 * by mappings; nor when the database is closed, whose pool answers.
 */
#include "vfs.h"

#include <stdbool.h>
#include <sys/mman.h>

#define ROWS 200

static unsigned reads;          /* by pread, of all connections */
static unsigned maps;           /* of more than a wal-index's region */
static enum { GOOD, REFUSED, UNREADABLE } mapping;
static int writes_mapped;       /* by SQLITE_MMAP_READWRITE */

static ssize_t (*real_pread) (int fd, void *b, size_t n, off64_t at);
static void *(*real_mmap) (void *at, size_t n, int prot, int flags, int fd,
                           off64_t from);

int
sqlite3_compileoption_used (const char *name)
{
  return strcmp (name, "MMAP_READWRITE") == 0 && writes_mapped;
}

static ssize_t
count_pread (int fd, void *b, size_t n, off64_t at)
{
  reads++;
  return real_pread (fd, b, n, at);
}

/* Of no byte: a touch is a SIGBUS, as it is where the disk cannot be read. */
static int
empty_file (void)
{
  static int fd = -1;

  if (fd < 0)
    fd = open (scratch_file ("empty"), O_RDWR | O_CREAT, 0600);
  if (fd < 0)
    bail_out ("there is no empty file");
  return fd;
}

static void *
our_mmap (void *at, size_t n, int prot, int flags, int fd, off64_t from)
{
  if (n <= 32768 || prot != PROT_READ)
    return real_mmap (at, n, prot, flags, fd, from);
  maps++;
  if (mapping == REFUSED) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return real_mmap (at, n, prot, flags,
                    mapping == UNREADABLE ? empty_file () : fd, from);
}

/* Its path; until the next. */
static const char *
database (const char *name)
{
  static char path[512];

  snprintf (path, sizeof path, "%s", path_in (pool_dir (), name));
  return path;
}

static void
make_log (sqlite3 *db, int rows, int size)
{
  run (db, "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;"
           "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v BLOB)");
  run (db, "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) REPLACE INTO t SELECT x, randomblob (%d) FROM c",
       rows, size);
}

/* Reads each row by itself, with none in SQLite's cache: a hash of all, errors
 * as well, of which there are as many. */
static uint64_t
answer (sqlite3 *db, unsigned *errors)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT v FROM t WHERE id = ?");
  uint64_t hash = 0;

  *errors = 0;
  run (db, "PRAGMA shrink_memory");
  for (int id = 1; id <= ROWS; id++) {
    const unsigned char *v;
    int rc, n;

    sqlite3_bind_int (stmt, 1, id);
    rc = sqlite3_step (stmt);
    v = sqlite3_column_blob (stmt, 0);
    n = rc == SQLITE_ROW ? sqlite3_column_bytes (stmt, 0) : 0;
    if (rc != SQLITE_ROW)
      ++*errors, hash += (unsigned) sqlite3_extended_errcode (db);
    for (; n > 0; n--)
      hash = (hash ^ *v++) * 0x100000001b3u;
    sqlite3_reset (stmt);
  }
  sqlite3_finalize (stmt);
  return hash;
}

/* Is ours what stock's is? */
static bool
is_stocks (sqlite3 *ours, sqlite3 *stock)
{
  unsigned n, m;
  bool same = answer (ours, &n) == answer (stock, &m);

  if (!same || n != m)
    diag ("errors: %u, stock %u", n, m);
  return same && n == m;
}

static void
no_calls (const char *path)
{
  sqlite3 *db = open_oriel (path);
  sqlite3 *stock = open_stock (path);
  unsigned before, errors;

  make_log (db, ROWS, 2500);
  ok (is_stocks (db, stock), "what is in the log is read as by stock");
  before = reads;
  answer (db, &errors);
  ok (reads - before < ROWS / 4 && errors == 0,
      "%d pages in the log: %u calls of pread", ROWS, reads - before);
  close_db (stock);
  close_db (db);
}

/* The log loses its end, then has it again; strangers do both. */
static void
cuts (const char *path)
{
  static char data[4 << 20];
  char log[520];
  sqlite3 *db = open_oriel (path);
  sqlite3 *stock = open_stock (path);
  unsigned same = 0, whole = 0, seen = 0, n = 0;
  unsigned errors;
  uint64_t good;
  size_t size;

  snprintf (log, sizeof log, "%s-wal", path);
  make_log (db, ROWS, 2500);
  good = answer (db, &errors);
  size = plain_read (log, 0, data, sizeof data);
  for (size_t at = size - 1; at > size / 3; at -= 4121 * 5, n++) {
    if (truncate (log, (off_t) at) < 0)
      bail_out ("%s cannot be cut", log);
    same += is_stocks (db, stock);
    answer (stock, &errors);
    seen += errors > 0;
    plain_write (log, (off_t) at, data + at, size - at);
    whole += answer (db, &errors) == good && errors == 0;
  }
  is_int (seen, n, "each cut is an error of stock's");
  is_int (same, n, "and the same of ours, for the same rows");
  is_int (whole, n, "when the log is whole again, so are the answers");
  close_db (stock);
  close_db (db);
}

static void
without (const char *path, const char *what)
{
  sqlite3 *db = open_oriel (path);
  sqlite3 *stock = open_stock (path);
  unsigned before = maps;

  make_log (db, ROWS, 2500);
  ok (is_stocks (db, stock), "%s: read as by stock", what);
  ok (maps > before, "%s: it was tried", what);
  close_db (stock);
  close_db (db);
}

static void
long_log (const char *path)
{
  sqlite3 *db = open_oriel (path);
  sqlite3 *stock;

  run (db, "PRAGMA page_size = 65536");
  make_log (db, 1100, 65000);
  run (db, "DELETE FROM t WHERE id %% 6; UPDATE t SET id = id / 6");
  stock = open_stock (path);
  ok (is_stocks (db, stock), "a log of 70 MiB: read as by stock");
  close_db (stock);
  close_db (db);
}

static void
unmapped (const char *path)
{
  sqlite3 *db;
  unsigned before = maps;

  writes_mapped = 1;
  db = open_oriel (path);
  make_log (db, ROWS, 2500);
  close_db (db);
  writes_mapped = 0;
  is_int (maps, before, "where SQLite writes by mappings there is none");
}

static void *
read_blocked (void *arg)
{
  sqlite3 *db = arg;
  sigset_t all;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  is_int (try_run (db, "PRAGMA shrink_memory; SELECT sum (length (v)) FROM t"),
          SQLITE_IOERR, "it is cut: an error where SIGBUS is blocked");
  return NULL;
}

static void *
answer_blocked (void *db)
{
  sigset_t all;
  unsigned errors;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  answer (db, &errors);
  return NULL;
}

/* Workers that have made no call of their own. */
static void
taken_up (const char *path)
{
  sqlite3 *db = open_oriel (path);
  unsigned before, errors;
  pthread_t t;

  make_log (db, ROWS, 2500);
  answer (db, &errors);
  before = reads;
  for (int i = 0; i < 3; i++) {
    if (pthread_create (&t, NULL, answer_blocked, db))
      bail_out ("there is no thread");
    pthread_join (t, NULL);
  }
  answer (db, &errors);
  ok (reads - before < ROWS / 2 && errors == 0,
      "threads that blocked it from the first: %u calls of pread",
      reads - before);
  close_db (db);
}

/* A thread that the signal would kill goes on with another's connection. */
static void
blocked (const char *path)
{
  char log[520];
  sqlite3 *db = open_oriel (path);
  pthread_t t;
  unsigned errors, before = maps;

  snprintf (log, sizeof log, "%s-wal", path);
  make_log (db, ROWS, 2500);
  answer (db, &errors);
  ok (maps > before, "a log that others have mapped");
  if (truncate (log, 200000) < 0 || pthread_create (&t, NULL, read_blocked, db))
    bail_out ("%s cannot be cut", log);
  pthread_join (t, NULL);
  close_db (db);
}

/* It has read before it blocks the signal: seen some hundred reads later. */
static int
blocked_later (void *arg)
{
  const char *path = arg;
  char log[520];
  sqlite3 *db = open_oriel (path);
  unsigned errors, before = maps;
  sigset_t all;

  snprintf (log, sizeof log, "%s-wal", path);
  make_log (db, ROWS, 2500);
  answer (db, &errors);
  if (maps == before)
    return 1;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  answer (db, &errors);
  answer (db, &errors);
  if (errors || truncate (log, 200000) < 0)
    return 2;
  answer (db, &errors);
  return errors ? 0 : 3;
}

static sqlite3_file *
open_file (const char *name, int flags)
{
  sqlite3_vfs *vfs = sqlite3_vfs_find ("oriel");
  sqlite3_file *file = calloc (1, (size_t) vfs->szOsFile);

  if (!file
      || vfs->xOpen (vfs, name, file,
                     flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &flags)
             != SQLITE_OK)
    bail_out ("%s cannot be opened", name);
  return file;
}

static void
closed_first (const char *path)
{
  static char data[65536], to[4096];
  const char *parameters[] = { "pool", "test", "pool_size", "4M",
                               "pool_dir", pool_dir () };
  char log[520];
  const char *name;
  sqlite3_file *db, *wal;
  unsigned before;

  snprintf (log, sizeof log, "%s-wal", path);
  name = sqlite3_create_filename (path, "", log, 3, parameters);
  db = open_file (name, SQLITE_OPEN_MAIN_DB);
  wal = open_file (sqlite3_filename_wal (name), SQLITE_OPEN_WAL);
  memset (data, 7, sizeof data);
  for (int i = 0; i < 3; i++)
    wal->pMethods->xWrite (wal, data, sizeof data,
                           i * (sqlite3_int64) sizeof data);
  before = maps;
  wal->pMethods->xRead (wal, to, sizeof to, 0);
  ok (maps > before, "the log of an open database is mapped");
  db->pMethods->xClose (db);
  before = reads;
  ok (wal->pMethods->xRead (wal, to, sizeof to, 0) == SQLITE_OK
          && memcmp (to, data, sizeof to) == 0 && reads > before,
      "that of a closed one is not");
  wal->pMethods->xClose (wal);
  sqlite3_free_filename ((char *) name);
  free (db);
  free (wal);
}

int
main (void)
{
  want_room (24 * MiB);
  oriel_vfs_register (0);
  set_call ("pread", &real_pread, (sqlite3_syscall_ptr) count_pread);
  set_call ("pread64", &real_pread, (sqlite3_syscall_ptr) count_pread);
  set_call ("mmap", &real_mmap, (sqlite3_syscall_ptr) our_mmap);
  no_calls (database ("a.db"));
  cuts (database ("cut.db"));
  mapping = REFUSED;
  without (database ("refused.db"), "no memory to map it");
  mapping = UNREADABLE;
  without (database ("unreadable.db"), "pages that are missing");
  mapping = GOOD;
  if (pool_room (pool_dir ()) < 200 * MiB)
    skip ("no room for a log of 70 MiB");
  else
    long_log (database ("long.db"));
  unmapped (database ("options.db"));
  taken_up (database ("taken.db"));
  blocked (database ("blocked.db"));
  is_int (in_child (blocked_later, (void *) database ("later.db")), 0,
          "nor is it where SIGBUS comes to be blocked");
  closed_first (database ("closed.db"));
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strangers.h - users of one database who do all that SQLite's rules allow
 *
 * Each row has a version, and a twin that is written together with it.  Shared
 * memory says for each row which version was committed at least, and which was
 * begun at most: a read that starts after the one and ends before the other
 * lies between, or it is stale.  A version that anyone has seen is committed.
 *
 * Some of what they do needs the database for themselves, closed by all others
 * (to leave the log, to put another file in its place): there is a gate, an OFD
 * lock of a file, that each holds shared while it has the database open.
 *
 * A user may be killed at any moment, but while it overwrites the database in
 * place, which no journal protects: see be_immortal().
 *
 * ORIEL_TEST_VFS=unix has all of them use SQLite's own VFS, to see whose a
 * failure is.
 */
#ifndef STRANGERS_H
#define STRANGERS_H

#include "vfs.h"

#define ROWS 100
#define USERS 5

enum what { WRITE, READ, CHECKPOINT, VACUUM, REOPEN, MODE, OVERWRITE, REPLACE,
            RESTORE, SHRINK, WHATS };

static const char *const what_names[WHATS]
    = { "writes", "reads", "checkpoints", "vacuums", "reopens",
        "mode changes", "overwrites", "replacements", "restores", "shrinks" };

enum { MORTAL, IMMORTAL, DOOMED };

struct shared {
  _Atomic unsigned committed[ROWS];
  _Atomic unsigned begun[ROWS];
  _Atomic unsigned long done[WHATS];
  _Atomic unsigned long busy;
  _Atomic unsigned long stale;
  _Atomic unsigned long early;
  _Atomic unsigned long apart;
  _Atomic unsigned long damaged;
  _Atomic unsigned long messages;
  _Atomic unsigned long hits;   /* of the pool, by those who use it */
  _Atomic int gate_wanted;      /* a user's slot, from 1 on; 0 no one */
  _Atomic int state[USERS];     /* MORTAL ... */
  _Atomic int stop;
};

static struct shared *shared;

struct user {
  int slot;
  const char *name;             /* for messages */
  const char *vfs;
  const char *more;             /* of the URI */
  int is_ours;                  /* a user of the pool */
  uint64_t random;
  sqlite3 *db;
  int gate;                     /* descriptor */
  int raw;                      /* of the database; -1: none */
};

static const char *
database (void)
{
  return scratch_file ("shared.db");
}

/* ------------------------------------------------------------------ */
/* Results                                                            */

/* What is wrong, but not a thousand times: the rest follows from the first. */
static void __attribute__ ((format (printf, 2, 3)))
wrong (_Atomic unsigned long *count, const char *fmt, ...)
{
  char text[512];
  va_list ap;

  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  atomic_fetch_add (count, 1);
  if (atomic_fetch_add (&shared->messages, 1) < 10)
    diag ("%s", text);
  atomic_store (&shared->stop, 1);
}

/* Good, or one may try again; anything else is damage. */
static int
is_good (struct user *u, int rc, const char *doing)
{
  if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
    return 1;
  if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED
      || (rc & 0xff) == SQLITE_PROTOCOL) {
    atomic_fetch_add (&shared->busy, 1);
    return 0;
  }
  wrong (&shared->damaged, "%s, %s: %d %s", u->name, doing,
         sqlite3_extended_errcode (u->db), sqlite3_errmsg (u->db));
  return 0;
}

static int __attribute__ ((format (printf, 2, 3)))
do_sql (struct user *u, const char *fmt, ...)
{
  va_list ap;
  char *sql;
  int good;

  va_start (ap, fmt);
  sql = sqlite3_vmprintf (fmt, ap);
  va_end (ap);
  good = is_good (u, sqlite3_exec (u->db, sql, NULL, NULL, NULL), sql);
  sqlite3_free (sql);
  return good;
}

static void
raise_to (_Atomic unsigned *word, unsigned value)
{
  unsigned now = atomic_load (word);

  while (now < value && !atomic_compare_exchange_weak (word, &now, value))
    ;
}

static unsigned
pick (struct user *u, unsigned n)
{
  return (unsigned) (next_random (&u->random) % n);
}

/* ------------------------------------------------------------------ */
/* Open, close, the gate                                              */

static void
lock_gate (struct user *u, short type)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

  while (fcntl (u->gate, F_OFD_SETLKW, &lock) < 0)
    if (errno != EINTR)
      bail_out ("the gate: %s", strerror (errno));
}

/* Without the gate. */
static void
connect_user (struct user *u)
{
  const char *forced = getenv ("ORIEL_TEST_VFS");
  char uri[1024];
  int rc;

  oriel_vfs_register (0);
  snprintf (uri, sizeof uri, "file:%s?vfs=%s%s", database (),
            forced ? forced : u->vfs, u->more);
  rc = sqlite3_open_v2 (uri, &u->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                            | SQLITE_OPEN_URI,
                        NULL);
  if (rc != SQLITE_OK)
    bail_out ("%s: %s: %s", u->name, uri, sqlite3_errmsg (u->db));
  sqlite3_busy_timeout (u->db, 10000);
  do_sql (u, "PRAGMA synchronous = OFF; PRAGMA cache_size = %u;"
             "PRAGMA wal_autocheckpoint = %u; PRAGMA mmap_size = %u",
          4 + pick (u, 2) * 100, 10 + pick (u, 4) * 60,
          pick (u, 3) ? 100000000 : 0);
}

static void
disconnect_user (struct user *u)
{
  if (u->is_ours && !getenv ("ORIEL_TEST_VFS"))
    atomic_store (&shared->hits, stat_of (u->db, "hits"));
  close_db (u->db);
  u->db = NULL;
  /* Only now: to close it drops the connection's locks. */
  if (u->raw >= 0)
    close (u->raw);
  u->raw = -1;
}

static void
open_user (struct user *u)
{
  lock_gate (u, F_RDLCK);
  connect_user (u);
}

static void
close_user (struct user *u)
{
  disconnect_user (u);
  lock_gate (u, F_UNLCK);
}

static void
reopen (struct user *u)
{
  close_user (u);
  open_user (u);
}

/* Someone wants the database for itself. */
static void
let_others (struct user *u)
{
  int wanted = atomic_load (&shared->gate_wanted);

  if (wanted == 0 || wanted == u->slot + 1)
    return;
  close_user (u);
  /* It has its turn first, for a while: it may have died. */
  for (int i = 0; i < 100 && atomic_load (&shared->gate_wanted); i++)
    usleep (1000);
  open_user (u);
}

/* Have the database for ourselves, closed. */
static int
enter_gate (struct user *u)
{
  int none = 0;

  if (!atomic_compare_exchange_strong (&shared->gate_wanted, &none,
                                       u->slot + 1))
    return 0;
  close_user (u);
  lock_gate (u, F_WRLCK);
  return 1;
}

/* Back to what all others do. */
static void
leave_gate (struct user *u)
{
  lock_gate (u, F_UNLCK);
  atomic_store (&shared->gate_wanted, 0);
  open_user (u);
}

static void
be_immortal (struct user *u)
{
  int state = MORTAL;

  if (!atomic_compare_exchange_strong (&shared->state[u->slot], &state,
                                       IMMORTAL))
    for (;;)
      pause (); /* doomed already */
}

static void
be_mortal (struct user *u)
{
  atomic_store (&shared->state[u->slot], MORTAL);
}

/* ------------------------------------------------------------------ */
/* Rows                                                               */

/* What was read of a row while it was known to be least at least. */
static void
judge (struct user *u, int id, unsigned seen, unsigned least)
{
  unsigned most = atomic_load (&shared->begun[id]);

  if (seen < least)
    wrong (&shared->stale, "%s: row %d is %u and was %u", u->name, id, seen,
           least);
  if (seen > most)
    wrong (&shared->early, "%s: row %d is %u and was never beyond %u", u->name,
           id, seen, most);
}

/* The rows from first on, all in one statement. */
static int
read_rows (struct user *u, int first)
{
  static const char sql[]
      = "SELECT a.id, a.v, b.v, length (a.filler) FROM t a JOIN t b "
        "ON b.id = a.id + 100 WHERE a.id BETWEEN ?1 AND 99 ORDER BY a.id";
  unsigned least[ROWS], seen[ROWS];
  sqlite3_stmt *stmt = NULL;
  int n = first;
  int rc;

  for (int i = 0; i < ROWS; i++)
    least[i] = atomic_load (&shared->committed[i]);
  rc = sqlite3_prepare_v2 (u->db, sql, -1, &stmt, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_bind_int (stmt, 1, first);
  while (rc == SQLITE_OK && (rc = sqlite3_step (stmt)) == SQLITE_ROW
         && n < ROWS && sqlite3_column_int (stmt, 0) == n) {
    seen[n] = (unsigned) sqlite3_column_int (stmt, 1);
    if (sqlite3_column_int (stmt, 2) != (int) seen[n])
      wrong (&shared->apart, "%s: row %d and its twin", u->name, n);
    n++;
    rc = SQLITE_OK;
  }
  sqlite3_finalize (stmt);
  if (!is_good (u, rc, "reading"))
    return 0;
  if (n != ROWS)
    wrong (&shared->damaged, "%s: rows %d to %d", u->name, first, n);
  for (int i = first; i < n; i++) {
    judge (u, i, seen[i], least[i]);
    raise_to (&shared->committed[i], seen[i]);
  }
  return 1;
}

/* Raise some rows' versions, in db, inside a transaction which sees what was
 * committed last.  What to raise goes to ids and versions: how many. */
static int
raise_some (struct user *u, sqlite3 *db, int ids[3], unsigned versions[3])
{
  int n = 1 + (int) pick (u, 3);
  sqlite3 *own = u->db;
  int good = 1;

  u->db = db;
  for (int i = 0; good && i < n; i++) {
    unsigned least;
    sqlite3_stmt *stmt = NULL;
    char sql[80];
    int rc;

    ids[i] = (int) pick (u, ROWS);
    least = atomic_load (&shared->committed[ids[i]]);
    snprintf (sql, sizeof sql, "SELECT v FROM t WHERE id = %d", ids[i]);
    rc = sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
      rc = sqlite3_step (stmt);
    versions[i] = (unsigned) sqlite3_column_int (stmt, 0);
    sqlite3_finalize (stmt);
    good = is_good (u, rc, sql);
    if (!good)
      break;
    /* Twice the same: it has our own version. */
    if (versions[i] < least)
      judge (u, ids[i], versions[i], least);
    versions[i]++;
    raise_to (&shared->begun[ids[i]], versions[i]);
    good = do_sql (u, "UPDATE t SET v = %u, filler = zeroblob (%u) "
                      "WHERE id = %d; UPDATE t SET v = %u WHERE id = %d",
                   versions[i], pick (u, 2000), ids[i], versions[i],
                   ids[i] + ROWS);
  }
  u->db = own;
  return good ? n : 0;
}

static void
committed (int n, const int ids[3], const unsigned versions[3])
{
  for (int i = 0; i < n; i++)
    raise_to (&shared->committed[ids[i]], versions[i]);
}

static int
write_rows (struct user *u)
{
  unsigned versions[3];
  int ids[3];
  int n;

  if (!do_sql (u, "BEGIN IMMEDIATE"))
    return 0;
  n = raise_some (u, u->db, ids, versions);
  if (n > 0 && pick (u, 8) && do_sql (u, "COMMIT")) {
    committed (n, ids, versions);
    return 1;
  }
  if (!sqlite3_get_autocommit (u->db))
    do_sql (u, "ROLLBACK");
  return 0;
}

/* ------------------------------------------------------------------ */
/* The file                                                           */

/* Not MEMORY or OFF: whoever is killed in those leaves damage. */
static const char *
journal_mode (struct user *u)
{
  static const char *const modes[]
      = { "DELETE", "TRUNCATE", "PERSIST", "WAL", "WAL", "WAL" };

  return modes[pick (u, COUNT (modes))];
}

static int
page_size (struct user *u)
{
  return 512 << pick (u, 8);
}

/* The path of a file of the user's own. */
static const char *
own_file (struct user *u)
{
  char name[32];

  snprintf (name, sizeof name, "own-%d.db", u->slot);
  return scratch_file (name);
}

static void
copy_bytes (int from, int to)
{
  static char data[1 << 16];
  off_t at = 0;
  ssize_t got;

  while ((got = pread (from, data, sizeof data, at)) > 0) {
    if (pwrite (to, data, (size_t) got, at) != got)
      bail_out ("cannot copy a database: %s", strerror (errno));
    at += got;
  }
  if (got < 0 || ftruncate (to, at) < 0)
    bail_out ("cannot copy a database: %s", strerror (errno));
}

/* Copy the database, which cannot change now, and raise versions in the copy,
 * which gets another page size: how many rows. */
static int
make_copy (struct user *u, int from, int ids[3], unsigned versions[3])
{
  const char *path = own_file (u);
  char journal[600];
  sqlite3 *db;
  int to = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int n;

  if (to < 0)
    bail_out ("%s: %s", path, strerror (errno));
  copy_bytes (from, to);
  close (to);
  /* A user of this slot may have died in here. */
  snprintf (journal, sizeof journal, "%s-journal", path);
  unlink (journal);
  db = open_stock (path);
  n = raise_some (u, db, ids, versions);
  if (n > 0)
    run (db, "PRAGMA page_size = %d; VACUUM", page_size (u));
  close_db (db);
  return n;
}

static int
uses_log (struct user *u)
{
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2 (u->db, "PRAGMA journal_mode", -1, &stmt, NULL);
  int log = 1;

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (is_good (u, rc, "asking for the mode"))
    log = strcmp ((const char *) sqlite3_column_text (stmt, 0), "wal") == 0;
  sqlite3_finalize (stmt);
  return log;
}

/* Put the bytes of a copy into the database's file, as cp would, under the
 * lock that a program which does so ought to have. */
static int
overwrite (struct user *u)
{
  unsigned versions[3];
  int ids[3];
  int n = 0;

  if (uses_log (u) || !do_sql (u, "BEGIN EXCLUSIVE"))
    return 0;
  if (u->raw < 0)
    u->raw = open (database (), O_RDWR | O_CLOEXEC);
  /* Someone may have gone over to the log before we had the lock. */
  if (!uses_log (u))
    n = make_copy (u, u->raw, ids, versions);
  if (n > 0) {
    int from = open (own_file (u), O_RDONLY | O_CLOEXEC);

    be_immortal (u);
    if (pick (u, 2) && ftruncate (u->raw, 0) < 0)
      bail_out ("ftruncate: %s", strerror (errno));
    copy_bytes (from, u->raw);
    committed (n, ids, versions);
    be_mortal (u);
    close (from);
  }
  do_sql (u, "ROLLBACK");
  return n > 0;
}

/* With the gate: leave no journal and no log behind, open no more. */
static void
settle_database (void)
{
  sqlite3 *db = open_stock (database ());

  run (db, "PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE; COMMIT");
  close_db (db);
}

/* Another file takes the database's place and name; its i-node may have the
 * old one's number. */
static int
replace (struct user *u)
{
  unsigned versions[3];
  int ids[3];
  int n, fd;

  if (!enter_gate (u))
    return 0;
  settle_database ();
  fd = open (database (), O_RDONLY | O_CLOEXEC);
  n = make_copy (u, fd, ids, versions);
  close (fd);
  be_immortal (u);
  if (n > 0 && pick (u, 2)) {
    int to, from = open (own_file (u), O_RDONLY | O_CLOEXEC);

    unlink (database ());
    to = open (database (), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    copy_bytes (from, to);
    close (from);
    close (to);
  }
  else if (n > 0 && rename (own_file (u), database ()) < 0)
    bail_out ("rename: %s", strerror (errno));
  committed (n, ids, versions);
  be_mortal (u);
  leave_gate (u);
  return n > 0;
}

/* SQLite's backup puts a copy into the database. */
static int
restore (struct user *u)
{
  unsigned versions[3];
  sqlite3_backup *backup;
  sqlite3 *from, *own;
  int ids[3];
  int n, fd;

  if (!enter_gate (u))
    return 0;
  settle_database ();
  fd = open (database (), O_RDONLY | O_CLOEXEC);
  n = make_copy (u, fd, ids, versions);
  close (fd);
  connect_user (u);
  from = open_stock (own_file (u));
  own = u->db;
  backup = n > 0 ? sqlite3_backup_init (own, "main", from, "main") : NULL;
  if (backup) {
    int rc = sqlite3_backup_step (backup, -1);
    int rc2 = sqlite3_backup_finish (backup);

    if (is_good (u, rc, "backup") && is_good (u, rc2, "backup"))
      committed (n, ids, versions);
  }
  close_db (from);
  disconnect_user (u);
  leave_gate (u);
  return backup != NULL;
}

/* To leave the log is refused at once while others have the database open. */
static int
change_mode (struct user *u)
{
  int alone = pick (u, 2) && enter_gate (u);
  int good;

  if (alone)
    connect_user (u);
  sqlite3_busy_timeout (u->db, 0);
  good = do_sql (u, "PRAGMA journal_mode = %s", journal_mode (u));
  if (good && alone)
    good = do_sql (u, "PRAGMA journal_mode = %s", journal_mode (u));
  sqlite3_busy_timeout (u->db, 10000);
  if (alone) {
    disconnect_user (u);
    leave_gate (u);
  }
  return good;
}

static int
checkpoint (struct user *u)
{
  static const char *const kinds[]
      = { "PASSIVE", "FULL", "RESTART", "TRUNCATE" };

  return do_sql (u, "PRAGMA wal_checkpoint (%s)", kinds[pick (u, 4)]);
}

static int
vacuum (struct user *u)
{
  if (pick (u, 2) && !do_sql (u, "PRAGMA page_size = %d", page_size (u)))
    return 0;
  return do_sql (u, "VACUUM");
}

static int
shrink (struct user *u)
{
  return do_sql (u, "UPDATE t SET filler = ''; VACUUM");
}

/* ------------------------------------------------------------------ */
/* What a user does                                                   */

/* How often, of 128 times. */
struct habits {
  unsigned char of[WHATS];
};

static void
do_one (struct user *u, const struct habits *habits)
{
  unsigned at = pick (u, 128);
  enum what what = WRITE;
  int good = 1;

  while (what < SHRINK && at >= habits->of[what])
    at -= habits->of[what++];
  switch (what) {
  case WRITE: good = write_rows (u); break;
  case READ:
    good = read_rows (u, pick (u, 2) ? 0 : (int) pick (u, ROWS));
    break;
  case CHECKPOINT: good = checkpoint (u); break;
  case VACUUM: good = vacuum (u); break;
  case REOPEN: reopen (u); break;
  case MODE: good = change_mode (u); break;
  case OVERWRITE: good = overwrite (u); break;
  case REPLACE: good = replace (u); break;
  case RESTORE: good = restore (u); break;
  default: good = shrink (u);
  }
  if (good)
    atomic_fetch_add (&shared->done[what], 1);
}

#endif /* STRANGERS_H */

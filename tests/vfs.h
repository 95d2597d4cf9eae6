/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs.h - what the tests of the SQLite VFS share
 *
 * "Stock" is SQLite's own VFS.  A process that uses it and not the pool is a
 * stranger.  Children are forked before their parent opens databases: SQLite's
 * connections do not survive fork().
 */
#ifndef VFS_TEST_H
#define VFS_TEST_H

#include "util.h"

#include <sqlite3.h>
#include <sys/socket.h>

#include "oriel_vfs.h"

#define POOL "pool=test&pool_size=4M"

/* Stock's system call of this name is ours from now on; the one that it was goes to
 * real.  Nothing, if stock has none. */
UTIL void
set_call (const char *name, void *real, sqlite3_syscall_ptr ours)
{
  sqlite3_vfs *vfs = sqlite3_vfs_find ("unix");
  sqlite3_syscall_ptr old = vfs->xGetSystemCall (vfs, name);

  if (!old)
    return;
  memcpy (real, &old, sizeof old);
  vfs->xSetSystemCall (vfs, name, ours);
}

/* Open path with VFS vfs ("oriel", "unix"), with URI parameters more; the
 * pool, if any, is in the test's directory.  An SQLite code. */
UTIL int
try_open (const char *path, const char *vfs, const char *more, sqlite3 **db)
{
  char *uri;
  int rc;

  oriel_vfs_register (0);
  uri = sqlite3_mprintf ("file:%s?vfs=%s&pool_dir=%s%s%s", path, vfs,
                         pool_dir (), *more ? "&" : "", more);
  rc = sqlite3_open_v2 (uri, db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                            | SQLITE_OPEN_URI,
                        NULL);
  sqlite3_free (uri);
  if (rc == SQLITE_OK)
    sqlite3_busy_timeout (*db, 60000);
  return rc;
}

UTIL sqlite3 *
must_open_db (const char *path, const char *vfs, const char *more)
{
  sqlite3 *db = NULL;
  int rc = try_open (path, vfs, more, &db);

  if (rc != SQLITE_OK)
    bail_out ("%s (%s): cannot be opened: %s", path, vfs, sqlite3_errmsg (db));
  return db;
}

UTIL sqlite3 *
open_oriel (const char *path)
{
  return must_open_db (path, "oriel", POOL);
}

UTIL sqlite3 *
open_stock (const char *path)
{
  return must_open_db (path, "unix", "");
}

UTIL void
close_db (sqlite3 *db)
{
  if (sqlite3_close (db) != SQLITE_OK)
    bail_out ("sqlite3_close: %s", sqlite3_errmsg (db));
}

UTIL int __attribute__ ((format (printf, 2, 0)))
run_va (sqlite3 *db, const char *fmt, va_list ap)
{
  char *sql = sqlite3_vmprintf (fmt, ap);
  int rc = sqlite3_exec (db, sql, NULL, NULL, NULL);

  if (rc != SQLITE_OK)
    diag ("%s: %s", sql, sqlite3_errmsg (db));
  sqlite3_free (sql);
  return rc;
}

/* Execute statements, as sqlite3_mprintf() makes them: the SQLite code. */
UTIL int __attribute__ ((format (printf, 2, 3)))
try_run (sqlite3 *db, const char *fmt, ...)
{
  va_list ap;
  int rc;

  va_start (ap, fmt);
  rc = run_va (db, fmt, ap);
  va_end (ap);
  return rc;
}

UTIL void __attribute__ ((format (printf, 2, 3)))
run (sqlite3 *db, const char *fmt, ...)
{
  va_list ap;
  int rc;

  va_start (ap, fmt);
  rc = run_va (db, fmt, ap);
  va_end (ap);
  if (rc != SQLITE_OK)
    bail_out ("statement failed: %s: %s", fmt, sqlite3_errmsg (db));
}

UTIL sqlite3_stmt *
prepare (sqlite3 *db, const char *sql)
{
  sqlite3_stmt *stmt = NULL;

  if (sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL) != SQLITE_OK)
    bail_out ("%s: %s", sql, sqlite3_errmsg (db));
  return stmt;
}

/* The first column of the first row; -1 if there is none. */
UTIL long long
number_of (sqlite3 *db, const char *sql)
{
  sqlite3_stmt *stmt = prepare (db, sql);
  int rc = sqlite3_step (stmt);
  long long n = rc == SQLITE_ROW ? sqlite3_column_int64 (stmt, 0) : -1;

  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    bail_out ("%s: %s", sql, sqlite3_errmsg (db));
  sqlite3_finalize (stmt);
  return n;
}

/* Likewise as text, in one of four buffers that are used in turn. */
UTIL const char *
text_of (sqlite3 *db, const char *sql)
{
  static char buffers[4][4096];
  static unsigned turn;
  char *text = buffers[turn++ % 4];
  sqlite3_stmt *stmt = prepare (db, sql);

  text[0] = '\0';
  if (sqlite3_step (stmt) == SQLITE_ROW && sqlite3_column_text (stmt, 0))
    snprintf (text, sizeof buffers[0], "%s",
              (const char *) sqlite3_column_text (stmt, 0));
  sqlite3_finalize (stmt);
  return text;
}

/* The value of NAME=value in PRAGMA oriel_stats. */
UTIL unsigned long long
stat_of (sqlite3 *db, const char *name)
{
  const char *text = text_of (db, "PRAGMA oriel_stats");
  size_t length = strlen (name);

  for (const char *at = text; (at = strstr (at, name)); at += length)
    if ((at == text || at[-1] == ' ') && at[length] == '=')
      return strtoull (at + length + 1, NULL, 10);
  bail_out ("PRAGMA oriel_stats has no %s: %s", name, text);
}

/* ------------------------------------------------------------------ */
/* Content                                                            */

/* A hash of all rows that the query gives, in order. */
UTIL uint64_t
hash_of (sqlite3 *db, const char *sql)
{
  sqlite3_stmt *stmt = prepare (db, sql);
  uint64_t hash = 0xcbf29ce484222325u;
  int rc;

  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    for (int i = 0; i < sqlite3_column_count (stmt); i++) {
      const unsigned char *data = sqlite3_column_blob (stmt, i);
      int n = sqlite3_column_bytes (stmt, i);

      hash = (hash ^ (unsigned) sqlite3_column_type (stmt, i)) * 0x100000001b3u;
      for (int j = 0; j < n; j++)
        hash = (hash ^ data[j]) * 0x100000001b3u;
    }
  if (rc != SQLITE_DONE)
    bail_out ("%s: %s", sql, sqlite3_errmsg (db));
  sqlite3_finalize (stmt);
  return hash;
}

/* Two tables and two indexes of a workload. */
UTIL void
make_schema (sqlite3 *db)
{
  run (db, "CREATE TABLE a (id INTEGER PRIMARY KEY, k INTEGER, v BLOB);"
           "CREATE INDEX a_k ON a (k);"
           "CREATE TABLE b (name TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;"
           "CREATE INDEX b_n ON b (n, name);");
}

/* One random transaction; the same for the same state of random numbers. */
UTIL void
random_transaction (sqlite3 *db, uint64_t *random)
{
  int statements = 1 + (int) (next_random (random) % 8);
  int rollback = next_random (random) % 8 == 0;

  run (db, "BEGIN IMMEDIATE");
  for (int i = 0; i < statements; i++) {
    unsigned id = (unsigned) (next_random (random) % 4000);
    unsigned n = (unsigned) (next_random (random) % 1500);

    switch (next_random (random) % 8) {
    case 0:
    case 1:
    case 2:
      run (db, "REPLACE INTO a VALUES (%u, %u, CAST (printf ('%%.*c', %u, "
               "char (97 + %u)) AS BLOB))",
           id, n, n, id % 26);
      break;
    case 3:
      run (db, "UPDATE a SET k = k + %u WHERE id BETWEEN %u AND %u", n, id,
           id + 40);
      break;
    case 4:
      run (db, "DELETE FROM a WHERE id BETWEEN %u AND %u", id, id + n / 32);
      break;
    case 5:
    case 6:
      run (db, "REPLACE INTO b VALUES ('name %u', %u)", id, n);
      break;
    default:
      run (db, "SAVEPOINT s; UPDATE b SET n = n + 1 WHERE n > %u; %s",
           n, next_random (random) % 2 ? "ROLLBACK TO s" : "RELEASE s");
    }
  }
  run (db, rollback ? "ROLLBACK" : "COMMIT");
}

UTIL uint64_t
content_hash (sqlite3 *db)
{
  return hash_of (db, "SELECT * FROM a ORDER BY id")
         ^ (hash_of (db, "SELECT * FROM b ORDER BY name") * 3)
         ^ (hash_of (db, "SELECT k, id FROM a ORDER BY k, id") * 5)
         ^ (hash_of (db, "SELECT n, name FROM b ORDER BY n, name") * 7);
}

/* Does a stock connection find the database good, with that content? */
UTIL void
stock_agrees (const char *path, uint64_t content, const char *what)
{
  sqlite3 *db = open_stock (path);

  ok (strcmp (text_of (db, "PRAGMA integrity_check"), "ok") == 0,
      "%s: integrity_check by a stock connection", what);
  ok (content_hash (db) == content, "%s: a stock connection sees the content",
      what);
  close_db (db);
}

/* ------------------------------------------------------------------ */
/* Other processes                                                    */

/* A process with at most one connection, which does what it is told. */
struct peer {
  pid_t pid;
  int fd;
};

struct peer_request {
  char op;                      /* Open, Close, Run, Number, Hash, Text */
  char vfs[16];
  char more[128];
  char text[1024];              /* SQL, or a path */
};

struct peer_reply {
  int rc;
  long long number;
  char text[512];
};

UTIL void
peer_obey (sqlite3 **db, const struct peer_request *q, struct peer_reply *a)
{
  switch (q->op) {
  case 'O':
    a->rc = try_open (q->text, q->vfs, q->more, db);
    break;
  case 'C':
    a->rc = sqlite3_close (*db);
    *db = NULL;
    break;
  case 'R':
    a->rc = sqlite3_exec (*db, q->text, NULL, NULL, NULL);
    break;
  case 'H':
    a->number = (long long) hash_of (*db, q->text);
    break;
  case 'T':
    snprintf (a->text, sizeof a->text, "%s", text_of (*db, q->text));
    break;
  default:
    a->number = number_of (*db, q->text);
  }
  if (a->rc != SQLITE_OK)
    snprintf (a->text, sizeof a->text, "%s", sqlite3_errmsg (*db));
}

/* Fork a peer.  Before this process opens a database. */
UTIL struct peer
peer_start (void)
{
  struct peer peer;
  int ends[2];

  scratch ();
  pool_dir ();
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    bail_out ("socketpair: %s", strerror (errno));
  fflush (NULL);
  peer.pid = fork ();
  peer.fd = ends[0];
  if (peer.pid == 0) {
    static struct peer_request q;
    sqlite3 *db = NULL;

    prctl (PR_SET_PDEATHSIG, SIGKILL);
    close (ends[0]);
    while (recv (ends[1], &q, sizeof q, 0) > 0) {
      struct peer_reply a = { .rc = 0 };

      peer_obey (&db, &q, &a);
      if (send (ends[1], &a, sizeof a, 0) < 0)
        break;
    }
    _exit (0);
  }
  close (ends[1]);
  return peer;
}

UTIL void
peer_send (const struct peer *peer, char op, const char *vfs, const char *more,
           const char *text)
{
  struct peer_request q = { .op = op };

  snprintf (q.vfs, sizeof q.vfs, "%s", vfs);
  snprintf (q.more, sizeof q.more, "%s", more);
  if (snprintf (q.text, sizeof q.text, "%s", text) >= (int) sizeof q.text
      || send (peer->fd, &q, sizeof q, MSG_NOSIGNAL) < 0)
    bail_out ("a peer cannot be told: %s", text);
}

UTIL struct peer_reply
peer_receive (const struct peer *peer)
{
  struct peer_reply a;

  if (recv (peer->fd, &a, sizeof a, 0) != (ssize_t) sizeof a)
    bail_out ("a peer has died");
  return a;
}

UTIL struct peer_reply
peer_ask (const struct peer *peer, char op, const char *text)
{
  peer_send (peer, op, "", "", text);
  return peer_receive (peer);
}

UTIL void
peer_open (const struct peer *peer, const char *path, const char *vfs,
           const char *more)
{
  struct peer_reply a;

  peer_send (peer, 'O', vfs, more, path);
  a = peer_receive (peer);
  if (a.rc != SQLITE_OK)
    bail_out ("a peer cannot open %s: %s", path, a.text);
}

UTIL void
peer_close (const struct peer *peer)
{
  if (peer_ask (peer, 'C', "").rc != SQLITE_OK)
    bail_out ("a peer cannot close");
}

UTIL void __attribute__ ((format (printf, 2, 3)))
peer_run (const struct peer *peer, const char *fmt, ...)
{
  struct peer_reply a;
  va_list ap;
  char *sql;

  va_start (ap, fmt);
  sql = sqlite3_vmprintf (fmt, ap);
  va_end (ap);
  a = peer_ask (peer, 'R', sql);
  if (a.rc != SQLITE_OK)
    bail_out ("a peer's statement failed: %s: %s", sql, a.text);
  sqlite3_free (sql);
}

UTIL long long
peer_number (const struct peer *peer, const char *sql)
{
  return peer_ask (peer, 'N', sql).number;
}

UTIL uint64_t
peer_hash (const struct peer *peer, const char *sql)
{
  return (uint64_t) peer_ask (peer, 'H', sql).number;
}

/* End a peer as it stands. */
UTIL void
peer_kill (struct peer *peer)
{
  kill (peer->pid, SIGKILL);
  reap (peer->pid);
  close (peer->fd);
}

#endif /* VFS_TEST_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 03-sqlite.c - a SQLite database whose pages come from a pool
 *
 * Oriel's VFS lies between SQLite and the file: pages of the database are in
 * the pool, which all processes share that open it so; locks and journals are
 * SQLite's own, so that programs without Oriel may use the database, too, at
 * the same time.
 *
 * In the sqlite3 shell, without this program:
 *     .load oriel_vfs
 *     .open file:03-sqlite.db?vfs=oriel
 */
#include <errno.h>
#include <oriel_vfs.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DATA "03-sqlite.db"

static sqlite3 *db;
static char pool[40];

/* A pool outlives its processes, also one that fails. */
static void
fail (const char *what, const char *why)
{
  fprintf (stderr, "03-sqlite: %s: %s\n", what, why);
  oriel_pool_destroy (pool, NULL, 1);
  exit (1);
}

/* Print a row: the callback of sqlite3_exec(). */
static int
print_row (void *what, int columns, char **values, char **names)
{
  (void) names;
  printf ("%s", (const char *) what);
  for (int i = 0; i < columns; i++)
    printf (" %s", values[i] ? values[i] : "NULL");
  printf ("\n");
  return 0;
}

static void
run (const char *sql, const char *what)
{
  char *text = NULL;

  if (sqlite3_exec (db, sql, print_row, (void *) what, &text) != SQLITE_OK)
    fail (sql, text);
}

int
main (void)
{
  char uri[200];
  int rc;

  /* 1. Make the VFS known.  The 0: it is not to be the default for databases
   * that do not ask for it. */
  rc = oriel_vfs_register (0);
  if (rc != SQLITE_OK) {
    fprintf (stderr, "03-sqlite: %s\n", sqlite3_errstr (rc));
    return 1;
  }

  /* 2. Open a database through it.  "vfs=oriel" is enough; the rest names a
   * pool of our own, small, seen through a window an eighth of its size. */
  snprintf (pool, sizeof pool, "example-03-%d", (int) getpid ());
  snprintf (uri, sizeof uri,
            "file:%s?vfs=oriel&pool=%s&pool_size=4M&window=512K&slot=16K",
            DATA, pool);
  if (sqlite3_open_v2 (uri, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                       | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
    fail (DATA, sqlite3_errmsg (db));

  /* 3. From here on all is plain SQLite. */
  run ("CREATE TABLE ship (name TEXT PRIMARY KEY, tons INTEGER)", "");
  run ("BEGIN", "");
  run ("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
       "WHERE i < 20000) INSERT INTO ship SELECT 'ship ' || i, i * 7 FROM n",
       "");
  run ("COMMIT", "");
  run ("SELECT count(*), sum(tons) FROM ship", "ships and tons:");
  run ("SELECT tons FROM ship WHERE name = 'ship 4711'", "of ship 4711:");
  run ("PRAGMA integrity_check", "integrity:");
  sqlite3_close (db);

  /* 4. The same file without Oriel: the default VFS finds what was written. */
  if (sqlite3_open_v2 (DATA, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
    fail (DATA, sqlite3_errmsg (db));
  run ("SELECT count(*), sum(tons) FROM ship", "without Oriel:");
  sqlite3_close (db);

  /* 5. The pool is a cache and never the only copy: it may go at any time.
   * Force it, for the VFS may still be attached.  Where no pool can be had SQLite
   * does without: "PRAGMA oriel_status" says why. */
  rc = oriel_pool_destroy (pool, NULL, 1);
  if (rc == -ENOENT)
    printf ("there was no pool: SQLite did without\n");
  else if (rc < 0) {
    fprintf (stderr, "03-sqlite: %s\n", oriel_error ());
    return 1;
  }
  unlink (DATA);
  return 0;
}

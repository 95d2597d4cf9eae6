/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shims DATABASE JOURNAL NAME... - a database through a stack of VFSes
 *
 * For vfs-shims-work-above-and-below.sh, which compiles it with SQLite's shims.
 * Each NAME (oriel, cksum, stat, multiplex) is put above those before it.
 * Prints the stack, what PRAGMA oriel_status begins with, a sum of the content,
 * and PRAGMA integrity_check, each in a line.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oriel_vfs.h"

extern int sqlite3_register_cksumvfs (const char *);
extern int sqlite3_vfsstat_init (sqlite3 *, char **, const void *);
extern int sqlite3_multiplex_initialize (const char *, int);

static sqlite3 *db;

static void
must (int rc, const char *what)
{
  if (rc == SQLITE_OK)
    return;
  fprintf (stderr, "shims: %s: %s\n", what,
           db ? sqlite3_errmsg (db) : sqlite3_errstr (rc));
  exit (1);
}

static int
print (void *arg, int n, char **values, char **names)
{
  (void) names;
  if (n > 0 && values[0])
    printf ("%.*s\n", arg ? *(int *) arg : 200, values[0]);
  return 0;
}

static void
run (const char *sql, int width)
{
  must (sqlite3_exec (db, sql, width ? print : NULL, &width, NULL), sql);
}

static void
put_above (const char *name, int *reserve)
{
  char *error = NULL;

  if (strcmp (name, "oriel") == 0)
    must (oriel_vfs_register (1), name);
  else if (strcmp (name, "cksum") == 0)
    {
      must (sqlite3_register_cksumvfs (NULL), name);
      *reserve = 8;
    }
  else if (strcmp (name, "stat") == 0)
    {
      sqlite3 *loader = NULL;
      int rc = sqlite3_open_v2 (":memory:", &loader, SQLITE_OPEN_READWRITE,
                                "unix");

      if (rc == SQLITE_OK)
        rc = sqlite3_vfsstat_init (loader, &error, NULL);
      must (rc == SQLITE_OK_LOAD_PERMANENTLY ? SQLITE_OK : rc, name);
      sqlite3_close (loader);
    }
  else
    must (sqlite3_multiplex_initialize (NULL, 1), name);
}

int
main (int argc, char **argv)
{
  char sql[100];
  char *name = NULL;
  int reserve = 0;

  if (argc < 4)
    return 2;
  for (int i = 3; i < argc; i++)
    put_above (argv[i], &reserve);
  must (sqlite3_open (argv[1], &db), argv[1]);
  if (reserve)
    must (sqlite3_file_control (db, NULL, SQLITE_FCNTL_RESERVE_BYTES,
                                &reserve),
          "reserve");
  snprintf (sql, sizeof sql, "PRAGMA journal_mode = %s", argv[2]);
  run (sql, 0);
  run ("PRAGMA cache_size = 10; PRAGMA mmap_size = 1000000;"
       "PRAGMA wal_autocheckpoint = 20;"
       "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)", 0);
  for (int i = 0; i < 40; i++)
    run ("BEGIN; INSERT INTO t (v) VALUES (zeroblob (3000)); UPDATE t SET v = "
         "zeroblob (length (v) + 1) WHERE id % 7 = 3; COMMIT", 0);
  run ("DELETE FROM t WHERE id % 10 = 0; VACUUM", 0);
  must (sqlite3_file_control (db, "main", SQLITE_FCNTL_VFSNAME, &name),
        "VFSNAME");
  printf ("%s\n", name);
  run ("PRAGMA oriel_status", 4);
  run ("SELECT count (*) > 0 FROM oriel_pages", 200);
  run ("SELECT sum (length (v)) FROM t", 200);
  run ("PRAGMA integrity_check", 200);
  must (sqlite3_close (db), "close");
  return 0;
}

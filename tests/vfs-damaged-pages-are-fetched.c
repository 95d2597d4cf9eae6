/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever a page has, SQLite gets it as it is: the VFS looks for the cells that
 * are searched first, and the page may say that it has more than fit into it.
 */
#include "vfs.h"

#define PAGE 4096
#define PAGES 300

static unsigned char page[PAGES][PAGE]; /* as read */

/* A leaf of a table with the most cells that can be told. */
static const unsigned char head[8] = { 13, 0, 0, 0xff, 0xff, 0, 0, 0 };

static void
make_damaged (const char *path)
{
  sqlite3 *db = open_stock (path);
  FILE *f;

  run (db, "PRAGMA page_size = %d; CREATE TABLE t (x);"
           "INSERT INTO t VALUES (zeroblob (%d))",
       PAGE, PAGE * PAGES);
  close_db (db);
  f = fopen (path, "r+");
  if (!f)
    bail_out ("%s cannot be opened", path);
  for (long i = 2; i < PAGES; i++)
    if (fseek (f, i * PAGE, SEEK_SET) != 0
        || fwrite (head, sizeof head, 1, f) != 1)
      bail_out ("page %ld cannot be damaged", i + 1);
  fclose (f);
}

static sqlite3_file *
file_of (sqlite3 *db)
{
  sqlite3_file *file = NULL;

  if (sqlite3_file_control (db, "main", SQLITE_FCNTL_FILE_POINTER, &file)
      != SQLITE_OK)
    bail_out ("SQLITE_FCNTL_FILE_POINTER is refused");
  return file;
}

/* Pages that share a place, one after the other: as read, as far as they are at
 * hand.  How many of those there were. */
static int
fetch_some (sqlite3_file *file, sqlite3_int64 first, int *wrong)
{
  int fetched = 0;

  for (sqlite3_int64 i = first; i < PAGES; i += 64) {
    void *at = NULL;

    *wrong += file->pMethods->xFetch (file, i * PAGE, PAGE, &at) != SQLITE_OK;
    if (!at)
      continue;
    fetched++;
    *wrong += memcmp (at, page[i], PAGE) != 0;
    *wrong += file->pMethods->xUnfetch (file, i * PAGE, at) != SQLITE_OK;
  }
  return fetched;
}

int
main (void)
{
  const char *path = scratch_file ("damaged.db");
  sqlite3 *db;
  int wrong = 0, fetched = 0;

  make_damaged (path);
  db = must_open_db (path, "oriel", "pool=test&pool_size=1M&window=1M");
  run (db, "BEGIN; SELECT count (*) FROM sqlite_schema");
  for (sqlite3_int64 i = 2; i < PAGES; i++)
    wrong += file_of (db)->pMethods->xRead (file_of (db), page[i], PAGE, i * PAGE)
                 != SQLITE_OK
             || memcmp (page[i], head, sizeof head) != 0;
  /* All slots show some: who believes those that the last ones show looks behind
   * the window, where nothing is. */
  for (int i = 0; i < 5; i++)
    for (sqlite3_int64 first = 2; first < 66; first++)
      fetched += fetch_some (file_of (db), first, &wrong);
  is_int (wrong, 0, "pages that say what cannot be are read as they are");
  ok (fetched > 100, "most by pointer (%d)", fetched);
  run (db, "COMMIT");
  close_db (db);
  return done_testing ();
}

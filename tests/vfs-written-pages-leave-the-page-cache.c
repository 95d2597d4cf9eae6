/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a checkpoint or a commit has written to the database, and synced, is not
 * wanted in the page cache any more, since the pool has it: the kernel is told
 * of these pages, after the sync, and of no others.  Not so where the pool is
 * small, and reads through the page cache; nor without a sync.
 */
#include "vfs.h"

#include <fcntl.h>

#define PAGE 4096
#define PAGES 4096              /* of the database, at most */

static char told[PAGES];        /* the kernel, since forget () */
static int others;              /* what was told beside whole pages */

/* In place of the C library's, for the VFS as well. */
int
posix_fadvise (int fd, off_t start, off_t length, int advice)
{
  (void) fd;
  if (advice != POSIX_FADV_DONTNEED)
    return 0;
  if (start % PAGE || length % PAGE || length <= 0
      || (start + length) / PAGE > PAGES)
    others++;
  else
    memset (told + start / PAGE, 1, (size_t) (length / PAGE));
  return 0;
}

static void
forget (void)
{
  memset (told, 0, sizeof told);
}

static int
count (void)
{
  int n = 0;

  for (int i = 0; i < PAGES; i++)
    n += told[i];
  return n;
}

/* Each page of the database as it is in the file. */
static char *
read_all (const char *path, size_t *size)
{
  struct stat st;
  int fd = open (path, O_RDONLY);
  char *all;

  if (fd < 0 || fstat (fd, &st) < 0 || !(all = malloc ((size_t) st.st_size))
      || read (fd, all, (size_t) st.st_size) != st.st_size)
    bail_out ("%s cannot be read", path);
  close (fd);
  *size = (size_t) st.st_size;
  return all;
}

/* Of the pages that sql changes in the file: how many the kernel was not told
 * of; and in *beside how many it was told of that are as they were. */
static int
changed_and_kept (sqlite3 *db, const char *path, const char *sql, int *beside)
{
  size_t before, after;
  char *old = read_all (path, &before), *new;
  int kept = 0, changed = 0;

  forget ();
  run (db, "%s", sql);
  new = read_all (path, &after);
  if (before != after || after / PAGE > PAGES)
    bail_out ("the database has another size");
  *beside = 0;
  for (size_t i = 0; i < after / PAGE; i++)
    if (memcmp (old + i * PAGE, new + i * PAGE, PAGE) != 0) {
      changed++;
      kept += !told[i];
    } else
      *beside += told[i];
  diag ("%d pages changed, %d told", changed, count ());
  if (changed < 3)
    bail_out ("nothing was written");
  free (old);
  free (new);
  return kept;
}

static sqlite3 *
make (const char *path, const char *pool, const char *journal)
{
  sqlite3 *db = must_open_db (path, "oriel", pool);

  run (db, "PRAGMA page_size = %d; PRAGMA journal_mode = %s;"
           "PRAGMA synchronous = FULL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, x, filler);"
           "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c"
           " WHERE i < 1000) INSERT INTO t SELECT i, 0, zeroblob (2000) FROM c;"
           "PRAGMA wal_checkpoint (TRUNCATE)", PAGE, journal);
  return db;
}

#define SOME "UPDATE t SET x = x + 1 WHERE id IN (5, 300, 301, 302, 600, 900)"

int
main (void)
{
  const char *large = "pool=large&pool_size=16M";
  const char *path;
  sqlite3 *db;
  int beside;

  want_room (32 * MiB);
  path = scratch_file ("log.db");
  db = make (path, large, "WAL");
  forget ();
  run (db, SOME);
  is_int (count (), 0, "a commit to the log tells nothing");
  is_int (changed_and_kept (db, path, "PRAGMA wal_checkpoint", &beside), 0,
          "a checkpoint tells of all that it wrote");
  is_int (beside, 0, "and of nothing else");
  run (db, "PRAGMA synchronous = OFF; " SOME);
  changed_and_kept (db, path, "PRAGMA wal_checkpoint", &beside);
  is_int (count (), 0, "one that is not synced tells nothing");
  close_db (db);

  path = scratch_file ("journal.db");
  db = make (path, large, "DELETE");
  is_int (changed_and_kept (db, path, SOME, &beside), 0,
          "a commit with a journal tells of all that it wrote");
  is_int (beside, 0, "and of nothing else");
  close_db (db);

  path = scratch_file ("small.db");
  db = make (path, "pool=small&pool_size=4M", "DELETE");
  forget ();
  run (db, SOME);
  is_int (count (), 0, "a small pool wants its files in the page cache");
  close_db (db);
  is_int (others, 0, "pages are told of whole");
  return done_testing ();
}

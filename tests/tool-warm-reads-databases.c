/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel warm reads a database of SQLite by the VFS: whoever opens it then finds
 * every page in the pool, whatever its journal mode, and can write it. */
#include "vfs.h"

#include "tool.h"

static void
warm_and_read (const char *mode)
{
  const char *path = scratch_file (mode);
  unsigned long long misses;
  uint64_t content;
  sqlite3 *db;

  db = open_stock (path);
  run (db, "PRAGMA journal_mode=%s", mode);
  make_schema (db);
  run (db, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
           " LIMIT 2000) INSERT INTO a SELECT i, i, randomblob (900) FROM n");
  content = content_hash (db);
  close_db (db);
  usleep (10000); /* a tick of the clock: the VFS mistrusts younger files */

  is_exit (tool ("warm", "-p", "test", "--create", "8M", path, NULL), 0, mode);
  db = open_oriel (path);
  misses = stat_of (db, "misses") + stat_of (db, "readahead");
  ok (misses >= plain_size (path) / 4096, "all pages were loaded, %llu",
      misses);
  ok (content_hash (db) == content, "the content is right");
  ok (stat_of (db, "misses") + stat_of (db, "readahead") == misses,
      "and no page was loaded again");
  run (db, "UPDATE a SET k = k + 1");
  content = content_hash (db);
  close_db (db);
  is_exit (tool ("warm", "-p", "test", path, NULL), 0, "warm once more");
  stock_agrees (path, content, mode);
}

static int
holds (void *arg)
{
  sqlite3 *db;

  await (arg, 1);
  db = open_stock (scratch_file ("delete"));
  run (db, "BEGIN EXCLUSIVE");
  go_to (arg, 2);
  while (pause () < 0)
    ;
  return 0;
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  pid_t pid;

  want_room (24 * MiB);
  tool_program ();
  setenv ("ORIEL_DIR", pool_dir (), 1);
  setenv ("ORIEL_POOL", "test", 1);
  scratch ();
  pid = spawn (holds, at);
  warm_and_read ("wal");
  warm_and_read ("delete");
  go_to (at, 1);
  await (at, 2);
  is_exit (tool ("drop", "test", NULL), 0, "when the pool is empty");
  is_exit (tool ("warm", "-p", "test", scratch_file ("delete"), NULL), 2,
           "a database that is locked");
  says (tool_err, scratch_file ("delete"));
  says (tool_err, "database is locked");
  kill (pid, SIGKILL);
  reap (pid);
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A first checkpoint lets others write.  One that has little left to copy, or a
 * log that has become long, by frames or by bytes, says that they are to wait;
 * and so does a writer when the log grows much while someone copies.
 * After the checkpoint no one says so.
 */
#include "vfs.h"

#include <stdbool.h>
#include <sys/syscall.h>

enum { COPIES = 15 };           /* a word, as in queue.c */

#define PAUSED (1ull << 63)

static oriel_pool *pool;
static uint64_t *words;
static uint64_t seen;           /* when something was synced last */

static uint64_t
copies (void)
{
  return __atomic_load_n (&words[COPIES], __ATOMIC_SEQ_CST);
}

/* SQLite's library calls it. */
__attribute__ ((visibility ("default"))) int
fdatasync (int fd)
{
  if (words)
    seen = copies ();
  return (int) syscall (SYS_fdatasync, fd);
}

/* A log of so many frames that no checkpoint has tried to copy. */
static sqlite3 *
with_log (const char *path, unsigned page, unsigned frames)
{
  sqlite3 *db;

  words = NULL;
  unlink (path);
  db = open_oriel (path);
  run (db, "PRAGMA page_size = %u; PRAGMA journal_mode = WAL;"
           "PRAGMA wal_autocheckpoint = 0; CREATE TABLE u (x);"
           "CREATE TABLE t (x); INSERT INTO u VALUES (0);"
           "PRAGMA wal_checkpoint (TRUNCATE);"
           "INSERT INTO t VALUES (zeroblob (%u))",
       page, frames * (page - 4));
  words = oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));
  return db;
}

static void
checkpoint (sqlite3 *db, bool pauses, const char *what)
{
  seen = 0;
  run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  diag ("%s", what);
  ok (seen != 0, "someone copies");
  is_int ((seen & PAUSED) != 0, pauses, pauses ? "others wait" : "others write");
  ok (copies () == 0, "until it is done");
}

/* Someone reads what has been copied, and one more frame comes. */
static void
go_on (sqlite3 *db, const struct peer *reader)
{
  peer_run (reader, "COMMIT; BEGIN");
  peer_number (reader, "SELECT count (*) FROM t");
  run (db, "UPDATE u SET x = x + 1");
}

/* A log of which a checkpoint has copied all but what someone does not see. */
static sqlite3 *
with_copied_log (const char *path, unsigned page, unsigned frames,
                 const struct peer *reader)
{
  sqlite3 *db = with_log (path, page, frames);

  peer_open (reader, path, "unix", "");
  peer_run (reader, "BEGIN");
  go_on (db, reader);
  checkpoint (db, false, "a first checkpoint");
  return db;
}

static void
end_reader (const struct peer *reader)
{
  peer_run (reader, "COMMIT");
  peer_close (reader);
}

static void
grow (unsigned page, unsigned frames, bool longish, const struct peer *reader,
      const char *what)
{
  sqlite3 *db;

  diag ("%s", what);
  db = with_copied_log (scratch_file ("long.db"), page, frames, reader);
  run (db, "INSERT INTO t VALUES (zeroblob (%u))", frames / 2 * page);
  go_on (db, reader);
  checkpoint (db, longish, "a second with much to do");
  go_on (db, reader);
  checkpoint (db, true, "one with little to do");
  end_reader (reader);
  close_db (db);
}

/* While someone copies, that is, who does not end. */
static void
grow_meanwhile (const struct peer *reader)
{
  sqlite3 *db
      = with_copied_log (scratch_file ("longer.db"), 512, 1000, reader);

  __atomic_store_n (&words[COPIES], oriel_self (pool), __ATOMIC_SEQ_CST);
  run (db, "INSERT INTO t VALUES (zeroblob (%u))", 3500 * 508);
  ok (copies () == oriel_self (pool), "a writer does not say so too early");
  run (db, "INSERT INTO t VALUES (zeroblob (%u))", 1000 * 508);
  ok (copies () == (oriel_self (pool) | PAUSED), "but when much has come");
  go_on (db, reader);
  checkpoint (db, false, "much is to do");
  run (db, "INSERT INTO t VALUES (zeroblob (%u))", 5000 * 508);
  ok (copies () == 0, "and not if no one copies");
  end_reader (reader);
  close_db (db);
}

/* Who has to wait for a writer before it can end has no one wait. */
static void
wait_for_writer (const struct peer *reader, const struct peer *copier)
{
  const char *path = scratch_file ("restart.db");
  sqlite3 *db = with_copied_log (path, 4096, 1000, reader);

  end_reader (reader);
  run (db, "BEGIN IMMEDIATE; UPDATE u SET x = 7");
  peer_open (copier, path, "oriel", POOL);
  peer_run (copier, "PRAGMA busy_timeout = 60000");
  peer_send (copier, 'R', "", "", "PRAGMA wal_checkpoint (RESTART)");
  while (copies () == 0)
    usleep (1000);
  usleep (50000);
  ok (copies () != 0, "a checkpoint waits for a writer");
  ok (!(copies () & PAUSED), "and no one for it");
  run (db, "COMMIT");
  is_int (peer_receive (copier).rc, SQLITE_OK, "it ends");
  ok (copies () == 0, "and says so");
  peer_close (copier);
  close_db (db);
}

int
main (void)
{
  struct peer reader = peer_start ();
  struct peer copier = peer_start ();

  pool = test_pool ();
  grow (4096, 1000, false, &reader, "1000 frames");
  grow (512, 6000, true, &reader, "more than 8000 frames");
  grow (16384, 1500, true, &reader, "32 MiB of more than 2000 frames");
  grow (65536, 300, false, &reader, "few frames");
  grow_meanwhile (&reader);
  wait_for_writer (&reader, &copier);
  return done_testing ();
}

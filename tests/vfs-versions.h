/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs-versions.h - processes that write and read rows of known versions
 *
 * For each row it is known which version was committed before a read began, and
 * which was begun before it ended: what is read lies between.  Rows that are
 * written together, a row and its twin, are seen together.
 *
 * ORIEL_TEST_VFS=unix runs a test with SQLite's own VFS alone, to see whose a
 * failure is.
 */
#ifndef VFS_VERSIONS_H
#define VFS_VERSIONS_H

#include "vfs.h"

#define ROWS 120                /* each with a twin, far away in the file */
#define PEERS 4

struct shared {
  _Atomic unsigned committed[ROWS];
  _Atomic unsigned begun[ROWS];
  _Atomic unsigned long reads;
  _Atomic unsigned long writes;
  _Atomic unsigned long stale;
  _Atomic unsigned long early;
  _Atomic unsigned long apart;
  _Atomic unsigned long damaged;
};

static struct shared *shared;
static char path[512];

static const struct {
  const char *vfs;
  const char *more;
} kinds[PEERS] = {
  { "oriel", POOL },
  { "oriel", POOL },
  { "unix", "" },
  { "oriel", "pool=other&pool_size=512K&window=64K&slot=4K" },
};

static sqlite3 *
open_as (int kind)
{
  const char *forced = getenv ("ORIEL_TEST_VFS");
  sqlite3 *db = must_open_db (path, forced ? forced : kinds[kind].vfs,
                              kinds[kind].more);

  run (db, "PRAGMA synchronous = OFF; PRAGMA cache_size = 4;"
           "PRAGMA wal_autocheckpoint = %d; PRAGMA mmap_size = %d",
       kind == 0 ? 20 : 200, kind == 1 ? 0 : 100000000);
  return db;
}

static void
raise_to (_Atomic unsigned *word, unsigned value)
{
  unsigned now = atomic_load (word);

  while (now < value && !atomic_compare_exchange_weak (word, &now, value))
    ;
}

static unsigned
read_version (sqlite3 *db, unsigned id)
{
  char sql[80];

  snprintf (sql, sizeof sql, "SELECT v FROM t WHERE id = %u", id);
  return (unsigned) number_of (db, sql);
}

static void
write_one (sqlite3 *db, uint64_t *random)
{
  unsigned ids[3];
  unsigned v[3];
  int n = 1 + (int) (next_random (random) % 3);

  run (db, "BEGIN IMMEDIATE");
  for (int i = 0; i < n; i++) {
    ids[i] = (unsigned) (next_random (random) % ROWS);
    v[i] = read_version (db, ids[i]) + 1;
    raise_to (&shared->begun[ids[i]], v[i]);
    run (db, "UPDATE t SET v = %u, filler = zeroblob (%u) WHERE id = %u;"
             "UPDATE t SET v = %u WHERE id = %u",
         v[i], (unsigned) (next_random (random) % 1500), ids[i], v[i],
         ids[i] + ROWS);
  }
  run (db, "COMMIT");
  for (int i = 0; i < n; i++)
    raise_to (&shared->committed[ids[i]], v[i]);
  atomic_fetch_add (&shared->writes, 1);
}

static void
read_all (sqlite3 *db)
{
  sqlite3_stmt *stmt = prepare (
      db, "SELECT a.id, a.v, b.v FROM t a JOIN t b ON b.id = a.id + 120 "
          "WHERE a.id < 120 ORDER BY a.id");
  unsigned least[ROWS];
  unsigned seen[ROWS];
  int n = 0;
  int rc;

  for (int i = 0; i < ROWS; i++)
    least[i] = atomic_load (&shared->committed[i]);
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW && n < ROWS) {
    if (sqlite3_column_int (stmt, 0) != n)
      break;
    seen[n] = (unsigned) sqlite3_column_int (stmt, 1);
    if (sqlite3_column_int (stmt, 2) != (int) seen[n])
      atomic_fetch_add (&shared->apart, 1);
    n++;
  }
  if (rc != SQLITE_DONE || n != ROWS) {
    diag ("reading: %d rows, %s", n, sqlite3_errmsg (db));
    atomic_fetch_add (&shared->damaged, 1);
  }
  sqlite3_finalize (stmt);
  for (int i = 0; i < n; i++) {
    if (seen[i] < least[i])
      atomic_fetch_add (&shared->stale, 1);
    if (seen[i] > atomic_load (&shared->begun[i]))
      atomic_fetch_add (&shared->early, 1);
  }
  atomic_fetch_add (&shared->reads, 1);
}

/* What a process does that is one of kinds, rounds times. */
static int
peer_of_kind (int kind, uint64_t random, int rounds)
{
  static const char *const checkpoints[]
      = { "PASSIVE", "FULL", "RESTART", "TRUNCATE" };
  sqlite3 *db = open_as (kind);

  for (int i = 0; i < rounds; i++) {
    unsigned what = (unsigned) (next_random (&random) % 64);

    if (what < 24)
      write_one (db, &random);
    else if (what < 60)
      read_all (db);
    else if (what < 62)
      try_run (db, "PRAGMA wal_checkpoint (%s)",
               checkpoints[next_random (&random) % COUNT (checkpoints)]);
    else {
      close_db (db);
      db = open_as (kind);
    }
  }
  close_db (db);
  return 0;
}

/* A new database, all rows of version 0. */
static void
make_versions (const char *journal)
{
  sqlite3 *db;

  if (!shared)
    shared = shared_memory (sizeof *shared);
  memset (shared, 0, sizeof *shared);
  snprintf (path, sizeof path, "%s", scratch_file ("shared.db"));
  db = open_stock (path);
  run (db, "PRAGMA journal_mode = %s;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, filler);"
           "WITH RECURSIVE c (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) INSERT INTO t SELECT x, 0, zeroblob (600) FROM c",
       journal, 2 * ROWS - 1);
  close_db (db);
}

/* All have ended: what did they see? */
static void
check_versions (const char *journal)
{
  unsigned long wrong = 0;
  sqlite3 *db;

  diag ("%s: %lu writes, %lu reads of %d rows", journal,
        atomic_load (&shared->writes), atomic_load (&shared->reads), ROWS);
  is_int ((long long) atomic_load (&shared->stale), 0, "stale rows");
  is_int ((long long) atomic_load (&shared->early), 0, "rows never written");
  is_int ((long long) atomic_load (&shared->apart), 0, "torn transactions");
  is_int ((long long) atomic_load (&shared->damaged), 0, "failed reads");
  db = open_stock (path);
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  for (unsigned i = 0; i < ROWS; i++) {
    unsigned v = read_version (db, i);

    wrong += v < atomic_load (&shared->committed[i])
             || v > atomic_load (&shared->begun[i]);
  }
  is_int ((long long) wrong, 0, "each row is as it was last written");
  close_db (db);
  unlink (path);
}

#endif /* VFS_VERSIONS_H */

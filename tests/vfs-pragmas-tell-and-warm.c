/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PRAGMA oriel_status and oriel_stats tell what is; oriel_pool names the pool;
 * oriel_warm reads the database into it, all at once or by portions, and
 * oriel_drop has it forgotten.
 */
#include "vfs.h"

static uint64_t
reads (sqlite3 *db)
{
  return stat_of (db, "misses");
}

static int
says (sqlite3 *db, const char *pragma, const char *part)
{
  const char *text = text_of (db, pragma);
  int good = ok (strstr (text, part) != NULL, "%s says: %s", pragma, part);

  if (!good)
    diag ("it says: %s", text);
  return good;
}

static void
fill (sqlite3 *db)
{
  run (db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);"
           "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
           "WHERE i < 1000) INSERT INTO t SELECT i, randomblob (1000) FROM n");
}

/* Counts of "A of B pages". */
static void
warm (sqlite3 *db, const char *sql, unsigned long long *a,
      unsigned long long *b)
{
  const char *text = text_of (db, sql);

  if (sscanf (text, "%llu of %llu pages", a, b) != 2)
    bail_out ("%s: %s", sql, text);
}

static void
with (const char *journal)
{
  const char *path = scratch_file ("it's 100% odd?&=#.db");
  const char *uri = scratch_file ("it's 100%25 odd%3f%26=%23.db");
  unsigned long long done, all, last = 0, portions = 0;
  sqlite3 *db = must_open_db (uri, "oriel", POOL);
  sqlite3 *other;
  uint64_t before;

  diag ("%s", journal);
  run (db, "PRAGMA journal_mode = %s", journal);
  fill (db);
  if (strcmp (journal, "WAL") == 0)
    run (db, "PRAGMA wal_checkpoint");
  all = plain_size (path) / 4096;

  text_of (db, "PRAGMA oriel_drop");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages"), 0,
          "after oriel_drop the pool has no page");
  warm (db, "PRAGMA oriel_warm", &done, &last);
  is_int ((long long) done, (long long) all, "oriel_warm reads all pages");
  is_int ((long long) last, (long long) all, "and says how many there are");
  is_int (number_of (db, "SELECT count (DISTINCT page) FROM oriel_pages"),
          (long long) all, "each page is in the pool");
  before = reads (db);
  other = must_open_db (uri, "oriel", POOL);
  is_int (number_of (other, "SELECT sum (length (v)) FROM t"), 1000000,
          "the database is read");
  is_int ((long long) reads (db), (long long) before, "by nothing but hits");
  close_db (other);

  /* In portions of 100 pages. */
  is_str (text_of (db, "PRAGMA oriel_drop"),
          text_of (db, "SELECT printf ('%d pages', (SELECT page_count FROM "
                       "pragma_page_count))"),
          "oriel_drop says how many");
  for (last = 0; last < all; last = done, portions++) {
    warm (db, "PRAGMA oriel_warm = '400K'", &done, &last);
    if (done > all || done > (portions + 1) * 100)
      bail_out ("%llu pages after %llu portions", done, portions);
  }
  is_int ((long long) portions, (long long) ((all + 99) / 100),
          "so many portions");
  is_int (number_of (db, "SELECT count (DISTINCT page) FROM oriel_pages"),
          (long long) all, "and all pages are there");
  text_of (db, "PRAGMA oriel_drop");
  warm (db, "PRAGMA oriel_warm = '8K'", &done, &last);
  is_int ((long long) done, 2, "after the last portion it begins anew");

  /* Inside of a transaction, of the connection and of another one. */
  run (db, "BEGIN; INSERT INTO t (v) VALUES (zeroblob (5000))");
  warm (db, "PRAGMA oriel_warm", &done, &last);
  ok (done >= all, "in a transaction that writes it works as well");
  run (db, "COMMIT");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");

  is_int (try_run (db, "PRAGMA oriel_warm = 'much'"), SQLITE_ERROR,
          "what is no size is an error");
  ok (strstr (sqlite3_errmsg (db), "takes a size") != NULL, "that says so");
  says (db, "PRAGMA oriel_status", "pool test (");
  says (db, "PRAGMA oriel_status", "1024 frames of 4096 bytes, backend linear");
  says (db, "PRAGMA oriel_status", "residency none");
  says (db, "PRAGMA oriel_status", strcmp (journal, "WAL") == 0
                                       ? "coherent with the log"
                                       : "coherent with the file");
  is_str (text_of (db, "PRAGMA oriel_pool"), pool_path ("test"),
          "oriel_pool is its path");
  ok (stat_of (db, "frames") == 1024, "oriel_stats has the frames");
  close_db (db);
  unlink (path);
}

/* Not more than the pool holds, and what others need. */
static void
bounded (void)
{
  const char *path = scratch_file ("large.db");
  sqlite3 *db = must_open_db (path, "oriel", "pool=small&pool_size=1M");
  unsigned long long done, all;

  fill (db);
  warm (db, "PRAGMA oriel_warm", &done, &all);
  is_int ((long long) done, 224, "oriel_warm leaves an eighth of the pool");
  ok (all > done, "and says that there is more");
  run (db, "DELETE FROM t");
  run (db, "BEGIN IMMEDIATE; DELETE FROM t; INSERT INTO t VALUES (1, 2)");
  says (db, "PRAGMA oriel_status", "pool small");
  run (db, "COMMIT");
  close_db (db);
}

static void
copy_file (const char *from, const char *to)
{
  char buffer[4096];
  int in = open (from, O_RDONLY | O_CLOEXEC);
  off_t at = 0;
  ssize_t n;

  while ((n = read (in, buffer, sizeof buffer)) > 0) {
    plain_write (to, at, buffer, (size_t) n);
    at += n;
  }
  if (n < 0)
    bail_out ("%s: %m", from);
  close (in);
}

/* A connection that may only read has nothing written for it: a hot journal is
 * left to those who may write. */
static void
read_only (void)
{
  const char *path = scratch_file ("hot.db");
  const char *journal = scratch_file ("hot.db-journal");
  const char *from = scratch_file ("cool.db");
  sqlite3 *writer = open_stock (from);
  sqlite3 *db;
  char sql[1200];
  unsigned long long done, all;

  fill (writer);
  run (writer, "PRAGMA cache_size = 1; BEGIN; UPDATE t SET v = 1");
  copy_file (from, path);
  snprintf (sql, sizeof sql, "%s-journal", from);
  copy_file (sql, journal);
  close_db (writer);
  db = must_open_db (path, "oriel", POOL "&mode=ro");
  ok (try_run (db, "PRAGMA oriel_warm") != SQLITE_OK
          && access (journal, F_OK) == 0,
      "oriel_warm leaves a hot journal to who may write");
  close_db (db);

  db = must_open_db (from, "oriel", POOL "&mode=ro");
  warm (db, "PRAGMA oriel_warm", &done, &all);
  ok (done == all && all > 0, "and warms where nothing has to be written");
  close_db (db);
}

static void
without (void)
{
  sqlite3 *db = must_open_db (scratch_file ("none.db"), "oriel",
                              "pool=/nonexistent/pool");

  says (db, "PRAGMA oriel_status", "no pool: ");
  says (db, "PRAGMA oriel_stats", "no pool: ");
  says (db, "PRAGMA oriel_warm", "no pool: ");
  says (db, "PRAGMA oriel_drop", "no pool: ");
  says (db, "PRAGMA oriel_pool", "no pool: ");
  is_str (text_of (db, "PRAGMA oriel_nothing"), "",
          "an unknown pragma is none, as ever");
  close_db (db);
}

int
main (void)
{
  want_room (24 * MiB);
  with ("DELETE");
  with ("WAL");
  bounded ();
  read_only ();
  without ();
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pages and oriel_stats are tables of every connection, and show the pool
 * of the database that is asked for.
 */
#include "vfs.h"

int
main (void)
{
  const char *path = scratch_file ("a.db");
  const char *second = scratch_file ("b.db");
  sqlite3 *db, *stock;
  char *sql;

  db = open_oriel (path);
  run (db, "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob (100000))");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages"),
          (long long) plain_size (path) / 4096, "each page is in the pool");
  is_int (number_of (db, "SELECT min (page) FROM oriel_pages"), 1,
          "the first is page 1, as SQLite counts");
  is_int (number_of (db, "SELECT count (DISTINCT frame) FROM oriel_pages"),
          (long long) plain_size (path) / 4096, "in a frame of its own");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages WHERE dirty"), 0,
          "none is dirty outside of transactions");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages WHERE slot < 0 OR "
                         "hits < 0 OR frame < 0 OR frame >= 1024"),
          0, "slot, hits and frame are what they can be");
  run (db, "PRAGMA mmap_size = 1000000");
  is_int (number_of (db, "SELECT max (pinned) FROM t CROSS JOIN "
                         "oriel_pages"), 1,
          "a page that a query points into is pinned");

  is_int (number_of (db, "SELECT value FROM oriel_stats "
                         "WHERE name = 'frames'"),
          1024, "oriel_stats has the frames");
  is_int (number_of (db, "SELECT count (*) FROM oriel_stats"),
          number_of (db, "SELECT count (DISTINCT name) FROM oriel_stats"),
          "each name comes once");
  is_int (number_of (db, "SELECT value FROM oriel_stats "
                         "WHERE name = 'hits'") > 0, 1, "and the hits");

  sql = sqlite3_mprintf ("ATTACH 'file:%s?vfs=oriel&pool_dir=%s&" POOL
                         "' AS other", second, pool_dir ());
  run (db, "%s", sql);
  sqlite3_free (sql);
  run (db, "CREATE TABLE other.t (x)");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages ('other')"),
          (long long) plain_size (second) / 4096,
          "an attached database has its own pages");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages WHERE schema = "
                         "'other'"),
          (long long) plain_size (second) / 4096, "asked either way");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages (NULL)"), 0,
          "NULL is no database");
  is_int (try_run (db, "SELECT * FROM oriel_pages ('nowhere')"), SQLITE_ERROR,
          "one that is not attached is an error");
  is_str (sqlite3_errmsg (db), "no such database: nowhere", "that names it");
  run (db, "CREATE TEMP TABLE x (y)");
  is_int (number_of (db, "SELECT count (*) FROM oriel_pages ('temp')"), 0,
          "a temporary database has none");

  stock = open_stock (path);
  is_int (number_of (stock, "SELECT count (*) FROM oriel_pages"), 0,
          "a stock connection has the table, and no pages");
  is_int (number_of (stock, "SELECT count (*) FROM oriel_stats"), 0,
          "nor numbers");
  is_int (try_run (stock, "CREATE VIEW v AS SELECT * FROM oriel_pages;"
                          "SELECT * FROM v"),
          SQLITE_ERROR, "a schema cannot look by a view");
  close_db (stock);
  close_db (db);
  return done_testing ();
}

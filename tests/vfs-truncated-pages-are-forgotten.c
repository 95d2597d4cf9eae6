/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database that shrinks, by VACUUM, auto_vacuum or a larger transaction's
 * rollback, and grows again, shows nothing of what was behind its end.
 */
#include "vfs.h"

static void
grow (sqlite3 *db, int rows, int tag)
{
  run (db, "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) INSERT INTO t (tag, filler) SELECT %d, "
           "CAST (printf ('%%.*c', 2000, char (96 + %d)) AS BLOB) FROM c",
       rows, tag, tag);
}

static void
check_one (sqlite3 *db, const char *path, int rows, const char *what,
           int uses_pool)
{
  uint64_t size = (uint64_t) number_of (db, "PRAGMA page_count")
                  * (uint64_t) number_of (db, "PRAGMA page_size");

  is_int (number_of (db, "SELECT count (*) FROM t WHERE filler = "
                         "CAST (printf ('%.*c', 2000, char (96 + tag)) AS "
                         "BLOB)"),
          rows, what);
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  is_int ((long long) plain_size (path), (long long) size,
          "the file is as long as its pages");
  if (uses_pool)
    is_int (number_of (db, "SELECT count (*) FROM oriel_pages WHERE (page - 1)"
                           " * 4096 >= (SELECT page_count FROM "
                           "pragma_page_count) * (SELECT page_size FROM "
                           "pragma_page_size)"),
            0, "the pool has no page behind its end");
}

static void
check (sqlite3 *db, const char *path, int rows, const char *what)
{
  check_one (db, path, rows, what, 1);
}

static void
with (const char *journal, int page_size)
{
  const char *path = scratch_file ("vacuum.db");
  sqlite3 *db = open_oriel (path);
  sqlite3 *stock;

  diag ("%s, pages of %d", journal, page_size);
  run (db, "PRAGMA page_size = %d; PRAGMA auto_vacuum = FULL;"
           "PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;"
           "PRAGMA cache_size = 10;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, tag, filler)",
       page_size, journal);
  for (int round = 1; round <= 5; round++) {
    grow (db, 400, round);
    run (db, "PRAGMA wal_checkpoint (TRUNCATE)");
    check (db, path, 400, "grown");
    run (db, "DELETE FROM t WHERE id > 10; PRAGMA wal_checkpoint (TRUNCATE)");
    check (db, path, 10, "shrunk by auto_vacuum");
    run (db, "BEGIN");
    grow (db, 300, round + 1);
    run (db, "ROLLBACK; PRAGMA wal_checkpoint (TRUNCATE)");
    check (db, path, 10, "rolled back");
    grow (db, 200, round + 2);
    run (db, "DELETE FROM t WHERE id %% 2; VACUUM;"
             "PRAGMA wal_checkpoint (TRUNCATE)");
    check (db, path, 105, "vacuumed");
    run (db, "DELETE FROM t");
  }
  grow (db, 50, 9);
  close_db (db);
  stock = open_stock (path);
  check_one (stock, path, 50, "a stock connection sees it", 0);
  close_db (stock);
  unlink (path);
}

int
main (void)
{
  with ("DELETE", 4096);
  with ("WAL", 4096);
  with ("DELETE", 1024);
  with ("WAL", 1024);
  with ("DELETE", 16384);
  return done_testing ();
}

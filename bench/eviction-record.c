/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction-record.c - record what analytical queries do to a pool
 *
 * Four tables and eight queries after TPC-H, a twentieth of its smallest size:
 * scans, range scans by an index, joins by indices, and aggregates of groups.
 * Not a TPC-H result in any sense.
 *
 * What is recorded is the same each time.  Values are drawn by a function of
 * ours, not by SQLite's random().  And the pool has all pages before it begins:
 * else SQLite's own cache, tiny as it is, would get what the pool had not just
 * then, and so what it asks for would depend on how fast reads are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eviction.h"

#ifndef EVICTION_SQLITE

int
eviction_record (const char *path, bool quick)
{
  (void) path;
  (void) quick;
  fputs ("bench-eviction: built without SQLite\n", stderr);
  return 1;
}

#else

#include <oriel_vfs.h>
#include <sqlite3.h>

#define ROUNDS 3
#define COUNT(array) (sizeof (array) / sizeof (array)[0])

/* Rows 1 to N; a tenth, if it is to be quick. */
#define ROWS(n)                                                               \
  "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<"     \
  "tenth(" n ")) "
#define RANDOM(n) "draw(" n ")"
/* Of as many letters; what they are is all the same. */
#define COMMENT(n) "hex(zeroblob(" n "))"

static const char *const making[] = {
  "CREATE TABLE customer(ck INTEGER PRIMARY KEY, nation INT, segment INT,"
  " comment TEXT)",
  "CREATE TABLE part(pk INTEGER PRIMARY KEY, brand INT, type INT,"
  " comment TEXT)",
  "CREATE TABLE orders(ok INTEGER PRIMARY KEY, ck INT, odate INT, prio INT,"
  " comment TEXT)",
  "CREATE TABLE lineitem(ok INT, ln INT, pk INT, qty INT, price REAL,"
  " disc REAL, flag INT, sdate INT, cdate INT, rdate INT, mode INT,"
  " comment TEXT, PRIMARY KEY(ok, ln)) WITHOUT ROWID",
  "BEGIN",
  ROWS ("7500") "INSERT INTO customer SELECT x, " RANDOM ("25") ", "
  RANDOM ("5") ", " COMMENT ("60") " FROM c",
  ROWS ("10000") "INSERT INTO part SELECT x, " RANDOM ("25") ", "
  RANDOM ("150") ", " COMMENT ("40") " FROM c",
  ROWS ("75000") "INSERT INTO orders SELECT x, 1+" RANDOM ("7500") ", "
  RANDOM ("2400") ", " RANDOM ("5") ", " COMMENT ("30") " FROM c",
  ROWS ("300000") "INSERT INTO lineitem SELECT (x+3)/4, (x+3)%4, 1+"
  RANDOM ("10000") ", 1+" RANDOM ("50") ", " RANDOM ("100000") ", ("
  RANDOM ("11") ")/100.0, " RANDOM ("3") ", " RANDOM ("2500") ", "
  RANDOM ("2500") ", " RANDOM ("2500") ", " RANDOM ("7")
  ", " COMMENT ("13") " FROM c",
  "CREATE INDEX lp ON lineitem(pk)",
  "CREATE INDEX ls ON lineitem(sdate)",
  "CREATE INDEX oc ON orders(ck)",
  "CREATE INDEX od ON orders(odate)",
  "COMMIT",
  "ANALYZE",
};

/* ?1 is a date, ?2 a small number. */
static const char *const queries[] = {
  "SELECT flag, sum(qty), sum(price*(1-disc)), avg(disc), count(*)"
  " FROM lineitem WHERE sdate <= ?1+?2 GROUP BY flag",
  "SELECT l.ok, sum(l.price*(1-l.disc)) r, o.odate"
  " FROM customer c, orders o, lineitem l WHERE c.segment=1 AND c.ck=o.ck"
  " AND l.ok=o.ok AND o.odate<?1+?2 AND l.sdate>1200 GROUP BY l.ok"
  " ORDER BY r DESC LIMIT 10",
  "SELECT prio, count(*) FROM orders o WHERE odate>=?1 AND odate<?1+90+?2"
  " AND EXISTS(SELECT * FROM lineitem l WHERE l.ok=o.ok AND cdate<rdate)"
  " GROUP BY prio",
  "SELECT sum(price*disc) FROM lineitem WHERE sdate>=?1 AND sdate<?1+180+?2"
  " AND disc BETWEEN .05 AND .07 AND qty<24",
  "SELECT mode, sum(prio<2) FROM orders o, lineitem l WHERE o.ok=l.ok"
  " AND mode IN (1,2) AND rdate>=?1 AND rdate<?1+365+?2 GROUP BY mode",
  "SELECT sum((type<25)*l.price*(1-disc))/sum(l.price*(1-disc))"
  " FROM lineitem l, part p WHERE l.pk=p.pk AND sdate>=?1"
  " AND sdate<?1+30+?2",
  "SELECT sum(l.price)/7 FROM lineitem l, part p WHERE p.pk=l.pk"
  " AND brand=(?1+?2)%25 AND type<40"
  " AND qty<(SELECT .2*avg(qty) FROM lineitem WHERE pk=p.pk)",
  "SELECT c.ck, sum(l.price*(1-disc)) r FROM customer c, orders o, lineitem l"
  " WHERE c.ck=o.ck AND l.ok=o.ok AND odate>=?1 AND odate<?1+90+?2"
  " AND flag=1 GROUP BY c.ck ORDER BY r DESC LIMIT 20",
};

static void
must (sqlite3 *db, int rc)
{
  if (rc == SQLITE_OK || rc == SQLITE_DONE)
    return;
  fprintf (stderr, "bench-eviction: %s\n", sqlite3_errmsg (db));
  exit (1);
}

static void
run (sqlite3 *db, const char *sql, int date, int small)
{
  sqlite3_stmt *q;
  int rc;

  must (db, sqlite3_prepare_v2 (db, sql, -1, &q, NULL));
  if (sqlite3_bind_parameter_count (q) == 2) {
    must (db, sqlite3_bind_int (q, 1, date));
    must (db, sqlite3_bind_int (q, 2, small));
  }
  while ((rc = sqlite3_step (q)) == SQLITE_ROW)
    ;
  must (db, rc);
  sqlite3_finalize (q);
}

/* draw(n): 0 to n - 1 */
static void
draw (sqlite3_context *context, int n, sqlite3_value **value)
{
  uint64_t *state = sqlite3_user_data (context);

  (void) n;
  sqlite3_result_int64 (context,
                        (sqlite3_int64) (eviction_random (state)
                                         % (uint64_t) sqlite3_value_int64 (
                                             value[0])));
}

/* tenth(n): n, or a tenth of it */
static void
tenth (sqlite3_context *context, int n, sqlite3_value **value)
{
  const bool *quick = sqlite3_user_data (context);

  (void) n;
  sqlite3_result_int (context,
                      sqlite3_value_int (value[0]) / (*quick ? 10 : 1));
}

static sqlite3 *
must_open (const char *name, const char *vfs)
{
  sqlite3 *db;

  must (db, sqlite3_open_v2 (name, &db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                 | SQLITE_OPEN_URI,
                             vfs));
  return db;
}

/* By another process: this one attaches to the pool when it is traced. */
static int
warm (const char *name)
{
  int status = 1;
  pid_t pid = fork ();

  if (pid == 0) {
    sqlite3 *db = must_open (name, "oriel");

    run (db, "PRAGMA oriel_warm", 0, 0);
    sqlite3_close (db);
    _exit (0);
  }
  return pid < 0 || waitpid (pid, &status, 0) < 0 ? 1 : status;
}

int
eviction_record (const char *path, bool quick)
{
  char data[600], name[700];
  uint64_t state = 7, drawn = 1;
  sqlite3 *db;

  snprintf (data, sizeof data, "%s.db", path);
  snprintf (name, sizeof name, "file:%s?pool=bench-eviction-%d&pool_size=64M",
            data, (int) getpid ());
  unlink (data);
  unlink (path);
  db = must_open (data, NULL);
  must (db, sqlite3_create_function (db, "draw", 1, SQLITE_UTF8, &drawn, draw,
                                     NULL, NULL));
  must (db, sqlite3_create_function (db, "tenth", 1,
                                     SQLITE_UTF8 | SQLITE_DETERMINISTIC, &quick,
                                     tenth, NULL, NULL));
  for (size_t i = 0; i < COUNT (making); i++)
    run (db, making[i], 0, 0);
  sqlite3_close (db);
  if (oriel_vfs_register (0) != SQLITE_OK || warm (name) != 0)
    return 1;
  setenv ("ORIEL_TRACE", path, 1);
  db = must_open (name, "oriel");
  run (db, "PRAGMA cache_size=20", 0, 0);
  for (size_t i = 0; i < ROUNDS * COUNT (queries); i++)
    run (db, queries[eviction_random (&state) % COUNT (queries)],
         300 + (int) (eviction_random (&state) % 1700),
         (int) (eviction_random (&state) % 10));
  sqlite3_close (db);
  unlink (data);
  return 0;
}

#endif

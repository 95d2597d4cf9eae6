/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-check.c - the consistency conditions 1 to 4 (clause 3.3.2)
 *
 * Each query gives one row for each warehouse or district: whether the
 * condition holds there, and the values as text.  The outer joins let a place
 * with no rows at all count as in violation, and the number of rows must be
 * what the loader made, so an empty table never passes.  All amounts are
 * integers: sums are exact.
 *
 * Conditions 2 and 3 say nothing about districts without pending orders.
 *
 * They hold whole transactions together, and would not miss one that is lost
 * whole.  After a run the new-orders that terminals were told are committed are
 * counted, too: each is there, and no more than those and one for each terminal
 * that was killed before it could count.
 */
#include <string.h>

#include "tpcc.h"

static const char *const condition[CONDITIONS] = {
  /* 1: w_ytd = sum (d_ytd) */
  "SELECT w_ytd IS ytd,"
  " printf ('warehouse %d: w_ytd %d, sum of d_ytd %s', w_id, w_ytd, ytd)"
  " FROM warehouse LEFT JOIN"
  " (SELECT d_w_id, sum (d_ytd) AS ytd FROM district GROUP BY d_w_id)"
  " ON d_w_id = w_id",

  /* 2: d_next_o_id - 1 = max (o_id) = max (no_o_id) */
  "SELECT d_next_o_id - 1 IS newest AND (pending IS NULL OR pending = newest),"
  " printf ('warehouse %d, district %d: d_next_o_id %d, max (o_id) %s,"
  " max (no_o_id) %s', d_w_id, d_id, d_next_o_id, newest, pending)"
  " FROM district LEFT JOIN"
  " (SELECT o_w_id, o_d_id, max (o_id) AS newest FROM orders"
  "  GROUP BY o_w_id, o_d_id) ON o_w_id = d_w_id AND o_d_id = d_id"
  " LEFT JOIN"
  " (SELECT no_w_id, no_d_id, max (no_o_id) AS pending FROM new_order"
  "  GROUP BY no_w_id, no_d_id) ON no_w_id = d_w_id AND no_d_id = d_id",

  /* 3: max (no_o_id) - min (no_o_id) + 1 = rows of new_order */
  "SELECT number IS NULL OR high - low + 1 = number,"
  " printf ('warehouse %d, district %d: no_o_id %d to %d, %d rows',"
  " d_w_id, d_id, low, high, number)"
  " FROM district LEFT JOIN"
  " (SELECT no_w_id, no_d_id, min (no_o_id) AS low, max (no_o_id) AS high,"
  "  count (*) AS number FROM new_order"
  "  GROUP BY no_w_id, no_d_id) ON no_w_id = d_w_id AND no_d_id = d_id",

  /* 4: sum (o_ol_cnt) = rows of order_line */
  "SELECT lines IS number,"
  " printf ('warehouse %d, district %d: sum of o_ol_cnt %s,"
  " rows of order_line %s', d_w_id, d_id, lines, number)"
  " FROM district LEFT JOIN"
  " (SELECT o_w_id, o_d_id, sum (o_ol_cnt) AS lines FROM orders"
  "  GROUP BY o_w_id, o_d_id) ON o_w_id = d_w_id AND o_d_id = d_id"
  " LEFT JOIN"
  " (SELECT ol_w_id, ol_d_id, count (*) AS number FROM order_line"
  "  GROUP BY ol_w_id, ol_d_id) ON ol_w_id = d_w_id AND ol_d_id = d_id",
};

static void
copy_text (char text[ERROR_TEXT], sqlite3_stmt *stmt, int column)
{
  const char *s = (const char *) sqlite3_column_text (stmt, column);

  snprintf (text, ERROR_TEXT, "%s", s ? s : "NULL");
}

static int
check_condition (sqlite3 *db, struct check_report *report, int n)
{
  sqlite3_stmt *stmt;
  int rc;

  rc = sqlite3_prepare_v2 (db, condition[n], -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return rc;
  while (sqlite3_step (stmt) == SQLITE_ROW)
    {
      report->rows[n]++;
      if (sqlite3_column_int (stmt, 0))
        continue;
      if (report->bad[n]++ == 0)
        copy_text (report->example[n], stmt, 1);
    }
  return sqlite3_finalize (stmt);
}

static int
check_integrity (sqlite3 *db, struct check_report *report)
{
  sqlite3_stmt *stmt;
  int rc;

  rc = sqlite3_prepare_v2 (db, "PRAGMA integrity_check (1)", -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return rc;
  if (sqlite3_step (stmt) == SQLITE_ROW)
    copy_text (report->integrity, stmt, 0);
  return sqlite3_finalize (stmt);
}

static int
check_commits (sqlite3 *db, const struct tpcc *tpcc,
               struct check_report *report)
{
  const struct shared *shared = tpcc->shared;
  uint64_t told = 0, found;
  int64_t orders;
  int i, rc;

  if (!(tpcc->opt.actions & RUN))
    return SQLITE_OK;
  rc = tpcc_orders (db, &orders);
  if (rc != SQLITE_OK)
    return rc;
  for (i = 0; i < tpcc->opt.terminals; i++)
    told += shared->terminal[i].orders;
  found = (uint64_t) (orders - shared->orders_before);
  if (found >= told && found - told <= shared->kills)
    snprintf (report->commits, ERROR_TEXT, "ok");
  else
    snprintf (report->commits, ERROR_TEXT,
              "%llu new-orders were committed, %lld are there (%llu terminals"
              " were killed)", (unsigned long long) told, (long long) found,
              (unsigned long long) shared->kills);
  return SQLITE_OK;
}

/* Whether the table has the rows that it must have. */
static void
judge (struct check_report *report, int warehouses)
{
  int n, want;

  report->ok = strcmp (report->integrity, "ok") == 0
    && (report->commits[0] == 0 || strcmp (report->commits, "ok") == 0);
  for (n = 0; n < CONDITIONS; n++)
    {
      want = n == 0 ? warehouses : warehouses * DISTRICTS;
      if (report->rows[n] != want && report->bad[n]++ == 0)
        snprintf (report->example[n], ERROR_TEXT,
                  "there are %lld rows to check, not %d", report->rows[n],
                  want);
      if (report->bad[n] != 0)
        report->ok = 0;
    }
}

/* One transaction, so all conditions speak of the same state. */
static int
check_all (sqlite3 *db, const struct tpcc *tpcc, struct check_report *report,
           struct meta *meta)
{
  int n, rc;

  rc = tpcc_db_exec (db, "PRAGMA cache_size = -16384; BEGIN");
  if (rc == SQLITE_OK)
    rc = tpcc_meta_read (db, meta);
  for (n = 0; n < CONDITIONS && rc == SQLITE_OK; n++)
    rc = check_condition (db, report, n);
  if (rc == SQLITE_OK)
    rc = check_commits (db, tpcc, report);
  if (rc == SQLITE_OK)
    rc = check_integrity (db, report);
  return rc;
}

int
tpcc_checker (struct tpcc *tpcc, const struct side *side)
{
  struct check_report *report = &tpcc->shared->check;
  struct meta meta;
  int rc, status = 0;
  sqlite3 *db;

  if (tpcc_db_open (tpcc, side, 0, &db) != SQLITE_OK)
    return tpcc_fail (tpcc->shared, "%s", tpcc_db_error ());
  rc = check_all (db, tpcc, report, &meta);
  if (rc == SQLITE_OK)
    {
      judge (report, meta.warehouses);
      report->done = 1;
    }
  else if (rc == SQLITE_NOTADB)
    status = tpcc_fail (tpcc->shared, "%s was not made by oriel-tpcc",
                        side->path);
  else
    status = tpcc_fail (tpcc->shared, "checking %s: %s", side->path,
                        sqlite3_errmsg (db));
  sqlite3_close (db);
  return status;
}

/* What terminals need of the database, and its journal mode, which only one
 * connection alone can change. */
int
tpcc_prepare (struct tpcc *tpcc, const struct side *side)
{
  struct shared *shared = tpcc->shared;
  struct meta meta;
  int64_t orders = 0;
  int rc, status = 0;
  sqlite3 *db;

  if (tpcc_db_open (tpcc, side, 0, &db) != SQLITE_OK)
    return tpcc_fail (shared, "%s", tpcc_db_error ());
  rc = tpcc_meta_read (db, &meta);
  if (rc == SQLITE_OK)
    rc = tpcc_orders (db, &orders);
  if (rc == SQLITE_NOTADB)
    status = tpcc_fail (shared, "%s was not made by oriel-tpcc", side->path);
  else if (rc != SQLITE_OK)
    status = tpcc_fail (shared, "reading %s: %s", side->path,
                        sqlite3_errmsg (db));
  else if (tpcc_db_journal_mode (db, tpcc->opt.journal) != SQLITE_OK)
    status = tpcc_fail (shared, "%s", tpcc_db_error ());
  sqlite3_close (db);
  if (status != 0)
    return status;

  shared->scale = meta.scale;
  snprintf (shared->scale_name, sizeof shared->scale_name, "%s",
            meta.scale_name);
  shared->warehouses = meta.warehouses;
  shared->c_last_load = meta.c_last_load;
  shared->orders_before = orders;
  return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-check.c - whether what must hold after a run does
 *
 * A driver's conditions are queries, each of which gives one row for each thing
 * to compare: whether the condition holds there, and the values as text.  The
 * number of rows must be what the loader made, so an empty table never passes.
 *
 * Conditions hold whole transactions together, and would not miss one that is
 * lost whole.  After a run the commits that workers were told of are counted,
 * too: each is there, and no more than those and one for each worker that was
 * killed before it could count.
 */
#include <string.h>

#include "sql.h"

static void
copy_text (char text[ERROR_TEXT], sqlite3_stmt *stmt, int column)
{
  const char *s = (const char *) sqlite3_column_text (stmt, column);

  snprintf (text, ERROR_TEXT, "%s", s ? s : "NULL");
}

static int
check_condition (sqlite3 *db, const struct driver *driver,
                 struct check_report *report, int n)
{
  sqlite3_stmt *stmt;
  int rc;

  rc = sqlite3_prepare_v2 (db, driver->condition[n], -1, &stmt, NULL);
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
check_commits (sqlite3 *db, const struct sql *sql, struct check_report *report)
{
  const struct shared *shared = sql->shared;
  uint64_t told = 0, found;
  int64_t now = 0;
  int i, rc;

  if (!(sql->opt.actions & RUN) || sql->driver->commits == NULL)
    return SQLITE_OK;
  rc = sql_db_number (db, sql->driver->commits, &now);
  if (rc != SQLITE_OK)
    return rc;
  for (i = 0; i < sql->opt.processes; i++)
    told += shared->worker[i].commits;
  found = (uint64_t) (now - shared->commits_before);
  if (found >= told && found - told <= shared->kills)
    snprintf (report->commits, ERROR_TEXT, "ok");
  else
    snprintf (report->commits, ERROR_TEXT,
              "%llu were committed, %lld are there (%llu %ss were killed)",
              (unsigned long long) told, (long long) found,
              (unsigned long long) shared->kills, sql->driver->worker);
  return SQLITE_OK;
}

/* Whether the table has the rows that it must have. */
static void
judge (const struct sql *sql, struct check_report *report)
{
  long long want;
  int n;

  report->ok = strcmp (report->integrity, "ok") == 0
    && (report->commits[0] == 0 || strcmp (report->commits, "ok") == 0);
  for (n = 0; n < sql->driver->conditions; n++)
    {
      want = sql->driver->to_check (sql, n);
      if (report->rows[n] != want && report->bad[n]++ == 0)
        snprintf (report->example[n], ERROR_TEXT,
                  "there are %lld rows to check, not %lld", report->rows[n],
                  want);
      if (report->bad[n] != 0)
        report->ok = 0;
    }
}

/* One transaction, so all conditions speak of the same state. */
static int
check_all (sqlite3 *db, struct sql *sql, struct check_report *report)
{
  int n, rc;

  rc = sql_db_exec (db, "PRAGMA cache_size = -16384; BEGIN");
  if (rc == SQLITE_OK)
    rc = sql->driver->prepare (sql, db);
  for (n = 0; n < sql->driver->conditions && rc == SQLITE_OK; n++)
    rc = check_condition (db, sql->driver, report, n);
  if (rc == SQLITE_OK)
    rc = check_commits (db, sql, report);
  if (rc == SQLITE_OK)
    rc = check_integrity (db, report);
  return rc;
}

static int
fail (struct sql *sql, const struct side *side, sqlite3 *db, int rc,
      const char *what)
{
  if (rc == SQLITE_NOTADB)
    return sql_fail (sql->shared, "%s was not made by %s", side->path,
                     sql->driver->program);
  return sql_fail (sql->shared, "%s %s: %s", what, side->path,
                   sqlite3_errmsg (db));
}

int
sql_checker (struct sql *sql, const struct side *side)
{
  struct check_report *report = &sql->shared->check;
  int rc, status = 0;
  sqlite3 *db;

  if (sql_db_open (sql, side, 0, &db) != SQLITE_OK)
    return sql_fail (sql->shared, "%s", sql_db_error ());
  rc = check_all (db, sql, report);
  if (rc == SQLITE_OK)
    {
      judge (sql, report);
      report->done = 1;
    }
  else
    status = fail (sql, side, db, rc, "checking");
  sqlite3_close (db);
  return status;
}

/* What workers need of the database, and its journal mode, which only one
 * connection alone can change. */
int
sql_prepare (struct sql *sql, const struct side *side)
{
  int rc, status = 0;
  sqlite3 *db;

  if (sql_db_open (sql, side, 0, &db) != SQLITE_OK)
    return sql_fail (sql->shared, "%s", sql_db_error ());
  rc = sql->driver->prepare (sql, db);
  if (rc == SQLITE_OK && sql->driver->commits)
    rc = sql_db_number (db, sql->driver->commits,
                        &sql->shared->commits_before);
  if (rc != SQLITE_OK)
    status = fail (sql, side, db, rc, "reading");
  else if (sql_db_journal_mode (db, sql->opt.journal) != SQLITE_OK)
    status = sql_fail (sql->shared, "%s", sql_db_error ());
  sqlite3_close (db);
  return status;
}

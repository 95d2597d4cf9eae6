/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-load.c - fills a database
 *
 * One transaction without a journal: a load that dies leaves a file that is of
 * no use, and the parent removes it.  Drivers insert rows in the order of their
 * keys, so the trees grow at their right edge and nothing is read back.
 *
 * Errors: the first that SQLite reports is kept in the loader and makes all
 * later inserts do nothing, so a driver's load reads like a list.
 */
#include <string.h>

#include "sql.h"

sqlite3_stmt *
sql_load_prepare (struct loader *l, const char *table, int columns)
{
  sqlite3_stmt *stmt = NULL;
  sqlite3_str *sql;
  char *text;
  int i;

  if (l->rc != SQLITE_OK)
    return NULL;
  sql = sqlite3_str_new (l->db);
  sqlite3_str_appendf (sql, "INSERT INTO %s VALUES (?", table);
  for (i = 1; i < columns; i++)
    sqlite3_str_appendall (sql, ",?");
  sqlite3_str_appendchar (sql, 1, ')');
  text = sqlite3_str_finish (sql);
  l->rc = text ? sqlite3_prepare_v3 (l->db, text, -1,
                                     SQLITE_PREPARE_PERSISTENT, &stmt, NULL)
               : SQLITE_NOMEM;
  sqlite3_free (text);
  return stmt;
}

void
sql_load_row (struct loader *l, sqlite3_stmt *stmt, const char *format, ...)
{
  va_list ap;
  int rc;

  if (l->rc != SQLITE_OK)
    return;
  va_start (ap, format);
  rc = sql_db_bind (stmt, format, ap);
  va_end (ap);
  if (rc == SQLITE_OK)
    {
      sqlite3_step (stmt);
      rc = sqlite3_reset (stmt);
    }
  l->rc = rc;
  if (++l->rows == 1000)
    {
      l->sql->shared->loaded += l->rows;
      l->rows = 0;
    }
}

/* 16 MiB of cache hold the right edges of all trees, many times over. */
static int
begin (sqlite3 *db, const struct options *opt)
{
  return sql_db_exec (db,
                      "PRAGMA page_size = %d;"
                      "PRAGMA journal_mode = off;"
                      "PRAGMA synchronous = off;"
                      "PRAGMA cache_size = -16384;"
                      "PRAGMA temp_store = memory;"
                      "BEGIN EXCLUSIVE",
                      opt->page_size);
}

/* Of the first error: where it is the system's, what that said. */
static const char *
meaning (const struct loader *l)
{
  int error = 0;

  if ((l->rc & 0xff) == SQLITE_IOERR)
    sqlite3_file_control (l->db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
  return error ? strerror (error) : sqlite3_errstr (l->rc);
}

int
sql_loader (struct sql *sql, const struct side *side)
{
  struct loader l = { .sql = sql };
  int status = 0;

  sql_rng_seed (&l.rng, sql->opt.seed, MAX_PROCESSES);
  sql->shared->to_load = sql->driver->rows (sql);
  if (sql_db_open (sql, side, 1, &l.db) != SQLITE_OK)
    return sql_fail (sql->shared, "%s", sql_db_error ());
  l.rc = begin (l.db, &sql->opt);
  if (l.rc == SQLITE_OK)
    l.rc = sql->driver->load (&l);
  sql->shared->loaded += l.rows;
  if (l.rc == SQLITE_OK)
    l.rc = sql_db_exec (l.db, "COMMIT");
  if (l.rc != SQLITE_OK)
    status = sql_fail (sql->shared, "loading %s: %s (%s)", side->path,
                       sqlite3_errmsg (l.db), meaning (&l));
  if (sqlite3_close (l.db) != SQLITE_OK && status == 0)
    status = sql_fail (sql->shared, "closing %s: %s", side->path,
                       sqlite3_errmsg (l.db));
  return status;
}

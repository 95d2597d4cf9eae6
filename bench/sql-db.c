/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-db.c - connections through the VFS that is measured
 *
 * Oriel's VFS is linked in and registered, or loaded as a module; both happen
 * in the child that needs it, once.  Its options travel in the URI of the
 * database, as any program would give them.  Used by children of one thread
 * each, so the text of the last error is a plain static.
 */
#include <stdlib.h>
#include <string.h>

#include "sql.h"
#include "oriel_vfs.h"

static char db_error[ERROR_TEXT];

const char *
sql_db_error (void)
{
  return db_error;
}

static int __attribute__ ((format (printf, 2, 3)))
set_error (int rc, const char *format, ...)
{
  va_list ap;

  va_start (ap, format);
  vsnprintf (db_error, sizeof db_error, format, ap);
  va_end (ap);
  return rc;
}

int
sql_db_exec (sqlite3 *db, const char *format, ...)
{
  va_list ap;
  char *sql;
  int rc;

  va_start (ap, format);
  sql = sqlite3_vmprintf (format, ap);
  va_end (ap);
  if (sql == NULL)
    return SQLITE_NOMEM;
  rc = sqlite3_exec (db, sql, NULL, NULL, NULL);
  sqlite3_free (sql);
  return rc;
}

int
sql_db_bind (sqlite3_stmt *stmt, const char *format, va_list ap)
{
  int rc = SQLITE_OK;
  int i;

  for (i = 1; *format && rc == SQLITE_OK; i++, format++)
    switch (*format)
      {
      case 'i':
        rc = sqlite3_bind_int (stmt, i, va_arg (ap, int));
        break;
      case 'l':
        rc = sqlite3_bind_int64 (stmt, i, va_arg (ap, int64_t));
        break;
      case 's':
        rc = sqlite3_bind_text (stmt, i, va_arg (ap, const char *), -1,
                                SQLITE_STATIC);
        break;
      default:
        rc = sqlite3_bind_null (stmt, i);
      }
  return rc;
}

/* ------------------------------------------------------------------ */
/* SQLite's log: where a VFS says why                                 */

static char last_log[ERROR_TEXT];

static void
on_log (void *arg, int code, const char *text)
{
  (void) arg;
  (void) code;
  if (strncmp (text, "oriel:", 6) == 0)
    snprintf (last_log, sizeof last_log, "%s", text);
}

/* ------------------------------------------------------------------ */
/* The VFS                                                            */

/* Loaded into a connection of its own; the module stays when that is closed. */
static int
load_module (const char *path)
{
  char *text = NULL;
  sqlite3 *db;
  int rc;

  rc = sqlite3_open (":memory:", &db);
  if (rc == SQLITE_OK)
    rc = sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1,
                            NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_load_extension (db, path, "sqlite3_orielvfs_init", &text);
  if (rc != SQLITE_OK)
    set_error (rc, "loading %s: %s", path,
               text ? text : sqlite3_errmsg (db));
  sqlite3_free (text);
  sqlite3_close (db);
  return rc;
}

static int
need_vfs (const struct sql *sql, const struct side *side)
{
  int rc;

  if (sqlite3_vfs_find (side->vfs) != NULL)
    return SQLITE_OK;
  if (sql->opt.module != NULL)
    rc = load_module (sql->opt.module);
  else
    {
      rc = oriel_vfs_register (0);
      if (rc != SQLITE_OK)
        set_error (rc, "registering the VFS: %s", sqlite3_errstr (rc));
    }
  if (rc == SQLITE_OK && sqlite3_vfs_find (side->vfs) == NULL)
    rc = set_error (SQLITE_NOTFOUND, "there is no VFS called %s", side->vfs);
  return rc;
}

/* ------------------------------------------------------------------ */
/* The URI                                                            */

/* What would end the path, or a parameter's value, becomes %XX. */
static void
add_escaped (sqlite3_str *uri, const char *text)
{
  for (; *text; text++)
    if (strchr ("%?#&=", *text))
      sqlite3_str_appendf (uri, "%%%02X", (unsigned char) *text);
    else
      sqlite3_str_appendchar (uri, 1, *text);
}

static void
add_parameter (sqlite3_str *uri, const char *name, const char *value)
{
  if (value == NULL)
    return;
  sqlite3_str_appendf (uri, "&%s=", name);
  add_escaped (uri, value);
}

/* To be freed by sqlite3_free(); NULL without memory. */
static char *
make_uri (const struct options *opt, const struct side *side)
{
  sqlite3_str *uri = sqlite3_str_new (NULL);

  sqlite3_str_appendall (uri, "file:");
  add_escaped (uri, side->path);
  sqlite3_str_appendall (uri, "?vfs=");
  add_escaped (uri, side->vfs);
  if (side->oriel)
    {
      /* Without its pool it would be the stock VFS that is measured. */
      add_parameter (uri, "oriel_required", "1");
      add_parameter (uri, "pool", side->pool);
      add_parameter (uri, "pool_size", opt->pool_size);
      add_parameter (uri, "window", opt->window);
      add_parameter (uri, "slot", opt->slot);
      add_parameter (uri, "backend", opt->backend);
    }
  return sqlite3_str_finish (uri);
}

/* ------------------------------------------------------------------ */
/* Connections                                                        */

int
sql_db_open (const struct sql *sql, const struct side *side, int create,
             sqlite3 **db)
{
  int flags = SQLITE_OPEN_URI | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  sqlite3 *made = NULL;
  char *uri;
  int rc;

  *db = NULL;
  sqlite3_config (SQLITE_CONFIG_LOG, on_log, NULL); /* the first time only */
  last_log[0] = 0;
  rc = need_vfs (sql, side);
  if (rc != SQLITE_OK)
    return rc;
  uri = make_uri (&sql->opt, side);
  if (uri == NULL)
    return set_error (SQLITE_NOMEM, "out of memory");

  if (create)
    flags |= SQLITE_OPEN_CREATE;
  rc = sqlite3_open_v2 (uri, &made, flags, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_busy_timeout (made, BUSY_MSEC);
  if (rc != SQLITE_OK)
    {
      set_error (rc, "opening %s: %s%s%s", uri, sqlite3_errmsg (made),
                 last_log[0] ? ": " : "", last_log);
      sqlite3_close (made);
      made = NULL;
    }
  sqlite3_free (uri);
  *db = made;
  return rc;
}

/* Counting rows reads every page of a tree. */
int
sql_db_warm (sqlite3 *db)
{
  static const char list[] =
    "SELECT CASE type WHEN 'table' THEN printf ('SELECT count (*) FROM \"%w\""
    " NOT INDEXED', name) ELSE printf ('SELECT count (*) FROM \"%w\" INDEXED"
    " BY \"%w\"', tbl_name, name) END FROM sqlite_schema"
    " WHERE type IN ('table', 'index') AND rootpage > 0";
  sqlite3_stmt *stmt;
  int rc, rc2;

  rc = sqlite3_prepare_v2 (db, list, -1, &stmt, NULL);
  while (rc == SQLITE_OK && sqlite3_step (stmt) == SQLITE_ROW)
    rc = sqlite3_exec (db, (const char *) sqlite3_column_text (stmt, 0), NULL,
                       NULL, NULL);
  rc2 = sqlite3_finalize (stmt);
  if (rc == SQLITE_OK)
    rc = rc2;
  return rc == SQLITE_OK ? rc : set_error (rc, "reading all: %s",
                                           sqlite3_errmsg (db));
}

/* SQLite answers with the mode that holds, which may be another one. */
int
sql_db_journal_mode (sqlite3 *db, const char *mode)
{
  sqlite3_stmt *stmt;
  const char *got;
  char sql[64];
  int rc;

  snprintf (sql, sizeof sql, "PRAGMA journal_mode = %s", mode);
  rc = sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return set_error (rc, "%s: %s", sql, sqlite3_errmsg (db));
  if (sqlite3_step (stmt) == SQLITE_ROW)
    {
      got = (const char *) sqlite3_column_text (stmt, 0);
      if (got == NULL || sqlite3_stricmp (got, mode) != 0)
        rc = set_error (SQLITE_ERROR, "%s: the journal mode stays %s", sql,
                        got ? got : "unknown");
      sqlite3_finalize (stmt);
      return rc;
    }
  rc = sqlite3_finalize (stmt);
  return set_error (rc ? rc : SQLITE_ERROR, "%s: %s", sql,
                    sqlite3_errmsg (db));
}

int
sql_db_number (sqlite3 *db, const char *query, int64_t *number)
{
  sqlite3_stmt *stmt;
  int rc;

  rc = sqlite3_prepare_v2 (db, query, -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return rc;
  if (sqlite3_step (stmt) == SQLITE_ROW)
    *number = sqlite3_column_int64 (stmt, 0);
  return sqlite3_finalize (stmt);
}

/* All that the processes may have, less what each needs for itself, split; no
 * more than there is to hold. */
static long long
large_cache_kib (const struct sql *sql, const struct side *side)
{
  long long share = (long long) sql_run_memory (&sql->opt) * 3 / 4
                    / sql->opt.processes;
  long long data = sql_file_size (side->path, "") * 5 / 4;

  return (share < data ? share : data) / 1024;
}

int
sql_db_configure (const struct sql *sql, const struct side *side, sqlite3 *db)
{
  const struct options *opt = &sql->opt;
  int rc;

  rc = sql_db_journal_mode (db, opt->journal);
  if (rc != SQLITE_OK)
    return rc;
  rc = sql_db_exec (db, "PRAGMA synchronous = %s", opt->synchronous);
  if (rc == SQLITE_OK && opt->cache_size)
    rc = sql_db_exec (db, "PRAGMA cache_size = %s", opt->cache_size);
  if (rc == SQLITE_OK && side->is == SIDE_CACHE)
    rc = sql_db_exec (db, "PRAGMA cache_size = -%lld",
                      large_cache_kib (sql, side));
  if (rc == SQLITE_OK && opt->mmap_size)
    rc = sql_db_exec (db, "PRAGMA mmap_size = %s", opt->mmap_size);
  if (rc == SQLITE_OK && side->is == SIDE_MMAP)
    rc = sql_db_exec (db, "PRAGMA mmap_size = %lld", 1ll << 40);
  if (rc != SQLITE_OK)
    set_error (rc, "setting pragmas: %s", sqlite3_errmsg (db));
  return rc;
}

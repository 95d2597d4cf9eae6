/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vtab.c - the tables oriel_pages and oriel_stats
 *
 * Eponymous: they are there without CREATE, in every connection that was opened
 * after the VFS was registered.  They show the pool of one of the connection's
 * databases, "main" unless it is named as in oriel_pages('other'); for one
 * without a pool they are empty.
 *
 * The database's connection in the VFS is found by a file control of our own,
 * which passes through the shims above us as any other does.
 *
 * Locks: none.  The rows are read when a query begins.
 */
#include <stdlib.h>
#include <string.h>

#include "vfs.h"

enum { PAGES, STATS };

static const struct {
  const char *name;
  const char *schema;
  int columns;                  /* before the hidden one */
} tables[] = {
  [PAGES] = { "oriel_pages",
              "CREATE TABLE x (page INTEGER, frame INTEGER, dirty INTEGER, "
              "hits INTEGER, pinned INTEGER, slot INTEGER, schema HIDDEN)",
              6 },
  [STATS] = { "oriel_stats",
              "CREATE TABLE x (name TEXT, value INTEGER, schema HIDDEN)", 2 },
};

struct table {
  sqlite3_vtab base;
  sqlite3 *db;
  int which;
};

struct row {
  const char *name;             /* constant text */
  sqlite3_int64 value[6];
};

struct cursor {
  sqlite3_vtab_cursor base;
  size_t at;
  size_t n;
  size_t room;
  struct row *rows;
  bool failed;                  /* no memory for a row */
};

/* ------------------------------------------------------------------ */
/* Rows                                                               */

static struct row *
add_row (struct cursor *cursor)
{
  if (cursor->n == cursor->room)
    {
      size_t room = cursor->room ? 2 * cursor->room : 64;
      struct row *rows = realloc (cursor->rows, room * sizeof *rows);

      if (!rows)
        {
          cursor->failed = true;
          return NULL;
        }
      cursor->rows = rows;
      cursor->room = room;
    }
  return &cursor->rows[cursor->n++];
}

static void
add_page (void *arg, const oriel_page_info *info)
{
  struct row *row = add_row (arg);

  if (!row)
    return;
  row->value[0] = (sqlite3_int64) info->number + 1;
  row->value[1] = (sqlite3_int64) info->frame;
  row->value[2] = info->dirty;
  row->value[3] = info->used;
  row->value[4] = info->pinned;
  row->value[5] = info->slot;
}

static void
add_stat (void *arg, const char *name, uint64_t value)
{
  struct row *row = add_row (arg);

  if (!row)
    return;
  row->name = name;
  row->value[1] = (sqlite3_int64) value;
}

static int
fill (struct cursor *cursor, const char *schema)
{
  struct table *table = (struct table *) cursor->base.pVtab;
  struct vfs_find find = { .copy = &vfs_generation };
  int rc = sqlite3_file_control (table->db, schema, VFS_FCNTL_FIND, &find);

  if (rc == SQLITE_ERROR)
    {
      sqlite3_free (table->base.zErrMsg);
      table->base.zErrMsg = sqlite3_mprintf ("no such database: %s", schema);
      return SQLITE_ERROR;
    }
  /* Another VFS's, or one in memory. */
  if (rc != SQLITE_OK || !find.connection
      || !vfs_has_pool (find.connection))
    return SQLITE_OK;
  if (table->which == STATS)
    vfs_stats_each (find.connection, add_stat, cursor);
  else
    oriel_file_pages (vfs_oriel (find.connection), add_page, cursor);
  return cursor->failed ? SQLITE_NOMEM : SQLITE_OK;
}

/* ------------------------------------------------------------------ */
/* The module                                                         */

static int
x_connect (sqlite3 *db, void *which, int argc, const char *const *argv,
           sqlite3_vtab **result, char **error)
{
  struct table *table = sqlite3_malloc (sizeof *table);
  int rc;

  (void) argc, (void) argv, (void) error;
  if (!table)
    return SQLITE_NOMEM;
  memset (table, 0, sizeof *table);
  table->db = db;
  table->which = (int) (intptr_t) which;
  rc = sqlite3_declare_vtab (db, tables[table->which].schema);
  if (rc != SQLITE_OK)
    {
      sqlite3_free (table);
      return rc;
    }
  /* What is in memory is no business of a schema that someone else wrote. */
  sqlite3_vtab_config (db, SQLITE_VTAB_DIRECTONLY);
  *result = &table->base;
  return SQLITE_OK;
}

static int
x_disconnect (sqlite3_vtab *table)
{
  sqlite3_free (table);
  return SQLITE_OK;
}

/* The one constraint that matters is which database. */
static int
x_best_index (sqlite3_vtab *vtab, sqlite3_index_info *info)
{
  const struct table *table = (const struct table *) vtab;

  info->estimatedCost = 100000;
  info->estimatedRows = 10000;
  for (int i = 0; i < info->nConstraint; i++)
    if (info->aConstraint[i].iColumn == tables[table->which].columns
        && info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ)
      {
        if (!info->aConstraint[i].usable)
          return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->idxNum = 1;
        break;
      }
  return SQLITE_OK;
}

static int
x_open (sqlite3_vtab *table, sqlite3_vtab_cursor **result)
{
  struct cursor *cursor = sqlite3_malloc (sizeof *cursor);

  (void) table;
  if (!cursor)
    return SQLITE_NOMEM;
  memset (cursor, 0, sizeof *cursor);
  *result = &cursor->base;
  return SQLITE_OK;
}

static int
x_close (sqlite3_vtab_cursor *base)
{
  struct cursor *cursor = (struct cursor *) base;

  free (cursor->rows);
  sqlite3_free (cursor);
  return SQLITE_OK;
}

static int
x_filter (sqlite3_vtab_cursor *base, int constrained, const char *text,
          int argc, sqlite3_value **argv)
{
  struct cursor *cursor = (struct cursor *) base;
  const char *schema = "main";

  (void) text, (void) argc;
  cursor->at = cursor->n = 0;
  if (constrained)
    {
      schema = (const char *) sqlite3_value_text (argv[0]);
      if (!schema) /* NULL equals nothing */
        return SQLITE_OK;
    }
  return fill (cursor, schema);
}

static int
x_next (sqlite3_vtab_cursor *base)
{
  ((struct cursor *) base)->at++;
  return SQLITE_OK;
}

static int
x_eof (sqlite3_vtab_cursor *base)
{
  const struct cursor *cursor = (const struct cursor *) base;

  return cursor->at >= cursor->n;
}

static int
x_column (sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
  const struct cursor *cursor = (const struct cursor *) base;
  const struct table *table = (const struct table *) base->pVtab;
  const struct row *row = &cursor->rows[cursor->at];

  if (column >= tables[table->which].columns)
    return SQLITE_OK; /* the hidden one: NULL */
  if (table->which == STATS && column == 0)
    sqlite3_result_text (context, row->name, -1, SQLITE_STATIC);
  else
    sqlite3_result_int64 (context, row->value[column]);
  return SQLITE_OK;
}

static int
x_rowid (sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
  *rowid = (sqlite3_int64) ((struct cursor *) base)->at + 1;
  return SQLITE_OK;
}

static const sqlite3_module module = {
  .xConnect = x_connect,
  .xBestIndex = x_best_index,
  .xDisconnect = x_disconnect,
  .xOpen = x_open,
  .xClose = x_close,
  .xFilter = x_filter,
  .xNext = x_next,
  .xEof = x_eof,
  .xColumn = x_column,
  .xRowid = x_rowid,
};

int
vfs_vtab_create (sqlite3 *db)
{
  int rc = SQLITE_OK;

  for (int i = PAGES; i <= STATS && rc == SQLITE_OK; i++)
    rc = sqlite3_create_module_v2 (db, tables[i].name, &module,
                                   (void *) (intptr_t) i, NULL);
  return rc;
}

static int
on_open (sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
  (void) error, (void) api;
  vfs_fetch_raise (db);
  return vfs_vtab_create (db);
}

int
vfs_vtab_register (void)
{
  return sqlite3_auto_extension ((void (*) (void)) on_open);
}

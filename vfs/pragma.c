/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pragma.c - PRAGMA oriel_NAME
 *
 * SQLite shows a VFS its pragmas while it compiles them: no transaction need be
 * open then, and nothing may be read into the pool without a lock that keeps the
 * file as it is (coherence.c).  To take one here would be wrong, as what SQLite
 * does with its first lock is more: it plays a hot journal back, or opens the
 * log.  So oriel_warm opens a connection of its own, to read only if the first is
 * so, has that begin to read, and asks it by oriel_warm_here, which is for no one
 * else.
 *
 * Locks: none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfs.h"

#define WARM_CHUNK 256          /* pages of one call: a long read */

/* arg of the file control is { result, name, argument }. */
enum { RESULT, NAME, ARGUMENT };

/* ------------------------------------------------------------------ */
/* oriel_warm                                                         */

static uint64_t
least (uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static uint64_t
pages_of (const struct vfs_connection *c)
{
  uint64_t size = c->shared->pool->page_size;

  return (oriel_file_size (vfs_oriel (c)) + size - 1) / size;
}

/* What a database may fill of the pool: others are there, too. */
static uint64_t
warm_max (const struct vfs_connection *c)
{
  uint64_t frames = c->shared->pool->frames;

  return frames - frames / 8;
}

/* Argument "FIRST COUNT", in pages; the result is "END TOTAL". */
static int
warm_here (struct vfs_connection *c, char **arg)
{
  char *end = NULL;
  uint64_t at = arg[ARGUMENT] ? strtoull (arg[ARGUMENT], &end, 10) : 0;
  uint64_t last = end ? at + strtoull (end, NULL, 10) : 0;
  int r = 0;

  if (!vfs_may_read (c))
    {
      arg[RESULT] = sqlite3_mprintf ("the pool cannot be used now");
      return SQLITE_BUSY;
    }
  last = least (last, pages_of (c));
  while (at < last && r == 0)
    {
      uint64_t n = least (last - at, WARM_CHUNK);

      r = oriel_prefetch (vfs_oriel (c), at, n);
      if (r == 0)
        at += n;
    }
  vfs_note_failure (c, r);
  if (r < 0 && r != -ENOBUFS)
    {
      arg[RESULT] = sqlite3_mprintf ("%s", oriel_error ());
      return SQLITE_IOERR_READ;
    }
  arg[RESULT] = sqlite3_mprintf ("%llu %llu", (unsigned long long) at,
                                 (unsigned long long) pages_of (c));
  return SQLITE_OK;
}

/* A URI of the connection's database: text that the caller frees. */
static char *
uri_of (const struct vfs_connection *c)
{
  const struct vfs_pool *p = c->shared->pool;
  const char *const part[]
      = { "file:", c->name, "?vfs=" VFS_NAME "&pool=", p->name,
          p->directory ? "&pool_dir=" : "",
          p->directory ? p->directory : "" };
  char *text = sqlite3_mprintf ("");

  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    for (const char *at = part[i]; *at && text; at++)
      /* The even ones are ours. */
      text = i % 2 == 0 ? sqlite3_mprintf ("%z%c", text, *at)
                        : sqlite3_mprintf ("%z%%%02X", text,
                                           (unsigned char) *at);
  return text;
}

static int
keep_text (void *arg, int n, char **values, char **names)
{
  char **text = arg;

  (void) names;
  if (n > 0 && values[0] && !*text)
    *text = sqlite3_mprintf ("%s", values[0]);
  return 0;
}

/* warm_here() on a connection that is in a transaction. */
static int
warm_elsewhere (const struct vfs_connection *c, char **arg)
{
  char *uri = uri_of (c);
  char *sql = sqlite3_mprintf ("PRAGMA oriel_warm_here = %Q", arg[ARGUMENT]);
  char *error = NULL;
  sqlite3 *db = NULL;
  int rc = SQLITE_NOMEM;

  if (uri && sql)
    rc = sqlite3_open_v2 (uri, &db,
                          (c->read_only ? SQLITE_OPEN_READONLY
                                        : SQLITE_OPEN_READWRITE)
                              | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX
                              | SQLITE_OPEN_PRIVATECACHE,
                          NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec (db, "BEGIN; SELECT 1 FROM sqlite_master", NULL, NULL,
                       &error);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec (db, sql, keep_text, &arg[RESULT], &error);
  if (rc != SQLITE_OK && !arg[RESULT])
    arg[RESULT] = sqlite3_mprintf ("%s", error ? error : sqlite3_errstr (rc));
  sqlite3_free (error);
  sqlite3_close (db);
  sqlite3_free (sql);
  sqlite3_free (uri);
  return rc;
}

/* The pages that an argument such as "64M" allows. */
static int
warm_count (const struct vfs_connection *c, char **arg, uint64_t *count)
{
  oriel_options opt;

  *count = warm_max (c);
  if (!arg[ARGUMENT])
    return SQLITE_OK;
  oriel_options_init (&opt);
  if (oriel_options_set (&opt, "pool_size", arg[ARGUMENT]) < 0)
    {
      arg[RESULT] = sqlite3_mprintf ("oriel_warm takes a size, as in 64M");
      return SQLITE_ERROR;
    }
  *count = (opt.pool_size + c->shared->pool->page_size - 1)
           / c->shared->pool->page_size;
  return SQLITE_OK;
}

static int
warm (struct vfs_connection *c, char **arg)
{
  uint64_t end = 0, total = 0, first, count;
  char *in[3] = { NULL, NULL, NULL };
  int rc = warm_count (c, arg, &count);

  if (rc != SQLITE_OK)
    return rc;
  /* With a size go on where the last one of this connection ended. */
  first = arg[ARGUMENT] ? c->warmed : 0;
  if (first >= warm_max (c) || first >= pages_of (c))
    first = 0;
  in[ARGUMENT] = sqlite3_mprintf (
      "%llu %llu", (unsigned long long) first,
      (unsigned long long) least (count, warm_max (c) - first));
  if (!in[ARGUMENT])
    return SQLITE_NOMEM;
  rc = vfs_may_read (c) ? warm_here (c, in) : warm_elsewhere (c, in);
  sqlite3_free (in[ARGUMENT]);
  if (rc != SQLITE_OK)
    {
      arg[RESULT] = in[RESULT];
      return rc;
    }
  if (in[RESULT])
    {
      char *rest;

      end = strtoull (in[RESULT], &rest, 10);
      total = strtoull (rest, NULL, 10);
      sqlite3_free (in[RESULT]);
    }
  c->warmed = end;
  arg[RESULT] = sqlite3_mprintf ("%llu of %llu pages",
                                 (unsigned long long) end,
                                 (unsigned long long) total);
  return SQLITE_OK;
}

/* ------------------------------------------------------------------ */
/* oriel_drop                                                         */

static void
count_page (void *arg, const oriel_page_info *info)
{
  (void) info;
  ++*(uint64_t *) arg;
}

/* Only what is clean and not in use goes, so no lock is wanted. */
static int
drop (struct vfs_connection *c, char **arg)
{
  uint64_t before = 0;
  uint64_t after = 0;
  int r = oriel_file_pages (vfs_oriel (c), count_page, &before);

  if (r == 0)
    r = oriel_pool_evict (c->shared->pool->pool, vfs_oriel (c));
  if (r == 0)
    r = oriel_file_pages (vfs_oriel (c), count_page, &after);
  if (r < 0)
    {
      arg[RESULT] = sqlite3_mprintf ("%s", oriel_error ());
      return SQLITE_ERROR;
    }
  /* Others load pages meanwhile. */
  arg[RESULT] = sqlite3_mprintf ("%llu pages",
                                 (unsigned long long) (before > after
                                                           ? before - after
                                                           : 0));
  return SQLITE_OK;
}

/* ------------------------------------------------------------------ */

static int
status (struct vfs_connection *c, char **arg)
{
  arg[RESULT] = vfs_status_text (c);
  return SQLITE_OK;
}

static int
stats (struct vfs_connection *c, char **arg)
{
  arg[RESULT] = vfs_stats_text (c);
  return SQLITE_OK;
}

static int
pool (struct vfs_connection *c, char **arg)
{
  arg[RESULT] = vfs_pool_path (c->shared->pool);
  return SQLITE_OK;
}

/* SQLite's own pragmas, which go on to it. */
static void
note_cache_size (struct vfs_connection *c, char **arg)
{
  const char *size = arg[ARGUMENT];
  bool is_hex = size && size[0] == '0' && (size[1] | 0x20) == 'x';
  long n;

  if (!vfs_has_pool (c) || !size)
    return;
  n = strtol (size, NULL, is_hex ? 16 : 10);
  if (sqlite3_stricmp (arg[NAME], "cache_size") == 0)
    vfs_fetch_own_cache (c, n);
  else if (sqlite3_stricmp (arg[NAME], "default_cache_size") == 0)
    vfs_fetch_own_cache (c, labs (n));
}

static const struct {
  const char *name;
  int (*run) (struct vfs_connection *c, char **arg);
} pragmas[] = {
  { "oriel_status", status }, { "oriel_stats", stats },
  { "oriel_pool", pool },     { "oriel_warm", warm },
  { "oriel_drop", drop },     { "oriel_warm_here", warm_here },
};

int
vfs_pragma (struct vfs_connection *c, char **arg)
{
  int rc;

  for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++)
    if (sqlite3_stricmp (arg[NAME], pragmas[i].name) == 0)
      {
        /* Without a pool all say so. */
        rc = vfs_has_pool (c) ? pragmas[i].run (c, arg) : status (c, arg);
        return rc == SQLITE_OK && !arg[RESULT] ? SQLITE_NOMEM : rc;
      }
  note_cache_size (c, arg);
  return SQLITE_NOTFOUND;
}

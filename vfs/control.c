/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c - file controls and pragmas of an open main database
 *
 * All are the default VFS's, but those that change what we do or want to be
 * answered by us.  What it does not know, we do not know.
 */
#include <string.h>

#include "vfs.h"

static int
pass (struct vfs_connection *c, int op, void *arg)
{
  return c->lower->pMethods->xFileControl (c->lower, op, arg);
}

/* Give back the limit that was, and set a new one if it is not negative.  The
 * default VFS knows how high it may be; it must not map the file itself. */
static int
mmap_size (struct vfs_connection *c, sqlite3_int64 *arg)
{
  sqlite3_int64 limit = *arg;
  sqlite3_int64 none = 0;
  int rc;

  *arg = c->mmap_limit;
  if (limit < 0 || limit == c->mmap_limit || c->nfetched > 0)
    return SQLITE_OK;
  rc = pass (c, SQLITE_FCNTL_MMAP_SIZE, &limit);
  if (rc != SQLITE_OK)
    return rc;
  limit = -1;
  pass (c, SQLITE_FCNTL_MMAP_SIZE, &limit);
  pass (c, SQLITE_FCNTL_MMAP_SIZE, &none);
  c->mmap_limit = limit;
  return SQLITE_OK;
}

static int
vfs_name (struct vfs_connection *c, char **arg)
{
  char *below = NULL;
  int rc = pass (c, SQLITE_FCNTL_VFSNAME, &below);

  if (rc == SQLITE_OK && below)
    *arg = sqlite3_mprintf ("oriel/%z", below);
  else
    *arg = sqlite3_mprintf ("oriel");
  return *arg ? SQLITE_OK : SQLITE_NOMEM;
}

static char *
status_text (const struct vfs_connection *c)
{
  oriel_stats s = { .struct_size = sizeof s };
  const struct vfs_pool *p;

  if (!c->shared)
    return sqlite3_mprintf ("no pool: %s", c->why_not);
  if (!vfs_has_pool (c))
    return sqlite3_mprintf ("no pool: the process has forked");
  p = c->shared->pool;
  if (oriel_pool_stats (p->pool, &s) < 0)
    return sqlite3_mprintf ("no pool: %s", oriel_error ());
  return sqlite3_mprintf (
      "pool %s: %llu frames of %llu bytes, backend %s, window of %llu bytes, "
      "slots of %llu, %llu processes, %llu files",
      p->name, s.frames, s.page_size, oriel_backend_name (s.backend),
      s.window_bytes, s.slot_size, s.processes, s.files);
}

static char *
stats_text (const struct vfs_connection *c)
{
  oriel_stats s = { .struct_size = sizeof s };

  if (!vfs_has_pool (c) || oriel_pool_stats (c->shared->pool->pool, &s) < 0)
    return status_text (c);
  return sqlite3_mprintf (
      "hits=%llu misses=%llu readahead=%llu reads=%llu read_bytes=%llu "
      "writes=%llu write_bytes=%llu syncs=%llu evictions=%llu "
      "writebacks=%llu swaps=%llu installs=%llu copies=%llu barriers=%llu "
      "latch_waits=%llu drops=%llu repairs=%llu frames=%llu frames_free=%llu "
      "frames_dirty=%llu pins=%llu slots=%llu slots_used=%llu vmas=%llu "
      "page_table_bytes=%llu fetched=%u",
      s.hits, s.misses, s.readahead, s.reads, s.read_bytes, s.writes,
      s.write_bytes, s.syncs, s.evictions, s.writebacks, s.swaps, s.installs,
      s.copies, s.barriers, s.latch_waits, s.drops, s.repairs, s.frames,
      s.frames_free, s.frames_dirty, s.pins, s.slots, s.slots_used, s.vmas,
      s.page_table_bytes, c->nfetched);
}

/* arg is { result, name, argument }. */
static int
pragma (struct vfs_connection *c, char **arg)
{
  int rc = pass (c, SQLITE_FCNTL_PRAGMA, arg);

  if (rc != SQLITE_NOTFOUND)
    return rc;
  if (sqlite3_stricmp (arg[1], "oriel_status") == 0)
    arg[0] = status_text (c);
  else if (sqlite3_stricmp (arg[1], "oriel_stats") == 0)
    arg[0] = stats_text (c);
  else
    return SQLITE_NOTFOUND;
  return arg[0] ? SQLITE_OK : SQLITE_NOMEM;
}

static int
flush_and_pass (struct vfs_connection *c, int op, void *arg)
{
  int rc = vfs_flush (c);

  return rc == SQLITE_OK ? pass (c, op, arg) : rc;
}

int
vfs_file_control (sqlite3_file *file, int op, void *arg)
{
  struct vfs_connection *c = vfs_connection (file);
  int rc;

  switch (op)
    {
    case SQLITE_FCNTL_MMAP_SIZE:
      return c->shared && c->lower->pMethods->iVersion >= 3
                 ? mmap_size (c, arg)
                 : pass (c, op, arg);
    case SQLITE_FCNTL_VFSNAME:
      return vfs_name (c, arg);
    case SQLITE_FCNTL_PRAGMA:
      return pragma (c, arg);
    case SQLITE_FCNTL_CHUNK_SIZE:
      rc = pass (c, op, arg);
      if (rc == SQLITE_OK)
        c->chunk_size = *(int *) arg;
      return rc;
    case SQLITE_FCNTL_SIZE_HINT:
      return vfs_size_hint (c, arg);
    /* What was written must be in the file now; see write.c. */
    case SQLITE_FCNTL_SYNC:
    case SQLITE_FCNTL_CKPT_DONE:
    case SQLITE_FCNTL_COMMIT_PHASETWO:
      return flush_and_pass (c, op, arg);
    case SQLITE_FCNTL_LAST_ERRNO:
      if (c->last_errno)
        {
          *(int *) arg = c->last_errno;
          return SQLITE_OK;
        }
      return pass (c, op, arg);
    default:
      return pass (c, op, arg);
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c - file controls of an open main database
 *
 * All are the default VFS's, but those that change what we do or want to be
 * answered by us.  What it does not know, we do not know.
 */
#include "vfs.h"

#ifndef SQLITE_FCNTL_NULL_IO
# define SQLITE_FCNTL_NULL_IO 43
#endif

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
    *arg = sqlite3_mprintf (VFS_NAME "/%z", below);
  else
    *arg = sqlite3_mprintf (VFS_NAME);
  return *arg ? SQLITE_OK : SQLITE_NOMEM;
}

/* arg is { result, name, argument }. */
static int
pragma (struct vfs_connection *c, char **arg)
{
  int rc = pass (c, SQLITE_FCNTL_PRAGMA, arg);

  return rc == SQLITE_NOTFOUND ? vfs_pragma (c, arg) : rc;
}

static int
find_connection (struct vfs_connection *c, struct vfs_find *find)
{
  /* That of another copy of this library, which may be another version. */
  if (find->copy != &vfs_generation)
    return pass (c, VFS_FCNTL_FIND, find);
  find->connection = c;
  return SQLITE_OK;
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

  vfs_fetch_stop (c);
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
    case VFS_FCNTL_FIND:
      return find_connection (c, arg);
    case SQLITE_FCNTL_EXTERNAL_READER:
      vfs_lease_recall_all (c);
      return pass (c, op, arg);
    case SQLITE_FCNTL_CHUNK_SIZE:
      rc = pass (c, op, arg);
      if (rc == SQLITE_OK)
        c->chunk_size = *(int *) arg;
      return rc;
    case SQLITE_FCNTL_SIZE_HINT:
      return vfs_size_hint (c, arg);
    /* It would take the lower file's descriptor and locks, and not ours. */
    case SQLITE_FCNTL_NULL_IO:
      return c->shared ? SQLITE_NOTFOUND : pass (c, op, arg);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs.c - the SQLite VFS "oriel"
 *
 * A shim over the VFS that was the default when it was registered.  A main
 * database is opened by both: the default VFS keeps its locks, its shared
 * memory and its file controls, and the pool its pages.  Its log is wal.c's.
 * All other files are the default VFS's alone: xOpen hands it the very
 * sqlite3_file, so that later calls do not come by here.
 *
 * Nothing here uses sqlite3_mutex, which a library built with THREADSAFE=0
 * does not have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfs.h"
#include "oriel_vfs.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT1
#endif

sqlite3_vfs *vfs_lower;
unsigned vfs_generation;

/* ------------------------------------------------------------------ */
/* Opening                                                            */

/* What follows struct vfs_connection in memory: the lower file. */
#define CONNECTION_BYTES \
  ((sizeof (struct vfs_connection) + 15) & ~(size_t) 15)

int
vfs_connection_free (struct vfs_connection *c)
{
  int rc = SQLITE_OK;

  if (c->lower->pMethods)
    rc = c->lower->pMethods->xClose (c->lower);
  /* Only now: it may close descriptors, when no lock is left. */
  vfs_registry_close (c);
  free (c->name);
  free (c->written);
  free (c);
  return rc;
}

static int
open_lower (const char *name, int flags, int *out_flags,
            struct vfs_connection **connection)
{
  struct vfs_connection *c
      = calloc (1, CONNECTION_BYTES + (size_t) vfs_lower->szOsFile);
  int got = flags;
  int rc;

  if (!c)
    return SQLITE_NOMEM;
  c->lower = (sqlite3_file *) ((char *) c + CONNECTION_BYTES);
  rc = vfs_lower->xOpen (vfs_lower, name, c->lower, flags, &got);
  if (out_flags)
    *out_flags = got;
  c->read_only = got & SQLITE_OPEN_READONLY;
  c->name = strdup (name);
  if (rc == SQLITE_OK && !c->name)
    rc = SQLITE_NOMEM;
  if (rc == SQLITE_OK)
    *connection = c;
  else
    vfs_connection_free (c);
  return rc;
}

/* Have the lower file not map the database: SQLite asks us for pointers. */
static void
take_mmap_limit (struct vfs_connection *c)
{
  sqlite3_int64 limit = -1;
  sqlite3_int64 none = 0;

  if (c->lower->pMethods->iVersion < 3)
    return;
  if (c->lower->pMethods->xFileControl (c->lower, SQLITE_FCNTL_MMAP_SIZE,
                                        &limit)
          == SQLITE_OK
      && limit > 0)
    c->mmap_limit = limit;
  c->lower->pMethods->xFileControl (c->lower, SQLITE_FCNTL_MMAP_SIZE, &none);
}

/* Attach the connection to a pool, if it is one that can have it. */
static int
open_pool (struct vfs_connection *c, const char *name,
           const struct vfs_params *params)
{
  int rc = SQLITE_OK;

  /* Without locks no one can say when the pool's pages are right. */
  if (sqlite3_uri_boolean (name, "nolock", 0) && !c->immutable)
    snprintf (c->why_not, sizeof c->why_not, "the database has nolock=1");
  else
    vfs_registry_open (c, name, params);
  if (c->shared)
    {
      take_mmap_limit (c);
      vfs_lock_taken (c);
      vfs_stable (c, c->immutable);
      vfs_lease_init (c, params->lease_ms);
      c->raise = params->fetch;
      vfs_queue_init (c, params->lock_wait_ms);
    }
  else if (params->required)
    {
      sqlite3_log (SQLITE_CANTOPEN, "oriel: %s: %s", name, c->why_not);
      rc = SQLITE_CANTOPEN;
    }
  return rc;
}

static int
x_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
        int *out_flags)
{
  struct vfs_handle *handle = (struct vfs_handle *) file;
  struct vfs_connection *c = NULL;
  struct vfs_params params;
  int rc;

  (void) vfs;
  if (name && (flags & SQLITE_OPEN_WAL))
    return vfs_wal_open (name, file, flags, out_flags);
  if (!name || !(flags & SQLITE_OPEN_MAIN_DB))
    return vfs_lower->xOpen (vfs_lower, name, file, flags, out_flags);
  file->pMethods = NULL;
  rc = vfs_params_get (name, &params);
  if (rc == SQLITE_OK)
    rc = open_lower (name, flags, out_flags, &c);
  if (rc != SQLITE_OK)
    return rc;
  c->generation = vfs_generation;
  c->immutable = sqlite3_uri_boolean (name, "immutable", 0);
  rc = open_pool (c, name, &params);
  if (rc != SQLITE_OK)
    {
      vfs_connection_free (c);
      return rc;
    }
  vfs_wal_expect (c, name);
  handle->connection = c;
  handle->base.pMethods = vfs_file_methods (c->lower);
  return SQLITE_OK;
}

/* ------------------------------------------------------------------ */
/* The rest is the default VFS's                                      */

static int
x_delete (sqlite3_vfs *vfs, const char *name, int sync_directory)
{
  (void) vfs;
  return vfs_lower->xDelete (vfs_lower, name, sync_directory);
}

static int
x_access (sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
  (void) vfs;
  return vfs_lower->xAccess (vfs_lower, name, flags, result);
}

static int
x_full_pathname (sqlite3_vfs *vfs, const char *name, int size, char *path)
{
  (void) vfs;
  return vfs_lower->xFullPathname (vfs_lower, name, size, path);
}

static void *
x_dlopen (sqlite3_vfs *vfs, const char *name)
{
  (void) vfs;
  return vfs_lower->xDlOpen (vfs_lower, name);
}

static void
x_dlerror (sqlite3_vfs *vfs, int size, char *text)
{
  (void) vfs;
  vfs_lower->xDlError (vfs_lower, size, text);
}

typedef void (*symbol_fn) (void);

static symbol_fn
x_dlsym (sqlite3_vfs *vfs, void *handle, const char *symbol)
{
  (void) vfs;
  return vfs_lower->xDlSym (vfs_lower, handle, symbol);
}

static void
x_dlclose (sqlite3_vfs *vfs, void *handle)
{
  (void) vfs;
  vfs_lower->xDlClose (vfs_lower, handle);
}

static int
x_randomness (sqlite3_vfs *vfs, int size, char *data)
{
  (void) vfs;
  return vfs_lower->xRandomness (vfs_lower, size, data);
}

static int
x_sleep (sqlite3_vfs *vfs, int microseconds)
{
  (void) vfs;
  return vfs_queue_sleep (microseconds)
             ? microseconds
             : vfs_lower->xSleep (vfs_lower, microseconds);
}

static int
x_current_time (sqlite3_vfs *vfs, double *now)
{
  (void) vfs;
  return vfs_lower->xCurrentTime (vfs_lower, now);
}

static int
x_get_last_error (sqlite3_vfs *vfs, int size, char *text)
{
  (void) vfs;
  return vfs_lower->xGetLastError
             ? vfs_lower->xGetLastError (vfs_lower, size, text)
             : 0;
}

static int
x_current_time_64 (sqlite3_vfs *vfs, sqlite3_int64 *now)
{
  (void) vfs;
  return vfs_lower->xCurrentTimeInt64 (vfs_lower, now);
}

static int
x_set_system_call (sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr fn)
{
  (void) vfs;
  return vfs_lower->xSetSystemCall
             ? vfs_lower->xSetSystemCall (vfs_lower, name, fn)
             : SQLITE_NOTFOUND;
}

static sqlite3_syscall_ptr
x_get_system_call (sqlite3_vfs *vfs, const char *name)
{
  (void) vfs;
  return vfs_lower->xGetSystemCall
             ? vfs_lower->xGetSystemCall (vfs_lower, name)
             : NULL;
}

static const char *
x_next_system_call (sqlite3_vfs *vfs, const char *name)
{
  (void) vfs;
  return vfs_lower->xNextSystemCall
             ? vfs_lower->xNextSystemCall (vfs_lower, name)
             : NULL;
}

/* ------------------------------------------------------------------ */
/* Registration                                                       */

static sqlite3_vfs oriel_vfs = {
  .zName = VFS_NAME,
  .xOpen = x_open,
  .xDelete = x_delete,
  .xAccess = x_access,
  .xFullPathname = x_full_pathname,
  .xDlOpen = x_dlopen,
  .xDlError = x_dlerror,
  .xDlSym = x_dlsym,
  .xDlClose = x_dlclose,
  .xRandomness = x_randomness,
  .xSleep = x_sleep,
  .xCurrentTime = x_current_time,
  .xGetLastError = x_get_last_error,
  .xSetSystemCall = x_set_system_call,
  .xGetSystemCall = x_get_system_call,
  .xNextSystemCall = x_next_system_call,
};

static void
before_fork (void)
{
  vfs_registry_lock ();
  vfs_lease_lock ();
}

static void
parent (void)
{
  vfs_lease_unlock ();
  vfs_registry_unlock ();
}

static void
child (void)
{
  vfs_generation++;
  vfs_lease_forget ();
  vfs_registry_forget ();
  vfs_wal_child ();
  parent ();
}

static void
init (void)
{
  vfs_params_init ();
  /* A child must not find the registry locked, nor use the parent's pools. */
  pthread_atfork (before_fork, parent, child);
}

/* Describe ourselves as the VFS beneath does. */
static void
put_above (sqlite3_vfs *lower)
{
  vfs_lower = lower;
  oriel_vfs.iVersion = lower->iVersion < 3 ? lower->iVersion : 3;
  oriel_vfs.szOsFile = lower->szOsFile;
  if (oriel_vfs.szOsFile < (int) sizeof (struct vfs_handle))
    oriel_vfs.szOsFile = (int) sizeof (struct vfs_handle);
  oriel_vfs.mxPathname = lower->mxPathname;
  if (lower->iVersion >= 2 && lower->xCurrentTimeInt64)
    oriel_vfs.xCurrentTimeInt64 = x_current_time_64;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static int
register_vfs (int make_default)
{
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  sqlite3_vfs *lower = sqlite3_vfs_find (NULL);
  sqlite3_vfs *there = sqlite3_vfs_find (oriel_vfs.zName);
  int rc = SQLITE_OK;

  pthread_once (&once, init);
  pthread_mutex_lock (&mutex);
  /* It may be there because it was both linked in and loaded: one is enough.
   * Registering it anew would take the default from it. */
  if (there)
    rc = make_default ? sqlite3_vfs_register (there, 1) : SQLITE_OK;
  else
    {
      if (!vfs_lower && lower)
        put_above (lower);
      rc = vfs_lower ? sqlite3_vfs_register (&oriel_vfs, make_default)
                     : SQLITE_ERROR;
    }
  if (rc == SQLITE_OK)
    rc = vfs_vtab_register ();
  pthread_mutex_unlock (&mutex);
  return rc;
}

#ifdef SQLITE_CORE

int
oriel_vfs_register (int make_default)
{
  return register_vfs (make_default);
}

#else

/* The first that has sqlite3_filename_wal(): the table of calls that an older
 * one passes ends before it. */
#define SQLITE_NEEDED 3031000

ORIEL_API int sqlite3_orielvfs_init (sqlite3 *db, char **error,
                                     const sqlite3_api_routines *api);

int
sqlite3_orielvfs_init (sqlite3 *db, char **error,
                       const sqlite3_api_routines *api)
{
  int rc;

  SQLITE_EXTENSION_INIT2 (api);
  if (sqlite3_libversion_number () < SQLITE_NEEDED)
    {
      *error = sqlite3_mprintf ("oriel: this is SQLite %s; 3.31 or later is"
                                " needed", sqlite3_libversion ());
      return SQLITE_ERROR;
    }
  pthread_once (&once, init);
  rc = register_vfs (vfs_params_default ());
  if (rc != SQLITE_OK)
    {
      *error = sqlite3_mprintf ("oriel: there is no VFS to put it above");
      return rc;
    }
  /* This connection was opened before. */
  rc = vfs_vtab_create (db);
  return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
}

#endif

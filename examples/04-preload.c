/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 04-preload.c - the VFS in a program that was built without it and cannot load
 * extensions
 *
 * A library that is loaded before the program, and registers the VFS when the
 * program opens its first database:
 *     cc -shared -fPIC -o preload.so 04-preload.c \
 *       -loriel_vfs -loriel -lsqlite3
 *     LD_PRELOAD=./preload.so PROGRAM file:a.db?vfs=oriel
 *     LD_PRELOAD=./preload.so ORIEL_VFS_DEFAULT=1 PROGRAM a.db
 *
 * Not in a constructor, which would be one line: that initialises SQLite before
 * main(), and a program that calls sqlite3_config() would find it too late.
 *
 * It does nothing for a program that has a SQLite of its own inside: such a one
 * links with liboriel_vfs and calls oriel_vfs_register() itself.
 */
#include <dlfcn.h>
#include <oriel_vfs.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

static int (*real_open) (const char *, sqlite3 **);
static int (*real_open_v2) (const char *, sqlite3 **, int, const char *);

static void
register_vfs (void)
{
  *(void **) &real_open = dlsym (RTLD_NEXT, "sqlite3_open");
  *(void **) &real_open_v2 = dlsym (RTLD_NEXT, "sqlite3_open_v2");
  oriel_vfs_register (getenv ("ORIEL_VFS_DEFAULT") != NULL);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

ORIEL_API int
sqlite3_open (const char *name, sqlite3 **db)
{
  pthread_once (&once, register_vfs);
  return real_open (name, db);
}

ORIEL_API int
sqlite3_open_v2 (const char *name, sqlite3 **db, int flags, const char *vfs)
{
  pthread_once (&once, register_vfs);
  return real_open_v2 (name, db, flags, vfs);
}

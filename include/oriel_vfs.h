/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_vfs.h - the SQLite VFS "oriel", linked into a program
 *
 * Link with -loriel_vfs -loriel -lsqlite3, and call oriel_vfs_register() once,
 * before databases are opened:
 *
 *     oriel_vfs_register (0);
 *     sqlite3_open_v2 ("file:a.db?vfs=oriel&pool_size=64M", &db,
 *                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL);
 *
 * oriel_vfs(7) has the URI parameters, the environment and the limits.  A
 * program that can load extensions needs none of this: it loads oriel_vfs.so.
 */
#ifndef ORIEL_VFS_H
#define ORIEL_VFS_H

#include "oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Register the VFS "oriel" above the VFS that is the default now; with
 * make_default it becomes the default itself.  May be called again: after
 * sqlite3_shutdown(), say, which makes SQLite's own VFS the default anew.
 * Initialises SQLite, so a program calls sqlite3_config() before.
 *
 * Returns SQLITE_OK or an error code of SQLite.  Safe in all threads.
 */
ORIEL_API int oriel_vfs_register (int make_default);

#ifdef __cplusplus
}
#endif
#endif /* ORIEL_VFS_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment's variables are the defaults of the URI's parameters, which
 * count more; as read when the VFS is registered, whatever becomes of them.
 */
#include "vfs.h"

static sqlite3 *
open_bare (const char *more)
{
  char uri[1024];
  sqlite3 *db = NULL;

  snprintf (uri, sizeof uri, "file:%s?vfs=oriel%s", scratch_file ("a.db"),
            more);
  if (sqlite3_open_v2 (uri, &db,
                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                           | SQLITE_OPEN_URI,
                       NULL)
      != SQLITE_OK) {
    sqlite3_close (db);
    return NULL;
  }
  return db;
}

int
main (void)
{
  sqlite3 *db;

  setenv ("ORIEL_DIR", pool_dir (), 1);
  setenv ("ORIEL_POOL", "env", 1);
  setenv ("ORIEL_POOL_SIZE", "2M", 1);
  setenv ("ORIEL_POOL_MAX_SIZE", "6M", 1);
  setenv ("ORIEL_POOL_PAGE_SIZE", "8192", 1);
  setenv ("ORIEL_WINDOW", "256K", 1);
  setenv ("ORIEL_SLOT", "32K", 1);
  setenv ("ORIEL_BACKEND", "mmap", 1);
  setenv ("ORIEL_RESIDENCY", "none", 1);
  setenv ("ORIEL_REQUIRED", "1", 1);
  setenv ("ORIEL_POOL_THREADS", "9", 1);
  oriel_vfs_register (0);
  unsetenv ("ORIEL_POOL");
  setenv ("ORIEL_POOL_SIZE", "nonsense", 1);

  db = open_bare ("");
  if (!db)
    bail_out ("cannot be opened");
  run (db, "CREATE TABLE t (x)");
  is_str (text_of (db, "PRAGMA oriel_pool"), pool_path ("env"),
          "ORIEL_DIR and ORIEL_POOL");
  is_int ((long long) stat_of (db, "frames"), 256, "ORIEL_POOL_SIZE");
  is_int ((long long) stat_of (db, "frames_max"), 768,
          "ORIEL_POOL_MAX_SIZE");
  is_int ((long long) stat_of (db, "page_size"), 8192,
          "ORIEL_POOL_PAGE_SIZE");
  is_int ((long long) stat_of (db, "window_bytes"), 256 * 1024,
          "ORIEL_WINDOW");
  is_int ((long long) stat_of (db, "slot_size"), 32 * 1024, "ORIEL_SLOT");
  ok (strstr (text_of (db, "PRAGMA oriel_status"), "backend mmap") != NULL,
      "ORIEL_BACKEND");
  close_db (db);

  db = open_bare ("&pool=uri&pool_size=1M&pool_max_size=2M"
                  "&pool_page_size=4096");
  is_str (text_of (db, "PRAGMA oriel_pool"), pool_path ("uri"),
          "the URI counts more");
  is_int ((long long) stat_of (db, "frames"), 256, "of all that it has");
  is_int ((long long) stat_of (db, "frames_max"), 512, "and can have");
  close_db (db);

  ok (!open_bare ("&pool=/nonexistent/pool"), "ORIEL_REQUIRED");
  db = open_bare ("&pool=/nonexistent/pool&oriel_required=0");
  ok (db != NULL, "and that can be taken back");
  close_db (db);
  return done_testing ();
}

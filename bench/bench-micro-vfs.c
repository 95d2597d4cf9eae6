/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-micro-vfs.c - the calls by which SQLite gets a database's pages
 *
 * xRead, xFetch and xUnfetch, and xWrite, called as SQLite does: with the lock that
 * they want, after the look at the version bytes that follows it.  Our VFS beside
 * SQLite's own, which reads by pread(2), or from a mapping.  A batch is a
 * transaction.
 *
 * What is written are zeroes, into pages behind the first: no one asks SQLite for
 * a row of that database any more.
 */
#include "bench-micro.h"

#ifdef MICRO_SQLITE
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oriel_vfs.h"

struct connection {
  sqlite3 *db;
  sqlite3_file *file;           /* its database's */
};

struct database {
  char uri[600];
  bool mapped;
  struct connection each[1 + WORKERS]; /* a thread has its own */
};

static void
must (int rc, sqlite3 *db, const char *what)
{
  if (rc == SQLITE_OK)
    return;
  fprintf (stderr, "bench-micro: SQLite: %s: %s\n", what,
           db ? sqlite3_errmsg (db) : sqlite3_errstr (rc));
  exit (1);
}

static void
execute (sqlite3 *db, const char *sql)
{
  must (sqlite3_exec (db, sql, NULL, NULL, NULL), db, sql);
}

static sqlite3 *
connect (const char *uri)
{
  sqlite3 *db = NULL;

  must (sqlite3_open_v2 (uri, &db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                             | SQLITE_OPEN_URI,
                         NULL),
        db, uri);
  return db;
}

/* A database of PAGES pages and some, as its one value goes on from page to page. */
static void
make_database (const char *path)
{
  sqlite3 *db = connect (path);
  char *sql = sqlite3_mprintf ("INSERT INTO t VALUES (zeroblob (%u))",
                               PAGES * (PAGE - 4));

  need (sql != NULL, "memory");
  execute (db, "PRAGMA journal_mode = OFF");
  execute (db, "PRAGMA page_size = 4096");
  execute (db, "CREATE TABLE t (x)");
  execute (db, sql);
  sqlite3_free (sql);
  sqlite3_close (db);
}

static void *
open_database (const struct place *place, const char *vfs, bool mapped)
{
  struct database *d = calloc (1, sizeof *d);
  char path[300];

  need (d != NULL, "memory");
  snprintf (path, sizeof path, "%s/database", place->directory);
  if (access (path, F_OK) < 0)
    make_database (path);
  snprintf (d->uri, sizeof d->uri,
            "file:%s?vfs=%s&pool=%s/vfs&pool_size=128M&oriel_required=1", path, vfs,
            place->directory);
  d->mapped = mapped;
  return d;
}

static void *
open_oriel (const struct place *place, const char **why)
{
  (void) why;
  must (oriel_vfs_register (0), NULL, "oriel_vfs_register");
  return open_database (place, "oriel", true);
}

static void *
open_stock (const struct place *place, const char **why)
{
  (void) why;
  return open_database (place, "unix", false);
}

static void *
open_mapped (const struct place *place, const char **why)
{
  (void) why;
  return open_database (place, "unix", true);
}

static void
close_database (void *opened)
{
  struct database *d = opened;

  for (int i = 0; i <= WORKERS; i++)
    if (d->each[i].db)
      sqlite3_close (d->each[i].db);
  free (d);
}

/* This thread's, made at first use. */
static sqlite3_file *
file_of (struct database *d)
{
  struct connection *c = &d->each[worker_number];
  void *at;

  if (c->file)
    return c->file;
  c->db = connect (d->uri);
  execute (c->db, d->mapped ? "PRAGMA mmap_size = 1000000000"
                            : "PRAGMA mmap_size = 0");
  execute (c->db, "SELECT count (*) FROM sqlite_schema");
  must (sqlite3_file_control (c->db, "main", SQLITE_FCNTL_FILE_POINTER,
                              &c->file),
        c->db, "SQLITE_FCNTL_FILE_POINTER");
  if (d->mapped) {
    /* SQLite's own maps the file when it is first asked for a pointer. */
    must (c->file->pMethods->xFetch (c->file, 0, PAGE, &at), c->db, "xFetch");
    must (c->file->pMethods->xUnfetch (c->file, 0, at), c->db, "xUnfetch");
  }
  return c->file;
}

static void
lock (sqlite3_file *file, int level)
{
  int rc;

  while ((rc = file->pMethods->xLock (file, level)) == SQLITE_BUSY)
    sched_yield ();
  must (rc, NULL, "xLock");
}

static void
read_bytes (sqlite3_file *file, void *to, int n, sqlite3_int64 offset)
{
  must (file->pMethods->xRead (file, to, n, offset), NULL, "xRead");
}

/* As the pager begins and ends a transaction. */
static sqlite3_file *
begin (void *opened)
{
  sqlite3_file *file = file_of (opened);
  char version[16];

  lock (file, SQLITE_LOCK_SHARED);
  read_bytes (file, version, sizeof version, 24);
  return file;
}

static void
end (sqlite3_file *file)
{
  must (file->pMethods->xUnlock (file, SQLITE_LOCK_NONE), NULL, "xUnlock");
}

static uint64_t
visit_read (void *opened, const uint32_t *pages, uint64_t n)
{
  static _Thread_local uint64_t page[PAGE / sizeof (uint64_t)];
  sqlite3_file *file = begin (opened);
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    read_bytes (file, page, PAGE, (sqlite3_int64) pages[i] * PAGE);
    sum += page[0];
  }
  end (file);
  return sum;
}

static uint64_t
visit_fetch (void *opened, const uint32_t *pages, uint64_t n)
{
  sqlite3_file *file = begin (opened);
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    sqlite3_int64 offset = (sqlite3_int64) pages[i] * PAGE;
    void *at;

    must (file->pMethods->xFetch (file, offset, PAGE, &at), NULL, "xFetch");
    if (at) {
      sum += *(volatile uint64_t *) at;
      must (file->pMethods->xUnfetch (file, offset, at), NULL, "xUnfetch");
    } else {
      char page[PAGE];

      read_bytes (file, page, PAGE, offset);
      sum += (unsigned char) page[0];
    }
  }
  end (file);
  return sum;
}

static uint64_t
visit_write (void *opened, const uint32_t *pages, uint64_t n)
{
  static const char page[PAGE];
  sqlite3_file *file = begin (opened);

  lock (file, SQLITE_LOCK_RESERVED);
  lock (file, SQLITE_LOCK_EXCLUSIVE);
  for (uint64_t i = 0; i < n; i++)
    must (file->pMethods->xWrite (file, page, PAGE,
                                  (sqlite3_int64) (1 + pages[i] % (PAGES - 1))
                                      * PAGE),
          NULL, "xWrite");
  end (file);
  return n;
}

#define SUBJECT(symbol, text, crews, open, visit, slow)                       \
  const struct subject symbol                                                 \
      = { text, crews, open, close_database, visit, slow }
#else
static void *
no_sqlite (const struct place *place, const char **why)
{
  (void) place;
  *why = "configure found no SQLite";
  return NULL;
}

#define SUBJECT(symbol, text, crews, open, visit, slow)                       \
  const struct subject symbol = { text, crews, no_sqlite, NULL, NULL, slow }
#endif

SUBJECT (sqlite_read, "xRead: oriel VFS", BY_ALL, open_oriel, visit_read, 10);
SUBJECT (sqlite_read_stock, "xRead: SQLite unix", BY_ALL, open_stock,
         visit_read, 10);
SUBJECT (sqlite_read_mapped, "xRead: SQLite unix, mmap", BY_ALL, open_mapped,
         visit_read, 10);
SUBJECT (sqlite_fetch, "xFetch: oriel VFS", BY_ALL, open_oriel, visit_fetch, 4);
SUBJECT (sqlite_fetch_mapped, "xFetch: SQLite unix, mmap", BY_ALL, open_mapped,
         visit_fetch, 4);
SUBJECT (sqlite_write, "xWrite: oriel VFS", BY_ONE_THREAD, open_oriel, visit_write,
         50);
SUBJECT (sqlite_write_stock, "xWrite: SQLite unix", BY_ONE_THREAD, open_stock,
         visit_write, 50);

/* SPDX-License-Identifier: BSD-2-Clause */
/* A database in a pool of less than 8 MiB is read through the page cache, in a
 * larger one past it, where the file system lets that be. */
#include "vfs.h"

#include <limits.h>

/* How many descriptors of the file are O_DIRECT. */
static int
direct_descriptors (const char *path)
{
  char link[64], target[PATH_MAX];
  int n = 0;

  for (int fd = 0; fd < 256; fd++) {
    ssize_t got;

    snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
    got = readlink (link, target, sizeof target - 1);
    if (got < 0)
      continue;
    target[got] = 0;
    n += strcmp (target, path) == 0 && (fcntl (fd, F_GETFL) & O_DIRECT) != 0;
  }
  return n;
}

static int
in_pool (const char *name, const char *pool)
{
  char path[PATH_MAX];
  sqlite3 *db;
  int n;

  if (!realpath (scratch (), path))
    bail_out ("realpath");
  snprintf (path + strlen (path), 64, "/%s", name);
  db = must_open_db (path, "oriel", pool);
  run (db, "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob (100000))");
  is_int (number_of (db, "SELECT length (a) FROM t"), 100000,
          "a database works in it");
  n = direct_descriptors (path);
  close_db (db);
  return n;
}

int
main (void)
{
  char path[PATH_MAX];
  int fd;

  want_room (32 * MiB);
  is_int (in_pool ("small.db", "pool=small&pool_size=4M"), 0,
          "the small pool has no direct descriptor");
  snprintf (path, sizeof path, "%s", scratch_file ("small.db"));
  fd = open (path, O_RDONLY | O_DIRECT);
  if (fd < 0)
    skip ("the file system has no O_DIRECT");
  else
    is_int (in_pool ("large.db", "pool=large&pool_size=16M"), 1,
            "the large one has");
  return done_testing ();
}

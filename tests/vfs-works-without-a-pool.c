/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * If the pool can't be had a database works without it, with one warning and
 * PRAGMA oriel_status saying why; with oriel_required=1 it is not opened.
 */
#include "vfs.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sched.h>

static int warnings;
static int errors;
static char last[512];

static void
log_line (void *arg, int code, const char *text)
{
  (void) arg;
  if (strncmp (text, "oriel:", 6) != 0)
    return;
  warnings += code == SQLITE_WARNING;
  errors += code == SQLITE_CANTOPEN;
  snprintf (last, sizeof last, "%s", text);
}

static void
without (const char *more, int expected, const char *what, const char *reason)
{
  const char *path = scratch_file ("alone.db");
  char required[256];
  sqlite3 *db = NULL;

  diag ("%s", what);
  warnings = errors = 0;
  last[0] = '\0';
  for (int i = 0; i < 3; i++) {
    db = must_open_db (path, "oriel", more);
    run (db, "CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)");
    ok (strncmp (text_of (db, "PRAGMA oriel_status"), "no pool: ", 9) == 0
            && strstr (text_of (db, "PRAGMA oriel_status"), reason),
        "oriel_status says so: %s", text_of (db, "PRAGMA oriel_status"));
    run (db, "PRAGMA journal_mode = WAL; INSERT INTO t VALUES (2);"
             "PRAGMA mmap_size = 1000000; PRAGMA journal_mode = DELETE");
    is_int (number_of (db, "SELECT count (*) FROM t"), 2 * (i + 1),
            "the database works");
    is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
    close_db (db);
  }
  diag ("%s", last);
  ok (expected == 0 || strstr (last, reason), "the log says why");
  is_int (warnings, expected, "warnings for three opens");
  snprintf (required, sizeof required, "%s&oriel_required=1", more);
  is_int (try_open (path, "oriel", required, &db), SQLITE_CANTOPEN,
          "with oriel_required=1 it is not opened");
  is_int (errors, 1, "and the log says why");
  sqlite3_close (db);
  unlink (path);
}

/* A file system that is full for us, in a mount namespace of our own. */
static void
full (void)
{
  const char *small = scratch_file ("small");
  char more[300];

  if (unshare (CLONE_NEWNS) < 0
      || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mkdir (small, 0700) < 0
      || mount ("tmpfs", small, "tmpfs", 0, "size=300k") < 0) {
    skip ("this user cannot mount a small tmpfs");
    return;
  }
  /* Of 300 KiB, 64 are taken before any pool is made. */
  snprintf (more, sizeof more, "%s/filler", small);
  plain_write (more, 260 * 1024, "x", 1);
  snprintf (more, sizeof more, "pool=%s/full&pool_size=1M", small);
  without (more, 1, "there is no room for a pool", "free");
  snprintf (more, sizeof more, "%s/full", small);
  ok (access (more, F_OK) < 0, "and no half pool is left there");
  umount (small);
  rmdir (small);
}

/* As in a container that has no /dev/shm. */
static void
no_shm (void)
{
  const char *path = scratch_file ("contained.db");
  sqlite3 *db = NULL;
  char uri[300];

  if (unshare (CLONE_NEWNS) < 0
      || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mount ("tmpfs", "/dev/shm", "tmpfs", MS_RDONLY, "size=4k") < 0) {
    skip ("this user cannot hide /dev/shm");
    return;
  }
  snprintf (uri, sizeof uri, "file:%s?vfs=oriel", path);
  oriel_vfs_register (0);
  warnings = 0;
  is_int (sqlite3_open_v2 (uri, &db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                               | SQLITE_OPEN_URI,
                           NULL),
          SQLITE_OK, "a database opens where /dev/shm cannot be written");
  run (db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  ok (strstr (text_of (db, "PRAGMA oriel_status"), "no pool: ") != NULL,
      "oriel_status says: %s", text_of (db, "PRAGMA oriel_status"));
  is_int (warnings, 1, "and the log has one warning");
  close_db (db);
  unlink (path);
  umount ("/dev/shm");
}

static void
limited (void)
{
  struct rlimit limit, old;

  /* Root may lock all that it wants. */
  if (geteuid () == 0
      && (chmod (scratch (), 0777) < 0 || chmod (pool_dir (), 0777) < 0
          || seteuid (65534) < 0))
    bail_out ("cannot become another user: %s", strerror (errno));
  getrlimit (RLIMIT_MEMLOCK, &old);
  limit = old;
  limit.rlim_cur = 4096;
  setrlimit (RLIMIT_MEMLOCK, &limit);
  without ("pool=locked&pool_size=4M&oriel_residency=locked", 1,
           "RLIMIT_MEMLOCK is too small", "RLIMIT_MEMLOCK");
  setrlimit (RLIMIT_MEMLOCK, &old);
  if (getuid () == 0 && seteuid (0) < 0)
    bail_out ("cannot become root again");
}

/* ulimit -f: larger files are SIGXFSZ. */
static void
small_files (void)
{
  struct rlimit limit, old;

  getrlimit (RLIMIT_FSIZE, &old);
  limit = old;
  limit.rlim_cur = 4 << 20;
  setrlimit (RLIMIT_FSIZE, &limit);
  without ("pool=long&pool_size=8M", 1, "RLIMIT_FSIZE is too small",
           "RLIMIT_FSIZE");
  setrlimit (RLIMIT_FSIZE, &old);
}

/* SQLite, and not the pool, has the descriptors that are left. */
static void
few_descriptors (void)
{
  struct rlimit limit, old;
  int next = dup (2);

  close (next);
  getrlimit (RLIMIT_NOFILE, &old);
  limit = old;
  limit.rlim_cur = (rlim_t) next + 8;
  setrlimit (RLIMIT_NOFILE, &limit);
  without ("pool=few", 1, "RLIMIT_NOFILE is too small", "RLIMIT_NOFILE");
  setrlimit (RLIMIT_NOFILE, &old);
}

/* The pool has no place for another process. */
static int
holder (void *arg)
{
  steps *at = arg;
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.max_processes = 1;
  pool = must_open_pool ("crowd", &opt);
  go_to (at, 1);
  await (at, 2);
  oriel_pool_close (pool);
  return 0;
}

static void
crowd (steps *at, pid_t pid)
{
  await (at, 1);
  without ("pool=crowd", 1, "the pool has no place for one more process",
           "process");
  go_to (at, 2);
  reap (pid);
}

int
main (void)
{
  const char *foreign = pool_path ("foreign");
  const char *junk = pool_path ("junk");
  steps *at = shared_memory (sizeof *at);
  oriel_options small = test_options ();
  pid_t pid;

  pool_dir ();
  pid = spawn (holder, at);
  sqlite3_config (SQLITE_CONFIG_LOG, log_line, NULL);
  without ("pool=/nonexistent/pool", 1, "there is no directory",
           "/nonexistent");
  plain_write (junk, 0, "something else", 14);
  without ("pool=junk", 1, "the file is no pool", "junk");
  without ("pool=large&pool_size=100000G", 1, "there is no room", "large");
  small.page_size = 1024;
  oriel_pool_close (must_open_pool ("pages", &small));
  without ("pool=pages&pool_page_size=4096", 1,
           "the pool's pages have another size", "1024");
  crowd (at, pid);
  if (geteuid () == 0) {
    oriel_options opt = test_options ();

    oriel_pool_close (must_open_pool ("foreign", &opt));
    if (chown (foreign, 12345, 12345) < 0)
      bail_out ("chown: %s", strerror (errno));
    without ("pool=foreign", 1, "the pool is another user's", "foreign");
  } else
    skip ("only root can make another user's pool");
  without (POOL "&nolock=1", 0, "without locks no one knows what is right",
           "nolock");
  small_files ();
  few_descriptors ();
  limited ();
  full ();
  no_shm ();
  return done_testing ();
}

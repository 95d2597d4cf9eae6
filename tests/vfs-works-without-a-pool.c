/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * If the pool can't be had a database works without it, with one warning and
 * PRAGMA oriel_status saying why; with oriel_required=1 it is not opened.
 */
#include "vfs.h"

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
without (const char *more, int expected, const char *what)
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
    ok (strncmp (text_of (db, "PRAGMA oriel_status"), "no pool: ", 9) == 0,
        "oriel_status says so");
    run (db, "PRAGMA journal_mode = WAL; INSERT INTO t VALUES (2);"
             "PRAGMA mmap_size = 1000000; PRAGMA journal_mode = DELETE");
    is_int (number_of (db, "SELECT count (*) FROM t"), 2 * (i + 1),
            "the database works");
    is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
    close_db (db);
  }
  diag ("%s", last);
  is_int (warnings, expected, "warnings for three opens");
  snprintf (required, sizeof required, "%s&oriel_required=1", more);
  is_int (try_open (path, "oriel", required, &db), SQLITE_CANTOPEN,
          "with oriel_required=1 it is not opened");
  is_int (errors, 1, "and the log says why");
  sqlite3_close (db);
  unlink (path);
}

int
main (void)
{
  const char *foreign = pool_path ("foreign");
  const char *junk = pool_path ("junk");

  sqlite3_config (SQLITE_CONFIG_LOG, log_line, NULL);
  without ("pool=/nonexistent/pool", 1, "there is no directory");
  plain_write (junk, 0, "something else", 14);
  without ("pool=junk", 1, "the file is no pool");
  without ("pool=large&pool_size=100000G", 1, "there is no room");
  if (geteuid () == 0) {
    oriel_options opt = test_options ();

    oriel_pool_close (must_open_pool ("foreign", &opt));
    if (chown (foreign, 12345, 12345) < 0)
      bail_out ("chown: %s", strerror (errno));
    without ("pool=foreign", 1, "the pool is another user's");
  } else
    skip ("only root can make another user's pool");
  without (POOL "&nolock=1", 0, "without locks no one knows what is right");
  return done_testing ();
}

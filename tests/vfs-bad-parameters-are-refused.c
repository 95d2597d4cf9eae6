/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A parameter that can't be understood is an error, and the log names it; the
 * database is not even created.
 */
#include "vfs.h"

static char last[512];

static void
log_line (void *arg, int code, const char *text)
{
  (void) arg, (void) code;
  snprintf (last, sizeof last, "%s", text);
}

int
main (void)
{
  static const char *const bad[][2] = {
    { "pool_size=abc", "pool_size=abc" },
    { "pool_size=-1", "pool_size=-1" },
    { "pool_size=99999999999G", "pool_size=99999999999G" },
    { "window=1X", "window=1X" },
    { "slot=", NULL }, /* empty is as if it was not there */
    { "slot=huge", "slot=huge" },
    { "backend=foreign", "backend=foreign" },
    { "oriel_required=perhaps", "oriel_required=perhaps" },
    { "oriel_required=2", "oriel_required=2" },
    { "oriel_required=OFF", NULL },
    { "oriel_residency=always", "oriel_residency=always" },
    { "oriel_try_lock=yes", "oriel_try_lock=yes" },
    { "populate=some", "populate=some" },
    { "pool_page_size=x", "pool_page_size=x" },
    { "pool_processes=-3", "pool_processes=-3" },
    { "oriel_lease=-1", "oriel_lease=-1" },
    { "oriel_lease=3600001", "oriel_lease=3600001" },
    { "oriel_lease=0", NULL },
    { "oriel_lock_wait=1s", "oriel_lock_wait=1s" },
    { "oriel_lock_wait=99999999999999999999",
      "oriel_lock_wait=99999999999999999999" },
    { "oriel_lock_wait=5000", NULL },
  };
  const char *path = scratch_file ("never.db");

  sqlite3_config (SQLITE_CONFIG_LOG, log_line, NULL);
  for (size_t i = 0; i < COUNT (bad); i++) {
    char more[128];
    sqlite3 *db = NULL;
    int rc;

    snprintf (more, sizeof more, POOL "&%s", bad[i][0]);
    /* The first of two of a name counts. */
    if (strncmp (bad[i][0], "pool_size", 9) == 0)
      snprintf (more, sizeof more, "pool=test&%s", bad[i][0]);
    last[0] = '\0';
    rc = try_open (path, "oriel", more, &db);
    if (bad[i][1]) {
      is_int (rc, SQLITE_CANTOPEN, bad[i][0]);
      ok (strstr (last, bad[i][1]) != NULL, "the log says: %s", last);
      ok (access (path, F_OK) < 0, "no database was made");
    } else
      is_int (rc, SQLITE_OK, bad[i][0]);
    sqlite3_close (db);
    unlink (path);
  }
  return done_testing ();
}

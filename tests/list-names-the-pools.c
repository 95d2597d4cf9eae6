/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_pool_list() names the pools of a directory, and nothing else there. */
#include "util.h"

static char seen[1000];

static void
see (void *arg, const char *name, const char *path)
{
  const char *want = pool_path (name);

  (void) arg;
  if (strcmp (path, want) != 0)
    diag ("path %s, expected %s", path, want);
  snprintf (seen + strlen (seen), sizeof seen - strlen (seen), "%s%s ", name,
            strcmp (path, want) == 0 ? "" : "?");
}

static const char *
list (const char *directory)
{
  seen[0] = '\0';
  must (oriel_pool_list (directory, see, NULL), "oriel_pool_list");
  return seen;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.pool_size = 128 * KiB;
  is_str (list (pool_dir ()), "", "there is none at first");
  pool = must_open_pool ("b", &opt);
  must (oriel_pool_close (must_open_pool ("a", &opt)), "oriel_pool_close");
  must (oriel_pool_close (must_open_pool ("a.b", &opt)), "oriel_pool_close");
  plain_write (pool_path ("text"), 0, "text", 4);
  plain_write (path_in (pool_dir (), "other"), 0, "ORIEL\r\n\032", 8);
  if (mkdir (pool_path ("directory"), 0700) < 0
      || symlink (pool_path ("a"), pool_path ("link")) < 0
      || link (pool_path ("a"), pool_path ("c.building")) < 0
      || truncate (pool_path ("a.b"), 5000) < 0)
    bail_out ("%s", strerror (errno));
  is_str (list (pool_dir ()), "a a.b b ",
          "pools, also damaged ones, sorted, and what only looks so is not");
  setenv ("ORIEL_DIR", pool_dir (), 1);
  is_str (list (NULL), "a a.b b ", "the default directory is ORIEL_DIR");
  is_rc (oriel_pool_list ("/nonexistent", see, NULL), -ENOENT,
         "a directory that there is not");
  ok (strstr (oriel_error (), "/nonexistent") != NULL, "is named");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool name with a slash is the pool's path; other names live in the
 * directory, and a name that can't be a file name is refused. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  char path[512], longest[300];
  oriel_pool *pool;
  struct stat st;

  want_room (16 * MiB);
  snprintf (path, sizeof path, "%s/my.pool", pool_dir ());
  opt.directory = "/nowhere/that/exists";
  is_rc (oriel_pool_open (path, &opt, &pool), 0,
         "a path opens, whatever the directory is");
  ok (stat (path, &st) == 0 && S_ISREG (st.st_mode),
      "the pool is the very path");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_rc (oriel_pool_destroy (path, NULL, 0), 0, "and is destroyed by it");
  ok (access (path, F_OK) < 0, "which removes it");

  if (chdir (pool_dir ()) < 0)
    bail_out ("chdir: %s", strerror (errno));
  is_rc (oriel_pool_open ("./relative", &opt, &pool), 0,
         "a relative path opens");
  ok (access (path_in (pool_dir (), "relative"), F_OK) == 0,
      "in the current directory");
  must (oriel_pool_close (pool), "oriel_pool_close");

  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOENT,
         "a directory that is missing is -ENOENT");
  ok (strstr (oriel_error (), "/nowhere") != NULL, "the text names it: %s",
      oriel_error ());
  opt.directory = pool_dir ();
  is_rc (oriel_pool_open ("", &opt, &pool), -EINVAL, "an empty name");
  memset (longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  is_rc (oriel_pool_open (longest, &opt, &pool), -ENAMETOOLONG,
         "a name of 299 bytes");

  setenv ("ORIEL_DIR", pool_dir (), 1);
  opt.directory = NULL;
  is_rc (oriel_pool_open ("byenv", &opt, &pool), 0,
         "without a directory, $ORIEL_DIR counts");
  ok (access (pool_path ("byenv"), F_OK) == 0, "the pool is there");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_rc (oriel_pool_destroy ("byenv", NULL, 0), 0, "and for destroy as well");
  return done_testing ();
}

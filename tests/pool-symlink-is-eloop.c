/* SPDX-License-Identifier: BSD-2-Clause */
/* A symbolic link where the pool ought to be is -ELOOP, valid or dangling. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = test_pool ();
  char path[512];

  must (oriel_pool_close (pool), "oriel_pool_close");
  snprintf (path, sizeof path, "%s", pool_path ("test"));
  if (symlink (path, pool_path ("link")) < 0
      || symlink ("/nowhere", pool_path ("dangling")) < 0)
    bail_out ("symlink: %s", strerror (errno));
  is_rc (oriel_pool_open ("link", &opt, &pool), -ELOOP, "a link to a pool");
  ok (strstr (oriel_error (), "oriel-link") != NULL, "the text names it: %s",
      oriel_error ());
  is_rc (oriel_pool_open ("dangling", &opt, &pool), -ELOOP,
         "a link to nothing");
  ok (oriel_pool_destroy ("link", pool_dir (), 1) < 0,
      "destroying through a link fails: %s", oriel_error ());
  ok (access (path, F_OK) == 0, "and the pool is still there");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* ORIEL_ATTACH never creates a pool, ORIEL_EXCL never attaches to one. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = (oriel_pool *) &opt;

  opt.flags = ORIEL_ATTACH;
  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOENT,
         "ORIEL_ATTACH without a pool is -ENOENT");
  ok (pool == (oriel_pool *) &opt, "the output is left alone");
  ok (strstr (oriel_error (), "test") != NULL, "the text names it: %s",
      oriel_error ());
  ok (access (pool_path ("test"), F_OK) < 0, "nothing was made");
  opt.flags = ORIEL_ATTACH | ORIEL_EXCL;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "both at once are -EINVAL");

  opt.flags = ORIEL_EXCL;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "ORIEL_EXCL creates");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_rc (oriel_pool_open ("test", &opt, &pool), -EEXIST,
         "and with a pool there is -EEXIST");
  ok (strstr (oriel_error (), "test") != NULL, "the text names it: %s",
      oriel_error ());

  opt.flags = ORIEL_ATTACH;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0,
         "ORIEL_ATTACH attaches to it");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

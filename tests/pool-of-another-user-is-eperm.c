/* SPDX-License-Identifier: BSD-2-Clause */
/* Neither a user nor root attaches to, or destroys, a pool of another. */
#include "util.h"

#define NOBODY 65534

static const char *name;

static int
as_nobody (void)
{
  return setgid (NOBODY) < 0 || setuid (NOBODY) < 0 ? -1 : 0;
}

static int
makes (void *arg)
{
  (void) arg;
  if (as_nobody () < 0)
    return 99;
  return -oriel_pool_close (test_pool ());
}

static int
opens (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  (void) arg;
  if (as_nobody () < 0)
    return 99;
  return -oriel_pool_open (name, &opt, &pool);
}

static int
destroys (void *arg)
{
  (void) arg;
  if (as_nobody () < 0)
    return 99;
  return -oriel_pool_destroy (name, pool_dir (), 1);
}

int
main (void)
{
  oriel_options opt;
  oriel_pool *pool;

  if (geteuid () != 0)
    skip_all ("only root can become another user");
  opt = test_options ();
  want_room (16 * MiB);
  chmod (pool_dir (), 01777);
  is_int (in_child (makes, NULL), 0, "another user makes a pool");
  is_rc (oriel_pool_open ("test", &opt, &pool), -EPERM, "root can't attach");
  ok (strstr (oriel_error (), "oriel-test") != NULL, "the text names it: %s",
      oriel_error ());
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), -EPERM,
         "nor destroy it");

  must (oriel_pool_open ("root", &opt, &pool), "oriel_pool_open");
  must (oriel_pool_close (pool), "oriel_pool_close");
  name = "root";
  is_int (in_child (opens, NULL), EPERM, "a user can't attach to root's");
  is_int (in_child (destroys, NULL), EPERM, "nor destroy it");
  ok (access (pool_path ("root"), F_OK) == 0, "it is still there");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that may not write files as large as a pool's (ulimit -f) is refused,
 * and not killed by SIGXFSZ, where it would make the pool and where there is one.
 */
#include "util.h"

#include <sys/resource.h>

static void
limit (rlim_t bytes)
{
  struct rlimit limit;

  getrlimit (RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  if (setrlimit (RLIMIT_FSIZE, &limit) < 0)
    bail_out ("setrlimit: %s", strerror (errno));
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  struct stat st;

  opt.pool_size = 4 * MiB;
  opt.window_size = 1 * MiB;
  limit (1 * MiB);
  is_rc (oriel_pool_open ("test", &opt, &pool), -EFBIG, "a pool is not made");
  ok (strstr (oriel_error (), "ulimit -f") != NULL, "the text says why: %s",
      oriel_error ());
  ok (access (pool_path ("test"), F_OK) < 0, "nothing is left of it");
  limit (RLIM_INFINITY);
  pool = must_open_pool ("test", &opt);
  must (oriel_pool_close (pool), "oriel_pool_close");
  if (stat (pool_path ("test"), &st) < 0)
    bail_out ("stat: %s", strerror (errno));

  limit ((rlim_t) st.st_size - 1);
  is_rc (oriel_pool_open ("test", &opt, &pool), -EFBIG,
         "nor is one attached to");
  opt.flags |= ORIEL_WATCH;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "who only looks may");
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.flags &= ~(unsigned) ORIEL_WATCH;
  limit ((rlim_t) st.st_size);
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "its own size will do");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Attaching with a page size that is not the pool's is refused. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.page_size = 8192;
  must (oriel_pool_close (must_open_pool ("test", &opt)), "oriel_pool_close");
  opt.page_size = 4096;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "4096 on a pool of 8192 is -EINVAL");
  ok (strstr (oriel_error (), "8192") != NULL, "the text names the pool's: %s",
      oriel_error ());
  opt.page_size = 8192;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "the pool's own is right");
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.page_size = 0;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "0 takes the pool's");
  is_int (oriel_pool_page_size (pool), 8192, "which is 8192");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

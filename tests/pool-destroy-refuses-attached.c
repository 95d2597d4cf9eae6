/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_pool_destroy() removes a pool that no one uses, others by force. */
#include "util.h"

static int
destroys (void *arg)
{
  return -oriel_pool_destroy ("test", pool_dir (), *(int *) arg);
}

int
main (void)
{
  oriel_pool *pool, *other;
  oriel_file *file;
  int force = 0;

  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), -ENOENT,
         "no such pool is -ENOENT");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 1), -ENOENT,
         "by force too");
  plain_write (pool_path ("text"), 0, "hello, this is a text\n", 22);
  chmod (pool_path ("text"), 0600);
  is_rc (oriel_pool_destroy ("text", pool_dir (), 0), -EPROTO,
         "what is no pool is -EPROTO");
  is_int (access (pool_path ("text"), F_OK), 0, "and is left there");

  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  stamp_page (pool, file, 3, 1);
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), -EBUSY,
         "attached by this process is -EBUSY");
  is_int (in_child (destroys, &force), EBUSY,
          "and by another process is -EBUSY");
  ok (access (pool_path ("test"), F_OK) == 0, "the pool is still there");
  force = 1;
  is_int (in_child (destroys, &force), 0, "by force it goes");
  ok (access (pool_path ("test"), F_OK) < 0, "the file is gone");
  ok (page_is_stamped (pool, file, 3, 1), "who was attached goes on");
  stamp_page (pool, file, 4, 1);
  is_rc (oriel_sync (file), 0, "and can sync");
  other = test_pool ();
  ok (get_stats (other).files == 0, "a new pool of the name is another");
  must (oriel_pool_close (other), "oriel_pool_close");
  must (oriel_file_close (file), "oriel_file_close");
  is_rc (oriel_pool_close (pool), 0, "and detach from the nameless one");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), 0,
         "a pool without users goes");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk that is full where the log is to be written, as it can be where what is
 * overwritten goes to new blocks, is an error of the put or batch that met it,
 * and no reason for a checkpoint.  Nothing of that one was done, also if half of
 * its record was written; the store goes on when there is room again.
 */
#include "kv.h"

#include <sys/uio.h>

#define PATIENCE 100            /* calls that fail before it is called endless */

static kv *store;
static int fails;               /* calls, of which the first writes half */

/* In the place of the C library's. */
__attribute__ ((visibility ("default"))) ssize_t
pwrite (int fd, const void *data, size_t length, off_t at)
{
  struct iovec io = { (void *) data, length };

  if (fails > 0 && store && fd == store->log && at > 0) { /* in the ring */
    if (++fails > PATIENCE)
      bail_out ("it is tried again for ever");
    if (fails > 2 || length < 2) {
      errno = ENOSPC;
      return -1;
    }
    io.iov_len = length / 2;
  }
  return pwritev (fd, &io, 1, at);
}

static bool
has (const char *key, const char *value)
{
  char got[10] = "";
  int r = kv_get (store, key, 1, got, sizeof got, NULL);

  return value ? r == 0 && strcmp (got, value) == 0 : r == -ENOENT;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  kv_op ops[2] = { { "b", (void *) "2", 1, 2 }, { "c", (void *) "2", 1, 2 } };

  store = kv_must_open (pool, kv_file ("a.kv"), 256 * KiB);
  is_int (kv_put (store, "a", 1, "1", 2, 0), 0, "a put succeeds");
  fails = 1;
  is_int (kv_put (store, "a", 1, "2", 2, 0), -ENOSPC,
          "one for which the disk has no room says so");
  fails = 1;
  is_int (kv_apply (store, ops, 2, 0), -ENOSPC, "a batch, too");
  fails = 0;
  ok (has ("a", "1") && has ("b", NULL) && has ("c", NULL),
      "nothing of them was done");
  is_int (kv_put (store, "d", 1, "3", 2, 0), 0, "with room the next succeeds");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = test_pool ();
  store = kv_must_open (pool, kv_file ("a.kv"), 256 * KiB);
  ok (has ("a", "1") && has ("b", NULL) && has ("c", NULL) && has ("d", "3"),
      "recovered it has what succeeded, and no more");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

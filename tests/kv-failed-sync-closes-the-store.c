/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the log cannot be made durable the put says so, and from then on all
 * processes are refused; recovered from its files the store is well, and has what
 * was acknowledged.
 */
#include "kv.h"

#include <sys/syscall.h>

static int fails;

/* In the place of the C library's. */
__attribute__ ((visibility ("default"))) int
fdatasync (int fd)
{
  if (fails) {
    errno = EIO;
    return -1;
  }
  return (int) syscall (SYS_fdatasync, fd);
}

static int
other_process (void *arg)
{
  oriel_pool *pool = test_pool ();
  char value[10];
  kv *store;
  int r = kv_open (pool, kv_file ("a.kv"), NULL, &store);

  (void) arg, (void) value;
  return r == -EIO ? 0 : 1;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), 256 * KiB);
  char value[10];

  is_int (kv_put (store, "a", 1, "1", 1, 0), 0, "a put is acknowledged");
  fails = 1;
  is_int (kv_put (store, "b", 1, "2", 1, 0), -EIO,
          "one whose log cannot be synced is an error");
  fails = 0;
  is_int (kv_put (store, "c", 1, "3", 1, 0), -EIO, "the next too");
  is_int (kv_get (store, "a", 1, value, 1, NULL), -EIO, "and a get");
  is_int (kv_checkpoint (store), -EIO, "and a checkpoint");
  is_int (in_child (other_process, NULL), 0, "another process is refused");
  is_int (kv_close (store), -EIO, "closing it tells");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = test_pool ();
  store = kv_must_open (pool, kv_file ("a.kv"), 256 * KiB);
  is_int (kv_get (store, "a", 1, value, 1, NULL), 0,
          "recovered it has what was acknowledged");
  is_int (kv_put (store, "d", 1, "4", 1, 0), 0, "and takes more");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

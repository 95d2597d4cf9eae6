/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the log cannot be made durable while a store is recovered, opening it is
 * an error, and stays one for all processes though a later sync would not fail:
 * the kernel has forgotten what it could not write.  When the pool has been
 * destroyed the store is recovered from its files.
 */
#include "kv.h"

#include <sys/syscall.h>

#define KEYS 300

static const char *path;
static int fails;               /* the next syncs of the log that do */

/* In the place of the C library's. */
__attribute__ ((visibility ("default"))) int
fdatasync (int fd)
{
  char link[40], target[512] = "";

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  if (fails > 0 && readlink (link, target, sizeof target - 1) > 0
      && strstr (target, "a.kv-log")) {
    fails--;
    errno = EIO;
    return -1;
  }
  return (int) syscall (SYS_fdatasync, fd);
}

/* The log has all of it, of which nothing was synced. */
static int
fill_and_die (void *arg)
{
  kv *store = kv_must_open (test_pool (), path, 256 * KiB);
  char key[20];

  (void) arg;
  for (int i = 0; i < KEYS; i++) {
    size_t length = (size_t) sprintf (key, "key %05d", i);

    must (kv_put (store, key, length, key, length, KV_NOSYNC), "kv_put");
  }
  raise (SIGKILL);
  return 0;
}

static int
other_process (void *arg)
{
  kv *store;

  (void) arg;
  return kv_open (test_pool (), path, NULL, &store) == -EIO ? 0 : 1;
}

int
main (void)
{
  oriel_pool *pool;
  kv *store = NULL;

  pool_dir ();                  /* before children make their own */
  alarm (util_timeout () / 5);
  path = strdup (kv_file ("a.kv"));
  is_int (in_child (fill_and_die, NULL), 128 + SIGKILL, "one puts and dies");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = test_pool ();
  fails = 1;
  is_int (kv_open (pool, path, NULL, &store), -EIO,
          "a recovery whose log cannot be synced is an error");
  is_int (fails, 0, "the sync was asked for, and failed");
  if (!is_int (kv_open (pool, path, NULL, &store), -EIO,
               "so is the next, whose sync would not fail"))
    return done_testing ();
  is_int (in_child (other_process, NULL), 0, "another process is refused");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = test_pool ();
  is_int (kv_open (pool, path, NULL, &store), -EIO,
          "and who comes to the pool when all have left");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = test_pool ();
  store = kv_must_open (pool, path, 0);
  is_int (kv_check (store), KEYS, "in a new pool it has what the log has");
  is_int (kv_put (store, "more", 4, "1", 1, 0), 0, "and takes more");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

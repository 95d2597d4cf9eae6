/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a process is in the middle of a put, with its leaf changed and not yet in
 * the log, another puts and deletes keys of other leaves, and makes them durable.
 * It sees nothing of what the first has not committed, and both changes are there
 * in the end.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define KEYS 2000               /* some 20 leaves */

static int stopped[2], go_on[2]; /* pipes */
static bool stops;

static void
kv_point (const char *name)
{
  char byte = 0;

  if (!stops || strcmp (name, "alone.changed") != 0)
    return;
  stops = false;
  if (write (stopped[1], &byte, 1) != 1 || read (go_on[0], &byte, 1) != 1)
    _exit (1);
}

static int
put (kv *store, int k, const char *value)
{
  char key[20];

  return kv_put (store, key, (size_t) sprintf (key, "key %05d", k), value, 5,
                 0);
}

static bool
has (kv *store, int k, const char *value)
{
  char key[20], got[20] = "";
  int r = kv_get (store, key, (size_t) sprintf (key, "key %05d", k), got,
                  sizeof got, NULL);

  return value ? r == 0 && strcmp (got, value) == 0 : r == -ENOENT;
}

static int
first (void *arg)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);

  (void) arg;
  stops = true;
  must (put (store, 100, "mine"), "kv_put");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);
  int bad = 0;
  char byte = 0, key[20];
  pid_t pid;

  for (int k = 0; k < KEYS; k++)
    must (kv_put (store, key, (size_t) sprintf (key, "key %05d", k), "old.", 5,
                  KV_NOSYNC),
          "kv_put");
  if (pipe (stopped) < 0 || pipe (go_on) < 0)
    bail_out ("pipe");
  pid = spawn (first, NULL);
  if (read (stopped[0], &byte, 1) != 1)
    bail_out ("the first process failed");
  /* Should we wait for it all the same, the test's timeout ends that. */
  for (int k = 1000; k < KEYS; k += 10)
    bad += put (store, k, "his.") != 0;
  is_int (bad, 0, "puts into other leaves succeed while one is under way");
  is_int (kv_delete (store, "key 01001", 9, 0), 0, "and a delete");
  ok (has (store, 1000, "his.") && has (store, 1001, NULL),
      "and are seen at once");
  if (write (go_on[1], &byte, 1) != 1)
    bail_out ("write");
  is_int (reap (pid), 0, "the first goes on when it may");
  ok (has (store, 100, "mine") && has (store, 99, "old."),
      "and has made its change, and no other");
  for (int k = 1000; k < KEYS; k += 10)
    bad += !has (store, k, "his.");
  is_int (bad, 0, "the others' are there");
  is_int (kv_check (store), KEYS - 1, "the pages are a tree");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

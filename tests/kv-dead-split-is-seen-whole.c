/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A single put divides a leaf and its process dies when some of the pages are
 * changed, and the others, which it had latched, are what they were.  Who only
 * reads, in a process that had the store open, finds every key.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define KEYS 400                /* some leaves */
#define MOST 4                  /* pages that may be changed when it dies */

static int die_after;

/* At commit.unpinning so many pages less one are changed and free. */
static void
kv_point (const char *name)
{
  static int times;

  times = strcmp (name, "commit.unpinning") == 0 ? times + 1 : 0;
  if (die_after > 0 && times > die_after)
    raise (SIGKILL);
}

static size_t
name_of (char key[20], int k)
{
  return (size_t) sprintf (key, "key %05d", k);
}

/* Keys between those that are there, until a put changes several pages. */
static int
dies (void *arg)
{
  kv *store = kv_must_open (test_pool (), kv_file ("a.kv"), 4 * MiB);
  char key[20];

  die_after = *(int *) arg;
  for (int k = 1; k < 2 * KEYS; k += 2)
    must (kv_put (store, key, name_of (key, k), "its value", 10, KV_NOSYNC),
          "kv_put");
  return 0;
}

int
main (void)
{
  kv *store = kv_must_open (test_pool (), kv_file ("a.kv"), 4 * MiB);
  char key[20], value[10];

  for (int k = 0; k < 2 * KEYS; k += 2)
    must (kv_put (store, key, name_of (key, k), "its value", 10, KV_NOSYNC),
          "kv_put");
  for (int pages = 1; pages <= MOST; pages++) {
    int missing = 0;

    if (in_child (dies, &pages) != 128 + SIGKILL)
      break;                    /* no put changes so many */
    for (int k = 0; k < 2 * KEYS; k += 2)
      missing += kv_get (store, key, name_of (key, k), value, sizeof value,
                         NULL) != 0;
    ok (missing == 0, "no key is missed where one died with %d pages changed",
        pages);
    ok (kv_check (store) >= KEYS, "then the pages are a tree");
  }
  must (kv_close (store), "kv_close");
  return done_testing ();
}

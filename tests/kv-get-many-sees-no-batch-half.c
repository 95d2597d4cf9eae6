/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While kv_get_many() has one value of two, a batch changes both, in two leaves or
 * in one.  What it gives in the end is both as they were, or both as they are.
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

static kv *store;
static const char *other;       /* the second key */
static bool armed;

/* The reader has no page and no lock here, so the batch is made in its place. */
static void
kv_point (const char *name)
{
  if (!armed || strcmp (name, "get.one") != 0)
    return;
  armed = false;
  must (kv_apply (store,
                  (kv_op[]) { { "key 00000", (void *) "new.", 9, 5 },
                              { other, (void *) "new.", 9, 5 } },
                  2, KV_NOSYNC),
        "kv_apply");
}

static void
put (const char *key)
{
  must (kv_put (store, key, 9, "old.", 5, KV_NOSYNC), "kv_put");
}

static void
look (const char *key, const char *where)
{
  char got[2][5] = { "" };
  size_t lengths[2] = { 0 };

  other = key;
  put ("key 00000");
  put (other);
  armed = true;
  must (kv_get_many (store,
                     (kv_op[]) { { "key 00000", got[0], 9, 5 },
                                 { other, got[1], 9, 5 } },
                     2, lengths),
        "kv_get_many");
  ok (!armed && lengths[0] == 5 && lengths[1] == 5
          && memcmp (got[0], got[1], 5) == 0,
      "two values in %s are of one moment", where);
  diag ("%s and %s", got[0], got[1]);
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  char key[20];

  store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);
  for (int k = 0; k < KEYS; k++) {
    snprintf (key, sizeof key, "key %05d", k);
    put (key);
  }
  look ("key 01999", "two leaves");
  look ("key 00001", "one leaf");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

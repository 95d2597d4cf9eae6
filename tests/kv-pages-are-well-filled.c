/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys that come in order fill their pages, those that come at random fill two
 * thirds and more; and when most of them are deleted again, what is left of the
 * pages joins, and the others are free for new keys.
 */
#include "kv.h"

#define KEYS 20000
#define VALUE 100
#define BYTES (10 + VALUE + sizeof (struct kv_cell) + sizeof (struct kv_slot))

static kv *store;

static size_t
key_of (char key[20], unsigned k)
{
  return (size_t) sprintf (key, "%010u", k * 2654435761u);
}

static void
put (const char *key, size_t length)
{
  char value[VALUE] = "";

  must (kv_put (store, key, length, value, sizeof value, KV_NOSYNC), "kv_put");
}

/* Of the pages that are in use, percent that n keys take. */
static unsigned
fill (unsigned n, uint64_t *all)
{
  struct kv_view view;
  uint64_t page, pages;

  if (kv_check (store) != (int64_t) n)
    bail_out ("it is no tree of %u keys", n);
  must (kv_look (store, NULL, KV_META, &view), "kv_look");
  *all = pages = ((const struct kv_meta *) view.data)->pages;
  page = kv_head (view.data)->link;
  kv_unlook (&view);
  for (; page != 0; pages--) {
    must (kv_look (store, NULL, page, &view), "kv_look");
    page = kv_head (view.data)->link;
    kv_unlook (&view);
  }
  diag ("%u keys in %llu of %llu pages", n, (unsigned long long) pages,
        (unsigned long long) *all);
  return (unsigned) (100 * n * BYTES / (pages * store->size));
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  uint64_t before, after;
  char key[20];

  opt.pool_size = 16 * MiB;
  pool = must_open_pool ("test", &opt);
  store = kv_must_open (pool, kv_file ("a.kv"), 0);
  for (unsigned k = 0; k < KEYS; k++)
    put (key, (size_t) sprintf (key, "%010u", k));
  ok (fill (KEYS, &before) >= 92, "pages are full when keys come in order");
  for (unsigned k = 0; k < KEYS; k++)
    must (kv_delete (store, key, (size_t) sprintf (key, "%010u", k), KV_NOSYNC),
          "kv_delete");
  ok (fill (0, &before) == 0, "and free when they are deleted");

  for (unsigned k = 0; k < KEYS; k++)
    put (key, key_of (key, k));
  ok (fill (KEYS, &before) >= 70,
      "pages are two thirds full, and more, when keys come at random");
  for (unsigned k = 0; k < KEYS; k++)
    if (k % 10)
      must (kv_delete (store, key, key_of (key, k), KV_NOSYNC), "kv_delete");
  ok (fill (KEYS / 10, &after) >= 30, "what is left of them joins");
  for (unsigned k = 0; k < KEYS; k++)
    if (k % 10)
      put (key, key_of (key, k));
  ok (fill (KEYS, &after) >= 70 && after <= before + before / 20,
      "and the free ones are used again");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

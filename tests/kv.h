/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv.h - what the tests of examples/kv share: opening, and a look at all pages
 */
#ifndef TESTS_KV_H
#define TESTS_KV_H

#include "util.h"

#include "../examples/kv/kv-impl.h"

/* Where a sync costs nothing: beside the pools, in memory. */
UTIL const char *
kv_file (const char *name)
{
  /* Docker's has 64 MiB, for all tests. */
  int small = pool_room (pool_dir ()) < 512 * MiB;

  return path_in (small ? scratch () : pool_dir (), name);
}

UTIL kv *
kv_must_open (oriel_pool *pool, const char *path, uint64_t log_size)
{
  kv_options opt = { .log_size = log_size };
  kv *store = NULL;
  int rc = kv_open (pool, path, &opt, &store);

  if (rc)
    bail_out ("kv_open of %s: %d: %s", path, rc, oriel_error ());
  return store;
}

/* ------------------------------------------------------------------ */
/* Values that say whose they are                                     */

#define KV_FILLED 9             /* the shortest */

/* The number, and bytes that come of it, of the key and of the length. */
UTIL void
kv_fill (void *value, size_t length, uint64_t key, uint64_t number)
{
  uint64_t state = (key * 0x1000003 + number) * 0x1000003 + length, word = 0;
  unsigned char *bytes = value;

  memcpy (bytes, &number, sizeof number);
  for (size_t i = sizeof number; i < length; i++) {
    if (i % sizeof word == 0)
      word = next_random (&state);
    bytes[i] = (unsigned char) (word >> i % sizeof word * 8);
  }
}

/* The number, or 0 if it is not one whole value of the key. */
UTIL uint64_t
kv_filled (const void *value, size_t length, uint64_t key)
{
  unsigned char want[KV_PAGE_MAX];
  uint64_t number;

  if (length < KV_FILLED || length > sizeof want)
    return 0;
  memcpy (&number, value, sizeof number);
  kv_fill (want, length, key, number);
  return memcmp (value, want, length) == 0 ? number : 0;
}

UTIL size_t
kv_key_of (char key[20], unsigned k)
{
  return (size_t) sprintf (key, "key %03u", k);
}

/* Put such a value; 16 KiB at most. */
UTIL int
kv_put_filled (kv *store, unsigned k, uint64_t number, size_t length)
{
  unsigned char value[KV_PAGE_MAX];
  char key[20];
  size_t n = kv_key_of (key, k);

  kv_fill (value, length, k, number);
  return kv_put (store, key, n, value, length, KV_NOSYNC);
}

/* ------------------------------------------------------------------ */
/* Is it a tree, and is each page used once?                          */

struct kv_tree_check {
  kv *store;
  uint64_t pages;
  uint64_t used;                /* in the tree, and free ones */
  uint64_t keys;
  unsigned char seen[1 << 20];
  char wrong[200];
};

UTIL int
kv_wrong (struct kv_tree_check *c, uint64_t page, const char *what)
{
  if (!c->wrong[0])
    snprintf (c->wrong, sizeof c->wrong, "page %llu: %s",
              (unsigned long long) page, what);
  return -EBADMSG;
}

UTIL int
kv_look_once (struct kv_tree_check *c, uint64_t page, struct kv_view *view)
{
  int r;

  if (page >= c->pages || c->seen[page]++)
    return kv_wrong (c, page, "used twice, or not there");
  c->used++;
  while ((r = kv_look (c->store, NULL, page, view)) == -EAGAIN)
    ;
  return r < 0 ? kv_wrong (c, page, oriel_error ()) : 0;
}

/* Cells lie beside each other at the end, keys ascend between the bounds. */
UTIL const char *
kv_page_wrong (const void *page, size_t size, const struct kv_item *low,
               const struct kv_item *high)
{
  const struct kv_head *head = kv_head (page);
  size_t used = 0;
  bool found;

  if (head->heap == 0 && head->n == 0)
    return NULL;                /* never written: an empty leaf */
  if (sizeof *head + head->n * sizeof (struct kv_slot) > head->heap
      || head->heap > size)
    return "slots and cells overlap";
  for (unsigned i = 0; i < head->n; i++) {
    struct kv_item item;

    if (!kv_page_item (page, size, i, &item)
        || kv_slots (page)[i].at < head->heap)
      return "a cell lies outside";
    if (kv_page_search (page, size, item.key, item.key_length, &found)
            != (int) i
        || !found)
      return "a key is not found in its place";
    if ((head->level > 0 || item.far) && item.length != sizeof (uint32_t))
      return "a child, or a value's page, has no number";
    if (head->level > 0 && item.far)
      return "a child is a value";
    used += kv_cell_size (&item);
  }
  if (head->heap + used != size)
    return "cells have gaps";
  if (low && kv_page_search (page, size, low->key, low->key_length, &found) != 0)
    return "a key is below the page's bound";
  if (high && (kv_page_search (page, size, high->key, high->key_length,
                               &found) != head->n || found))
    return "a key is above the page's bound";
  return NULL;
}

UTIL int
kv_check_value (struct kv_tree_check *c, uint64_t page)
{
  struct kv_view view;
  int r = kv_look_once (c, page, &view);

  if (r < 0)
    return r;
  if (kv_head (view.data)->level != KV_VALUE
      || kv_head (view.data)->n > kv_value_max (c->store))
    r = kv_wrong (c, page, "not a value");
  kv_unlook (&view);
  return r;
}

UTIL int
kv_check_tree (struct kv_tree_check *c, uint64_t page, int level,
               const struct kv_item *low, const struct kv_item *high)
{
  size_t size = c->store->size;
  const struct kv_head *head;
  struct kv_item item, next;
  struct kv_view view;
  const char *wrong;
  int r = kv_look_once (c, page, &view);

  if (r < 0)
    return r;
  head = kv_head (view.data);
  wrong = kv_page_wrong (head, size, low, high);
  if (head->level >= KV_DEPTH || (level >= 0 && head->level != level))
    wrong = "wrong level";
  if (level == 0 && head->n == 0)
    wrong = "an empty leaf";
  if (wrong)
    r = kv_wrong (c, page, wrong);
  if (r == 0 && head->level == 0)
    c->keys += head->n;
  for (unsigned i = 0; r == 0 && head->level == 0 && i < head->n; i++)
    if (kv_page_item (head, size, i, &item) && item.far)
      r = kv_check_value (c, kv_page_child (head, size, i + 1));
  for (unsigned i = 0; r == 0 && head->level > 0 && i <= head->n; i++) {
    if (i > 0)
      kv_page_item (head, size, i - 1, &item);
    if (i < head->n)
      kv_page_item (head, size, i, &next);
    r = kv_check_tree (c, kv_page_child (head, size, i), head->level - 1,
                       i > 0 ? &item : low, i < head->n ? &next : high);
  }
  kv_unlook (&view);
  return r;
}

/* While no one writes.  The number of keys, or -1 after a diag(). */
UTIL int64_t
kv_check (kv *store)
{
  struct kv_tree_check *c = calloc (1, sizeof *c);
  struct kv_view view;
  uint64_t page = 0;
  int64_t keys;
  int r = kv_take_log (store);

  if (r < 0)
    bail_out ("kv_take_log: %d", r);
  c->store = store;
  c->pages = KV_META + 1;
  r = kv_look_once (c, KV_META, &view);
  if (r == 0) {
    c->pages = ((const struct kv_meta *) view.data)->pages;
    if (c->pages == 0)
      c->pages = KV_ROOT + 1;   /* a store that is new */
    page = kv_head (view.data)->link;
    kv_unlook (&view);
    r = kv_check_tree (c, KV_ROOT, -1, NULL, NULL);
  }
  while (r == 0 && page != 0) {
    r = kv_look_once (c, page, &view);
    if (r < 0)
      break;
    if (kv_head (view.data)->level != KV_FREE)
      r = kv_wrong (c, page, "not free");
    page = kv_head (view.data)->link;
    kv_unlook (&view);
  }
  kv_unlock (&store->shared->log);
  if (r == 0 && c->used != c->pages)
    r = kv_wrong (c, 0, "pages are in no one's use");
  if (r < 0)
    diag ("%s", c->wrong);
  keys = r < 0 ? -1 : (int64_t) c->keys;
  free (c);
  return keys;
}

#endif /* TESTS_KV_H */

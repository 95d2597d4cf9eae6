/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-cursor.c - cursors
 *
 * A cursor has a copy of one leaf, and the bounds of what that leaf could have:
 * the next leaf is the one where its upper bound belongs, the one before is that
 * of what comes just before the lower.  So it is no one's business but its own
 * how the tree changes meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include "kv-impl.h"

struct kv_cursor {
  kv *store;
  unsigned at;                  /* it stands before this cell of the leaf */
  struct kv_bounds bounds;
  unsigned char *leaf;          /* the copy; then low, high, and a key */
  unsigned char *key;
};

int
kv_cursor_open (kv *store, kv_cursor **cursor)
{
  kv_cursor *c;
  int r;

  if (!store || !cursor)
    return -EINVAL;
  c = calloc (1, sizeof *c);
  if (!c || !(c->leaf = malloc (4 * store->size))) {
    free (c);
    return -ENOMEM;
  }
  c->store = store;
  c->bounds.low = c->leaf + store->size;
  c->bounds.high = c->bounds.low + store->size;
  c->key = c->bounds.high + store->size;
  r = kv_seek (c, "", 0);
  if (r < 0)
    kv_cursor_close (c);
  else
    *cursor = c;
  return r;
}

void
kv_cursor_close (kv_cursor *c)
{
  if (c)
    free (c->leaf);
  free (c);
}

/* Take the leaf of key, or of what comes before it.  key may be a bound: it is
 * copied, as the bounds change. */
static int
take (kv_cursor *c, const void *key, size_t length, bool before)
{
  kv *store = c->store;
  int r = -EAGAIN;

  if (key)
    key = memcpy (c->key, key, length);
  for (unsigned tries = 0; r == -EAGAIN; tries++) {
    struct kv_view leaf;
    uint64_t moment;
    bool found;

    r = kv_moment (store, &moment);
    if (r == 0)
      r = kv_find (store, key, length, before, false, NULL, &c->bounds,
                   &leaf);
    if (r == -EBADMSG && !kv_is_moment (store, moment))
      r = -EAGAIN;
    if (r < 0)
      continue;
    memcpy (c->leaf, leaf.data, store->size);
    r = kv_seen (&leaf) && kv_is_moment (store, moment) ? 0 : -EAGAIN;
    kv_unlook (&leaf);
    if (r < 0)
      continue;
    r = key ? kv_page_search (c->leaf, store->size, key, length, false,
                              &found)
            : kv_head (c->leaf)->n;
    if (r >= 0) {
      c->at = (unsigned) r;
      r = 0;
    }
  }
  return r;
}

int
kv_seek (kv_cursor *c, const void *key, size_t length)
{
  if (!c || length > kv_key_max (c->store))
    return -EINVAL;
  return take (c, key, length, false);
}

static int
give (kv_cursor *c, unsigned i, const void **key, size_t *key_length,
      const void **value, size_t *length)
{
  struct kv_item item;

  if (!kv_page_item (c->leaf, c->store->size, i, &item))
    return -EBADMSG;
  if (key)
    *key = item.key;
  if (key_length)
    *key_length = item.key_length;
  if (value)
    *value = item.value;
  if (length)
    *length = item.length;
  return 0;
}

int
kv_next (kv_cursor *c, const void **key, size_t *key_length,
         const void **value, size_t *length)
{
  int r;

  if (!c)
    return -EINVAL;
  while (c->at >= kv_head (c->leaf)->n) {
    if (c->bounds.high_length == 0)
      return -ENOENT;
    r = take (c, c->bounds.high, c->bounds.high_length, false);
    if (r < 0)
      return r;
  }
  return give (c, c->at++, key, key_length, value, length);
}

int
kv_prev (kv_cursor *c, const void **key, size_t *key_length,
         const void **value, size_t *length)
{
  int r;

  if (!c)
    return -EINVAL;
  while (c->at == 0) {
    if (c->bounds.low_length == 0)
      return -ENOENT;
    r = take (c, c->bounds.low, c->bounds.low_length, true);
    if (r < 0)
      return r;
  }
  return give (c, --c->at, key, key_length, value, length);
}

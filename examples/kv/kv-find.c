/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-find.c - finding: gets and cursors
 *
 * A B+tree.  Inner pages have separators, as short as can be, and children; a
 * leaf has no neighbour's number, as the bounds that the way down gave say where
 * to go on.
 *
 * Readers latch nothing.  On the way down the child's version is taken while the
 * parent's is still good ("optimistic lock coupling": V. Leis and others, The ART
 * of Practical Synchronization, DaMoN 2016), and what was read counts if the
 * leaf's version is good after it.  A change of several pages has all of them
 * latched before it changes the first, so this would do; but who dies leaves
 * some changed.  So readers also look at shared->changes, before and after.
 *
 * A cursor has a copy of one leaf, and the bounds of what that leaf could have:
 * the next leaf is the one where its upper bound belongs, the one before is that
 * of what comes just before the lower.  So it is no one's business but its own
 * how the tree changes meanwhile.
 */
#include <stdlib.h>

#include "kv-impl.h"

static void
set_bound (const void *page, size_t size, int i, unsigned char *to,
           size_t *length)
{
  struct kv_item item;

  if (kv_page_item (page, size, (unsigned) i, &item)
      && item.key_length <= size / 8)
    memcpy (to, item.key, *length = item.key_length);
}

/* The child that is taken in an inner page. */
static int
choose (kv *store, const void *page, const void *key, size_t key_length,
        bool before, struct kv_path *path)
{
  int n = kv_u16 (&kv_head (page)->n), i = n;
  bool found;

  if (key)
    i = kv_page_search (page, store->size, key, key_length, !before, &found);
  if (!path || i < 0)
    return i;
  path->step[path->depth].at = (unsigned) i;
  path->last &= i == n;
  if (path->bounds && i > 0)
    set_bound (page, store->size, i - 1, path->low, &path->low_length);
  if (path->bounds && i < n)
    set_bound (page, store->size, i, path->high, &path->high_length);
  return i;
}

int
kv_find (kv *store, const struct kv_txn *t, const void *key,
         size_t key_length, bool before, struct kv_path *path,
         struct kv_view *leaf)
{
  struct kv_view view[2];       /* of the parent and of the child, in turns */
  unsigned level = KV_DEPTH;
  uint64_t page = KV_ROOT;
  int r = kv_look (store, t, page, &view[0]);

  if (path) {
    path->last = true;
    path->low_length = path->high_length = 0;
  }
  for (unsigned d = 0; r == 0; d++) {
    struct kv_view *here = &view[d % 2], *next = &view[(d + 1) % 2];
    unsigned its = kv_u16 (&kv_head (here->data)->level);
    int i = -1;

    if (its < level) {          /* else it is no child */
      if (path)
        path->step[path->depth = d].page = page;
      if (its == 0) {
        *leaf = *here;
        return 0;
      }
      i = choose (store, here->data, key, key_length, before, path);
    }
    page = i < 0 ? 0 : kv_page_child (here->data, store->size, (unsigned) i);
    level = its;
    if (!kv_seen (here)) /* then page may be any number */
      r = -EAGAIN;
    else if (page <= KV_ROOT)
      r = -EBADMSG;
    else
      r = kv_look (store, t, page, next);
    if (r == 0 && !kv_seen (here)) {
      kv_unlook (next);
      r = -EAGAIN;
    }
    kv_unlook (here);
  }
  return r;
}

/* ------------------------------------------------------------------ */
/* Getting                                                            */

bool
kv_is_key (const kv *store, const void *key, size_t length)
{
  return key && length > 0 && length <= kv_key_max (store);
}

/* -EAGAIN: it was changing. */
static int
get_once (kv *store, const kv_op *op, size_t *length)
{
  struct kv_item item = { 0 };
  struct kv_view leaf;
  bool found;
  int r;

  if (!kv_is_key (store, op->key, op->key_length))
    return -EINVAL;
  KV_TRY (kv_find (store, NULL, op->key, op->key_length, false, NULL, &leaf));
  r = kv_page_search (leaf.data, store->size, op->key, op->key_length, false,
                      &found);
  if (r >= 0 && found && op->length > 0
      && kv_page_item (leaf.data, store->size, (unsigned) r, &item))
    memcpy (op->value, item.value,
            item.length < op->length ? item.length : op->length);
  if (!kv_seen (&leaf))
    r = -EAGAIN;
  kv_unlook (&leaf);
  KV_POINT ("get.one");
  *length = found ? item.length : KV_NONE;
  return r < 0 ? r : 0;
}

int
kv_get_many (kv *store, const kv_op *ops, size_t n, size_t *lengths)
{
  uint64_t moment;
  int r;

  if (!store || (n > 0 && (!ops || !lengths)))
    return -EINVAL;
  do {
    KV_TRY (kv_moment (store, &moment));
    r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
      r = get_once (store, &ops[i], &lengths[i]);
    /* Between the pages of a change any tree may be found. */
  } while (r == -EAGAIN || !kv_is_moment (store, moment));
  return r;
}

int
kv_get (kv *store, const void *key, size_t key_length, void *value,
        size_t size, size_t *length)
{
  kv_op op = { key, value, key_length, size };
  size_t has;

  KV_TRY (kv_get_many (store, &op, 1, &has));
  if (length && has != KV_NONE)
    *length = has;
  return has == KV_NONE ? -ENOENT : 0;
}

/* ------------------------------------------------------------------ */
/* Cursors                                                            */

struct kv_cursor {
  kv *store;
  unsigned at;                  /* it stands before this cell of the leaf */
  struct kv_path path;          /* for the bounds */
  unsigned char leaf[KV_PAGE_MAX];
};

/* Take the leaf of key, or of what comes before it.  key may be a bound: it is
 * copied, as the bounds change. */
static int
take (kv_cursor *c, const void *key, size_t length, bool before)
{
  unsigned char copy[sizeof c->path.low];
  struct kv_view leaf;
  uint64_t moment;
  bool found;
  int r;

  if (key)
    key = memcpy (copy, key, length);
  do {
    KV_TRY (kv_moment (c->store, &moment));
    r = kv_find (c->store, NULL, key, length, before, &c->path, &leaf);
    if (r == 0) {
      memcpy (c->leaf, leaf.data, c->store->size);
      r = kv_seen (&leaf) ? 0 : -EAGAIN;
      kv_unlook (&leaf);
    }
  } while (r == -EAGAIN || !kv_is_moment (c->store, moment));
  if (r == 0)
    r = key ? kv_page_search (c->leaf, c->store->size, key, length, false,
                              &found)
            : kv_head (c->leaf)->n;
  if (r >= 0)
    c->at = (unsigned) r;
  return r < 0 ? r : 0;
}

int
kv_cursor_open (kv *store, kv_cursor **cursor)
{
  kv_cursor *c;
  int r;

  if (!store || !cursor)
    return -EINVAL;
  c = malloc (sizeof *c);
  if (!c)
    return -ENOMEM;
  c->store = store;
  c->path.bounds = true;
  r = kv_seek (c, "", 0);
  if (r < 0)
    free (c);
  else
    *cursor = c;
  return r;
}

void
kv_cursor_close (kv_cursor *c)
{
  free (c);
}

int
kv_seek (kv_cursor *c, const void *key, size_t length)
{
  if (!c || length > kv_key_max (c->store))
    return -EINVAL;
  return take (c, key, length, false);
}

static int
step (kv_cursor *c, bool back, const void **key, size_t *key_length,
      const void **value, size_t *length)
{
  struct kv_item item;

  if (!c)
    return -EINVAL;
  while (back ? c->at == 0 : c->at >= kv_head (c->leaf)->n) {
    size_t bound = back ? c->path.low_length : c->path.high_length;

    if (bound == 0)
      return -ENOENT;
    KV_TRY (take (c, back ? c->path.low : c->path.high, bound, back));
  }
  if (!kv_page_item (c->leaf, c->store->size, back ? --c->at : c->at++, &item))
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
  return step (c, false, key, key_length, value, length);
}

int
kv_prev (kv_cursor *c, const void **key, size_t *key_length,
         const void **value, size_t *length)
{
  return step (c, true, key, key_length, value, length);
}

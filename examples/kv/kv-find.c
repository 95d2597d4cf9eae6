/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-find.c - finding: gets and cursors
 *
 * A B+tree.  Inner pages have separators, as short as can be, and children; a
 * leaf has no neighbour's number, as the way down leads on to it.
 *
 * Readers latch nothing.  On the way down the child's version is taken while the
 * parent's is still good ("optimistic lock coupling": V. Leis and others, The ART
 * of Practical Synchronization, DaMoN 2016), and what was read counts if the
 * leaf's version is good after it.  A change of several pages has all of them
 * latched before it changes the first, so this would do; but who dies leaves
 * some changed.  So readers also look at shared->changes, before and after.
 *
 * A cursor has a copy of one leaf, and the way to it.  As long as no pages have
 * changed together since, which is the only way in which inner ones do, the way
 * leads on to the leaf's neighbours; else the leaf is found anew, by its last key,
 * or its first.  So it is no one's business but its own how the tree changes.
 */
#include <stdlib.h>

#include "kv-impl.h"

int
kv_find (kv *store, const struct kv_txn *t, const void *key, size_t key_length,
         bool last, struct kv_path *path, struct kv_view *leaf)
{
  struct kv_view view[2];       /* of the parent and of the child, in turns */
  unsigned d = path->fixed > 0 ? path->fixed - 1 : 0, level = KV_DEPTH - d;
  uint64_t page = d > 0 ? path->step[d].page : KV_ROOT;
  int r = kv_look (store, t, page, &view[d % 2]);

  for (; r == 0; d++) {
    struct kv_view *here = &view[d % 2], *next = &view[(d + 1) % 2];
    unsigned its = kv_u16 (&kv_head (here->data)->level);
    unsigned n = kv_u16 (&kv_head (here->data)->n);
    int i = -1;

    path->found = false;
    if (its < level) {          /* else it is no child */
      i = (int) (d < path->fixed ? path->step[d].at : last ? n : 0);
      if (key && d >= path->fixed)
        i = kv_page_search (here->data, store->size, key, key_length,
                            &path->found);
      i += its > 0 && path->found;
      path->step[d].page = page;
      path->step[d].at = (unsigned) i;
      path->step[d].n = n;
      path->depth = d;
      if (its == 0 && i >= 0) {
        *leaf = *here;
        return 0;
      }
    }
    /* If this one is changing it may be any number: then that page is looked at
     * for nothing. */
    page = i < 0 ? 0 : kv_page_child (here->data, store->size, (unsigned) i);
    level = its;
    r = page <= KV_ROOT ? -EBADMSG : kv_look (store, t, page, next);
    if (kv_unlook (here) < 0) {
      if (r == 0)
        kv_unlook (next);
      r = -EAGAIN;
    }
  }
  return r;
}

/* ------------------------------------------------------------------ */
/* Getting                                                            */

size_t
kv_value_max (const kv *store)
{
  return store->size - offsetof (struct kv_head, link);
}

/* -EAGAIN: it was changing. */
static int
get_once (kv *store, const kv_op *op, size_t *length)
{
  struct kv_item item = { 0 };
  struct kv_path path;
  struct kv_view view;
  uint32_t page;
  int r = 0;

  path.fixed = 0;
  if (!kv_is_key (store, op->key, op->key_length))
    return -EINVAL;
  KV_TRY (kv_find (store, NULL, op->key, op->key_length, false, &path, &view));
  if (path.found
      && !kv_page_item (view.data, store->size, path.step[path.depth].at, &item))
    item = (struct kv_item) { 0 };
  if (item.far) {
    page = kv_page_child (view.data, store->size, path.step[path.depth].at + 1);
    KV_TRY (kv_unlook (&view));
    KV_TRY (kv_look (store, NULL, page, &view));
    item.value = (unsigned char *) &kv_head (view.data)->link;
    item.length = kv_u16 (&kv_head (view.data)->n);
    if (kv_u16 (&kv_head (view.data)->level) != KV_VALUE
        || item.length > kv_value_max (store)) {
      item.length = 0;
      r = -EBADMSG;
    }
  }
  if (item.length > 0 && op->length > 0)
    memcpy (op->value, item.value,
            item.length < op->length ? item.length : op->length);
  if (kv_unlook (&view) < 0)
    r = -EAGAIN;
  KV_POINT ("get.one");
  *length = path.found ? item.length : KV_NONE;
  return r;
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
  uint64_t moment;              /* of the leaf, and of the way to it */
  unsigned at;                  /* it stands before this cell of the leaf */
  struct kv_path path;
  unsigned char leaf[KV_PAGE_MAX];
  unsigned char value[KV_PAGE_MAX]; /* a far one */
};

/* Copy the leaf that kv_find() finds, but for what is between slots and cells, and
 * stand before key, or with after, behind it.  -EAGAIN: steps were fixed, and the
 * tree has changed. */
static int
take (kv_cursor *c, unsigned fixed, const void *key, size_t length, bool after)
{
  size_t size = c->store->size, slots, heap;
  struct kv_view leaf;
  int r;

  c->path.fixed = fixed;
  do {
    if (fixed == 0)
      KV_TRY (kv_moment (c->store, &c->moment));
    r = kv_find (c->store, NULL, key, length, after, &c->path, &leaf);
    if (r == 0) {
      slots = sizeof (struct kv_head)
              + kv_u16 (&kv_head (leaf.data)->n) * sizeof (struct kv_slot);
      heap = kv_u16 (&kv_head (leaf.data)->heap);
      if (heap < slots || heap > size)
        heap = slots = 0;
      memcpy (c->leaf, leaf.data, slots);
      memcpy (c->leaf + heap, leaf.data + heap, size - heap);
      r = kv_unlook (&leaf);
    }
    if (!kv_is_moment (c->store, c->moment))
      r = -EAGAIN;
  } while (r == -EAGAIN && fixed == 0);
  KV_TRY (r);
  c->at = c->path.step[c->path.depth].at + (after && c->path.found);
  return 0;
}

/* The leaf behind, or the one before. */
static int
neighbour (kv_cursor *c, bool back)
{
  struct kv_path *p = &c->path, was = *p;
  unsigned char key[KV_PAGE_MAX];
  unsigned d = p->depth;
  struct kv_item edge;
  int r;

  do
    if (d-- == 0)
      return -ENOENT;
  while (p->step[d].at == (back ? 0 : p->step[d].n));
  if (!kv_page_item (c->leaf, c->store->size,
                     back ? 0 : kv_head (c->leaf)->n - 1u, &edge))
    return -EBADMSG;
  memcpy (key, edge.key, edge.key_length);
  p->step[d].at += back ? -1u : 1u;
  r = take (c, d + 1, NULL, 0, back);
  if (r == -EAGAIN)
    return take (c, 0, key, edge.key_length, !back);
  if (r < 0) /* the next try begins where this one did */
    *p = was;
  return r;
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
  if ((r = kv_seek (c, "", 0)) < 0)
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
  return take (c, 0, key, length, !key);
}

int
kv_step (kv_cursor *c, bool back, kv_pair *pair)
{
  struct kv_item item;
  size_t has;
  int r;

  if (!c || !pair)
    return -EINVAL;
  do {
    while (back ? c->at == 0 : c->at >= kv_head (c->leaf)->n)
      KV_TRY (neighbour (c, back));
    if (!kv_page_item (c->leaf, c->store->size, c->at - back, &item))
      return -EBADMSG;
    has = item.length;
    r = item.far ? kv_get (c->store, item.key, item.key_length, c->value,
                           sizeof c->value, &has) : 0;
    if (r < 0 && r != -ENOENT)
      return r;
    c->at += back ? -1u : 1u;
  } while (r < 0);              /* it has gone since the leaf was copied */
  *pair = (kv_pair) { item.key, item.far ? c->value : item.value,
                      item.key_length, has };
  return 0;
}

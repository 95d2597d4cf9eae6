/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-tree.c - the tree: finding, putting, deleting, splitting
 *
 * A B+tree.  Inner pages have separators, as short as can be, and children; a
 * leaf has no neighbour's number, as the bounds that the way down gave say where
 * to go on.  A leaf that has become empty is freed, and a parent without
 * children with it; a root with one child takes its content.
 *
 * Readers latch nothing.  On the way down the child's version is taken while the
 * parent's is still good ("optimistic lock coupling": V. Leis and others, The ART
 * of Practical Synchronization, DaMoN 2016), and what was read counts if the
 * leaf's version is good after it.  A change of several pages has all of them
 * latched before it changes the first, so this would do; but who dies leaves
 * some changed.  So readers also look at shared->changes, before and after.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "kv-impl.h"

/* ------------------------------------------------------------------ */
/* Finding                                                            */

int
kv_moment (kv *store, uint64_t *moment)
{
  for (unsigned i = 0;; i++) {
    *moment = atomic_load (&store->shared->changes);
    if (atomic_load_explicit (&store->shared->state, memory_order_relaxed)
        == KV_BROKEN)
      return -EIO;
    if (!(*moment & 1))
      return 0;
    if (i < 20)
      sched_yield ();
    else if (kv_begin (store) == 0) /* who changed them may be dead */
      kv_end (store);
  }
}

bool
kv_is_moment (kv *store, uint64_t moment)
{
  atomic_thread_fence (memory_order_acquire);
  return atomic_load_explicit (&store->shared->changes, memory_order_relaxed)
         == moment;
}

static void
set_bound (unsigned char *to, size_t *length, const struct kv_item *item)
{
  memcpy (to, item->key, item->key_length);
  *length = item->key_length;
}

/* The child that is taken in an inner page. */
static int
choose (kv *store, const void *page, const void *key, size_t key_length,
        bool before, struct kv_bounds *bounds)
{
  int n = kv_u16 (&kv_head (page)->n);
  struct kv_item item;
  bool found;
  int i = key ? kv_page_search (page, store->size, key, key_length, !before,
                                &found)
              : n;

  if (i > 0 && bounds && kv_page_item (page, store->size, i - 1u, &item))
    set_bound (bounds->low, &bounds->low_length, &item);
  if (i >= 0 && i < n && bounds
      && kv_page_item (page, store->size, (unsigned) i, &item))
    set_bound (bounds->high, &bounds->high_length, &item);
  return i;
}

int
kv_find (kv *store, const void *key, size_t key_length, bool before,
         bool writing, struct kv_path *path, struct kv_bounds *bounds,
         struct kv_view *leaf)
{
  struct kv_view view[2];       /* of the parent and of the child, in turns */
  unsigned level = KV_DEPTH;
  uint64_t page = KV_ROOT;
  int r = kv_look (store, page, writing, &view[0]);

  if (r < 0)
    return r;
  if (bounds)
    bounds->low_length = bounds->high_length = 0;
  for (unsigned d = 0;; d++) {
    struct kv_view *here = &view[d % 2], *next = &view[(d + 1) % 2];
    unsigned its = kv_u16 (&kv_head (here->data)->level);
    uint64_t child;
    int i = 0;

    if (path) {
      path->depth = d;
      path->last = d == 0 || path->last;
      path->step[d].page = page;
    }
    if (its == 0 && level > 0) {
      *leaf = *here;
      return 0;
    }
    if (its < level)
      i = choose (store, here->data, key, key_length, before, bounds);
    child = kv_page_child (here->data, store->size, (unsigned) i);
    if (its >= level || i < 0 || child <= KV_ROOT) {
      /* Not a tree; or not yet, or any more. */
      r = kv_seen (here) ? -EBADMSG : -EAGAIN;
      kv_unlook (here);
      return r;
    }
    if (path) {
      path->step[d].at = (unsigned) i;
      path->last &= i == kv_u16 (&kv_head (here->data)->n);
    }
    if (!kv_seen (here)) { /* child may be any number */
      kv_unlook (here);
      return -EAGAIN;
    }
    r = kv_look (store, child, writing, next);
    if (r == 0 && !kv_seen (here)) {
      kv_unlook (next);
      r = -EAGAIN;
    }
    kv_unlook (here);
    if (r < 0)
      return r;
    level = its;
    page = child;
  }
}

static bool
is_key (const kv *store, const void *key, size_t length)
{
  return key && length > 0 && length <= kv_key_max (store);
}

/* -EAGAIN: it was changing. */
static int
get_once (kv *store, uint64_t moment, const kv_op *op, size_t *length)
{
  struct kv_item item = { 0 };
  struct kv_view leaf;
  bool found;
  int r;

  if (!is_key (store, op->key, op->key_length))
    return -EINVAL;
  r = kv_find (store, op->key, op->key_length, false, false, NULL, NULL,
               &leaf);
  if (r == 0) {
    r = kv_page_search (leaf.data, store->size, op->key, op->key_length,
                        false, &found);
    if (r >= 0 && found
        && kv_page_item (leaf.data, store->size, (unsigned) r, &item))
      memcpy (op->value, item.value,
              item.length < op->length ? item.length : op->length);
    if (!kv_seen (&leaf))
      r = -EAGAIN;
    kv_unlook (&leaf);
  }
  /* Between the pages of a change any tree may be found. */
  if (!kv_is_moment (store, moment))
    r = -EAGAIN;
  if (r < 0)
    return r;
  *length = found ? item.length : KV_NONE;
  return 0;
}

int
kv_get_many (kv *store, const kv_op *ops, size_t n, size_t *lengths)
{
  int r = -EAGAIN;

  if (!store || (n > 0 && (!ops || !lengths)))
    return -EINVAL;
  while (r == -EAGAIN) {
    uint64_t moment;

    r = kv_moment (store, &moment);
    for (size_t i = 0; r == 0 && i < n; i++)
      r = get_once (store, moment, &ops[i], &lengths[i]);
  }
  return r;
}

int
kv_get (kv *store, const void *key, size_t key_length, void *value,
        size_t size, size_t *length)
{
  kv_op op = { key, value, key_length, size };
  size_t has;
  int r = kv_get_many (store, &op, 1, &has);

  if (r < 0 || has == KV_NONE)
    return r < 0 ? r : -ENOENT;
  if (length)
    *length = has;
  return 0;
}

/* ------------------------------------------------------------------ */
/* Putting                                                            */

static int insert (kv *store, struct kv_path *path, unsigned d,
                   const struct kv_item *cell);

/* The root's content goes to a new page, the only child of the root. */
static int
deepen (kv *store, struct kv_path *path)
{
  unsigned char *root, *below;
  uint64_t page;
  int r;

  if (path->depth + 1 == KV_DEPTH)
    return -E2BIG;
  r = kv_edit (store, KV_ROOT, &root);
  if (r == 0)
    r = kv_alloc (store, kv_head (root)->level, &page, &below);
  if (r < 0)
    return r;
  memcpy (below, root, store->size);
  kv_page_init (root, store->size, kv_head (below)->level + 1u);
  kv_head (root)->link = page;
  memmove (path->step + 1, path->step,
           (path->depth + 1) * sizeof *path->step);
  path->depth++;
  path->step[0].page = KV_ROOT;
  path->step[0].at = 0;
  path->step[1].page = page;
  return 0;
}

/* How many cells of a page that is too full stay on the left, so that both halves
 * are as equal as can be. */
static unsigned
middle (const void *page, size_t size)
{
  size_t half = (size - kv_head (page)->heap) / 2, left = 0;
  struct kv_item item;
  unsigned i = 0;

  for (; left < half && i < kv_head (page)->n - 1u; i++) {
    kv_page_item (page, size, i, &item);
    left += kv_cell_size (&item);
    if (i > 0 && left > half + kv_cell_size (&item) / 2)
      break;
  }
  return i;
}

/* The page at depth d has no room for the cell: half of it goes to a new page,
 * which the parent is told of.  All but the new cell stays if keys come in
 * order. */
static int
split (kv *store, struct kv_path *path, unsigned d,
       const struct kv_item *cell)
{
  unsigned at = path->step[d].at, same = 0, n, cut;
  unsigned char *left, *right, *all = store->scratch;
  struct kv_item item, last = { 0 }, sep = { 0 };
  size_t size = store->size;
  unsigned char key[4096];
  uint64_t page;
  int r = kv_edit (store, path->step[d].page, &left);

  if (r == 0)
    r = kv_alloc (store, kv_head (left)->level, &page, &right);
  if (r < 0)
    return r;
  n = kv_head (left)->n + 1u;
  kv_page_init (all, 2 * size, kv_head (left)->level);
  for (unsigned i = 0; i < n; i++) {
    if (i == at)
      item = *cell;
    else
      kv_page_item (left, size, i - (i > at), &item);
    kv_page_insert (all, 2 * size, i, &item);
  }
  cut = path->last && at == n - 1 && kv_head (all)->level == 0
            ? at
            : middle (all, 2 * size);
  kv_head (all)->link = kv_head (left)->link;
  kv_page_init (left, size, kv_head (all)->level);
  kv_head (left)->link = kv_head (all)->link;
  for (unsigned i = 0; i < n; i++, last = item) {
    unsigned char *to = i < cut ? left : right;

    kv_page_item (all, 2 * size, i, &item);
    if (i == cut)
      sep = item;
    if (i == cut && kv_head (all)->level > 0) /* an inner page's moves up */
      memcpy (&kv_head (right)->link, item.value, sizeof (uint64_t));
    else
      kv_page_insert (to, size, kv_head (to)->n, &item);
    if (i == cut && kv_head (all)->level == 0) {
      while (same < last.key_length && last.key[same] == item.key[same])
        same++;
      sep.key_length = (uint16_t) (same + 1); /* tells the two apart */
    }
  }
  sep.key = memcpy (key, sep.key, sep.key_length);
  sep.value = (const unsigned char *) &page;
  sep.length = sizeof page;
  return insert (store, path, d - 1, &sep);
}

/* At path's place at depth d. */
static int
insert (kv *store, struct kv_path *path, unsigned d,
        const struct kv_item *cell)
{
  unsigned char *page;
  int r = kv_edit (store, path->step[d].page, &page);

  if (r < 0)
    return r;
  if (kv_page_room (page) >= kv_cell_size (cell)) {
    kv_page_insert (page, store->size, path->step[d].at, cell);
    return 0;
  }
  if (d == 0) {
    r = deepen (store, path);
    d = 1;
  }
  return r < 0 ? r : split (store, path, d, cell);
}

/* The leaf of a key, to change it, and the place there. */
static int
find_to_change (kv *store, const struct kv_item *key, struct kv_path *path,
                unsigned char **leaf, bool *found)
{
  struct kv_view view;
  int r;

  /* No one else writes: again only after Oriel has put a page right. */
  do
    r = kv_find (store, key->key, key->key_length, false, true, path, NULL,
                 &view);
  while (r == -EAGAIN);
  if (r < 0)
    return r;
  kv_unlook (&view);
  r = kv_edit (store, path->step[path->depth].page, leaf);
  if (r == 0)
    r = kv_page_search (*leaf, store->size, key->key, key->key_length, false,
                        found);
  path->step[path->depth].at = (unsigned) r;
  return r < 0 ? r : 0;
}

static int
put (kv *store, const kv_op *op)
{
  struct kv_item item, new = { op->key, op->value,
                               (uint16_t) op->key_length,
                               (uint16_t) op->length };
  unsigned char *leaf;
  struct kv_path path;
  bool found;
  int r = find_to_change (store, &new, &path, &leaf, &found);

  if (r < 0)
    return r;
  if (found) {
    kv_page_item (leaf, store->size, path.step[path.depth].at, &item);
    if (item.length == new.length) {
      memcpy ((void *) item.value, new.value, new.length);
      return 0;
    }
    kv_page_remove (leaf, store->size, path.step[path.depth].at);
  }
  return insert (store, &path, path.depth, &new);
}

/* ------------------------------------------------------------------ */
/* Deleting                                                           */

/* The page at depth d has nothing left. */
static int
give_back (kv *store, struct kv_path *path, unsigned d)
{
  unsigned char *parent, *only;
  unsigned at;
  int r = kv_free (store, path->step[d].page);

  if (r == 0)
    r = kv_edit (store, path->step[--d].page, &parent);
  if (r < 0)
    return r;
  at = path->step[d].at;
  if (at == 0 && kv_head (parent)->n == 0) {
    if (d > 0)
      return give_back (store, path, d);
    kv_page_init (parent, store->size, 0);
    return 0;
  }
  if (at == 0)
    kv_head (parent)->link = kv_page_child (parent, store->size, 1);
  kv_page_remove (parent, store->size, at == 0 ? 0 : at - 1);
  while (d == 0 && kv_head (parent)->n == 0 && kv_head (parent)->level > 0) {
    uint64_t child = kv_head (parent)->link;

    r = kv_edit (store, child, &only);
    if (r < 0)
      return r;
    memcpy (parent, only, store->size);
    r = kv_free (store, child);
    if (r < 0)
      return r;
  }
  return 0;
}

static int
delete (kv *store, const kv_op *op)
{
  struct kv_item key = { .key = op->key,
                         .key_length = (uint16_t) op->key_length };
  unsigned char *leaf;
  struct kv_path path;
  bool found;
  int r = find_to_change (store, &key, &path, &leaf, &found);

  if (r < 0 || !found)
    return r < 0 ? r : -ENOENT;
  kv_page_remove (leaf, store->size, path.step[path.depth].at);
  return kv_head (leaf)->n == 0 && path.depth > 0
             ? give_back (store, &path, path.depth)
             : 0;
}

/* ------------------------------------------------------------------ */
/* Changes                                                            */

size_t
kv_key_max (const kv *store)
{
  return store->size / 8;
}

/* Half of what two cells and their slots may take would do to split any page. */
size_t
kv_pair_max (const kv *store)
{
  return (store->size - sizeof (struct kv_head)) / 3 - sizeof (struct kv_cell)
         - sizeof (struct kv_slot) - 2;
}

/* Bring the leaf into memory while others can still write. */
static void
warm (kv *store, const kv_op *op)
{
  struct kv_view leaf;

  if (kv_find (store, op->key, op->key_length, false, false, NULL, NULL, &leaf)
      == 0)
    kv_unlook (&leaf);
}

static int
apply_once (kv *store, const kv_op *ops, size_t n, bool batch, uint64_t *end)
{
  int r = kv_begin (store);

  if (r < 0)
    return r;
  store->txn.batch = batch;
  for (size_t i = 0; r == 0 && i < n; i++) {
    r = ops[i].value ? put (store, &ops[i]) : delete (store, &ops[i]);
    if (r == -ENOENT && batch)
      r = 0;
  }
  if (r == 0)
    return kv_commit (store, end);
  kv_end (store);
  return r;
}

static int
apply (kv *store, const kv_op *ops, size_t n, bool batch, unsigned flags)
{
  uint64_t end;
  int r;

  if (!store || (n > 0 && !ops) || (flags & ~KV_NOSYNC))
    return -EINVAL;
  for (size_t i = 0; i < n; i++) {
    if (!is_key (store, ops[i].key, ops[i].key_length))
      return -EINVAL;
    if (ops[i].value
        && ops[i].key_length + ops[i].length > kv_pair_max (store))
      return -EMSGSIZE;
  }
  if (n > 0)
    warm (store, &ops[0]);
  while ((r = apply_once (store, ops, n, batch, &end)) == -ENOSPC)
    if ((r = kv_log_checkpoint (store, true)) < 0)
      return r;
  if (r == 0 && !(flags & KV_NOSYNC))
    r = kv_log_sync (store, end);
  if (r == 0 && kv_log_wants_checkpoint (store))
    kv_log_checkpoint (store, false); /* its error comes when the log is full */
  return r;
}

int
kv_put (kv *store, const void *key, size_t key_length, const void *value,
        size_t length, unsigned flags)
{
  kv_op op = { key, (void *) (value ? value : ""), key_length,
               value ? length : 0 };

  return apply (store, &op, 1, false, flags);
}

int
kv_delete (kv *store, const void *key, size_t key_length, unsigned flags)
{
  kv_op op = { key, NULL, key_length, 0 };

  return apply (store, &op, 1, false, flags);
}

int
kv_apply (kv *store, const kv_op *ops, size_t n, unsigned flags)
{
  return apply (store, ops, n, true, flags);
}

int
kv_sync (kv *store)
{
  return store ? kv_log_sync (store, atomic_load (&store->shared->log_end))
               : -EINVAL;
}

int
kv_checkpoint (kv *store)
{
  return store ? kv_log_checkpoint (store, true) : -EINVAL;
}

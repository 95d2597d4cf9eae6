/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-tree.c - changing: puts, deletes, batches
 *
 * A change that stays in one leaf is made with that leaf latched, beside others in
 * other leaves.  The leaf is found as readers do; whether it is still what was
 * found, the lsn says.  All else is made by one at a time, who has the tree's
 * lock: batches, and what makes leaves more or fewer.  So inner pages change for
 * no one but that one.
 *
 * A page that has no room shares with its neighbour; if both are full, their
 * cells go to three pages.  So pages are two thirds full at least when keys come
 * at random, and full when they come in order, as a leaf at the end gets a new
 * one behind it and keeps what it has.  A page of which a quarter is left joins
 * its neighbour, or shares with it.  A root with one child takes its content.
 */
#include <errno.h>

#include "kv-impl.h"

#define SHARES 4                /* pages, if cells are as large as can be */

/* What change_leaf() says besides 0 and errors. */
enum { NO_ROOM = 1, TOO_EMPTY };

static struct kv_item
item_of (const kv_op *op)
{
  return (struct kv_item) { op->key, op->value, (uint16_t) op->key_length,
                            (uint16_t) op->length };
}

static bool
is_too_empty (const void *page, size_t size)
{
  return size - kv_page_room (page) < size / 4;
}

/* ------------------------------------------------------------------ */
/* Sharing                                                            */

/* The root's content goes to a new page, the only child of the root. */
static int
deepen (kv *store, struct kv_txn *t)
{
  unsigned char *root, *below;
  uint64_t page;
  int r = kv_edit (store, t, KV_ROOT, &root);

  if (r == 0 && kv_head (root)->level + 2 >= KV_DEPTH)
    r = -E2BIG;
  if (r == 0)
    r = kv_alloc (store, t, kv_head (root)->level, &page, &below);
  if (r < 0)
    return r;
  memcpy (below, root, store->size);
  kv_page_init (root, store->size, kv_head (below)->level + 1u);
  kv_head (root)->link = page;
  return 0;
}

/* Cells of one page, or of two neighbours, that are to be dealt out anew. */
struct share {
  unsigned first;               /* which child of the parent page[0] is */
  unsigned had, n;              /* pages: before, after */
  uint64_t page[SHARES];
  unsigned char *data[SHARES];
  unsigned char *all;           /* the cells, in one large page */
  unsigned cut[SHARES + 1];     /* the first cell of each page */
  struct kv_item sep[SHARES];   /* and what is before it in the parent */
};

/* Have the pages to edit, and all their cells in one. */
static int
gather (kv *store, struct kv_txn *t, unsigned char *parent, struct share *s)
{
  size_t size = store->size;
  struct kv_item item;

  s->all = store->scratch;
  for (unsigned i = 0; i < s->had; i++) {
    int r;

    s->page[i] = kv_page_child (parent, size, s->first + i);
    r = kv_edit (store, t, s->page[i], &s->data[i]);
    if (r < 0)
      return r;
    if (i == 0) {
      kv_page_init (s->all, KV_SCRATCH * size, kv_head (s->data[0])->level);
      kv_head (s->all)->link = kv_head (s->data[0])->link;
    } else if (kv_head (s->all)->level > 0) {
      kv_page_item (parent, size, s->first, &item);
      item.value = (const unsigned char *) &kv_head (s->data[i])->link;
      kv_page_insert (s->all, KV_SCRATCH * size, kv_head (s->all)->n, &item);
    }
    for (unsigned c = 0; c < kv_head (s->data[i])->n; c++) {
      kv_page_item (s->data[i], size, c, &item);
      kv_page_insert (s->all, KV_SCRATCH * size, kv_head (s->all)->n, &item);
    }
  }
  return 0;
}

static size_t
bytes_of (kv *store, const struct share *s, unsigned from, unsigned to)
{
  struct kv_item item;
  size_t bytes = 0;

  for (; from < to; from++) {
    kv_page_item (s->all, KV_SCRATCH * store->size, from, &item);
    bytes += kv_item_size (&item);
  }
  return bytes;
}

/* Cut the cells into s->n parts, as equal as can be; is each at most limit? */
static bool
cut_evenly (kv *store, struct share *s, size_t limit)
{
  unsigned n = kv_head (s->all)->n, i = 0;
  size_t all = bytes_of (store, s, 0, n), sum = 0;
  bool good = true;

  s->cut[0] = 0;
  s->cut[s->n] = n;
  for (unsigned k = 1; k < s->n; k++) {
    size_t next = bytes_of (store, s, i, i + 1);

    /* Of the next cell more than half is this part's, or it has none. */
    while (i + s->n - k < n
           && (i == s->cut[k - 1] || sum + next / 2 < all * k / s->n)) {
      sum += next;
      i++;
      next = bytes_of (store, s, i, i + 1);
    }
    s->cut[k] = i;
  }
  for (unsigned k = 0; k < s->n; k++)
    good &= bytes_of (store, s, s->cut[k], s->cut[k + 1]) <= limit;
  return good;
}

/* What tells the parts apart: of a leaf's first key as much as differs from the
 * one before.  The bytes that they take in the parent. */
static size_t
separate (kv *store, struct share *s)
{
  struct kv_item before;
  size_t bytes = 0;

  for (unsigned k = 1; k < s->n; k++) {
    struct kv_item *sep = &s->sep[k];
    size_t same = 0;

    kv_page_item (s->all, KV_SCRATCH * store->size, s->cut[k], sep);
    if (kv_head (s->all)->level == 0) {
      kv_page_item (s->all, KV_SCRATCH * store->size, s->cut[k] - 1, &before);
      while (same < before.key_length && before.key[same] == sep->key[same])
        same++;
      sep->key_length = (uint16_t) (same + 1);
    }
    sep->length = sizeof s->page[k];
    bytes += kv_item_size (sep);
  }
  return bytes;
}

/* Deal them out, and tell the parent, which has room. */
static int
deal (kv *store, struct kv_txn *t, unsigned char *parent, struct share *s)
{
  unsigned level = kv_head (s->all)->level;
  struct kv_item item;
  int r = s->n < s->had ? kv_free (store, t, s->page[1]) : 0;

  for (unsigned k = s->had; r == 0 && k < s->n; k++)
    r = kv_alloc (store, t, level, &s->page[k], &s->data[k]);
  if (r < 0)
    return r;
  if (s->had == 2)
    kv_page_remove (parent, store->size, s->first);
  for (unsigned k = 0; k < s->n; k++) {
    struct kv_head *head = kv_head (s->data[k]);
    unsigned c = s->cut[k];

    kv_page_init (head, store->size, level);
    if (k == 0)
      head->link = kv_head (s->all)->link;
    else {
      s->sep[k].value = (const unsigned char *) &s->page[k];
      kv_page_insert (parent, store->size, s->first + k - 1, &s->sep[k]);
      if (level > 0) /* what an inner page begins with moves up */
        head->link = kv_page_child (s->all, KV_SCRATCH * store->size, ++c);
    }
    for (; c < s->cut[k + 1]; c++) {
      kv_page_item (s->all, KV_SCRATCH * store->size, c, &item);
      kv_page_insert (head, store->size, head->n, &item);
    }
  }
  return 0;
}

/* The page at depth d is too full or too empty.  add, if not NULL, is a cell for
 * path's place in it, a leaf.  1: pages above it were changed, find it again;
 * tries is how often that was so. */
static int
balance (kv *store, struct kv_txn *t, const struct kv_path *path, unsigned d,
         const struct kv_item *add, bool full, unsigned tries)
{
  size_t most = store->size - sizeof (struct kv_head), has;
  struct share s = { .had = 2, .n = full ? 2 : 1 };
  unsigned char *parent, *page;
  unsigned place = path->step[d].at;
  struct kv_item old = { 0 };
  bool append;
  int r;

  if (d == 0)
    return !full ? 0 : (r = deepen (store, t)) < 0 ? r : 1;
  r = kv_edit (store, t, path->step[d - 1].page, &parent);
  if (r == 0)
    r = kv_edit (store, t, path->step[d].page, &page);
  if (r < 0)
    return r;
  s.first = path->step[d - 1].at;
  append = add && path->last && place == kv_head (page)->n;
  if (append || kv_head (parent)->n == 0 || (full && tries > 1))
    s.had = 1;
  else if (s.first == kv_head (parent)->n)
    s.first--;
  r = gather (store, t, parent, &s);
  if (r < 0)
    return r;
  if (add)
    kv_page_insert (s.all, KV_SCRATCH * store->size,
                    place + (s.data[0] == page ? 0 : kv_head (s.data[0])->n),
                    add);
  if (append) {
    s.cut[1] = place;
    s.cut[2] = place + 1;
  } else
    while (!cut_evenly (store, &s, s.n == 1 ? most / 4 * 3
                                   : s.n == 2 && s.had == 2 && full
                                       ? most / 16 * 15
                                       : most))
      if (++s.n > SHARES)
        return -EBADMSG;
  has = kv_page_room (parent);
  if (s.had == 2 && kv_page_item (parent, store->size, s.first, &old))
    has += kv_item_size (&old);
  if (separate (store, &s) > has) {
    r = full ? balance (store, t, path, d - 1, NULL, true, tries) : 0;
    return r < 0 || !full ? r : 1;
  }
  r = deal (store, t, parent, &s);
  if (r < 0 || s.n >= s.had)
    return r;
  if (d > 1)
    return is_too_empty (parent, store->size)
               ? balance (store, t, path, d - 1, NULL, false, 0)
               : 0;
  if (kv_head (parent)->n > 0)
    return 0;
  memcpy (parent, s.data[0], store->size); /* the root's only child */
  return kv_free (store, t, s.page[0]);
}

/* ------------------------------------------------------------------ */
/* Changes                                                            */

size_t
kv_key_max (const kv *store)
{
  return store->size / 8;
}

/* So that two pages can have what one and a cell of this size have. */
size_t
kv_pair_max (const kv *store)
{
  return (store->size - sizeof (struct kv_head)) / 3 - sizeof (struct kv_cell)
         - sizeof (struct kv_slot) - 2;
}

/* -ENOENT, NO_ROOM, TOO_EMPTY; *at is the cell's place. */
static int
change_leaf (kv *store, unsigned char *leaf, const kv_op *op, unsigned *at)
{
  struct kv_item item, new = item_of (op);
  bool found;
  int r = kv_page_search (leaf, store->size, op->key, op->key_length, false,
                          &found);

  if (r < 0)
    return r;
  *at = (unsigned) r;
  if (found) {
    kv_page_item (leaf, store->size, *at, &item);
    if (op->value && item.length == new.length) {
      memcpy ((void *) item.value, new.value, new.length);
      return 0;
    }
    kv_page_remove (leaf, store->size, *at);
  }
  if (!op->value)
    return !found                                ? -ENOENT
           : is_too_empty (leaf, store->size) ? TOO_EMPTY
                                              : 0;
  if (kv_page_room (leaf) < kv_item_size (&new))
    return NO_ROOM;
  kv_page_insert (leaf, store->size, *at, &new);
  return 0;
}

/* With no page but one leaf.  What is wrong with it otherwise change_leaf() says,
 * and nothing is done. */
static int
apply_alone (kv *store, const kv_op *op, uint64_t *end)
{
  unsigned char old[KV_PAGE_MAX], *leaf;
  struct kv_change change = { .old = old };
  struct kv_txn t = { .most = 1, .change = &change };
  struct kv_view view;
  uint64_t moment, page, lsn;
  unsigned at;
  int r = kv_moment (store, &moment);

  if (r == 0)
    r = kv_find (store, NULL, op->key, op->key_length, false, NULL, &view);
  if (r < 0)
    return kv_is_moment (store, moment) ? r : -EAGAIN;
  page = view.pin.number;
  lsn = kv_head (view.data)->lsn;
  r = kv_seen (&view) && kv_is_moment (store, moment) ? 0 : -EAGAIN;
  kv_unlook (&view);
  if (r == 0)
    r = kv_edit (store, &t, page, &leaf);
  if (r == 0 && kv_head (leaf)->lsn != lsn)
    r = -EAGAIN;
  if (r == 0)
    r = change_leaf (store, leaf, op, &at);
  if (r == TOO_EMPTY && page == KV_ROOT)
    r = 0;
  KV_POINT ("alone.changed");
  if (r == 0)
    return kv_commit (store, &t, end);
  kv_undo (store, &t);
  return r;
}

/* With the tree. */
static int
change (kv *store, struct kv_txn *t, const kv_op *op)
{
  struct kv_item new = item_of (op);
  int r = 0;

  for (unsigned tries = 0; r >= 0; tries++) {
    struct kv_path path = { .low = NULL };
    unsigned char *leaf;
    struct kv_view view;

    do
      r = kv_find (store, t, op->key, op->key_length, false, &path, &view);
    while (r == -EAGAIN);
    if (r < 0)
      break;
    kv_unlook (&view);
    r = kv_edit (store, t, path.step[path.depth].page, &leaf);
    if (r == 0)
      r = change_leaf (store, leaf, op, &path.step[path.depth].at);
    if (r == TOO_EMPTY)
      return balance (store, t, &path, path.depth, NULL, false, 0);
    if (r == NO_ROOM)
      r = balance (store, t, &path, path.depth, &new, true, tries);
    if (r == 0)
      break;
  }
  return r;
}

static int
apply_together (kv *store, const kv_op *ops, size_t n, bool batch,
                uint64_t *end)
{
  struct kv_txn *t = &store->txn;
  uint64_t moment;
  int r;

  kv_lock (store, &store->shared->tree);
  /* What one began who died with the lock is done. */
  r = kv_moment (store, &moment);
  t->batch = batch;
  for (size_t i = 0; r == 0 && i < n; i++) {
    r = change (store, t, &ops[i]);
    if (r == -ENOENT && batch)
      r = 0;
  }
  if (r == 0)
    r = kv_commit (store, t, end);
  else
    kv_undo (store, t);
  kv_unlock (&store->shared->tree);
  return r;
}

static int
apply (kv *store, const kv_op *ops, size_t n, bool batch, unsigned flags)
{
  uint64_t end = 0;
  int r = -EAGAIN;

  if (!store || (n > 0 && !ops) || (flags & ~KV_NOSYNC))
    return -EINVAL;
  for (size_t i = 0; i < n; i++) {
    if (!kv_is_key (store, ops[i].key, ops[i].key_length))
      return -EINVAL;
    if (ops[i].value
        && ops[i].key_length + ops[i].length > kv_pair_max (store))
      return -EMSGSIZE;
  }
  while (r == -EAGAIN) {
    r = n == 1 ? apply_alone (store, ops, &end) : NO_ROOM;
    if (r > 0 || (r == -ENOENT && batch))
      r = apply_together (store, ops, n, batch, &end);
    if (r == -ENOSPC)
      r = (r = kv_log_checkpoint (store, true)) < 0 ? r : -EAGAIN;
  }
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

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
  unsigned level;
  unsigned first;               /* which child of the parent page[0] is */
  unsigned had, n;              /* pages: before, after */
  uint64_t page[SHARES];
  unsigned char *data[SHARES];
  unsigned items;               /* store->items; they point into copies */
  size_t bytes;
  unsigned cut[SHARES + 1];     /* the first cell of each page */
  struct kv_item sep[SHARES];   /* and what is before it in the parent */
};

/* Have the pages to edit, and all their cells; and add, if not NULL, as the cell
 * at place of page. */
static int
gather (kv *store, struct kv_txn *t, const unsigned char *parent,
        struct share *s, uint64_t page, unsigned place,
        const struct kv_item *add)
{
  unsigned char *copy = store->scratch;
  struct kv_item item;

  memcpy (copy + 2 * store->size, parent, store->size);
  for (unsigned i = 0; i < s->had; i++, copy += store->size) {
    int r;

    s->page[i] = kv_page_child (parent, store->size, s->first + i);
    r = kv_edit (store, t, s->page[i], &s->data[i]);
    if (r < 0)
      return r;
    memcpy (copy, s->data[i], store->size);
    s->level = kv_head (copy)->level;
    if (i > 0 && s->level > 0) { /* what is between them comes down */
      kv_page_item (store->scratch + 2 * store->size, store->size, s->first,
                    &item);
      item.value = (unsigned char *) &kv_head (copy)->link;
      store->items[s->items++] = item;
    }
    for (unsigned c = 0; c <= kv_head (copy)->n; c++) {
      if (add && s->page[i] == page && c == place)
        store->items[s->items++] = *add;
      if (c < kv_head (copy)->n)
        kv_page_item (copy, store->size, c, &store->items[s->items++]);
    }
  }
  for (unsigned i = 0; i < s->items; i++)
    s->bytes += kv_item_size (&store->items[i]);
  return 0;
}

/* Cut the cells into s->n parts, as equal as can be; is each at most limit? */
static bool
cut_evenly (const kv *store, struct share *s, size_t limit)
{
  size_t sum = 0, part = 0;
  unsigned k = 1;

  s->cut[0] = 0;
  for (unsigned i = 0; i < s->items; i++) {
    size_t next = kv_item_size (&store->items[i]);

    /* Of the next cell more than half is this part's, or it has none. */
    if (k < s->n && i > s->cut[k - 1]
        && (s->items - i == s->n - k
            || sum + next / 2 >= s->bytes * k / s->n)) {
      s->cut[k++] = i;
      part = 0;
    }
    sum += next;
    part += next;
    if (part > limit)
      return false;
  }
  s->cut[k] = s->items;
  return k == s->n;
}

/* What tells the parts apart: of a leaf's first key as much as differs from the
 * one before.  The bytes that they take in the parent. */
static size_t
separate (const kv *store, struct share *s)
{
  size_t bytes = 0;

  for (unsigned k = 1; k < s->n; k++) {
    const struct kv_item *before = &store->items[s->cut[k]] - 1;
    struct kv_item *sep = &s->sep[k];
    uint16_t same = 0;

    *sep = before[1];
    if (s->level == 0) {
      while (same < before->key_length && before->key[same] == sep->key[same])
        same++;
      sep->key_length = (uint16_t) (same + 1);
    }
    sep->value = (unsigned char *) &s->page[k];
    sep->length = sizeof s->page[k];
    bytes += kv_item_size (sep);
  }
  return bytes;
}

/* Deal them out, and tell the parent, which has room. */
static int
deal (kv *store, struct kv_txn *t, unsigned char *parent, struct share *s)
{
  uint64_t link = kv_head (s->data[0])->link;
  int r = s->n < s->had ? kv_free (store, t, s->page[1]) : 0;

  for (unsigned k = s->had; r == 0 && k < s->n; k++)
    r = kv_alloc (store, t, s->level, &s->page[k], &s->data[k]);
  if (r < 0)
    return r;
  if (s->had == 2)
    kv_page_remove (parent, store->size, s->first);
  for (unsigned k = 0; k < s->n; k++) {
    unsigned c = s->cut[k];

    kv_page_init (s->data[k], store->size, s->level);
    if (k > 0) {
      kv_page_insert (parent, store->size, s->first + k - 1, &s->sep[k]);
      if (s->level > 0) /* what an inner page begins with moves up */
        memcpy (&link, store->items[c++].value, sizeof link);
    }
    kv_head (s->data[k])->link = s->level > 0 ? link : 0;
    for (; c < s->cut[k + 1]; c++)
      kv_page_insert (s->data[k], store->size, kv_head (s->data[k])->n,
                      &store->items[c]);
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
  struct kv_item old;
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
  append = add && path->last && path->step[d].at == kv_head (page)->n;
  if (append || kv_head (parent)->n == 0 || (full && tries > 1))
    s.had = 1;
  else if (s.first == kv_head (parent)->n)
    s.first--;
  r = gather (store, t, parent, &s, path->step[d].page, path->step[d].at, add);
  if (r < 0)
    return r;
  if (append) {
    s.cut[1] = s.items - 1;
    s.cut[2] = s.items;
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
change_leaf (kv *store, unsigned char *leaf, const struct kv_item *new,
             unsigned *at)
{
  struct kv_item item;
  bool found;
  int r = kv_page_search (leaf, store->size, new->key, new->key_length, false,
                          &found);

  if (r < 0)
    return r;
  *at = (unsigned) r;
  if (found) {
    kv_page_item (leaf, store->size, *at, &item);
    if (new->value && item.length == new->length) {
      memcpy ((void *) item.value, new->value, new->length);
      return 0;
    }
    kv_page_remove (leaf, store->size, *at);
  }
  if (!new->value)
    return !found                             ? -ENOENT
           : is_too_empty (leaf, store->size) ? TOO_EMPTY
                                              : 0;
  if (kv_page_room (leaf) < kv_item_size (new))
    return NO_ROOM;
  kv_page_insert (leaf, store->size, *at, new);
  return 0;
}

/* Find the leaf, latch it if it is still what was found, and change it.  Who has
 * not the tree's lock is alone in t with that leaf, and is told what is wrong with
 * it otherwise. */
static int
change (kv *store, struct kv_txn *t, const kv_op *op, bool alone)
{
  const struct kv_item new = { op->key, op->value, (uint16_t) op->key_length,
                               (uint16_t) op->length };
  int r = -EAGAIN;

  for (unsigned tries = 0; r == -EAGAIN || r > 0;) {
    struct kv_path path = { .low = NULL };
    unsigned char *leaf;
    struct kv_view view;
    uint64_t moment, lsn = 0;
    bool same = false;

    /* With the tree's lock no tree changes but ours, once what one began who died
     * with it is done.  To wait for that is for who has no latch. */
    r = t->n == 0 ? kv_moment (store, &moment) : 0;
    if (r < 0)
      return r;
    r = kv_find (store, t, op->key, op->key_length, false, &path, &view);
    if (r == 0) {
      lsn = kv_head (view.data)->lsn;
      same = kv_seen (&view);
      kv_unlook (&view);
    }
    if ((alone && !kv_is_moment (store, moment)) || (r == 0 && !same))
      r = -EAGAIN;
    if (r == 0)
      r = kv_edit (store, t, path.step[path.depth].page, &leaf);
    if (r == 0 && kv_head (leaf)->lsn != lsn) {
      r = -EAGAIN;
      if (alone)
        kv_undo (store, t);
    }
    if (r < 0)
      continue;
    r = change_leaf (store, leaf, &new, &path.step[path.depth].at);
    KV_POINT ("alone.changed");
    if (r == TOO_EMPTY && path.depth == 0)
      r = 0;
    if (r <= 0 || alone)
      return r;
    if (r == TOO_EMPTY)
      return balance (store, t, &path, path.depth, NULL, false, 0);
    r = balance (store, t, &path, path.depth, &new, true, tries++);
  }
  return r;
}

static int
apply (kv *store, const kv_op *ops, size_t n, bool batch, unsigned flags)
{
  unsigned char old[KV_PAGE_MAX];
  struct kv_change leaf = { .old = old };
  struct kv_txn single = { .most = 1, .change = &leaf };
  bool alone = n == 1;
  uint64_t end = 0;
  int r;

  if (!store || (n > 0 && !ops) || (flags & ~KV_NOSYNC))
    return -EINVAL;
  for (size_t i = 0; i < n; i++) {
    if (!kv_is_key (store, ops[i].key, ops[i].key_length))
      return -EINVAL;
    if (ops[i].value
        && ops[i].key_length + ops[i].length > kv_pair_max (store))
      return -EMSGSIZE;
  }
  do {
    struct kv_txn *t = alone ? &single : &store->txn;

    if (!alone)
      kv_lock (store, &store->shared->tree);
    t->batch = batch && !alone;
    r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
      r = change (store, t, &ops[i], alone);
      if (r == -ENOENT && batch)
        r = 0;
    }
    if (r == 0)
      r = kv_commit (store, t, &end);
    else
      kv_undo (store, t);
    if (!alone)
      kv_unlock (&store->shared->tree);
    if (r > 0) { /* it is no matter of one leaf */
      alone = false;
      r = -EAGAIN;
    } else if (r == -ENOSPC)
      r = (r = kv_log_checkpoint (store, true)) < 0 ? r : -EAGAIN;
  } while (r == -EAGAIN);
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

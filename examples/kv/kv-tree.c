/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-tree.c - changing: puts, deletes, batches
 *
 * A change that stays in one leaf is prepared in a copy of that leaf, without any
 * lock, beside others in whatever leaves.  The leaf is found as readers do;
 * whether it is still what was copied, its lsn says at the commit.  All else is
 * made by one at a time, who has the log: batches, and what makes leaves more or
 * fewer.  So inner pages change for no one but that one.
 *
 * A far value in place of another is prepared alone, too: it changes that page and
 * no leaf.  Whether the page is still that key's its own lsn says, as it changes
 * when the page is freed.
 *
 * A page that has no room shares with its neighbour; if both are full, their
 * cells go to three pages.  So pages are two thirds full at least when keys come
 * at random, and full when they come in order, as a leaf at the end gets a new
 * one behind it and keeps what it has.  A page of which a quarter is left joins
 * its neighbour, or shares with it.  A root with one child takes its content.
 */
#include "kv-impl.h"

#define SHARES 4                /* pages, if cells are as large as can be */

/* What change_leaf() says besides 0 and errors. */
enum { NO_ROOM = 1, TOO_EMPTY };

#define is_too_empty(page, size) ((size) - kv_page_room (page) < (size) / 4)

/* ------------------------------------------------------------------ */
/* Sharing                                                            */

/* The root's content goes to a new page, the only child of the root.  1. */
static int
deepen (kv *store, struct kv_txn *t)
{
  unsigned char *root, *below;
  uint32_t page;

  KV_TRY (kv_edit (store, t, KV_ROOT, &root));
  if (kv_head (root)->level + 2 >= KV_DEPTH)
    return -E2BIG;
  KV_TRY (kv_alloc (store, t, kv_head (root)->level, &page, &below));
  memcpy (below, root, store->size);
  kv_page_init (root, store->size, kv_head (below)->level + 1u);
  kv_head (root)->link = page;
  return 1;
}

/* Cells of a page, or of two neighbours, that are to be dealt out anew. */
struct share {
  unsigned first;               /* which child of the parent page[0] is */
  unsigned had, n;              /* pages: before, after */
  unsigned level, items;        /* store->item; they point into copies */
  size_t bytes;
  uint32_t page[SHARES];
  unsigned char *data[SHARES];
  unsigned cut[SHARES + 1];     /* the first cell of each page */
  struct kv_item sep[SHARES];   /* and what is before it in the parent */
};

/* Have the pages to edit, and all their cells; and add, if not NULL, in its place
 * in the path's leaf. */
static int
gather (kv *store, struct kv_txn *t, const unsigned char *parent,
        struct share *s, const struct kv_path *path, const struct kv_item *add)
{
  struct kv_item item;

  memcpy (store->scratch[2], parent, store->size);
  for (unsigned i = 0; i < s->had; i++) {
    unsigned char *copy = store->scratch[i];

    s->page[i] = kv_page_child (parent, store->size, s->first + i);
    KV_TRY (kv_edit (store, t, s->page[i], &s->data[i]));
    memcpy (copy, s->data[i], store->size);
    s->level = kv_head (copy)->level;
    if (i > 0 && s->level > 0) { /* what is between them comes down */
      kv_page_item (store->scratch[2], store->size, s->first, &item);
      item.value = (unsigned char *) &kv_head (copy)->link;
      store->item[s->items++] = item;
    }
    for (unsigned c = 0; c <= kv_head (copy)->n; c++) {
      if (add && s->page[i] == path->step[path->depth].page
          && c == path->step[path->depth].at)
        store->item[s->items++] = *add;
      if (c < kv_head (copy)->n)
        kv_page_item (copy, store->size, c, &store->item[s->items++]);
    }
  }
  for (unsigned i = 0; i < s->items; i++)
    s->bytes += kv_item_size (&store->item[i]);
  return 0;
}

/* Cut the cells into s->n parts, as equal as can be; is each at most limit? */
static bool
cut_evenly (const kv *store, struct share *s, size_t limit)
{
  size_t sum = 0, before = 0;
  unsigned k = 1;

  for (unsigned i = 0; i < s->items; i++) {
    size_t next = kv_item_size (&store->item[i]);

    /* Of the next cell more than half is this part's, or it has none. */
    if (k < s->n && i > s->cut[k - 1]
        && (s->items - i == s->n - k
            || sum + next / 2 >= s->bytes * k / s->n)) {
      s->cut[k++] = i;
      before = sum;
    }
    sum += next;
    if (sum - before > limit)
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
    const struct kv_item *before = &store->item[s->cut[k]] - 1;
    struct kv_item *sep = &s->sep[k];
    uint16_t same = 0;

    *sep = before[1];
    while (same < before->key_length && before->key[same] == sep->key[same])
      same++;
    if (s->level == 0)
      sep->key_length = (uint16_t) (same + 1);
    sep->value = (unsigned char *) &s->page[k];
    sep->length = sizeof s->page[k];
    sep->far = 0;
    bytes += kv_item_size (sep);
  }
  return bytes;
}

/* Deal them out, and tell the parent, which has room. */
static int
deal (kv *store, struct kv_txn *t, unsigned char *parent, struct share *s)
{
  uint32_t link = kv_head (s->data[0])->link;

  if (s->n < s->had)
    KV_TRY (kv_free (store, t, s->page[1]));
  for (unsigned k = s->had; k < s->n; k++)
    KV_TRY (kv_alloc (store, t, s->level, &s->page[k], &s->data[k]));
  if (s->had == 2)
    kv_page_remove (parent, store->size, s->first);
  for (unsigned k = 0; k < s->n; k++) {
    unsigned c = s->cut[k];

    kv_page_init (s->data[k], store->size, s->level);
    if (k > 0) {
      kv_page_insert (parent, store->size, s->first + k - 1, &s->sep[k]);
      if (s->level > 0) /* what an inner page begins with moves up */
        memcpy (&link, store->item[c++].value, sizeof link);
    }
    kv_head (s->data[k])->link = s->level > 0 ? link : 0;
    for (; c < s->cut[k + 1]; c++)
      kv_page_insert (s->data[k], store->size, kv_head (s->data[k])->n,
                      &store->item[c]);
  }
  return 0;
}

/* The page at depth d of path is too full or too empty.  add, if not NULL, is a
 * cell for path's place in it, a leaf.  1: pages above it were changed, find it
 * again. */
static int
balance (kv *store, struct kv_txn *t, const struct kv_path *path, unsigned d,
         const struct kv_item *add, bool full)
{
  size_t most = store->size - sizeof (struct kv_head), has;
  struct share s = { .had = 2, .n = full ? 2 : 1 };
  unsigned char *parent;
  bool append = add;
  struct kv_item old;

  if (d == 0)
    return full ? deepen (store, t) : 0;
  KV_TRY (kv_edit (store, t, path->step[d - 1].page, &parent));
  s.first = path->step[d - 1].at;
  for (unsigned i = 0; i <= d; i++) /* behind all others? */
    append &= path->step[i].at == path->step[i].n;
  /* An inner page is split alone, so that it has room for certain. */
  if (append || kv_head (parent)->n == 0 || (full && !add))
    s.had = 1;
  else if (s.first == kv_head (parent)->n)
    s.first--;
  KV_TRY (gather (store, t, parent, &s, path, add));
  if (append) {
    s.cut[1] = s.items - 1;
    s.cut[2] = s.items;
  } else
    /* Beside an empty leaf one page has all, however full: a separator may have
     * no room. */
    while (!cut_evenly (store, &s, s.n == 1 && path->step[d].n > 0 ? most / 4 * 3
                                   : s.n == 2 ? most / 16 * 15 : most))
      if (++s.n > SHARES)
        return -EBADMSG;
  has = kv_page_room (parent);
  if (s.had == 2 && kv_page_item (parent, store->size, s.first, &old))
    has += kv_item_size (&old);
  if (separate (store, &s) > has) {
    if (full)
      KV_TRY (balance (store, t, path, d - 1, NULL, true));
    return full;
  }
  KV_TRY (deal (store, t, parent, &s));
  if (s.n >= s.had
      || (d > 1 ? !is_too_empty (parent, store->size)
                : kv_head (parent)->n > 0))
    return 0;
  if (d > 1)
    return balance (store, t, path, d - 1, NULL, false);
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

/* A value that is longer, with its key, is far: so two pages can have what one and
 * a cell have. */
static bool
is_far (const kv *store, const kv_op *op)
{
  return op->value && op->key_length + op->length
                          > (store->size - sizeof (struct kv_head)) / 3
                                - sizeof (struct kv_cell)
                                - sizeof (struct kv_slot) - 2;
}

/* NO_ROOM, TOO_EMPTY, -ENOENT. */
static int
change_leaf (kv *store, unsigned char *leaf, unsigned at, bool found,
             const struct kv_item *new)
{
  struct kv_item item;

  if (found) {
    kv_page_item (leaf, store->size, at, &item);
    if (new->value && item.length == new->length && item.far == new->far) {
      memcpy ((void *) item.value, new->value, new->length);
      return 0;
    }
    kv_page_remove (leaf, store->size, at);
  }
  if (!new->value)
    return !found ? -ENOENT : is_too_empty (leaf, store->size) ? TOO_EMPTY : 0;
  if (kv_page_room (leaf) < kv_item_size (new))
    return NO_ROOM;
  kv_page_insert (leaf, store->size, at, new);
  return 0;
}

/* A far value goes to its page. */
static void
fill (const kv *store, unsigned char *page, const kv_op *op)
{
  kv_page_init (page, store->size, KV_VALUE);
  kv_head (page)->n = (uint16_t) op->length;
  memcpy (&kv_head (page)->link, op->value, op->length);
}

/* Find the leaf, and change a copy of it; with the log, also of others. */
static int
change (kv *store, struct kv_txn *t, const kv_op *op)
{
  struct kv_item new = { op->key, op->value, (uint16_t) op->key_length,
                         (uint16_t) op->length, 0 };
  bool far = is_far (store, op);
  uint32_t page, was;

  for (;;) {
    struct kv_item old = { 0 };
    uint64_t moment;
    struct kv_path path;
    struct kv_view view;
    unsigned char *data, *value;
    unsigned at;
    int r;

    path.fixed = 0;
    KV_TRY (kv_moment (store, &moment));
    KV_TRY (kv_find (store, t, op->key, op->key_length, false, &path, &view));
    at = path.step[path.depth].at;
    if (path.found)
      kv_page_item (view.data, store->size, at, &old);
    was = old.far ? kv_page_child (view.data, store->size, at + 1) : 0;
    KV_TRY (old.far && far ? kv_unlook (&view)
                           : kv_copy (store, t, &view, &data));
    if (old.far)
      KV_TRY (kv_edit (store, t, was, &value));
    if (old.far && kv_head (value)->level != KV_VALUE)
      return -EBADMSG;
    if (!kv_is_moment (store, moment))
      return -EAGAIN;
    if (old.far && far) {
      fill (store, value, op);
      return 0;
    }
    if (old.far)
      KV_TRY (kv_free (store, t, was));
    if (far && !new.far) {      /* once, for however many leaves */
      KV_TRY (kv_alloc (store, t, KV_VALUE, &page, &value));
      fill (store, value, op);
      new = (struct kv_item) { op->key, (unsigned char *) &page,
                               new.key_length, sizeof page, KV_FAR };
    }
    r = change_leaf (store, data, at, path.found, &new);
    path.step[path.depth].n = kv_head (data)->n;
    KV_POINT ("alone.changed");
    if (r <= 0 || !t->locked)
      return r;
    r = balance (store, t, &path, path.depth, r == NO_ROOM ? &new : NULL,
                 r == NO_ROOM);
    if (r <= 0)
      return r;
  }
}

/* Of one change a first attempt is made without the log; what that cannot do, or
 * says is wrong, is begun anew with it. */
int
kv_apply (kv *store, const kv_op *ops, size_t n, unsigned flags)
{
  unsigned char copy[KV_PAGE_MAX];
  struct kv_change leaf = { .data = copy };
  uint64_t end;
  int r;

  if (!store || (n > 0 && !ops) || (flags & ~(KV_NOSYNC | KV_MUST)))
    return -EINVAL;
  for (size_t i = 0; i < n; i++) {
    if (!kv_is_key (store, ops[i].key, ops[i].key_length))
      return -EINVAL;
    if (ops[i].value && ops[i].length > kv_value_max (store))
      return -EMSGSIZE;
  }
  for (bool locked = n != 1;; locked = true) {
    struct kv_txn t = { .most = locked ? KV_PAGES : 1, .locked = locked,
                        .change = locked ? store->change : &leaf };

    if (locked)
      KV_TRY (kv_take_log (store));
    r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
      r = change (store, &t, &ops[i]);
      if (r == -ENOENT && !(flags & KV_MUST))
        r = 0;
    }
    if (r == 0)
      r = kv_commit (store, &t, n > 1);
    end = store->shared->log_end;
    if (t.locked)
      kv_unlock (&store->shared->log);
    if (r == -EXFULL)
      r = (r = kv_log_checkpoint (store, true)) < 0 ? r : -EAGAIN;
    if (r == 0 || (locked && r != -EAGAIN))
      break;
  }
  if (r == 0 && !(flags & KV_NOSYNC))
    r = kv_log_sync (store, end);
  if (r == 0)
    kv_log_checkpoint (store, false); /* its error comes when the log is full */
  return r;
}

int
kv_put (kv *store, const void *key, size_t key_length, const void *value,
        size_t length, unsigned flags)
{
  kv_op op = { key, (void *) (value ? value : ""), key_length,
               value ? length : 0 };

  return kv_apply (store, &op, 1, flags);
}

int
kv_delete (kv *store, const void *key, size_t key_length, unsigned flags)
{
  kv_op op = { key, NULL, key_length, 0 };

  return kv_apply (store, &op, 1, flags | KV_MUST);
}

int
kv_sync (kv *store)
{
  return store ? kv_log_sync (store, store->shared->log_end) : -EINVAL;
}

int
kv_checkpoint (kv *store)
{
  return store ? kv_log_checkpoint (store, true) : -EINVAL;
}

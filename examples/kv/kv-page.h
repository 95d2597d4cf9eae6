/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-page.h - cells in a page
 *
 *     head | slots ->     free     <- cells
 *
 * Slots are in the order of keys, cells in that of insertion, without gaps.
 *
 * Readers look at pages that others may be changing.  So a number is loaded once
 * and nothing outside the page is touched, whatever it is; if what was found
 * means anything, the page's version says afterwards.  To C11 that is a data race:
 * without one, keys and values would have to be read word by word, as relaxed
 * atomics, in 26 to 91% more instructions.  So all that is put where others look is
 * by kv_page_show(), which ThreadSanitizer is told of (tests/tsan-suppressions.txt):
 * a race with anything else it finds.
 */
#ifndef KV_PAGE_H
#define KV_PAGE_H

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "kv.h"

#define KV_META 0               /* page numbers */
#define KV_ROOT 1               /* always: a root that is split moves down */
#define KV_FREE 0xffff          /* the level of a page that is not in use */
#define KV_VALUE 0xfffe         /* and of one that has a far value */
#define KV_DEPTH 16
#define KV_PAGE_MAX 16384

/* The cells' places follow it, in the order of keys; the cells are at the end. */
struct kv_head {
  _Alignas (8) uint64_t sum;    /* of the rest, in the file */
  uint64_t lsn;                 /* where the record of its last change begins,
                                   plus 1 */
  uint16_t n;                   /* cells; bytes of a far value */
  uint16_t level;               /* 0: leaf */
  uint16_t heap;                /* where the cells begin */
  uint16_t prefix;              /* bytes that all keys have in common */
  uint32_t link;                /* inner: the child before the first key; free:
                                   the next free page or 0; here a far value
                                   begins */
};

/* Where a cell is, and of its key the bytes behind the common ones, as most keys
 * differ there: so a search comes to few cells. */
struct kv_slot {
  uint16_t at;
  uint32_t begin;
} __attribute__ ((packed, aligned (2)));

/* Key and value follow; an inner page's value is the number of the page with
 * this key and those behind it, that of a cell with KV_FAR the number of the page
 * that has the key's value, and nothing else. */
#define KV_FAR 0x8000
struct kv_cell {
  uint16_t key_length, length;  /* the former with KV_FAR or not */
};

/* A cell that was found; or that is to be put. */
struct kv_item {
  const unsigned char *key, *value;
  uint16_t key_length, length;
  uint16_t far;                 /* KV_FAR or 0 */
};

#define kv_head(page) ((struct kv_head *) (page))
#define kv_slots(page) ((struct kv_slot *) (kv_head (page) + 1))

/* Of a page that others may be changing: read once. */
#define kv_u16(at) __atomic_load_n (at, __ATOMIC_RELAXED)

/* What the cell takes, and with its slot; bytes between slots and cells. */
#define kv_cell_size(item) \
  ((sizeof (struct kv_cell) + (item)->key_length + (item)->length + 1u) \
   & ~(size_t) 1)
#define kv_item_size(item) (kv_cell_size (item) + sizeof (struct kv_slot))
#define kv_page_room(page) \
  (kv_head (page)->heap - sizeof (struct kv_head) \
   - kv_head (page)->n * sizeof (struct kv_slot))

/* ------------------------------------------------------------------ */

/* False: it does not lie inside the page. */
static inline bool
kv_page_item (const void *page, size_t size, unsigned i, struct kv_item *item)
{
  size_t at = sizeof (struct kv_head) + i * sizeof (struct kv_slot);
  const struct kv_cell *cell;

  *item = (struct kv_item) { NULL, NULL, 0, 0, 0 };
  if (at + sizeof (struct kv_slot) > size)
    return false;
  at = kv_u16 (&kv_slots (page)[i].at) & ~1u;
  if (at + sizeof *cell > size)
    return false;
  cell = (const void *) ((const unsigned char *) page + at);
  item->key_length = kv_u16 (&cell->key_length);
  item->far = item->key_length & KV_FAR;
  item->key_length ^= item->far;
  item->length = kv_u16 (&cell->length);
  item->key = (const unsigned char *) (cell + 1);
  item->value = item->key + item->key_length;
  return at + sizeof *cell + item->key_length + item->length <= size;
}

/* What a slot has of a key, to be compared as a number. */
static inline uint32_t
kv_begin_of (const struct kv_item *item, size_t prefix)
{
  size_t n = item->key_length > prefix ? item->key_length - prefix : 0;
  uint32_t begin = 0;

  if (n >= sizeof begin)
    memcpy (&begin, item->key + prefix, sizeof begin);
  else if (n > 0)
    memcpy (&begin, item->key + prefix, n);
  return be32toh (begin);
}

/* The first slot that is not less.  Without a branch that a processor could
 * guess wrong. */
static inline unsigned
kv_bound (const struct kv_slot *slot, unsigned n, uint32_t begin)
{
  unsigned from = 0;

  for (unsigned half; n > 1; n -= half) {
    half = n / 2;
    from = slot[from + half - 1].begin < begin ? from + half : from;
  }
  return from + (n > 0 && slot[from].begin < begin);
}

static inline int
kv_compare (const struct kv_item *item, const struct kv_item *key)
{
  size_t n = item->key_length < key->key_length ? item->key_length
                                                : key->key_length;
  int c = memcmp (item->key, key->key, n);

  return c ? c : item->key_length - key->key_length;
}

/* The first cell that is not less than key; *found: it is the key.  -EBADMSG. */
static inline int
kv_page_search (const void *page, size_t size, const void *key,
                size_t key_length, bool *found)
{
  const struct kv_slot *slot = kv_slots (page);
  unsigned n = kv_u16 (&kv_head (page)->n), from, to;
  uint16_t prefix = kv_u16 (&kv_head (page)->prefix);
  struct kv_item item, its = { key, NULL, (uint16_t) key_length, 0, 0 };
  uint32_t begin = kv_begin_of (&its, prefix);
  int c;

  *found = false;
  if (sizeof (struct kv_head) + n * sizeof *slot > size)
    return -EBADMSG;
  from = to = kv_bound (slot, n, begin);
  while (to < n && slot[to].begin == begin)
    to++;                       /* the slots cannot tell them apart: mostly one */
  while (from < to) {
    unsigned middle = (from + to) / 2;

    if (!kv_page_item (page, size, middle, &item))
      return -EBADMSG;
    c = kv_compare (&item, &its);
    if ((*found = c == 0))
      return (int) middle;
    if (c < 0)
      from = middle + 1;
    else
      to = middle;
  }
  if (n == 0 || prefix == 0)
    return (int) from;
  /* All this was right if the key begins as the others do. */
  if (!kv_page_item (page, size, from < n ? from : n - 1, &item))
    return -EBADMSG;
  item.key_length = item.key_length < prefix ? item.key_length : prefix;
  its.key_length = its.key_length < prefix ? its.key_length : prefix;
  c = kv_compare (&item, &its);
  return c == 0 ? (int) from : c < 0 ? (int) n : 0;
}

static inline void
kv_page_init (void *page, size_t size, unsigned level)
{
  memset (page, 0, size);
  kv_head (page)->level = (uint16_t) level;
  kv_head (page)->heap = (uint16_t) size;
}

/* There has to be room. */
static inline void
kv_page_insert (void *page, size_t size, unsigned i, const struct kv_item *item)
{
  struct kv_head *head = kv_head (page);
  struct kv_slot *slot = kv_slots (page);
  struct kv_cell *cell;
  struct kv_item other;
  unsigned to = i + 1;
  size_t same = 0;

  head->heap = (uint16_t) (head->heap - kv_cell_size (item));
  cell = (struct kv_cell *) ((unsigned char *) page + head->heap);
  *cell = (struct kv_cell) { item->key_length | item->far, item->length };
  memcpy (cell + 1, item->key, item->key_length);
  memcpy ((unsigned char *) (cell + 1) + item->key_length, item->value,
          item->length);
  memmove (slot + i + 1, slot + i, (head->n - i) * sizeof *slot);
  slot[i].at = head->heap;
  if (head->n++ == 0)
    head->prefix = item->key_length;
  kv_page_item (page, size, i == 0 ? head->n - 1u : 0, &other);
  while (same < head->prefix && same < item->key_length
         && item->key[same] == other.key[same])
    same++;
  if (same < head->prefix) {
    head->prefix = (uint16_t) same;
    i = 0;
    to = head->n;
  }
  for (; i < to; i++) {
    kv_page_item (page, size, i, &other);
    slot[i].begin = kv_begin_of (&other, head->prefix);
  }
}

static inline void
kv_page_remove (void *page, size_t size, unsigned i)
{
  struct kv_head *head = kv_head (page);
  struct kv_slot *slot = kv_slots (page);
  unsigned char *heap = (unsigned char *) page + head->heap;
  uint16_t at = slot[i].at;
  struct kv_item item;
  size_t n;

  kv_page_item (page, size, i, &item);
  n = kv_cell_size (&item);
  memmove (heap + n, heap, (size_t) at - head->heap);
  head->heap = (uint16_t) (head->heap + n);
  memmove (slot + i, slot + i + 1, (head->n - 1u - i) * sizeof *slot);
  head->n--;
  for (i = 0; i < head->n; i++)
    if (slot[i].at < at)
      slot[i].at = (uint16_t) (slot[i].at + n);
}

/* The child that is i-th, 0 the one before the first key; or KV_META. */
static inline uint32_t
kv_page_child (const void *page, size_t size, unsigned i)
{
  struct kv_item item;
  uint32_t child;

  if (i == 0)
    return __atomic_load_n (&kv_head (page)->link, __ATOMIC_RELAXED);
  if (!kv_page_item (page, size, i - 1, &item) || item.length != sizeof child)
    return KV_META;
  memcpy (&child, item.value, sizeof child);
  return child;
}

#endif /* KV_PAGE_H */

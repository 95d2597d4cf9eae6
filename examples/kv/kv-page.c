/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-page.c - cells in a page
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
#include <endian.h>

#include "kv-impl.h"

bool
kv_page_item (const void *page, size_t size, unsigned i, struct kv_item *item)
{
  size_t at = sizeof (struct kv_head) + i * sizeof (struct kv_slot);
  const struct kv_cell *cell;

  *item = (struct kv_item) { NULL, NULL, 0, 0 };
  if (at + sizeof (struct kv_slot) > size)
    return false;
  at = kv_u16 (&kv_slots (page)[i].at) & ~1u;
  if (at + sizeof *cell > size)
    return false;
  cell = (const void *) ((const unsigned char *) page + at);
  item->key_length = kv_u16 (&cell->key_length);
  item->length = kv_u16 (&cell->length);
  item->key = (const unsigned char *) (cell + 1);
  item->value = item->key + item->key_length;
  return at + sizeof *cell + item->key_length + item->length <= size;
}

/* What a slot has of a key, to be compared as a number. */
static uint32_t
begin_of (const struct kv_item *item, size_t prefix)
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
static unsigned
bound (const struct kv_slot *slot, unsigned n, uint32_t begin)
{
  unsigned from = 0;

  for (unsigned half; n > 1; n -= half) {
    half = n / 2;
    from = slot[from + half - 1].begin < begin ? from + half : from;
  }
  return from + (n > 0 && slot[from].begin < begin);
}

static int
compare (const struct kv_item *item, const struct kv_item *key)
{
  size_t n = item->key_length < key->key_length ? item->key_length
                                                : key->key_length;
  int c = memcmp (item->key, key->key, n);

  return c ? c : item->key_length - key->key_length;
}

int
kv_page_search (const void *page, size_t size, const void *key,
                size_t key_length, bool *found)
{
  const struct kv_slot *slot = kv_slots (page);
  unsigned n = kv_u16 (&kv_head (page)->n), from, to;
  uint16_t prefix = kv_u16 (&kv_head (page)->prefix);
  struct kv_item item, its = { key, NULL, (uint16_t) key_length, 0 };
  uint32_t begin = begin_of (&its, prefix);
  int c;

  *found = false;
  if (sizeof (struct kv_head) + n * sizeof *slot > size)
    return -EBADMSG;
  from = to = bound (slot, n, begin);
  while (to < n && slot[to].begin == begin)
    to++;                       /* the slots cannot tell them apart: mostly one */
  while (from < to) {
    unsigned middle = (from + to) / 2;

    if (!kv_page_item (page, size, middle, &item))
      return -EBADMSG;
    c = compare (&item, &its);
    *found = c == 0;
    if (c == 0)
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
  c = compare (&item, &its);
  return c == 0 ? (int) from : c < 0 ? (int) n : 0;
}

void
kv_page_init (void *page, size_t size, unsigned level)
{
  memset (page, 0, size);
  kv_head (page)->level = (uint16_t) level;
  kv_head (page)->heap = (uint16_t) size;
}

void
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
  *cell = (struct kv_cell) { item->key_length, item->length };
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
    slot[i].begin = begin_of (&other, head->prefix);
  }
}

void
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

uint64_t
kv_page_child (const void *page, size_t size, unsigned i)
{
  struct kv_item item;
  uint64_t child;

  if (i == 0)
    return __atomic_load_n (&kv_head (page)->link, __ATOMIC_RELAXED);
  if (!kv_page_item (page, size, i - 1, &item) || item.length != sizeof child)
    return KV_META;
  memcpy (&child, item.value, sizeof child);
  return child;
}

void
kv_page_show (void *at, const void *from, size_t length)
{
  memcpy (at, from, length);
}

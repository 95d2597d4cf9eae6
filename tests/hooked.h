/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooked.h - hooks for tests: every byte is changed by a key, and the last
 * eight of a page are a sum of the others
 */
#ifndef HOOKED_H
#define HOOKED_H

#include "util.h"

struct hooked {
  uint64_t key;
  size_t page_size;
  atomic_ulong reads, writes;
  atomic_int refuse;            /* before_write fails with this */
};

UTIL uint64_t
hooked_sum (const void *data, size_t length, uint64_t number)
{
  const unsigned char *bytes = data;
  uint64_t sum = number + 1;

  for (size_t i = 0; i < length; i++)
    sum = sum * 0x100000001b3u + bytes[i];
  return sum;
}

UTIL void
hooked_turn (const struct hooked *h, void *data, size_t length)
{
  unsigned char *bytes = data;

  for (size_t i = 0; i < length; i++)
    bytes[i] ^= (unsigned char) (h->key >> i % 8 * 8);
}

UTIL int
hooked_read (void *arg, uint64_t number, void *data, size_t length)
{
  struct hooked *h = arg;
  uint64_t sum;

  atomic_fetch_add (&h->reads, 1);
  if (is_zero (data, length)) /* never written */
    return 0;
  hooked_turn (h, data, length);
  if (length < h->page_size)
    return 0;
  memcpy (&sum, (char *) data + length - 8, 8);
  return sum != hooked_sum (data, length - 8, number);
}

UTIL int
hooked_write (void *arg, uint64_t number, void *data, size_t length)
{
  struct hooked *h = arg;
  uint64_t sum = hooked_sum (data, length - 8, number);

  if (atomic_load (&h->refuse))
    return atomic_load (&h->refuse);
  atomic_fetch_add (&h->writes, 1);
  if (length == h->page_size)
    memcpy ((char *) data + length - 8, &sum, 8);
  hooked_turn (h, data, length);
  return 0;
}

UTIL oriel_hooks
hooks_of (struct hooked *h)
{
  return (oriel_hooks) { .struct_size = sizeof (oriel_hooks),
                         .id = h->key,
                         .arg = h,
                         .after_read = hooked_read,
                         .before_write = hooked_write };
}

UTIL void
must_hook (oriel_file *file, struct hooked *h)
{
  oriel_hooks hooks = hooks_of (h);

  must (oriel_file_hooks (file, &hooks), "oriel_file_hooks");
}

/* All but the sum. */
UTIL int
hooked_is_stamped (oriel_file *file, uint64_t number, uint64_t tag)
{
  oriel_page page = must_pin (file, number, ORIEL_READ);
  int good = is_stamped (page.data, 4096 - 8, tag, number);

  must (oriel_unpin (&page), "oriel_unpin");
  return good;
}

#endif /* HOOKED_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counted.h - pages that carry their number, a counter and a checksum
 *
 * Memory outside the pool says for each page which count was begun, before the
 * page is changed, and which was done, after its unpin: a page must be whole,
 * with a count between the two.
 */
#ifndef COUNTED_H
#define COUNTED_H

#include "util.h"

struct content {
  uint64_t number;
  uint64_t count;
  uint64_t fill[509];
  uint64_t sum;
};

UTIL uint64_t
sum_of (const struct content *c)
{
  uint64_t s = c->number * 31 + c->count;

  for (int i = 0; i < 509; i++)
    s = s * 31 + c->fill[i];
  return s;
}

/* Is it the page, or zeroes if it was never written? */
UTIL int
content_is_whole (const struct content *c, uint64_t page, uint64_t done,
                  uint64_t begun)
{
  static const struct content zero;

  return (done == 0 && memcmp (c, &zero, sizeof zero) == 0)
         || (c->number == page && c->count >= done && c->count <= begun
             && c->sum == sum_of (c));
}

/* What it is, and should be, for people. */
UTIL void
tell_content (char *text, size_t size, const char *what, uint64_t page,
              const struct content *c, uint64_t done, uint64_t begun)
{
  snprintf (text, size,
            "%s: page %llu: number %llu, count %llu of %llu to %llu, checksum "
            "%s; %s",
            what, (unsigned long long) page, (unsigned long long) c->number,
            (unsigned long long) c->count, (unsigned long long) done,
            (unsigned long long) begun,
            c->sum == sum_of (c) ? "right" : "wrong", oriel_error ());
}

#endif /* COUNTED_H */

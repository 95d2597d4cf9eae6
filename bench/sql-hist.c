/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-hist.c - a histogram of latencies, in buckets that grow with the value
 *
 * Values below 2 << HIST_SUB_BITS have a bucket each.  Above, every power of
 * two is cut into 1 << HIST_SUB_BITS buckets of equal width, so the relative
 * error is the same everywhere: the layout of HdrHistogram, whose C library
 * Debian 12 does not have, with two decimal digits.  A worker fills its own in
 * shared memory; the parent merges them once the workers have stopped, so there
 * are no locks.
 */
#include "sql-base.h"

static unsigned
bucket_of (uint64_t v)
{
  unsigned shift, b;

  if (v < 2u << HIST_SUB_BITS)
    return (unsigned) v;
  shift = 63 - (unsigned) __builtin_clzll (v) - HIST_SUB_BITS;
  b = (shift << HIST_SUB_BITS) + (unsigned) (v >> shift);
  return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

/* The largest value that falls into bucket b. */
static uint64_t
bucket_end (unsigned b)
{
  unsigned shift;
  uint64_t top;

  if (b < 2u << HIST_SUB_BITS)
    return b;
  shift = (b >> HIST_SUB_BITS) - 1;
  top = b - (shift << HIST_SUB_BITS);
  return ((top + 1) << shift) - 1;
}

void
sql_hist_add (struct hist *hist, uint64_t nsec)
{
  hist->bucket[bucket_of (nsec)]++;
  hist->count++;
  if (nsec > hist->max)
    hist->max = nsec;
}

void
sql_hist_merge (struct hist *into, const struct hist *from)
{
  unsigned b;

  for (b = 0; b < HIST_BUCKETS; b++)
    into->bucket[b] += from->bucket[b];
  into->count += from->count;
  if (from->max > into->max)
    into->max = from->max;
}

uint64_t
sql_hist_at (const struct hist *hist, double fraction)
{
  uint64_t want = (uint64_t) (fraction * (double) hist->count + 0.5);
  uint64_t seen = 0, end;
  unsigned b;

  if (hist->count == 0)
    return 0;
  if (want < 1)
    want = 1;
  for (b = 0; b < HIST_BUCKETS; b++)
    {
      seen += hist->bucket[b];
      if (seen >= want)
        break;
    }
  end = b < HIST_BUCKETS - 1 ? bucket_end (b) : hist->max;
  return end < hist->max ? end : hist->max;
}

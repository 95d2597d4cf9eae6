/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-cost.c - what is worth a slot
 *
 * A page that no slot shows can be copied from the pool file instead, when a
 * copy will do.  Copying a page costs less than swapping a slot, so an extent
 * gets a slot only if it is wanted so often that the swap pays.  While slots are
 * free that is as many copies as one swap costs.  Later another extent must give
 * up its slot, which may have to come back: then it is KEEP times as many.
 *
 * zipf(0.99) pins in a window of 1/8 (bench-window, slots of 64 KiB, pages
 * scattered): with twice as many copies as a swap costs, free slots or not, 5.7
 * of 1000 pins swap, with four times 0.05, and as many pages are copied; a window
 * of 1/2 that fills at half the price copies 0.14 pages a pin and not 0.35.
 * Copying reads of 4 KiB by the same law, 1/64, slots of 4 KiB: with four times 3.5
 * of 1000 reads swap, with eight 1.1, with sixteen 0.04, and 0.34 to 0.35 pages a
 * read are copied; that is the difference between 8% more and 1% less than pread(2)
 * of the same pages takes.  What becomes hot waits for some hundred reads.
 *
 * How many that is depends on kernel, slot and page size, so it is measured at
 * open, on this window and this pool: the least of some tries each, as anything
 * that disturbs makes them longer.  That takes about 0.1 ms.
 *
 * Counts cool down: when each extent has been copied from COOL times on average
 * all are halved.  So what gets a slot is wanted several times as often as the
 * average of what has none, and cold extents never add up.
 *
 * Locks: counts are racy, and may lose some.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "sys.h"
#include "window.h"

#define TRIES 7
#define COOL 4
#define KEEP 16
#define HEAT_MAX 255
#define RATIO_DEFAULT 6         /* where the kernel cannot be asked: 12.5 us to
                                   1.9 us, slots of 64 KiB and pages of 4 */
#define RATIO_MAX 100

/* Those that the pool has now. */
static uint32_t
extents (const struct orl_window *w)
{
  return ((orl_frames (w->shm) - 1) >> w->extent_shift) + 1;
}

/* Show an extent in the last slot and touch it.  (The kernel is asked to touch,
 * so that a pool file that is cut is no signal; and not to touch a hole, which
 * that would fill without anyone being told.)  False: it cannot. */
static bool
try_swap (struct orl_window *w, uint32_t extent, uint64_t *least)
{
  uint32_t slot = w->nslots - 1;
  off_t at = (off_t) (w->shm->geo.data + ((uint64_t) extent << w->slot_shift));
  bool there = w->shm->geo.block > 4096 || orl_sys.data (w->shm->fd, at) == at;
  uint64_t from = orl_now_ns ();
  bool can = there && w->backend->show (w, slot, extent, 1) == 0
             && orl_sys.madvise (w->base + ((uint64_t) slot << w->slot_shift),
                                 (size_t) w->shm->geo.block, ORL_POPULATE_READ)
                    == 0;
  uint64_t took = orl_now_ns () - from;

  if (took < *least)
    *least = took;
  return can;
}

static bool
try_copy (struct orl_window *w, uint32_t frame, void *to, uint64_t *least)
{
  uint64_t from = orl_now_ns ();
  bool can = orl_window_copy_out (w, frame, 0, to, (size_t) 1 << w->page_shift);
  uint64_t took = orl_now_ns () - from;

  if (took < *least)
    *least = took;
  return can;
}

void
orl_window_measure (struct orl_window *w)
{
  uint64_t swap = UINT64_MAX, copy = UINT64_MAX;
  void *to = malloc ((size_t) 1 << w->page_shift);
  bool can = to != NULL;
  uint64_t ratio = RATIO_DEFAULT;

  for (uint32_t i = 0; can && i < TRIES; i++)
    {
      uint32_t extent = i % extents (w);

      can = try_copy (w, extent << w->extent_shift, to, &copy)
            && try_swap (w, extent, &swap);
    }
  free (to);
  w->backend->hide (w, w->nslots - 1, 1);
  if (can)
    ratio = (swap + copy / 2) / (copy ? copy : 1);
  if (ratio < 1)
    ratio = 1;
  w->copies_per_swap = (uint32_t) (ratio < RATIO_MAX ? ratio : RATIO_MAX);
}

bool
orl_window_worth (struct orl_window *w, uint32_t frame)
{
  _Atomic uint8_t *heat = &w->heat[frame >> w->extent_shift];
  uint8_t n = atomic_load_explicit (heat, memory_order_relaxed);
  uint32_t copied = atomic_load_explicit (&w->copied, memory_order_relaxed);
  bool full = atomic_load_explicit (&w->used, memory_order_relaxed)
              >= w->nslots;
  uint32_t price = w->copies_per_swap * (full ? KEEP : 1);
  bool worth = n + 1u >= (price < HEAT_MAX ? price : HEAT_MAX);

  atomic_store_explicit (heat, worth ? 0 : n + 1, memory_order_relaxed);
  if (copied < (uint64_t) COOL * extents (w))
    atomic_store_explicit (&w->copied, copied + 1, memory_order_relaxed);
  else
    {
      atomic_store_explicit (&w->copied, 0, memory_order_relaxed);
      for (uint32_t i = 0; i < w->nextents; i++)
        atomic_store_explicit (
            &w->heat[i],
            atomic_load_explicit (&w->heat[i], memory_order_relaxed) / 2,
            memory_order_relaxed);
    }
  return worth;
}

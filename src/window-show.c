/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-show.c - which slot shows which extent
 *
 * A pinner writes its ledger, then looks at shown[]; a sweep clears shown[] of
 * the slots it would take, runs a barrier on this process's threads, and reads
 * this process's ledgers: what it finds pinned it shows again, unchanged, so an
 * address that someone got stays right.  The rest are hidden and become spares.
 * One barrier, and one call that hides, serve up to ORL_SPARES slots.
 *
 * A small window may spare no more than a slot or three.  Where hiding takes a
 * mapping, a sweep of it frees just what is wanted and hides nothing: the mapping
 * that comes takes the place of the one that goes.  (A swap of 2 MiB, 16 slots,
 * one touch: 5.6 us, and 6.7 if two are freed and hidden together; bench-window.)
 *
 * Extents that are wanted together are shown together: sorted, and each run of
 * neighbours goes where as many free slots lie side by side, in one call.  The
 * hand moves through the window in order, so what a sweep frees does lie so,
 * and so does what never was used.
 *
 * Locks: w->lock, a leaf but for w->mapper (window.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ledger.h"
#include "oriel.h"
#include "sys.h"
#include "window.h"
#include "window-grant.h"

#define FEW 4u                  /* slots: less are not worth a call that hides */

/* Slots that a sweep would take, until the ledgers have been read. */
struct sweep {
  const struct orl_window *w;
  uint32_t n;
  uint32_t slot[ORL_SPARES];
  bool pinned[ORL_SPARES];
};

/* Extents that wait for slots. */
struct wanted {
  uint32_t n;
  uint32_t extent[ORL_SHOW];
};

static uint32_t
extent_in (const struct orl_window *w, uint32_t slot)
{
  return atomic_load_explicit (&w->extent[slot], memory_order_relaxed);
}

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct sweep *s = arg;
  uint32_t extent = (frame >> s->w->extent_shift) + 1;

  (void) ledger;
  (void) mode;
  for (uint32_t i = 0; i < s->n; i++)
    if (extent_in (s->w, s->slot[i]) == extent)
      s->pinned[i] = true;
}

/* Unshow up to want slots that were not used of late; *left is how many slots
 * the hand may still look at. */
static void
collect (struct orl_window *w, struct sweep *s, uint32_t want, uint32_t *left)
{
  for (s->n = 0; *left > 0 && s->n < want; --*left)
    {
      uint32_t slot = w->hand;
      uint32_t extent = extent_in (w, slot);

      w->hand = slot + 1 < w->nslots ? slot + 1 : 0;
      if (extent == 0
          || atomic_load_explicit (&w->slot_of[extent - 1],
                                   memory_order_relaxed)
                 != slot + 1)
        continue;
      if (atomic_exchange_explicit (&w->ref[slot], 0, memory_order_relaxed))
        continue;
      atomic_store (&w->slot_of[extent - 1], 0);
      s->pinned[s->n] = false;
      s->slot[s->n++] = slot;
    }
}

/* Is it best to let what comes take the place of what goes, in one step?  (Of
 * locked memory the kernel would count both against RLIMIT_MEMLOCK.) */
static bool
replaces (const struct orl_window *w)
{
  return w->nslots / 8 < FEW && !w->guard && !w->lazy && !w->grants
         && atomic_load (&w->residency) == ORIEL_RESIDENCY_NONE;
}

/* Hide what no one has pinned: spares.  (A slot that could not be hidden still
 * shows what it showed.) */
static void
retire (struct orl_window *w, struct sweep *s)
{
  uint32_t first = w->nspare;

  for (uint32_t i = 0; i < s->n; i++)
    {
      uint32_t slot = s->slot[i];

      if (s->pinned[i])
        atomic_store (&w->slot_of[extent_in (w, slot) - 1], slot + 1);
      else
        w->spare[w->nspare++] = slot;
    }
  if (!replaces (w))
    orl_window_hide (w, w->spare + first, w->nspare - first);
}

/* How many slots to free when want are wanted: more for the same barrier, but
 * not much of a small window. */
static uint32_t
batch (const struct orl_window *w, uint32_t want)
{
  uint32_t n = w->nslots / 8 < ORL_SWEEP ? w->nslots / 8 : ORL_SWEEP;

  if (n < want || replaces (w))
    n = want;
  return n < ORL_SPARES - w->nspare ? n : ORL_SPARES - w->nspare;
}

/* Have want spares, or as many as there can be.  -ENOBUFS: none, all slots
 * show pinned frames. */
static int
find_spares (struct orl_window *w, struct orl_ledger *ledger, uint32_t want)
{
  struct sweep s = { .w = w };
  uint32_t left = 3 * w->nslots; /* once to clear ref, twice for who pins */

  while (w->nspare < want && w->used < w->nslots)
    w->spare[w->nspare++] = w->used++;
  while (left > 0 && w->nspare < want)
    {
      collect (w, &s, batch (w, want - w->nspare), &left);
      if (s.n == 0)
        continue;
      orl_barrier_process (w->shm);
      orl_count (ledger, ORL_BARRIERS, 1);
      orl_ledger_scan (w->shm, w->shm->token, see_pin, &s);
      retire (w, &s);
    }
  return w->nspare > 0 ? 0 : -ENOBUFS;
}

static int
ascending (const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

  return x < y ? -1 : x > y;
}

/* Of the sorted v[first .. n): how many follow each other from first on? */
static uint32_t
run_at (const uint32_t *v, uint32_t first, uint32_t n)
{
  uint32_t k = 1;

  while (first + k < n && v[first + k] == v[first] + k)
    k++;
  return k;
}

/* The first of the spares, sorted, where length of them lie side by side; else
 * where most do.  *length: how many. */
static uint32_t
place_for (const struct orl_window *w, uint32_t *length)
{
  uint32_t best = 0;
  uint32_t longest = 0;

  for (uint32_t i = 0, k; i < w->nspare && longest < *length; i += k)
    {
      k = run_at (w->spare, i, w->nspare);
      if (k > longest)
        {
          longest = k;
          best = i;
        }
    }
  if (longest < *length)
    *length = longest;
  return best;
}

#define PAGE 4096u

/* The form of prefault that waits for nothing: what is in memory, and no more.
 * In slots that have just been mapped.  (Huge pages always are in memory, and
 * one touch maps them.) */
static void
populate_resident (const struct orl_window *w, uint32_t slot, uint32_t n)
{
  unsigned char in[ORL_SLOT_MAX / PAGE];
  unsigned char *at = w->base + ((uint64_t) slot << w->slot_shift);
  size_t left = ((size_t) n << w->slot_shift) / PAGE;

  while (w->shm->geo.block == PAGE && left > 0)
    {
      size_t k = left < sizeof in ? left : sizeof in;
      size_t first = 0;

      if (orl_sys.mincore (at, k * PAGE, in) < 0)
        return;
      for (size_t i = 0; i <= k; i++)
        if (i == k || !(in[i] & 1))
          {
            if (i > first)
              orl_sys.madvise (at + first * PAGE, (i - first) * PAGE,
                               ORL_POPULATE_READ);
            first = i + 1;
          }
      at += k * PAGE;
      left -= k;
    }
}

/* Let n spares from the i-th on show n extents. */
static int
map (struct orl_window *w, struct orl_ledger *ledger, uint32_t i,
     uint32_t extent, uint32_t n)
{
  uint32_t slot = w->spare[i];
  uint32_t swaps = 0;
  bool entered = orl_window_enter (w);
  int r = 0;

  /* Lazy: what is hidden stays so until it is touched. */
  if (!w->lazy)
    r = w->backend->show (w, slot, extent, n);
  else if (!w->guard)
    r = w->backend->hide (w, slot, n);

  for (uint32_t k = 0; r == 0 && k < n; k++)
    {
      swaps += extent_in (w, slot + k) != 0;
      atomic_store (&w->extent[slot + k], extent + k + 1);
      atomic_fetch_add (&w->turn[slot + k], 1);
    }
  /* What no grant covers must not be seen.  Where the kernel is short of all
   * that a mapping takes, it may still change this one. */
  if (r == 0 && w->grants && (r = orl_grants_begin (w, slot, n)) < 0
      && w->backend->hide (w, slot, n) < 0)
    orl_sys.mprotect (w->base + ((uint64_t) slot << w->slot_shift),
                      (size_t) n << w->slot_shift, PROT_NONE);
  orl_window_leave (w, entered);
  if (r < 0)
    return r;
  if (w->populate == ORIEL_POPULATE_RESIDENT && !w->lazy)
    populate_resident (w, slot, n);
  memmove (w->spare + i, w->spare + i + n,
           (w->nspare - i - n) * sizeof *w->spare);
  w->nspare -= n;
  for (uint32_t k = 0; k < n; k++)
    {
      atomic_store_explicit (&w->ref[slot + k], 1, memory_order_relaxed);
      atomic_store (&w->slot_of[extent + k], slot + k + 1);
    }
  orl_count (ledger, ORL_SWAPS, swaps);
  orl_count (ledger, ORL_INSTALLS, n - swaps);
  orl_count (ledger, ORL_REMAPS, 1);
  return 0;
}

/* Show what is wanted, or as much of it as there are slots for. */
static int
show_wanted (struct orl_window *w, struct orl_ledger *ledger,
             struct wanted *want)
{
  uint32_t done = 0;
  int r = want->n > 0 ? find_spares (w, ledger, want->n) : 0;

  if (want->n > 1)
    {
      qsort (want->extent, want->n, sizeof *want->extent, ascending);
      qsort (w->spare, w->nspare, sizeof *w->spare, ascending);
    }
  while (r == 0 && done < want->n)
    {
      uint32_t n = run_at (want->extent, done, want->n);
      uint32_t i;

      if (w->nspare == 0)
        return -ENOBUFS;
      i = want->n > 1 ? place_for (w, &n) : w->nspare - 1;
      r = map (w, ledger, i, want->extent[done], n);
      done += n;
    }
  if (r < 0 && replaces (w))
    orl_window_hide (w, w->spare, w->nspare);
  return r;
}

static void
add (struct wanted *want, uint32_t extent)
{
  for (uint32_t i = want->n; i-- > 0;)
    if (want->extent[i] == extent)
      return;
  want->extent[want->n++] = extent;
}

int
orl_window_show_many (struct orl_window *w, struct orl_ledger *ledger,
                      const uint32_t *frame, uint32_t n, void **at)
{
  struct wanted want = { 0 };
  int r = 0;

  for (uint32_t i = 0; w->linear && i < n; i++)
    at[i] = orl_window_find (w, frame[i]);
  if (w->linear)
    return 0;
  pthread_mutex_lock (&w->lock);
  for (uint32_t i = 0; i < n && r == 0; i++)
    {
      uint32_t extent = frame[i] >> w->extent_shift;

      if (atomic_load_explicit (&w->slot_of[extent], memory_order_relaxed) == 0)
        add (&want, extent);
      if (want.n == ORL_SHOW || i == n - 1)
        {
          r = show_wanted (w, ledger, &want);
          want.n = 0;
        }
    }
  for (uint32_t i = 0; i < n; i++)
    {
      uint32_t extent = frame[i] >> w->extent_shift;
      uint32_t slot = atomic_load_explicit (&w->slot_of[extent],
                                            memory_order_relaxed);

      at[i] = slot ? orl_window_place (w, slot - 1, frame[i]) : NULL;
      if (slot)
        atomic_store_explicit (&w->ref[slot - 1], 1, memory_order_relaxed);
    }
  pthread_mutex_unlock (&w->lock);
  return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.c - which slot shows which extent
 *
 * A pinner writes its ledger, then looks at shown[]; a sweep clears shown[] of
 * the slots it would take, runs a barrier on this process's threads, and reads
 * this process's ledgers: what it finds pinned it shows again, unchanged, so an
 * address that someone got stays right.  The rest become spares: their mapping
 * is left in place until the slot is needed, and a spare that is wanted again
 * with the same extent costs no system call.
 *
 * One barrier serves up to ORL_SPARES slots.
 *
 * Locks: w->lock, a leaf.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "ledger.h"
#include "oriel.h"
#include "sys.h"
#include "window.h"
#include "window-setup.h"

static const struct orl_backend *const backends[] = {
  &orl_backend_emulated,
  &orl_backend_mmap,
  &orl_backend_linear,
};

const struct orl_backend *
orl_window_backend (uint32_t id)
{
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
    if (backends[i]->id == id)
      return backends[i];
  return NULL;
}

static int
reserve (struct orl_window *w)
{
  uint64_t slot = UINT64_C (1) << w->slot_shift;
  uintptr_t at;
  void *p;

  w->reserved_bytes = w->bytes + slot; /* room to align */
  if (w->reserved_bytes > SIZE_MAX)
    return -ENOMEM;
  p = orl_sys.mmap (NULL, (size_t) w->reserved_bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    return -errno;
  w->reserved = p;
  at = ((uintptr_t) p + slot - 1) & ~(uintptr_t) (slot - 1);
  w->base = (unsigned char *) at;
  if (!w->linear)
    return 0;
  p = orl_sys.mmap (w->base, (size_t) w->bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_FIXED, w->shm->fd,
                    (off_t) w->shm->geo.data);
  return p == MAP_FAILED ? -errno : 0;
}

static int
make_tables (struct orl_window *w)
{
  if (w->linear)
    return 0;
  w->shown = calloc (w->nextents, sizeof *w->shown);
  w->extent = calloc (w->nslots, sizeof *w->extent);
  w->ref = calloc (w->nslots, sizeof *w->ref);
  w->heat = calloc (w->nextents, sizeof *w->heat);
  return w->shown && w->extent && w->ref && w->heat ? 0 : -ENOMEM;
}

int
orl_window_open (const struct orl_shm *shm,
                 const struct orl_window_options *opt,
                 struct orl_window **window)
{
  struct orl_window *w = calloc (1, sizeof *w);
  int r;

  if (!w)
    return orl_fail (-ENOMEM, "window: no memory");
  pthread_mutex_init (&w->lock, NULL);
  w->shm = shm;
  r = orl_window_setup (w, opt);
  if (r < 0)
    goto out;
  r = make_tables (w);
  if (r == 0)
    r = reserve (w);
  if (r < 0)
    {
      orl_fail (r, "window of %llu bytes: cannot be mapped; make it smaller",
                (unsigned long long) w->bytes);
      goto out;
    }
  *window = w;
out:
  if (r < 0)
    orl_window_close (w);
  return r;
}

void
orl_window_close (struct orl_window *w)
{
  if (w->reserved)
    orl_sys.munmap (w->reserved, (size_t) w->reserved_bytes);
  pthread_mutex_destroy (&w->lock);
  free (w->shown);
  free (w->extent);
  free ((void *) w->ref);
  free ((void *) w->heat);
  free (w);
}

static off_t
in_file (const struct orl_window *w, uint32_t frame, size_t skip)
{
  return (off_t) (w->shm->geo.data + ((uint64_t) frame << w->page_shift)
                  + skip);
}

bool
orl_window_copy_out (const struct orl_window *w, uint32_t frame, size_t skip,
                     void *to, size_t n)
{
  return orl_sys.pread (w->shm->fd, to, n, in_file (w, frame, skip))
         == (ssize_t) n;
}

bool
orl_window_copy_in (const struct orl_window *w, uint32_t frame, size_t skip,
                    const void *from, size_t n)
{
  return orl_sys.pwrite (w->shm->fd, from, n, in_file (w, frame, skip))
         == (ssize_t) n;
}

/* Slots that a sweep would take, until the ledgers have been read. */
struct sweep {
  const struct orl_window *w;
  uint32_t n;
  uint32_t slot[ORL_SPARES];
  bool pinned[ORL_SPARES];
};

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct sweep *s = arg;
  uint32_t extent = (frame >> s->w->extent_shift) + 1;

  (void) ledger;
  (void) mode;
  for (uint32_t i = 0; i < s->n; i++)
    if (atomic_load_explicit (&s->w->extent[s->slot[i]], memory_order_relaxed)
        == extent)
      s->pinned[i] = true;
}

/* Unshow up to a batch of slots that were not used of late; *left is how many
 * slots the hand may still look at. */
static void
collect (struct orl_window *w, struct sweep *s, uint32_t *left)
{
  uint32_t want = w->nslots / 8;

  if (want < 1)
    want = 1;
  if (want > ORL_SPARES)
    want = ORL_SPARES;
  for (s->n = 0; *left > 0 && s->n < want; --*left)
    {
      uint32_t slot = w->hand;
      uint32_t extent = atomic_load_explicit (&w->extent[slot],
                                              memory_order_relaxed);

      w->hand = slot + 1 < w->nslots ? slot + 1 : 0;
      if (extent == 0
          || atomic_load_explicit (&w->shown[extent - 1], memory_order_relaxed)
                 != slot + 1)
        continue;
      if (atomic_exchange_explicit (&w->ref[slot], 0, memory_order_relaxed))
        continue;
      atomic_store (&w->shown[extent - 1], 0);
      s->pinned[s->n] = false;
      s->slot[s->n++] = slot;
    }
}

/* Find spares.  -ENOBUFS: all slots show pinned frames. */
static int
sweep (struct orl_window *w, struct orl_ledger *ledger)
{
  struct sweep s = { .w = w };
  uint32_t left = 3 * w->nslots; /* once to clear ref, twice for who pins */

  while (left > 0 && w->nspare == 0)
    {
      collect (w, &s, &left);
      if (s.n == 0)
        continue;
      orl_barrier_process (w->shm);
      orl_count (ledger, ORL_BARRIERS, 1);
      orl_ledger_scan (w->shm, w->shm->token, see_pin, &s);
      for (uint32_t i = 0; i < s.n; i++)
        if (s.pinned[i])
          atomic_store (&w->shown[w->extent[s.slot[i]] - 1], s.slot[i] + 1);
        else
          w->spare[w->nspare++] = s.slot[i];
    }
  return w->nspare > 0 ? 0 : -ENOBUFS;
}

/* A spare that still has the extent mapped, or -1. */
static int
spare_with (const struct orl_window *w, uint32_t extent)
{
  for (uint32_t i = 0; i < w->nspare; i++)
    if (w->extent[w->spare[i]] == extent + 1)
      return (int) i;
  return -1;
}

/* Map the extent into a slot that shows nothing. */
static int
take_slot (struct orl_window *w, struct orl_ledger *ledger, uint32_t extent,
           uint32_t *slot)
{
  bool first = w->used < w->nslots;
  int r;

  if (!first && w->nspare == 0 && (r = sweep (w, ledger)) < 0)
    return r;
  *slot = first ? w->used : w->spare[w->nspare - 1];
  r = w->backend->show (w, *slot, extent, first);
  if (r < 0)
    return r;
  if (first)
    w->used++;
  else
    w->nspare--;
  orl_count (ledger, first ? ORL_INSTALLS : ORL_SWAPS, 1);
  return 0;
}

int
orl_window_show (struct orl_window *w, struct orl_ledger *ledger,
                 uint32_t frame, void **at)
{
  uint32_t extent = frame >> w->extent_shift;
  uint32_t slot;
  int r = 0;
  int i;

  pthread_mutex_lock (&w->lock);
  *at = orl_window_find (w, frame); /* another thread may have shown it */
  if (*at)
    goto out;
  i = spare_with (w, extent);
  if (i >= 0)
    {
      slot = w->spare[i];
      w->spare[i] = w->spare[--w->nspare];
    }
  else if ((r = take_slot (w, ledger, extent, &slot)) < 0)
    goto out;
  else
    atomic_store (&w->extent[slot], extent + 1);
  atomic_store_explicit (&w->ref[slot], 1, memory_order_relaxed);
  atomic_store (&w->shown[extent], slot + 1);
  *at = orl_window_place (w, slot, frame);
out:
  pthread_mutex_unlock (&w->lock);
  return r;
}

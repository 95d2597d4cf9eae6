/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-remap.c - slots swapped by remap_file_pages(2)
 *
 * The call needs a shared mapping of the file to start from.  So the window is
 * reserved as one, of what lies behind the end of the pool's file, where every
 * access is SIGBUS: this is also what a hidden slot shows.  (Not on hugetlbfs,
 * where mapping behind the end makes the file longer: the probe finds no
 * remap_file_pages() there.)
 *
 * native: up to Linux 3.19 the call moves page-table entries, and the window
 * stays one VMA.  It rounds an unaligned start down without a word and refuses a
 * range of more than one VMA; slots are aligned, and nothing here splits the VMA.
 * emulated: since 4.0 the call replaces the slot's VMA.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "holes.h"
#include "oriel.h"
#include "sys.h"
#include "window.h"

uint64_t
orl_window_nowhere (const struct orl_window *w)
{
  uint64_t slot = UINT64_C (1) << w->slot_shift;

  return (w->shm->geo.file_bytes + slot - 1) & ~(slot - 1);
}

/* Is the window one VMA that is locked as a whole? */
static bool
locked_once (const struct orl_window *w)
{
  return w->backend->one_vma
         && atomic_load (&w->residency) != ORIEL_RESIDENCY_NONE;
}

/* As it was reserved; so neighbours are one VMA. */
static int
map_nowhere (struct orl_window *w, uint32_t slot, uint32_t n, int flags)
{
  uint64_t at = (uint64_t) slot << w->slot_shift;

  if (orl_sys.mmap (w->base + at, (size_t) n << w->slot_shift,
                    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | flags,
                    w->shm->fd, (off_t) (orl_window_nowhere (w) + at))
      == MAP_FAILED)
    return -errno;
  return 0;
}

static int
reserve (struct orl_window *w)
{
  uint32_t locked = atomic_load (&w->residency);
  int flags = locked_once (w) ? MAP_LOCKED : 0;
  int r = map_nowhere (w, 0, w->nslots, flags);

  if (r < 0)
    return r;
  if (flags && locked == ORIEL_RESIDENCY_ONFAULT)
    return orl_sys.mlock (w->base, (size_t) w->bytes, ORL_LOCK_ONFAULT);
  return 0;
}

static int
remap (struct orl_window *w, uint32_t slot, uint32_t n, uint64_t from,
       int flags)
{
  return orl_sys.remap_file_pages (
      w->base + ((uint64_t) slot << w->slot_shift),
      (size_t) n << w->slot_shift,
      (size_t) (from / (uint64_t) sysconf (_SC_PAGESIZE)), flags);
}

static int
show (struct orl_window *w, uint32_t slot, uint32_t extent, uint32_t n)
{
  unsigned char *at = w->base + ((uint64_t) slot << w->slot_shift);
  bool now = w->populate == ORIEL_POPULATE_ALL || locked_once (w);
  int r = remap (w, slot, n,
                 w->shm->geo.data + ((uint64_t) extent << w->slot_shift),
                 now ? 0 : MAP_NONBLOCK);

  if (r == 0 && w->shm->holes)
    orl_holes_watch (w->shm->uffd, at, (size_t) n << w->slot_shift);
  if (r == 0 && !w->backend->one_vma
      && (r = orl_residency_lock (w, at, (size_t) n << w->slot_shift)) < 0)
    {
      orl_backend_mmap.hide (w, slot, n);
      return r;
    }
  /* Someone may have unmapped what the call starts from. */
  return r < 0 && !w->backend->one_vma
             ? orl_backend_mmap.show (w, slot, extent, n)
             : r;
}

static int
hide (struct orl_window *w, uint32_t slot, uint32_t n)
{
  /* The emulation keeps the lock of what it replaces. */
  if (!w->backend->one_vma
      && atomic_load (&w->residency) != ORIEL_RESIDENCY_NONE)
    return map_nowhere (w, slot, n, 0);
  return remap (w, slot, n, orl_window_nowhere (w), MAP_NONBLOCK);
}

const struct orl_backend orl_backend_native = {
  .id = ORIEL_BACKEND_NATIVE,
  .name = "native",
  .one_vma = true,
  .reserve = reserve,
  .show = show,
  .hide = hide,
  .trim = reserve,
};

const struct orl_backend orl_backend_emulated = {
  .id = ORIEL_BACKEND_EMULATED,
  .name = "emulated",
  .reserve = reserve,
  .show = show,
  .hide = hide,
  .trim = reserve,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.c - the range of memory that is a window: open, close, hide
 *
 * A slot that shows nothing cannot be accessed.  One that never showed anything
 * is so by how the backend reserves the range.  One that is given up is hidden
 * by guard pages where the kernel has them for files (Linux 6.15): they split no
 * VMA, and one call does it for all slots of a sweep.  That costs nothing: the
 * swap that follows finds the page tables emptied (10 us a swap with them and
 * without, 26 with a second thread).  Elsewhere the backend hides each run of
 * neighbours, as it does with large slots: there the kernel writes a guard for
 * each 4 KiB, and splits huge pages for it (a swap of 2 MiB and one touch: 29 us
 * with guards, 16 without; of a huge page 28 and 8; bench-window).  Few slots are
 * not worth that: what comes replaces what goes (window-show.c).
 *
 * Locks: w->mapper, below w->lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "guard.h"
#include "oriel.h"
#include "sys.h"
#include "window.h"
#include "window-grant.h"
#include "window-setup.h"
#include "window-view.h"

#define GUARD_SHIFT_MAX 17      /* 128 KiB: as much either way */

static const struct orl_backend *const backends[] = {
  &orl_backend_native,
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
  /* The pool may be on huge pages (mapping.c). */
  uint64_t slot = w->linear ? ORL_SLOT_MAX : UINT64_C (1) << w->slot_shift;
  uint64_t page = UINT64_C (1) << w->page_shift;
  uint64_t area = (w->bytes + page - 1) & ~(page - 1);
  uintptr_t at;
  void *p;
  int r;

  /* Room to align, and the area for views behind. */
  w->reserved_bytes = area + slot + ((uint64_t) w->ncells << w->page_shift);
  if (w->reserved_bytes > SIZE_MAX)
    return -ENOMEM;
  p = orl_sys.mmap (NULL, (size_t) w->reserved_bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    return -errno;
  w->reserved = p;
  at = ((uintptr_t) p + slot - 1) & ~(uintptr_t) (slot - 1);
  w->base = (unsigned char *) at;
  r = w->backend->reserve (w);
  return r < 0 ? r : orl_views_open (w, w->ncells, w->base + area);
}

static int
make_tables (struct orl_window *w)
{
  if (w->linear)
    return 0;
  w->slot_of = calloc (w->nextents, sizeof *w->slot_of);
  w->shown = w->grants ? calloc (w->nextents, sizeof *w->shown) : w->slot_of;
  w->extent = calloc (w->nslots, sizeof *w->extent);
  w->turn = calloc (w->nslots, sizeof *w->turn);
  w->ref = calloc (w->nslots, sizeof *w->ref);
  w->heat = calloc (w->nextents, sizeof *w->heat);
  if (!w->slot_of || !w->shown || !w->extent || !w->turn || !w->ref || !w->heat)
    return -ENOMEM;
  return w->grants ? orl_grants_size (w) : 0;
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
  w->populate = opt->populate;
  w->guard = true;
  w->handled = !(opt->flags & ORIEL_NO_FAULT_HANDLER);
  w->lazy = (opt->flags & ORIEL_LAZY) != 0;
  w->try_lock = (opt->flags & ORIEL_TRY_LOCK) != 0;
  atomic_store (&w->residency, opt->residency);
  r = orl_grants_open (w, opt->flags);
  if (r == 0)
    r = orl_window_setup (w, opt);
  w->guard = w->guard && w->slot_shift <= GUARD_SHIFT_MAX;
  if (r == 0)
    r = orl_residency_open (w, opt->tables + (w->linear ? 0 : opt->copies));
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
  if (!w->linear)
    orl_window_measure (w);
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
  orl_views_close (w);
  orl_grants_close (w);
  pthread_mutex_destroy (&w->lock);
  if (w->shown != w->slot_of)
    free (w->shown);
  free (w->slot_of);
  free (w->extent);
  free (w->turn);
  free ((void *) w->ref);
  free ((void *) w->heat);
  free (w);
}

/* Each thread has an errno, at an address of its own that a signal handler may
 * ask for. */
bool
orl_window_enter (struct orl_window *w)
{
  uintptr_t me = (uintptr_t) &errno;
  uintptr_t free = 0;

  for (unsigned round = 0;
       !atomic_compare_exchange_weak (&w->mapper, &free, me); round++)
    {
      if (free == me)
        return false;
      free = 0;
      orl_backoff (round);
    }
  return true;
}

void
orl_window_leave (struct orl_window *w, bool entered)
{
  if (entered)
    atomic_store (&w->mapper, 0);
}

/* From slot[0] on: how many follow each other? */
static uint32_t
run_of (const uint32_t *slot, uint32_t n)
{
  uint32_t k = 1;

  while (k < n && slot[k] == slot[0] + k)
    k++;
  return k;
}

/* By one call for all.  False: the kernel will not. */
static bool
hide_by_guards (const struct orl_window *w, const uint32_t *slot, uint32_t n)
{
  struct iovec iov[ORL_SPARES];
  uint32_t runs = 0;
  size_t bytes = 0;

  for (uint32_t i = 0, k; i < n; i += k)
    {
      k = run_of (slot + i, n - i);
      iov[runs].iov_base = w->base + ((uint64_t) slot[i] << w->slot_shift);
      iov[runs].iov_len = (size_t) k << w->slot_shift;
      bytes += iov[runs++].iov_len;
    }
  return orl_sys.madvise_many (iov, (int) runs, ORL_GUARD_INSTALL)
         == (ssize_t) bytes;
}

void
orl_window_hide (struct orl_window *w, const uint32_t *slot, uint32_t n)
{
  bool entered = orl_window_enter (w);

  if (w->guard && n > 0)
    w->guard = hide_by_guards (w, slot, n);
  for (uint32_t i = 0, k; !w->guard && i < n; i += k)
    {
      k = run_of (slot + i, n - i);
      if (w->grants)
        orl_grants_clear (w, slot[i], k);
      w->backend->hide (w, slot[i], k);
    }
  orl_window_leave (w, entered);
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
  for (ssize_t got; n > 0; n -= (size_t) got, skip += (size_t) got)
    {
      got = orl_sys.pread (w->shm->fd, to, n, in_file (w, frame, skip));
      if (got <= 0)
        return false;
      to = (char *) to + got;
    }
  return true;
}

/* The mapping is not of the descriptor that has our locks: a child of a fork()
 * in another thread would keep it, and us alive.
 *
 * A write through the descriptor that comes just behind a cut makes the file
 * long again, with holes before it.  A mapping never makes it longer: a touch
 * behind the end is a signal.  It takes 6 us where a write of 4 KiB takes 1.3,
 * so it is for kernels that cannot have holes fault.  False: it cannot be had,
 * or the memory is missing; *missing says which. */
static bool
copy_by_mapping (const struct orl_window *w, uint32_t frame, size_t skip,
                 const void *from, size_t n, bool *missing)
{
  off_t at = in_file (w, frame, skip);
  size_t inside = (size_t) at & (w->shm->geo.block - 1);
  unsigned char *p = orl_sys.mmap (NULL, inside + n, PROT_READ | PROT_WRITE,
                                   MAP_SHARED, w->shm->look,
                                   at - (off_t) inside);
  bool done;

  *missing = false;
  if (p == MAP_FAILED)
    return false;
  done = orl_guard_copy (memcpy, p + inside, from, n, p + inside);
  *missing = !done;
  orl_sys.munmap (p, inside + n);
  return done;
}

bool
orl_window_copy_in (const struct orl_window *w, uint32_t frame, size_t skip,
                    const void *from, size_t n)
{
  bool missing;

  if (w->shm->uffd < 0 && w->handled && w->shm->geo.block == 4096
      && w->shm->look >= 0)
    {
      if (copy_by_mapping (w, frame, skip, from, n, &missing))
        return true;
      if (missing)
        return false;
    }
  for (ssize_t put; n > 0; n -= (size_t) put, skip += (size_t) put)
    {
      put = orl_sys.pwrite (w->shm->fd, from, n, in_file (w, frame, skip));
      if (put <= 0)
        return false;
      from = (const char *) from + put;
    }
  return true;
}

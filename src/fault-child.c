/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault-child.c - what a forked child may see of its parent's window
 *
 * A child has no part in the pool: its tables are zeroes, and its window is
 * reserved and shows nothing.  But it may have been handed a pointer to a page
 * that its parent has pinned.  So when it touches one, the parent's tables are
 * read through a descriptor of the child's own: if the parent lives and its
 * ledgers have the frame, the slot is mapped as the parent had it at the fork,
 * read-only.  That the parent keeps the page pinned is between the two.
 *
 * That descriptor is another open file description than the one with the
 * parent's locks, so it keeps no one alive.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "fault-child.h"
#include "proc.h"
#include "sys.h"
#include "window-view.h"

static bool
get (const struct orl_shm *shm, uint64_t at, void *to, size_t n)
{
  return orl_sys.pread (shm->look, to, n, (off_t) at) == (ssize_t) n;
}

static bool
parent_lives (const struct orl_shm *shm)
{
  uint64_t token;

  return get (shm,
              shm->geo.procs + shm->proc * sizeof (struct orl_proc)
                  + offsetof (struct orl_proc, token),
              &token, sizeof token)
         && token == shm->token && orl_proc_locked (shm->look, shm->proc);
}

static uint64_t
of_ledger (const struct orl_shm *shm, uint32_t ledger, size_t offset)
{
  return shm->geo.ledgers + ledger * sizeof (struct orl_ledger) + offset;
}

/* claimed: is it one that the process claimed beside those of threads? */
static bool
ledger_has (const struct orl_shm *shm, uint32_t ledger, uint32_t frame,
            bool claimed)
{
  uint32_t pins[ORL_PINS];
  uint32_t shared = 0;

  if (ledger < shm->geo.nthreads
      && !get (shm,
               of_ledger (shm, ledger, offsetof (struct orl_ledger, shared)),
               &shared, sizeof shared))
    return false;
  if ((shared != 0) != claimed
      || !get (shm, of_ledger (shm, ledger, offsetof (struct orl_ledger, pins)),
               pins, sizeof pins))
    return false;
  for (int i = 0; i < ORL_PINS; i++)
    if ((pins[i] & ORL_PIN_FRAME) == frame + 1)
      return true;
  return false;
}

/* A pin may move meanwhile: what pins move to is read last, as by
 * orl_ledger_scan(). */
static bool
parent_has (const struct orl_shm *shm, uint32_t frame)
{
  for (uint32_t i = 0; i < 2 * shm->geo.nledgers; i++)
    {
      bool claimed = i >= shm->geo.nledgers;
      uint32_t k = claimed ? i - shm->geo.nledgers : i;
      uint64_t token;

      if (get (shm, shm->geo.tokens + k * sizeof token, &token, sizeof token)
          && token == shm->token && ledger_has (shm, k, frame, claimed))
        return true;
    }
  return false;
}

static bool
show (const struct orl_shm *shm, void *at, uint64_t size, uint64_t from,
      uint32_t frame)
{
  return shm->look >= 0 && parent_lives (shm) && parent_has (shm, frame)
         && orl_sys.mmap (at, (size_t) size, PROT_READ, MAP_SHARED | MAP_FIXED,
                          shm->look, (off_t) (shm->geo.data + from))
                != MAP_FAILED;
}

/* A page of a view. */
static bool
show_cell (const struct orl_shm *shm, const struct orl_window *w,
           uint32_t cell)
{
  uint32_t shows = atomic_load (&w->views->cell[cell].shows);
  uint32_t frame = (shows & ORL_CELL_FRAME) - 1;

  return shows != 0
         && show (shm, w->views->base + ((uint64_t) cell << w->page_shift),
                  UINT64_C (1) << w->page_shift,
                  (uint64_t) frame << w->page_shift, frame);
}

bool
orl_fault_child (struct oriel_pool *pool, bool view, uint64_t offset)
{
  const struct orl_shm *shm = &pool->shm;
  const struct orl_window *w = pool->window;
  uint64_t size = UINT64_C (1) << w->slot_shift;
  uint64_t start = offset & ~(size - 1);
  uint64_t from = start;
  uint32_t extent;

  if (view)
    return show_cell (shm, w, (uint32_t) (offset >> w->page_shift));
  if (!w->linear)
    {
      extent = atomic_load (&w->extent[offset >> w->slot_shift]);
      if (extent == 0)
        return false;
      from = (uint64_t) (extent - 1) << w->slot_shift;
    }
  else if (start + size > w->bytes)
    size = w->bytes - start;
  return show (shm, w->base + start, size, from,
               (uint32_t) ((from + offset - start) >> w->page_shift));
}

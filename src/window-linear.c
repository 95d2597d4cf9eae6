/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-linear.c - a window as large as the pool: one mapping, no swaps
 *
 * It is as large as the pool may ever get: what the file has not yet is address
 * space, and there when the pool has grown.  Of a window that is locked in memory
 * that part is not: there would be nothing to lock, and the limit would count it.
 */
#include <errno.h>
#include <sys/mman.h>

#include "holes.h"
#include "oriel.h"
#include "sys.h"
#include "window.h"

static int
reserve (struct orl_window *w)
{
  bool locks = atomic_load (&w->residency) != ORIEL_RESIDENCY_NONE;
  uint64_t first = locks ? w->locked : w->bytes;
  int r = orl_window_map (w, w->base, (size_t) first, 0, 0, false);

  if (r < 0 || first == w->bytes)
    return r;
  if (orl_sys.mmap (w->base + first, (size_t) (w->bytes - first),
                    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, w->shm->fd,
                    (off_t) (w->shm->geo.data + first))
      == MAP_FAILED)
    return -errno;
  orl_holes_watch (w->shm->uffd, w->base + first, (size_t) (w->bytes - first));
  return 0;
}

const struct orl_backend orl_backend_linear = {
  .id = ORIEL_BACKEND_LINEAR,
  .name = "linear",
  .linear = true,
  .one_vma = true,
  .reserve = reserve,
  .trim = reserve,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-mmap.c - slots swapped by mmap(MAP_FIXED), which every kernel has
 *
 * The old mapping goes and the new one comes in one step, so a slot is never
 * unmapped in between.
 */
#include <errno.h>
#include <sys/mman.h>

#include "oriel.h"
#include "sys.h"
#include "window.h"

static int
show (struct orl_window *w, uint32_t slot, uint32_t extent, bool first)
{
  size_t bytes = (size_t) 1 << w->slot_shift;
  void *at = w->base + ((uint64_t) slot << w->slot_shift);
  off_t from = (off_t) (w->shm->geo.data
                        + ((uint64_t) extent << w->slot_shift));

  (void) first;
  if (orl_sys.mmap (at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                    w->shm->fd, from)
      == MAP_FAILED)
    return -errno;
  return 0;
}

const struct orl_backend orl_backend_mmap = {
  .id = ORIEL_BACKEND_MMAP,
  .name = "mmap",
  .show = show,
};

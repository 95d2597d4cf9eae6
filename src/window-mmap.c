/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-mmap.c - slots swapped by mmap(MAP_FIXED), which every kernel has
 *
 * The old mapping goes and the new one comes in one step, so a slot never shows
 * anything else in between.
 */
#include <errno.h>
#include <sys/mman.h>

#include "oriel.h"
#include "sys.h"
#include "window.h"

static int
reserve (struct orl_window *w)
{
  (void) w; /* the range was reserved without access */
  return 0;
}

static int
show (struct orl_window *w, uint32_t slot, uint32_t extent, uint32_t n)
{
  size_t bytes = (size_t) n << w->slot_shift;
  void *at = w->base + ((uint64_t) slot << w->slot_shift);

  return orl_window_map (w, at, bytes,
                         w->populate == ORIEL_POPULATE_ALL ? MAP_POPULATE : 0,
                         (uint64_t) extent << w->slot_shift, false);
}

static int
hide (struct orl_window *w, uint32_t slot, uint32_t n)
{
  size_t bytes = (size_t) n << w->slot_shift;
  void *at = w->base + ((uint64_t) slot << w->slot_shift);

  if (orl_sys.mmap (at, bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
                    -1, 0)
      == MAP_FAILED)
    return -errno;
  return 0;
}

static int
trim (struct orl_window *w)
{
  return hide (w, 0, w->nslots);
}

const struct orl_backend orl_backend_mmap = {
  .id = ORIEL_BACKEND_MMAP,
  .name = "mmap",
  .reserve = reserve,
  .show = show,
  .hide = hide,
  .trim = trim,
};

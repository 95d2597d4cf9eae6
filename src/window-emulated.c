/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-emulated.c - slots swapped by remap_file_pages(2)
 *
 * Since Linux 4.0 the call is an emulation that replaces the VMA.  It needs a
 * shared file mapping to start from, with the protection that is to stay, so a
 * slot's first extent is mapped by mmap().
 */
#include <unistd.h>

#include "oriel.h"
#include "sys.h"
#include "window.h"

static int
show (struct orl_window *w, uint32_t slot, uint32_t extent, bool first)
{
  size_t bytes = (size_t) 1 << w->slot_shift;
  void *at = w->base + ((uint64_t) slot << w->slot_shift);
  uint64_t from
      = w->shm->geo.data + ((uint64_t) extent << w->slot_shift);

  if (first)
    return orl_backend_mmap.show (w, slot, extent, first);
  return orl_sys.remap_file_pages (
      at, bytes, (size_t) (from / (uint64_t) sysconf (_SC_PAGESIZE)), 0);
}

const struct orl_backend orl_backend_emulated = {
  .id = ORIEL_BACKEND_EMULATED,
  .name = "emulated",
  .show = show,
};

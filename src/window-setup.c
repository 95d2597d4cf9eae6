/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-setup.c - sizes and backend of a window
 *
 * The backend is chosen by what the kernel does, not by its version: a few
 * pages of the pool are remapped and the lines of /proc/self/maps counted.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "oriel.h"
#include "sys.h"
#include "window-grant.h"
#include "window-setup.h"
#include "window-view.h"

/* Copying a page is cheaper than swapping a slot up to about 32 KiB, remapping
 * is cheaper above (measured on Linux 6.18: 12.5 us against 24 us at 64 KiB). */
#define SLOT_DEFAULT (64u << 10)
#define WINDOW_DEFAULT (UINT64_C (1) << 30)

/* VMAs that we leave to the rest of the process: thread stacks, libraries, a
 * few hundred allocations.  A guess on the safe side. */
#define VMA_RESERVE 1024
#define VMA_LIMIT_DEFAULT 65530 /* the kernel's, where it can't be read */

static long
count_lines (void)
{
  FILE *maps = fopen ("/proc/self/maps", "rec");
  long n = 0;
  int c;

  if (!maps)
    return -1;
  while ((c = getc (maps)) != EOF)
    n += c == '\n';
  fclose (maps);
  return n;
}

static long
vma_budget (void)
{
  FILE *f = fopen ("/proc/sys/vm/max_map_count", "rec");
  long limit = VMA_LIMIT_DEFAULT;
  long used = count_lines ();

  if (f)
    {
      if (fscanf (f, "%ld", &limit) != 1)
        limit = VMA_LIMIT_DEFAULT;
      fclose (f);
    }
  return limit - (used > 0 ? used : 0) - VMA_RESERVE;
}

/* VMAs that lie in [from, to), or -1. */
static long
count_vmas (const void *from, const void *to)
{
  FILE *maps = fopen ("/proc/self/maps", "rec");
  unsigned long start, end;
  long n = 0;
  int c;

  if (!maps)
    return -1;
  while (fscanf (maps, "%lx-%lx", &start, &end) == 2)
    {
      n += start < (uintptr_t) to && end > (uintptr_t) from;
      while ((c = getc (maps)) != EOF && c != '\n')
        ;
    }
  fclose (maps);
  return n;
}

enum remap { REMAP_MISSING, REMAP_EMULATED, REMAP_NATIVE };

/* What does remap_file_pages() do here?  On a mapping of the pool's first
 * blocks, the second is swapped for the fourth, which is not to be touched: it may
 * be a hole.  Any refusal, of the kernel or
 * of a sandbox, is that it is missing; and what cannot be seen is not native.
 * Not on huge pages, see window-remap.c. */
static enum remap
probe_remap (const struct orl_shm *shm)
{
  size_t block = shm->geo.block;
  size_t pages = block / (size_t) sysconf (_SC_PAGESIZE);
  uint64_t have = orl_backed_bytes (shm);
  enum remap found = REMAP_MISSING;
  unsigned char *at;
  long before;

  if (have < 4 * block || pages > 1)
    return REMAP_MISSING;
  at = orl_sys.mmap (NULL, 4 * block, PROT_READ | PROT_WRITE, MAP_SHARED,
                     shm->fd, (off_t) shm->geo.data);
  if (at == MAP_FAILED)
    return REMAP_MISSING;
  before = count_vmas (at, at + 4 * block);
  if (orl_sys.remap_file_pages (
          at + block, block,
          (size_t) (shm->geo.data / block * pages + 3 * pages), MAP_NONBLOCK)
      == 0)
    found = before > 0 && count_vmas (at, at + 4 * block) == before
                ? REMAP_NATIVE
                : REMAP_EMULATED;
  orl_sys.munmap (at, 4 * block);
  return found;
}

static int
choose_backend (struct orl_window *w, uint32_t wanted)
{
  uint64_t pool = orl_backed_bytes (w->shm);
  enum remap remap = REMAP_MISSING;

  if (wanted == ORIEL_BACKEND_LINEAR && w->bytes < pool)
    return orl_fail (-EINVAL,
                     "backend linear: the window (%llu bytes) is smaller than "
                     "the pool (%llu); enlarge it or leave backend automatic",
                     (unsigned long long) w->bytes, (unsigned long long) pool);
  if (wanted == ORIEL_BACKEND_AUTO && w->bytes >= pool && !w->grants)
    wanted = ORIEL_BACKEND_LINEAR;
  if (wanted == ORIEL_BACKEND_AUTO || wanted == ORIEL_BACKEND_EMULATED
      || wanted == ORIEL_BACKEND_NATIVE)
    remap = probe_remap (w->shm);
  if (wanted == ORIEL_BACKEND_EMULATED && remap != REMAP_EMULATED)
    return orl_fail (-EOPNOTSUPP, "backend emulated: %s",
                     remap == REMAP_NATIVE
                         ? "this kernel has the call itself; use native"
                         : "remap_file_pages is refused here; use mmap");
  if (wanted == ORIEL_BACKEND_NATIVE && remap != REMAP_NATIVE)
    return orl_fail (-EOPNOTSUPP, "backend native: %s; use mmap",
                     remap == REMAP_EMULATED
                         ? "this kernel emulates remap_file_pages, as all do "
                           "since Linux 4.0"
                         : "remap_file_pages is refused here");
  /* Emulated, the call does what mmap() does and costs 2% more. */
  if (wanted == ORIEL_BACKEND_AUTO)
    wanted = remap == REMAP_NATIVE && !w->grants ? ORIEL_BACKEND_NATIVE
                                                 : ORIEL_BACKEND_MMAP;
  w->backend = orl_window_backend (wanted);
  if (!w->backend)
    return orl_fail (-EINVAL, "backend %u: there is none of that number",
                     wanted);
  return 0;
}

static int
check_slot (const struct orl_window *w, uint32_t slot)
{
  const struct orl_geometry *geo = &w->shm->geo;

  if (slot < geo->page_size || slot < geo->block)
    return orl_fail (-EINVAL,
                     "slot_size %u: must be at least the pool's page size %u "
                     "and its file system's block %u",
                     slot, geo->page_size, geo->block);
  return 0;
}

/* How many slots there would be: one for each extent is all that is of use. */
static uint64_t
slots_of (const struct orl_window *w, uint64_t slot)
{
  uint64_t pool = orl_backed_bytes (w->shm);
  uint64_t extents = (pool + slot - 1) / slot;

  return w->bytes / slot < extents ? w->bytes / slot : extents;
}

static int64_t
vmas (const struct orl_window *w, uint32_t slot)
{
  return (int64_t) (slots_of (w, slot) * orl_grants_vmas (w, slot));
}

/* The slot size, and with it the number of slots, within the VMA budget. */
static int
choose_slots (struct orl_window *w, uint32_t slot)
{
  const struct orl_geometry *geo = &w->shm->geo;
  int64_t budget = vma_budget ();
  bool automatic = slot == 0;
  int r;

  if (automatic)
    {
      slot = geo->block > SLOT_DEFAULT ? geo->block : SLOT_DEFAULT;
      /* A swap of a huge page costs as little as one of a small one; but a
       * window wants some slots. */
      if (w->huge_page > slot && w->bytes / w->huge_page >= 8)
        slot = w->huge_page;
      while (slot > 4096 && slot > geo->page_size && slot > geo->block
             && w->bytes / slot < 8)
        slot /= 2;
    }
  if ((r = check_slot (w, slot)) < 0)
    return r;
  w->ncells = orl_views_cells (w, budget);
  budget -= w->ncells;
  if (w->backend->one_vma)
    budget = INT64_MAX;
  while (automatic && slot < ORL_SLOT_MAX && vmas (w, slot) > budget)
    slot *= 2;
  if (w->bytes < slot)
    return orl_fail (-EINVAL, "window_size %llu: smaller than one slot of %u",
                     (unsigned long long) w->bytes, slot);
  w->slot_shift = (uint32_t) __builtin_ctz (slot);
  if (vmas (w, slot) > budget)
    return orl_fail (-ENOMEM,
                     "window of %llu bytes in slots of %u: wants %llu VMAs and "
                     "the process has %lld left; use %sa smaller window or "
                     "raise vm.max_map_count",
                     (unsigned long long) w->bytes, slot,
                     (unsigned long long) vmas (w, slot),
                     budget > 0 ? (long long) budget : 0,
                     orl_grants_vmas (w, slot) > 1 ? "" : "larger slots, ");
  return 0;
}

int
orl_window_setup (struct orl_window *w, const struct orl_window_options *opt)
{
  const struct orl_geometry *geo = &w->shm->geo;
  uint64_t pool = orl_backed_bytes (w->shm);
  uint64_t most = geo->file_bytes - geo->data; /* that it can grow to */
  uint64_t slot;
  int r;

  w->page_shift = geo->page_shift;
  w->page_size = geo->page_size;
  w->huge_page = orl_window_huge_page (w->shm);
  w->bytes = opt->window_size;
  if (w->bytes == 0)
    w->bytes = pool < WINDOW_DEFAULT ? pool : WINDOW_DEFAULT;
  if ((r = choose_backend (w, opt->backend)) < 0
      || (r = choose_slots (w, opt->slot_size)) < 0)
    return r;
  w->linear = w->backend->linear;
  slot = UINT64_C (1) << w->slot_shift;
  w->extent_shift = w->slot_shift - geo->page_shift;
  w->nextents = (uint32_t) ((most + slot - 1) / slot);
  w->nslots = (uint32_t) slots_of (w, slot);
  w->locked = w->linear ? pool : w->nslots * slot;
  w->bytes = w->linear ? most : w->locked;
  return 0;
}

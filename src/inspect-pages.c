/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect-pages.c - the pages of one file that are in the pool
 *
 * A look at each frame in turn.  A frame's key holds while its state keeps its
 * generation, so the state is read again after it; what others change between
 * two frames is seen or not.
 *
 * Locks: none.
 */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "evict.h"
#include "frame.h"
#include "heat.h"
#include "inspect.h"
#include "ledger.h"
#include "sys.h"
#include "window.h"

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  uint32_t *pins = arg;         /* [frame] */

  (void) ledger;
  (void) mode;
  pins[frame]++;
}

static int64_t
slot_of (const struct orl_window *w, uint32_t frame)
{
  if (w->linear)
    return 0;
  return (int64_t) atomic_load_explicit (
             &w->slot_of[frame >> w->extent_shift], memory_order_relaxed)
         - 1;
}

/* Is the file's present page in the frame? */
static bool
read_frame (const struct oriel_file *file, uint32_t frame,
            oriel_page_info *info)
{
  const struct orl_shm *shm = &file->pool->shm;
  const struct orl_frame *f = &shm->frames[frame];
  uint64_t word = atomic_load_explicit (&f->state, memory_order_acquire);
  enum orl_frame_state state = orl_state (word);
  uint32_t ref;

  if (state != ORL_VALID && state != ORL_WRITING && state != ORL_EVICTING)
    return false;
  if ((uint32_t) atomic_load_explicit (&f->file, memory_order_relaxed)
          != file->index
      || orl_frame_is_dead (shm, f, word))
    return false;
  info->number = atomic_load_explicit (&f->page, memory_order_relaxed);
  ref = atomic_load_explicit (&f->ref, memory_order_relaxed);
  info->used = ref == ORL_REF_ONCE ? 0 : ref;
  info->dirty = (word & ORL_DIRTY) || state == ORL_WRITING;
  info->frame = frame;
  info->lsn = atomic_load_explicit (&f->lsn, memory_order_relaxed);
  info->first = atomic_load_explicit (&shm->firsts[frame],
                                      memory_order_relaxed);
  info->slot = slot_of (file->pool->window, frame);
  atomic_thread_fence (memory_order_acquire);
  return orl_state_gen (atomic_load_explicit (&f->state, memory_order_relaxed))
         == orl_state_gen (word);
}

int
orl_inspect_pages (struct oriel_file *file,
                   void (*each) (void *arg, const oriel_page_info *info),
                   void *arg)
{
  const struct orl_shm *shm = &file->pool->shm;
  uint32_t *pins = calloc (shm->geo.nframes, sizeof *pins);
  int was;

  if (!pins)
    return orl_fail (-ENOMEM, "%s: no memory to count pins", file->path);
  was = orl_cancel_off ();
  orl_ledger_scan (shm, ORL_EVERYONE, see_pin, pins);
  for (uint32_t i = 0; i < orl_span (shm); i++)
    {
      oriel_page_info info = { .struct_size = sizeof info };

      if (!read_frame (file, i, &info))
        continue;
      info.pinned = pins[i];
      each (arg, &info);
    }
  orl_cancel_back (was);
  free (pins);
  return 0;
}

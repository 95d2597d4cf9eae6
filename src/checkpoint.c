/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint.c - bring a file's store up to a point of its log
 *
 *   1. flush the log up to the greatest lsn of the dirty pages; D is how far it
 *      is durable now;
 *   2. wait for those who have pages of the file pinned for writing;
 *   3. write what is dirty, as copies: no one waits for the store;
 *   4. F is the least of firsts[] of what is dirty now;
 *   5. sync.
 * All changes up to min (D, F - 1) are in the store.  For let one have an lsn up
 * to D: its log record was durable in 1, so written before.  Its page was pinned
 * for writing then, and has been given back in 2 at the latest: so it is marked
 * dirty, or it was and has been written since.  If the store has not this change
 * its page is still dirty in 4, and F is no greater than its lsn.  And what was
 * written before 4 the sync of 5 makes durable, whoever wrote it.
 *
 * Nothing in shared memory changes here, so there is nothing to repair.
 *
 * Locks: none; those of flush.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "checkpoint.h"
#include "cut.h"
#include "doubt.h"
#include "error.h"
#include "flush.h"
#include "latch.h"
#include "lock.h"
#include "log.h"
#include "sync.h"

/* Pages that were pinned for writing. */
struct writers {
  const struct oriel_file *file;
  size_t n, room;
  bool full;                    /* there was no memory for more */
  struct writer {
    uint32_t frame;
    uint32_t owner;
    uint64_t version;
  } *at;
};

static void
see_writer (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct writers *w = arg;
  const struct orl_frame *f = &w->file->pool->shm.frames[frame];

  if (mode != ORL_PIN_EXCL
      || (uint32_t) atomic_load (&f->file) != w->file->index)
    return;
  if (w->n == w->room)
    {
      size_t room = w->room ? w->room * 2 : 64;
      struct writer *more = realloc (w->at, room * sizeof *more);

      if (!more)
        {
          w->full = true;
          return;
        }
      w->at = more;
      w->room = room;
    }
  w->at[w->n].frame = frame;
  w->at[w->n].owner = ledger + 1;
  w->at[w->n++].version = atomic_load (&f->version);
}

/* Until the writer has given the page back, or is repaired. */
static int
wait_for_writer (struct orl_thread *me, const struct oriel_file *file,
                 const struct writer *w)
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[w->frame];
  struct orl_doubt doubt = { 0 };

  for (;;)
    {
      uint32_t word = atomic_load (&f->latch);

      if (orl_latch_owner (word) != w->owner
          || atomic_load (&f->version) != w->version)
        return 0;
      if (w->owner == me->owner)
        return orl_fail (-EDEADLK,
                         "%s: page %llu is pinned for writing by this thread; "
                         "unpin it before a checkpoint",
                         file->path,
                         (unsigned long long) atomic_load (&f->page));
      orl_latch_wait (&f->latch);
      if (!orl_owner_alive (shm, w->owner))
        me->pool->repair (me->pool, me->owner, w->owner - 1);
      orl_doubt_latch (shm, &doubt, me->owner, w->frame, word);
    }
}

/* Step 2. */
static int
wait_for_writers (struct orl_thread *me, const struct oriel_file *file)
{
  struct writers w = { .file = file };
  int r = 0;

  orl_ledger_scan (&me->pool->shm, ORL_EVERYONE, see_writer, &w);
  if (w.full)
    r = orl_fail (-ENOMEM, "%s: no memory to list who writes", file->path);
  for (size_t i = 0; i < w.n && r == 0; i++)
    r = wait_for_writer (me, file, &w.at[i]);
  free (w.at);
  return r;
}

int
orl_checkpoint (struct orl_thread *me, struct oriel_file *file, uint64_t *lsn)
{
  struct orl_log_range dirty;
  uint64_t durable;
  int r = orl_sync_check (file);

  if (r < 0)
    return r;
  /* If this fails, so it will below, when all is written that can be. */
  orl_log_flush (me, file, orl_log_look (file, 0).last);
  durable = atomic_load (&file->rec->durable);
  r = wait_for_writers (me, file);
  if (r == 0)
    r = orl_flush_file (me, file, true);
  if (r < 0)
    return r;
  dirty = orl_log_look (file, 0);
  r = orl_sync_store (me, file);
  if (r == 0)
    *lsn = dirty.first <= durable ? dirty.first - 1 : durable;
  return r;
}

int
orl_checkpoint_all (struct orl_thread *me, uint64_t *lsn)
{
  uint64_t least = UINT64_MAX;
  int result = 0;

  for (uint32_t i = 0; i < me->pool->shm.geo.nfiles; i++)
    {
      struct oriel_file *file = orl_file_hold (me->pool, i);
      uint64_t its = 0;
      int r = 0;

      if (!file)
        continue;
      if (orl_flush_may (file))
        r = orl_checkpoint (me, file, &its);
      /* What has no log has no part in this. */
      if (r == 0 && atomic_load (&file->rec->durable) != 0 && its < least)
        least = its;
      orl_file_unhold (file);
      if (result == 0)
        result = r;
    }
  if (result == 0)
    *lsn = least == UINT64_MAX ? 0 : least;
  return result;
}

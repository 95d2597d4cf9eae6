/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indoubt.c - pages whose writer died, given to the engine to put right
 *
 * Where a writer died without a before-image, and the file's record says that
 * an engine wants to be asked, recover.c leaves the page as it is and marks the
 * frame INDOUBT and DIRTY; the version stays odd.  Such a page is found by its
 * key and is usable for no one: neither read nor written to the store, and, as
 * it is dirty, not evicted.  The next pin in a process that has a callback
 * settles it:
 *   1. the exclusive latch, with a ledger entry that says so;
 *   2. the callback sees the page, and changes it;
 *   3. INDOUBT goes, the version becomes even, the latch is released.
 * A stranger, if we die in 1 or 2: the latch is freed and INDOUBT stays, so the
 * next one's callback finds what ours left.  In 3: the version is odd, so it is
 * marked INDOUBT once more.
 *
 * Readers need not be drained: since the dead writer's latch all of them look at
 * the state behind their own, and leave.
 *
 * Locks: the page's latch, while the callback runs.
 */
#include <errno.h>

#include "doubt.h"
#include "error.h"
#include "indoubt.h"
#include "latch.h"
#include "lock.h"
#include "point.h"
#include "sys.h"
#include "table.h"
#include "window-grant.h"

/* Hold the frame, if it still is in doubt, and latch it.  1; 0 it is not;
 * -EDEADLK, -ENOBUFS. */
static int
take (struct orl_thread *me, struct oriel_file *file, uint32_t frame,
      int *entry)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  struct orl_doubt doubt = { 0 };
  bool biased;
  int r;

  *entry = orl_ledger_room (me->ledger);
  if (*entry < 0)
    return orl_fail (*entry, "%s: this thread has %d pages pinned; unpin some",
                     file->path, ORL_PINS);
  orl_ledger_write (me->ledger, *entry, ORL_PIN_PLAIN, frame);
  ORL_POINT ("indoubt.held");
  orl_barrier_pin (shm);
  /* Only now that it is held, its frame stays what it is. */
  r = orl_state_in_doubt (atomic_load (&f->state));
  ORL_POINT ("indoubt.seen");
  while (r > 0 && orl_latch_exclusive (&f->latch, me->owner, &biased) < 0)
    {
      uint32_t word = atomic_load (&f->latch);
      uint32_t owner = orl_latch_owner (word);

      if (owner == me->owner)
        {
          r = orl_fail (-EDEADLK,
                        "%s: page %llu is in doubt, and this thread is just "
                        "being asked about it",
                        file->path, (unsigned long long) f->page);
          break;
        }
      orl_latch_wait (&f->latch);
      if (owner && !orl_owner_alive (shm, owner))
        me->pool->repair (me->pool, me->owner, owner - 1);
      orl_doubt_latch (shm, &doubt, me->owner, frame, word);
      r = orl_state_in_doubt (atomic_load (&f->state));
    }
  if (r <= 0)
    {
      orl_ledger_clear (me->ledger, *entry);
      return r;
    }
  ORL_POINT ("indoubt.latched");
  orl_ledger_write (me->ledger, *entry, ORL_PIN_EXCL, frame);
  ORL_POINT ("indoubt.said");
  return 1;
}

static void
give_back (struct orl_thread *me, uint32_t frame, int entry)
{
  ORL_POINT ("indoubt.release");
  /* Not drained. */
  orl_latch_release (&me->pool->shm.frames[frame].latch, true);
  ORL_POINT ("indoubt.released");
  orl_ledger_clear (me->ledger, entry);
}

/* An address for the page, which the callback may write to.  -ENOBUFS. */
static int
show (struct orl_thread *me, struct oriel_file *file, oriel_page *page)
{
  struct orl_window *w = me->pool->window;
  int r = 0;

  page->data = orl_window_find (w, page->frame);
  if (!page->data)
    r = orl_window_show_many (w, me->ledger, &page->frame, 1, &page->data);
  if (r == 0 && w->grants)
    r = orl_grant (w, page->frame, true, file->index, page->number,
                   (void *) (uintptr_t) file->indoubt);
  return r == 0 ? 0
                : orl_fail (-ENOBUFS,
                            "%s: every slot of the window (%llu bytes) shows a "
                            "pinned page; unpin some or enlarge the window",
                            file->path, (unsigned long long) w->bytes);
}

/* Steps 2 and 3.  0, -ENOBUFS. */
static int
ask (struct orl_thread *me, struct oriel_file *file, uint32_t frame,
     int entry)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  oriel_page page = {
    .number = atomic_load (&f->page),
    .file = file,
    .ledger_entry = (uint32_t *) &me->ledger->pins[entry],
    .frame = frame,
    .flags = ORIEL_WRITE,
  };
  int was, r = show (me, file, &page);

  if (r < 0)
    return r;
  /* Odd, unless someone died who had latched it only to find it in doubt. */
  atomic_fetch_or (&f->version, 1);
  ORL_POINT ("indoubt.ask");
  was = orl_cancel_off ();
  r = file->indoubt (file->indoubt_arg, &page, atomic_load (&f->lsn));
  orl_cancel_back (was);
  if (me->pool->window->grants)
    orl_grant_end (me->pool->window, frame, true);
  if (r != 0)
    {
      ORL_POINT ("indoubt.unwanted");
      orl_frame_flag (f, ORL_STALE);
      return 0;
    }
  ORL_POINT ("indoubt.answered");
  atomic_fetch_and (&f->state, ~(uint64_t) ORL_INDOUBT);
  ORL_POINT ("indoubt.cleared");
  atomic_fetch_add (&f->version, 1);
  return 0;
}

int
orl_indoubt_settle (struct orl_thread *me, struct oriel_file *file,
                    uint32_t frame, unsigned flags)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  int entry, r;

  if (flags & ORIEL_NOWAIT)
    return orl_fail (-EAGAIN, "%s: page %llu is in doubt", file->path,
                     (unsigned long long) f->page);
  r = take (me, file, frame, &entry);
  if (r <= 0)
    return r;
  if (!orl_state_in_doubt (atomic_load (&f->state))
      || atomic_load (&f->file) != key)
    r = 0; /* the next look tells */
  else if ((flags & ORIEL_FRESH)
           || (!file->indoubt && !atomic_load (&file->rec->indoubt)))
    {
      orl_frame_flag (f, ORL_STALE);
      r = 0;
    }
  else if (file->indoubt)
    r = ask (me, file, frame, entry);
  else
    r = orl_fail (-ENOTRECOVERABLE,
                  "%s: page %llu is in doubt: its writer died, and this "
                  "process has not said who puts it right; see "
                  "oriel_file_on_indoubt()",
                  file->path, (unsigned long long) f->page);
  give_back (me, frame, entry);
  return r;
}

int
orl_indoubt_settle_all (struct orl_thread *me, struct oriel_file *file)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  int error = 0, n = 0;

  for (uint64_t w = 0; w < (orl_span (shm) + 63) / 64; w++)
    for (uint64_t bits = atomic_load (&shm->dirty[w]); bits; bits &= bits - 1)
      {
        uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
        int r;

        if (frame >= orl_span (shm)
            || !orl_state_in_doubt (atomic_load (&shm->frames[frame].state))
            || atomic_load (&shm->frames[frame].file) != key)
          continue;
        r = orl_indoubt_settle (me, file, (uint32_t) frame, 0);
        if (r == 0)
          n++;
        else if (error == 0)
          error = r;
      }
  return error < 0 ? error : n;
}

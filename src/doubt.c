/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doubt.c - waits for what no one will ever end
 *
 * Only damage makes a state or a latch that names an owner who knows nothing of
 * it: an owner says in its ledger what it is about to do before it does it, and
 * until after it has undone it.  So a waiter looks there.  A waiter wakes when an
 * owner is through, so a look may well come between two turns of it: it counts only
 * if the word stood before it and after it.  All looks may come so; but each turn of
 * a latch moves the version, which must stand over all of them.  When several see
 * the same, and nothing in the ledger, the word is damage, and is put right.  Unless
 * it is a dead one's and someone who lives is repairing what that one left.
 *
 * What was under it is believed no more: the page is STALE, so that it is read
 * from the store again, and the frame is swept like any other.
 *
 * Lock-free: each repair is one CAS from the word that was doubted.
 */
#include "doubt.h"
#include "frame.h"
#include "latch.h"
#include "lock.h"
#include "proc.h"

#define LOOKS 5

/* Is this the last look that it takes? */
static bool
is_enough (struct orl_doubt *d, uint64_t word, uint64_t version, bool claimed)
{
  if (claimed || word != d->word || version != d->version)
    d->looks = 0;
  d->word = word;
  d->version = version;
  return !claimed && ++d->looks >= LOOKS;
}

static bool
has_work (const struct orl_ledger *l, uint32_t frame)
{
  for (int i = 0; i < ORL_WORK; i++)
    if (atomic_load (&l->work[i]) == frame + 1)
      return true;
  return false;
}

/* At least so strong a pin. */
static bool
has_pin (const struct orl_ledger *l, uint32_t frame, uint32_t mode)
{
  for (int i = 0; i < ORL_PINS; i++)
    {
      uint32_t pin = atomic_load (&l->pins[i]);

      if ((pin & ORL_PIN_FRAME) == frame + 1 && (pin & ~ORL_PIN_FRAME) >= mode)
        return true;
    }
  return false;
}

void
orl_doubt_state (const struct orl_shm *shm, struct orl_doubt *d, uint32_t me,
                 uint32_t frame, uint64_t word)
{
  struct orl_frame *f = &shm->frames[frame];
  uint32_t owner = orl_state_owner (word);
  uint64_t now;
  bool claimed;

  word &= ~(uint64_t) ORL_WAITERS;
  if (orl_state (word) == ORL_VALID || orl_state (word) == ORL_FREE)
    return;
  now = atomic_load (&f->state);
  if ((now & ~(uint64_t) ORL_WAITERS) != word)
    {
      d->looks = 0;
      return;
    }
  /* Whoever waits is not at work on what it waits for. */
  claimed = orl_state (word) <= ORL_EVICTING && owner != me
            && orl_owner_alive (shm, owner)
            && has_work (&shm->ledgers[owner - 1], frame);
  claimed = claimed || orl_in_repair (shm, owner)
            || orl_proc_io_is_on (shm, owner - 1);
  now = atomic_load (&f->state);
  if (is_enough (d, word, 0,
                 claimed || (now & ~(uint64_t) ORL_WAITERS) != word))
    orl_frame_move (f, &now, ORL_VALID, 0, ORL_STALE, ORL_WAITERS);
}

void
orl_doubt_latch (const struct orl_shm *shm, struct orl_doubt *d, uint32_t me,
                 uint32_t frame, uint32_t word)
{
  struct orl_frame *f = &shm->frames[frame];
  uint32_t owner = orl_latch_owner (word);
  uint64_t version = atomic_load (&f->version);
  uint32_t now;
  bool claimed;

  word &= ~ORL_LATCH_WAITERS;
  if (!(word & ORL_LATCH_X)
      || (atomic_load (&f->latch) & ~ORL_LATCH_WAITERS) != word)
    {
      d->looks = 0;
      return;
    }
  /* The waiter has the page pinned, too, but not so. */
  claimed = orl_owner_alive (shm, owner)
            && has_pin (&shm->ledgers[owner - 1], frame,
                        owner == me ? ORL_PIN_EXCL : ORL_PIN_PLAIN);
  claimed = claimed || orl_in_repair (shm, owner)
            || orl_proc_io_is_on (shm, owner - 1);
  now = atomic_load (&f->latch);
  if (!is_enough (d, word, version,
                  claimed || (now & ~ORL_LATCH_WAITERS) != word))
    return;
  if (version & 1)
    orl_frame_flag (f, ORL_STALE);
  atomic_compare_exchange_strong (&f->latch, &now, ORL_LATCH_BIAS);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen.c - is the store's file still what the pool last made of it?
 *
 * The record keeps a digest of the file's size and times as they were after the
 * last change that the pool made.  Changes are counted when they begin and when
 * they are done; who finds both counts equal after its own, takes the digest.
 * So:
 *
 *   counts equal, digest valid     the digest tells
 *   counts differ, or not valid    a process died while it changed the file, or
 *                                  just after: unknown
 *
 * Lock-free; when several processes end their changes at once, one that another
 * overtook takes the digest again.
 */
#include <stdatomic.h>

#include "frame.h"
#include "seen.h"
#include "point.h"

static uint64_t
mix (uint64_t h, uint64_t v)
{
  h = (h ^ v) * UINT64_C (0x9e3779b97f4a7c15);
  return h ^ h >> 29;
}

static uint64_t
digest (const struct orl_store_id *id)
{
  return mix (mix (mix (1, id->size), id->mtime), id->ctime);
}

void
orl_seen_begin (struct oriel_file *file)
{
  atomic_fetch_add (&file->rec->begun, 1);
  ORL_POINT ("seen.begun");
  atomic_store (&file->rec->seen_valid, 0);
}

void
orl_seen_end (struct oriel_file *file)
{
  struct orl_frec *rec = file->rec;
  uint64_t done = atomic_fetch_add (&rec->done, 1) + 1;

  ORL_POINT ("seen.done");
  while (done == atomic_load (&rec->begun))
    {
      struct orl_store_id id;

      if (orl_store_times (file->store, &id) < 0)
        return; /* unknown, then */
      atomic_store (&rec->seen, digest (&id));
      ORL_POINT ("seen.taken");
      atomic_store (&rec->seen_valid, 1);
      ORL_POINT ("seen.valid");
      if (done == atomic_load (&rec->begun))
        return;
      /* Someone began meanwhile: perhaps it has ended, too, and took the digest
       * before us. */
      atomic_store (&rec->seen_valid, 0);
      done = atomic_load (&rec->done);
    }
}

enum orl_seen
orl_seen_compare (const struct orl_frec *rec, const struct orl_store_id *id)
{
  if (atomic_load (&rec->begun) != atomic_load (&rec->done)
      || !atomic_load (&rec->seen_valid))
    return ORL_SEEN_UNKNOWN;
  return atomic_load (&rec->seen) == digest (id) ? ORL_SEEN_SAME
                                                 : ORL_SEEN_OTHER;
}

void
orl_seen_reset (struct orl_frec *rec, const struct orl_store_id *id)
{
  atomic_store (&rec->seen_valid, 0);
  atomic_store (&rec->done, atomic_load (&rec->begun));
  atomic_store (&rec->seen, digest (id));
  atomic_store (&rec->seen_valid, 1);
}

void
orl_seen_drop_clean (const struct orl_shm *shm, uint32_t index)
{
  for (uint32_t i = 0; i < orl_span (shm); i++)
    {
      struct orl_frame *f = &shm->frames[i];
      uint64_t word = atomic_load (&f->state);

      while (orl_state (word) > ORL_RESERVED
             && orl_state (word) != ORL_WRITING
             && !(word & (ORL_STALE | ORL_DIRTY))
             && (uint32_t) atomic_load (&f->file) == index
             && !atomic_compare_exchange_weak (&f->state, &word,
                                               word | ORL_STALE))
        ;
    }
}

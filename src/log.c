/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - no page reaches its store before its log
 *
 * The callback is the process's, the durable lsn everyone's.  While a thread is
 * in a callback it can have no log flushed: what the callback itself makes this
 * thread write are pages whose log is durable.
 *
 * Locks: none, and none is held while the callback runs but what the caller of
 * the library has itself.
 */
#include <errno.h>

#include "error.h"
#include "log.h"
#include "point.h"
#include "sys.h"
#include "table.h"

void
orl_log_tell (struct orl_frec *rec, uint64_t lsn)
{
  uint64_t was = atomic_load (&rec->durable);

  while (was < lsn
         && !atomic_compare_exchange_weak (&rec->durable, &was, lsn))
    ;
}

bool
orl_log_can_flush (const struct orl_thread *me, uint32_t file)
{
  return !me->in_log && file < me->pool->shm.geo.nfiles
         && atomic_load_explicit (&me->pool->logs[file],
                                  memory_order_relaxed);
}

uint64_t
orl_log_of (const struct oriel_file *file, uint32_t frame, uint64_t page)
{
  const struct orl_frame *f = &file->pool->shm.frames[frame];
  uint64_t word = atomic_load (&f->state);
  uint64_t lsn = atomic_load (&f->lsn);

  return !(word & ORL_STALE)
                 && atomic_load (&f->file)
                        == orl_file_key (file->index,
                                         atomic_load (&file->rec->epoch))
                 && atomic_load (&f->page) == page
                 && orl_state_gen (atomic_load (&f->state))
                        == orl_state_gen (word)
             ? lsn
             : 0;
}

bool
orl_log_lets (const struct orl_thread *me, uint32_t frame)
{
  const struct orl_shm *shm = &me->pool->shm;
  const struct orl_frame *f = &shm->frames[frame];
  uint32_t index = (uint32_t) atomic_load_explicit (&f->file,
                                                    memory_order_relaxed);

  return index < shm->geo.nfiles
         && (orl_log_is_durable (&shm->files[index], atomic_load (&f->lsn))
             || orl_log_can_flush (me, index));
}

int
orl_log_flush (struct orl_thread *me, struct oriel_file *file, uint64_t lsn)
{
  int (*flush) (void *arg, uint64_t lsn);
  int r, was;

  if (orl_log_is_durable (file->rec, lsn))
    return 0;
  flush = atomic_load (&file->flush_log);
  if (!flush || me->in_log)
    return orl_fail (-ENOTCONN,
                     "%s: has dirty pages whose log is to be durable up to %llu "
                     "and is up to %llu, and this process %s; they stay dirty",
                     file->path, (unsigned long long) lsn,
                     (unsigned long long) atomic_load (&file->rec->durable),
                     flush ? "is just flushing it"
                           : "has not said how to flush it "
                             "(oriel_file_on_flush_log())");
  me->in_log = true;
  ORL_POINT ("log.flush");
  was = orl_cancel_off ();
  r = flush (file->flush_log_arg, lsn);
  orl_cancel_back (was);
  ORL_POINT ("log.flushed");
  me->in_log = false;
  if (r != 0)
    return orl_fail (r < 0 ? r : -EIO,
                     "%s: flushing the log up to %llu failed; pages that want "
                     "it stay dirty",
                     file->path, (unsigned long long) lsn);
  orl_log_tell (file->rec, lsn);
  return 0;
}

struct orl_log_range
orl_log_look (const struct oriel_file *file, uint64_t first)
{
  const struct orl_shm *shm = &file->pool->shm;
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  struct orl_log_range range = { 0, UINT64_MAX };

  for (uint64_t w = 0; w < (orl_span (shm) + 63) / 64; w++)
    for (uint64_t bits = atomic_load (&shm->dirty[w]); bits; bits &= bits - 1)
      {
        uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
        const struct orl_frame *f = &shm->frames[frame];
        uint64_t lsn, since;

        if (frame >= orl_span (shm) || atomic_load (&f->file) != key
            || atomic_load (&f->page) < first
            || (atomic_load (&f->state) & ORL_STALE))
          continue;
        lsn = orl_log_of (file, (uint32_t) frame, atomic_load (&f->page));
        since = atomic_load (&shm->firsts[frame]);
        if (lsn > range.last)
          range.last = lsn;
        if (since != 0 && since < range.first)
          range.first = since;
      }
  return range;
}

void
orl_log_on_flush (struct oriel_file *file,
                  int (*flush) (void *arg, uint64_t lsn), void *arg)
{
  if (flush)
    file->flush_log_arg = arg;
  atomic_store (&file->flush_log, flush);
  atomic_store (&file->pool->logs[file->index], flush != NULL);
}

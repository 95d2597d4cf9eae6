/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file-record.c - the pool's records of files
 *
 * The pool's record of a file is found by device, inode and birth time, and is
 * kept when no one has the file open, so that its pages stay warm, until its
 * place is needed.  Who has a file open is a bit in the process's own map, and
 * so goes with the process.
 *
 * A record is changed under super.file_lock.  It is written between setting
 * state to FREE and to USED, so a stranger who takes the lock over from the
 * dead finds it whole or free.
 *
 * Locks: pool->lock, then file_lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "evict.h"
#include "file-record.h"
#include "file.h"
#include "frame.h"
#include "lock.h"
#include "point.h"
#include "proc.h"
#include "seen.h"

void
orl_file_lock (struct orl_thread *me)
{
  struct orl_shm *shm = &me->pool->shm;

  atomic_fetch_or (&me->ledger->locks, ORL_HAS_FILE_LOCK);
  orl_lock_take (shm, &shm->super->file_lock, me->owner);
  ORL_POINT ("file.locked");
}

void
orl_file_unlock (struct orl_thread *me)
{
  ORL_POINT ("file.unlock");
  orl_lock_give (&me->pool->shm.super->file_lock);
  atomic_fetch_and (&me->ledger->locks, ~ORL_HAS_FILE_LOCK);
}

static orl_a64 *
open_word (const struct orl_shm *shm, uint32_t proc, uint32_t index)
{
  return &shm->open_maps[(uint64_t) proc * shm->geo.map_words + index / 64];
}

bool
orl_file_is_open_elsewhere (const struct orl_shm *shm, uint32_t index)
{
  uint64_t bit = UINT64_C (1) << index % 64;

  for (uint32_t p = 0; p < shm->geo.nprocs; p++)
    if (p != shm->proc && (atomic_load (open_word (shm, p, index)) & bit)
        && orl_proc_alive (shm, atomic_load (&shm->procs[p].token)))
      return true;
  return false;
}

bool
orl_file_has_dirty_pages (const struct orl_shm *shm, uint32_t index)
{
  for (uint64_t w = 0; w < (orl_span (shm) + 63) / 64; w++)
    for (uint64_t bits = atomic_load (&shm->dirty[w]); bits; bits &= bits - 1)
      {
        uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
        const struct orl_frame *f = &shm->frames[frame];
        uint64_t word;

        if (frame >= orl_span (shm)
            || (uint32_t) atomic_load (&f->file) != index)
          continue;
        word = atomic_load (&f->state);
        /* The bit alone means nothing: who set it may have died then. */
        if (((word & ORL_DIRTY) || orl_state (word) == ORL_WRITING)
            && !orl_frame_is_dead (shm, f, word))
          return true;
      }
  return false;
}

/* Has the store, or the pool, yet to be cut? */
static bool
is_half_cut (const struct orl_frec *rec)
{
  return atomic_load (&rec->cut) != 0 || (atomic_load (&rec->cut_phase) & 1);
}

/* What a process that died had begun to cut is another file by now. */
static void
forget_cut (struct orl_frec *rec)
{
  uint64_t phase = atomic_load (&rec->cut_phase);

  atomic_store (&rec->cut_phase, phase + (phase & 1));
  atomic_store (&rec->cut, 0);
}

/* Were dirty pages lost, and no one has been told? */
static bool
has_untold_loss (const struct orl_frec *rec)
{
  return (atomic_load (&rec->io_error) & (ORL_IO_LOST | ORL_IO_TOLD))
         == ORL_IO_LOST;
}

bool
orl_file_is_same (const struct orl_frec *rec, const struct orl_store_id *id)
{
  return atomic_load (&rec->state) == ORL_FILE_USED
         && atomic_load (&rec->dev) == id->dev
         && atomic_load (&rec->ino) == id->ino
         && atomic_load (&rec->birth) == id->birth;
}

/* A record for the file, its own or a new one; under file_lock.  -ENFILE. */
static int
find_record (const struct orl_shm *shm, const struct orl_store_id *id,
             uint32_t *index)
{
  uint32_t spare = UINT32_MAX;
  struct orl_frec *rec;

  for (uint32_t i = 0; i < shm->geo.nfiles; i++)
    {
      if (orl_file_is_same (&shm->files[i], id))
        {
          *index = i;
          return 0;
        }
      if (spare == UINT32_MAX
          && atomic_load (&shm->files[i].state) == ORL_FILE_FREE)
        spare = i;
    }
  for (uint32_t i = 0; i < shm->geo.nfiles && spare == UINT32_MAX; i++)
    {
      uint64_t bit = UINT64_C (1) << i % 64;

      if (!(atomic_load (open_word (shm, shm->proc, i)) & bit)
          && !orl_file_is_open_elsewhere (shm, i)
          && !orl_file_has_dirty_pages (shm, i)
          && !is_half_cut (&shm->files[i])
          && !has_untold_loss (&shm->files[i]))
        spare = i;
    }
  if (spare == UINT32_MAX)
    return -ENFILE;
  rec = &shm->files[spare];
  atomic_store (&rec->state, ORL_FILE_FREE);
  ORL_POINT ("file.record.free");
  atomic_fetch_add (&rec->epoch, 1);
  ORL_POINT ("file.record.aged");
  atomic_store (&rec->dev, id->dev);
  atomic_store (&rec->ino, id->ino);
  atomic_store (&rec->birth, id->birth);
  atomic_store (&rec->size, id->size);
  atomic_store (&rec->io_error, 0);
  atomic_store (&rec->foreign, 0);
  atomic_store (&rec->indoubt, 0);
  atomic_store (&rec->hooks, 0);
  atomic_store (&rec->durable, 0);
  atomic_store (&rec->write_error, 0);
  forget_cut (rec);
  orl_seen_reset (rec, id);
  for (int i = 0; i < ORIEL_FILE_WORDS; i++)
    atomic_store (&rec->words[i], 0);
  atomic_store (&rec->misses, 0);
  atomic_store (&rec->readahead, 0);
  atomic_store (&rec->writebacks, 0);
  ORL_POINT ("file.record.named");
  atomic_store (&rec->state, ORL_FILE_USED);
  ORL_POINT ("file.record.used");
  *index = spare;
  return 0;
}

void
orl_file_drop_dirty (const struct orl_shm *shm, uint32_t index)
{
  /* Of those whose memory was taken away likewise. */
  atomic_fetch_and (&shm->files[index].io_error, 0xffffu);
  for (uint64_t w = 0; w < (orl_span (shm) + 63) / 64; w++)
    for (uint64_t bits = atomic_load (&shm->dirty[w]); bits; bits &= bits - 1)
      {
        uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
        struct orl_frame *f = &shm->frames[frame];
        uint64_t word;

        if (frame >= orl_span (shm))
          continue;
        word = atomic_load (&f->state);
        /* The generation in the word vouches for the key. */
        while (((word & ORL_DIRTY) || orl_state (word) == ORL_WRITING)
               && !(word & ORL_STALE)
               && (uint32_t) atomic_load (&f->file) == index
               && !atomic_compare_exchange_weak (&f->state, &word,
                                                 word | ORL_STALE))
          ;
      }
}

/* No one else has the file open: do the pool's pages still belong to what the
 * store has?  Under file_lock. */
static int
judge (const struct orl_shm *shm, uint32_t index,
       const struct orl_store_id *id, const char *path, unsigned flags)
{
  struct orl_frec *rec = &shm->files[index];
  bool dirty = orl_file_has_dirty_pages (shm, index);
  bool was_foreign = atomic_load (&rec->foreign);
  bool foreign = (flags & ORIEL_FOREIGN) || was_foreign;
  enum orl_seen seen = orl_seen_compare (rec, id);

  /* Who opens it knows which pages it may believe, and no one writes those that
   * the dead left dirty. */
  if (dirty && was_foreign && (flags & ORIEL_FOREIGN))
    {
      orl_file_drop_dirty (shm, index);
      dirty = false;
    }
  if (foreign)
    seen = dirty ? ORL_SEEN_OTHER : ORL_SEEN_SAME;
  else if (seen == ORL_SEEN_OTHER && dirty && !(flags & ORIEL_DISCARD))
    return orl_fail (-ESTALE,
                     "%s: was changed by others while the pool holds dirty "
                     "pages of it; open it with ORIEL_DISCARD to lose those",
                     path);
  if (seen == ORL_SEEN_OTHER || (flags & ORIEL_DISCARD))
    {
      atomic_fetch_add (&rec->epoch, 1);
      /* Of what log there is now is not known. */
      atomic_store (&rec->durable, 0);
      atomic_store (&rec->write_error, 0);
      forget_cut (rec);
      dirty = false;
      if (flags & ORIEL_DISCARD)
        atomic_store (&rec->hooks, 0);
    }
  else if (seen == ORL_SEEN_UNKNOWN)
    orl_seen_drop_clean (shm, index);
  /* Of a file that is half cut the pool knows better. */
  if (!is_half_cut (rec)
      && (!dirty || atomic_load (&rec->size) < id->size))
    atomic_store (&rec->size, id->size);
  if ((flags & ORIEL_DISCARD) || !has_untold_loss (rec))
    atomic_store (&rec->io_error, 0);
  atomic_store (&rec->foreign, (flags & ORIEL_FOREIGN) != 0);
  if (flags & ORIEL_FOREIGN)
    {
      atomic_store (&rec->indoubt, 0);
      forget_cut (rec);
    }
  atomic_store (&rec->torn, 0);
  atomic_store (&rec->dw_ready, 0);
  orl_seen_reset (rec, id);
  return 0;
}

/* A path of the file as a record keeps it, for people. */
static void
path_words (const char *path, uint64_t words[ORL_PATH_WORDS])
{
  size_t size = ORL_PATH_WORDS * sizeof *words;
  char *whole = *path == '/' ? NULL : realpath (path, NULL);
  const char *text = whole ? whole : path;
  size_t n = strlen (text);

  if (n >= size)
    text += n - (size - 1);
  memset (words, 0, size);
  memcpy (words, text, strlen (text));
  free (whole);
}

void
orl_file_discard (struct orl_frec *rec)
{
  atomic_fetch_add (&rec->epoch, 1);
  atomic_store (&rec->durable, 0);
}

int
orl_file_enter (struct orl_thread *me, const char *path, unsigned flags,
                const struct orl_store_id *id, bool look_again,
                uint32_t *index)
{
  struct orl_shm *shm = &me->pool->shm;
  uint64_t words[ORL_PATH_WORDS];
  int r;

  path_words (path, words);
  orl_file_lock (me);
  r = find_record (shm, id, index);
  if (r < 0)
    orl_fail (r,
              "%s: all %u file places of the pool are taken by files that are "
              "open or dirty; create it with a larger max_files",
              path, shm->geo.nfiles);
  else if (orl_file_is_open_elsewhere (shm, *index))
    {
      if (flags & ORIEL_DISCARD)
        orl_file_discard (&shm->files[*index]);
    }
  else if (look_again && orl_proc_dead_write (shm))
    r = 1;
  else
    r = judge (shm, *index, id, path, flags);
  if (r == 0)
    {
      /* By words: who reads it takes no lock. */
      for (int i = 0; i < ORL_PATH_WORDS; i++)
        atomic_store_explicit (&shm->files[*index].path[i], words[i],
                               memory_order_relaxed);
      atomic_fetch_or (open_word (shm, shm->proc, *index),
                       UINT64_C (1) << *index % 64);
    }
  ORL_POINT ("file.entered");
  orl_file_unlock (me);
  return r;
}

void
orl_file_leave (struct orl_thread *me, uint32_t index)
{
  struct orl_shm *shm = &me->pool->shm;

  orl_file_lock (me);
  atomic_fetch_and (open_word (shm, shm->proc, index),
                    ~(UINT64_C (1) << index % 64));
  ORL_POINT ("file.left");
  orl_file_unlock (me);
}

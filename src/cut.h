/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cut.h - where a file ends: drop pages, truncate, grow
 */
#ifndef ORL_CUT_H
#define ORL_CUT_H

#include "thread.h"

/* Forget count pages from first on, waiting for those that are being written. */
void orl_drop_pages (struct orl_thread *me, struct oriel_file *file,
                     uint64_t first, uint64_t count);

/* Wait for what is being written of the pages that are not wholly before bytes: was
 * there any?  Whatever its epoch, and STALE or not: what was dropped while it was
 * written is still on its way. */
bool orl_cut_wait (struct orl_thread *me, struct oriel_file *file,
                   uint64_t bytes);

/* The page that a file's new end will lie in, latched exclusively. */
struct orl_cut_page {
  bool held;                    /* false: none */
  uint32_t frame;
  void *at;                     /* NULL: no slot shows it, and our thread has a
                                   bounce buffer */
};

/* Make zeroes of what is behind keep bytes of it.  -EIO. */
int orl_cut_tail (struct orl_thread *me, struct oriel_file *file,
                  const struct orl_cut_page *last, size_t keep);

/* Make a file bytes long that others do not change.  last's latch stays, but if
 * the file got shorter its change is whole then.  1: it gets shorter, and the page
 * that its end will lie in is not held.  Errors of the store's truncate: then
 * nothing was done. */
int orl_cut (struct orl_thread *me, struct oriel_file *file, uint64_t bytes,
             const struct orl_cut_page *last);

/* Bring the store up to what a process that died in orl_cut() had begun.  Wanted
 * before anything is written behind the new end.  Likewise.  Who lives and
 * is cutting is waited for; without wait some milliseconds, and what may be written
 * meanwhile orl_cut_lets() says.  He may be stopped. */
int orl_cut_settle (struct orl_thread *me, struct oriel_file *file, bool wait);

/* The same for the pool alone, if rec->cut_phase is odd and it was the dead. */
void orl_cut_help (struct orl_thread *me, struct oriel_file *file);

/* Behind the page's exclusive latch: is it one that a cut under way takes off?
 * Then it is given back unchanged, and wanted again after orl_cut_await(). */
bool orl_cut_covers (const struct oriel_file *file, uint64_t page);

/* Wait until that is over.  With no latch. */
void orl_cut_await (struct orl_thread *me, struct oriel_file *file,
                    uint64_t page);

/* Behind this look at a page that is WRITING: may bytes up to end be written to
 * the store?  If not the file is being cut, or was, and orl_cut_settle() is
 * wanted. */
static inline bool
orl_cut_lets (const struct orl_frec *rec, uint64_t end)
{
  uint64_t cut = atomic_load (&rec->cut);

  if (cut != 0 && end > cut - 1)
    return false;
  return !(atomic_load (&rec->cut_phase) & 1)
         || end <= atomic_load (&rec->cut_bytes);
}

/* For recover.c: likewise, for the dead owner of rec->cutter. */
void orl_cut_repair (const struct orl_shm *shm, uint32_t index);

/* Of a page that is being restored: how many bytes of it are before the end that
 * its dead owner was giving the file; SIZE_MAX: all. */
size_t orl_cut_keeps (const struct orl_shm *shm, uint32_t dead,
                      uint32_t frame);

/* The change of the frame, whose exclusive latch is ours, is whole: make the
 * file as long as it wants. */
void orl_grow (const struct orl_shm *shm, uint32_t frame);

#endif /* ORL_CUT_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coherence-log.c - what others have copied from the log
 *
 * When the words were noted, the file differed from the pool by no page that has
 * not a frame behind COPIED (coherence.c).  So when more of the same log has been
 * copied, by whoever it was, the pages of the frames behind COPIED and up to
 * nBackfill are dropped, and the statement holds again.  The wal-index has their
 * numbers.  While they are looked up the log may start anew, but its salts change
 * before they are overwritten: so the salts are looked at once more after.
 *
 * A LOG THAT STARTS ANEW was copied to its end.  What its frames behind COPIED
 * were can be known as long as no frame was written since: the wal-index keeps the
 * old numbers until then, up to a 0 or with older ones behind, which are dropped in
 * vain.  That is so if
 * - salt 1 is greater by one, and the log has no frames: it was started anew once,
 *   or, with random salts, made anew, which happens after its deletion only; but
 *   this connection has seen the noted log and has held SHARED since (same_log);
 * - the file's header has the old salts still, or the file is empty: who writes a
 *   frame writes the header first, also for a transaction that comes to nothing;
 *   and a wal-index that was made anew has the header's salts, or none.
 * No lock is needed for that, and none is taken: a stranger who writes would be told
 * BUSY.  The numbers are read and their pages dropped, and after that the header and
 * the wal-index are looked at: what is so then was so before.
 *
 * The first frames that a process writes into an empty log have random salts,
 * unless it was the one that started it anew.  If the log was empty and the pool
 * right when a user of the pool locked it, then what is behind it now are its own
 * frames, and it notes the log before it unlocks (vfs_log_unlock()).  Who finds such
 * a log begun and not yet noted goes without the pool for once: if it was ours, it
 * will have been noted by the next time.
 *
 * If strangers begin a log before any of us has looked, STATE decides.
 *
 * Locks: those of coherence.c.
 */
#include <endian.h>

#include "coherence.h"

/* WAL last: the others count while it is not 0. */
void
vfs_note_log (const struct vfs_file *f, const struct vfs_log *log)
{
  store (f, WAL, 0);
  store (f, LOG, log->salts);
  store (f, COPIED, (uint64_t) log->end << 32 | log->copied);
  store (f, SUM, log->sum);
  store (f, WAL, log->digest);
}

/* It must have all that it had: someone may have put back an older file with its
 * log, and gone on from there. */
bool
vfs_is_same_log (struct vfs_connection *c, const struct vfs_log *log)
{
  const struct vfs_file *f = c->shared;
  uint32_t end = (uint32_t) (load (f, COPIED) >> 32);
  uint64_t sum = log->sum;

  return log->digest && load (f, WAL) && log->salts == load (f, LOG)
         && log->end >= end
         && (log->end == end || end == 0 || vfs_wal_sum (c, end, &sum))
         && (end == 0 || sum == load (f, SUM));
}

/* Only dirty pages can be wrong.  0 or -errno. */
static int
keep_clean (const struct vfs_file *f, bool suspect)
{
  int r = suspect ? oriel_file_drop_dirty (f->file) : 0;

  return r < 0 ? r : oriel_file_refresh (f->file);
}

static bool
drop_page (struct vfs_connection *c, uint64_t page, uint64_t bytes)
{
  uint64_t size = c->shared->pool->page_size;
  uint64_t first = (page - 1) * bytes / size;
  uint64_t last = (page * bytes - 1) / size;

  return oriel_file_drop_pages (vfs_oriel (c), first, last - first + 1) == 0;
}

/* Drop the pages of the frames behind COPIED up to last; if that is 0, as the log
 * has started anew since, to the end that it had.  false: they are not known, some
 * may have been dropped. */
static bool
drop_copied (struct vfs_connection *c, uint32_t last)
{
  uint32_t frame = (uint32_t) load (c->shared, COPIED);
  uint32_t end = (uint32_t) (load (c->shared, COPIED) >> 32);
  uint32_t bytes = vfs_wal_page_size (c);
  bool anew = last == 0;
  int64_t page;

  if (bytes == 0 || (anew && vfs_wal_page (c, 1) <= 0))
    return false;
  while (anew || frame < last)
    {
      page = vfs_wal_page (c, ++frame);
      if (page == 0 && anew)
        return frame > end;
      if (page <= 0 || !drop_page (c, (uint64_t) page, bytes))
        return false;
    }
  return true;
}

bool
vfs_follow_log (struct vfs_connection *c, const struct vfs_log *log,
                bool suspect)
{
  const struct vfs_file *f = c->shared;
  uint64_t size = oriel_file_size (f->file);
  struct vfs_log again;

  return vfs_is_same_log (c, log) && keep_clean (f, suspect) == 0
         && oriel_file_size (f->file) >= size
         && (log->copied <= (uint32_t) load (f, COPIED)
             || drop_copied (c, log->copied))
         && vfs_wal_look (c, &again) && again.salts == log->salts;
}

enum restart
vfs_follow_restart (struct vfs_connection *c, const struct vfs_log *log)
{
  const struct vfs_file *f = c->shared;
  uint64_t old = load (f, LOG);
  uint64_t size = oriel_file_size (f->file);
  bool anew = log->end == 0
              && be32toh ((uint32_t) (log->salts >> 32))
                     == be32toh ((uint32_t) (old >> 32)) + 1;
  bool begun = log->end > 0 && log->copied == 0 && load (f, COPIED) == 0
               && !c->log_locked && c->lock < SQLITE_LOCK_EXCLUSIVE;
  struct vfs_log again;

  if (!c->same_log || !load (f, WAL) || !log->digest)
    return UNKNOWN;
  if (begun && c->begun_log != log->salts)
    {
      c->begun_log = log->salts;
      return NOT_YET;
    }
  return anew && vfs_wal_is_unwritten (c, old)
                 && oriel_file_refresh (f->file) == 0
                 && oriel_file_size (f->file) >= size && drop_copied (c, 0)
                 /* In this order: who truncates the log writes the index first. */
                 && vfs_wal_is_unwritten (c, old) && vfs_wal_look (c, &again)
                 && again.digest == log->digest && again.end == 0
             ? FOLLOWED
             : UNKNOWN;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lost-copy.c - copies from and to frames whose memory may be missing
 *
 * Through the descriptor a hole reads as zeroes.  Is a page of zeroes a page or
 * a hole?  The file system knows, but asking (SEEK_DATA) costs 0.2 us where
 * reading 4 KiB costs 0.6.  So it is asked about zeroes alone: whatever else was
 * read did not come from a hole.
 *
 * A write into a hole makes zeroes of the rest of its block, and one behind the
 * file's end makes holes: so it is asked about before each write, and blocks are
 * written whole where pages are no smaller.  Of a page that is being loaded there
 * is nothing to lose, so a hole does not matter: a block that lost.c has reserved
 * looks like one until something is written to it.
 *
 * That a hole is found empty holds as long as every process has holes fault
 * (layout.h: uffd): else a touch fills it, with zeroes, and no one is told.
 */
#include <errno.h>
#include <string.h>

#include "lost.h"
#include "sys.h"

static uint64_t
in_file (const struct orl_shm *shm, uint32_t frame)
{
  return shm->geo.data + ((uint64_t) frame << shm->geo.page_shift);
}

/* A kernel that does not say is one that has no holes for us, as in lost.c. */
static bool
is_hole (const struct orl_shm *shm, uint64_t at)
{
  off_t next = orl_sys.data (shm->fd, (off_t) at);

  return next == -ENXIO || next > (off_t) at;
}

int
orl_lost_look (const struct orl_shm *shm, uint32_t frame)
{
  uint64_t at = in_file (shm, frame);
  uint64_t end = at + shm->geo.page_size;
  int r = 0;

  for (at &= ~(uint64_t) (shm->geo.block - 1); at < end && r != -ENOSPC;
       at += shm->geo.block)
    if (is_hole (shm, at))
      r = orl_lost_repair (shm, at, 1, false);
  return r == -ENOSPC ? r : orl_is_lost (shm, frame) ? -EIO : 0;
}

bool
orl_lost_there (struct oriel_pool *pool, uint32_t frame)
{
  int r = orl_lost_look (&pool->shm, frame);

  if (r == -ENOSPC)
    orl_lost_pool (pool, ORL_GONE_ROOM);
  return r == 0;
}

int
orl_lost_mend (struct oriel_pool *pool, uint32_t frame, void *room)
{
  const struct orl_shm *shm = &pool->shm;
  ssize_t n;
  int r;

  if (!orl_lost_there (pool, frame))
    return 0;
  n = orl_sys.pread (shm->fd, room, shm->geo.page_size,
                     (off_t) in_file (shm, frame));
  if (n >= 0)
    return 0;
  /* The memory itself has failed: who touches it gets a signal. */
  r = n == -EIO ? orl_lost_repair (shm, in_file (shm, frame),
                                   shm->geo.page_size, true)
                : (int) n;
  if (r == -ENOSPC || r == -ENODATA)
    orl_lost_pool (pool, r == -ENOSPC ? ORL_GONE_ROOM : ORL_GONE_TABLES);
  return r < 0 ? r : 0;
}

/* Does each block that the bytes lie in give one that is not zero? */
static bool
has_content (const struct orl_shm *shm, uint64_t at, const unsigned char *p,
             size_t n)
{
  while (n > 0)
    {
      size_t left = shm->geo.block - (size_t) (at & (shm->geo.block - 1));

      if (left > n)
        left = n;
      if (*p == 0 && memcmp (p, p + 1, left - 1) == 0)
        return false;
      at += left;
      p += left;
      n -= left;
    }
  return true;
}

bool
orl_lost_peek (struct oriel_pool *pool, uint32_t frame, void *to)
{
  const struct orl_shm *shm = &pool->shm;
  uint64_t at = in_file (shm, frame);
  uint64_t end = at + shm->geo.page_size;

  if (!orl_window_copy_out (pool->window, frame, 0, to, shm->geo.page_size))
    return false;
  if (has_content (shm, at, to, shm->geo.page_size))
    return true;
  for (at &= ~(uint64_t) (shm->geo.block - 1); at < end; at += shm->geo.block)
    if (shm->geo.block > 4096 || is_hole (shm, at))
      return false;
  return !orl_is_lost (shm, frame);
}

bool
orl_lost_copy_out (struct oriel_pool *pool, uint32_t frame, size_t skip,
                   void *to, size_t n)
{
  const struct orl_shm *shm = &pool->shm;
  bool done = orl_window_copy_out (pool->window, frame, skip, to, n);

  if (done && has_content (shm, in_file (shm, frame) + skip, to, n))
    return true;
  /* hugetlbfs does not say what is a hole, but a slot does. */
  if (shm->geo.block > 4096)
    return false;
  /* Who fills a hole says LOST before. */
  return !orl_lost_there (pool, frame) || done;
}

/* Is the page being loaded, with blocks of its own, before the file's end? */
static bool
is_room (const struct orl_shm *shm, uint32_t frame, size_t n)
{
  const struct orl_frame *f = &shm->frames[frame];
  struct stat st;

  return n == shm->geo.page_size && n >= shm->geo.block
         && orl_state (atomic_load (&f->state)) == ORL_LOADING
         && orl_sys.fstat (shm->fd, &st) == 0
         && (uint64_t) st.st_size >= in_file (shm, frame) + n;
}

bool
orl_lost_copy_in (struct orl_thread *me, uint32_t frame, size_t skip,
                  const void *from, size_t n)
{
  struct oriel_pool *pool = me->pool;
  const struct orl_geometry *geo = &pool->shm.geo;
  unsigned char *page;

  if (!is_room (&pool->shm, frame, n) && !orl_lost_there (pool, frame))
    return true;
  if (n == geo->page_size || geo->page_size < geo->block)
    return orl_window_copy_in (pool->window, frame, skip, from, n);
  page = orl_thread_bounce (me);
  if (!page || !orl_lost_copy_out (pool, frame, 0, page, geo->page_size))
    return false;
  memcpy (page + skip, from, n);
  return orl_window_copy_in (pool->window, frame, 0, page, geo->page_size);
}

void
orl_lost_touch (const void *at, size_t n)
{
  const volatile unsigned char *p = at;

  for (size_t i = 0; i < n; i += 4096)
    (void) p[i];
  (void) p[n - 1];
}

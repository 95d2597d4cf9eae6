/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.c - copying reads and writes
 *
 * A read takes no latch: it copies and then asks whether the page's version is
 * still the one before.  Only a page that is written all the time is latched.
 *
 * A page that no slot shows is read through the pool file's descriptor: that
 * costs 1.9 us for 4 KiB where a swap of 64 KiB costs 12.5 and makes others
 * lose their slot.  An extent that is read so again and again gets a slot.
 * Writes go the same way.
 */
#include <string.h>

#include "frame.h"
#include "io.h"
#include "lost.h"
#include "pin.h"
#include "point.h"
#include "table.h"

/* Copies before a latch is taken instead. */
#define TRIES 8

#define EXPECT 1024             /* bytes to fetch ahead */

#if defined __SANITIZE_THREAD__
# define RACY __attribute__ ((no_sanitize ("thread"), noinline))
#else
# define RACY
#endif

/* Copy what a writer may be changing; the version says whether it counts. */
RACY static void
copy_racy (void *to, const void *from, size_t n)
{
#if defined __SANITIZE_THREAD__
  volatile const unsigned char *p = from;

  for (size_t i = 0; i < n; i++)
    ((unsigned char *) to)[i] = p[i];
#else
  memcpy (to, from, n);
#endif
}

/* Copy part of a held page, by whatever way is cheapest now. */
static int
copy_out (struct orl_thread *me, struct oriel_file *file,
          const struct orl_hold *h, size_t skip, void *to, size_t n)
{
  struct orl_window *w = me->pool->window;
  void *at = orl_window_find (w, h->frame);
  int r;

  if (!at && orl_window_worth (w, h->frame))
    orl_window_show (w, me->ledger, h->frame, &at); /* if it has room */
  if (!at && orl_lost_copy_out (me->pool, h->frame, skip, to, n))
    {
      orl_count (me->ledger, ORL_COPIES, 1);
      return 0;
    }
  if (!at && (r = orl_hold_show (me, file, h, &at)) < 0)
    return r;
  copy_racy (to, (const char *) at + skip, n);
  return 0;
}

/* Copy into a held page, likewise. */
static int
copy_in (struct orl_thread *me, struct oriel_file *file,
         const struct orl_hold *h, size_t skip, const void *from, size_t n)
{
  struct orl_window *w = me->pool->window;
  void *at = orl_window_find (w, h->frame);
  int r;

  if (!at && orl_lost_copy_in (me, h->frame, skip, from, n))
    {
      orl_count (me->ledger, ORL_COPIES, 1);
      return 0;
    }
  if (!at && (r = orl_hold_show (me, file, h, &at)) < 0)
    return r;
  memcpy ((char *) at + skip, from, n);
  return 0;
}

/* Have the memory that a read will come to, one thing after the other, fetched
 * at once: the frame's descriptor, and the first lines of what is copied.  That
 * is 6 to 9% of a read of a page that is in no cache of the processor's. */
static inline void
expect (const struct oriel_file *file, uint64_t page, size_t skip, size_t n)
{
  const struct orl_shm *shm = &file->pool->shm;
  uint64_t key = orl_file_key (
      file->index,
      atomic_load_explicit (&file->rec->epoch, memory_order_relaxed));
  uint32_t frame = orl_table_guess (shm, key, page);
  const char *at;

  if (frame == ORL_NO_FRAME)
    return;
  __builtin_prefetch (&shm->frames[frame]);
  at = orl_window_find (file->pool->window, frame);
  for (size_t i = 0; at && i < n && i < EXPECT; i += ORL_LINE)
    __builtin_prefetch (at + skip + i);
}

static int
read_part (struct orl_thread *me, struct oriel_file *file, uint64_t page,
           size_t skip, void *to, size_t n)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_hold h;
  bool good = false;
  int r;

  expect (file, page, skip, n);
  r = orl_hold (me, file, page, ORIEL_OPTIMISTIC | ORL_HOLD_COPY, &h);
  if (r < 0)
    return r;
  for (int i = 0; i < TRIES && !good && r == 0; i++)
    {
      uint64_t version = orl_read_begin (me->pool, h.frame);

      r = copy_out (me, file, &h, skip, to, n);
      good = orl_read_validate (shm, h.frame, version);
    }
  orl_hold_end (shm, &me->ledger->pins[h.entry]);
  if (good || r < 0)
    return r;
  do
    {
      r = orl_hold (me, file, page, ORIEL_READ | ORL_HOLD_COPY, &h);
      if (r < 0)
        return r;
      r = copy_out (me, file, &h, skip, to, n);
      good = !orl_is_lost (shm, h.frame);
      orl_hold_end (shm, &me->ledger->pins[h.entry]);
    }
  while (r == 0 && !good);
  return r;
}

int
orl_io_read (struct orl_thread *me, struct oriel_file *file, uint64_t offset,
             void *buffer, size_t length)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  char *to = buffer;

  while (length > 0)
    {
      size_t skip = (size_t) (offset & (geo->page_size - 1));
      size_t n = geo->page_size - skip < length ? geo->page_size - skip
                                                : length;
      int r = read_part (me, file, offset >> geo->page_shift, skip, to, n);

      if (r < 0)
        return r;
      offset += n;
      to += n;
      length -= n;
    }
  return 0;
}

int
orl_io_write (struct orl_thread *me, struct oriel_file *file, uint64_t offset,
              const void *buffer, size_t length)
{
  const struct orl_shm *shm = &me->pool->shm;
  const char *from = buffer;

  while (length > 0)
    {
      uint32_t size = shm->geo.page_size;
      size_t skip = (size_t) (offset & (size - 1));
      size_t n = size - skip < length ? size - skip : length;
      /* A page that is covered whole need not be read. */
      unsigned flags
          = ORIEL_WRITE | ORL_HOLD_COPY | (n == size ? ORIEL_FRESH : 0);
      struct orl_hold h;
      bool lost;
      int r = orl_hold (me, file, offset >> shm->geo.page_shift, flags, &h);

      if (r < 0)
        return r;
      r = copy_in (me, file, &h, skip, from, n);
      ORL_POINT ("io.copied");
      lost = orl_is_lost (shm, h.frame);
      if (r == 0 && !lost)
        orl_hold_dirty (file, h.frame, offset + n, 0);
      else if (h.fresh)
        orl_frame_flag (&shm->frames[h.frame], ORL_STALE);
      orl_hold_end (shm, &me->ledger->pins[h.entry]);
      if (r < 0)
        return r;
      if (lost) /* once more, into another frame */
        continue;
      offset += n;
      from += n;
      length -= n;
    }
  return 0;
}

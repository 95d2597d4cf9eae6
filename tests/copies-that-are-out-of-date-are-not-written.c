/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flush copies pages, has the log flushed, and then writes the copies.  What
 * others do to the pages between is not undone: a copy is not written over what
 * another has written since, nor beside another who is just writing the page, nor
 * when the frame has another page by then, nor before its own log is durable; and
 * the other pages of the flush are written.  Nor is a copy of memory that was
 * missing, when another has read the page again and redone what its log says.
 */
#include "cut.h"

#include <stdbool.h>

#include "sys.h"

#define PAGES 8
#define LOGGED (PAGES - 1)      /* the page whose log has to be flushed */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_futex_wait) (uint32_t *, uint32_t, unsigned);
static oriel_pool *pool;
static oriel_file *file, *other;
static uint64_t lsn;
static unsigned calls;          /* of the log's callback */
static int log_result;          /* of the second */
static void *(*meanwhile) (void *);

static uint32_t lost;           /* the frame of page 0, whose memory goes */
static uint64_t first_lsn;      /* of page 0 */
static bool is_to_lose;         /* after the log's callback was called */
static unsigned zeroes;         /* written to page 0 */

static atomic_int written[PAGES]; /* the tag that the store has */
static _Thread_local bool is_other;
static atomic_int hold;         /* the other's write of page 0: 1 wanted, 2 it is held,
                                   3 and may go on */
static atomic_int beside;       /* writes of page 0 meanwhile */

static void
change (uint64_t number, uint64_t tag, uint64_t its)
{
  oriel_page page = must_pin (file, number, ORIEL_WRITE);

  stamp (page.data, 4096, tag, number);
  must (oriel_dirty (&page, its), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
}

static ssize_t
note_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  uint64_t number = (uint64_t) at / 4096;

  for (int i = 0; i < n; i++, number++) {
    if (number == 0 && is_other && atomic_load (&hold) == 1) {
      atomic_store (&hold, 2);
      while (atomic_load (&hold) == 2)
        sched_yield ();
    }
    else if (number == 0 && atomic_load (&hold) == 2) {
      beside++;
      atomic_store (&hold, 3);
    }
    zeroes += number == 0 && is_zero (iov[i].iov_base, 4096);
    for (int tag = 1; tag < 10 && number < PAGES; tag++)
      if (is_stamped (iov[i].iov_base, 4096, (uint64_t) tag, number))
        written[number] = tag;
  }
  return real_pwritev (fd, iov, n, at);
}

/* Who waits for the other has not written beside it. */
static int
note_futex_wait (uint32_t *word, uint32_t value, unsigned ms)
{
  int was = 2;

  if (!is_other)
    atomic_compare_exchange_strong (&hold, &was, 3);
  return real_futex_wait (word, value, ms);
}

static int
flush_log (void *arg, uint64_t upto)
{
  (void) arg, (void) upto;
  if (is_other)
    return 0;
  /* Before the copies: so one of them wants the log flushed once more. */
  if (++calls == 1) {
    if (is_to_lose)
      change (0, 1, ++lsn);
    change (LOGGED, 2, ++lsn);
    if (is_to_lose)
      punch_file (pool_path ("test"), place_of (pool, lost), 4096);
  }
  if (calls != 2)
    return 0;
  if (log_result == 0)
    must (oriel_file_durable (file, lsn), "oriel_file_durable");
  if (meanwhile)
    in_thread (meanwhile, NULL);
  return log_result;
}

/* ------------------------------------------------------------------ */

static void *
writes_newer (void *arg)
{
  is_other = true;
  change (0, 2, 0);
  must (oriel_flush (file), "oriel_flush");
  change (0, 3, 0);
  return arg;
}

/* The frame that page 0 had has another then. */
static void *
writes_newer_elsewhere (void *arg)
{
  is_other = true;
  must (oriel_flush (file), "oriel_flush");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 0; i < oriel_pool_frames (pool); i++)
    page_is_stamped (pool, other, i, 1);
  change (0, 2, 0);
  must (oriel_flush (file), "oriel_flush");
  return arg;
}

static pthread_t beside_us;

static void *
is_just_writing (void *arg)
{
  is_other = true;
  must (oriel_flush (file), "oriel_flush");
  return arg;
}

static void *
starts_to_write (void *arg)
{
  atomic_store (&hold, 1);
  beside_us = start_thread (is_just_writing, NULL);
  while (atomic_load (&hold) == 1)
    sched_yield ();
  return arg;
}

static void *
drops_the_first (void *arg)
{
  is_other = true;
  must (oriel_file_drop_pages (file, 0, 1), "oriel_file_drop_pages");
  return arg;
}

/* Into the frame that it had. */
static void *
reads_and_redoes (void *arg)
{
  oriel_page page;
  bool was_lost = false;
  int tries = 0;

  is_other = true;
  for (;; tries++) {
    page = must_pin (file, 0, ORIEL_WRITE);
    was_lost = was_lost || page.frame != lost;
    if ((page.frame == lost && was_lost) || tries == 10000)
      break;
    oriel_unpin (&page);
    must (oriel_file_drop_pages (file, 0, 1), "oriel_file_drop_pages");
  }
  is_int (page.frame, lost, "it is read again into the same frame");
  stamp (page.data, 4096, 1, 0);
  must (oriel_dirty (&page, first_lsn), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  return arg;
}

/* Flush pages of which each but the last has an lsn if that is wanted, all of them
 * durable. */
static int
flush_with (void *(*what) (void *), bool log)
{
  first_lsn = lsn + 1;
  for (uint64_t i = 0; i < LOGGED; i++)
    change (i, 1, log ? ++lsn : 0);
  must (oriel_file_durable (file, lsn), "oriel_file_durable");
  change (LOGGED, 1, ++lsn);
  memset (written, 0, sizeof written);
  calls = 0;
  meanwhile = what;
  return oriel_flush (file);
}

static unsigned
in_store (uint64_t from, int tag)
{
  char page[4096];
  unsigned n = 0;

  for (uint64_t i = from; i < LOGGED; i++) {
    plain_read (scratch_file ("data"), (off_t) i * 4096, page, sizeof page);
    n += (unsigned) is_stamped (page, sizeof page, (uint64_t) tag, i);
  }
  return n;
}

static void
lose_what_is_copied (void)
{
  oriel_page page;

  if (!holes_fault () || !holes_can_be ()) {
    diag ("no holes: they cannot be made, or are not told");
    return;
  }
  page = must_pin (file, 0, ORIEL_OPTIMISTIC);
  lost = page.frame;
  must (oriel_unpin (&page), "oriel_unpin");
  is_to_lose = true;
  zeroes = 0;
  is_rc (flush_with (reads_and_redoes, true), -EIO,
         "a page loses its memory before it is copied");
  is_int (zeroes, 0, "no zeroes are written");
  is_to_lose = false;
  meanwhile = NULL;
  oriel_flush (file);
  is_int (in_store (0, 1), LOGGED, "but what was redone");
}

int
main (void)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = MiB;
  opt.window_size = 256 * KiB;
  opt.slot_size = 16 * KiB;
  opt.flags |= ORIEL_HOLES;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  make_stamped_file (scratch_file ("other"), 4096, oriel_pool_frames (pool), 0,
                     1);
  other = must_open_file (pool, scratch_file ("other"), ORIEL_RDONLY);
  must (oriel_file_on_flush_log (file, flush_log, NULL),
        "oriel_file_on_flush_log");
  real_pwritev = orl_sys.pwritev;
  real_futex_wait = orl_sys.futex_wait;
  orl_sys.pwritev = note_pwritev;
  orl_sys.futex_wait = note_futex_wait;

  is_rc (flush_with (writes_newer, false), 0, "a page is changed twice");
  ok (calls >= 2, "while it waits for its log");
  is_int (written[0], 3, "the store has the last of it");
  is_int (in_store (1, 1), LOGGED - 1, "and all others");

  is_rc (flush_with (writes_newer_elsewhere, false), 0,
         "a page comes into another frame");
  is_int (written[0], 2, "and is not written from the old one");
  is_int (in_store (1, 1), LOGGED - 1, "all others are there");

  is_rc (flush_with (starts_to_write, false), 0,
         "another is just writing the page");
  pthread_join (beside_us, NULL);
  is_int (beside, 0, "it is not written beside that");
  is_int (in_store (0, 1), LOGGED, "and is written");

  is_rc (flush_with (drops_the_first, true), 0, "a page is dropped");
  is_int (written[0], 0, "it is not written");
  is_int (in_store (1, 1), LOGGED - 1, "and all others are");
  is_int (written[LOGGED], 2, "with the last");

  log_result = -EIO;
  is_rc (flush_with (drops_the_first, true), -EIO, "the log cannot be flushed");
  is_int (written[LOGGED], 0, "what wants it is not written");
  log_result = 0;
  must (oriel_flush (file), "oriel_flush");
  lose_what_is_copied ();
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

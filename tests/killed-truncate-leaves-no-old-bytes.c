/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that dies anywhere in oriel_file_truncate() has cut the file or has
 * not: no byte from behind the new end is seen again when the file grows, in pool
 * or store; nothing that is before it is lost, and nothing that is written after
 * the death, whatever was cut off before, nor what another was just writing there.
 * One that dies before its change of a page is whole has not made the file longer.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include <stdbool.h>

#include "point.h"
#include "sys.h"

#define PAGES 12                /* before */
#define CUT (4 * 4096 + 100)
#define GROWN 10                /* the page that is written after */

static const char *const points[] = {
  "cut.said",      "cut.taken",       "cut.written",  "cut.begun",
  "cut.checked",
  "seen.begun",    "cut.store",       "file.drop.stale", "cut.dropped",
  "cut.zeroed",
  "cut.zeroed.even", "image.released", "cut.sized",   "cut.even",
  "cut.give",      "cut.given",       "file.cut.released",
};

static oriel_pool *
cut_pool (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 64 * 4096;
  return must_open_pool ("test", &opt);
}

/* Even pages are dirty, odd ones as the store has them. */
static uint64_t
tag_of (uint64_t page)
{
  return page % 2 ? 1 : 2;
}

static int
cuts (void *arg)
{
  oriel_pool *pool = cut_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page other;

  /* Of this one nothing is left that the next could be taken for. */
  must (oriel_file_truncate (file, 2 * PAGES * 4096), "oriel_file_truncate");
  must (oriel_file_truncate (file, CUT - 50), "oriel_file_truncate");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_sync (file), "oriel_sync");
  for (uint64_t i = 0; i < PAGES; i++)
    if (i % 2 == 0)
      stamp_page (pool, file, i, 2);
    else if (!page_is_stamped (pool, file, i, 1))
      return 1;
  other = must_pin (file, 1, ORIEL_WRITE);
  memset (other.data, 0xee, 1000);
  orl_point_arm (arg, 1);
  return oriel_file_truncate (file, CUT) == 0 ? 2 : 3;
}

static uint64_t
size_now (oriel_file *file)
{
  oriel_page page = must_pin (file, 100, ORIEL_READ); /* who comes, repairs */

  must (oriel_unpin (&page), "oriel_unpin");
  return oriel_file_size (file);
}

static int
count_old (const unsigned char *bytes, bool cut)
{
  unsigned char page[4096];
  int bad = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    size_t keep = i < 4 ? 4096 : i == 4 ? 100 : 0;

    stamp (page, 4096, i == GROWN ? 7 : tag_of (i), i);
    if (i == GROWN || !cut)
      keep = 4096;
    memset (page + keep, 0, 4096 - keep);
    if (cut && i > GROWN) /* behind the end */
      continue;
    bad += memcmp (bytes + i * 4096, page, 4096) != 0;
  }
  return bad;
}

static void
dies_at (const char *point, bool alone)
{
  static unsigned char bytes[PAGES * 4096];
  oriel_pool *pool = NULL;
  oriel_file *file = NULL;
  uint64_t size;
  bool cut;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  if (!alone) {
    pool = cut_pool ();
    file = must_open_file (pool, scratch_file ("data"), 0);
  }
  if (!is_int (in_child (cuts, (void *) (uintptr_t) point), 128 + SIGKILL,
               "a process dies in a truncation"))
    diag ("not at %s", point);
  if (alone) {
    pool = cut_pool ();
    file = must_open_file (pool, scratch_file ("data"), 0);
  }
  /* Whoever writes next writes to a file that is cut, or is not for good. */
  stamp_page (pool, file, GROWN, 7);
  size = size_now (file);
  cut = size < PAGES * 4096;
  ok (size == PAGES * 4096 || size == (GROWN + 1) * 4096,
      "%s, %s: the file is %s", point, alone ? "alone" : "with another",
      cut ? "cut" : "whole");
  must (oriel_read (file, 0, bytes, sizeof bytes, NULL), "oriel_read");
  is_int (count_old (bytes, cut), 0, "the pool's pages are right");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  must (oriel_sync (file), "oriel_sync");
  is_int ((long long) oriel_file_size (file), (long long) size,
          "its size stays");
  is_int ((long long) plain_size (scratch_file ("data")), (long long) size,
          "and is the store's");
  memset (bytes, 0, sizeof bytes);
  plain_read (scratch_file ("data"), 0, bytes, sizeof bytes);
  is_int (count_old (bytes, cut), 0, "the store's pages are right");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* Make the file longer, and die at the point. */
static int
grows (void *arg)
{
  oriel_pool *pool = cut_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, PAGES + 3, ORIEL_WRITE);

  stamp (page.data, 4096, 9, PAGES + 3);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  orl_point_arm (arg, 1);
  must (oriel_unpin (&page), "oriel_unpin");
  return 1;
}

static void
grows_until (const char *point, bool whole)
{
  oriel_pool *pool = cut_pool ();
  oriel_file *file;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_int (in_child (grows, (void *) (uintptr_t) point), 128 + SIGKILL,
          "a writer dies");
  ok (whole ? page_is_stamped (pool, file, PAGES + 3, 9)
            : size_now (file) == PAGES * 4096,
      "%s: its page is %s", point, whole ? "there" : "not");
  is_int ((long long) oriel_file_size (file),
          (long long) (whole ? PAGES + 4 : PAGES) * 4096, "the size says so");
  must (oriel_sync (file), "oriel_sync");
  is_int ((long long) plain_size (scratch_file ("data")),
          (long long) (whole ? PAGES + 4 : PAGES) * 4096, "also the store's");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static oriel_file *data;
static steps step;
static __thread bool slow;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);

static ssize_t
slow_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  if (slow) {
    go_to (&step, 1);
    await (&step, 2);
  }
  return real_pwritev (fd, iov, n, at);
}

static void *
writes_slowly (void *arg)
{
  slow = true;
  is_rc (oriel_flush (data), 0, "the write ends");
  return arg;
}

static void *
cuts_it_again (void *arg)
{
  is_rc (oriel_flush (data), 0, "the store is cut");
  return arg;
}

static int
dies_cutting (void *arg)
{
  oriel_pool *pool = cut_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  orl_sys.pwritev = real_pwritev;
  orl_point_arm ("cut.checked", 1);
  oriel_file_truncate (file, CUT);
  (void) arg;
  return 1;
}

/* A page behind the end is on its way to the store: who cuts that waits. */
static void
beside_a_write (void)
{
  unsigned char bytes[4096];
  pthread_t writer, cutter;
  oriel_pool *pool;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = cut_pool ();
  data = must_open_file (pool, scratch_file ("data"), 0);
  stamp_page (pool, data, 6, 3);
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = slow_pwritev;
  writer = start_thread (writes_slowly, NULL);
  await (&step, 1);
  is_int (in_child (dies_cutting, NULL), 128 + SIGKILL,
          "one dies that cuts a file, and another writes");
  stamp_page (pool, data, GROWN, 7);
  cutter = start_thread (cuts_it_again, NULL);
  usleep (100 * 1000);
  go_to (&step, 2);
  pthread_join (writer, NULL);
  pthread_join (cutter, NULL);
  orl_sys.pwritev = real_pwritev;
  plain_read (scratch_file ("data"), 6 * 4096, bytes, sizeof bytes);
  ok (is_zero (bytes, sizeof bytes), "what was cut off is not in the store");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  must (oriel_read (data, 6 * 4096, bytes, sizeof bytes, NULL), "oriel_read");
  ok (is_zero (bytes, sizeof bytes), "nor in the pool");
  must (oriel_file_close (data), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  pool_dir (); /* the children's, too */
  for (size_t i = 0; i < COUNT (points); i++) {
    dies_at (points[i], false);
    dies_at (points[i], true);
  }
  grows_until ("latch.release", false);
  grows_until ("latch.release.even", true);
  grows_until ("grow.even", true);
  grows_until ("grow.sized", true);
  grows_until ("latch.release.forgotten", true);
  beside_a_write ();
  return done_testing ();
}

#endif

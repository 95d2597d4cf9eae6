/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pin_many() gives each page that was asked for, in the caller's order, or
 * says why not and leaves none pinned.
 */
#include "window.h"

#define PAGES 400
#define MOST 60

static oriel_pool *pool;
static oriel_file *file;
static uint64_t seed;

/* Pins of count random pages, some in runs, checked and given back. */
static int
good_round (unsigned count, unsigned flags)
{
  uint64_t numbers[MOST] = { 0 };
  oriel_page pages[MOST];
  unsigned good = 0;

  for (unsigned i = 0; i < count; i++)
    numbers[i] = i > 0 && next_random (&seed) % 2
                     ? (numbers[i - 1] + 1) % PAGES
                     : next_random (&seed) % PAGES;
  must (oriel_pin_many (file, numbers, count, flags, pages), "oriel_pin_many");
  for (unsigned i = 0; i < count; i++)
    good += pages[i].number == numbers[i]
            && is_stamped (pages[i].data, 4096, 1, numbers[i]);
  for (unsigned i = 0; i < count; i++)
    must (oriel_unpin (&pages[i]), "oriel_unpin");
  return good == count;
}

static int
all_rounds_good (unsigned flags)
{
  int good = 0;

  for (int i = 0; i < 100; i++)
    good += good_round (1 + (unsigned) (next_random (&seed) % 14), flags);
  return good == 100;
}

static void
refuse (const uint64_t *numbers, size_t count, unsigned flags, int error,
        const char *what)
{
  oriel_page pages[MOST];

  is_rc (oriel_pin_many (file, numbers, count, flags, pages), error, what);
  is_int ((long long) get_stats (pool).pins, 0, "and nothing stays pinned");
}

/* Frames that had pages of another file are given to fresh ones: what is not
 * pinned in the end has nothing of those. */
static void
fail_fresh (oriel_pool *p)
{
  static const uint64_t twice[] = { 5, 6, 6 };
  oriel_file *other = must_open_file (p, scratch_file ("other"), 0);
  oriel_page page[3];
  char bytes[4096];

  for (uint64_t i = 0; i < 2 * PAGES; i++)
    must (oriel_read (other, i * 4096, bytes, 4096, NULL), "oriel_read");
  is_rc (oriel_pin_many (file, twice, 3, ORIEL_WRITE | ORIEL_FRESH, page),
         -EDEADLK, "fresh pages, one of them twice");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_sync (file), "oriel_sync");
  plain_read (scratch_file ("data"), 5 * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 1, 5) || is_zero (bytes, 4096),
      "are as before, or zeroes");
}

static void
try (uint32_t backend)
{
  static const uint64_t twice[] = { 5, 9, 5 };
  static const uint64_t far[] = { 1, UINT64_C (1) << 60 };
  static const uint64_t cold[] = { PAGES - 1, 0, 1, 2 };
  oriel_options opt = test_options ();
  uint64_t many[MOST];
  oriel_page page[3];

  opt.slot_size = 4096;
  opt.window_size = 16 * 4096;
  opt.pool_size = PAGES * 4096 * 2;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  refuse (cold, 4, ORIEL_READ | ORIEL_NOWAIT, -EAGAIN,
          "pages that would have to be read");
  ok (all_rounds_good (ORIEL_READ), "pins for reading");
  ok (all_rounds_good (ORIEL_OPTIMISTIC), "optimistic pins");
  is_rc (oriel_pin_many (file, twice, 3, ORIEL_READ, page), 0,
         "a page twice, for reading");
  for (int i = 0; i < 3; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  refuse (twice, 3, ORIEL_WRITE, -EDEADLK, "a page twice, for writing");
  refuse (far, 2, ORIEL_READ, -EFBIG, "a page that no file can have");
  for (uint64_t i = 0; i < MOST; i++)
    many[i] = i;
  refuse (many, 17, ORIEL_OPTIMISTIC, -ENOBUFS, "more pages than slots");
  is_rc (oriel_pin_many (file, many, 0, ORIEL_READ, page), 0, "no pages");
  is_rc (oriel_pin_many (file, many, ORIEL_THREAD_PINS + 1, 0, page), -ENOBUFS,
         "more than a thread can have");
  is_rc (oriel_pin_many (file, NULL, 1, 0, page), -EINVAL, "no numbers");
  fail_fresh (pool);
  must (oriel_file_close (file), "oriel_file_close");

  file = must_open_file (pool, scratch_file ("data"), ORIEL_RDONLY);
  refuse (many, 2, ORIEL_WRITE, -EACCES, "for writing, read-only");
  must (oriel_file_close (file), "oriel_file_close");

  file = must_open_file (pool, scratch_file ("new"), ORIEL_CREATE);
  is_rc (oriel_pin_many (file, twice, 2, ORIEL_WRITE | ORIEL_FRESH, page), 0,
         "fresh pages");
  for (int i = 0; i < 2; i++) {
    ok (is_zero (page[i].data, 4096), "are zeroes");
    stamp (page[i].data, 4096, 1, twice[i]);
    must (oriel_dirty (&page[i], 0), "oriel_dirty");
    must (oriel_unpin (&page[i]), "oriel_unpin");
  }
  ok (page_is_stamped (pool, file, 9, 1), "and keep what is written");
  must (oriel_file_close (file), "oriel_file_close");
  unlink (scratch_file ("new"));
  end_window (pool);
}

int
main (void)
{
  seed = test_seed ();
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("other"), 4096, 2 * PAGES, 0, 2);
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  return done_testing ();
}

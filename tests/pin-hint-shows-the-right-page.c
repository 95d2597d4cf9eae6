/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pin_hint() shows the page that was asked for, whatever the hint: its
 * frame, that of another page or of another file, one that it has left, or a
 * number that is none.
 */
#include "util.h"

#define PAGE ((size_t) 4096)
#define PAGES 64

static oriel_pool *pool;
static oriel_file *files[2];

/* How often hint leads to another page than number of files[which]. */
static unsigned
wrong_pages (int which, const uint32_t *hints, unsigned flags)
{
  unsigned wrong = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page;

    if (oriel_pin_hint (files[which], i, hints[i], flags, &page))
      bail_out ("oriel_pin_hint: %s", oriel_error ());
    wrong += page.number != i || page.file != files[which]
             || !is_stamped (page.data, PAGE, 1 + (uint64_t) which, i);
    oriel_unpin (&page);
  }
  return wrong;
}

static void
take_hints (int which, uint32_t *hints)
{
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page;

    if (oriel_pin (files[which], i, ORIEL_READ, &page))
      bail_out ("oriel_pin: %s", oriel_error ());
    hints[i] = page.frame;
    oriel_unpin (&page);
  }
}

static uint64_t
misses (void)
{
  oriel_stats stats = { .struct_size = sizeof stats };

  oriel_pool_stats (pool, &stats);
  return stats.misses;
}

static const unsigned flags[]
    = { ORIEL_READ, ORIEL_OPTIMISTIC, ORIEL_WRITE, ORIEL_NOWAIT };

static void
check_hints (const char *what, int which, const uint32_t *hints)
{
  for (size_t f = 0; f < COUNT (flags); f++)
    ok (wrong_pages (which, hints, flags[f]) == 0, "%s, flags %#x", what,
        flags[f]);
}

int
main (void)
{
  uint32_t hints[2][PAGES], odd[PAGES];
  oriel_page page;
  uint64_t before;

  pool = test_pool ();
  for (int which = 0; which < 2; which++) {
    const char *path = scratch_file (which ? "b" : "a");

    make_stamped_file (path, PAGE, PAGES, 0, 1 + (uint64_t) which);
    files[which] = must_open_file (pool, path, 0);
    take_hints (which, hints[which]);
  }

  check_hints ("the right frames", 0, hints[0]);
  check_hints ("frames of another file's pages", 0, hints[1]);
  for (unsigned i = 0; i < PAGES; i++)
    odd[i] = hints[0][(i + 1) % PAGES];
  check_hints ("frames of other pages", 0, odd);
  for (unsigned i = 0; i < PAGES; i++)
    odd[i] = UINT32_MAX - i;
  check_hints ("no frames", 0, odd);

  /* The pages come back elsewhere: at the other file's. */
  oriel_file_drop (files[0]);
  oriel_file_drop (files[1]);
  oriel_pool_evict (pool, NULL);
  for (uint64_t i = 0; i < PAGES; i++)
    odd[i] = hints[0][i];
  take_hints (1, hints[1]);
  before = misses ();
  ok (wrong_pages (0, odd, ORIEL_READ) == 0, "frames that the pages have left");
  ok (misses () > before, "they were read again");

  is_rc (oriel_pin_hint (NULL, 0, 0, 0, &page), -EINVAL, "no file");
  is_rc (oriel_pin_hint (files[0], 0, 0, 0, NULL), -EINVAL, "no page");
  is_rc (oriel_pin_hint (files[0], 0, 0, ORIEL_FRESH, &page), -EINVAL,
         "flags that clash");
  return done_testing ();
}

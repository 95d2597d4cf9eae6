/* SPDX-License-Identifier: BSD-2-Clause */
/* A pin with ORIEL_SHOWN is -EAGAIN for a page that is not in the pool, or that no
 * slot shows, and neither reads nor remaps anything for it.  It is a use of the
 * page like others. */
#include "util.h"

#include <stdbool.h>

#include "attach.h"

#define PAGES 200

static const unsigned ways[] = {
  ORIEL_SHOWN, ORIEL_SHOWN | ORIEL_OPTIMISTIC,
  ORIEL_SHOWN | ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD,
};

static oriel_pool *pool;
static oriel_file *file;

/* All kinds of pins of the page give rc. */
static bool
all_give (uint64_t number, int rc)
{
  bool good = true;

  for (size_t i = 0; i < COUNT (ways); i++) {
    oriel_page page;
    int r = oriel_pin (file, number, ways[i], &page);

    good &= r == rc;
    if (r == 0) {
      good &= is_stamped (page.data, 4096, 1, number);
      must (oriel_unpin (&page), "oriel_unpin");
    }
  }
  return good;
}

/* Since the hand passed. */
static bool
all_are_uses (uint64_t number)
{
  bool good = true;

  for (size_t i = 0; i < COUNT (ways); i++) {
    oriel_page page = must_pin (file, number, ORIEL_OPTIMISTIC);
    uint32_t frame = page.frame;

    must (oriel_unpin (&page), "oriel_unpin");
    atomic_store (&pool->shm.frames[frame].ref, 0);
    page = must_pin (file, number, ways[i]);
    must (oriel_unpin (&page), "oriel_unpin");
    good &= atomic_load (&pool->shm.frames[frame].ref) != 0;
  }
  return good;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_stats before, after;
  oriel_page held[PAGES];
  char bytes[4096];
  int shown = 0, n = 0;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  opt.pool_size = 4 * MiB;
  opt.window_size = 64 * KiB;
  opt.slot_size = 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);

  before = get_stats (pool);
  ok (all_give (5, -EAGAIN), "a page that is not in the pool");
  ok (strstr (oriel_error (), "not in the pool") != NULL, "is so named");
  is_rc (oriel_pin (NULL, 0, 0, held), -EINVAL, "another error");
  ok (strstr (oriel_error (), "not in the pool") == NULL,
      "has a text of its own: %s", oriel_error ());
  after = get_stats (pool);
  is_int ((long long) (after.reads - before.reads), 0, "nothing is read");

  for (uint64_t i = 0; i < PAGES; i++)
    must (oriel_read (file, i * 4096, bytes, sizeof bytes, NULL),
          "oriel_read");
  before = get_stats (pool);
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page;
    int r = oriel_pin (file, i, ORIEL_SHOWN | ORIEL_OPTIMISTIC, &page);

    if (r == 0) {
      shown++;
      must (oriel_unpin (&page), "oriel_unpin");
      ok (all_give (i, 0), "a page that is shown, %d", (int) i);
    } else if (!all_give (i, -EAGAIN))
      n++;
  }
  after = get_stats (pool);
  is_int (n, 0, "pages that are not are -EAGAIN, in all ways");
  ok (shown <= 16, "%d are shown, of a window of 16 slots", shown);
  is_int ((long long) (after.swaps + after.installs - before.swaps
                       - before.installs),
          0, "no slot was remapped");

  held[0] = must_pin (file, 7, ORIEL_OPTIMISTIC);
  ok (all_give (7, 0), "what an ordinary pin shows is at hand");
  ok (all_are_uses (7), "and is used by that");
  must (oriel_unpin (&held[0]), "oriel_unpin");
  for (n = 0; n < 40; n++)
    if (oriel_pin (file, 7, ways[2], &held[n]) < 0)
      break;
  is_int (n, 40, "and can be pinned for any thread 40 times");
  is_int ((long long) get_stats (pool).pins, 40, "each of them counts");
  while (n > 0)
    must (oriel_unpin (&held[--n]), "oriel_unpin");
  is_int ((long long) get_stats (pool).pins, 0, "and ends");
  is_rc (oriel_pin_many (file, (uint64_t[]){ 7 }, 1, ORIEL_SHOWN, held),
         -EINVAL, "not with oriel_pin_many()");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

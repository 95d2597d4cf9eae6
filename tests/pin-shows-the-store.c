/* SPDX-License-Identifier: BSD-2-Clause */
/* A pinned page shows what the store has, at an address that stays. */
#include "util.h"

#define PAGES 40

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_page pages[PAGES], again;
  oriel_pool *pool;
  oriel_file *file;
  char tail[4096];
  int good = 0;

  make_stamped_file (path, 4096, PAGES - 1, 1000, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  is_int ((long long) oriel_file_size (file), (PAGES - 1) * 4096 + 1000,
          "the size is the store's");
  for (uint64_t i = 0; i < PAGES; i++)
    pages[i] = must_pin (file, i, ORIEL_READ);
  for (uint64_t i = 0; i < PAGES; i++)
    good += pages[i].number == i && pages[i].file == file
            && (i == PAGES - 1
                || is_stamped (pages[i].data, 4096, 1, i));
  is_int (good, PAGES, "number, file and content are right");
  stamp (tail, sizeof tail, 1, PAGES - 1);
  ok (memcmp (pages[PAGES - 1].data, tail, 1000) == 0
      && is_zero ((char *) pages[PAGES - 1].data + 1000, 3096),
      "the last page is what the file has, then zeroes");
  again = must_pin (file, 7, ORIEL_READ);
  ok (again.data == pages[7].data, "pinned twice it is at one address");
  is_rc (oriel_unpin (&pages[7]), 0, "one of the pins goes");
  ok (is_stamped (again.data, 4096, 1, 7), "the other still holds");
  must (oriel_unpin (&again), "oriel_unpin");
  for (int i = 0; i < PAGES; i++)
    if (i != 7)
      must (oriel_unpin (&pages[i]), "oriel_unpin");
  is_int ((long long) get_stats (pool).pins, 0, "no pin is left");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While every frame of the pool is pinned by others, databases go on without
 * it, coherently: what is written then is seen through the pool later, and what
 * the pool had is not seen again.
 */
#include "vfs.h"

static oriel_page *pages;
static int npages;

/* Pin all that can be pinned. */
static void
fill (oriel_file *file, int most)
{
  while (npages < most
         && oriel_pin (file, (uint64_t) npages,
                       ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD, &pages[npages])
                == 0)
    npages++;
}

static void
clear (void)
{
  while (npages > 0)
    must (oriel_unpin (&pages[--npages]), "oriel_unpin");
}

static void
with (const char *journal, int page_size, oriel_file *file, uint64_t seed)
{
  const char *path = scratch_file ("ours.db");
  const char *other = scratch_file ("stock.db");
  uint64_t one = seed;
  uint64_t two = seed;
  sqlite3 *db = must_open_db (path, "oriel", "pool=full");
  sqlite3 *stock = open_stock (other);
  int wrong = 0;

  run (db, "PRAGMA page_size = %d; PRAGMA journal_mode = %s;"
           "PRAGMA synchronous = OFF; PRAGMA cache_size = 5;"
           "PRAGMA wal_autocheckpoint = 20; PRAGMA mmap_size = 100000000",
       page_size, journal);
  run (stock, "PRAGMA synchronous = OFF");
  make_schema (db);
  make_schema (stock);
  for (int i = 0; i < 80; i++) {
    /* No frame at all, all of them, or a few. */
    if (i % 20 == 5)
      fill (file, 1000);
    if (i % 20 == 10) {
      clear ();
      usleep (150000); /* the VFS asks a full pool again after a while */
    }
    if (i % 40 == 15)
      fill (file, 60);
    random_transaction (db, &one);
    random_transaction (stock, &two);
    if (i % 5 == 0)
      wrong += content_hash (db) != content_hash (stock);
  }
  clear ();
  ok (wrong == 0, "%s, pages of %d: the content was right at any time",
      journal, page_size);
  ok (content_hash (db) == content_hash (stock), "it is at the end");
  ok (stat_of (db, "hits") > 200, "the pool was used between");
  close_db (db);
  stock_agrees (path, content_hash (stock), journal);
  close_db (stock);
  unlink (path);
  unlink (other);
}

int
main (void)
{
  const char *ballast = scratch_file ("ballast");
  uint64_t seed = test_seed ();
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;

  opt.pool_size = 64 * 4096;
  pages = calloc (1000, sizeof *pages);
  make_stamped_file (ballast, 4096, 1000, 0, 1);
  pool = must_open_pool ("full", &opt);
  file = must_open_file (pool, ballast, ORIEL_RDONLY);
  fill (file, 1000);
  ok (npages >= 32, "the pool can be filled with pins (%d)", npages);
  clear ();
  with ("DELETE", 4096, file, seed);
  with ("WAL", 4096, file, seed + 1);
  with ("WAL", 1024, file, seed + 2);
  with ("DELETE", 16384, file, seed + 3);
  with ("PERSIST", 512, file, seed + 4);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  free (pages);
  return done_testing ();
}

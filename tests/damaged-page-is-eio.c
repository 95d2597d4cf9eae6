/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that does not pass its check after reading is -EIO to whoever wants
 * it, the text names file and page, the statistics count it, and it is not in
 * the pool.  Its neighbours, which are read with it, are.
 */
#include "hooked.h"

#define PAGES 64
#define BAD 21

static struct hooked hook = { .key = 42, .page_size = 4096 };

static void
flip (const char *path)
{
  unsigned char byte;

  plain_read (path, BAD * 4096 + 100, &byte, 1);
  byte ^= 0x10;
  plain_write (path, BAD * 4096 + 100, &byte, 1);
}

static void
count_page (void *arg, const oriel_page_info *info)
{
  *(int *) arg += info->number == BAD;
}

static void
fails (oriel_pool *pool, oriel_file *file, const char *how)
{
  uint64_t before = get_stats (pool).pages_damaged;
  oriel_page page;
  int there = 0;

  is_rc (oriel_pin (file, BAD, ORIEL_READ, &page), -EIO, how);
  ok (strstr (oriel_error (), "data: page 21 is damaged") != NULL,
      "the text names file and page: %s", oriel_error ());
  is_int ((long long) (get_stats (pool).pages_damaged - before), 1,
          "it is counted");
  must (oriel_file_pages (file, count_page, &there), "oriel_file_pages");
  is_int (there, 0, "it is not in the pool");
}

static void
run (uint32_t store)
{
  const char *path = scratch_file ("data");
  oriel_options opt = test_options ();
  uint64_t numbers[3] = { BAD - 1, BAD, BAD + 1 };
  oriel_page page, three[3];
  oriel_pool *pool;
  oriel_file *file;
  char bytes[4096];
  int good = 0;

  opt.store = store;
  unlink (path);
  pool = must_open_pool (oriel_store_name (store), &opt);
  diag ("store %s", oriel_store_name (store));
  file = must_open_file (pool, path, ORIEL_CREATE);
  must_hook (file, &hook);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  flip (path);
  fails (pool, file, "a pin");
  fails (pool, file, "another");
  is_rc (oriel_read (file, BAD * 4096, bytes, 1, NULL), -EIO, "a copy");
  is_rc (oriel_pin (file, BAD, ORIEL_WRITE, &page), -EIO, "a pin to write");
  is_rc (oriel_pin_many (file, numbers, 3, ORIEL_READ, three), -EIO,
         "a pin of three");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  for (uint64_t i = 0; i < PAGES; i++)
    good += i != BAD && hooked_is_stamped (file, i, 1);
  is_int (good, PAGES - 1, "all others are there, read in order");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  oriel_prefetch (file, 0, PAGES);
  for (uint64_t i = good = 0; i < PAGES; i++)
    good += i != BAD && hooked_is_stamped (file, i, 1);
  is_int (good, PAGES - 1, "and prefetched");
  fails (pool, file, "a pin after that");

  flip (path);
  ok (hooked_is_stamped (file, BAD, 1), "when the store has it again it is good");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  flip (path);
  stamp_page (pool, file, BAD, 2);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  ok (hooked_is_stamped (file, BAD, 2), "and when it is written anew");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is whole");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  run (ORIEL_STORE_POSIX);
  run (ORIEL_STORE_AUTO);
  return done_testing ();
}

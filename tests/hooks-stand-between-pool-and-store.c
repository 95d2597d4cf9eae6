/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a before-write hook makes of pages is in the store and not in the pool,
 * and after-read hooks see every page that comes in, on each of the ways:
 * alone, with its neighbours, ahead, by lists, into slots and past them.
 */
#include "hooked.h"

#define PAGES 300
#define TAIL 1000               /* bytes of a last page that is not whole */

static struct hooked hook = { .key = 0x1122334455667788, .page_size = 4096 };

static int
in_store (const char *path, uint64_t number)
{
  unsigned char page[4096];
  uint64_t sum;

  plain_read (path, (off_t) number * 4096, page, 4096);
  if (is_stamped (page, 4088, 7, number))
    return 0;
  hooked_turn (&hook, page, 4096);
  memcpy (&sum, page + 4088, 8);
  return is_stamped (page, 4088, 7, number)
         && sum == hooked_sum (page, 4088, number);
}

static void
reads (oriel_pool *pool, oriel_file *file)
{
  uint64_t list[PAGES], seed = test_seed (), before;
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    list[i] = next_random (&seed) % PAGES;

  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  before = atomic_load (&hook.reads);
  for (uint64_t i = 0; i < PAGES; i++)
    good += hooked_is_stamped (file, i, 7);
  is_int (good, PAGES, "pins in order");
  ok (atomic_load (&hook.reads) >= before + PAGES, "each was seen");

  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  for (uint64_t i = good = 0; i < PAGES; i++)
    good += hooked_is_stamped (file, list[i], 7);
  is_int (good, PAGES, "pins at random");

  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  for (uint64_t i = good = 0; i < PAGES; i++)
    {
      must (oriel_read (file, list[i] * 4096, page, 4096, NULL), "oriel_read");
      good += is_stamped (page, 4088, 7, list[i]);
    }
  is_int (good, PAGES, "copies");

  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  must (oriel_prefetch (file, 0, PAGES), "oriel_prefetch");
  must (oriel_prefetch_many (file, list, PAGES), "oriel_prefetch_many");
  for (uint64_t i = good = 0; i < PAGES; i++)
    good += hooked_is_stamped (file, i, 7);
  is_int (good, PAGES, "prefetched");
}

static void
run (uint32_t store, size_t window, const char *how)
{
  const char *path = scratch_file (how);
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  char tail[TAIL], back[TAIL];
  int good = 0;

  diag ("%s", how);
  opt.store = store;
  opt.window_size = window;
  pool = must_open_pool (how, &opt);
  file = must_open_file (pool, path, ORIEL_CREATE);
  must_hook (file, &hook);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 7);
  must (oriel_sync (file), "oriel_sync");
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 7);
  is_int (good, PAGES, "the pool has what was written to it");
  for (uint64_t i = good = 0; i < PAGES; i++)
    good += in_store (path, i);
  is_int (good, PAGES, "the store has what the hook made");
  reads (pool, file);

  stamp (tail, TAIL, 8, 8);
  must (oriel_write (file, PAGES * 4096, tail, TAIL), "oriel_write");
  must (oriel_sync (file), "oriel_sync");
  is_int ((long long) plain_size (path), PAGES * 4096 + TAIL,
          "a last page is as long as it was");
  plain_read (path, PAGES * 4096, back, TAIL);
  hooked_turn (&hook, back, TAIL);
  ok (is_stamped (back, TAIL, 8, 8), "and went through the hook");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  must (oriel_read (file, PAGES * 4096, back, TAIL, NULL), "oriel_read");
  ok (is_stamped (back, TAIL, 8, 8), "there and back");

  stamp_page (pool, file, 5, 9);
  atomic_store (&hook.refuse, -EKEYEXPIRED);
  is_rc (oriel_flush (file), -EKEYEXPIRED, "a hook that refuses fails the flush");
  ok (strstr (oriel_error (), "page 5 ") != NULL, "which names the page: %s",
      oriel_error ());
  ok (get_stats (pool).frames_dirty == 1, "and it stays dirty");
  atomic_store (&hook.refuse, 0);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  run (ORIEL_STORE_POSIX, 0, "posix");
  run (ORIEL_STORE_POSIX, 256 * KiB, "posix-swapped");
  run (ORIEL_STORE_AUTO, 0, "auto");
  run (ORIEL_STORE_AUTO, 256 * KiB, "auto-swapped");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a pool's dirty pages is taken away, and no one touches them.  Who
 * needs room finds that they cannot be written, and has it: they are lost, which
 * a flush says.
 */
#include "cut.h"

#define FRAMES 256
#define DIRTY 240
#define PINS 100                /* at once: more than is not dirty */

static void
try (uint32_t store, size_t window)
{
  oriel_options opt = test_options ();
  oriel_page page[PINS];
  oriel_file *file, *other;
  oriel_pool *pool;
  int good = 0;

  opt.store = store;
  opt.pool_size = FRAMES * 4096;
  opt.window_size = window;
  pool = must_open_pool ("test", &opt);
  diag ("store %s, window of %llu bytes",
        oriel_store_name (get_stats (pool).store),
        (unsigned long long) get_stats (pool).window_bytes);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  other = must_open_file (pool, scratch_file ("other"), ORIEL_RDONLY);
  for (uint64_t i = 0; i < DIRTY; i++)
    stamp_page (pool, file, i, 2);
  is_int ((long long) get_stats (pool).frames_dirty, DIRTY,
          "most of the pool is dirty");
  punch_file (pool_path ("test"), place_of (pool, 0), FRAMES * 4096);
  for (uint64_t i = 0; i < PINS; i++) {
    must (oriel_pin (other, i, ORIEL_READ, &page[i]), "oriel_pin");
    good += is_stamped (page[i].data, 4096, 1, i);
  }
  is_int (good, PINS, "pages are read into frames whose memory was gone");
  for (uint64_t i = 0; i < PINS; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  is_rc (oriel_flush (file), -EIO, "and a flush says what is lost");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  unlink (scratch_file ("data"));
}

int
main (void)
{
  if (!holes_can_be ())
    skip_all ("no holes can be punched into pools here");
  if (!holes_fault ())
    skip_all ("the kernel has no userfaultfd");
  make_stamped_file (scratch_file ("other"), 4096, PINS, 0, 1);
  try (ORIEL_STORE_POSIX, 0);
  try (ORIEL_STORE_AUTO, 0);
  try (ORIEL_STORE_POSIX, 512 * KiB);
  return done_testing ();
}

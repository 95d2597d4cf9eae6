/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames whose memory was taken away, and given back, are as good as any: pages
 * that are read into them, as copies that no slot shows, are not taken for lost
 * again, whether the pool's file had been cut, or had a hole.
 */
#include "cut.h"

#define PAGES 200
#define FILE_PAGES 600
#define ROUNDS 3

static oriel_pool *pool;
static oriel_file *file;

/* All of the pool is missing, or all but the blocks that hold no page. */
static void
take_away (int cut)
{
  const char *path = pool_path ("test");
  off_t size = plain_size (path), at = place_of (pool, 0);

  if (cut)
    cut_file (path, at);
  else
    punch_file (path, at, size - at);
}

/* Read all by copies; how many come out wrong. */
static int
read_all (uint64_t from)
{
  char bytes[4096];
  int wrong = 0;

  for (uint64_t i = 0; i < FILE_PAGES; i++) {
    uint64_t n = (from + i * 7) % FILE_PAGES;

    must (oriel_read (file, n * 4096, bytes, sizeof bytes, NULL),
          "oriel_read");
    wrong += !is_stamped (bytes, sizeof bytes, 1, n);
  }
  return wrong;
}

static void
try (uint32_t backend, size_t window, int cut)
{
  oriel_options opt = test_options ();
  uint64_t lost, frames;
  int wrong = 0;

  opt.pool_size = PAGES * 4096;
  opt.slot_size = 4096;
  opt.window_size = window;
  opt.flags = ORIEL_HOLES;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("%s, %s", oriel_backend_name (backend), cut ? "a cut" : "a hole");
  file = must_open_file (pool, scratch_file ("data"), 0);
  frames = oriel_pool_frames (pool);
  is_int (read_all (0), 0, "every page is right");
  take_away (cut);
  /* Comes upon it, in each frame. */
  is_int (read_all (1), 0, "with all of it taken away, too");
  lost = get_stats (pool).frames_lost;
  ok (lost > 0 && lost <= frames, "of %d frames %d were lost", (int) frames,
      (int) lost);
  for (uint64_t i = 0; i < ROUNDS; i++)
    wrong += read_all (i);
  is_int (wrong, 0, "and so it is again and again");
  is_int ((long long) (get_stats (pool).frames_lost - lost), 0,
          "no frame is lost that has its memory back");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, FILE_PAGES, 0, 1);
  for (size_t i = 0; i < COUNT (windows); i++)
    for (int cut = holes_fault () ? 0 : 1; cut < 2; cut++)
      try (windows[i].backend,
           windows[i].backend == ORIEL_BACKEND_LINEAR ? PAGES * 4096
                                                      : 16 * 4096, cut);
  return done_testing ();
}

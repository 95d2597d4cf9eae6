/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_file_pages() names each page that the pool has of a file, with what is
 * known of it. */
#include "util.h"

#define PAGES 40

static oriel_page_info seen[PAGES];
static int n;

static void
see (void *arg, const oriel_page_info *info)
{
  if (arg != seen || info->struct_size != sizeof *info || n == PAGES
      || info->number >= PAGES)
    bail_out ("a call with wrong arguments");
  n++;
  if (seen[info->number].struct_size)
    bail_out ("page %llu comes twice", (unsigned long long) info->number);
  seen[info->number] = *info;
}

static void
look (oriel_file *file)
{
  memset (seen, 0, sizeof seen);
  n = 0;
  must (oriel_file_pages (file, see, seen), "oriel_file_pages");
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file, *other;
  oriel_page page;
  int shown = 0, frames_differ = 1;

  /* Windows with fewer slots than there are extents, and copies. */
  opt.pool_size = 64 * 4096;
  opt.window_size = 4 * 4096;
  opt.slot_size = 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  pool = must_open_pool ("pages", &opt);
  make_stamped_file (scratch_file ("a"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("b"), 4096, PAGES, 0, 2);
  file = must_open_file (pool, scratch_file ("a"), 0);
  other = must_open_file (pool, scratch_file ("b"), 0);
  look (file);
  is_int (n, 0, "a file that no one has read has no pages");
  page_is_stamped (pool, other, 3, 2);
  look (file);
  is_int (n, 0, "pages of other files do not count");

  for (uint64_t i = 0; i < PAGES; i++)
    {
      page = must_pin (file, i, ORIEL_WRITE);
      if (i == 5)
        must (oriel_dirty (&page, 0), "oriel_dirty");
      must (oriel_unpin (&page), "oriel_unpin");
    }
  page = must_pin (file, 7, ORIEL_OPTIMISTIC);
  look (file);
  is_int (n, PAGES, "every page is there");
  for (int i = 0; i < PAGES; i++)
    {
      shown += seen[i].slot >= 0;
      for (int j = 0; j < i; j++)
        frames_differ &= seen[i].frame != seen[j].frame;
      if (seen[i].slot < -1 || seen[i].slot >= 4 || seen[i].frame >= 64)
        bail_out ("page %d: slot %lld, frame %llu", i,
                  (long long) seen[i].slot,
                  (unsigned long long) seen[i].frame);
      if (seen[i].dirty != (i == 5) || seen[i].pinned != (i == 7))
        ok (0, "page %d: dirty %u, pinned %u", i, seen[i].dirty,
            seen[i].pinned);
    }
  ok (frames_differ, "each in a frame of its own");
  ok (shown >= 1 && shown <= 4, "at most as many are shown as there are slots");
  is_int ((long long) page.frame, (long long) seen[7].frame,
          "the frame is that of the pinned page");
  ok (seen[7].slot >= 0, "which a slot shows");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_flush (file), "oriel_flush");
  look (file);
  is_int (seen[5].dirty, 0, "what was written is dirty no more");
  must (oriel_file_drop_pages (file, 10, 30), "oriel_file_drop_pages");
  look (file);
  is_int (n, 10, "what was dropped is not there");
  must (oriel_file_drop (file), "oriel_file_drop");
  look (file);
  is_int (n, 0, "nothing is, when all was");

  is_int (oriel_file_pages (NULL, see, NULL), -EINVAL, "no file: -EINVAL");
  is_int (oriel_file_pages (file, NULL, NULL), -EINVAL, "no call: -EINVAL");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  opt = test_options ();
  pool = must_open_pool ("linear", &opt);
  file = must_open_file (pool, scratch_file ("a"), 0);
  page_is_stamped (pool, file, 9, 1);
  look (file);
  is_int (seen[9].slot, 0, "in a linear window the slot is 0");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel resize makes a pool larger and smaller while it is used, writing what is
 * dirty, and says what keeps it; oriel stat says its size and the greatest. */
#include "tool.h"

#define PAGES 800

static int
all_there (oriel_pool *pool, oriel_file *file)
{
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, i == 7 ? 2u : 1u);
  return good == PAGES;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_page page[60];
  oriel_pool *pool;
  oriel_file *file;
  char bytes[4096];

  tool_program ();
  opt.max_size = 8 * MiB;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_exit (tool ("stat", "test", NULL), 0, "oriel stat");
  says (tool_out, "4M of pages, 8M at most");
  is_exit (tool ("resize", "test", "8M", NULL), 0, "oriel resize");
  says (tool_out, "test: 8M of pages\n");
  is_int ((long long) oriel_pool_frames (pool), 2048, "it is larger");
  ok (page_is_stamped (pool, file, 7, 1), "a page before");
  stamp_page (pool, file, 7, 2);
  is_exit (tool ("resize", "test", "1M", NULL), 0, "with dirty pages");
  is_int ((long long) oriel_pool_frames (pool), 256, "it is smaller");
  is_exit (tool ("stat", "test", NULL), 0, "oriel stat");
  says (tool_out, "1M of pages, 8M at most");
  plain_read (scratch_file ("data"), 7 * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 2, 7), "what was dirty is written");
  ok (all_there (pool, file), "every page is what it was");
  for (uint64_t i = 0; i < 60; i++)
    page[i] = must_pin (file, i * 11, ORIEL_READ);
  is_exit (tool ("resize", "test", "64K", NULL), 1, "with pinned pages");
  says (tool_err, "pinned");
  for (uint64_t i = 0; i < 60; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  is_int ((long long) oriel_pool_frames (pool), 256, "it stays as it was");
  is_exit (tool ("resize", "test", "9M", NULL), 1, "more than max_size");
  says (tool_err, "max_size");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

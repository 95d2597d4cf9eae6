/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel stat counts what a process did to a pool, in all, by file and by
 * process, and knows that process's window and page tables. */
#include "tool.h"

#define PAGES 100

static void
hit_each (oriel_file *file, int times)
{
  for (int i = 0; i < times; i++)
    for (uint64_t n = 0; n < PAGES; n++) {
      oriel_page page = must_pin (file, n, ORIEL_READ);

      must (oriel_unpin (&page), "oriel_unpin");
    }
}

int
main (void)
{
  oriel_options opt = test_options ();
  struct oriel_view view;
  oriel_page kept;
  const char *process, *data, *other;
  oriel_file *file, *second;
  oriel_pool *pool;
  oriel_stats stats;

  tool_program ();
  opt.window_size = 1 * MiB;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("other"), 4096, 10, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  second = must_open_file (pool, scratch_file ("other"), 0);
  hit_each (file, 3);
  kept = must_pin (second, 1, ORIEL_WRITE);
  must (oriel_dirty (&kept, 0), "oriel_dirty");
  must (oriel_view (file, 0, 20, ORIEL_READ, &view), "oriel_view");
  must (oriel_view_end (&view), "oriel_view_end");
  stats = get_stats (pool);

  is_exit (tool ("stat", "test", NULL), 0, "oriel stat");
  says (tool_out, scratch_file ("data"));
  says (tool_out, "1 attached");
  says (tool_out, "1 pins");
  if (!has_json ()) {
    skip ("built without JSON");
    return done_testing ();
  }
  is_exit (tool ("stat", "--json", "test", NULL), 0, "oriel stat --json");
  is_json ("it is JSON");
  is_int (number_at (tool_out, "hits") + number_at (tool_out, "misses"),
          3 * PAGES + 1 + 20, "hits and misses are the pins that were made");
  is_int (number_at (tool_out, "misses") + number_at (tool_out, "readahead"),
          number_at (tool_out, "pages"), "what was loaded is there");
  is_int (number_at (tool_out, "swaps"), (long long) stats.swaps, "swaps");
  is_int (number_at (tool_out, "evictions"), (long long) stats.evictions,
          "evictions");
  is_int (number_at (tool_out, "read_bytes"), (long long) stats.read_bytes,
          "bytes read");
  is_int (number_at (tool_out, "frames"), 1024, "frames");
  is_int (number_at (tool_out, "frames_dirty"), 1, "dirty frames");
  is_int (number_at (tool_out, "pins"), 1, "pins");

  data = strstr (tool_out, scratch_file ("data"));
  other = strstr (tool_out, scratch_file ("other"));
  is_int (number_at (data, "pages"), PAGES, "pages of the one file");
  is_int (number_at (data, "misses") + number_at (data, "readahead"), PAGES,
          "they were loaded");
  is_int (number_at (data, "dirty"), 0, "none is dirty");
  is_int (number_at (data, "openers"), 1, "one process has it open");
  is_int (number_at (other, "dirty"), 1, "the other file has a dirty page");
  is_int (number_at (other, "pinned"), 1, "and a pinned one");

  process = strstr (tool_out, "\"processes\": [");
  is_int (number_at (process, "pid"), getpid (), "the process");
  is_int (number_at (process, "hits"), number_at (tool_out, "hits"),
          "all hits are its own");
  is_int (number_at (process, "misses"), number_at (tool_out, "misses"),
          "and misses");
  is_int (number_at (process, "pins"), 1, "its pins");
  is_int (number_at (process, "window_bytes"), 1 * MiB, "its window");
  is_int (number_at (process, "slot_size"), (long long) stats.slot_size,
          "its slots");
  is_int (number_at (process, "huge_page"), (long long) stats.huge_page,
          "its huge pages");
  ok (strstr (process, "\"residency\": \"none\"") != NULL, "nothing is locked");
  ok (number_at (process, "remaps") > 0, "its remaps");
  is_int (number_at (process, "remaps"), number_at (tool_out, "remaps"),
          "are all");
  is_int (number_at (process, "frames_lost"), 0, "it has lost no frame");
  is_int (number_at (process, "reinstalls"), (long long) stats.reinstalls,
          "and its reinstalls");
  is_int (number_at (process, "views"), 1, "its views");
  is_int (number_at (process, "view_pages"), 20, "of so many pages");
  is_int (number_at (process, "view_maps"), (long long) stats.view_maps,
          "mapped in so many runs");
  ok (number_at (process, "page_table_bytes") > 0, "its page tables");

  must (oriel_unpin (&kept), "oriel_unpin");
  must (oriel_file_close (second), "oriel_file_close");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_exit (tool ("stat", "--json", "test", NULL), 0, "when it has detached");
  is_int (number_at (tool_out, "hits"), (long long) stats.hits,
          "what it counted is still there");
  is_int (number_at (tool_out, "attached"), 0, "and it is not");
  is_exit (tool ("stat", "none", NULL), 2, "a pool that is missing");
  says (tool_err, pool_path ("none"));
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pin moves to another page of its file: that one is pinned then and the old one
 * is not, wherever the frame is thought to be; also to a page that was dropped and
 * is read again, by another thread, and in a window that is swapped, that is
 * strict, or whose pool is traced.  Where the page is not at hand nothing is pinned
 * any more; a pin for writing does not move.
 */
#include "util.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#define PAGE ((size_t) 4096)
#define PAGES 64
#define FLAGS (ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD | ORIEL_SHOWN)

static oriel_pool *pool;
static oriel_file *file;
static const char *path;

static oriel_page
pin (uint64_t number, unsigned flags)
{
  oriel_page page;

  if (oriel_pin (file, number, flags, &page))
    bail_out ("oriel_pin: %s", oriel_error ());
  return page;
}

/* Does it show the page that it says? */
static bool
shows (const oriel_page *page, uint64_t number)
{
  uint32_t word;

  memcpy (&word, page->data, sizeof word);
  return page->number == number && word == (uint32_t) number + 1;
}

static long long
pins (void)
{
  oriel_stats stats = { .struct_size = sizeof stats };

  oriel_pool_stats (pool, &stats);
  return (long long) stats.pins;
}

/* Where page number is; it comes into the pool for that. */
static uint32_t
frame_of (uint64_t number)
{
  oriel_page page = pin (number, ORIEL_OPTIMISTIC);
  uint32_t frame = page.frame;

  oriel_unpin (&page);
  return frame;
}

static void *
move_and_end (void *arg)
{
  oriel_page *page = arg;

  ok (oriel_pin_move (page, 7, frame_of (7)) == 0 && shows (page, 7),
      "another thread moves it");
  is_rc (oriel_unpin (page), 0, "and ends it");
  return NULL;
}

static void
moves (unsigned flags, const char *how)
{
  uint32_t there = frame_of (5), wrong = frame_of (6);
  oriel_page page = pin (4, flags);
  oriel_stats before = { .struct_size = sizeof before }, after = before;

  oriel_pool_stats (pool, &before);
  ok (oriel_pin_move (&page, 5, there) == 0 && shows (&page, 5),
      "a pin moves, %s", how);
  oriel_pool_stats (pool, &after);
  is_int ((long long) (after.hits - before.hits), 1, "that is a hit");
  ok (oriel_pin_move (&page, 5, there) == 0 && shows (&page, 5),
      "it stays where it is");
  ok (oriel_pin_move (&page, 4, wrong) == 0 && shows (&page, 4),
      "a wrong hint does not matter");
  ok (oriel_pin_move (&page, 5, UINT32_MAX) == 0 && shows (&page, 5),
      "nor does one beyond the pool");
  oriel_file_drop_pages (file, 5, 1);
  ok (oriel_pin_holds (&page) == 0, "its page is dropped");
  oriel_unpin (&page);
  page = pin (5, flags & ~ORIEL_SHOWN);
  oriel_file_drop_pages (file, 5, 1);
  ok (oriel_pin_move (&page, 5, page.frame) == 0 && shows (&page, 5),
      "and is read anew");
  is_int (pins (), 1, "only one page is pinned");
  is_rc (oriel_unpin (&page), 0, "it is unpinned");
  is_int (pins (), 0, "then none is");
}

static void
errors (void)
{
  oriel_page page = pin (4, FLAGS), none = { 0 }, write;

  is_rc (oriel_pin_move (&page, PAGES + 9, 0), -EAGAIN,
         "a page that is not in the pool is not at hand");
  is_int (pins (), 0, "and nothing is pinned");
  is_rc (oriel_pin_move (&page, 4, 0), -EINVAL, "what is not pinned stays so");
  is_rc (oriel_pin_move (&none, 4, 0), -EINVAL, "a page of zeroes");
  is_rc (oriel_pin_move (NULL, 4, 0), -EINVAL, "no page");
  page = pin (4, FLAGS);
  is_rc (oriel_pin_move (&page, UINT64_MAX, 0), -EFBIG, "no file has the page");
  is_int (pins (), 0, "and nothing is pinned");
  write = pin (4, ORIEL_WRITE);
  is_rc (oriel_pin_move (&write, 5, 0), -EINVAL, "a pin for writing stays");
  is_int (pins (), 1, "as it is");
  is_rc (oriel_unpin (&write), 0, "and is unpinned");
  page = pin (4, ORIEL_READ);
  ok (oriel_pin_move (&page, 5, 0) == 0 && shows (&page, 5),
      "one for reading moves with its latch");
  oriel_unpin (&page);
}

static int
forked (void *arg)
{
  return oriel_pin_move (arg, 5, 0) == -EOWNERDEAD;
}

static void
traced (void)
{
  oriel_page page = pin (4, FLAGS);
  const char *trace = scratch_file ("trace");
  struct stat st;
  uint32_t frame = frame_of (5);

  if (oriel_pool_trace (pool, trace))
    bail_out ("oriel_pool_trace: %s", oriel_error ());
  ok (oriel_pin_move (&page, 5, frame) == 0 && shows (&page, 5),
      "a pin moves while the pool is traced");
  oriel_pool_trace (pool, NULL);
  ok (stat (trace, &st) == 0 && st.st_size > 0, "and the trace has it");
  oriel_unpin (&page);
}

static void
in_pool (uint64_t window, unsigned flags, const char *how)
{
  oriel_options opt = test_options ();
  pthread_t thread;
  oriel_page page;

  opt.pool_size = 256 * PAGE;
  opt.window_size = window;
  opt.slot_size = window ? PAGE : 0;
  opt.flags |= flags;
  pool = must_open_pool ("move", &opt);
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  moves (ORIEL_OPTIMISTIC, how);
  moves (ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD, how);
  if (!window && !flags)
    {
      errors ();
      traced ();
      page = pin (4, FLAGS);
      is_int (in_child (forked, &page), 1, "a forked child's pins are no pins");
      pthread_create (&thread, NULL, move_and_end, &page);
      pthread_join (thread, NULL);
      is_int (pins (), 0, "none is left");
    }
  oriel_file_close (file);
  oriel_pool_close (pool);
  oriel_pool_destroy ("move", opt.directory, 1);
}

int
main (void)
{
  unsigned char page[PAGE] = { 0 };
  FILE *f;

  path = scratch_file ("data");
  f = fopen (path, "w");
  for (uint32_t i = 1; f && i <= PAGES; i++)
    {
      memcpy (page, &i, sizeof i);
      fwrite (page, PAGE, 1, f);
    }
  if (!f || fclose (f))
    bail_out ("%s", path);
  in_pool (0, 0, "in a linear window");
  in_pool (16 * PAGE, 0, "in a window that is swapped");
  in_pool (0, ORIEL_PROTECT, "in a strict window");
  return done_testing ();
}

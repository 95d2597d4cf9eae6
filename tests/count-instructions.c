/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count-instructions.c - one path through the library, a number of times
 *
 *   count-instructions PATH TURNS
 *
 * instructions-do-not-grow.sh runs it under callgrind with two numbers of turns:
 * the difference is what the turns cost, in instructions of the program alone,
 * without the kernel's.  So everything here is single-threaded and the same in
 * each run, and what depends on measured times (copies instead of slots) is
 * kept out by asking for pins that can't be copies.
 */
#include "util.h"

#define PAGE 4096u

/* Pages of the file; the pool holds HELD of them, the window shows SHOWN. */
#define PAGES 2048
#define HELD 1024
#define SHOWN 128

static void
pin_page (oriel_file *file, uint64_t number, unsigned flags)
{
  oriel_page page;

  if (oriel_pin (file, number, flags, &page) || oriel_unpin (&page))
    bail_out ("%s", oriel_error ());
}

static void
hit_optimistic (oriel_file *file, uint64_t turn)
{
  pin_page (file, turn % 16, ORIEL_OPTIMISTIC);
}

static void
hit_read (oriel_file *file, uint64_t turn)
{
  pin_page (file, turn % 16, ORIEL_READ);
}

static void
hit_write (oriel_file *file, uint64_t turn)
{
  pin_page (file, turn % 16, ORIEL_WRITE);
}

static void
copy_8 (oriel_file *file, uint64_t turn)
{
  uint64_t value;

  if (oriel_read (file, turn % 16 * PAGE, &value, sizeof value, NULL))
    bail_out ("%s", oriel_error ());
}

/* No two in sequence, and each comes back after the window has shown all
 * others. */
static void
swap (oriel_file *file, uint64_t turn)
{
  pin_page (file, turn * 67 % (HELD / 2), ORIEL_OPTIMISTIC);
}

/* Likewise for the pool, and no two steps are equal: little is read ahead. */
static void
miss (oriel_file *file, uint64_t turn)
{
  pin_page (file, turn * (turn + 1) / 2 % PAGES, ORIEL_OPTIMISTIC);
}

static const struct {
  const char *name;
  void (*run) (oriel_file *file, uint64_t turn);
  int backend;
  uint64_t warm;                /* turns before those that count */
} paths[] = {
  { "hit-optimistic", hit_optimistic, ORIEL_BACKEND_LINEAR, 16 },
  { "hit-read", hit_read, ORIEL_BACKEND_LINEAR, 16 },
  { "hit-write", hit_write, ORIEL_BACKEND_LINEAR, 16 },
  { "copying-read", copy_8, ORIEL_BACKEND_LINEAR, 16 },
  { "swap", swap, ORIEL_BACKEND_MMAP, HELD },
  { "miss", miss, ORIEL_BACKEND_LINEAR, 2 * PAGES },
};

int
main (int argc, char **argv)
{
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  size_t p = 0;
  uint64_t turns;

  while (argc == 3 && p < COUNT (paths) && strcmp (argv[1], paths[p].name) != 0)
    p++;
  if (argc != 3 || p == COUNT (paths)) {
    fprintf (stderr, "usage: count-instructions PATH TURNS\n");
    return 2;
  }
  turns = strtoull (argv[2], NULL, 10);
  opt = test_options ();
  opt.pool_size = HELD * PAGE;
  opt.backend = paths[p].backend;
  opt.store = ORIEL_STORE_POSIX; /* when a ring's reads end differs */
  if (paths[p].backend == ORIEL_BACKEND_MMAP) {
    opt.window_size = SHOWN * PAGE;
    opt.slot_size = PAGE;
  }
  pool = must_open_pool ("count", &opt);
  make_stamped_file (scratch_file ("data"), PAGE, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < paths[p].warm + turns; i++)
    paths[p].run (file, i);
  return oriel_file_close (file) || oriel_pool_close (pool);
}

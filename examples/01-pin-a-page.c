/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 01-pin-a-page.c - open a pool, write a page of a file, read it back
 *
 * A pool holds pages of files in memory that processes share.  To use a page
 * you pin it: then it is in memory, at an address that stays until you unpin
 * it.  This program makes a pool and a file in the current directory, writes
 * one page, shows that the file has it, and removes both.
 *
 * Next: 02-two-processes.c, what the pool is for.
 */
#include <oriel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA "01-pin-a-page.data"

/* Every call returns 0 or a negative errno value; oriel_error() then says what
 * was tried, on what, and what to do about it. */
static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "01-pin-a-page: %s\n", oriel_error ());
    exit (1);
  }
}

/* What the file on disk has at the page, as any program sees it. */
static void
show_file (long offset)
{
  char text[64] = "";
  FILE *f = fopen (DATA, "r");

  if (!f || fseek (f, offset, SEEK_SET) < 0
      || !fread (text, 1, sizeof text - 1, f))
    strcpy (text, "(nothing)");
  if (f)
    fclose (f);
  printf ("in the file:  %s\n", text);
}

int
main (void)
{
  char name[40];
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  oriel_stats stats;

  /* 1. A pool of 1 MiB.  It is a file, oriel-NAME, in /dev/shm (or where
   * ORIEL_DIR says), that outlives the process: the next one finds it warm.
   * The pid makes the name our own. */
  snprintf (name, sizeof name, "example-01-%d", (int) getpid ());
  oriel_options_init (&opt);
  check (oriel_options_set (&opt, "pool_size", "1M"));
  check (oriel_pool_open (name, &opt, &pool));
  printf ("the pool:     %s, %llu pages of %u bytes\n", name,
          (unsigned long long) oriel_pool_frames (pool),
          (unsigned) oriel_pool_page_size (pool));

  /* 2. A file, whose pages the pool is to hold. */
  check (oriel_file_open (pool, DATA, ORIEL_CREATE, &file));

  /* 3. Pin page 7 for writing.  ORIEL_WRITE takes the page's exclusive latch:
   * until the unpin no one else, in any process, reads or writes it.  The file
   * is empty, so the page is zeroes. */
  check (oriel_pin (file, 7, ORIEL_WRITE, &page));
  strcpy (page.data, "Hello, page 7!");

  /* 4. Say that it has changed, and give it back.  The 0 is the position of a
   * log record, for engines that have a log. */
  check (oriel_dirty (&page, 0));
  check (oriel_unpin (&page));

  /* 5. So far the page is in the pool alone. */
  show_file (7L * oriel_pool_page_size (pool));

  /* 6. Sync writes what is dirty and makes it durable. */
  check (oriel_sync (file));
  show_file (7L * oriel_pool_page_size (pool));

  /* 7. Pin it again, for reading: many readers may, at once.  It is still in
   * the pool, so nothing is read from the file. */
  check (oriel_pin (file, 7, ORIEL_READ, &page));
  printf ("in the pool:  %s\n", (char *) page.data);
  check (oriel_unpin (&page));

  /* 8. What the pool did. */
  stats.struct_size = sizeof stats;
  check (oriel_pool_stats (pool, &stats));
  printf ("statistics:   %llu hits, %llu misses, %llu writes\n",
          (unsigned long long) stats.hits, (unsigned long long) stats.misses,
          (unsigned long long) stats.writes);

  /* 9. Close in the opposite order.  Programs leave their pool where it is;
   * an example cleans up. */
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (name, NULL, 0));
  unlink (DATA);
  return 0;
}

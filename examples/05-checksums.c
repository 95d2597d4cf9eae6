/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 05-checksums.c - a checksum in each page, made and looked at on the way
 *
 * Disks return other bytes than they were given, rarely.  An engine that wants
 * to know keeps a sum in each page.  Hooks have it made just before a page is
 * written, and looked at just after it was read: in between, while the page is
 * in the pool, no one has to think of it.
 *
 * The sum is XXH3 of xxHash, over the page and its number, so that a page that
 * was written to a wrong place is found, too.
 */
#include <errno.h>
#include <oriel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define DATA "05-checksums.data"
#define PAGE 4096

/* What a page of ours looks like. */
struct page {
  char text[PAGE - 8];
  XXH64_hash_t sum;
};

static XXH64_hash_t
sum_of (const struct page *page, uint64_t number)
{
  return XXH3_64bits_withSeed (page->text, sizeof page->text, number);
}

/* 1. Before a page is written: data is a copy, for us to change. */
static int
put_sum (void *arg, uint64_t number, void *data, size_t length)
{
  struct page *page = data;

  (void) arg, (void) length;
  page->sum = sum_of (page, number);
  return 0;
}

/* 2. After it was read: 0 if it is good.  A page that was never written, in a
 * hole of the file, is zeroes and has no sum. */
static int
look_at_sum (void *arg, uint64_t number, void *data, size_t length)
{
  static const struct page zeroes;
  const struct page *page = data;

  (void) arg, (void) length;
  return page->sum != sum_of (page, number)
         && memcmp (page, &zeroes, sizeof zeroes) != 0;
}

static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "05-checksums: %s\n", oriel_error ());
    exit (1);
  }
}

/* A bit of page 7 turns over, on the disk. */
static void
damage (void)
{
  FILE *f = fopen (DATA, "r+");

  if (!f || fseek (f, 7L * PAGE, SEEK_SET) < 0 || fputc ('J', f) == EOF
      || fclose (f) != 0) {
    perror (DATA);
    exit (1);
  }
}

int
main (void)
{
  /* 3. The id says what the hooks do.  It stands in the pool: a process that
   * would read and write our pages without sums is refused. */
  oriel_hooks hooks = { .struct_size = sizeof hooks,
                        .id = 0x58584833, /* "XXH3" */
                        .after_read = look_at_sum,
                        .before_write = put_sum };
  char name[40];
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  oriel_stats stats;
  int rc;

  snprintf (name, sizeof name, "example-05-%d", (int) getpid ());
  oriel_options_init (&opt);
  check (oriel_options_set (&opt, "pool_size", "1M"));
  check (oriel_options_set (&opt, "page_size", "4K"));
  check (oriel_pool_open (name, &opt, &pool));
  check (oriel_file_open (pool, DATA, ORIEL_CREATE, &file));
  check (oriel_file_hooks (file, &hooks));

  check (oriel_pin (file, 7, ORIEL_WRITE, &page));
  strcpy (page.data, "Hello, page 7!");
  check (oriel_dirty (&page, 0));
  check (oriel_unpin (&page));
  check (oriel_sync (file));

  /* 4. Give the frame up, so that the page has to be read: it is good. */
  check (oriel_pool_evict (pool, file));
  check (oriel_pin (file, 7, ORIEL_READ, &page));
  printf ("read:     %s\n", (char *) page.data);
  check (oriel_unpin (&page));

  /* 5. And once more, when the disk has something else. */
  check (oriel_pool_evict (pool, file));
  damage ();
  rc = oriel_pin (file, 7, ORIEL_READ, &page);
  printf ("read:     %s\n", rc == -EIO ? oriel_error () : "as if all were well");

  stats.struct_size = sizeof stats;
  check (oriel_pool_stats (pool, &stats));
  printf ("damaged:  %llu\n", (unsigned long long) stats.pages_damaged);
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (name, NULL, 0));
  unlink (DATA);
  return rc == -EIO ? 0 : 1;
}

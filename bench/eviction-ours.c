/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction-ours.c - the policy of the library, by the library
 *
 * A pool of pages of 512 bytes and a file of holes: a miss costs little.
 * Pages of the trace lie anywhere in the file: readahead, which is not what is
 * measured here, finds no sequence.  Where it finds steps by chance nothing is
 * read in the background either: what a ring brings in comes when it comes, and a
 * few pages so were enough to have two runs differ by some tenths of a point.
 */
#include <oriel.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "eviction.h"

#define PAGE 512u

static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "bench-eviction: %s\n", oriel_error ());
    exit (1);
  }
}

static uint32_t *
anywhere (uint32_t pages)
{
  uint32_t *at = eviction_alloc (pages, sizeof *at);
  uint64_t state = 42;

  for (uint32_t i = 0; i < pages; i++)
    at[i] = i;
  for (uint32_t i = pages; i > 1; i--) {
    uint32_t k = (uint32_t) (eviction_random (&state) % i), t = at[k];

    at[k] = at[i - 1];
    at[i - 1] = t;
  }
  return at;
}

uint64_t
eviction_ours (const struct trace *trace, uint32_t capacity)
{
  const char *directory = getenv ("ORIEL_DIR");
  oriel_stats stats = { .struct_size = sizeof stats };
  uint32_t *at = anywhere (trace->pages);
  char name[40], path[300];
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  int fd;

  snprintf (name, sizeof name, "bench-eviction-%d", (int) getpid ());
  snprintf (path, sizeof path, "%s/bench-eviction-XXXXXX",
            directory ? directory : "/dev/shm");
  fd = mkstemp (path);
  if (fd < 0 || ftruncate (fd, (off_t) trace->pages * 3 * PAGE) < 0) {
    perror (path);
    exit (1);
  }
  oriel_options_init (&opt);
  opt.flags = ORIEL_EXCL;
  opt.pool_size = (uint64_t) capacity * PAGE;
  opt.page_size = PAGE;
  opt.slot_size = 4096;
  opt.backend = ORIEL_BACKEND_LINEAR;
  opt.store = ORIEL_STORE_POSIX;
  opt.max_processes = opt.max_threads = opt.max_files = 1;
  check (oriel_pool_open (name, &opt, &pool));
  check (oriel_file_open (pool, path, ORIEL_RDONLY, &file));
  for (size_t i = 0; i < trace->n; i++) {
    oriel_page page;

    check (oriel_pin (file, (uint64_t) at[trace->page[i]] * 3,
                      ORIEL_OPTIMISTIC, &page));
    check (oriel_unpin (&page));
  }
  check (oriel_pool_stats (pool, &stats));
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (name, NULL, 0));
  unlink (path);
  close (fd);
  free (at);
  return trace->n - stats.misses;
}

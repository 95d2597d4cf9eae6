/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 02-two-processes.c - one process writes a page, another reads it
 *
 * Both attach to one pool.  What the writer puts into a page the reader finds
 * in the same memory: no copy is made, nothing is sent, and the file on disk
 * is not touched.  A word of memory that belongs to the file tells the reader
 * when to look.
 *
 * Before: 01-pin-a-page.c.  Next: 03-sqlite.c, a database through the pool.
 */
#include <oriel.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA "02-two-processes.data"
#define PAGES 1000              /* of 4 KiB: the writer fills them all */

static char pool_name[40];

static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "02-two-processes: %s\n", oriel_error ());
    exit (1);
  }
}

/* The first process to come makes the pool, the second attaches to it.  Its
 * window shows it 256 KiB of the 8 MiB at a time; Oriel sees to the rest. */
static oriel_pool *
attach (void)
{
  oriel_options opt;
  oriel_pool *pool;

  oriel_options_init (&opt);
  check (oriel_options_set (&opt, "pool_size", "8M"));
  check (oriel_options_set (&opt, "window", "256K"));
  check (oriel_options_set (&opt, "slot", "16K"));
  check (oriel_pool_open (pool_name, &opt, &pool));
  return pool;
}

/* Each file has 16 words of shared memory, zero at first, for whatever its
 * users agree on: here, word 0 is the token of the process that has written
 * the pages. */
static _Atomic uint64_t *
done_by (oriel_file *file)
{
  return (_Atomic uint64_t *) oriel_file_words (file);
}

static void
writer (void)
{
  oriel_pool *pool = attach ();
  oriel_file *file;
  oriel_page page;

  check (oriel_file_open (pool, DATA, ORIEL_CREATE, &file));
  for (uint64_t i = 0; i < PAGES; i++) {
    /* ORIEL_FRESH: we write all of it, so it need not be read. */
    check (oriel_pin (file, i, ORIEL_WRITE | ORIEL_FRESH, &page));
    snprintf (page.data, 100, "page %d, by process %d", (int) i,
              (int) getpid ());
    check (oriel_dirty (&page, 0));
    check (oriel_unpin (&page));
  }
  printf ("writer %d: wrote %d pages\n", (int) getpid (), PAGES);
  fflush (stdout);
  atomic_store (done_by (file), oriel_self (pool));

  /* Close without writing: the pages stay in the pool, dirty. */
  check (oriel_file_abandon (file));
  check (oriel_pool_close (pool));
}

static void
reader (void)
{
  oriel_pool *pool = attach ();
  oriel_file *file;
  oriel_page page;
  struct stat st;
  uint64_t token;
  int found = 0;

  check (oriel_file_open (pool, DATA, ORIEL_CREATE, &file));
  while ((token = atomic_load (done_by (file))) == 0)
    usleep (1000);

  for (uint64_t i = 0; i < PAGES; i++) {
    char expected[100];

    snprintf (expected, sizeof expected, "page %d, by process", (int) i);
    check (oriel_pin (file, i, ORIEL_READ, &page));
    found += strncmp (page.data, expected, strlen (expected)) == 0;
    if (i == PAGES - 1)
      printf ("reader %d: \"%s\"\n", (int) getpid (), (char *) page.data);
    check (oriel_unpin (&page));
  }
  stat (DATA, &st);
  printf ("reader %d: found %d of %d pages; the file has %lld bytes\n",
          (int) getpid (), found, PAGES, (long long) st.st_size);
  printf ("reader %d: the writer is %s\n", (int) getpid (),
          oriel_alive (pool, token) ? "still attached" : "gone");
  if (found != PAGES)
    exit (1);

  /* Whoever syncs writes the dirty pages of all. */
  check (oriel_sync (file));
  stat (DATA, &st);
  printf ("reader %d: after a sync it has %lld\n", (int) getpid (),
          (long long) st.st_size);
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
}

int
main (void)
{
  int status;
  pid_t pid;

  snprintf (pool_name, sizeof pool_name, "example-02-%d", (int) getpid ());

  /* Fork first: a child does not inherit a pool, it opens the pool itself. */
  pid = fork ();
  if (pid < 0) {
    perror ("fork");
    return 1;
  }
  if (pid == 0) {
    writer ();
    return 0;
  }
  reader ();
  waitpid (pid, &status, 0);
  check (oriel_pool_destroy (pool_name, NULL, 0));
  unlink (DATA);
  return status != 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages smaller than the kernel's: one thread changes and syncs every fourth,
 * many at once, while another changes and flushes neighbours of them.  What was
 * synced is in the file, and no sync fails.
 *
 * A direct write that no one in the kernel waits for must not share a page of its
 * cache, or a larger block of the file system, with what others write through
 * that: it is seldom that this goes wrong, so it is asked for, too.
 */
#include "util.h"

#include <pthread.h>

#include "attach.h"
#include "flush-ring.h"

#define PAGE 1024
#define EACH 4
#define RUNS 1024
#define ROUNDS 20

static oriel_file *file;
static atomic_int stop, failed;

static void
set (uint64_t number, int value)
{
  oriel_page page = must_pin (file, number, ORIEL_WRITE);

  memset (page.data, value, PAGE);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
}

static void *
write_neighbours (void *arg)
{
  for (unsigned k = 0; !atomic_load (&stop); k++) {
    for (unsigned i = 0; i < 20; i++)
      set ((uint64_t) ((k * 20 + i) % RUNS) * EACH + 1, (int) (k & 0xff));
    if (oriel_flush (file) < 0)
      atomic_fetch_add (&failed, 1);
  }
  return arg;
}

/* Can it be written past the page cache at all?  A file may be opened so and say
 * that no transfer fits. */
static int
fits_direct (void)
{
  static unsigned char data[64 * KiB] __attribute__ ((aligned (65536)));
  const struct iovec iov = { data, 16 * KiB };

  return orl_store_fits_direct (file->store, &iov, 1, 16 * KiB);
}

/* Is so much of a file of 1 MiB written by the ring? */
static int
takes (uint64_t at, size_t bytes)
{
  static unsigned char data[64 * KiB] __attribute__ ((aligned (65536)));
  struct iovec iov = { data, bytes };
  struct orl_ring_write w = { .iov = &iov, .n = 1, .at = at, .bytes = bytes };

  return orl_ring_takes (file, MiB, &w);
}

static unsigned
count_old (int fd, int value)
{
  unsigned char *page = aligned_alloc (4096, 4096);
  unsigned old = 0;

  for (unsigned i = 0; i < RUNS; i++)
    old += pread (fd, page, EACH * PAGE, (off_t) i * EACH * PAGE)
               != EACH * PAGE /* a sector may have 4096 bytes */
           || page[0] != value;
  free (page);
  return old;
}

int
main (void)
{
  unsigned old = 0;
  oriel_options opt = test_options ();
  pthread_t thread;
  oriel_pool *pool;
  int fd;

  opt.page_size = PAGE;
  opt.pool_size = 16 * MiB;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < RUNS * EACH; i++)
    set (i, 0);
  must (oriel_sync (file), "oriel_sync");
  /* Past the page cache, where that can be. */
  fd = open (scratch_file ("data"), O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    fd = open (scratch_file ("data"), O_RDONLY | O_CLOEXEC);
  if (!fits_direct ())
    skip ("no direct writes here");
  else
    ok (!takes (PAGE, PAGE)
            && !takes (0, PAGE)
            && !takes (PAGE, 64 * KiB)
            && takes (0, 64 * KiB),
        "the ring takes whole pages of the kernel's cache");
  if (fits_direct ()) {
    struct stat st;
    uint64_t unit = file->store->unit;

    fstat (fd, &st);
    ok (unit >= (uint64_t) sysconf (_SC_PAGESIZE)
            && unit >= (uint64_t) st.st_blksize,
        "and whole blocks of the file system's");
    file->store->unit = 16 * KiB;
    ok (!takes (0, 4 * KiB)
            && !takes (4 * KiB, 16 * KiB)
            && takes (16 * KiB, 32 * KiB),
        "also where these are larger");
    file->store->unit = unit;
  }
  pthread_create (&thread, NULL, write_neighbours, NULL);
  for (unsigned k = 1; k <= ROUNDS; k++) {
    for (uint64_t i = 0; i < RUNS; i++)
      set (i * EACH, (int) k);
    if (oriel_sync (file) < 0)
      atomic_fetch_add (&failed, 1);
    old += count_old (fd, (int) k);
  }
  atomic_store (&stop, 1);
  pthread_join (thread, NULL);
  is_int (atomic_load (&failed), 0, "no flush and no sync fails");
  is_int (old, 0, "no page is old that was synced");
  close (fd);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * However many threads read and write by io_uring, their process makes one ring
 * for its reads and one for its writes; and each process has its own, beside those
 * of the others.
 */
#include "util.h"

#include "attach.h"
#include "flush-chunk.h"
#include "sys.h"

#define PAGE (4 * KiB)
#define THREADS 4
#define PART (2 * ORL_CHUNK)    /* pages of a thread; every second is written */

static int (*real_setup) (struct io_uring *ring, unsigned entries);
static oriel_pool *pool;
static oriel_file *file;
static _Atomic unsigned at_work; /* threads that begin to write, or to read, */
static _Atomic unsigned rings;
static steps *step;

/* No ring is there before all threads ask for one. */
static int
count_setup (struct io_uring *ring, unsigned entries)
{
  if (entries == 1) /* a probe */
    return real_setup (ring, entries);
  rings++;
  while (at_work % THREADS != 0)
    usleep (200);
  usleep (20000);
  return real_setup (ring, entries);
}

static void *
writes (void *arg)
{
  uint64_t from = *(uint64_t *) arg * PART;

  for (uint64_t i = from; i < from + PART; i += 2)
    stamp_page (pool, file, i, 2);
  at_work++;
  must (oriel_flush (file), "oriel_flush");
  return NULL;
}

static void *
reads (void *arg)
{
  uint64_t from = *(uint64_t *) arg * PART;

  at_work++;
  must (oriel_prefetch (file, from, 60), "oriel_prefetch");
  for (uint64_t i = from; i < from + PART; i++)
    if (!page_is_stamped (pool, file, i, i % 2 ? 1 : 2))
      bail_out ("page %d is wrong", (int) i);
  return NULL;
}

static void
all_threads (void *(*what) (void *))
{
  static uint64_t number[THREADS];
  pthread_t thread[THREADS];

  at_work = 0;
  for (uint64_t t = 0; t < THREADS; t++) {
    number[t] = t;
    thread[t] = start_thread (what, &number[t]);
  }
  for (int t = 0; t < THREADS; t++)
    pthread_join (thread[t], NULL);
}

/* How many rings it takes. */
static int
use_rings (const char *data)
{
  oriel_options opt = test_options ();

  opt.pool_size = 8 * MiB;
  pool = must_open_pool ("test", &opt);
  make_stamped_file (data, PAGE, THREADS * PART, 0, 1);
  file = must_open_file (pool, data, 0);
  rings = 0;
  all_threads (writes);
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  all_threads (reads);
  return (int) rings;
}

static void
detach (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* Keeps its rings until it is told. */
static int
other (void *arg)
{
  int n = use_rings (arg);

  go_to (step, 1);
  await (step, 2);
  detach ();
  return n;
}

int
main (void)
{
  char *data[] = { strdup (scratch_file ("data")),
                   strdup (scratch_file ("other")) };
  oriel_options opt = test_options ();
  pid_t pid;
  int fd;

  step = shared_memory (sizeof *step);
  real_setup = orl_sys.uring_setup;
  opt.pool_size = 8 * MiB;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  must (oriel_pool_close (pool), "oriel_pool_close");
  make_stamped_file (data[0], PAGE, 1, 0, 1);
  fd = open (data[0], O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    skip_all ("this file system has no O_DIRECT: nothing is written by a ring");
  close (fd);

  orl_sys.uring_setup = count_setup;
  pid = spawn (other, data[1]);
  await (step, 1);
  is_int (use_rings (data[0]), 2,
          "a process whose threads all read and write makes two rings");
  go_to (step, 2);
  is_int (reap (pid), 2, "so did one that has them at the same time");
  detach ();
  free (data[0]);
  free (data[1]);
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With ORIEL_WRITEBACK a thread writes dirty pages, and has the log flushed for
 * them; it takes no signals but those of memory that is gone, it costs nothing
 * while there is nothing to do, a forked child is without it, and a pool is closed
 * while it is at work.
 */
#include "cut.h"

#include <stdbool.h>
#include <sys/syscall.h>

static oriel_pool *pool;
static oriel_file *file;
static _Atomic int calls, taken_by;
static pid_t main_thread;

static int
flush_log (void *arg, uint64_t lsn)
{
  (void) arg;
  (void) lsn;
  if (syscall (SYS_gettid) != main_thread)
    atomic_fetch_add (&calls, 1);
  return 0;
}

static void
on_signal (int sig)
{
  (void) sig;
  atomic_store (&taken_by, (int) syscall (SYS_gettid));
}

static bool
is_clean (void)
{
  for (int i = 0; i < 120000; i++) {
    if (get_stats (pool).frames_dirty == 0)
      return true;
    usleep (1000);
  }
  return false;
}

static void
change (uint64_t n, uint64_t lsn)
{
  for (uint64_t i = 0; i < n; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE);

    stamp (page.data, 4096, lsn, i);
    must (oriel_dirty (&page, lsn), "dirty");
    must (oriel_unpin (&page), "unpin");
  }
}

static int
child (void *arg)
{
  (void) arg;
  if (oriel_writeback (pool, NULL) != -EOWNERDEAD
      || oriel_checkpoint (pool, NULL, NULL) != -EOWNERDEAD)
    return 1;
  return oriel_pool_close (pool) == 0 ? 0 : 2;
}

static unsigned
count_threads (void)
{
  FILE *status = fopen ("/proc/self/status", "re");
  char line[256];
  unsigned n = 0;

  while (status && fgets (line, sizeof line, status))
    if (sscanf (line, "Threads: %u", &n) == 1)
      break;
  if (status)
    fclose (status);
  return n;
}

/* The thread finds a page's memory cut away, as the first. */
static void
cut_one (const oriel_options *opt)
{
  oriel_page page;
  int rc = 0;

  pool = must_open_pool ("test", opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_file_on_flush_log (file, flush_log, NULL), "on_flush_log");
  change (300, 5);
  page = must_pin (file, 200, ORIEL_OPTIMISTIC);
  must (oriel_unpin (&page), "unpin");
  cut_file (pool_path ("test"), place_of (pool, page.frame));
  for (int i = 0; i < 6000 && rc == 0; i++) {
    rc = get_stats (pool).frames_lost > 0 ? -EIO : 0;
    usleep (10000);
  }
  is_int (rc, -EIO, "the thread finds memory cut away, and lives");
  is_rc (oriel_flush (file), -EIO, "what was lost is told");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* A second of the process's life, of which the thread has next to nothing. */
static void
is_idle (void)
{
  struct timespec from, to;
  const char *valgrind = getenv ("ORIEL_VALGRIND");
  double took;

  if (sanitized () || (valgrind && *valgrind == '1')) {
    skip ("instrumented code is slow");
    return;
  }
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &from);
  usleep (1200000);
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &to);
  took = (double) (to.tv_sec - from.tv_sec) * 1e3
         + (double) (to.tv_nsec - from.tv_nsec) * 1e-6;
  ok (took < 30, "the thread waits: %.1f ms of 1200", took);
}

static void *
nothing (void *arg)
{
  return arg;
}

int
main (void)
{
  oriel_options opt = test_options ();
  struct sigaction act = { .sa_handler = on_signal };
  char page[4096];
  sigset_t set;
  pthread_t first;
  unsigned threads;

  /* ThreadSanitizer's own thread comes with it. */
  pthread_create (&first, NULL, nothing, NULL);
  pthread_join (first, NULL);
  main_thread = (pid_t) syscall (SYS_gettid);
  must (oriel_options_set (&opt, "writeback", "1"), "writeback");
  threads = count_threads ();
  pool = must_open_pool ("test", &opt);
  is_int (count_threads (), threads + 1, "there is a thread");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_on_flush_log (file, flush_log, NULL), "on_flush_log");
  change (400, 1);
  ok (is_clean (), "all pages are written, without a call");
  ok (atomic_load (&calls) > 0, "and the log was flushed before");
  is_int ((long long) oriel_file_durable_lsn (file), 1, "which is durable");
  plain_read (scratch_file ("data"), 399 * 4096, page, 4096);
  ok (is_stamped (page, 4096, 1, 399), "the store has the last");

  sigaction (SIGUSR1, &act, NULL);
  sigemptyset (&set);
  sigaddset (&set, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  kill (getpid (), SIGUSR1);
  change (300, 2);
  ok (is_clean (), "written again");
  is_int (atomic_load (&taken_by), 0, "the thread takes no signal");
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
  is_int (atomic_load (&taken_by), main_thread, "who may does");

  change (300, 3);
  for (int i = 0; i < 5; i++)
    is_int (in_child (child, NULL), 0, "a forked child is without it");
  ok (is_clean (), "it goes on in the parent");
  is_idle ();
  change (400, 4);
  is_rc (oriel_file_close (file), 0, "a file is closed while it writes");
  is_rc (oriel_pool_close (pool), 0, "so is the pool");
  is_int (count_threads (), threads, "then there is no thread");

  /* It ends with the pool, whenever. */
  for (int i = 0; i < 10; i++) {
    pool = must_open_pool ("test", &opt);
    must (oriel_pool_close (pool), "close");
  }
  is_int (count_threads (), threads, "nor after others");
  cut_one (&opt);
  return done_testing ();
}

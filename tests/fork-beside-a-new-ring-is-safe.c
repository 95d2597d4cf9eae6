/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process forks while another of its threads makes a ring: the child can open
 * the pool anew and use rings of its own, and keeps nothing of its parent's, so
 * that the parent is dead for all when it is killed.
 */
#include "util.h"

#include "attach.h"
#include "flush-chunk.h"
#include "sys.h"

#define PAGE (4 * KiB)
#define PAGES (2 * ORL_CHUNK)   /* every second is written, by the ring */

struct shared {
  steps step;
  uint64_t token;
  int ended;
};

static struct shared *shared;
static int (*real_setup) (struct io_uring *ring, unsigned entries);
static oriel_pool *pool;
static oriel_file *file;

static void
attach (void)
{
  oriel_options opt = test_options ();

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

/* Both rings. */
static void
use (uint64_t tag)
{
  for (uint64_t i = 0; i < PAGES; i += 2)
    stamp_page (pool, file, i, tag);
  must (oriel_flush (file), "oriel_flush");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  must (oriel_prefetch (file, 0, 60), "oriel_prefetch");
  for (uint64_t i = 0; i < PAGES; i++)
    if (!page_is_stamped (pool, file, i, i % 2 ? 1 : tag))
      bail_out ("page %d is wrong", (int) i);
}

static int
setup_slowly (struct io_uring *ring, unsigned entries)
{
  go_to (&shared->step, 1);
  await (&shared->step, 2);
  usleep (50000); /* the fork() */
  return real_setup (ring, entries);
}

static void *
flushes (void *arg)
{
  (void) arg;
  for (uint64_t i = 0; i < PAGES; i += 2)
    stamp_page (pool, file, i, 2);
  orl_sys.uring_setup = setup_slowly;
  must (oriel_flush (file), "oriel_flush");
  return NULL;
}

static void *
reads (void *arg)
{
  (void) arg;
  orl_sys.uring_setup = setup_slowly;
  must (oriel_prefetch (file, 0, 60), "oriel_prefetch");
  return NULL;
}

static int
forks_beside (void *arg)
{
  void *(*ring) (void *) = *(void *(**) (void *)) arg;
  pthread_t thread;

  attach ();
  shared->token = oriel_self (pool);
  thread = start_thread (ring, NULL);
  await (&shared->step, 1);
  go_to (&shared->step, 2);
  if (fork () == 0) {
    alarm (util_timeout ());
    orl_sys.uring_setup = real_setup;
    attach ();
    use (3);
    go_to (&shared->step, 3);
    await (&shared->step, 4);
    must (oriel_file_close (file), "oriel_file_close");
    must (oriel_pool_close (pool), "oriel_pool_close");
    shared->ended = 1;
    go_to (&shared->step, 5);
    _exit (0);
  }
  pthread_join (thread, NULL);
  for (;;)
    pause ();
}

static void
go (void *(*ring) (void *), const char *what)
{
  off_t byte;
  pid_t pid;
  int fd, late = 0;

  memset (shared, 0, sizeof *shared);
  make_stamped_file (scratch_file ("data"), PAGE, PAGES, 0, 1);
  attach ();
  pid = spawn (forks_beside, &ring);
  await (&shared->step, 3);
  ok (1, "%s: the child has rings of its own", what);
  kill (pid, SIGKILL);
  reap (pid);
  ok (!oriel_alive (pool, shared->token), "its parent is dead");
  /* And the ring's lock goes, too, as if there were no child. */
  byte = ((off_t) 1 << 60)
         + (ring == reads ? ORL_MAX_PROCS : 2 * ORL_MAX_PROCS)
         + (off_t) (shared->token & 0xffff) - 1;
  fd = open (pool_path ("test"), O_RDWR | O_CLOEXEC);
  for (int i = 0; i < 10000 && (late = orl_sys.locked (fd, byte)) == 1; i++)
    usleep (1000);
  close (fd);
  is_int (late, 0, "and its ring is gone");
  go_to (&shared->step, 4);
  await (&shared->step, 5);
  is_int (shared->ended, 1, "the child ends well");
  use (4);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
}

int
main (void)
{
  int fd;

  scratch ();
  pool_dir ();
  shared = shared_memory (sizeof *shared);
  real_setup = orl_sys.uring_setup;
  make_stamped_file (scratch_file ("data"), PAGE, 1, 0, 1);
  fd = open (scratch_file ("data"), O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    skip_all ("this file system has no O_DIRECT");
  close (fd);
  attach ();
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  go (reads, "reads");
  go (flushes, "writes");
  return done_testing ();
}

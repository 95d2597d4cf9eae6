/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process has begun to read pages and makes no call any more, so it ends none
 * of these reads: the pool shrinks all the same, and grows again.  When the
 * process goes on it finds its pages, and its reads have changed no one's.  With
 * write-back they are ended though it does nothing.
 */
#include "util.h"

#include <stdbool.h>

#include "attach.h"
#include "frame.h"
#include "size.h"
#include "sys.h"

#define PAGE (4 * KiB)
#define FRAMES 256
#define PAGES 200               /* and a part of one more */
#define AHEAD 60                /* a quarter of the frames may be under way */
#define LEFT 100

struct shared {
  steps step;
  int good;
};

static struct shared *shared;
static size_t window;
static unsigned flags;
static oriel_pool *pool;
static oriel_file *file;

static void
attach (const char *name)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * PAGE;
  opt.window_size = window;
  opt.slot_size = 16 * KiB;
  opt.flags |= flags;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file (name), 0);
}

static void
leave (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

static int
reads_ahead (void *arg)
{
  (void) arg;
  attach ("data");
  must (oriel_prefetch (file, PAGES - 3, 4), "oriel_prefetch"); /* one in part */
  must (oriel_prefetch (file, PAGES + 1 - AHEAD, AHEAD - 4), "oriel_prefetch");
  go_to (&shared->step, 1);
  await (&shared->step, 2);
  for (uint64_t i = 0; i < PAGES; i++)
    shared->good += page_is_stamped (pool, file, i, 1);
  leave ();
  return 0;
}

/* Frames that are being read. */
static unsigned
loading (void)
{
  unsigned n = 0;

  for (uint32_t i = 0; i < FRAMES; i++)
    n += orl_state (atomic_load (&pool->shm.frames[i].state)) == ORL_LOADING;
  return n;
}

static unsigned
good_pages (uint64_t tag)
{
  unsigned n = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    n += (unsigned) page_is_stamped (pool, file, i, tag);
  return n;
}

/* Has no one filled what was given back? */
static bool
is_given_back (void)
{
  const struct orl_shm *shm = &pool->shm;

  return orl_sys.data (shm->fd, (off_t) (shm->geo.data
                                         + orl_backed_bytes (shm)))
         == -ENXIO;
}

static void
grow (void)
{
  is_rc (oriel_pool_resize (pool, FRAMES * PAGE), 0, "it grows again");
  is_int (good_pages (2), PAGES, "and holds more");
}

/* early: it grows again before the process goes on. */
static void
resize_beside (const char *what, bool early)
{
  unsigned before;
  pid_t pid;

  memset (shared, 0, sizeof *shared);
  attach ("other");
  good_pages (2); /* so others have the last frames */
  pid = spawn (reads_ahead, NULL);
  await (&shared->step, 1);
  before = loading ();
  diag ("%s: %u frames are being read", what, before);
  is_rc (oriel_pool_resize (pool, LEFT * PAGE), 0, "the pool shrinks");
  is_int ((long long) oriel_pool_frames (pool), LEFT, "to so many pages");
  diag ("%u are still", loading ());
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "it is in order");
  is_int (good_pages (2), PAGES, "and holds pages");
  if (early)
    grow ();
  go_to (&shared->step, 2);
  is_int (reap (pid), 0, "the process goes on");
  is_int (shared->good, PAGES, "with all its pages");
  if (!early) {
    ok (is_given_back (), "and has put nothing into memory that was given back");
    grow ();
  }
  is_int (good_pages (2), PAGES, "and the others are what they were");
  is_int (loading (), 0, "all is read");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  leave ();
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  pid_t pid;

  scratch ();
  pool_dir ();
  shared = shared_memory (sizeof *shared);
  make_stamped_file (scratch_file ("data"), PAGE, PAGES, 99, 1);
  make_stamped_file (scratch_file ("other"), PAGE, PAGES, 0, 2);
  attach ("data");
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  leave ();
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  for (int early = 0; early < 2; early++) {
    window = 0;
    resize_beside ("linear window", early);
    window = 64 * KiB;
    resize_beside ("window that is swapped", early);
  }

  window = 0;
  flags = ORIEL_WRITEBACK;
  memset (shared, 0, sizeof *shared);
  pid = spawn (reads_ahead, NULL);
  await (&shared->step, 1);
  attach ("other");
  while (loading () > 0)
    usleep (1000);
  ok (1, "who writes back ends what it has begun to read");
  go_to (&shared->step, 2);
  is_int (reap (pid), 0, "the process goes on");
  leave ();
  return done_testing ();
}

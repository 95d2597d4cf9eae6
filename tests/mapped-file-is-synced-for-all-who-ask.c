/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads sync a mapped file that has become longer.  Its new length is synced
 * once, by one of them; the other comes back when that is over, and not before:
 * what it was to make durable may lie there.
 */
#include "util.h"

#include "sys.h"

static int (*real_fdatasync) (int);
static int (*real_msync) (void *, size_t);
static oriel_file *file;
static steps step;
static _Atomic int back;        /* the second came back */
static int early;               /* while the first was not done */
static int error;
static _Atomic unsigned syncs, msyncs;

static int
count_msync (void *at, size_t n)
{
  msyncs++;
  return real_msync (at, n);
}

/* The first waits until the other has done all that it does before it asks for
 * the length, and a while. */
static int
slow_fdatasync (int fd)
{
  if (syncs++ == 0) {
    go_to (&step, 1);
    while (msyncs < 2)
      usleep (200);
    usleep (50000);
    early = back;
  }
  return error ? error : real_fdatasync (fd);
}

static void *
first (void *arg)
{
  *(int *) arg = oriel_sync (file);
  return NULL;
}

static void *
second (void *arg)
{
  await (&step, 1);
  *(int *) arg = oriel_sync (file);
  back = 1;
  return NULL;
}

static void
both (oriel_pool *pool, uint64_t page, int rc[2])
{
  pthread_t thread[2];

  stamp_page (pool, file, page, 1);
  must (oriel_flush (file), "oriel_flush");
  step = back = 0;
  syncs = msyncs = 0;
  thread[0] = start_thread (first, &rc[0]);
  thread[1] = start_thread (second, &rc[1]);
  pthread_join (thread[0], NULL);
  pthread_join (thread[1], NULL);
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_file_options how;
  oriel_pool *pool;
  int rc[2];
  int r;

  opt.store = ORIEL_STORE_PMEM;
  r = oriel_pool_open ("test", &opt, &pool);
  if (r == -EOPNOTSUPP)
    skip_all ("this build has no libpmem");
  must (r, "oriel_pool_open");
  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_NONE;
  how.flags = ORIEL_CREATE;
  must (oriel_file_open_with (pool, scratch_file ("data"), &how, &file),
        "oriel_file_open_with");
  if (oriel_file_store (file) != ORIEL_STORE_MSYNC)
    skip_all ("there is persistent memory here");
  stamp_page (pool, file, 0, 1);
  must (oriel_sync (file), "oriel_sync");

  real_fdatasync = orl_sys.fdatasync;
  real_msync = orl_sys.msync;
  orl_sys.fdatasync = slow_fdatasync;
  orl_sys.msync = count_msync;
  both (pool, 100, rc);
  is_rc (rc[0], 0, "the first");
  is_rc (rc[1], 0, "and the second succeed");
  is_int (early, 0, "the second has waited");
  is_int (syncs, 1, "by one sync of the length");
  error = -EIO;
  both (pool, 200, rc);
  is_rc (rc[0], -EIO, "if that fails the first is told");
  is_rc (rc[1], -EIO, "and the second");
  error = 0;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

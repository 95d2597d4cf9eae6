/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who makes a file longer cuts nothing off that another appends at the same time:
 * the size does not get less, and what was flushed stays in the store.
 */
#include "util.h"

#include "sys.h"

static oriel_pool *pool;
static oriel_file *file;
static int (*real_ftruncate) (int fd, off_t size);
static atomic_int flushed;
static pthread_t thread;

static void *
flushes (void *arg)
{
  (void) arg;
  must (oriel_flush (file), "oriel_flush");
  flushed = 1;
  return NULL;
}

/* A page behind is written, and on its way to the store.  Whether it gets there
 * before or has to wait for us is no matter: but it gets as much time as it
 * could want. */
static int
appends_meanwhile (int fd, off_t size)
{
  orl_sys.ftruncate = real_ftruncate;
  stamp_page (pool, file, 9, 7);
  pthread_create (&thread, NULL, flushes, NULL);
  for (int i = 0; i < 100 && !flushed; i++)
    usleep (1000);
  return real_ftruncate (fd, size);
}

static void
store_is_not_cut (void)
{
  for (uint64_t i = 0; i < 4; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_flush (file), "oriel_flush");
  real_ftruncate = orl_sys.ftruncate;
  orl_sys.ftruncate = appends_meanwhile;
  is_rc (oriel_file_truncate (file, 6 * 4096), 0, "6 pages, while 10 are written");
  pthread_join (thread, NULL);
  is_int ((long long) oriel_file_size (file), 10 * 4096, "the size is that of 10");
  must (oriel_flush (file), "oriel_flush");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  ok (page_is_stamped (pool, file, 9, 7), "the store has the last");
}

int
main (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 16 * MiB;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"),
                         ORIEL_CREATE | ORIEL_BUFFERED);
  store_is_not_cut ();
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While pages of a file are written back, which has its log flushed, another
 * thread closes the file, and waits.  If the callback opens that file, or is the
 * one to close it, it would wait for itself: it is told instead.
 */
#include "util.h"

#include "attach.h"

static oriel_pool *pool;
static oriel_file *file;
static const char *path;
static pthread_t closer;
static int closed, opened, calls;

static void *
close_it (void *unused)
{
  must (oriel_file_abandon (file), "oriel_file_abandon");
  return unused;
}

static int
opens (void)
{
  int n;

  pthread_mutex_lock (&pool->lock);
  n = (int) file->opens;
  pthread_mutex_unlock (&pool->lock);
  return n;
}

static int
flush_log (void *arg, uint64_t lsn)
{
  oriel_file *again;

  (void) arg;
  (void) lsn;
  if (calls++ > 0)
    return 0;
  closed = oriel_file_abandon (file);
  closer = start_thread (close_it, NULL);
  while (opens () > 0)
    sched_yield ();
  opened = oriel_file_open (pool, path, 0, &again);
  return 0;
}

int
main (void)
{
  oriel_options opt = test_options ();
  uint64_t pages;

  opt.dirty_low = 1;
  pool = must_open_pool ("test", &opt);
  path = strdup (scratch_file ("data"));
  file = must_open_file (pool, path, ORIEL_CREATE);
  must (oriel_file_on_flush_log (file, flush_log, NULL), "on_flush_log");
  for (uint64_t i = 0; i < 100; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);

    must (oriel_dirty (&page, i + 1), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  must (oriel_writeback (pool, &pages), "oriel_writeback");
  pthread_join (closer, NULL);
  is_int (calls, 1, "the log was flushed once");
  is_int (closed, -EDEADLK, "the callback may not close the file");
  is_int (opened, -EDEADLK, "nor open it while another closes it");
  file = must_open_file (pool, path, 0);
  must (oriel_file_durable (file, 100), "oriel_file_durable");
  is_rc (oriel_file_close (file), 0, "after that it is as ever");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who opens a file that another thread of the process is closing, and waits for
 * write-back to let go of it, waits as well: the file stays open then.
 */
#include "util.h"

#include "attach.h"
#include "sys.h"

static int (*real_open) (const char *, int, mode_t);
static oriel_pool *pool;
static oriel_file *file;
static atomic_int flushing, looks, opened;

/* Of write-back: until the other has opened the file, or has looked for it more
 * than once. */
static int
flush_log (void *arg, uint64_t lsn)
{
  (void) arg, (void) lsn;
  atomic_store (&flushing, 1);
  while (!atomic_load (&opened) && atomic_load (&looks) < 3)
    sched_yield ();
  return 0;
}

static int
count_open (const char *name, int flags, mode_t mode)
{
  if (flags & O_PATH)
    atomic_fetch_add (&looks, 1);
  return real_open (name, flags, mode);
}

static void *
write_back (void *unused)
{
  uint64_t pages;

  for (int i = 0; i < 2; i++) /* the second finds the pool idle */
    must (oriel_writeback (pool, &pages), "oriel_writeback");
  return unused;
}

static void *
abandon (void *unused)
{
  must (oriel_file_abandon (file), "oriel_file_abandon");
  return unused;
}

static void
see (void *arg, const oriel_file_info *info)
{
  *(uint64_t *) arg += info->openers;
}

static uint32_t
opens (void)
{
  uint32_t n;

  pthread_mutex_lock (&pool->lock);
  n = file->opens;
  pthread_mutex_unlock (&pool->lock);
  return n;
}

int
main (void)
{
  const char *path = scratch_file ("data");
  pthread_t writer, closer;
  uint64_t openers = 0;
  oriel_page page;
  oriel_file *again;

  real_open = orl_sys.open;
  pool = test_pool ();
  file = must_open_file (pool, path, ORIEL_CREATE);
  must (oriel_file_on_flush_log (file, flush_log, NULL), "on_flush_log");
  page = must_pin (file, 0, ORIEL_WRITE);
  must (oriel_dirty (&page, 5), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  pthread_create (&writer, NULL, write_back, NULL);
  while (!atomic_load (&flushing))
    sched_yield ();
  pthread_create (&closer, NULL, abandon, NULL);
  while (opens () > 0)
    sched_yield ();
  orl_sys.open = count_open;
  again = must_open_file (pool, path, 0);
  atomic_store (&opened, 1);
  orl_sys.open = real_open;
  pthread_join (closer, NULL);
  pthread_join (writer, NULL);
  must (oriel_pool_files (pool, see, &openers), "oriel_pool_files");
  is_int ((long long) openers, 1, "it is open");
  stamp_page (pool, again, 1, 1);
  ok (page_is_stamped (pool, again, 1, 1), "and can be used");
  must (oriel_file_close (again), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

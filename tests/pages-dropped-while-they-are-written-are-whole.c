/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file, or pages of it, are forgotten while one of them is half on its way to the
 * store.  Who reads it just then may have half of it; but when the call returns the
 * page is whole, for all.  And what was forgotten just before it was to be written
 * is not written behind that.
 *
 * A thread flushes, another one forgets; the first is stopped in its write, and in
 * some turns the other one, too, until that has ended.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "attach.h"
#include "frame.h"
#include "point.h"
#include "sys.h"

#define PAGE (16 * KiB)
#define PAGES 1
#define TURNS 70

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static oriel_pool *pool;
static oriel_file *file;
static const char *data;
static atomic_int half, returned, flushed;
static uint32_t epoch;

static void
drop (void)
{
  must (oriel_file_drop (file), "oriel_file_drop");
}

static void
drop_pages (void)
{
  must (oriel_file_drop_pages (file, 0, PAGES), "oriel_file_drop_pages");
}

static void
drop_many (void)
{
  must (oriel_file_drop_pages (file, 0, 1u << 20), "oriel_file_drop_pages");
}

static int
is_forgotten (void)
{
  const struct orl_shm *shm = &file->pool->shm;

  if (atomic_load (&file->rec->epoch) != epoch)
    return 1;
  for (uint32_t i = 0; i < orl_frames (shm); i++) {
    uint64_t word = atomic_load (&shm->frames[i].state);

    if (orl_state (word) == ORL_WRITING && (word & ORL_STALE)
        && atomic_load (&shm->frames[i].page) == 0)
      return 1;
  }
  return 0;
}

static ssize_t
write_in_halves (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec first = { iov->iov_base, PAGE / 2 };
  oriel_page page;

  orl_sys.pwritev = real_pwritev;
  real_pwritev (fd, &first, 1, at);
  atomic_store (&half, 1);
  while (!is_forgotten ())
    sched_yield ();
  /* Half of it comes into the pool. */
  must (oriel_pin (file, 0, ORIEL_READ, &page), "oriel_pin");
  must (oriel_unpin (&page), "oriel_unpin");
  return real_pwritev (fd, iov, n, at);
}

static void *
flushes (void *arg)
{
  oriel_flush (file);
  atomic_store (&flushed, 1);
  return arg;
}

/* Who forgets looks for what is being written when that has ended. */
static void
look_late (const struct orl_point *point)
{
  if (strcmp (point->name, "file.drop.epoch") != 0
      && strcmp (point->name, "file.drop.stale") != 0)
    return;
  while (!atomic_load (&flushed))
    sched_yield ();
}

static void
stamp_all (uint64_t tag)
{
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, tag);
}

static int
is_whole_after (void (*forget) (void))
{
  pthread_t thread;
  int whole;

  stamp_all (1);
  must (oriel_sync (file), "oriel_sync");
  stamp_all (2);
  epoch = atomic_load (&file->rec->epoch);
  atomic_store (&half, 0);
  atomic_store (&flushed, 0);
  orl_sys.pwritev = write_in_halves;
  thread = start_thread (flushes, NULL);
  while (!atomic_load (&half))
    sched_yield ();
  forget ();
  whole = page_is_stamped (pool, file, 0, 2);
  pthread_join (thread, NULL);
  return whole;
}

static void
wait_for_drop (const struct orl_point *point)
{
  if (strcmp (point->name, "flush.latched") != 0 || atomic_exchange (&half, 1))
    return;
  while (!atomic_load (&returned))
    sched_yield ();
}

static void
just_before (void)
{
  unsigned char page[PAGE];
  pthread_t thread;

  stamp_all (1);
  must (oriel_sync (file), "oriel_sync");
  stamp_all (2);
  atomic_store (&half, 0);
  orl_point_hook = wait_for_drop;
  thread = start_thread (flushes, NULL);
  while (!atomic_load (&half))
    sched_yield ();
  drop ();
  atomic_store (&returned, 1);
  pthread_join (thread, NULL);
  orl_point_hook = NULL;
  plain_read (data, 0, page, PAGE);
  ok (is_stamped (page, PAGE, 1, 0),
      "what was dropped before it was written never is");
  ok (page_is_stamped (pool, file, 0, 1), "and the pool has what the store has");
}

int
main (void)
{
  oriel_options opt = test_options ();
  int whole = 0;

  opt.page_size = PAGE;
  opt.pool_size = MiB;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  data = strdup (scratch_file ("data"));
  file = must_open_file (pool, data, ORIEL_CREATE);
  real_pwritev = orl_sys.pwritev;
  ok (is_whole_after (drop), "after oriel_file_drop() the page is whole");
  ok (is_whole_after (drop_pages), "and after oriel_file_drop_pages()");
  /* Wherever the frame lies that the half of it came into. */
  for (uint64_t i = 0; i < TURNS; i++) {
    oriel_page page = must_pin (file, 1 + i, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
    whole += is_whole_after (drop_many);
  }
  is_int (whole, TURNS, "also of many");
  orl_point_hook = look_late;
  ok (is_whole_after (drop), "also if the write has ended before it is looked at");
  ok (is_whole_after (drop_pages), "likewise, of some pages");
  orl_point_hook = NULL;
  just_before ();
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a checkpoint writes a page others pin and change it; the store gets what
 * the page was, never something older than it has, and the checkpoint says up to
 * where it is whole.  It waits for those who have pages pinned for writing when
 * it begins.
 */
#include "util.h"

#include <stdbool.h>

#include "sys.h"

#define PAGES 300
#define SECOND 200              /* not of the first pages that are written */

static oriel_pool *pool;
static oriel_file *file;
static uint64_t lsn, in_store[PAGES], syncs, older, stalled;
static bool changing, poking;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_fdatasync) (int);

/* The page's lsn is its content. */
static int
change (uint64_t number, unsigned flags)
{
  oriel_page page;
  int r = oriel_pin (file, number, ORIEL_WRITE | flags, &page);

  if (r < 0)
    return r;
  *(uint64_t *) page.data = ++lsn;
  must (oriel_dirty (&page, lsn), "dirty");
  must (oriel_unpin (&page), "unpin");
  return 0;
}

/* Each page that is being written is changed, if that is wanted. */
static ssize_t
on_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  uint64_t number = (uint64_t) at / 4096;
  ssize_t r = real_pwritev (fd, iov, n, at);

  for (int i = 0; i < n; i++, number++) {
    uint64_t has = *(const uint64_t *) iov[i].iov_base;

    older += has < in_store[number];
    in_store[number] = has;
    if (poking) {
      poking = false;
      must (change (SECOND, 0), "change");
    }
    if (changing)
      stalled += change (number, ORIEL_NOWAIT) < 0;
  }
  return r;
}

static int
on_fdatasync (int fd)
{
  syncs++;
  return real_fdatasync (fd);
}

static bool again;

/* In the middle, when pages are copied and wait for their log, one of them is
 * changed, another writes it, and it is changed once more. */
static int
flush_log (void *arg, uint64_t want)
{
  (void) arg;
  if (again) {
    again = false;
    must (change (SECOND, 0), "change");
    must (oriel_file_durable (file, lsn), "durable");
    must (oriel_flush (file), "flush by another");
    must (change (SECOND, 0), "change");
  }
  return want > lsn ? -EINVAL : 0;
}

static uint64_t
missing (uint64_t upto, const uint64_t *told)
{
  uint64_t n = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    n += told[i] <= upto && in_store[i] < told[i];
  return n;
}

static uint64_t first_of[PAGES];

static void
see (void *arg, const oriel_page_info *info)
{
  (void) arg;
  first_of[info->number] = info->dirty ? info->first : 0;
}

/* ------------------------------------------------------------------ */

static steps at;
static uint64_t late;

/* The log has the change, and the page is not dirty yet. */
static void *
write_late (void *arg)
{
  oriel_page page = must_pin (file, 7, ORIEL_WRITE);

  (void) arg;
  late = *(uint64_t *) page.data = ++lsn;
  must (oriel_file_durable (file, lsn), "durable");
  go_to (&at, 1);
  await (&at, 2);
  usleep (20000); /* a checkpoint that does not wait is through by then */
  must (oriel_dirty (&page, late), "dirty");
  must (oriel_unpin (&page), "unpin");
  return NULL;
}

int
main (void)
{
  uint64_t reached = 0, told[PAGES], before;
  unsigned changed = 0;
  pthread_t thread;
  oriel_page page;

  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_on_flush_log (file, flush_log, NULL), "on_flush_log");
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = on_pwritev;
  real_fdatasync = orl_sys.fdatasync;
  orl_sys.fdatasync = on_fdatasync;

  is_rc (oriel_checkpoint (pool, file, &reached), 0, "of a file without pages");
  is_int ((long long) reached, 0, "there is no log");
  for (uint64_t i = 0; i < PAGES; i++)
    must (change (i, 0), "change");
  must (change (3, 0), "change");
  must (oriel_file_pages (file, see, NULL), "oriel_file_pages");
  is_int ((long long) first_of[3], 4, "the first change is kept, of several");
  is_int ((long long) first_of[99], 100, "and of one");
  for (uint64_t i = 0; i < PAGES; i++)
    told[i] = i == 3 ? lsn : i + 1;
  before = lsn;
  changing = true;
  syncs = 0;
  is_rc (oriel_checkpoint (pool, file, &reached), 0,
         "while each page changes as it is written");
  changing = false;
  is_int ((long long) stalled, 0, "none of those waits");
  is_int ((long long) syncs, 1, "one sync");
  is_int ((long long) reached, (long long) before,
          "it reaches what was logged when it began");
  is_int ((long long) missing (before, told), 0, "the store has that");
  is_int ((long long) get_stats (pool).frames_dirty, PAGES,
          "and the pages are dirty again");
  must (oriel_file_pages (file, see, NULL), "oriel_file_pages");
  for (uint64_t i = 0; i < PAGES; i++)
    changed += first_of[i] > told[i];
  is_int (changed, PAGES, "from the changes on that it has not");

  /* Page SECOND changes when the first are written: its log is flushed again when
   * it is copied. */
  is_rc (oriel_checkpoint (NULL, file, NULL), -EINVAL, "no pool");
  must (oriel_file_durable (file, lsn), "durable");
  again = poking = true;
  is_rc (oriel_checkpoint (pool, file, &reached), 0, "while another writes");
  ok (!again && !poking, "another has");
  is_int ((long long) older, 0, "nothing in the store became older");
  is_rc (oriel_checkpoint (pool, NULL, &reached), 0, "of all files");
  is_int ((long long) reached, (long long) lsn, "it reaches the log's end");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "nothing is dirty");

  /* Those who write. */
  thread = start_thread (write_late, NULL);
  await (&at, 1);
  go_to (&at, 2);
  is_rc (oriel_checkpoint (pool, file, &reached), 0, "while one writes");
  ok (reached < late || in_store[7] == late,
      "either it waited, or says that it has not the change");
  is_int ((long long) reached, (long long) late, "it waited");
  pthread_join (thread, NULL);
  page = must_pin (file, 9, ORIEL_WRITE);
  is_rc (oriel_checkpoint (pool, file, &reached), -EDEADLK,
         "by who has a page pinned for writing");
  must (oriel_unpin (&page), "unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

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
static bool changing, poking, flushing;
static uint64_t poke_lsn, refused;
static _Atomic bool waiting;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_fdatasync) (int);
static int (*real_futex_wait) (uint32_t *, uint32_t, unsigned);

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

/* It gets an lsn that the log has already. */
static void
change_late (void)
{
  oriel_page page = must_pin (file, SECOND, ORIEL_WRITE);

  must (oriel_dirty (&page, poke_lsn), "dirty");
  must (oriel_unpin (&page), "unpin");
}

/* Each page that is being written is changed, if that is wanted. */
static ssize_t
on_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  uint64_t number = (uint64_t) at / 4096;
  ssize_t r;

  if (refused > 0 && number == refused)
    return -EIO;
  r = real_pwritev (fd, iov, n, at);
  for (int i = 0; i < n; i++, number++) {
    uint64_t has = *(const uint64_t *) iov[i].iov_base;

    older += has < in_store[number];
    in_store[number] = has;
    if (poking) {
      poking = false;
      must (change (SECOND, 0), "change");
    }
    if (poke_lsn > 0 && !flushing) {
      flushing = true;
      change_late ();
    }
    if (changing)
      stalled += change (number, ORIEL_NOWAIT) < 0;
  }
  return r;
}

static int
on_fdatasync (int fd)
{
  int r = real_fdatasync (fd);

  syncs++;
  if (flushing)
    must (oriel_flush (file), "flush behind the sync");
  return r;
}

static int
on_futex_wait (uint32_t *word, uint32_t value, unsigned ms)
{
  atomic_store (&waiting, true);
  return real_futex_wait (word, value, ms);
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

/* Holds a page while the checkpoint begins. */
static void *
hold (void *arg)
{
  oriel_page page = must_pin (file, 7, ORIEL_WRITE);

  (void) arg;
  go_to (&at, 3);
  await (&at, 4);
  must (oriel_unpin (&page), "unpin");
  return NULL;
}

static void *
checkpoint (void *arg)
{
  must (oriel_checkpoint (pool, file, arg), "oriel_checkpoint");
  return NULL;
}

/* While the checkpoint waits for one who writes, another logs a change, which is
 * not in the store when it ends. */
static void
logged_meanwhile (void)
{
  pthread_t holder = start_thread (hold, NULL), thread;
  uint64_t reached = 0;
  oriel_page page;

  await (&at, 3);
  atomic_store (&waiting, false);
  real_futex_wait = orl_sys.futex_wait;
  orl_sys.futex_wait = on_futex_wait;
  thread = start_thread (checkpoint, &reached);
  while (!atomic_load (&waiting))
    usleep (200);
  page = must_pin (file, 8, ORIEL_WRITE);
  late = *(uint64_t *) page.data = ++lsn;
  must (oriel_file_durable (file, late), "durable");
  go_to (&at, 4);
  pthread_join (thread, NULL);
  pthread_join (holder, NULL);
  orl_sys.futex_wait = real_futex_wait;
  is_int ((long long) reached, (long long) late - 1,
          "not to what was logged while it waited");
  must (oriel_dirty (&page, late), "dirty");
  must (oriel_unpin (&page), "unpin");
}

/* A page is dirty from before the log's end when the checkpoint syncs. */
static void
dirty_at_the_end (void)
{
  uint64_t reached = 0;

  must (change (9, 0), "change");
  must (change (10, 0), "change");
  must (oriel_file_durable (file, lsn), "durable");
  poke_lsn = lsn;
  must (oriel_checkpoint (pool, file, &reached), "oriel_checkpoint");
  ok (flushing, "a page got dirty meanwhile, and was written behind the sync");
  is_int ((long long) reached, (long long) poke_lsn - 1,
          "to what is before that change");
  poke_lsn = 0;
  flushing = false;
}

static int
dies_with_a_dirty_page (void *arg)
{
  oriel_pool *own = test_pool ();

  (void) arg;
  stamp_page (own, must_open_file (own, scratch_file ("third"), 0), 0, 2);
  raise (SIGKILL);
  return 0;
}

/* A page of another file is no hindrance; of all files that may be written it is
 * the least that counts, of those that have a log, and no error is forgotten. */
static void
beside_another_file (void)
{
  oriel_file *other = must_open_file (pool, scratch_file ("other"),
                                      ORIEL_CREATE);
  oriel_page page = must_pin (other, 0, ORIEL_WRITE);
  uint64_t reached = 0;
  oriel_file *third;
  char bytes[4096];

  is_rc (oriel_checkpoint (pool, file, NULL), 0,
         "by who writes another file's page");
  must (oriel_unpin (&page), "unpin");
  make_stamped_file (scratch_file ("third"), 4096, 1, 0, 1);
  third = must_open_file (pool, scratch_file ("third"), ORIEL_RDONLY);
  is_int (in_child (dies_with_a_dirty_page, NULL), 128 + SIGKILL,
          "a file that is open to read has a dirty page");
  is_rc (oriel_checkpoint (pool, NULL, &reached), 0, "which others write");
  must (oriel_file_close (third), "oriel_file_close");
  is_int ((long long) reached, (long long) lsn, "one without a log is no part");
  must (oriel_file_durable (other, 2), "durable");
  must (oriel_checkpoint (pool, NULL, &reached), "oriel_checkpoint");
  is_int ((long long) reached, 2, "of two logs it is the shorter");
  refused = 12;
  must (change (refused, 0), "change");
  stamp_page (pool, other, 5, 1);
  is_rc (oriel_checkpoint (pool, NULL, &reached), -EIO,
         "the first of two cannot be written");
  refused = 0;
  plain_read (scratch_file ("other"), 5 * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 1, 5), "the second is");
  is_rc (oriel_checkpoint (pool, NULL, &reached), 0, "then both");
  must (oriel_file_close (other), "oriel_file_close");
}

static int
dies_writing (void *arg)
{
  oriel_pool *own = test_pool ();
  oriel_page page = must_pin (must_open_file (own, scratch_file ("data"), 0),
                              11, ORIEL_WRITE);

  (void) arg;
  memset (page.data, 1, 2000);
  raise (SIGKILL);
  return 0;
}

/* The page of one who dies is what it was before, and is written. */
static void
dead_writer (void)
{
  must (change (11, 0), "change");
  is_int (in_child (dies_writing, NULL), 128 + SIGKILL, "a writer dies");
  is_rc (oriel_checkpoint (pool, file, NULL), 0, "no one waits for it");
  is_int ((long long) in_store[11], (long long) lsn,
          "the store has what it found");
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
  must (oriel_checkpoint (pool, NULL, &reached), "oriel_checkpoint");
  is_int ((long long) reached, 0, "of all files neither");
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
  beside_another_file ();
  logged_meanwhile ();
  dirty_at_the_end ();
  dead_writer ();
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

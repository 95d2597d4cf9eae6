/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel does of a ring's reads and writes only in part, or refuses, is
 * done by the calls of ever: each page that was to be read is there and right,
 * without a miss, and each page that was to be written is in the store, whole.  What
 * those calls cannot read either is no page.
 *
 * Requests are changed just before the kernel sees them, and so are really done in
 * part, or refused.
 */
#include "util.h"

#ifndef HAVE_LIBURING

int
main (void)
{
  skip_all ("this build has no io_uring");
}

#else

# include <liburing.h>

# include "attach.h"
# include "sys.h"
# include "uring.h"

# define PAGES 300
# define REST 1000              /* bytes of one more */

/* All but the first 512 bytes, or, of many pages, but half and 512. */
static void
shorten (struct io_uring_sqe *e)
{
  struct iovec *iov = (struct iovec *) (uintptr_t) e->addr;

  if (e->opcode == IORING_OP_READ || e->opcode == IORING_OP_WRITE)
    e->len = 512;
  else {
    e->len = e->len / 2 + 1;
    iov[e->len - 1].iov_len = 512;
  }
}

/* Whole pages. */
static void
shorten_by_pages (struct io_uring_sqe *e)
{
  if (e->opcode == IORING_OP_READV || e->opcode == IORING_OP_WRITEV)
    e->len = e->len / 2 ? e->len / 2 : 1;
}

static void
refuse (struct io_uring_sqe *e)
{
  e->ioprio = 0xffff; /* -EINVAL */
}

static void
lose (struct io_uring_sqe *e)
{
  e->addr = 8; /* -EFAULT */
}

static const struct way {
  const char *what;
  void (*change) (struct io_uring_sqe *e);
} ways[] = {
  { "short in a page", shorten },
  { "short between pages", shorten_by_pages },
  { "refused as wrong", refuse },
  { "refused as nowhere", lose },
};

static struct orl_sys real;
static void (*change) (struct io_uring_sqe *e);
static unsigned changed;
static const void *read_to;     /* by the last request of one page */

static int
submit (struct io_uring *ring)
{
  struct io_uring_sq *sq = &ring->sq;

  for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
    struct io_uring_sqe *e = &sq->sqes[i & *sq->kring_mask];

    if (e->opcode == IORING_OP_READ)
      read_to = (const void *) (uintptr_t) e->addr;
    if (!change)
      continue;
    change (e);
    changed++;
  }
  return real.uring_submit (ring);
}

static oriel_pool *pool;
static oriel_file *file;

/* Runs of one page and of two. */
static int
is_written (uint64_t page)
{
  return page % 5 != 1 && page % 5 != 4;
}

static int
in_store (uint64_t tag)
{
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (scratch_file ("data"), (off_t) i * 4096, page, sizeof page);
    good += is_stamped (page, sizeof page, is_written (i) ? tag : 1, i);
  }
  return good;
}

/* Threads that are said to have writes under way. */
static int
writers (void)
{
  const struct orl_shm *shm = &pool->shm;
  int n = 0;

  for (uint32_t i = 0; i < shm->geo.nthreads; i++)
    n += (atomic_load (&shm->ledgers[i].locks) & ORL_HAS_WRITES) != 0;
  return n;
}

static void
writes (const struct way *way, uint64_t tag)
{
  diag ("writes that are %s", way->what);
  for (uint64_t i = 0; i < PAGES; i++)
    if (is_written (i))
      stamp_page (pool, file, i, tag);
  change = way->change;
  changed = 0;
  is_rc (oriel_flush (file), 0, "a flush");
  change = NULL;
  if (pool->writes)
    ok (changed > 16, "%u requests were changed", changed);
  is_int (in_store (tag), PAGES, "all is in the store");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "and nothing is dirty");
  is_int (writers (), 0, "no one waits for these writes any more");
}

static void
reads (const struct way *way, uint64_t tag)
{
  uint64_t list[] = { 290, 7, 3, 280, 281, PAGES };
  oriel_stats before;
  char rest[REST];
  int good = 0;

  diag ("reads that are %s", way->what);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  change = way->change;
  changed = 0;
  is_rc (oriel_prefetch_many (file, list, COUNT (list)), 0, "a list");
  is_rc (oriel_prefetch (file, 100, 60), 0, "and a range");
  change = NULL;
  ok (changed > 2, "%u requests were changed", changed);
  before = get_stats (pool);
  for (uint64_t i = 100; i < 160; i++)
    good += page_is_stamped (pool, file, i, is_written (i) ? tag : 1);
  is_int (good, 60, "the range is right");
  for (size_t i = 0; i < COUNT (list) - 1; i++)
    good += page_is_stamped (pool, file, list[i],
                             is_written (list[i]) ? tag : 1);
  is_int (good, 60 + (long long) COUNT (list) - 1, "and the list");
  must (oriel_read (file, PAGES * 4096, rest, REST, NULL), "oriel_read");
  ok (is_stamped (rest, REST, 1, PAGES), "and the last, of which there is a part");
  is_int ((long long) (get_stats (pool).misses - before.misses), 0,
          "all were there");
}

/* What came short, and whose rest cannot be read, is no page. */

static ssize_t
fail_read (int fd, const struct iovec *iov, int n, off_t at)
{
  (void) fd, (void) iov, (void) n, (void) at;
  return -EIO;
}

static void
rest_fails (uint64_t tag)
{
  int good = 0;

  diag ("reads that are short between pages, and then fail");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  change = shorten_by_pages;
  is_rc (oriel_prefetch (file, 100, 60), 0, "a range");
  change = NULL;
  orl_sys.preadv = fail_read;
  for (uint64_t i = 100; i < 160; i++) {
    oriel_page page;

    if (oriel_pin (file, i, ORIEL_READ, &page) == 0)
      must (oriel_unpin (&page), "oriel_unpin");
  }
  orl_sys.preadv = real.preadv;
  for (uint64_t i = 100; i < 160; i++)
    good += page_is_stamped (pool, file, i, is_written (i) ? tag : 1);
  is_int (good, 60, "the range is right when it can be read");
}

/* Another thread finds out that the kernel lets us use the ring no more, when this
 * one has chosen to write by it. */

static unsigned wrong;

static void
refused (struct orl_io *io, int64_t got, void *who)
{
  (void) io, (void) who;
  wrong += got != -EPERM;
}

static int
refuse_submit (struct io_uring *ring)
{
  (void) ring;
  return -EPERM;
}

static int
fstat_and_break (int fd, struct stat *st)
{
  static struct iovec iov;
  static struct orl_io io = { .fd = -1, .place = -1, .n = 1, .iov = &iov,
                              .done = refused };
  struct orl_uring *u = pool->writes;

  orl_sys.fstat = real.fstat;
  orl_sys.uring_submit = refuse_submit;
  orl_uring_lock (u);
  orl_uring_add (u, &io);
  orl_uring_send (u, NULL);
  orl_uring_unlock (u);
  orl_sys.uring_submit = submit;
  return real.fstat (fd, st);
}

static void
breaks (uint64_t tag)
{
  if (!pool->writes)
    return;
  for (uint64_t i = 0; i < PAGES; i++)
    if (is_written (i))
      stamp_page (pool, file, i, tag);
  orl_sys.fstat = fstat_and_break;
  is_rc (oriel_flush (file), 0, "a flush whose ring breaks");
  ok (orl_uring_is_broken (pool->writes) && wrong == 0, "it did");
  is_int (in_store (tag), PAGES, "all is in the store");
}

/* What is read without a slot wants memory: where there is none it is not begun. */

static void *
no_mmap (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  if (!(flags & MAP_ANONYMOUS))
    return real.mmap (at, n, prot, flags, fd, off);
  errno = ENOMEM;
  return MAP_FAILED;
}

static void
wants_memory (void)
{
  int good = 0;

  orl_sys.mmap = no_mmap;
  is_rc (oriel_prefetch (file, 0, 20), 0, "a prefetch without memory");
  orl_sys.mmap = real.mmap;
  for (uint64_t i = 0; i < 20; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, 20, "the pages are right");
}

/* A fork() while the kernel reads would leave the pages to the child. */
static int
has_no_part (void *unused)
{
  unsigned char in_memory;

  (void) unused;
  return mincore ((void *) (uintptr_t) read_to, 4096, &in_memory) < 0
                 && errno == ENOMEM
             ? 0
             : 1;
}

static void
try (const char *what, size_t window)
{
  oriel_options opt = test_options ();

  diag ("%s", what);
  opt.store = ORIEL_STORE_URING;
  opt.window_size = window;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  wants_memory ();
  must (oriel_prefetch (file, PAGES - 1, 1), "oriel_prefetch");
  if (window)
    is_int (in_child (has_no_part, NULL), 0,
            "a forked child has no part in what is read to");
  for (size_t i = 0; i < COUNT (ways); i++) {
    writes (&ways[i], i + 2);
    reads (&ways[i], i + 2);
  }
  rest_fails (COUNT (ways) + 1);
  breaks (COUNT (ways) + 2);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_AUTO;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  must (oriel_pool_close (pool), "oriel_pool_close");
  real = orl_sys;
  orl_sys.uring_submit = submit;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, REST, 1);
  try ("a window of the whole pool", 0);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, REST, 1);
  try ("slots", 256 * KiB);
  return done_testing ();
}

#endif

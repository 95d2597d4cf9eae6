/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No page reaches its store before its log, by whichever way it goes there, while
 * processes work at random, and die.
 *
 * The log is in memory that all processes of the test share: its records are
 * numbered, under a lock; what was appended and what was synced are two numbers.
 * Every event is recorded in the order in which it came: records, syncs of the
 * log, writes of pages with the lsn in each page, syncs of the store.  At a write
 * the page's own lsn, in its content, is held against what is synced; at the end
 * the record is read once more from its beginning.  What a checkpoint says is in
 * the store is looked for there.
 *
 * OPERATIONS=2000000 makes it long (make check-log).
 */
#include "util.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef HAVE_LIBURING
# include <liburing.h>
#endif

#include "sys.h"

#define PAGES 400
#define FRAMES 192              /* so that many are dirty, for a ring */
#define WORKERS 4
#define SHORT 30000             /* operations */
#define EVENTS (1u << 22)       /* that are kept: the first ones */
#define KILL_EVERY 40           /* ms */

enum what { APPENDED, LOG_SYNCED, PAGE_WRITTEN, STORE_SYNCED };

struct content {
  uint64_t lsn;
  uint64_t number;
  uint64_t fill[509];
  uint64_t sum;
};

struct event {
  _Atomic uint64_t what;        /* enum what + 1 */
  uint64_t lsn;
};

static struct shared {
  pthread_mutex_t log;          /* robust */
  _Atomic uint64_t appended;
  _Atomic uint64_t synced;
  _Atomic uint64_t last[PAGES]; /* lsn of the page's last whole change */
  _Atomic uint64_t operations, events, writes, flushes, checkpoints, kills;
  _Atomic uint64_t overtaken, by_ring;
  _Atomic int bad;
  char why[400];
  struct event event[EVENTS];
} *all;

static uint64_t limit, seed;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
#ifdef HAVE_LIBURING
static int (*real_submit) (struct io_uring *ring);
#endif
static int data_fd = -1;

static void
fail (const char *format, ...)
{
  va_list ap;
  int none = 0;

  if (atomic_compare_exchange_strong (&all->bad, &none, 1)) {
    va_start (ap, format);
    vsnprintf (all->why, sizeof all->why, format, ap);
    va_end (ap);
  }
}

static void
note (enum what what, uint64_t lsn)
{
  uint64_t i = atomic_fetch_add (&all->events, 1);

  if (i < EVENTS) {
    all->event[i].lsn = lsn;
    atomic_store (&all->event[i].what, (uint64_t) what + 1);
  }
}

/* ------------------------------------------------------------------ */
/* The log                                                            */

static void
lock_log (void)
{
  int r = pthread_mutex_lock (&all->log);

  if (r == EOWNERDEAD)
    pthread_mutex_consistent (&all->log);
}

static uint64_t
append (void)
{
  uint64_t lsn;

  lock_log ();
  lsn = atomic_load (&all->appended) + 1;
  note (APPENDED, lsn);
  atomic_store (&all->appended, lsn);
  pthread_mutex_unlock (&all->log);
  return lsn;
}

static void
sync_log (uint64_t lsn)
{
  lock_log ();
  if (atomic_load (&all->synced) < lsn) {
    atomic_store (&all->synced, lsn);
    note (LOG_SYNCED, lsn);
  }
  pthread_mutex_unlock (&all->log);
}

static int
flush_log (void *arg, uint64_t lsn)
{
  if (lsn > atomic_load (&all->appended))
    fail ("asked for lsn %llu, and the log ends at %llu",
          (unsigned long long) lsn,
          (unsigned long long) atomic_load (&all->appended));
  atomic_fetch_add (&all->flushes, 1);
  if (atomic_load ((atomic_uint *) arg) % 16 == 7)
    return -EINTR; /* some fail */
  sync_log (lsn);
  /* Others change the pages meanwhile. */
  if (lsn % 4 == 0)
    usleep (lsn % 512);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The store                                                          */

static uint64_t
sum_of (const struct content *c)
{
  const uint64_t *w = (const uint64_t *) c;
  uint64_t sum = 7;

  for (size_t i = 0; i < sizeof *c / 8 - 1; i++)
    sum = sum * 31 + w[i];
  return sum;
}

static bool
is_whole (const struct content *c, uint64_t number)
{
  return (c->lsn == 0 && c->number == 0)
         || (c->number == number && c->sum == sum_of (c));
}

static void
watch_write (int fd, const struct iovec *iov, int n, off_t at)
{
  struct stat st, own;
  bool ours = fstat (fd, &st) == 0 && fstat (data_fd, &own) == 0
              && st.st_ino == own.st_ino && st.st_dev == own.st_dev;
  off_t number = at / 4096;

  for (int i = 0; ours && i < n; i++)
    for (size_t k = 0; k < iov[i].iov_len / 4096; k++, number++) {
      const struct content *c
          = (const void *) ((const char *) iov[i].iov_base + k * 4096);
      uint64_t synced = atomic_load (&all->synced);

      /* Before it is written: what is synced later is too late. */
      note (PAGE_WRITTEN, c->lsn);
      atomic_fetch_add (&all->writes, 1);
      if (c->lsn > synced) {
        atomic_fetch_add (&all->overtaken, 1);
        fail ("page %llu was written with lsn %llu, and the log is synced up to "
              "%llu",
              (unsigned long long) number, (unsigned long long) c->lsn,
              (unsigned long long) synced);
      }
      if (!is_whole (c, (uint64_t) number))
        fail ("page %llu was written half-changed",
              (unsigned long long) number);
    }
}

static ssize_t
watch_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  watch_write (fd, iov, n, at);
  return real_pwritev (fd, iov, n, at);
}

#ifdef HAVE_LIBURING

/* What is in the queue, and not the kernel's yet. */
static int
watch_submit (struct io_uring *ring)
{
  const struct io_uring_sq *sq = &ring->sq;

  for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
    const struct io_uring_sqe *e = &sq->sqes[i & *sq->kring_mask];
    struct iovec one = { (void *) (uintptr_t) e->addr, e->len };
    bool many = e->opcode == IORING_OP_WRITEV;

    if (!many && e->opcode != IORING_OP_WRITE)
      continue;
    atomic_fetch_add (&all->by_ring, 1);
    watch_write (e->fd,
                 many ? (const struct iovec *) (uintptr_t) e->addr : &one,
                 many ? (int) e->len : 1, (off_t) e->off);
  }
  return real_submit (ring);
}
#endif

static int
watch_fdatasync (int fd)
{
  (void) fd;
  note (STORE_SYNCED, 0);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The work                                                           */

static oriel_options
options (uint64_t dice)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.window_size = dice % 2 ? 24 * 4096 : 0;
  opt.slot_size = 4096;
  opt.max_processes = 8;
  opt.max_threads = 24;
  opt.dirty_high = dice % 3 ? 0 : 300;
  opt.dirty_low = 50;
  if (dice % 5 < 2)
    opt.flags = ORIEL_WRITEBACK;
  return opt;
}

/* Log a change, make it, say so. */
static void
change (oriel_file *file, uint64_t dice)
{
  uint64_t number = dice % PAGES;
  oriel_page page;
  struct content *c;
  int r = oriel_pin (file, number, ORIEL_WRITE, &page);
  uint64_t lsn, was;

  if (r < 0) {
    if (r != -ENOBUFS && r != -EINTR && r != -ENOTCONN)
      fail ("pin %d: %s", r, oriel_error ());
    return;
  }
  c = page.data;
  if (!is_whole (c, number))
    fail ("page %llu is not whole", (unsigned long long) number);
  if (c->lsn < atomic_load (&all->last[number]))
    fail ("page %llu has lsn %llu and had %llu", (unsigned long long) number,
          (unsigned long long) c->lsn,
          (unsigned long long) atomic_load (&all->last[number]));
  c->lsn = lsn = append ();
  if (dice % 32 == 0)
    usleep (dice % 256); /* logged, and not yet said to be dirty */
  c->number = number;
  for (int i = 0; i < 509; i++)
    c->fill[i] = dice + (uint64_t) i;
  if (oriel_dirty (&page, lsn) < 0)
    fail ("dirty: %s", oriel_error ());
  c->sum = sum_of (c);
  oriel_unpin (&page);
  /* Only now the change outlives us. */
  was = atomic_load (&all->last[number]);
  while (was < lsn
         && !atomic_compare_exchange_weak (&all->last[number], &was, lsn))
    ;
}

static void
look (oriel_file *file, uint64_t number)
{
  struct content c;
  int r = oriel_read (file, number * 4096, &c, sizeof c, NULL);

  if (r == 0 && !is_whole (&c, number))
    fail ("page %llu is read half-changed", (unsigned long long) number);
}

static bool
may_fail (int r)
{
  return r == 0 || r == -EINTR || r == -ENOTCONN;
}

/* How many of the changes up to lsn are not in the store. */
static uint64_t
count_missing (uint64_t lsn)
{
  uint64_t missing = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    uint64_t last = atomic_load (&all->last[i]), have = 0;

    if (last <= lsn) {
      plain_read (scratch_file ("data"), (off_t) i * 4096, &have, sizeof have);
      missing += have < last;
    }
  }
  return missing;
}

static void
tell_checkpoint (oriel_pool *pool, oriel_file *file)
{
  uint64_t lsn, missing;
  int r = oriel_checkpoint (pool, file, &lsn);

  if (!may_fail (r))
    fail ("checkpoint: %s", oriel_error ());
  if (r < 0)
    return;
  atomic_fetch_add (&all->checkpoints, 1);
  if (lsn > atomic_load (&all->synced))
    fail ("a checkpoint is ahead of the log");
  missing = count_missing (lsn);
  if (missing > 0)
    fail ("a checkpoint said %llu, and the store lacks changes up to there, of "
          "%llu pages",
          (unsigned long long) lsn, (unsigned long long) missing);
}

static void
operate (oriel_pool *pool, oriel_file *file, uint64_t dice,
         atomic_uint *mood)
{
  uint64_t what = dice >> 40 & 1023;

  atomic_store (mood, (unsigned) (dice >> 50));
  if (what < 600)
    change (file, dice & 0xffffff);
  else if (what < 860)
    look (file, (dice & 0xffffff) % PAGES);
  else if (what < 900)
    sync_log (atomic_load (&all->appended) - (atomic_load (&all->appended) > 3
                                                  ? dice % 3
                                                  : 0));
  else if (what < 920)
    oriel_file_durable (file, atomic_load (&all->synced));
  else if (what < 970 ? !may_fail (oriel_writeback (pool, NULL))
           : what < 1000 ? !may_fail (oriel_flush (file))
           : what < 1010 ? !may_fail (oriel_sync (file))
                         : false)
    fail ("operation %llu: %s", (unsigned long long) what, oriel_error ());
  else if (what >= 1010 && what < 1020)
    tell_checkpoint (pool, file);
  else if (what == 1020)
    oriel_pool_evict (pool, file);
}

static int
work (void *arg)
{
  uint64_t rnd = *(uint64_t *) arg;
  uint64_t first = next_random (&rnd);
  oriel_options opt = options (first);
  atomic_uint mood = 0;        /* also a write-back thread's */
  oriel_pool *pool;
  oriel_file *file;

  while (!atomic_load (&all->bad)
         && atomic_load (&all->operations) < limit) {
    if (oriel_pool_open ("log", &opt, &pool) < 0
        || oriel_file_open (pool, scratch_file ("data"),
                            first >> 30 & 1 ? ORIEL_BUFFERED : 0, &file)
               < 0) {
      fail ("attach: %s", oriel_error ());
      return 1;
    }
    data_fd = oriel_file_fd (file);
    /* One in four cannot flush the log. */
    if (first >> 20 & 3)
      oriel_file_on_flush_log (file, flush_log, &mood);
    for (int i = 0; i < 500 && atomic_fetch_add (&all->operations, 1) < limit
                    && !atomic_load (&all->bad);
         i++)
      operate (pool, file, next_random (&rnd), &mood);
    atomic_store (&mood, 0);
    if (oriel_file_close (file) < 0 && oriel_file_abandon (file) < 0)
      fail ("close: %s", oriel_error ());
    if (oriel_pool_close (pool) < 0)
      fail ("close: %s", oriel_error ());
  }
  return 0;
}

/* ------------------------------------------------------------------ */

static pid_t
begin_worker (uint64_t *rnd)
{
  uint64_t own = next_random (rnd);
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    bail_out ("fork: %s", strerror (errno));
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    _exit (work (&own));
  }
  return pid;
}

/* Keep as many at work, and kill one after the other, until all is done. */
static void
keep_at_work (void)
{
  uint64_t rnd = seed;
  pid_t pid[WORKERS] = { 0 };
  bool on = true;

  while (on) {
    uint64_t victim = next_random (&rnd) % WORKERS;

    on = atomic_load (&all->operations) < limit && !atomic_load (&all->bad);
    for (int i = 0; i < WORKERS; i++) {
      if (pid[i] && waitpid (pid[i], NULL, on ? WNOHANG : 0) == pid[i])
        pid[i] = 0;
      if (!pid[i] && on)
        pid[i] = begin_worker (&rnd);
    }
    usleep (KILL_EVERY * 500 + next_random (&rnd) % (KILL_EVERY * 1000));
    /* Whoever is slow comes to do something all the same. */
    for (uint64_t before = atomic_load (&all->operations);
         on && atomic_load (&all->operations) < before + 20
         && atomic_load (&all->operations) < limit && !atomic_load (&all->bad);)
      usleep (1000);
    if (on && pid[victim]) {
      kill (pid[victim], SIGKILL);
      atomic_fetch_add (&all->kills, 1);
    }
  }
}

/* The record, from its beginning. */
static uint64_t
read_record (uint64_t *n)
{
  uint64_t appended = 0, synced = 0, wrong = 0;

  *n = atomic_load (&all->events);
  if (*n > EVENTS)
    *n = EVENTS;
  for (uint64_t i = 0; i < *n; i++) {
    uint64_t lsn = all->event[i].lsn;

    switch (atomic_load (&all->event[i].what)) {
    case APPENDED + 1:
      appended = lsn > appended ? lsn : appended;
      break;
    case LOG_SYNCED + 1:
      wrong += lsn > appended;
      synced = lsn > synced ? lsn : synced;
      break;
    case PAGE_WRITTEN + 1:
      wrong += lsn > synced;
      break;
    default: /* of the store; or its process died before it said what */
      break;
    }
  }
  return wrong;
}

static void
make_ready (void)
{
  pthread_mutexattr_t attr;
  int fd;

  all = shared_memory (sizeof *all);
  pthread_mutexattr_init (&attr);
  pthread_mutexattr_setpshared (&attr, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init (&all->log, &attr);
  fd = open (scratch_file ("data"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, PAGES * 4096) < 0)
    bail_out ("no data: %s", strerror (errno));
  close (fd);
  pool_dir ();
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = watch_pwritev;
#ifdef HAVE_LIBURING
  real_submit = orl_sys.uring_submit;
  orl_sys.uring_submit = watch_submit;
#endif
  orl_sys.fdatasync = watch_fdatasync;
}

int
main (void)
{
  const char *text = getenv ("OPERATIONS");
  oriel_options opt = options (0);
  uint64_t n, wrong;
  oriel_pool *pool;
  oriel_file *file;

  limit = text ? strtoull (text, NULL, 0) : getenv ("ORIEL_QUICK") ? SHORT / 4
                                                                   : SHORT;
  seed = test_seed ();
  make_ready ();
  keep_at_work ();
  diag ("%llu operations, %llu kills, %llu log records, %llu flushes, %llu pages "
        "written, %llu runs by a ring, %llu checkpoints",
        (unsigned long long) all->operations, (unsigned long long) all->kills,
        (unsigned long long) all->appended, (unsigned long long) all->flushes,
        (unsigned long long) all->writes,
        (unsigned long long) all->by_ring,
        (unsigned long long) all->checkpoints);
  if (!ok (!all->bad, "no page overtook its log, and all are whole"))
    diag ("%s", all->why);
  is_int ((long long) all->overtaken, 0, "no write was early");
  wrong = read_record (&n);
  is_int ((long long) wrong, 0, "nor is one in the record");
  ok (n > limit / 4, "the record has %llu events", (unsigned long long) n);

  /* Who comes then goes on: the log is all there. */
  sync_log (all->appended);
  pool = must_open_pool ("log", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_BUFFERED);
  data_fd = oriel_file_fd (file);
  must (oriel_file_durable (file, all->appended), "oriel_file_durable");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule of the pool is broken");
  must (oriel_sync (file), "oriel_sync");
  is_int ((long long) count_missing (all->appended), 0, "every change is in the store then");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

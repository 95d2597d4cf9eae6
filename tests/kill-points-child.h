/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill-points-child.h - what a child of kill-points.h does before it dies: a
 * bit of everything; and what one does that meets what it left
 */
#ifndef KILL_POINTS_CHILD_H
#define KILL_POINTS_CHILD_H

#include "kill-points-data.h"

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.max_size = 2 * FRAMES * 4096;
  opt.window_size = SLOTS * 4096;
  opt.slot_size = 4096;
  opt.max_processes = 4;
  opt.max_threads = 6;
  opt.max_files = 5;
  opt.flags = ORIEL_HOLES;
  if (getenv ("FENCE"))
    opt.flags |= ORIEL_FENCE;
  return opt;
}

static void
need_at (bool good, int line)
{
  if (!good) {
    if (!board->why[0])
      snprintf (board->why, sizeof board->why, "child, line %d: %s", line,
                oriel_error ());
    _exit (1);
  }
}

#define need(good) need_at (good, __LINE__)

/* There is no log that could not be. */
static int
log_is_durable (void *arg, uint64_t lsn)
{
  (void) arg;
  return lsn == 0 ? -EINVAL : 0;
}

static void
attach (oriel_pool **p, oriel_file **f)
{
  oriel_options opt = options ();

  need (oriel_pool_open ("test", &opt, p) == 0);
  need (oriel_file_open (*p, scratch_file ("data"), ORIEL_BUFFERED, f) == 0
        && oriel_file_on_flush_log (*f, log_is_durable, NULL) == 0);
}

/* Pin as many pages as the window shows and one more, none of them resident. */
static void
fill_window (oriel_file *file)
{
  oriel_page pin[SLOTS + 1];
  unsigned n = 0;

  while (n <= SLOTS
         && oriel_pin (file, n, ORIEL_OPTIMISTIC, &pin[n]) == 0)
    n++;
  need (n <= SLOTS);
  while (n > 0)
    need (oriel_unpin (&pin[--n]) == 0);
}

/* Enough pages that belong into one bucket to overflow it, and then none. */
static void
crowd (oriel_pool *p)
{
  const struct orl_shm *shm = &p->shm;
  oriel_file *file;
  uint64_t key;
  struct orl_spot want;
  unsigned n = 0;

  need (oriel_file_open (p, scratch_file ("crowd"),
                         ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
  key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  want = orl_spot (shm, key, 0);
  for (uint64_t page = 0; n < ORL_BUCKET_WORDS + 3; page++) {
    struct orl_spot at = orl_spot (shm, key, page);
    oriel_page pin;

    if (at.part != want.part || at.home != want.home)
      continue;
    need (oriel_pin (file, page, ORIEL_READ, &pin) == 0);
    need (oriel_unpin (&pin) == 0);
    n++;
  }
  need (oriel_file_drop (file) == 0);
  fill_window (file);
  need (oriel_file_close (file) == 0);
}

static ssize_t
fails (int fd, const struct iovec *iov, int n, off_t at)
{
  (void) fd, (void) iov, (void) n, (void) at;
  return -EIO;
}

/* Dirty pages, cut off, dropped one by one, and all; then read in vain. */
static void
scrap (oriel_pool *p)
{
  ssize_t (*works) (int, const struct iovec *, int, off_t);
  oriel_page page;
  oriel_file *file;
  int r;

  need (oriel_file_open (p, scratch_file ("scrap"),
                         ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
  for (uint64_t i = 0; i < 6; i++) {
    oriel_page pin;

    need (oriel_pin (file, i, ORIEL_WRITE, &pin) == 0);
    memset (pin.data, (int) i, 4096);
    need (oriel_dirty (&pin, 0) == 0 && oriel_unpin (&pin) == 0);
  }
  need (oriel_file_truncate (file, 2 * 4096 + 100) == 0);
  need (oriel_file_truncate (file, 9 * 4096) == 0);
  need (oriel_file_drop_pages (file, 1, 1) == 0);
  need (oriel_flush (file) == 0);
  need (oriel_file_drop (file) == 0);
  need (oriel_prefetch (file, 0, 6) == 0);
  need (oriel_file_drop (file) == 0);
  works = orl_sys.preadv;
  orl_sys.preadv = fails;
  /* Short, and what is left cannot be read. */
  need (truncate (scratch_file ("scrap"), 4096) == 0);
  /* Who reads at once is told. */
  r = oriel_prefetch (file, 1, 4);
  need (r == (get_stats (p).store == ORIEL_STORE_URING ? 0 : -EIO));
  need (oriel_pin (file, 1, ORIEL_READ, &page) == -EIO);
  orl_sys.preadv = works;
  need (oriel_file_close (file) == 0);
  need (oriel_file_open (p, scratch_file ("foreign"),
                         ORIEL_CREATE | ORIEL_BUFFERED | ORIEL_FOREIGN, &file)
        == 0);
  need (oriel_write (file, 0, board->why, sizeof board->why) == 0);
  need (oriel_file_truncate (file, 9 * 4096) == 0);
  need (oriel_file_truncate (file, 100) == 0);
  need (oriel_file_close (file) == 0);
}

/* The pool's last block is cut off; its page is clean. */
static void
cut_last (const struct orl_shm *shm)
{
  off_t size = (off_t) (shm->geo.data + orl_backed_bytes (shm));

  need (truncate (pool_path ("test"), size - 4096) == 0);
  need (orl_lost_repair (shm, (uint64_t) size - 4096, 4096, false) == 1);
}

/* Are holes noticed here? */
static bool
holes_fault (void)
{
  int fd = orl_holes_open ();

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

/* A dirty page's memory is taken away, if that can be told. */
static void
lose (oriel_pool *p)
{
  const struct orl_shm *shm = &p->shm;
  bool holes = holes_fault ();
  oriel_file *file;
  oriel_page pin;
  int fd;

  for (int i = 0; i < 2; i++) {
    /* The dead may have left a loss, of which someone has to be told. */
    need (oriel_file_open (p, scratch_file ("lost"),
                           ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
    if (i == 0) {
      oriel_flush (file);
      need (oriel_file_abandon (file) == 0);
    }
  }
  need (oriel_pin (file, 0, ORIEL_WRITE | ORIEL_FRESH, &pin) == 0);
  need (oriel_unpin (&pin) == 0);
  need (oriel_pin (file, 0, ORIEL_OPTIMISTIC, &pin) == 0);
  fd = open (pool_path ("test"), O_RDWR | O_CLOEXEC);
  need (!holes
        || fallocate (fd, 3 /* punch, keep size */,
                      (off_t) (shm->geo.data + pin.frame * 4096ull), 4096)
               == 0);
  close (fd);
  need (*(volatile char *) pin.data == 0);
  need (oriel_unpin (&pin) == (holes ? -EIO : 0)
        && oriel_flush (file) == (holes ? -EIO : 0));
  need (oriel_file_abandon (file) == 0);
  cut_last (shm);
}

/* More files than the pool has places, one after the other. */
static void
many_files (oriel_pool *p)
{
  for (int i = 0; i < 5; i++) {
    char name[16];
    oriel_file *file;
    oriel_page pin;

    snprintf (name, sizeof name, "file%d", i);
    need (oriel_file_open (p, scratch_file (name),
                           ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
    need (oriel_pin (file, 0, ORIEL_WRITE, &pin) == 0);
    need (oriel_dirty (&pin, 0) == 0 && oriel_unpin (&pin) == 0);
    need (oriel_file_close (file) == 0);
  }
}

/* A thread that ends in the middle of everything. */
static void *
ends (void *arg)
{
  oriel_file *file = arg;
  oriel_page a, b;

  need (oriel_pin (file, 590, ORIEL_READ, &a) == 0);
  need (oriel_pin (file, 591, ORIEL_WRITE, &b) == 0);
  atomic_fetch_add (&board->begun[591], 1);
  fill (b.data, 17, 4);
  return NULL;
}

/* Pages of this file are all of one byte, which the engine's log knows: 5. */
static int
redo (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg;
  (void) lsn;
  memset (page->data, 5, 2048);
  ORL_POINT ("test.half-redone");
  memset ((char *) page->data + 2048, 5, 2048);
  return page->number == 2; /* which the store has */
}

static void *
leaves_half (void *arg)
{
  oriel_page a, b;

  need (oriel_pin (arg, 1, ORIEL_WRITE, &a) == 0
        && oriel_pin (arg, 2, ORIEL_WRITE, &b) == 0);
  memset (a.data, 4, 1000);
  memset (b.data, 4, 1000);
  return NULL;
}

static void
doubt (oriel_pool *p, bool makes)
{
  oriel_file *file;
  pthread_t thread;

  need (oriel_file_open (p, scratch_file ("doubt"),
                         ORIEL_BUFFERED | ORIEL_NO_IMAGES, &file) == 0);
  need (oriel_file_on_indoubt (file, redo, NULL) == 0);
  need (!makes || (pthread_create (&thread, NULL, leaves_half, file) == 0
                   && pthread_join (thread, NULL) == 0));
  for (uint64_t i = 0; i < 4; i++) {
    char bytes[4096];

    need (oriel_read (file, i * 4096, bytes, 4096, NULL) == 0);
    need (bytes[0] == 5 && memcmp (bytes, bytes + 1, 4095) == 0);
  }
  need (oriel_file_close (file) == 0);
}

/* Until a frame that goes is the next in its stash; then uses it.  All are free
 * first, as else those that go may have what is hot. */
struct stasher {
  oriel_pool *pool;
  oriel_file *file;
  steps step;
};

static void *
stashes (void *arg)
{
  struct stasher *s = arg;
  struct orl_thread *me;

  need (orl_thread_self (s->pool, &me) == 0);
  need (oriel_pool_evict (s->pool, NULL) == 0);
  for (uint64_t i = 0; i < 20 * PAGES
                       && (me->nstash == 0
                           || me->stash[me->nstash - 1] < FRAMES); i++)
    need (copy (s->file, i * 7 % PAGES)); /* no run, that empties the stash */
  go_to (&s->step, 1);
  await (&s->step, 2);
  for (uint64_t i = 0; i < PAGES; i++)
    need (copy (s->file, i));
  return NULL;
}

/* A dead one may have left the pool at any of its sizes. */
static void
resize (oriel_pool *p, oriel_file *file)
{
  struct stasher s = { .pool = p, .file = file };
  pthread_t thread;

  need (oriel_pool_resize (p, FRAMES * 4096) == 0);
  need (oriel_pool_resize (p, (FRAMES + 48) * 4096) == 0);
  need (pthread_create (&thread, NULL, stashes, &s) == 0);
  await (&s.step, 1);
  need (oriel_pool_resize (p, FRAMES * 4096) == 0);
  go_to (&s.step, 2);
  need (pthread_join (thread, NULL) == 0);
}

/* The second write fails: the first is the area's. */
static ssize_t (*writes) (int, const struct iovec *, int, off_t);
static int nwrites;

static ssize_t
first_works (int fd, const struct iovec *iov, int n, off_t at)
{
  return ++nwrites > 1 ? -EIO : writes (fd, iov, n, at);
}

/* A file with hooks, whose pages go through an area: a batch that is written in
 * place at the second attempt; one page read; cut. */
static void
twice (oriel_pool *p)
{
  const oriel_hooks hooks = { .struct_size = sizeof hooks, .id = 9 };
  oriel_file_options opt;
  oriel_file *file;
  oriel_page page;

  oriel_file_options_init (&opt);
  opt.torn = orl_dw_works () ? ORIEL_TORN_DOUBLE : ORIEL_TORN_NONE;
  opt.flags = ORIEL_CREATE | ORIEL_BUFFERED | ORIEL_DISCARD;
  need (oriel_file_open_with (p, scratch_file ("twice"), &opt, &file) == 0);
  need (oriel_file_hooks (file, &hooks) == 0);
  for (uint64_t i = 0; i < 4; i++) {
    oriel_page pin;

    need (oriel_pin (file, i, ORIEL_WRITE | ORIEL_FRESH, &pin) == 0
          && oriel_unpin (&pin) == 0);
  }
  if (orl_dw_works ()) {
    writes = orl_sys.pwritev;
    nwrites = 0;
    orl_sys.pwritev = first_works;
    need (oriel_flush (file) == -EIO);
    orl_sys.pwritev = writes;
  }
  need (oriel_flush (file) == 0);
  need (oriel_pin (file, 4, ORIEL_READ, &page) == 0
        && oriel_unpin (&page) == 0);
  need (oriel_file_truncate (file, 2 * 4096) == 0);
  need (oriel_file_hooks (file, NULL) == 0);
  need (oriel_file_close (file) == 0);
}

/* A pool of the child's own: what an other left, a new one, one of another boot,
 * none. */
static void
own_pool (void)
{
  oriel_options opt = options ();
  oriel_file *file;
  oriel_pool *p;
  int fd = open (path_in (pool_dir (), "oriel-second.building"),
                 O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  need (fd >= 0 && write (fd, "junk", 4) == 4);
  close (fd);
  opt.pool_size = 16 * 4096;
  opt.max_size = 32 * 4096;
  opt.window_size = 4 * 4096;
  opt.store = ORIEL_STORE_POSIX;
  need (oriel_pool_open ("second", &opt, &p) == 0);
  need (oriel_pool_resize (p, 24 * 4096) == 0);
  need (oriel_file_open (p, scratch_file ("ahead"),
                         ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0
        && oriel_file_truncate (file, 9 * 4096) == 0
        && oriel_prefetch (file, 0, 6) == 0 && oriel_file_close (file) == 0);
  need (oriel_pool_close (p) == 0);
  plain_write (pool_path ("second"), offsetof (struct orl_super, boot_id), "x",
               1);
  need (oriel_pool_open ("second", &opt, &p) == 0);
  need (oriel_pool_close (p) == 0);
  need (oriel_pool_destroy ("second", pool_dir (), 0) == 0);
}

/* Pages from 300 on are written as copies, in two chunks.  Meanwhile the first is
 * changed again, and one of the second; and while that chunk's log is flushed,
 * the latter is written by another and changed once more. */
#define COPIES (ORL_CHUNK + 10)
#define SECOND (300 + ORL_CHUNK + 3)
static oriel_file *copied;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);

static int
flush_between (void *arg, uint64_t lsn)
{
  (void) arg;
  if (copied && lsn > 0) {
    oriel_file *file = copied;
    int r = -ENOTCONN;

    copied = NULL;
    /* Those who work meanwhile make pages dirty whose log is younger. */
    for (int tries = 0; r == -ENOTCONN && tries < 1000; tries++) {
      need (oriel_file_durable (file, atomic_load (&board->lsn)) == 0);
      r = oriel_flush (file);
    }
    need (r == 0 && change (file, SECOND, 0));
  }
  return 0;
}

static ssize_t
change_between (int fd, const struct iovec *iov, int n, off_t at)
{
  orl_sys.pwritev = real_pwritev;
  need (change (copied, 300, 0) && change (copied, SECOND, 0));
  return real_pwritev (fd, iov, n, at);
}

static void
write_back (oriel_pool *p, oriel_file *file)
{
  uint64_t lsn;

  for (uint64_t i = 300; i < 310; i++)
    need (change (file, i, 0));
  /* Twice: only then it finds the pool idle. */
  need (oriel_writeback (p, NULL) == 0 && oriel_writeback (p, NULL) == 0);
  real_pwritev = orl_sys.pwritev;
  /* Those who work meanwhile may have had such a page evicted, and written. */
  for (int tries = 0;; tries++) {
    for (uint64_t i = 300; i < 300 + COPIES; i++)
      need (change (file, i, 0));
    need (oriel_file_durable (file, atomic_load (&board->lsn)) == 0
          && oriel_file_on_flush_log (file, flush_between, NULL) == 0);
    copied = file;
    orl_sys.pwritev = change_between;
    need (oriel_checkpoint (p, file, &lsn) == 0 && lsn > 0);
    orl_sys.pwritev = real_pwritev;
    if (!copied)
      break;
    need (tries < 20);
  }
  need (oriel_file_on_flush_log (file, log_is_durable, NULL) == 0);
}

/* More dirty pages than there ever are frames: some are written to make room. */
static void
overflow (oriel_file *file)
{
  for (uint64_t i = 0; i < PAGES; i++)
    need (change (file, i, 0));
}

/* Pages that have no neighbours, so many that the ring writes them: if none went
 * before, for want of room. */
static void
apart (oriel_pool *p)
{
  oriel_file *file;
  char last = 0;

  plain_write (scratch_file ("apart"), 2 * ORL_CHUNK * 4096 - 1, &last, 1);
  need (oriel_file_open (p, scratch_file ("apart"), ORIEL_DISCARD, &file)
        == 0);
  need (oriel_pool_evict (p, NULL) == 0);
  for (uint64_t i = 0; i < 2 * ORL_CHUNK; i += 2) {
    oriel_page pin;

    need (oriel_pin (file, i, ORIEL_WRITE | ORIEL_FRESH, &pin) == 0
          && oriel_unpin (&pin) == 0);
  }
  need (oriel_flush (file) == 0 && oriel_file_close (file) == 0);
}

static void
live (void)
{
  oriel_pool *p;
  oriel_file *file;
  oriel_page pin, pins[8];
  pthread_t thread;

  own_pool ();
  attach (&p, &file);
  need (pthread_create (&thread, NULL, ends, file) == 0
        && pthread_join (thread, NULL) == 0);
  crowd (p);
  scrap (p);
  need (oriel_flush (file) == 0);
  lose (p);
  doubt (p, true);
  twice (p);
  many_files (p);
  for (uint64_t i = 0; i < 60; i++) /* in sequence: runs */
    need (look (file, i) && look (file, i));
  for (uint64_t i = 0; i < 8; i++)
    need (oriel_pin (file, i, ORIEL_OPTIMISTIC, &pins[i]) == 0);
  for (int round = 0; round < 3; round++) /* past what is pinned */
    for (uint64_t i = 60; i < PAGES; i++)
      need (copy (file, i));
  for (uint64_t i = 60; i < 400; i++)
    need (i % 3 ? look (file, i) : copy (file, i));
  for (uint64_t i = 330; i < 400; i++)
    need (change (file, i, 0));
  need (oriel_flush (file) == 0);
  for (uint64_t i = 400; i < 420; i++)
    need (overwrite (file, i));
  write_back (p, file);
  for (uint64_t i = 420; i < 430; i++)
    need (change (file, i, ORIEL_FRESH));
  need (oriel_pin (file, 3, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD, &pin) == 0);
  need (oriel_pin_move (&pin, 3, pin.frame) == 0);
  need (oriel_unpin (&pin) == 0);
  for (uint64_t i = 430; i < PAGES; i++)
    need (copy (file, i));
  for (uint64_t i = 0; i < 8; i++)
    need (oriel_unpin (&pins[i]) == 0);
  overflow (file);
  need (oriel_flush (file) == 0);
  apart (p);
  resize (p, file);
  need (oriel_file_close (file) == 0);
  need (oriel_pool_close (p) == 0);
}

/* What a repairer and a judge does. */
static void
attend (void)
{
  oriel_options opt = options ();
  oriel_pool *p;
  oriel_file *file;

  attach (&p, &file);
  for (uint64_t i = 0; i < PAGES; i++)
    need (copy (file, i));
  doubt (p, false);
  need (oriel_file_close (file) == 0);
  need (oriel_pool_close (p) == 0);
  /* The pool of its own that the dead was making or removing. */
  opt.pool_size = 16 * 4096;
  opt.window_size = 4 * 4096;
  need (oriel_pool_open ("second", &opt, &p) == 0);
  need (oriel_pool_close (p) == 0);
  need (oriel_pool_destroy ("second", pool_dir (), 0) == 0);
}

#endif /* KILL_POINTS_CHILD_H */

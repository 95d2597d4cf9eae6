/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several threads of several processes pin, change, view, flush, sync, prefetch,
 * resize, drop, truncate, evict and take checkpoints, all at once: every page
 * stays what it was, no call fails but for want of room, and the pool is in order.
 * Of a second file, which is dropped and cut, pages are whole, or zeroes.
 *
 * Under ThreadSanitizer they are threads of one process: where a writer of
 * another comes between a reader and a writer of this, its drain of the one's
 * pins and its release of the latch to the other order the two, but only what
 * this process does is seen, and a race would be told that is none.
 *
 * ORIEL_STRESS_SECONDS=n: for so long.
 */
#include "counted.h"

#define PAGES 600
#define OTHERS 100
#if defined __SANITIZE_THREAD__
# define PROCESSES 1
# define THREADS 9
#else
# define PROCESSES 3
# define THREADS 3
#endif
#define MOST (2 * MiB)

static struct board {
  _Atomic uint64_t begun[2][PAGES];
  _Atomic uint64_t done[2][PAGES];
  _Atomic uint64_t calls;
  atomic_int stop, told;
  char why[400];
} *board;

static oriel_pool *pool;
static oriel_file *file[2];

static void __attribute__ ((format (printf, 1, 2)))
wrong (const char *fmt, ...)
{
  va_list ap;

  if (atomic_exchange (&board->told, 1) == 0) {
    va_start (ap, fmt);
    vsnprintf (board->why, sizeof board->why, fmt, ap);
    va_end (ap);
  }
  atomic_store (&board->stop, 1);
}

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = MiB;
  opt.max_size = MOST;
  opt.flags |= ORIEL_WRITEBACK;
  pool = must_open_pool ("test", &opt);
  file[0] = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  file[1] = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
}

static void
leave (void)
{
  must (oriel_file_close (file[0]), "oriel_file_close");
  must (oriel_file_close (file[1]), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* What was done before a look at a page: of the second file it may be lost. */
static uint64_t
done_of (int f, uint64_t page)
{
  return f ? 0 : atomic_load (&board->done[0][page]);
}

static void
look (const char *what, int f, uint64_t page, const struct content *c,
      uint64_t done)
{
  char text[300];

  if (content_is_whole (c, page, done, atomic_load (&board->begun[f][page])))
    return;
  tell_content (text, sizeof text, what, page, c, done,
                atomic_load (&board->begun[f][page]));
  wrong ("file %d: %s", f, text);
}

static void
raise_to (_Atomic uint64_t *word, uint64_t value)
{
  uint64_t old = atomic_load (word);

  while (old < value && !atomic_compare_exchange_weak (word, &old, value))
    ;
}

/* 1: it went; 0: there was no room, or it may be refused. */
static int
went (int rc, int refusal, const char *what)
{
  if (rc < 0 && rc != refusal)
    wrong ("%s: %d: %s", what, rc, oriel_error ());
  return rc == 0;
}

static void
change (int f, uint64_t page)
{
  uint64_t done = done_of (f, page), count;
  struct content *c;
  oriel_page pin;

  if (!went (oriel_pin (file[f], page, ORIEL_WRITE, &pin), -ENOBUFS, "pin"))
    return;
  c = pin.data;
  look ("change", f, page, c, done);
  count = atomic_load (&board->begun[f][page]) + 1;
  atomic_store (&board->begun[f][page], count);
  c->number = page;
  c->count = count;
  for (int i = 0; i < 509; i++)
    c->fill[i] = page * count + (uint64_t) i;
  c->sum = sum_of (c);
  went (oriel_dirty (&pin, 0), 0, "dirty");
  went (oriel_unpin (&pin), 0, "unpin");
  raise_to (&board->done[f][page], count);
}

static void
read_one (int f, uint64_t page, int copying)
{
  uint64_t done = done_of (f, page);
  struct content copy;
  oriel_page pin;

  if (copying) {
    if (went (oriel_read (file[f], page * 4096, &copy, 4096, NULL), -ENOBUFS,
              "read"))
      look ("read", f, page, &copy, done);
  } else if (went (oriel_pin (file[f], page, ORIEL_READ, &pin), -ENOBUFS,
                   "pin")) {
    look ("pin", f, page, pin.data, done);
    went (oriel_unpin (&pin), 0, "unpin");
  }
}

static void
view (uint64_t first)
{
  struct oriel_view v;
  uint64_t done[8];

  for (uint64_t i = 0; i < 8; i++)
    done[i] = done_of (0, first + i);
  if (!went (oriel_view (file[0], first, 8, ORIEL_READ, &v), -ENOBUFS, "view"))
    return;
  for (uint64_t i = 0; i < 8; i++)
    look ("view", 0, first + i, (struct content *) v.data + i, done[i]);
  went (oriel_view_end (&v), 0, "end of a view");
}

static void
seldom (uint64_t r)
{
  uint64_t page = (r >> 8) % OTHERS;

  switch (r % 9) {
  case 0:
    went (oriel_flush (file[0]), 0, "flush");
    break;
  case 1:
    went (oriel_sync (file[1]), 0, "sync");
    break;
  case 2:
    went (oriel_checkpoint (pool, NULL, NULL), 0, "checkpoint");
    break;
  case 3:
    went (oriel_pool_resize (pool, (100 + r % 412) * 4096), -EBUSY, "resize");
    break;
  case 4:
    went (oriel_file_drop (file[1]), 0, "drop");
    break;
  case 5:
    went (oriel_file_drop_pages (file[1], page, 7), 0, "drop_pages");
    break;
  case 6:
    went (oriel_file_truncate (file[1], page * 4096), 0, "truncate");
    break;
  case 7:
    went (oriel_pool_evict (pool, r & 256 ? file[0] : NULL), 0, "evict");
    break;
  default:
    went (oriel_writeback (pool, NULL), 0, "writeback");
  }
}

static void *
work (void *arg)
{
  uint64_t random = *(uint64_t *) arg;

  while (!atomic_load (&board->stop)) {
    uint64_t r = next_random (&random);
    int f = r % 5 == 0;
    uint64_t page = (r >> 20) % (f ? OTHERS : PAGES);

    if (r % 64 < 20)
      change (f, page);
    else if (r % 64 < 50)
      read_one (f, page, r & 128);
    else if (r % 64 < 54)
      view (page % (PAGES - 8));
    else if (r % 64 < 58)
      went (oriel_prefetch (file[f], page, 1 + (r >> 40) % 40), -ENOBUFS,
            "prefetch");
    else if (r % 1024 < 128)
      seldom (r >> 10);
    atomic_fetch_add (&board->calls, 1);
  }
  return NULL;
}

static int
run (void *arg)
{
  uint64_t seed[THREADS];
  pthread_t thread[THREADS];

  attach ();
  for (int i = 0; i < THREADS; i++) {
    seed[i] = *(uint64_t *) arg * THREADS + (uint64_t) i;
    thread[i] = start_thread (work, &seed[i]);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  leave ();
  return 0;
}

int
main (void)
{
  const char *seconds = getenv ("ORIEL_STRESS_SECONDS");
  double until;
  uint64_t seed[PROCESSES], first = test_seed ();
  pid_t pid[PROCESSES];

  scratch ();
  pool_dir ();
  board = shared_memory (sizeof *board);
  for (uint64_t i = 0; i < PROCESSES; i++) {
    seed[i] = first * PROCESSES + i;
    pid[i] = spawn (run, &seed[i]);
  }
  until = seconds_now ()
          + (seconds ? atof (seconds) : getenv ("ORIEL_QUICK") ? 1 : 2);
  while (!atomic_load (&board->stop)
         && (seconds_now () < until || atomic_load (&board->calls) < 1000))
    usleep (1000);
  atomic_store (&board->stop, 1);
  for (int i = 0; i < PROCESSES; i++)
    is_int (reap (pid[i]), 0, "a process ends well");
  is_str (board->why, "", "nothing is wrong");
  diag ("%llu calls", (unsigned long long) atomic_load (&board->calls));
  attach ();
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  is_rc (oriel_pool_resize (pool, MOST), 0, "it takes any size");
  for (uint64_t i = 0; i < PAGES; i++)
    read_one (0, i, i % 2);
  is_str (board->why, "", "each page is what it was");
  leave ();
  return done_testing ();
}

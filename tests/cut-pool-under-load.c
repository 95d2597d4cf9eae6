/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While processes read and write pages, a stranger truncates the pool's file and
 * punches holes into it, again and again: no process crashes, and no byte is
 * wrong without a call that says so.
 *
 * Each process has a file of its own, whose pages count their changes, and all
 * read one more.  A page that was flushed never has fewer changes than then.  One
 * that has fewer than the last change made it comes with a flush that is -EIO, and
 * so does one of which the store has one change to a byte, and behind it another,
 * as the cut ended its write there.
 *
 * So it is with a pool that can grow, whose file has holes from the beginning, and
 * that another process resizes all the time.
 *
 * CUTS=10000 makes so many on each backend (make check-cuts); ORIEL_QUICK few.
 */
#include "cut.h"

#define PROCESSES 3
#define THREADS 2
#define PAGES 64
#define SHARED_PAGES 400

struct content {
  uint64_t number;
  uint64_t changes;
  uint64_t fill[509];
  uint64_t sum;
};

static struct board {
  atomic_int stop, ready;
  atomic_ulong operations, reported, half, reopened, resized;
  char why[256];
} *board;

struct process {
  oriel_pool *pool;
  oriel_file *own, *shared;
  pthread_rwlock_t open;        /* for writing: own is closed and opened */
  char path[256];
  _Atomic uint64_t tried[PAGES], made[PAGES], safe[PAGES];
  atomic_int lost;              /* a flush said so */
};

struct worker {
  struct process *p;
  uint64_t random;
};

static void __attribute__ ((format (printf, 1, 2)))
wrong (const char *fmt, ...)
{
  char line[256];
  va_list ap;

  va_start (ap, fmt);
  vsnprintf (line, sizeof line, fmt, ap);
  va_end (ap);
  if (!board->why[0])
    memcpy (board->why, line, sizeof line);
  board->stop = 1;
}

static uint64_t
sum_of (const struct content *c)
{
  uint64_t s = c->number * 31 + c->changes;

  for (int i = 0; i < 509; i++)
    s = s * 31 + c->fill[i];
  return s + 1;
}

static void
fill (struct content *c, uint64_t number, uint64_t changes)
{
  c->number = number;
  c->changes = changes;
  for (int i = 0; i < 509; i++)
    c->fill[i] = number * changes + (uint64_t) i;
  c->sum = sum_of (c);
}

/* 1 good, 0 not a page, -1 a page that has lost changes. */
static int
judge (struct process *p, const struct content *c, uint64_t n, uint64_t safe,
       uint64_t made)
{
  if (c->number != n || c->sum != sum_of (c) || c->changes < safe
      || c->changes > p->tried[n])
    return 0;
  return c->changes < made ? -1 : 1;
}

/* Which byte is the first that is not of this change? */
static size_t
end_of_change (const struct content *c, uint64_t n, uint64_t changes)
{
  const unsigned char *p = (const void *) c, *q;
  struct content whole;
  size_t i = 0;

  fill (&whole, n, changes);
  q = (const void *) &whole;
  while (i < sizeof whole && p[i] == q[i])
    i++;
  return i;
}

/* Is it of two changes, of which the store may have either? */
static int
is_half (struct process *p, const struct content *c, uint64_t n, uint64_t safe)
{
  size_t i = end_of_change (c, n, c->changes);
  uint64_t tried = p->tried[n];

  if (c->number != n || c->changes < safe || c->changes > tried)
    return 0;
  for (uint64_t other = safe; other <= tried; other++) {
    struct content old;

    fill (&old, n, other);
    if (memcmp ((const char *) c + i, (const char *) &old + i, sizeof old - i)
        == 0)
      return 1;
  }
  return 0;
}

/* Something is wrong with page n of our own, and no call said so, or not yet. */
static void
excuse (struct process *p, uint64_t n, uint64_t safe, int verdict,
        const struct content *c, const char *how)
{
  int half = verdict == 0 && is_half (p, c, n, safe);
  int rc;

  if (verdict < 0 || half) {
    rc = oriel_flush (p->own);
    if (rc == -EIO)
      p->lost = 1;
    if (half)
      atomic_fetch_add (&board->half, 1);
    if (rc == -EIO || p->lost)
      return;
  }
  wrong ("%s: own page %d is %s, and no call said so: number %d, change %d of "
         "%d to %d, %d bytes of it",
         how, (int) n, verdict < 0 ? "old" : half ? "half" : "wrong",
         (int) c->number, (int) c->changes, (int) safe, (int) p->tried[n],
         (int) end_of_change (c, n, c->changes));
}

static void
raise_to (_Atomic uint64_t *word, uint64_t value)
{
  uint64_t old = *word;

  while (old < value && !atomic_compare_exchange_weak (word, &old, value))
    ;
}

static void
change_own (struct process *p, uint64_t n)
{
  uint64_t made = p->made[n], safe = p->safe[n], next;
  struct content was;
  oriel_page page;
  int rc = oriel_pin (p->own, n, ORIEL_WRITE, &page);
  int verdict;

  if (rc) {
    wrong ("pin: %s", oriel_error ());
    return;
  }
  made = p->made[n]; /* no one else changes it now */
  memcpy (&was, page.data, sizeof was);
  verdict = judge (p, &was, n, safe, made);
  next = p->tried[n] + 1;
  if (verdict == 1) {
    raise_to (&p->tried[n], next);
    fill (page.data, n, next);
    oriel_dirty (&page, 0);
  }
  /* When its frame is lost another may write the page meanwhile, in its own. */
  if (verdict == 1 && p->tried[n] > next)
    verdict = -1;
  rc = oriel_unpin (&page);
  if (rc == -EIO)
    atomic_fetch_add (&board->reported, 1);
  else if (rc)
    wrong ("unpin: %s", oriel_error ());
  else if (verdict != 1)
    excuse (p, n, safe, verdict, &was, "change");
  else
    raise_to (&p->made[n], next);
}

static void
read_own (struct process *p, uint64_t n, int copying)
{
  uint64_t made = p->made[n], safe = p->safe[n];
  struct content copy = { 0 };
  oriel_page page;
  int rc, verdict;

  if (copying) {
    rc = oriel_read (p->own, n * 4096, &copy, 4096, NULL);
    verdict = judge (p, &copy, n, safe, made);
  } else {
    rc = oriel_pin (p->own, n, ORIEL_READ, &page);
    if (rc == 0) {
      memcpy (&copy, page.data, sizeof copy);
      verdict = judge (p, &copy, n, safe, made);
      rc = oriel_unpin (&page);
      if (rc == -EIO) {
        atomic_fetch_add (&board->reported, 1);
        return;
      }
    }
  }
  if (rc)
    wrong ("read: %s", oriel_error ());
  else if (verdict != 1 && !p->lost)
    excuse (p, n, safe, verdict, &copy, copying ? "copy" : "read");
}

static void
read_shared (struct process *p, uint64_t n, uint64_t how)
{
  char copy[4096];
  oriel_page page;
  int rc, good;

  if (how == 0) {
    rc = oriel_read (p->shared, n * 4096, copy, 4096, NULL);
    good = is_stamped (copy, 4096, 7, n);
  } else {
    uint64_t version = 0;

    rc = oriel_pin (p->shared, n, how == 1 ? ORIEL_OPTIMISTIC : ORIEL_READ,
                    &page);
    if (rc == 0) {
      if (how == 1)
        version = oriel_read_begin (&page);
      good = is_stamped (page.data, 4096, 7, n);
      if (how == 1 && !oriel_read_validate (&page, version))
        good = 1;
      rc = oriel_unpin (&page);
      if (rc == -EIO) {
        atomic_fetch_add (&board->reported, 1);
        return;
      }
    }
  }
  if (rc)
    wrong ("shared: %s", oriel_error ());
  else if (!good)
    wrong ("shared page %d is wrong (%d), frame %d", (int) n, (int) how,
           how ? (int) page.frame : -1);
}

static void
flush_own (struct process *p)
{
  uint64_t made[PAGES];
  int rc;

  for (int i = 0; i < PAGES; i++)
    made[i] = p->made[i];
  rc = oriel_flush (p->own);
  if (rc == -EIO)
    p->lost = 1;
  else if (rc)
    wrong ("flush: %s", oriel_error ());
  for (int i = 0; i < PAGES && rc == 0; i++)
    raise_to (&p->safe[i], made[i]);
}

/* Changes were lost, and we know: begin anew with what is there. */
static void
reopen (struct process *p)
{
  pthread_rwlock_wrlock (&p->open);
  if (p->lost) {
    int rc = oriel_flush (p->own);

    if (rc != 0 && rc != -EIO)
      wrong ("flush: %s", oriel_error ());
    if (oriel_file_abandon (p->own)
        || oriel_file_open (p->pool, p->path, ORIEL_BUFFERED, &p->own))
      wrong ("reopen: %s", oriel_error ());
    for (uint64_t n = 0; n < PAGES && !board->stop; n++) {
      struct content c;

      rc = oriel_read (p->own, n * 4096, &c, 4096, NULL);
      if (rc == 0 && c.sum != sum_of (&c) && is_half (p, &c, n, p->safe[n])) {
        fill (&c, n, ++p->tried[n]);
        rc = oriel_write (p->own, n * 4096, &c, 4096);
      }
      if (rc || judge (p, &c, n, p->safe[n], 0) != 1)
        wrong ("page %d after reopening: rc %d, changes %d of %d to %d", (int) n,
               rc, (int) c.changes, (int) p->safe[n], (int) p->tried[n]);
      p->made[n] = c.changes;
    }
    p->lost = 0;
    atomic_fetch_add (&board->reopened, 1);
  }
  pthread_rwlock_unlock (&p->open);
}

static void *
work (void *arg)
{
  struct worker *w = arg;
  struct process *p = w->p;

  while (!board->stop) {
    uint64_t r = next_random (&w->random);
    uint64_t n = r >> 32;

    pthread_rwlock_rdlock (&p->open);
    if (p->lost)
      ;
    else if (r % 16 < 4)
      change_own (p, n % PAGES);
    else if (r % 16 < 8)
      read_own (p, n % PAGES, r % 2);
    else if (r % 16 < 15)
      read_shared (p, n % SHARED_PAGES, r % 3);
    else
      flush_own (p);
    pthread_rwlock_unlock (&p->open);
    if (p->lost)
      reopen (p);
    atomic_fetch_add (&board->operations, 1);
  }
  return NULL;
}

static oriel_options options;

static int
run (void *arg)
{
  int number = *(int *) arg;
  struct process p = { 0 };
  struct worker w[THREADS];
  pthread_t thread[THREADS];
  char name[32];

  pthread_rwlock_init (&p.open, NULL);
  p.pool = must_open_pool ("test", &options);
  snprintf (name, sizeof name, "own%d", number);
  snprintf (p.path, sizeof p.path, "%s", scratch_file (name));
  for (uint64_t i = 0; i < PAGES; i++) {
    struct content c;

    fill (&c, i, 1);
    plain_write (p.path, (off_t) i * 4096, &c, 4096);
    p.tried[i] = p.made[i] = p.safe[i] = 1;
  }
  p.own = must_open_file (p.pool, p.path, ORIEL_BUFFERED);
  p.shared = must_open_file (p.pool, scratch_file ("shared"),
                             ORIEL_RDONLY | ORIEL_BUFFERED);
  atomic_fetch_add (&board->ready, 1);
  for (int i = 0; i < THREADS; i++) {
    w[i] = (struct worker){ &p, (uint64_t) (number * THREADS + i) };
    pthread_create (&thread[i], NULL, work, &w[i]);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  oriel_flush (p.own);
  must (oriel_file_abandon (p.own), "oriel_file_abandon");
  must (oriel_file_close (p.shared), "oriel_file_close");
  must (oriel_pool_close (p.pool), "oriel_pool_close");
  return 0;
}

/* Up and down, as far as it can be. */
static int
resize (void *arg)
{
  uint64_t random = *(uint64_t *) arg;
  oriel_pool *pool = must_open_pool ("test", &options);

  atomic_fetch_add (&board->ready, 1);
  while (!board->stop) {
    uint64_t pages = 600 + next_random (&random) % 1448;
    int rc = oriel_pool_resize (pool, pages * 4096);

    if (rc == 0)
      atomic_fetch_add (&board->resized, 1);
    else if (rc != -EBUSY && rc != -EIO)
      wrong ("resize: %s", oriel_error ());
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* Until they have done something with what was just taken away. */
static void
await_work (unsigned long before)
{
  double from = seconds_now ();

  while (board->operations < before + 30 && !board->stop) {
    usleep (100);
    if (seconds_now () - from > 120) {
      wrong ("no operation ended in 120 s");
      return;
    }
  }
}

static void
attack (uint64_t *random, const char *path, off_t data, off_t size, int holes)
{
  uint64_t r = next_random (random);
  /* Without holes that fault a cut is made only when the last one was noticed: so
   * it has to be of something that someone touches. */
  off_t end = holes ? size : data + (off_t) options.pool_size / 4;
  off_t at = data + (off_t) (r >> 32) % ((end - data) / 4096) * 4096;
  off_t n = (off_t) (1 + r % 16) * 4096;

  switch (holes ? r >> 8 & 3 : 0) {
  case 0:
    /* Holes, which a cut behind an end that no one has come upon yet would make,
     * are not always noticed. */
    if (holes || (off_t) plain_size (path) == size)
      cut_file (path, at);
    break;
  case 1:
    cut_file (path, at);
    cut_file (path, size);
    break;
  default:
    punch_file (path, at, at + n > size ? size - at : n);
  }
}

/* grows: another process resizes the pool meanwhile. */
static void
load (uint32_t backend, size_t window, unsigned long cuts, uint64_t seed,
      int grows)
{
  int numbers[PROCESSES], code[PROCESSES + 1] = { 0 };
  pid_t pid[PROCESSES + 1];
  oriel_pool *pool;
  oriel_stats stats;
  const char *path = pool_path ("test");
  double from = seconds_now ();
  off_t size, data;

  memset (board, 0, sizeof *board);
  options = test_options ();
  options.slot_size = 16 * KiB;
  options.window_size = window;
  options.flags = ORIEL_HOLES;
  if (grows)
    options.max_size = 2 * options.pool_size;
  pool = open_window (&options, backend);
  if (!pool)
    return;
  size = (off_t) plain_size (path);
  data = size - (off_t) get_stats (pool).frames_max * 4096;
  must (oriel_pool_close (pool), "oriel_pool_close");
  for (int i = 0; i < PROCESSES; i++) {
    numbers[i] = i;
    pid[i] = spawn (run, &numbers[i]);
  }
  if (grows)
    pid[PROCESSES] = spawn (resize, &seed);
  while (board->ready < PROCESSES + grows)
    usleep (1000);
  for (unsigned long i = 0; i < cuts && !board->stop; i++) {
    unsigned long before = board->operations;

    attack (&seed, path, data, size, holes_fault ());
    await_work (before);
  }
  board->stop = 1;
  for (int i = 0; i < PROCESSES + grows; i++)
    code[i] = reap (pid[i]);
  for (int i = 0; i < PROCESSES + grows; i++)
    is_int (code[i], 0, "a process ends as it should");
  is_str (board->why, "", "nothing is wrong");
  cut_file (path, size);
  pool = must_open_pool ("test", &options);
  stats = get_stats (pool);
  diag ("%s: %lu operations in %.1f s, %llu frames lost, %lu unpins and %lu "
        "flushes said so, %lu pages half, %lu resizes", oriel_backend_name (backend),
        (unsigned long) board->operations, seconds_now () - from,
        (unsigned long long) stats.frames_lost,
        (unsigned long) board->reported, (unsigned long) board->reopened,
        (unsigned long) board->half, (unsigned long) board->resized);
  ok (stats.frames_lost > 0, "frames were lost");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  end_window (pool);
}

int
main (void)
{
  const char *text = getenv ("CUTS");
  const char *only = getenv ("BACKEND");
  unsigned long cuts = text ? strtoul (text, NULL, 0)
                            : getenv ("ORIEL_QUICK") ? 50 : 300;
  uint64_t seed = test_seed ();

  board = shared_memory (sizeof *board);
  make_stamped_file (scratch_file ("shared"), 4096, SHARED_PAGES, 0, 7);
  for (size_t i = 0; i < COUNT (windows); i++)
    if (!only || strcmp (only, oriel_backend_name (windows[i].backend)) == 0)
      load (windows[i].backend, windows[i].window, cuts, seed, 0);
  load (ORIEL_BACKEND_AUTO, 0, cuts, seed, 1);
  load (ORIEL_BACKEND_MMAP, 256 * KiB, cuts, seed, 1);
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kill any process at any instant: the others never notice.
 *
 * Workers pin, read, write, latch, flush and attach at random on a pool far
 * smaller than the data, while the parent SIGKILLs one every few milliseconds
 * and starts another.  Every page carries its number, a counter and a checksum.
 * For each page shared memory outside the pool says which count was begun
 * (before the page is changed, under its latch) and which was finished (after
 * the unpin): a page must be whole, with a count between the two.
 *
 * SECONDS (default 20), SEED (default: the clock; printed), WORKERS (default 8),
 * PERIOD (microseconds between kills, default 4000).
 */
#include "util.h"

#include "frame.h"
#include "recover.h"
#include "thread.h"

#define PAGES 1024
#define MAX_WORKERS 64
#define STUCK_SECONDS 20

struct truth {
  _Atomic uint64_t begun[PAGES];
  _Atomic uint64_t done[PAGES];
  _Atomic uint64_t beat[MAX_WORKERS];
  _Atomic uint64_t attached;
  _Atomic uint64_t writes;
  _Atomic int failed;
  char why[256];
};

struct content {
  uint64_t number;
  uint64_t count;
  uint64_t fill[509];
  uint64_t sum;
};

static struct truth *truth;
static const char *files, *pools;
static uint64_t seed;

static uint64_t
dice (uint64_t *state)
{
  *state = *state * UINT64_C (6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

static uint64_t
sum_of (const struct content *c)
{
  uint64_t s = c->number * 31 + c->count;

  for (int i = 0; i < 509; i++)
    s = s * 31 + c->fill[i];
  return s;
}

static void
fail (const char *what, uint64_t page, const struct content *c)
{
  if (!atomic_exchange (&truth->failed, 1))
    snprintf (truth->why, sizeof truth->why,
              "%s: page %llu has number %llu, count %llu (begun %llu, done "
              "%llu), checksum %s; %s",
              what, (unsigned long long) page, (unsigned long long) c->number,
              (unsigned long long) c->count,
              (unsigned long long) truth->begun[page],
              (unsigned long long) truth->done[page],
              c->sum == sum_of (c) ? "right" : "wrong", oriel_error ());
}

/* done: what was finished before the page was looked at. */
static int
is_whole (const char *what, uint64_t page, const struct content *c,
          uint64_t done)
{
  static const struct content zero;

  if (memcmp (c, &zero, sizeof zero) == 0 && done == 0)
    return 1;
  if (c->number == page && c->count >= done && c->count <= truth->begun[page]
      && c->sum == sum_of (c))
    return 1;
  fail (what, page, c);
  return 0;
}

static void
write_page (oriel_file *file, uint64_t *rnd)
{
  uint64_t page = dice (rnd) % PAGES;
  oriel_page p;
  struct content *c;
  uint64_t count, done;

  if (oriel_pin (file, page, ORIEL_WRITE, &p) < 0)
    return;
  c = p.data;
  if (!is_whole ("writer", page, c, truth->done[page]))
    _exit (1);
  count = c->count + 1;
  atomic_store (&truth->begun[page], count);
  c->number = page;
  c->count = count;
  for (int i = 0; i < 509; i++)
    c->fill[i] = dice (rnd);
  c->sum = sum_of (c);
  oriel_dirty (&p, count);
  oriel_unpin (&p);
  done = truth->done[page];
  while (done < count
         && !atomic_compare_exchange_weak (&truth->done[page], &done, count))
    ;
  atomic_fetch_add (&truth->writes, 1);
}

static void
read_page (oriel_file *file, uint64_t *rnd)
{
  uint64_t page = dice (rnd) % PAGES;
  uint64_t done = truth->done[page];
  struct content c;
  oriel_page p;

  switch (dice (rnd) % 3)
    {
    case 0:
      if (oriel_pin (file, page, ORIEL_READ, &p) < 0)
        return;
      is_whole ("reader", page, p.data, done);
      oriel_unpin (&p);
      return;
    case 1:
      if (oriel_read (file, page * sizeof c, &c, sizeof c, NULL) == 0)
        is_whole ("copy", page, &c, done);
      return;
    default:
      if (oriel_pin (file, page, ORIEL_OPTIMISTIC, &p) < 0)
        return;
      for (;;)
        {
          uint64_t v = oriel_read_begin (&p);

          memcpy (&c, p.data, sizeof c);
          if (oriel_read_validate (&p, v))
            {
              is_whole ("optimist", page, &c, done);
              break;
            }
          if (v & 1)
            break;
        }
      oriel_unpin (&p);
    }
}

static void
work (oriel_file *file, uint64_t *rnd)
{
  uint64_t what = dice (rnd) % 100;

  if (what < 45)
    write_page (file, rnd);
  else if (what < 98)
    read_page (file, rnd);
  else if (what < 99)
    oriel_flush (file);
  else
    oriel_sync (file);
}

static void
open_all (oriel_pool **pool, oriel_file **file)
{
  oriel_options opt;
  char path[512];

  oriel_options_init (&opt);
  opt.directory = pools;
  opt.pool_size = 128 * 4096;
  opt.window_size = 16 * 4096;
  opt.slot_size = 4096;
  opt.max_processes = MAX_WORKERS;
  snprintf (path, sizeof path, "%s/data", files);
  if (oriel_pool_open ("torture", &opt, pool) < 0
      || oriel_file_open (*pool, path, ORIEL_CREATE, file) < 0)
    {
      struct content c = { .number = 0 };

      fail ("attach", 0, &c);
      _exit (1);
    }
}

static void
worker (int index, uint64_t rnd)
{
  for (;;)
    {
      oriel_pool *pool;
      oriel_file *file;
      uint64_t n = dice (&rnd) % 20000;

      open_all (&pool, &file);
      atomic_fetch_add (&truth->attached, 1);
      while (n-- > 0)
        {
          work (file, &rnd);
          atomic_fetch_add (&truth->beat[index], 1);
          if (dice (&rnd) % 5000 == 0 && fork () == 0)
            _exit (oriel_unpin (NULL) == 0); /* a child that shares nothing */
          while (waitpid (-1, NULL, WNOHANG) > 0)
            ;
        }
      if (oriel_file_close (file) < 0 || oriel_pool_close (pool) < 0)
        {
          struct content c = { .number = 0 };

          fail ("close", 0, &c);
          _exit (1);
        }
    }
}

static pid_t
start (int index, uint64_t rnd)
{
  pid_t pid = fork ();

  if (pid == 0)
    worker (index, rnd);
  return pid;
}

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static int
number (const char *name, int otherwise)
{
  const char *s = getenv (name);

  return s ? atoi (s) : otherwise;
}

/* Kill and start until the time is over.  How many died. */
static long
torture (int workers, double seconds, int period)
{
  pid_t pid[MAX_WORKERS];
  uint64_t beat[MAX_WORKERS];
  double since[MAX_WORKERS];
  double end = now () + seconds;
  uint64_t rnd = seed;
  long kills = 0;

  for (int i = 0; i < workers; i++)
    {
      pid[i] = start (i, dice (&rnd));
      beat[i] = 0;
      since[i] = now ();
    }
  while (now () < end && !atomic_load (&truth->failed))
    {
      int i = (int) (dice (&rnd) % (unsigned) workers);

      usleep ((useconds_t) (dice (&rnd) % (unsigned) (2 * period)));
      kill (pid[i], SIGKILL);
      waitpid (pid[i], NULL, 0);
      kills++;
      pid[i] = start (i, dice (&rnd));
      since[i] = now ();
      for (int k = 0; k < workers; k++)
        {
          uint64_t b = atomic_load (&truth->beat[k]);

          if (b != beat[k])
            {
              beat[k] = b;
              since[k] = now ();
            }
          else if (now () - since[k] > STUCK_SECONDS)
            {
              diag ("worker %d (pid %d) is stuck", k, (int) pid[k]);
              atomic_store (&truth->failed, 1);
              if (getenv ("HOLD"))
                pause ();
            }
        }
    }
  for (int i = 0; i < workers; i++)
    {
      kill (pid[i], SIGKILL);
      waitpid (pid[i], NULL, 0);
    }
  return kills + workers;
}

static void
count_frames (oriel_pool *pool)
{
  struct orl_shm *shm = &pool->shm;
  struct orl_thread *me;
  unsigned long odd = 0, pins = 0, locks = 0, images = 0;

  orl_thread_self (pool, &me);
  orl_recover (pool, me->owner, ORL_ALL_DEAD);
  orl_thread_unstash (me);
  for (uint32_t i = 0; i < shm->geo.nframes; i++)
    {
      uint64_t w = atomic_load (&shm->frames[i].state);

      if ((orl_state (w) != ORL_FREE && orl_state (w) != ORL_VALID)
          || !orl_frame_is_valid (shm, i)
          || ((atomic_load (&shm->frames[i].version) & 1)
              && orl_state (w) == ORL_VALID && !(w & ORL_STALE))
          || (atomic_load (&shm->frames[i].latch) & 2))
        odd++;
    }
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    for (uint32_t k = 0; k < ORL_PINS; k++)
      pins += atomic_load (&shm->ledgers[i].pins[k]) != 0;
  for (uint32_t i = 0; i < shm->geo.nparts; i++)
    locks += atomic_load (&shm->parts[i].lock) != 0;
  for (uint32_t i = 0; i < shm->geo.nimages; i++)
    images += atomic_load (&shm->images[i].owner) != 0;
  is_int ((long long) odd, 0, "every frame is free or holds a page");
  is_int ((long long) pins, 0, "no pin is left");
  is_int ((long long) locks, 0, "no partition is locked");
  is_int ((long long) images, 0, "no before-image is left");
}

int
main (void)
{
  int seconds = number ("SECONDS", 20);
  int workers = number ("WORKERS", 8);
  oriel_stats st = { .struct_size = sizeof st };
  oriel_pool *pool;
  oriel_file *file;
  long kills;

  seed = (uint64_t) number ("SEED", (int) time (NULL));
  diag ("SEED=%llu SECONDS=%d WORKERS=%d", (unsigned long long) seed, seconds,
        workers);
  truth = mmap (NULL, sizeof *truth, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  files = scratch ();
  pools = pool_dir ();
  alarm ((unsigned) seconds + 120);
  kills = torture (workers, seconds, number ("PERIOD", 4000));
  ok (!truth->failed, "no page was lost or torn, no one hung");
  if (truth->failed)
    diag ("%s", truth->why);
  open_all (&pool, &file);
  count_frames (pool);
  for (uint64_t page = 0; page < PAGES; page++)
    {
      struct content c = { .number = 0 };

      if (oriel_read (file, page * sizeof c, &c, sizeof c, NULL) < 0)
        fail ("last read", page, &c);
      is_whole ("last look", page, &c, truth->done[page]);
    }
  ok (!truth->failed, "every page is whole and not older than what was done");
  if (truth->failed)
    diag ("%s", truth->why);
  oriel_pool_stats (pool, &st);
  diag ("%ld kills, %llu attaches, %llu writes, %llu repairs, %llu evictions",
        kills, (unsigned long long) truth->attached,
        (unsigned long long) truth->writes, (unsigned long long) st.repairs,
        (unsigned long long) st.evictions);
  ok (oriel_file_close (file) == 0 && oriel_pool_close (pool) == 0, "close");
  return done_testing ();
}

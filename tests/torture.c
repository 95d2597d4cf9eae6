/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kill any process at any instant: the others never notice.
 *
 * Workers, of two threads each, pin, read, write, latch, flush, fork and attach
 * at random on a pool far smaller than the data, while the parent SIGKILLs one
 * every few milliseconds and starts another, and stops some for a while.  Every
 * page carries its number, a counter and a checksum.  For each page shared memory
 * outside the pool says which count was begun (before the page is changed, under
 * its latch) and which was finished (after the unpin): a page must be whole, with
 * a count between the two.
 *
 * A second file has records that begin and end anywhere, written and read by
 * copying.  Each is one thread's; the part of it that lies in one page must be of
 * one count between the two.  torture.h has two more.
 *
 * SECONDS (default 30; with ORIEL_QUICK=1 5), SEED (default: the clock; printed),
 * WORKERS (default 8), PERIOD (microseconds between kills, default 4000), FENCE=1
 * (a pool without membarrier).
 */
#include "counted.h"
#include "tool.h"
#include "torture.h"
#include "whole-pool.h"

#define PAGES 1024
#define MAX_WORKERS 64
#define STUCK_SECONDS 20
#define THREADS 2               /* of a worker */
#define RECORDS 256
#define RECORD 1237             /* bytes: no part of a page */
#define KEPT 4                  /* ORIEL_ANYTHREAD pins of a worker */

struct truth {
  _Atomic uint64_t begun[PAGES];
  _Atomic uint64_t done[PAGES];
  _Atomic uint64_t record_begun[RECORDS];
  _Atomic uint64_t record_done[RECORDS];
  _Atomic uint64_t beat[MAX_WORKERS];
  _Atomic uint64_t attached;
  _Atomic uint64_t writes;
  _Atomic int failed;
  char why[256];
};

/* A thread of a worker. */
struct thread {
  int slot;                     /* its records are those, modulo all threads; -1
                                   it writes none */
  int beat;
  uint64_t rnd;
  uint64_t n;
  oriel_file *file;
  oriel_file *records;
  struct torture_files more;
};

static struct truth *truth;
static int workers;
static oriel_page kept[KEPT];   /* of this process; data NULL: none */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *pools;
static uint64_t seed;

static uint64_t
dice (uint64_t *state)
{
  *state = *state * UINT64_C (6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

static void
fail (const char *what, uint64_t page, const struct content *c)
{
  if (!atomic_exchange (&truth->failed, 1))
    tell_content (truth->why, sizeof truth->why, what, page, c,
                  truth->done[page], truth->begun[page]);
}

/* done: what was finished before the page was looked at. */
static int
is_whole (const char *what, uint64_t page, const struct content *c,
          uint64_t done)
{
  int good = content_is_whole (c, page, done, truth->begun[page]);

  if (!good)
    fail (what, page, c);
  return good;
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

/* What an optimist reads of a page. */
static void
look_freely (const char *what, const oriel_page *p, uint64_t done)
{
  struct content c;
  uint64_t v;

  do
    {
      v = oriel_read_begin (p);
      memcpy (&c, p->data, sizeof c);
      if (oriel_read_validate (p, v))
        {
          is_whole (what, p->number, &c, done);
          return;
        }
    }
  while (!(v & 1));
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
      look_freely ("optimist", &p, done);
      oriel_unpin (&p);
    }
}

/* Take a pin that any thread may give back, or give one back. */
static void
keep_page (oriel_file *file, uint64_t *rnd)
{
  oriel_page *p = &kept[dice (rnd) % KEPT];
  uint64_t page = dice (rnd) % PAGES;

  pthread_mutex_lock (&kept_lock);
  if (p->data)
    {
      look_freely ("kept", p, truth->done[p->number]);
      oriel_unpin (p);
    }
  else if (oriel_pin (file, page, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD, p) < 0)
    p->data = NULL;
  pthread_mutex_unlock (&kept_lock);
}

static void
give_kept (void)
{
  for (int i = 0; i < KEPT; i++)
    if (kept[i].data)
      oriel_unpin (&kept[i]);
}

/* Byte i of a record that was written count times. */
static unsigned char
record_byte (uint64_t record, uint64_t count, unsigned i)
{
  return (unsigned char) (count == 0 ? 0 : record * 7 + count * 31 + i * 3 + 1);
}

static void
write_record (struct thread *t)
{
  unsigned char bytes[RECORD];
  unsigned all = (unsigned) workers * THREADS;
  uint64_t record = dice (&t->rnd) % (RECORDS / all) * all + (unsigned) t->slot;
  uint64_t count = truth->record_begun[record] + 1;

  for (unsigned i = 0; i < RECORD; i++)
    bytes[i] = record_byte (record, count, i);
  atomic_store (&truth->record_begun[record], count);
  if (oriel_write (t->records, record * RECORD, bytes, RECORD) == 0)
    atomic_store (&truth->record_done[record], count);
}

static void
check_record (uint64_t record, const unsigned char *bytes, uint64_t done)
{
  uint64_t begun = truth->record_begun[record];
  unsigned first = 4096 - (unsigned) (record * RECORD % 4096);

  for (unsigned from = 0, to; from < RECORD; from = to)
    {
      uint64_t count = done;
      unsigned i;

      to = from == 0 && first < RECORD ? first : RECORD;
      do
        for (i = from; i < to && bytes[i] == record_byte (record, count, i);)
          i++;
      while (i < to && count++ < begun);
      if (i < to && !atomic_exchange (&truth->failed, 1))
        snprintf (truth->why, sizeof truth->why,
                  "record %llu: its bytes %u to %u are of no count from %llu "
                  "to %llu",
                  (unsigned long long) record, from, to,
                  (unsigned long long) done, (unsigned long long) begun);
    }
}

static void
read_record (struct thread *t)
{
  unsigned char bytes[RECORD];
  uint64_t record = dice (&t->rnd) % RECORDS;
  uint64_t done = truth->record_done[record];

  if (oriel_read (t->records, record * RECORD, bytes, RECORD, NULL) == 0)
    check_record (record, bytes, done);
}

static void
more (struct thread *t)
{
  const char *why = torture_more (&t->more, &t->rnd, dice);

  if (why && !atomic_exchange (&truth->failed, 1))
    snprintf (truth->why, sizeof truth->why, "%s", why);
}

static void
work (struct thread *t)
{
  uint64_t what = dice (&t->rnd) % 116;

  if (what < 35)
    write_page (t->file, &t->rnd);
  else if (what < 80)
    read_page (t->file, &t->rnd);
  else if (what < 84)
    keep_page (t->file, &t->rnd);
  else if (what < 90 && t->slot >= 0)
    write_record (t);
  else if (what < 98)
    read_record (t);
  else if (what >= 100)
    more (t);
  else if (what < 99)
    oriel_flush (dice (&t->rnd) % 2 ? t->file : t->records);
  else
    oriel_sync (t->file);
}

/* Each process can flush the log, which there is none of. */
static int
log_is_durable (void *arg, uint64_t lsn)
{
  (void) arg;
  return lsn == 0 ? -EINVAL : 0;
}

static void
open_all (oriel_pool **pool, oriel_file **file, oriel_file **records,
          struct torture_files *others, uint64_t rnd)
{
  oriel_options opt;
  int r;

  oriel_options_init (&opt);
  opt.directory = pools;
  opt.pool_size = 128 * 4096;
  opt.window_size = 16 * 4096;
  opt.slot_size = 4096;
  opt.max_processes = MAX_WORKERS;
  opt.flags = getenv ("FENCE") ? ORIEL_FENCE : 0;
  opt.backend = dice (&rnd) % 4;
  r = oriel_pool_open ("torture", &opt, pool);
  if (r == -EOPNOTSUPP || r == -EINVAL)
    {
      opt.backend = ORIEL_BACKEND_AUTO;
      r = oriel_pool_open ("torture", &opt, pool);
    }
  if (r < 0
      || oriel_file_open (*pool, scratch_file ("data"), ORIEL_CREATE, file) < 0
      || oriel_file_open (*pool, scratch_file ("records"), ORIEL_CREATE,
                          records)
             < 0
      || oriel_file_on_flush_log (*file, log_is_durable, NULL) < 0
      || !torture_open (*pool, others))
    {
      struct content c = { .number = 0 };

      fail ("attach", 0, &c);
      _exit (1);
    }
}

static void
close_all (oriel_pool *pool, oriel_file *file, oriel_file *records,
           const struct torture_files *others)
{
  if (oriel_file_close (file) < 0 || oriel_file_close (records) < 0
      || !torture_close (others)
      || oriel_pool_close (pool) < 0)
    {
      struct content c = { .number = 0 };

      fail ("close", 0, &c);
      _exit (1);
    }
}

/* A forked child: has no part in its parent's pool, and attaches. */
static void
descend (struct thread *t)
{
  struct thread own = { .slot = -1, .rnd = t->rnd };
  oriel_page page;
  oriel_pool *pool;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (oriel_pin (t->file, 1, ORIEL_READ, &page) != -EOWNERDEAD)
    _exit (1);
  memset (kept, 0, sizeof kept);
  pthread_mutex_init (&kept_lock, NULL);
  open_all (&pool, &own.file, &own.records, &own.more, own.rnd);
  for (int i = 0; i < 300; i++)
    work (&own);
  give_kept ();
  close_all (pool, own.file, own.records, &own.more);
  _exit (0);
}

/* Some end with a page pinned. */
static void *
run_thread (void *arg)
{
  struct thread *t = arg;
  oriel_page page;

  while (t->n-- > 0)
    {
      work (t);
      atomic_fetch_add (&truth->beat[t->beat], 1);
      if (dice (&t->rnd) % 5000 == 0 && fork () == 0)
        descend (t);
      while (waitpid (-1, NULL, WNOHANG) > 0)
        ;
    }
  if (dice (&t->rnd) % 2)
    oriel_pin (t->file, dice (&t->rnd) % PAGES,
               dice (&t->rnd) % 2 ? ORIEL_WRITE : ORIEL_READ, &page);
  return NULL;
}

static void
worker (int index, uint64_t rnd)
{
  for (;;)
    {
      struct thread t[THREADS];
      pthread_t id[THREADS];
      oriel_pool *pool;

      open_all (&pool, &t[0].file, &t[0].records, &t[0].more, dice (&rnd));
      atomic_fetch_add (&truth->attached, 1);
      for (int i = 0; i < THREADS; i++)
        {
          t[i] = (struct thread) { .slot = index * THREADS + i,
                                   .beat = index,
                                   .rnd = dice (&rnd),
                                   .n = dice (&rnd) % 10000,
                                   .file = t[0].file,
                                   .records = t[0].records,
                                   .more = t[0].more };
          id[i] = start_thread (run_thread, &t[i]);
        }
      for (int i = 0; i < THREADS; i++)
        pthread_join (id[i], NULL);
      give_kept ();
      close_all (pool, t[0].file, t[0].records, &t[0].more);
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
torture (double seconds, int period)
{
  pid_t pid[MAX_WORKERS];
  uint64_t beat[MAX_WORKERS];
  double since[MAX_WORKERS];
  double end = now () + seconds;
  uint64_t rnd = seed;
  long kills = 0;
  int stopped = -1;

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
      /* A stopped one is not dead: the others wait, some rounds long. */
      if (stopped >= 0 && dice (&rnd) % 4 == 0)
        {
          kill (pid[stopped], SIGCONT);
          stopped = -1;
        }
      else if (stopped < 0 && dice (&rnd) % 40 == 0)
        {
          stopped = (int) (dice (&rnd) % (unsigned) workers);
          kill (pid[stopped], SIGSTOP);
        }
      kill (pid[i], SIGKILL);
      waitpid (pid[i], NULL, 0);
      stopped = stopped == i ? -1 : stopped;
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
  while (waitpid (-1, NULL, 0) > 0) /* what they forked, which is ours now */
    ;
  return kills + workers;
}

int
main (void)
{
  int seconds = number ("SECONDS", number ("ORIEL_QUICK", 0) ? 5 : 30);
  oriel_stats st = { .struct_size = sizeof st };
  char why[WHY] = "";
  oriel_pool *pool;
  oriel_file *file, *records;
  struct torture_files others;
  long kills;

  workers = number ("WORKERS", 8);
  seed = (uint64_t) number ("SEED", (int) time (NULL));
  diag ("SEED=%llu SECONDS=%d WORKERS=%d%s", (unsigned long long) seed, seconds,
        workers, getenv ("FENCE") ? " FENCE=1" : "");
  if (workers < 1 || workers > MAX_WORKERS / 2)
    bail_out ("WORKERS: 1 to %d", MAX_WORKERS / 2);
  truth = mmap (NULL, sizeof *truth, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  scratch ();
  pools = pool_dir ();
  /* After those, which leave a process behind that waits for our end. */
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  alarm ((unsigned) seconds + util_timeout ());
  kills = torture (seconds, number ("PERIOD", 4000));
  ok (!truth->failed, "no page was lost or torn, no one hung");
  if (truth->failed)
    diag ("%s", truth->why);
  open_all (&pool, &file, &records, &others, 0);
  check_whole_pool (pool, why);
  if (!ok (!why[0], "every frame is free or holds a page, and nothing is left "
                    "of the dead"))
    diag ("%s", why);
  for (uint64_t page = 0; page < PAGES; page++)
    {
      struct content c = { .number = 0 };

      if (oriel_read (file, page * sizeof c, &c, sizeof c, NULL) < 0)
        fail ("last read", page, &c);
      is_whole ("last look", page, &c, truth->done[page]);
    }
  for (uint64_t i = 0; i < RECORDS; i++)
    {
      unsigned char bytes[RECORD];

      if (oriel_read (records, i * RECORD, bytes, RECORD, NULL) == 0)
        check_record (i, bytes, truth->record_done[i]);
    }
  for (uint64_t i = 0; i < TWINS; i++)
    {
      const char *bad = read_twin (others.twins, i);

      if (!bad && i < ENDS)
        bad = read_end (others.ends, i);
      if (bad && !atomic_exchange (&truth->failed, 1))
        snprintf (truth->why, sizeof truth->why, "last look: %s", bad);
    }
  ok (!truth->failed, "every page is whole and not older than what was done");
  if (truth->failed)
    diag ("%s", truth->why);
  oriel_pool_stats (pool, &st);
  diag ("%ld kills (%.0f/s), %llu attaches, %llu writes, %llu repairs, "
        "%llu evictions",
        kills, (double) kills / seconds, (unsigned long long) truth->attached,
        (unsigned long long) truth->writes, (unsigned long long) st.repairs,
        (unsigned long long) st.evictions);
  ok (oriel_file_close (file) == 0 && oriel_file_close (records) == 0
          && torture_close (&others)
          && oriel_pool_close (pool) == 0,
      "close");
  if (has_tool ())
    is_exit (tool ("check", "torture", NULL), 0, "oriel check is clean");
  else
    skip ("there is no tools/oriel");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that pin, view, write and verify pages go on while another resizes
 * their pool up and down, at random, and is killed at random, as they are: every
 * page stays what it was, and the pool is in order.  SECONDS=n: so long.
 */
#include "counted.h"

#define PAGES 900
#define WORKERS 3
#define MOST (4 * MiB)

static struct board {
  _Atomic uint64_t begun[PAGES];
  _Atomic uint64_t done[PAGES];
  _Atomic uint64_t resized, busy, rounds;
  char why[512];
} *board;

static oriel_pool *pool;
static oriel_file *file;

struct task {
  unsigned me;
  uint64_t seed;
};

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = MiB;
  opt.max_size = MOST;
  opt.flags |= ORIEL_HOLES;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"),
                         ORIEL_CREATE | ORIEL_BUFFERED);
}

static int
look (uint64_t page, const struct content *c, uint64_t done)
{
  if (content_is_whole (c, page, done, board->begun[page]))
    return 1;
  tell_content (board->why, sizeof board->why, "seen", page, c, done,
                board->begun[page]);
  return 0;
}

static int
change (uint64_t page)
{
  uint64_t count = board->begun[page] + 1, done = board->done[page];
  struct content *c;
  oriel_page pin;
  int rc = oriel_pin (file, page, ORIEL_WRITE, &pin);

  if (rc == -ENOBUFS) /* of a small pool all may be pinned */
    return 1;
  must (rc, "oriel_pin");
  c = pin.data;
  if (!look (page, c, done))
    return 0;
  atomic_store (&board->begun[page], count);
  c->number = page;
  c->count = count;
  for (int i = 0; i < 509; i++)
    c->fill[i] = page * count + (uint64_t) i;
  c->sum = sum_of (c);
  must (oriel_dirty (&pin, 0), "oriel_dirty");
  must (oriel_unpin (&pin), "oriel_unpin");
  atomic_store (&board->done[page], count);
  return 1;
}

static int
read_one (uint64_t page)
{
  uint64_t done = board->done[page];
  struct content c;
  int rc = oriel_read (file, page * 4096, &c, sizeof c, NULL);

  return rc == -ENOBUFS || (rc == 0 && look (page, &c, done));
}

static int
view_some (uint64_t first, uint64_t n)
{
  struct oriel_view view;
  uint64_t done[8];
  int good = 1;
  int rc;

  for (uint64_t i = 0; i < n; i++)
    done[i] = board->done[first + i];
  rc = oriel_view (file, first, n, ORIEL_READ, &view);
  if (rc == -ENOBUFS)
    return 1;
  must (rc, "oriel_view");
  for (uint64_t i = 0; i < n && good; i++)
    good = look (first + i, (struct content *) view.data + i, done[i]);
  must (oriel_view_end (&view), "oriel_view_end");
  return good;
}

static int
work (void *arg)
{
  struct task *t = arg;
  int good = 1;

  attach ();
  while (good) {
    uint64_t r = next_random (&t->seed), page = (r >> 8) % PAGES;

    if (r % 4 == 0)
      good = change (page - page % WORKERS + t->me < PAGES
                         ? page - page % WORKERS + t->me
                         : t->me);
    else if (r % 16 == 1)
      good = view_some (page < PAGES - 8 ? page : 0, 1 + r / 16 % 8);
    else
      good = read_one (page);
    if (r % 1024 == 2)
      must (oriel_flush (file), "oriel_flush");
    atomic_fetch_add (&board->rounds, 1);
  }
  return 1;
}

static int
resize (void *arg)
{
  struct task *t = arg;

  attach ();
  for (;;) {
    uint64_t pages = 64 + next_random (&t->seed) % (MOST / 4096 - 63);
    int rc = oriel_pool_resize (pool, pages * 4096);

    if (rc != 0 && rc != -EBUSY) {
      snprintf (board->why, sizeof board->why, "resize: %s", oriel_error ());
      return 1;
    }
    atomic_fetch_add (rc ? &board->busy : &board->resized, 1);
  }
}

/* What a child's end says: killed, or it found something wrong. */
static int
killed (pid_t pid)
{
  return kill (pid, SIGKILL) == 0 && reap (pid) == 128 + SIGKILL;
}

int
main (void)
{
  const char *seconds = getenv ("SECONDS");
  double until = seconds_now ()
                 + (seconds ? atof (seconds) : getenv ("ORIEL_QUICK") ? 1 : 3);
  struct task task[WORKERS + 1];
  pid_t pid[WORKERS + 1];
  uint64_t seed = test_seed ();
  unsigned kills = 0;
  int good = 1, whole = 0;

  scratch ();
  pool_dir ();
  board = shared_memory (sizeof *board);
  for (unsigned i = 0; i <= WORKERS; i++) {
    task[i] = (struct task) { i, next_random (&seed) };
    pid[i] = spawn (i < WORKERS ? work : resize, &task[i]);
  }
  while (good && seconds_now () < until) {
    unsigned i = next_random (&seed) % 3 ? WORKERS
                                         : next_random (&seed) % WORKERS;

    usleep ((useconds_t) (next_random (&seed) % 20000));
    good = killed (pid[i]);
    kills++;
    task[i].seed = next_random (&seed);
    pid[i] = spawn (i < WORKERS ? work : resize, &task[i]);
  }
  /* Each once, and the resizer, when all is quiet. */
  while (good && atomic_load (&board->resized) == 0)
    usleep (1000);
  for (unsigned i = 0; i <= WORKERS; i++)
    good = killed (pid[i]) && good;
  ok (good, "no one saw what should not be");
  if (!good)
    diag ("%s", board->why);
  attach ();
  diag ("%u kills, %llu resizes, %llu in vain, %llu pages used, %llu frames",
        kills, (unsigned long long) board->resized,
        (unsigned long long) board->busy, (unsigned long long) board->rounds,
        (unsigned long long) oriel_pool_frames (pool));
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_pool_resize (pool, MOST), "oriel_pool_resize");
  for (uint64_t i = 0; i < PAGES; i++)
    whole += read_one (i);
  is_int (whole, PAGES, "every page is whole");
  must (oriel_pool_resize (pool, 64 * 4096), "oriel_pool_resize");
  is_rc (oriel_sync (file), 0, "and can be synced");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

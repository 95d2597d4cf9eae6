/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pool_check() finds nothing in a pool that processes use, stop in, and
 * are killed in: neither before their state is put right nor after.
 */
#include "util.h"

#define PAGES 200
#define WORKERS 3
#define ROUNDS 150

static void
show (void *arg, const char *text)
{
  (void) arg;
  diag ("%s", text);
}

static oriel_options
small_options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 64 * 4096;
  opt.window_size = 32 * 4096;
  opt.slot_size = 4096;
  return opt;
}

static int
works (void *arg)
{
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  uint64_t seed = *(uint64_t *) arg;
  char bytes[10000];

  for (;;) {
    uint64_t number = next_random (&seed) % PAGES;

    switch (next_random (&seed) % 8) {
    case 0:
      stamp_page (pool, file, number, 1);
      break;
    case 1:
      must (oriel_read (file, number * 4096, bytes, sizeof bytes, NULL),
            "oriel_read");
      break;
    case 2:
      if (next_random (&seed) % 20 == 0)
        must (oriel_flush (file), "oriel_flush");
      break;
    case 3:
      if (next_random (&seed) % 50 == 0)
        must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
      break;
    case 4:
      if (next_random (&seed) % 50 == 0) {
        must (oriel_flush (file), "oriel_flush");
        must (oriel_file_drop_pages (file, number, 1),
              "oriel_file_drop_pages");
      }
      break;
    default:
      if (!page_is_stamped (pool, file, number, 1))
        return 3;
    }
  }
}

int
main (void)
{
  uint64_t seed = test_seed (), *child_seed = shared_memory (8);
  oriel_options opt = small_options ();
  int found = 0, stopped = 0, killed = 0;
  pid_t pid[WORKERS];
  oriel_pool *watch, *pool;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  must (oriel_pool_close (must_open_pool ("test", &opt)), "oriel_pool_close");
  opt.flags = ORIEL_WATCH;
  watch = must_open_pool ("test", &opt);
  for (int i = 0; i < WORKERS; i++) {
    *child_seed = next_random (&seed);
    pid[i] = spawn (works, child_seed);
  }
  for (int round = 0; round < ROUNDS; round++) {
    int i = (int) (next_random (&seed) % WORKERS);

    usleep ((useconds_t) (next_random (&seed) % 20000));
    found += oriel_pool_check (watch, show, NULL);
    stop_child (pid[i]);
    stopped += oriel_pool_check (watch, show, NULL);
    if (round % 3 == 0) {
      kill (pid[i], SIGKILL);
      killed += reap (pid[i]) == 128 + SIGKILL;
      *child_seed = next_random (&seed);
      pid[i] = spawn (works, child_seed);
    } else
      kill (pid[i], SIGCONT);
  }
  is_int (found, 0, "nothing is found while processes work");
  is_int (stopped, 0, "nor while one of them is stopped");
  is_int (killed, ROUNDS / 3, "fifty were killed");
  for (int i = 0; i < WORKERS; i++) {
    kill (pid[i], SIGKILL);
    reap (pid[i]);
  }
  is_int (oriel_pool_check (watch, show, NULL), 0, "nor when all are dead");
  opt.flags = 0;
  pool = must_open_pool ("test", &opt);
  is_int (oriel_pool_check (watch, show, NULL), 0,
          "nor when the next has put right what they left");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_close (watch), "oriel_pool_close");
  return done_testing ();
}

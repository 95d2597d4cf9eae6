/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of a file are zero at first, one memory for all processes, and
 * stay while the pool does. */
#include "util.h"

static int
counts (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  uint64_t *words = oriel_file_words (file);

  (void) arg;
  for (int i = 0; i < 10000; i++)
    __atomic_fetch_add (&words[i % ORIEL_FILE_WORDS], 1, __ATOMIC_RELAXED);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file, *other;
  uint64_t *words, sum = 0;
  pid_t pids[3];

  plain_write (scratch_file ("data"), 0, "x", 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  other = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
  words = oriel_file_words (file);
  ok (is_zero (words, 8 * ORIEL_FILE_WORDS), "all are zero");
  ok (oriel_file_words (other) != words, "another file has its own");
  for (int i = 0; i < 3; i++)
    pids[i] = spawn (counts, NULL);
  for (int i = 0; i < 3; i++)
    is_int (reap (pids[i]), 0, "a process counts in them");
  for (int i = 0; i < ORIEL_FILE_WORDS; i++)
    sum += __atomic_load_n (&words[i], __ATOMIC_RELAXED);
  is_int ((long long) sum, 30000, "all counts are there");
  must (oriel_file_drop (file), "oriel_file_drop");
  ok (words[3] != 0, "they survive a drop");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  words = oriel_file_words (file);
  ok (words[3] != 0, "and that no one was attached");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

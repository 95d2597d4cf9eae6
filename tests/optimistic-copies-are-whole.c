/* SPDX-License-Identifier: BSD-2-Clause */
/* While one thread writes a page all the time, copies that another validates
 * are never a mixture, nor are those of oriel_read(). */
#include "util.h"

#include <sched.h>

#define WORDS 512
#define COPIES 3000

static oriel_file *file;
static steps stop;

static void *
writes (void *arg)
{
  (void) arg;
  for (uint64_t round = 1; !atomic_load (&stop); round++) {
    oriel_page page = must_pin (file, 1, ORIEL_WRITE);
    uint64_t *words = page.data;

    for (int i = 0; i < WORDS; i++)
      __atomic_store_n (&words[i], round, __ATOMIC_RELAXED);
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
    if (round % 8 == 0)
      sched_yield ();
  }
  return NULL;
}

static int
is_mixed (const uint64_t *copy)
{
  for (int i = 1; i < WORDS; i++)
    if (copy[i] != copy[0])
      return 1;
  return 0;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  uint64_t copy[WORDS];
  int valid = 0, mixed = 0, mixed_reads = 0;
  double end = seconds_now () + 10;
  oriel_page page;
  pthread_t thread;

  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  thread = start_thread (writes, NULL);
  page = must_pin (file, 1, ORIEL_OPTIMISTIC);
  while (valid == 0 || (valid < COPIES && seconds_now () < end)) {
    uint64_t version = oriel_read_begin (&page);
    const uint64_t *words = page.data;

    for (int i = 0; i < WORDS; i++)
      copy[i] = __atomic_load_n (&words[i], __ATOMIC_RELAXED);
    if (!oriel_read_validate (&page, version))
      continue;
    valid++;
    mixed += is_mixed (copy);
  }
  for (int i = 0; i < COPIES; i++) {
    must (oriel_read (file, 4096, copy, sizeof copy, NULL), "oriel_read");
    mixed_reads += is_mixed (copy);
  }
  atomic_store (&stop, 1);
  pthread_join (thread, NULL);
  diag ("%d copies were valid", valid);
  is_int (mixed, 0, "no valid copy is mixed");
  is_int (mixed_reads, 0, "nor any that oriel_read() made");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

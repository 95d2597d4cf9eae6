/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.h - what the workers of the stress tests do, threads or processes
 *
 * Three files, a pool smaller than they are together and a window smaller than
 * the pool:
 *   counters  shared by all.  Page N holds N, a counter, and words that follow
 *             from the two; a worker counts up under the exclusive latch.
 *   regions   worker W owns pages [W * REGION, (W + 1) * REGION) and writes them
 *             by copies of any length; it knows what must be there.
 *   fixed     never written; anyone drops its pages.
 * Words are read and written one by one, relaxed: an optimistic reader looks
 * on while a writer writes.
 */
#ifndef STRESS_H
#define STRESS_H

#include "util.h"

#define WORKERS 4
#define PAGE 4096u
#define WORDS (PAGE / 8)
#define COUNTERS 160u           /* pages */
#define REGION 24u              /* pages of each worker */
#define FIXED 100u              /* pages */

/* Shared by all workers. */
struct stress {
  _Atomic uint64_t counts[COUNTERS];
  _Atomic uint64_t operations;
  _Atomic int stop;
  uint64_t seed;
  double seconds;
};

struct worker {
  struct stress *stress;
  int number;
  oriel_file *counters, *regions, *fixed;
  uint64_t random;
  char region[REGION * PAGE];   /* what the worker's region must hold */
  char buffer[REGION * PAGE];
  char failure[200];            /* "" if all is well */
};

UTIL double
stress_seconds (void)
{
  const char *text = getenv ("ORIEL_STRESS_SECONDS");

  return text ? atof (text) : 5;
}

UTIL oriel_options
stress_options (void)
{
  oriel_options opt = test_options ();

  opt.page_size = PAGE;
  opt.pool_size = 128 * PAGE;
  opt.window_size = 32 * PAGE;
  opt.slot_size = PAGE;
  opt.max_processes = 8;
  opt.max_threads = 16;
  opt.max_files = 8;
  return opt;
}

UTIL int
fails (struct worker *w, const char *what, uint64_t page, int rc)
{
  snprintf (w->failure, sizeof w->failure, "%s, page %llu, %d: %.120s", what,
            (unsigned long long) page, rc, rc ? oriel_error () : "");
  return -1;
}

/* ------------------------------------------------------------------ */
/* Pages of counters                                                  */

UTIL uint64_t
counter_word (uint64_t number, uint64_t count, unsigned i)
{
  return i == 0 ? number : i == 1 ? count
         : (number * 0x9e3779b97f4a7c15u) ^ (count * 0xbf58476d1ce4e5b9u) ^ i;
}

UTIL void
write_counter (uint64_t *words, uint64_t number, uint64_t count)
{
  for (unsigned i = 0; i < WORDS; i++)
    __atomic_store_n (&words[i], counter_word (number, count, i),
                      __ATOMIC_RELAXED);
}

UTIL void
copy_words (uint64_t *to, const uint64_t *from)
{
  for (unsigned i = 0; i < WORDS; i++)
    to[i] = __atomic_load_n (&from[i], __ATOMIC_RELAXED);
}

/* A page that was never written is zeroes. */
UTIL int
counter_is_right (const uint64_t *words, uint64_t number, uint64_t least)
{
  if (words[1] < least)
    return 0;
  if (words[1] == 0)
    return is_zero (words, PAGE);
  for (unsigned i = 0; i < WORDS; i++)
    if (words[i] != counter_word (number, words[1], i))
      return 0;
  return 1;
}

UTIL int
count_up_page (struct worker *w)
{
  uint64_t number = next_random (&w->random) % COUNTERS, copy[WORDS];
  uint64_t expected = 0;
  oriel_page page;
  int rc = oriel_pin (w->counters, number, ORIEL_WRITE, &page), good;

  if (rc)
    return fails (w, "pin for writing", number, rc);
  copy_words (copy, page.data);
  expected = atomic_load (&w->stress->counts[number]);
  good = counter_is_right (copy, number, expected) && copy[1] == expected;
  if (good) {
    write_counter (page.data, number, copy[1] + 1);
    atomic_store (&w->stress->counts[number], copy[1] + 1);
    rc = oriel_dirty (&page, 0);
  }
  if (oriel_unpin (&page) || rc)
    return fails (w, "dirty or unpin", number, rc);
  if (!good)
    return fails (w, "content under the exclusive latch", number, 0);
  return 0;
}

UTIL int
read_latched (struct worker *w)
{
  uint64_t number = next_random (&w->random) % COUNTERS, copy[WORDS];
  oriel_page page;
  uint64_t least;
  int rc = oriel_pin (w->counters, number, ORIEL_READ, &page);

  if (rc)
    return fails (w, "pin for reading", number, rc);
  least = atomic_load (&w->stress->counts[number]);
  copy_words (copy, page.data);
  if (oriel_unpin (&page))
    return fails (w, "unpin", number, -EINVAL);
  if (!counter_is_right (copy, number, least) || copy[1] != least)
    return fails (w, "content under the shared latch", number, 0);
  return 0;
}

UTIL int
read_optimistically (struct worker *w)
{
  uint64_t number = next_random (&w->random) % COUNTERS, copy[WORDS];
  uint64_t least = atomic_load (&w->stress->counts[number]);
  oriel_page page;
  int rc = oriel_pin (w->counters, number, ORIEL_OPTIMISTIC, &page);
  int tries = 0, valid = 0;

  if (rc)
    return fails (w, "pin without latch", number, rc);
  while (!valid && tries++ < 100) {
    uint64_t version = oriel_read_begin (&page);

    copy_words (copy, page.data);
    valid = oriel_read_validate (&page, version);
  }
  if (oriel_unpin (&page))
    return fails (w, "unpin", number, -EINVAL);
  if (valid && !counter_is_right (copy, number, least))
    return fails (w, "validated copy", number, 0);
  return 0;
}

UTIL int
read_copy (struct worker *w)
{
  uint64_t number = next_random (&w->random) % COUNTERS, copy[WORDS];
  uint64_t least = atomic_load (&w->stress->counts[number]);
  int rc = oriel_read (w->counters, number * PAGE, copy, PAGE, NULL);

  if (rc)
    return fails (w, "oriel_read", number, rc);
  if (!counter_is_right (copy, number, least))
    return fails (w, "copying read", number, 0);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Regions and fixed pages                                            */

UTIL int
write_region (struct worker *w)
{
  uint64_t offset = next_random (&w->random) % (REGION * PAGE);
  uint64_t length = next_random (&w->random) % (3 * PAGE);
  uint64_t start = (uint64_t) w->number * REGION * PAGE;
  int rc;

  if (length > REGION * PAGE - offset)
    length = REGION * PAGE - offset;
  memset (w->region + offset, (int) next_random (&w->random), length);
  rc = oriel_write (w->regions, start + offset, w->region + offset, length);
  return rc ? fails (w, "oriel_write", (start + offset) / PAGE, rc) : 0;
}

UTIL int
read_region (struct worker *w)
{
  uint64_t offset = next_random (&w->random) % (REGION * PAGE);
  uint64_t length = next_random (&w->random) % (REGION * PAGE - offset);
  uint64_t start = (uint64_t) w->number * REGION * PAGE;
  int rc = oriel_read (w->regions, start + offset, w->buffer, length, NULL);

  if (rc)
    return fails (w, "oriel_read", (start + offset) / PAGE, rc);
  if (memcmp (w->buffer, w->region + offset, length) != 0)
    return fails (w, "the worker's own region", (start + offset) / PAGE, 0);
  return 0;
}

UTIL int
read_fixed (struct worker *w)
{
  uint64_t number = next_random (&w->random) % FIXED;
  oriel_page page;
  int rc = oriel_pin (w->fixed, number, ORIEL_READ, &page), good;

  if (rc)
    return fails (w, "pin of a fixed page", number, rc);
  good = is_stamped (page.data, PAGE, 1, number);
  if (oriel_unpin (&page) || !good)
    return fails (w, "a fixed page", number, 0);
  return 0;
}

UTIL int
tidy (struct worker *w)
{
  uint64_t number = next_random (&w->random) % FIXED;
  int rc = 0;

  switch (next_random (&w->random) % 8) {
  case 0: rc = oriel_flush (w->counters); break;
  case 1: rc = oriel_flush (w->regions); break;
  case 2: rc = oriel_file_drop (w->fixed); break;
  default: rc = oriel_file_drop_pages (w->fixed, number, 5); break;
  }
  return rc ? fails (w, "flush or drop", number, rc) : 0;
}

/* Work until the time is over, or someone fails. */
UTIL void
work (struct worker *w)
{
  double end = seconds_now () + w->stress->seconds;
  uint64_t operations = 0;

  w->random = w->stress->seed * 1000 + (uint64_t) w->number;
  while (!w->failure[0] && !atomic_load (&w->stress->stop)) {
    unsigned what = next_random (&w->random) % 1000;

    if (what < 250)
      count_up_page (w);
    else if (what < 450)
      read_latched (w);
    else if (what < 600)
      read_optimistically (w);
    else if (what < 700)
      read_copy (w);
    else if (what < 800)
      write_region (w);
    else if (what < 880)
      read_region (w);
    else if (what < 990)
      read_fixed (w);
    else
      tidy (w);
    if (++operations % 64 == 0 && seconds_now () > end)
      break;
  }
  if (w->failure[0])
    atomic_store (&w->stress->stop, 1);
  atomic_fetch_add (&w->stress->operations, operations);
}

UTIL void
open_files (struct worker *w, oriel_pool *pool)
{
  w->counters = must_open_file (pool, scratch_file ("counters"), ORIEL_CREATE);
  w->regions = must_open_file (pool, scratch_file ("regions"), ORIEL_CREATE);
  w->fixed = must_open_file (pool, scratch_file ("fixed"), 0);
}

UTIL void
close_files (struct worker *w)
{
  must (oriel_file_close (w->counters), "oriel_file_close");
  must (oriel_file_close (w->regions), "oriel_file_close");
  must (oriel_file_close (w->fixed), "oriel_file_close");
}

/* ------------------------------------------------------------------ */
/* Before and after                                                   */

UTIL struct stress *
start_stress (void)
{
  struct stress *stress = shared_memory (sizeof *stress);

  stress->seed = test_seed ();
  stress->seconds = stress_seconds ();
  make_stamped_file (scratch_file ("fixed"), PAGE, FIXED, 0, 1);
  pool_dir ();
  alarm ((unsigned) stress->seconds + util_timeout ());
  return stress;
}

/* The store's files hold every count, and each worker's region. */
UTIL void
check_stress (struct stress *stress, oriel_pool *pool)
{
  oriel_stats stats = get_stats (pool);
  uint64_t words[WORDS], sum = 0;
  int good = 0;

  for (uint64_t i = 0; i < COUNTERS; i++) {
    uint64_t count = atomic_load (&stress->counts[i]);

    memset (words, 0, sizeof words);
    plain_read (scratch_file ("counters"), (off_t) (i * PAGE), words, PAGE);
    good += counter_is_right (words, i, count) && words[1] == count;
    sum += count;
  }
  is_int (good, COUNTERS, "the store has every count");
  diag ("%llu operations, %llu counts, %llu evictions, %llu swaps",
        (unsigned long long) atomic_load (&stress->operations),
        (unsigned long long) sum, (unsigned long long) stats.evictions,
        (unsigned long long) stats.swaps);
  ok (stats.evictions > 0, "pages were evicted");
  ok (stats.swaps > 0, "slots were swapped");
  is_int ((long long) stats.pins, 0, "nothing is pinned");
  is_int ((long long) stats.frames_dirty, 0, "nothing is dirty");
}

#endif /* STRESS_H */

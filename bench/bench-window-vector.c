/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window-vector.c - 64 slots swapped by one call, and one by one
 *
 * Runs of 64 neighbours come in a random order, into a window that holds four
 * of them; the calls are the core's, orl_window_show() and
 * orl_window_show_many().
 */
#include <math.h>

#include "bench-window.h"
#include "thread.h"

#define VECTOR 64               /* slots that are swapped together */

struct vector {
  struct measured m;
  const struct memory *memory;
  struct orl_window *window;
  unsigned size;
  bool many;                    /* by one call */
  bool touch;
  uint32_t at;
};

static void
run_vector (struct gbench_state *state, void *arg)
{
  struct vector *v = arg;
  const struct memory *mem = v->memory;
  uint64_t slot = (uint64_t) PAGE << v->size;
  uint32_t runs = (uint32_t) (mem->bytes / slot / VECTOR);
  uint32_t frame[VECTOR];
  void *at[VECTOR];

  if (!v->window) {
    struct orl_window_options opt = {
      .window_size = 4 * VECTOR * slot,
      .slot_size = (uint32_t) slot,
      .backend = ORIEL_BACKEND_MMAP,
    };

    check (orl_window_open (mem->shm, &opt, &v->window));
  }
  while (gbench_next_batch (state, VECTOR)) {
    uint32_t run;

    do
      run = mem->order[v->size][v->at++ % (mem->bytes / slot)];
    while (run >= runs);
    for (uint32_t i = 0; i < VECTOR; i++)
      frame[i] = (run * VECTOR + i) << v->window->extent_shift;
    if (v->many)
      check (orl_window_show_many (v->window, mem->me->ledger, frame, VECTOR,
                                   at));
    for (uint32_t i = 0; i < VECTOR; i++) {
      if (!v->many)
        check (orl_window_show (v->window, mem->me->ledger, frame[i], &at[i]));
      if (v->touch)
        touch (at[i], PAGE);
    }
  }
  gbench_items (state, gbench_iterations (state));
}

static struct vector vectors[] = {
  { .size = 0, .many = false, .touch = false },
  { .size = 0, .many = true, .touch = false },
  { .size = 0, .many = false, .touch = true },
  { .size = 0, .many = true, .touch = true },
  { .size = 4, .many = false, .touch = false },
  { .size = 4, .many = true, .touch = false },
  { .size = 4, .many = false, .touch = true },
  { .size = 4, .many = true, .touch = true },
};
#define VECTORS (sizeof vectors / sizeof *vectors)

static void
add_vectors (const struct run *run, const struct memory *mem)
{
  for (size_t i = 0; i < VECTORS; i++) {
    struct vector *v = &vectors[i];
    char name[80], slot[16];

    v->memory = mem;
    snprintf (name, sizeof name, "vectored/%s/%s/%s",
              v->many ? "64-at-once" : "one-by-one",
              size_name ((uint64_t) PAGE << v->size, slot),
              v->touch ? "one-touch" : "no-touch");
    gbench_seconds (gbench_add (name, run_vector, v),
                    run->quick ? 0.001 : 0.02);
  }
}

static void
report_vectors (struct run *run)
{
  printf ("\nSwaps of 64 neighbours, mmap, thousands a second\n"
          "%6s %10s %12s %12s %7s %7s\n",
          "slot", "touched", "one by one", "64 at once", "times", "+-%");
  for (size_t i = 0; i + 1 < VECTORS; i += 2) {
    const struct vector *one = &vectors[i], *many = &vectors[i + 1];
    double times = median (&one->m) / median (&many->m);
    char slot[16];

    if (one->m.n == 0 || many->m.n == 0)
      continue;
    printf ("%6s %10s %12.0f %12.0f %7.2f %7.1f\n",
            size_name ((uint64_t) PAGE << one->size, slot),
            one->touch ? "one page" : "not", 1e6 / median (&one->m),
            1e6 / median (&many->m), times,
            fmax (spread (&one->m), spread (&many->m)));
  }
  for (size_t i = 0; i + 1 < VECTORS; i += 2) {
    double times = median (&vectors[i].m) / median (&vectors[i + 1].m);
    char slot[16];

    if (!vectors[i].touch && vectors[i].m.n > 0 && vectors[i + 1].m.n > 0)
      target (run, times >= 2, "64 swaps at once of %s: %.1f times as many a "
              "second (target 2)", size_name ((uint64_t) PAGE << vectors[i].size,
                                              slot), times);
  }
}

static void
close_vectors (void)
{
  for (size_t i = 0; i < VECTORS; i++)
    if (vectors[i].window)
      orl_window_close (vectors[i].window);
}

void
bench_vectors (struct run *run)
{
  struct memory mem;

  memory_small (&mem, run->quick ? 128 * MiB : 512 * MiB);
  add_vectors (run, &mem);
  measure ();
  report_vectors (run);
  close_vectors ();
  memory_close (&mem);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace has one record for each page that was used, in order, of all threads,
 * and none of what came before it or after it.
 */
#include "util.h"

#include "trace.h"

#define MANY 10000              /* more than a thread keeps in memory */

static oriel_pool *pool;
static oriel_file *file;
static const char *trace, *data;
static struct orl_trace_record record[3 * MANY];

static void
use (uint64_t number)
{
  oriel_page page;

  if (oriel_pin (file, number, ORIEL_OPTIMISTIC, &page) < 0
      || oriel_unpin (&page) < 0)
    bail_out ("pin: %s", oriel_error ());
}

static void *
use_some (void *arg)
{
  (void) arg;
  for (uint64_t i = 0; i < 5; i++)
    use (100 + i);
  return NULL;
}

/* All records; -1: the file is not as it should be. */
static int
read_trace (void)
{
  FILE *f = fopen (trace, "r");
  struct orl_trace_block block;
  size_t n = 0;

  if (!f)
    return -1;
  while (fread (&block, sizeof block, 1, f) == 1)
    {
      if (memcmp (block.magic, ORL_TRACE_MAGIC, 8) != 0
          || block.order != ORL_TRACE_ORDER || block.page_size != 4096
          || n + block.records > sizeof record / sizeof *record
          || fread (record + n, sizeof *record, block.records, f)
                 != block.records)
        return -1;
      n += block.records;
    }
  fclose (f);
  return (int) n;
}

static uint64_t
page_of (const struct orl_trace_record *r)
{
  return r->page & ((UINT64_C (1) << ORL_TRACE_PAGE_BITS) - 1);
}

static int
in_order (int from, int n, uint64_t first, uint64_t step, uint64_t modulus)
{
  for (int i = from; i < from + n; i++)
    if (page_of (&record[i]) != (first + (uint64_t) (i - from) * step) % modulus
        || (i > from && record[i].ns < record[i - 1].ns))
      return 0;
  return 1;
}

int
main (void)
{
  oriel_options opt = test_options ();
  uint64_t numbers[3] = { 30, 10, 20 };
  char bytes[3 * 4096] = "";
  oriel_page pages[3];
  struct oriel_view view;
  pthread_t thread;

  trace = scratch_file ("trace");
  data = scratch_file ("data");
  pool = test_pool ();
  file = must_open_file (pool, data, ORIEL_CREATE);

  use (1);
  ok (oriel_pool_trace (pool, trace) == 0, "a trace begins");
  ok (oriel_pool_trace (pool, trace) == -EBUSY, "it does not begin twice");
  for (uint64_t i = 0; i < MANY; i++)
    use (i % 64);
  ok (oriel_pool_trace (pool, NULL) == 0, "it ends");
  use (2);
  ok (read_trace () == MANY && in_order (0, MANY, 0, 1, 64),
         "all pins are in it, in order, and none else");

  unlink (trace);
  ok (oriel_pool_trace (pool, trace) == 0, "another begins");
  pthread_create (&thread, NULL, use_some, NULL);
  pthread_join (thread, NULL);
  ok (read_trace () == 5 && in_order (0, 5, 100, 1, 1000),
         "a thread that ends writes what it has");
  ok (oriel_write (file, 4096 + 5, bytes, 4096) == 0
             && oriel_read (file, 7 * 4096, bytes, 3 * 4096, NULL) == 0
             && oriel_pin_many (file, numbers, 3, ORIEL_OPTIMISTIC, pages) == 0,
         "write, read, and pin many");
  for (int i = 0; i < 3; i++)
    oriel_unpin (&pages[i]);
  ok (oriel_view (file, 40, 3, 0, &view) == 0 && oriel_view_end (&view) == 0
             && oriel_pin (file, 50, ORIEL_OPTIMISTIC, pages) == 0
             && oriel_pin_move (pages, 51, 0) == 0 && oriel_unpin (pages) == 0,
         "a view, and a pin that moves");
  ok (oriel_pin (file, 500, ORIEL_OPTIMISTIC | ORIEL_NOWAIT, pages)
             == -EAGAIN,
         "a pin that fails");
  ok (oriel_file_close (file) == 0 && oriel_pool_close (pool) == 0,
         "the pool is closed without an end of the trace");
  ok (read_trace () == 5 + 2 + 3 + 3 + 3 + 2 && in_order (5, 2, 1, 1, 1000)
             && in_order (7, 3, 7, 1, 1000) && page_of (&record[10]) == 30
             && page_of (&record[12]) == 20 && in_order (13, 3, 40, 1, 1000)
             && in_order (16, 2, 50, 1, 1000),
         "their pages are in it, but not the one that failed");

  unlink (trace);
  setenv ("ORIEL_TRACE", trace, 1);
  ok (oriel_pool_open ("test", &opt, &pool) == 0
             && oriel_file_open (pool, data, 0, &file) == 0,
         "with $ORIEL_TRACE");
  use (9);
  ok (oriel_file_close (file) == 0 && oriel_pool_close (pool) == 0
             && read_trace () == 1 && page_of (&record[0]) == 9,
         "a trace begins by itself");
  setenv ("ORIEL_TRACE", "/nonexistent/trace", 1);
  ok (oriel_pool_open ("test", &opt, &pool) == -ENOENT, "and must be writable");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-micro-oriel.c - Oriel's ways to a page
 *
 * "Lookup and read" asks the page table and protects nothing; what a pin adds to
 * it is what protection costs.  For these rows alone this looks inside the core.
 *
 * Where the pool, or the window, has an eighth of the pages, most visits of pages
 * chosen evenly are misses with an eviction, or swaps; what is read lies in
 * memory, so no disk is waited for.
 */
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "bench-micro.h"
#include "oriel.h"
#include "table.h"
#include "thread.h"

struct opened {
  oriel_pool *pool;
  oriel_file *file;
};

/* One attachment for all kinds of access to a pool that has all pages. */
static struct opened attached;
static int users;

static void
attach (struct opened *o, const struct place *place, const char *name,
        const oriel_options *opt)
{
  check (oriel_pool_open (name, opt, &o->pool));
  check (oriel_file_open (o->pool, place->path, 0, &o->file));
}

static void
detach (struct opened *o)
{
  check (oriel_file_close (o->file));
  check (oriel_pool_close (o->pool));
}

static void *
open_oriel (const struct place *place, const char **why)
{
  oriel_options opt;

  (void) why;
  if (users++ > 0)
    return &attached;
  oriel_options_init (&opt);
  opt.directory = place->directory;
  opt.pool_size = 2 * (uint64_t) PAGES * PAGE;
  opt.backend = ORIEL_BACKEND_LINEAR;
  attach (&attached, place, "micro", &opt);
  return &attached;
}

static void
close_oriel (void *opened)
{
  if (--users == 0)
    detach (opened);
}

static void *
open_eighth (const struct place *place, const char *name, uint64_t pool,
             uint64_t window, uint32_t backend)
{
  struct opened *o = malloc (sizeof *o);
  oriel_options opt;

  need (o != NULL, "memory");
  oriel_options_init (&opt);
  opt.directory = place->directory;
  opt.pool_size = pool;
  opt.window_size = window;
  opt.slot_size = window ? PAGE : 0;
  opt.backend = backend;
  attach (o, place, name, &opt);
  return o;
}

static void *
open_small_pool (const struct place *place, const char **why)
{
  (void) why;
  return open_eighth (place, "small", (uint64_t) PAGES * PAGE / 8, 0,
                      ORIEL_BACKEND_LINEAR);
}

static void *
open_mmap (const struct place *place, const char **why)
{
  (void) why;
  return open_eighth (place, "mmap", 2 * (uint64_t) PAGES * PAGE,
                      (uint64_t) PAGES * PAGE / 8, ORIEL_BACKEND_MMAP);
}

static void *
open_emulated (const struct place *place, const char **why)
{
  (void) why;
  return open_eighth (place, "emulated", 2 * (uint64_t) PAGES * PAGE,
                      (uint64_t) PAGES * PAGE / 8, ORIEL_BACKEND_EMULATED);
}

static void
close_eighth (void *opened)
{
  detach (opened);
  free (opened);
}

/* As a pin finds the page, and no more. */
static uint64_t
visit_found (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  const struct orl_shm *shm = &file->pool->shm;
  const struct orl_window *window = file->pool->window;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    uint64_t key = orl_file_key (file->index, file->rec->epoch);
    uint64_t state;
    uint32_t frame = orl_table_find (shm, key, pages[i], &state);

    sum += *(volatile uint64_t *) (window->base
                                   + ((uint64_t) frame
                                      << window->page_shift));
  }
  return sum;
}

/* The same as a call of the library, that checks its arguments as a pin does and
 * tells as much. */
static int __attribute__ ((noinline))
ask (oriel_file *file, uint64_t number, oriel_page *page)
{
  const struct orl_shm *shm;
  const struct orl_window *window;
  uint64_t state;
  uint32_t frame;

  if (!file || !page
      || orl_thread_cache.id != orl_pool_id (file->id))
    return -1;
  shm = &file->pool->shm;
  window = file->pool->window;
  frame = orl_table_look (shm, orl_file_key (file->index, file->rec->epoch),
                          number, &state);
  if (frame == ORL_NO_FRAME || !orl_state_usable (state))
    return -1;
  page->data = window->base + ((uint64_t) frame << window->page_shift);
  page->number = number;
  page->file = file;
  page->frame = frame;
  page->flags = 0;
  return 0;
}

static uint64_t
visit_asked (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    oriel_page page;

    if (ask (file, pages[i], &page) < 0) {
      /* The first of a thread: it has used no pool yet. */
      check (oriel_pin (file, pages[i], ORIEL_OPTIMISTIC, &page));
      oriel_unpin (&page);
      continue;
    }
    sum += *(volatile uint64_t *) page.data;
  }
  return sum;
}

/* As one does who goes down a tree: a page is given back when the next is there. */
static uint64_t
visit_nested (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  oriel_page held[2] = { { .data = NULL } };
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    check (oriel_pin (file, pages[i], ORIEL_OPTIMISTIC, &held[i % 2]));
    sum += *(volatile uint64_t *) held[i % 2].data;
    if (i > 0)
      oriel_unpin (&held[1 - i % 2]);
  }
  if (n > 0)
    oriel_unpin (&held[(n - 1) % 2]);
  return sum;
}

static inline uint64_t
visit_pinned (void *opened, const uint32_t *pages, uint64_t n, unsigned flags)
{
  oriel_file *file = ((struct opened *) opened)->file;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    oriel_page page;

    check (oriel_pin (file, pages[i], flags, &page));
    sum += *(volatile uint64_t *) page.data;
    oriel_unpin (&page);
  }
  return sum;
}

/* As an engine does that keeps frames beside its pointers to pages. */
static uint64_t
visit_hinted (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  static uint32_t hints[PAGES];
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    uint32_t hint = hints[pages[i]];
    oriel_page page;

    check (oriel_pin_hint (file, pages[i], hint, ORIEL_OPTIMISTIC, &page));
    if (page.frame != hint)
      hints[pages[i]] = page.frame;
    sum += *(volatile uint64_t *) page.data;
    oriel_unpin (&page);
  }
  return sum;
}

static uint64_t
visit_optimistic (void *opened, const uint32_t *pages, uint64_t n)
{
  return visit_pinned (opened, pages, n, ORIEL_OPTIMISTIC);
}

static uint64_t
visit_shared (void *opened, const uint32_t *pages, uint64_t n)
{
  return visit_pinned (opened, pages, n, ORIEL_READ);
}

static uint64_t
visit_exclusive (void *opened, const uint32_t *pages, uint64_t n)
{
  return visit_pinned (opened, pages, n, ORIEL_WRITE);
}

static uint64_t
visit_validated (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    oriel_page page;
    uint64_t version, value;

    check (oriel_pin (file, pages[i], ORIEL_OPTIMISTIC, &page));
    do {
      version = oriel_read_begin (&page);
      value = *(volatile uint64_t *) page.data;
    } while (!oriel_read_validate (&page, version));
    sum += value;
    oriel_unpin (&page);
  }
  return sum;
}

static uint64_t
visit_copied (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  static _Thread_local uint64_t page[PAGE / sizeof (uint64_t)];
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    check (oriel_read (file, (uint64_t) pages[i] * PAGE, page, PAGE, NULL));
    sum += page[0];
  }
  return sum;
}

/* What it costs to ask for what is there. */
static uint64_t
visit_prefetched (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;

  for (uint64_t i = 0; i < n; i++)
    check (oriel_prefetch (file, pages[i], 1));
  return n;
}

#define AHEAD 16u

/* As one does who knows which pages come next. */
static uint64_t
visit_read_ahead (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  uint64_t numbers[AHEAD];
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i += AHEAD) {
    uint64_t count = n - i < AHEAD ? n - i : AHEAD;

    for (uint64_t k = 0; k < count; k++)
      numbers[k] = pages[i + k];
    check (oriel_prefetch_many (file, numbers, count));
    sum += visit_pinned (opened, pages + i, count, ORIEL_OPTIMISTIC);
  }
  return sum;
}

/* As a lookup in a B-tree of four levels, down to the page: a page is given back
 * when the next is there and it has not changed.  In each, places are looked at as
 * by a search in halves; of the last a record is copied.  Beside vmcache, whose
 * lookup does as much, and compares keys. */
static uint64_t
visit_descent (void *opened, const uint32_t *pages, uint64_t n)
{
  oriel_file *file = ((struct opened *) opened)->file;
  static _Thread_local char record[120];
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    uint64_t path[] = { 0, 1, 2 + pages[i] / 200, pages[i] };
    oriel_page page[2];
    uint64_t version[2];

    for (unsigned k = 0; k < 4; k++) {
      const char *at;
      unsigned from = 0;

      check (oriel_pin (file, path[k], ORIEL_OPTIMISTIC, &page[k % 2]));
      version[k % 2] = oriel_read_begin (&page[k % 2]);
      at = page[k % 2].data;
      for (unsigned step = PAGE / 2; step >= 64; step /= 2) {
        sum += *(const volatile uint64_t *) (at + from);
        from += (pages[i] * 0x9e3779b9u) & step;
      }
      if (k == 3)
        memcpy (record, at + from % (PAGE - sizeof record), sizeof record);
      if (k > 0) {
        need (oriel_read_validate (&page[1 - k % 2], version[1 - k % 2]),
              "a page changed");
        oriel_unpin (&page[1 - k % 2]);
      }
    }
    need (oriel_read_validate (&page[1], version[1]), "a page changed");
    oriel_unpin (&page[1]);
  }
  return sum + (unsigned char) record[0];
}

#define SUBJECT(symbol, text, visit)                                          \
  const struct subject oriel_##symbol                                         \
      = { text, BY_ALL, open_oriel, close_oriel, visit, 0 }

SUBJECT (found, "lookup and read", visit_found);
SUBJECT (asked, "lookup by a call, and read", visit_asked);
SUBJECT (hinted, "oriel_pin_hint, optimistic", visit_hinted);
SUBJECT (optimistic, "oriel_pin, optimistic", visit_optimistic);
SUBJECT (validated, "oriel_pin, validated", visit_validated);
SUBJECT (nested, "oriel_pin, two at once", visit_nested);
SUBJECT (shared, "oriel_pin, shared latch", visit_shared);
SUBJECT (exclusive, "oriel_pin, exclusive latch", visit_exclusive);
SUBJECT (copied, "oriel_read of a page", visit_copied);
SUBJECT (prefetched, "oriel_prefetch, resident", visit_prefetched);
SUBJECT (descent, "down a tree: oriel_pin, optimistic", visit_descent);

/* Some microseconds. */
#define SLOW 50

const struct subject oriel_missed
    = { "oriel_pin, pool of 1/8", BY_ALL, open_small_pool, close_eighth,
        visit_optimistic, SLOW };
const struct subject oriel_swapped_mmap
    = { "oriel_pin, mmap window of 1/8", BY_ALL, open_mmap, close_eighth,
        visit_optimistic, SLOW };
const struct subject oriel_swapped_emulated
    = { "oriel_pin, emulated, 1/8", BY_ALL, open_emulated, close_eighth,
        visit_optimistic, SLOW };
const struct subject oriel_read_ahead
    = { "oriel_prefetch of 16, 1/8", BY_ALL, open_small_pool, close_eighth,
        visit_read_ahead, SLOW };

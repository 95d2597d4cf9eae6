/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of a fresh page whose writer was killed the engine's callback gets zeroes, and
 * what of the change was made: nothing of the page that was in the frame before,
 * whether and however the window shows it.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include <stdbool.h>

#include "point.h"

#define FRAMES 64
#define PAGE 3                  /* that is begun afresh */

struct try {
  const char *point;
  unsigned flags;               /* of the pool */
  size_t slots;                 /* 0: for all frames */
  int by_call;                  /* by oriel_write() */
};

static int asked;
static bool clean;

static void
attach (const struct try *t, oriel_pool **pool, oriel_file **file)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.slot_size = 4096;
  opt.window_size = (t->slots ? t->slots : FRAMES) * 4096;
  opt.flags = t->flags;
  *pool = must_open_pool ("test", &opt);
  *file = must_open_file (*pool, scratch_file ("data"), 0);
}

static int
refuse (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg, (void) page, (void) lsn;
  return 1;
}

static int
dies (void *arg)
{
  static unsigned char whole[4096];
  const struct try *t = arg;
  oriel_pool *pool;
  oriel_file *file;

  attach (t, &pool, &file);
  must (oriel_file_on_indoubt (file, refuse, NULL), "oriel_file_on_indoubt");
  memset (whole, 0xee, sizeof whole);
  orl_point_arm (t->point, 1);
  if (t->by_call)
    oriel_write (file, PAGE * 4096, whole, sizeof whole);
  else
    must_pin (file, PAGE, ORIEL_WRITE | ORIEL_FRESH);
  return 1;
}

static int
redo (void *arg, oriel_page *page, uint64_t lsn)
{
  const unsigned char *bytes = page->data;

  (void) arg, (void) lsn;
  asked++;
  clean = page->number == PAGE;
  for (size_t i = 0; i < 4096; i++)
    clean = clean && (bytes[i] == 0 || bytes[i] == 0xee);
  memset (page->data, 7, 4096);
  return 0;
}

/* Every frame has had another page. */
static void
fill (oriel_pool *pool)
{
  oriel_file *file = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
  char bytes[4096];

  memset (bytes, 0x55, sizeof bytes);
  for (uint64_t i = 0; i < 4 * FRAMES; i++)
    must (oriel_write (file, i * 4096, bytes, sizeof bytes), "oriel_write");
  must (oriel_sync (file), "oriel_sync");
  must (oriel_file_close (file), "oriel_file_close");
}

/* Can the memory there be read? */
static bool
is_readable (const void *at)
{
  int ends[2];
  bool can;

  if (pipe (ends) < 0)
    bail_out ("pipe: %s", strerror (errno));
  can = write (ends[1], at, 1) == 1;
  close (ends[0]);
  close (ends[1]);
  return can;
}

static void
try (const struct try *t, const char *what)
{
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  const void *at;

  diag ("%s, at %s", what, t->point);
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  attach (t, &pool, &file);
  fill (pool);
  is_int (in_child (dies, (void *) (uintptr_t) t), 128 + SIGKILL,
          "a writer is killed");
  asked = 0;
  clean = false;
  must (oriel_file_on_indoubt (file, redo, NULL), "oriel_file_on_indoubt");
  page = must_pin (file, PAGE, ORIEL_READ);
  is_int (asked, 1, "the engine is asked");
  ok (clean, "and sees nothing of another page");
  is_int (((unsigned char *) page.data)[4095], 7, "what it makes of it is read");
  at = page.data;
  must (oriel_unpin (&page), "oriel_unpin");
  if (t->flags & ORIEL_RETIRE)
    ok (!is_readable (at), "and no one has access any more");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  static const char *const points[] = { "load.published", "io.copied" };

  pool_dir (); /* the children's, too */
  for (size_t i = 0; i < COUNT (points); i++) {
    try (&(struct try) { points[i], 0, 0, 1 }, "a write");
    try (&(struct try) { points[i], 0, 8, 1 }, "a write that no slot shows");
  }
  try (&(struct try) { points[0], 0, 0, 0 }, "a pin");
  try (&(struct try) { points[0], 0, 8, 0 }, "a pin in a small window");
  try (&(struct try) { points[0], ORIEL_RETIRE | ORIEL_PROTECT, 8, 0 },
       "a pin in a strict window");
  return done_testing ();
}

#endif

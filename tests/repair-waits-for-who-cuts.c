/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who finds the pool's file cut sees its new size before its pages are gone.  So
 * he makes a call that waits for the kernel's lock of the file before he marks a
 * frame: fallocate(), or, where tmpfs has none (before Linux 3.5), a write of
 * nothing.
 */
#include "cut.h"

#include "frame.h"
#include "lost.h"
#include "sys.h"

#define FRAMES 200

static struct orl_sys real;
static oriel_pool *pool;
static int watching;
static int marked, waits;       /* frames then, at the first such call */

static int
count_marked (void)
{
  int n = 0;

  for (uint32_t i = 0; i < FRAMES; i++)
    n += orl_is_lost (&pool->shm, i);
  return n;
}

static void
note (void)
{
  if (watching && waits++ == 0)
    marked = count_marked ();
}

static int
note_fallocate (int fd, int mode, off_t at, off_t n)
{
  note ();
  return real.fallocate (fd, mode, at, n);
}

static int refusal = -EOPNOTSUPP;

static int
no_fallocate (int fd, int mode, off_t at, off_t n)
{
  (void) fd, (void) mode, (void) at, (void) n;
  return refusal;
}

static ssize_t
note_pwrite (int fd, const void *from, size_t n, off_t at)
{
  if (n == 0)
    note ();
  return real.pwrite (fd, from, n, at);
}

static void
mend (const char *name, const char *what)
{
  oriel_options opt = test_options ();
  char page[4096];
  oriel_file *file;

  opt.pool_size = FRAMES * 4096;
  pool = must_open_pool (name, &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < FRAMES / 2; i++)
    must (oriel_read (file, i * 4096, page, sizeof page, NULL), "oriel_read");
  cut_file (pool_path (name), place_of (pool, 0));
  waits = 0;
  marked = -1;
  watching = 1;
  is_int (orl_lost_repair (&pool->shm, (uint64_t) place_of (pool, 10), 4096,
                           false),
          1, "what is cut is mended");
  watching = 0;
  ok (count_marked () > 0, "frames are lost");
  is_int (marked, 0, what);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, FRAMES, 0, 1);
  real = orl_sys;
  orl_sys.fallocate = note_fallocate;
  mend ("with", "fallocate() came before");
  orl_sys.fallocate = no_fallocate;
  orl_sys.pwrite = note_pwrite;
  mend ("without", "without it a write of nothing did");
  refusal = -EPERM;
  mend ("sandbox", "likewise where a sandbox refuses it");
  return done_testing ();
}

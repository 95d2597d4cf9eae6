/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that needs room leaves dirty pages alone that it cannot write: those of
 * a file that it has open only to read, and of one that has hooks which are not its
 * own.  It does not try: nothing is said to have failed, and the pages are written by
 * who can.
 */
#include "hooked.h"

#include "attach.h"
#include "sys.h"

#define FRAMES 256
#define DIRTY 200

static struct hooked hook = { .key = 77, .page_size = 4096 };
static steps *step;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int tried;

static ssize_t
count_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  tried++;
  return real_pwritev (fd, iov, n, at);
}

static oriel_pool *
small_pool (void)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = FRAMES * 4096;
  return must_open_pool ("test", &opt);
}

static int
needs_room (void *arg)
{
  oriel_pool *pool = small_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     *(unsigned *) arg);
  oriel_file *other = must_open_file (pool, scratch_file ("other"),
                                      ORIEL_RDONLY);
  static oriel_page page[FRAMES];
  unsigned n = 0;
  int rc;

  go_to (step, 1);
  await (step, 2);
  orl_sys.pwritev = count_pwritev;
  while ((rc = oriel_pin (other, n, ORIEL_READ, &page[n])) == 0)
    n++;
  orl_sys.pwritev = real_pwritev;
  diag ("%u pages found room, then: %s", n, oriel_error ());
  while (n > 0)
    must (oriel_unpin (&page[--n]), "oriel_unpin");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return rc != -ENOBUFS ? 1 : tried ? 2 : 0;
}

static void
try (const char *what, unsigned flags, int hooked)
{
  oriel_hooks hooks = hooks_of (&hook);
  oriel_pool *pool = small_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  pid_t pid;

  diag ("%s", what);
  if (hooked)
    must (oriel_file_hooks (file, &hooks), "oriel_file_hooks");
  go_to (step, 0);
  pid = spawn (needs_room, &flags);
  await (step, 1);
  for (uint64_t i = 0; i < DIRTY; i++)
    stamp_page (pool, file, i, 2);
  go_to (step, 2);
  is_int (reap (pid), 0, "a process pins what has no room beside them, and is told");
  is_int ((long long) get_stats (pool).frames_dirty, DIRTY,
          "all of them are dirty");
  is_int (atomic_load (&file->rec->write_error), 0, "no write has failed");
  is_rc (oriel_sync (file), 0, "and they are written by who can");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  unlink (scratch_file ("data"));
}

int
main (void)
{
  step = shared_memory (sizeof *step);
  real_pwritev = orl_sys.pwritev;
  scratch ();
  pool_dir ();
  make_stamped_file (scratch_file ("other"), 4096, FRAMES, 0, 1);
  try ("only to read", ORIEL_RDONLY, 0);
  try ("without its hooks", 0, 1);
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process without /proc (in a chroot) cannot read the boot's id, and shares pools
 * with those that can, each after the other and both at once: dirty pages are not
 * thrown away as another boot's.  On a disk, where an old pool may lie, that is so
 * while someone uses the pool; if no one does, it is made anew.  Who could read the
 * id, but has no descriptor for it, is told so and leaves the pool alone.
 */
#include "util.h"

#include <sys/vfs.h>

#include "sys.h"

static struct orl_sys real;
static const char *directory;

static int without = -ENOENT;   /* why it is not had */

static int
open_without_proc (const char *path, int flags, mode_t mode)
{
  return strncmp (path, "/proc/", 6) == 0 ? without
                                          : real.open (path, flags, mode);
}

static void
have_proc (int have)
{
  orl_sys.open = have ? real.open : open_without_proc;
}

static oriel_pool *
open_there (int *rc)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = NULL;

  opt.directory = directory;
  opt.pool_size = 1 * MiB;
  *rc = oriel_pool_open ("test", &opt, &pool);
  return pool;
}

/* A pool with a dirty page that its store has not. */
static oriel_pool *
open_dirty (int proc)
{
  oriel_pool *pool;
  oriel_file *file;
  int rc;

  have_proc (proc);
  pool = open_there (&rc);
  must (rc, "oriel_pool_open");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  stamp_page (pool, file, 1, 5);
  must (oriel_file_abandon (file), "oriel_file_abandon");
  return pool;
}

/* And no one attached to it. */
static void
make (int proc)
{
  must (oriel_pool_close (open_dirty (proc)), "oriel_pool_close");
}

/* Dirty pages that another finds; -1: it may not open the pool. */
static int
found (int proc)
{
  int rc, n = -1;
  oriel_pool *pool;

  have_proc (proc);
  pool = open_there (&rc);
  if (rc == 0) {
    n = (int) get_stats (pool).frames_dirty;
    must (oriel_pool_close (pool), "oriel_pool_close");
  } else
    diag ("%s", oriel_error ());
  return n;
}

static int
stays (void *at)
{
  open_dirty (0);
  go_to (at, 1);
  pause ();
  return 0;
}

static int
finds (void *arg)
{
  return found (*(int *) arg);
}

static void
ends (void)
{
  must (oriel_pool_destroy ("test", directory, 0), "oriel_pool_destroy");
}

static void
in_memory (void)
{
  directory = pool_dir ();
  for (int maker = 0; maker < 2; maker++)
    for (int other = 0; other < 2; other++) {
      make (maker);
      is_int (found (other), 1, "in memory: the dirty page is there");
      ends ();
    }
}

static void
on_disk (void)
{
  steps *at = shared_memory (sizeof *at);
  int proc = 1;
  pid_t pid;

  directory = scratch ();
  make (1);
  is_int (found (1), 1, "on a disk: who knows finds the dirty page");
  without = -EMFILE;
  is_int (found (0), -1, "who has no descriptor left is refused");
  without = -ENOENT;
  is_int (found (1), 1, "and has left it alone");
  is_int (found (0), 0, "who does not makes the pool anew");
  ends ();
  pid = spawn (stays, at);
  await (at, 1);
  is_int (in_child (finds, &proc), 1,
          "but not while another uses it: who knows has that one's pool");
  proc = 0;
  is_int (in_child (finds, &proc), 1, "and who does not");
  kill (pid, SIGKILL);
  reap (pid);
}

int
main (void)
{
  struct statfs fs;

  real = orl_sys;
  if (statfs (pool_dir (), &fs) == 0 && (uint32_t) fs.f_type == 0x01021994)
    in_memory ();
  else
    skip ("no tmpfs for pools");
  if (statfs (scratch (), &fs) == 0 && (uint32_t) fs.f_type != 0x01021994)
    on_disk ();
  else
    skip ("no disk for pools");
  return done_testing ();
}

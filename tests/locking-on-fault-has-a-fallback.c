/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel has no mlock2(), residency onfault becomes locked, and the
 * statistics say so.  A lock that is refused when the fault handler maps a slot
 * for a page that is pinned does not keep it from being mapped.
 */
#include "window.h"

#include "sys.h"

static int (*real_mlock) (void *at, size_t n, unsigned flags);
static void *(*real_mmap) (void *at, size_t n, int prot, int flags, int fd,
                           off_t off);

static int
no_mlock2 (void *at, size_t n, unsigned flags)
{
  return flags ? -ENOSYS : real_mlock (at, n, flags);
}

static int
no_mlock (void *at, size_t n, unsigned flags)
{
  (void) at, (void) n, (void) flags;
  return -ENOMEM;
}

static void *
no_locks (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  if (flags & MAP_LOCKED) {
    errno = EAGAIN;
    return MAP_FAILED;
  }
  return real_mmap (at, n, prot, flags, fd, off);
}

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.window_size = 1 * MiB;
  opt.slot_size = 65536;
  opt.backend = ORIEL_BACKEND_MMAP;
  opt.residency = ORIEL_RESIDENCY_ONFAULT;
  return opt;
}

int
main (void)
{
  oriel_options opt = options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;

  real_mlock = orl_sys.mlock;
  real_mmap = orl_sys.mmap;
  opt.flags |= ORIEL_TRY_LOCK;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).residency == ORIEL_RESIDENCY_NONE)
    skip_all ("RLIMIT_MEMLOCK is too small");
  end_window (pool);

  opt = options ();
  orl_sys.mlock = no_mlock2;
  pool = must_open_pool ("test", &opt);
  is_int ((long long) get_stats (pool).residency, ORIEL_RESIDENCY_LOCKED,
          "onfault is locked where there is no mlock2()");

  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < 1024; i++)
    stamp_page (pool, file, i, 4);
  page = must_pin (file, 7, ORIEL_WRITE);
  must (oriel_window_trim (pool), "oriel_window_trim");
  orl_sys.mlock = no_mlock;
  orl_sys.mmap = no_locks;
  ok (is_stamped (page.data, 4096, 4, 7), "a slot comes back unlocked");
  is_int ((long long) get_stats (pool).residency, ORIEL_RESIDENCY_NONE,
          "and the statistics say so");
  orl_sys.mlock = real_mlock;
  orl_sys.mmap = real_mmap;
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
  return done_testing ();
}

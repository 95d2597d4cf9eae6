/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel has no mlock2(), residency onfault becomes locked, and the
 * statistics say so.  A lock that is refused when the fault handler maps a slot
 * for a page that is pinned does not keep it from being mapped, and other processes
 * see that, too.  What cannot be locked as a whole is locked on fault.
 */
#include "window.h"

#include "attach.h"
#include "sys.h"

static int (*real_mlock) (void *at, size_t n, unsigned flags);
static void *(*real_mmap) (void *at, size_t n, int prot, int flags, int fd,
                           off_t off);

static int
no_mlock2 (void *at, size_t n, unsigned flags)
{
  return flags ? -ENOSYS : real_mlock (at, n, flags);
}

/* As if a page were missing. */
static int
no_whole_mlock (void *at, size_t n, unsigned flags)
{
  return flags ? real_mlock (at, n, flags) : -ENOMEM;
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

static void
lock_in_part (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  uint64_t good = 0;

  opt.window_size = 1 * MiB;
  opt.slot_size = 65536;
  opt.residency = ORIEL_RESIDENCY_LOCKED;
  opt.flags = ORIEL_HOLES; /* else mmap() locks */
  pool = open_window (&opt, ORIEL_BACKEND_MMAP);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  orl_sys.mlock = no_whole_mlock;
  for (uint64_t i = 0; i < 1024; i++) {
    oriel_page page;

    if (oriel_pin (file, i, ORIEL_OPTIMISTIC, &page) == 0) {
      good += is_stamped (page.data, 4096, 4, i);
      must (oriel_unpin (&page), "oriel_unpin");
    }
  }
  is_int ((long long) good, 1024,
          "slots are shown that are not locked as a whole");
  is_int ((long long) get_stats (pool).residency, ORIEL_RESIDENCY_LOCKED,
          "their pages are when they come");
  orl_sys.mlock = real_mlock;
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
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
  is_int (atomic_load (&pool->shm.procs[pool->shm.proc].residency),
          ORIEL_RESIDENCY_NONE, "and what others see of this process");
  orl_sys.mlock = real_mlock;
  orl_sys.mmap = real_mmap;
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
  if (locks_on_fault ())
    lock_in_part ();
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-residency.c - mappings of the pool, locked in memory where asked
 *
 * A swap makes a new mapping, which inherits no lock: each is locked anew.
 * MAP_LOCKED does it in the same call; mlock() after mmap() would cost some us
 * more (17.6 and 12.4 us a swap of 4 KiB, 35 and 32 of 64 KiB, all touched).
 * There is no such flag for locking on fault, which takes mlock2() after each
 * swap.  Where all slots are one VMA that is locked once.
 *
 * The kernel puts no guard pages into what is locked, so the backend hides the
 * slots of such a window.  That ends their locks, too: so the process has never
 * more locked than the window.
 *
 * The kernel is asked at open whether it would lock that much: by a mapping
 * without access, which needs no memory.  What is locked counts against
 * RLIMIT_MEMLOCK as a whole, on fault or not, and only the kernel knows who is
 * excepted.  If it refuses later, as the process has locked something else or
 * lowered the limit, the slot is not shown; or, with ORIEL_TRY_LOCK, and where
 * the fault handler maps it for a page that is pinned already, nothing of the
 * window is locked any more from then on, and the statistics say so.
 *
 * Locks: none; orl_window_map() is async-signal-safe.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "error.h"
#include "holes.h"
#include "oriel.h"
#include "sys.h"
#include "window.h"

static int
refused (uint64_t need, int error)
{
  struct rlimit limit = { 0, 0 };

  getrlimit (RLIMIT_MEMLOCK, &limit);
  return orl_fail (error,
                   "residency: %llu bytes of window, tables and copies are to "
                   "be locked in memory, and RLIMIT_MEMLOCK is %llu, of which "
                   "the process may have used some; raise it to %llu KiB more "
                   "than is used (ulimit -l), make the window smaller, or set "
                   "ORIEL_TRY_LOCK",
                   (unsigned long long) need,
                   (unsigned long long) limit.rlim_cur,
                   (unsigned long long) (need + 1023) / 1024);
}

int
orl_residency_open (struct orl_window *w, uint64_t beside)
{
  uint64_t need = w->locked + beside;
  uint32_t wanted = atomic_load (&w->residency);
  void *at;
  int r;

  if (wanted == ORIEL_RESIDENCY_NONE)
    return 0;
  w->guard = false;
  if (need > SIZE_MAX)
    return orl_fail (-ENOMEM, "window: no address space");
  /* The address, which is taken, is for musl: without one its mmap() makes
   * ENOMEM of EPERM, which the kernel says where the limit is 0. */
  at = orl_sys.mmap (w->shm->super, (size_t) need, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_LOCKED,
                     -1, 0);
  if (at == MAP_FAILED && errno != EAGAIN && errno != EPERM)
    return orl_fail (-errno, "window: no address space");
  if (at == MAP_FAILED && !w->try_lock)
    return refused (need, -EPERM);
  if (at == MAP_FAILED)
    {
      atomic_store (&w->residency, ORIEL_RESIDENCY_NONE);
      return 0;
    }
  /* mlock2() came with Linux 4.4. */
  if (wanted == ORIEL_RESIDENCY_ONFAULT)
    {
      r = orl_sys.mlock (at, w->shm->geo.block, ORL_LOCK_ONFAULT);
      if (r == -ENOSYS || r == -EINVAL || r == -EPERM)
        atomic_store (&w->residency, ORIEL_RESIDENCY_LOCKED);
    }
  orl_sys.munmap (at, (size_t) need);
  return 0;
}

/* Nothing is locked any more, as others can see. */
static void
none (struct orl_window *w)
{
  atomic_store (&w->residency, ORIEL_RESIDENCY_NONE);
  atomic_store (&w->shm->procs[w->shm->proc].residency, ORIEL_RESIDENCY_NONE);
}

int
orl_residency_lock (struct orl_window *w, void *at, size_t n)
{
  uint32_t want = atomic_load (&w->residency);
  int r = -EAGAIN;

  if (want == ORIEL_RESIDENCY_NONE)
    return 0;
  if (want == ORIEL_RESIDENCY_LOCKED)
    r = orl_sys.mlock (at, n, 0);
  /* A page that is a hole, watched for, or cut away fails the whole of mlock();
   * it is locked when it is there again. */
  if (r < 0)
    r = orl_sys.mlock (at, n, ORL_LOCK_ONFAULT);
  if (r < 0 && w->try_lock)
    {
      none (w);
      r = 0;
    }
  return r < 0 ? refused (n, -ENOMEM) : 0;
}

static void *
map (const struct orl_window *w, void *at, size_t n, int flags, uint64_t from)
{
  return orl_sys.mmap (at, n, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_FIXED | flags, w->shm->fd,
                       (off_t) (w->shm->geo.data + from));
}

int
orl_window_map (struct orl_window *w, void *at, size_t n, int flags,
                uint64_t from, bool pinned)
{
  bool watch = w->linear || w->shm->holes;
  uint32_t want = atomic_load (&w->residency);
  bool with = want == ORIEL_RESIDENCY_LOCKED && !watch;
  bool locked = with;
  void *p = map (w, at, n, flags | (with ? MAP_LOCKED : 0), from);

  if (p == MAP_FAILED && with && (errno == EAGAIN || errno == EPERM))
    {
      p = map (w, at, n, flags, from);
      locked = false;
    }
  if (p == MAP_FAILED)
    return -errno;
  /* First, since what locks touches the holes. */
  if (watch)
    orl_holes_watch (w->shm->uffd, at, n);
  if (want == ORIEL_RESIDENCY_NONE || locked)
    return 0;
  if (pinned)
    {
      if (orl_sys.mlock (at, n, ORL_LOCK_ONFAULT) < 0)
        none (w);
      return 0;
    }
  if (orl_residency_lock (w, at, n) == 0)
    return 0;
  orl_sys.mmap (at, n, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                0);
  return -ENOMEM;
}

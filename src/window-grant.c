/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-grant.c - strict windows, in which only what is pinned can be accessed
 *
 * Two run-time checks for who develops an engine.  ORIEL_RETIRE: a page that
 * this process has not pinned cannot be accessed, so that use after unpin
 * faults.  ORIEL_PROTECT: a page that it has pinned for reading only cannot be
 * written.  Each pin is a grant and each unpin ends one; what counts is the
 * granule, a page of memory or the pool's page if that is larger.
 *
 * Guard pages make a granule inaccessible, userfaultfd's write protection makes
 * it read-only, and neither splits a VMA.  Where the kernel lacks what is needed
 * mprotect() does all of it, and each granule may become a VMA: the budget
 * counts them (window-setup.c).  A range that is write-protected must not become
 * guard pages: Linux 6.18 tries that for ever.
 *
 * The library itself reads and writes such a window through the pool file's
 * descriptor only.  A thread that ends with pages pinned leaves its grants
 * until the slot is swapped.
 *
 * Locks: everything between orl_window_enter() and orl_window_leave(); and who
 * asks where a frame is shown has w->lock: a sweep unshows for a moment also
 * what is pinned.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not every C library comes with the kernel's headers. */
#if defined __has_include
# if __has_include (<linux/userfaultfd.h>)
#  include <linux/userfaultfd.h>
# endif
#endif

#include "error.h"
#include "oriel.h"
#include "sys.h"
#include "window-grant.h"

#define PAGE_SHIFT 12

#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif

enum access { NONE, READ, WRITE };

struct granule {
  uint32_t readers;
  uint32_t writers;
  uint8_t access;               /* enum access, as mapped */
  bool known;                   /* last was set */
  struct orl_grant_last last;
};

struct orl_grants {
  bool protect;
  bool retire;
  bool splits;                  /* by mprotect() */
  int uffd;                     /* -1 none */
  uint32_t shift;               /* of a granule */
  struct granule *granules;
};

static int
open_uffd (void)
{
#if defined UFFDIO_WRITEPROTECT && defined UFFD_FEATURE_WP_HUGETLBFS_SHMEM
  struct uffdio_api api = {
    .api = UFFD_API,
    .features = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_PAGEFAULT_FLAG_WP
                | UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
  };
  int fd = orl_sys.userfaultfd (O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

  if (fd >= 0 && orl_sys.ioctl (fd, UFFDIO_API, &api) == 0)
    return fd;
  if (fd >= 0)
    orl_sys.close (fd);
#endif
  return -1;
}

static int
write_protect (const struct orl_grants *g, void *at, size_t n, bool on)
{
#ifdef UFFDIO_WRITEPROTECT
  struct uffdio_writeprotect wp = {
    .range = { (uintptr_t) at, n },
    .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
  };

  return orl_sys.ioctl (g->uffd, UFFDIO_WRITEPROTECT, &wp);
#else
  (void) g, (void) at, (void) n, (void) on;
  return -ENOSYS;
#endif
}

static int
enlist (const struct orl_grants *g, void *at, size_t n)
{
#ifdef UFFDIO_WRITEPROTECT
  struct uffdio_register reg = {
    .range = { (uintptr_t) at, n },
    .mode = UFFDIO_REGISTER_MODE_WP,
  };

  return orl_sys.ioctl (g->uffd, UFFDIO_REGISTER, &reg);
#else
  (void) g, (void) at, (void) n;
  return -ENOSYS;
#endif
}

/* Try what is needed on the pool's first page. */
static bool
can_do_without_splits (const struct orl_window *w, struct orl_grants *g)
{
  size_t n = w->shm->geo.block;
  void *at = orl_sys.mmap (NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED,
                           w->shm->fd, (off_t) w->shm->geo.data);
  bool can = at != MAP_FAILED;

  if (!can)
    return false;
  if (g->protect)
    can = (g->uffd = open_uffd ()) >= 0 && enlist (g, at, n) == 0
          && write_protect (g, at, n, true) == 0
          && write_protect (g, at, n, false) == 0;
  if (can && g->retire)
    can = orl_sys.madvise (at, n, ORL_GUARD_INSTALL) == 0;
  orl_sys.munmap (at, n);
  return can;
}

int
orl_grants_open (struct orl_window *w, uint32_t flags)
{
  struct orl_grants *g;

  if (!(flags & (ORIEL_PROTECT | ORIEL_RETIRE)))
    return 0;
  if (w->shm->geo.block > 1u << PAGE_SHIFT)
    return orl_fail (-EOPNOTSUPP, "window: ORIEL_PROTECT and ORIEL_RETIRE want "
                                  "a pool that is not on huge pages");
  w->grants = g = calloc (1, sizeof *g);
  if (!g)
    return orl_fail (-ENOMEM, "window: no memory");
  g->protect = (flags & ORIEL_PROTECT) != 0;
  g->retire = (flags & ORIEL_RETIRE) != 0;
  g->uffd = -1;
  g->shift = w->shm->geo.page_shift > PAGE_SHIFT ? w->shm->geo.page_shift
                                                 : PAGE_SHIFT;
  /* No guard pages in what is locked. */
  g->splits = (g->retire && atomic_load (&w->residency) != ORIEL_RESIDENCY_NONE)
              || !can_do_without_splits (w, g);
  /* Where hidden slots may be write-protected, the backend hides them. */
  w->guard = !g->protect;
  return 0;
}

uint32_t
orl_grants_vmas (const struct orl_window *w, uint32_t slot_size)
{
  return w->grants && w->grants->splits ? slot_size >> w->grants->shift : 1;
}

int
orl_grants_size (struct orl_window *w)
{
  size_t n = (size_t) (w->bytes >> w->grants->shift);

  w->grants->granules = calloc (n, sizeof *w->grants->granules);
  return w->grants->granules ? 0 : -ENOMEM;
}

void
orl_grants_close (struct orl_window *w)
{
  if (!w->grants)
    return;
  if (w->grants->uffd >= 0)
    orl_sys.close (w->grants->uffd);
  free (w->grants->granules);
  free (w->grants);
}

static const int protection[]
    = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

/* remap_file_pages() wants one VMA. */
void
orl_grants_clear (struct orl_window *w, uint32_t slot, uint32_t n)
{
  if (w->grants->splits)
    orl_sys.mprotect (w->base + ((uint64_t) slot << w->slot_shift),
                      (size_t) n << w->slot_shift, PROT_READ | PROT_WRITE);
}

int
orl_grants_begin (struct orl_window *w, uint32_t slot, uint32_t n)
{
  struct orl_grants *g = w->grants;
  uint64_t offset = (uint64_t) slot << w->slot_shift;
  size_t bytes = (size_t) n << w->slot_shift;
  unsigned char *at = w->base + offset;
  enum access access = g->retire ? NONE : READ;
  int r = 0;

  if (g->splits)
    r = orl_sys.mprotect (at, bytes, protection[access]);
  else
    {
      if (g->protect)
        r = enlist (g, at, bytes);
      if (r == 0 && g->retire)
        r = orl_sys.madvise (at, bytes, ORL_GUARD_INSTALL);
      else if (r == 0)
        r = write_protect (g, at, bytes, true);
    }
  for (size_t i = 0; i < bytes >> g->shift; i++)
    g->granules[(offset >> g->shift) + i]
        = (struct granule){ .access = (uint8_t) access };
  return r;
}

/* Make the granule what its pins want. */
static int
apply (struct orl_window *w, size_t i)
{
  struct orl_grants *g = w->grants;
  struct granule *gr = &g->granules[i];
  size_t n = (size_t) 1 << g->shift;
  unsigned char *at = w->base + i * n;
  enum access want = gr->writers               ? WRITE
                     : !gr->readers && g->retire ? NONE
                     : g->protect              ? READ
                                               : WRITE;
  int r = 0;

  if (want == gr->access)
    return 0;
  if (g->splits)
    r = orl_sys.mprotect (at, n, protection[want]);
  else
    {
      if (gr->access == NONE)
        r = orl_sys.madvise (at, n, ORL_GUARD_REMOVE);
      else if (gr->access == READ && want == NONE)
        r = write_protect (g, at, n, false);
      if (r == 0 && want == NONE)
        r = orl_sys.madvise (at, n, ORL_GUARD_INSTALL);
      else if (r == 0 && g->protect)
        r = write_protect (g, at, n, want == READ);
    }
  if (r == 0)
    gr->access = (uint8_t) want;
  return r;
}

/* Of a frame that is pinned; under w->lock.  SIZE_MAX: no slot shows it, for
 * the ledgers, where the pin is, are damaged. */
static size_t
granule_of (const struct orl_window *w, uint32_t frame)
{
  uint32_t slot = atomic_load (&w->slot_of[frame >> w->extent_shift]) - 1;

  if (slot >= w->nslots)
    return SIZE_MAX;
  return (size_t) ((unsigned char *) orl_window_place (w, slot, frame)
                   - w->base)
         >> w->grants->shift;
}

/* One pin more, or less, of the granule. */
static int
count (struct orl_window *w, size_t i, bool write, bool more)
{
  struct granule *gr = &w->grants->granules[i];
  uint32_t *n = write ? &gr->writers : &gr->readers;
  int r;

  if (!more)
    {
      *n -= *n > 0;
      /* If the kernel refuses, what it mapped before stays: more than is
       * wanted. */
      return apply (w, i);
    }
  ++*n;
  r = apply (w, i);
  *n -= r < 0;
  return r;
}

int
orl_grant (struct orl_window *w, uint32_t frame, bool write, uint32_t file,
           uint64_t page, const void *caller)
{
  struct orl_grant_last last
      = { .page = page, .file = file, .tid = (uint32_t) syscall (SYS_gettid) };
  Dl_info info;
  bool entered;
  size_t i;
  int r = -ENOMEM;

  last.offset = (uintptr_t) caller;
  if (dladdr (caller, &info) && info.dli_fname)
    {
      last.module = info.dli_fname;
      last.offset -= (uintptr_t) info.dli_fbase;
    }
  pthread_mutex_lock (&w->lock);
  entered = orl_window_enter (w);
  i = granule_of (w, frame);
  if (i != SIZE_MAX && (r = count (w, i, write, true)) == 0)
    {
      w->grants->granules[i].last = last;
      w->grants->granules[i].known = true;
    }
  orl_window_leave (w, entered);
  pthread_mutex_unlock (&w->lock);
  return r;
}

void
orl_grant_end (struct orl_window *w, uint32_t frame, bool write)
{
  bool entered;
  size_t i;

  pthread_mutex_lock (&w->lock);
  entered = orl_window_enter (w);
  i = granule_of (w, frame);
  if (i != SIZE_MAX)
    count (w, i, write, false);
  orl_window_leave (w, entered);
  pthread_mutex_unlock (&w->lock);
}

const struct orl_grant_last *
orl_grant_last (const struct orl_window *w, uint64_t offset)
{
  const struct granule *gr;

  if (!w->grants || offset >= w->bytes)
    return NULL;
  gr = &w->grants->granules[offset >> w->grants->shift];
  return gr->known ? &gr->last : NULL;
}

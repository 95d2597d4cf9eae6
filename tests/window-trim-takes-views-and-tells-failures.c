/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_window_trim() unmaps what views show, too, under the lock of those who
 * map, which it gives back; what the kernel refuses is an error.  It wants the
 * fault handler, and windows that are not protected, but where the whole pool is
 * mapped.
 */
#include "window.h"

#include "../src/attach.h"
#include "../src/sys.h"
#include "../src/window.h"

static void *(*real_mmap) (void *at, size_t n, int prot, int flags, int fd,
                           off_t off);
static oriel_pool *pool;
static volatile int calls, entered;

static bool
is_mine (void)
{
  return atomic_load (&pool->window->mapper) == (uintptr_t) &errno;
}

static void *
notes (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  calls++;
  entered += is_mine ();
  return real_mmap (at, n, prot, flags, fd, off);
}

static void *
fails (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  (void) at, (void) n, (void) prot, (void) flags, (void) fd, (void) off;
  errno = ENOMEM;
  return MAP_FAILED;
}

static void
unmaps (void)
{
  oriel_options opt = test_options ();
  struct oriel_view view;
  oriel_file *file;

  opt.window_size = MiB;
  pool = open_window (&opt, ORIEL_BACKEND_MMAP);
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_view (file, 3, 4, ORIEL_READ, &view), "oriel_view");
  orl_sys.mmap = notes;
  is_rc (oriel_window_trim (pool), 0, "a trim");
  ok (calls > 0 && entered == calls, "all is unmapped under the lock");
  calls = 0;
  ok (is_stamped ((char *) view.data + 4096, 4096, 1, 4) && calls > 0,
      "and what a view shows is mapped again at touch");
  orl_sys.mmap = fails;
  is_rc (oriel_window_trim (pool), -ENOMEM, "a trim that the kernel refuses");
  orl_sys.mmap = real_mmap;
  ok (!is_mine (), "the lock is given back");
  ok (is_stamped (view.data, 4096, 1, 3), "the view still shows its pages");
  must (oriel_view_end (&view), "oriel_view_end");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

static void
trim_with (unsigned flags, uint32_t backend, int want, const char *what)
{
  oriel_options opt = test_options ();
  oriel_file *file;

  opt.window_size = backend == ORIEL_BACKEND_LINEAR ? 0 : MiB;
  opt.flags |= flags;
  pool = open_window (&opt, backend);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_rc (oriel_window_trim (pool), want, what);
  ok (page_is_stamped (pool, file, 5, 1), "pages are shown");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  real_mmap = orl_sys.mmap;
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  unmaps ();
  trim_with (ORIEL_NO_FAULT_HANDLER, ORIEL_BACKEND_LINEAR, 0,
             "of the whole pool it needs no handler");
  trim_with (ORIEL_PROTECT, ORIEL_BACKEND_MMAP, -EOPNOTSUPP,
             "what is protected does not come back");
  trim_with (ORIEL_RETIRE, ORIEL_BACKEND_MMAP, -EOPNOTSUPP,
             "nor what is retired");
  return done_testing ();
}

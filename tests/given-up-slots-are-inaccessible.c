/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slot that was given up and waits for its next extent cannot be accessed,
 * whatever hides it: guard pages (small slots), a mapping of nothing (large ones,
 * and where the kernel has no guard pages).  In a window of few slots none waits,
 * unless its next extent cannot be mapped.
 */
#include "window.h"

#include "../src/attach.h"
#include "../src/sys.h"

#define SLOTS 32
#define EXTENTS 61

static int guarded;
static struct orl_sys real;

static ssize_t
count_guards (const struct iovec *iov, int n, int advice)
{
  ssize_t bytes = 0;

  for (int i = 0; i < n; i++) {
    if (madvise (iov[i].iov_base, iov[i].iov_len, advice) < 0)
      return -errno;
    bytes += (ssize_t) iov[i].iov_len;
  }
  guarded += n;
  return bytes;
}

static ssize_t
no_guards (const struct iovec *iov, int n, int advice)
{
  (void) iov, (void) n, (void) advice;
  return -EINVAL;
}

/* The kernel tries for us, without a signal. */
static bool
accessible (const void *at)
{
  int fd[2];
  ssize_t n;

  if (pipe (fd) < 0)
    bail_out ("pipe");
  n = write (fd[1], at, 1);
  close (fd[0]);
  close (fd[1]);
  return n == 1;
}

static void
try (uint32_t backend, uint32_t slot)
{
  oriel_options opt = test_options ();
  const char *name = oriel_backend_name (backend);
  struct orl_window *w;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  uint64_t pages = EXTENTS * (slot / 4096);
  int open = 0, shown = 0;

  opt.pool_size = (uint64_t) (EXTENTS + 8) * slot;
  opt.slot_size = slot;
  opt.window_size = (uint64_t) SLOTS * slot;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < pages; i++) {
    page = must_pin (file, i, ORIEL_OPTIMISTIC);
    shown += accessible (page.data);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  ok (shown == (int) pages, "%s, %u KiB: what is pinned can be accessed", name,
      slot / 1024);
  w = pool->window;
  ok (w->nspare > 0, "%u slots are given up", w->nspare);
  for (uint32_t i = 0; i < w->nspare; i++)
    for (uint64_t at = 0; at < slot; at += 4096)
      open += accessible (w->base + ((uint64_t) w->spare[i] << w->slot_shift)
                          + at);
  is_int (open, 0, "no page of them can be accessed");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

/* No extent of the file can be mapped. */
static void *
no_extent (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  if (fd >= 0 && (flags & MAP_FIXED)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return real.mmap (at, n, prot, flags, fd, off);
}

static void
few (uint32_t slot)
{
  oriel_options opt = test_options ();
  struct orl_window *w;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  uint64_t pages = EXTENTS * (slot / 4096);
  uint64_t i;
  int open = 0, rc = 0;

  opt.slot_size = slot;
  opt.window_size = 8 * (uint64_t) slot;
  opt.pool_size = (EXTENTS + 8) * (uint64_t) slot;
  pool = open_window (&opt, ORIEL_BACKEND_MMAP);
  file = must_open_file (pool, scratch_file ("data"), 0);
  w = pool->window;
  for (i = 0; i < pages; i++) {
    page = must_pin (file, i, ORIEL_OPTIMISTIC);
    must (oriel_unpin (&page), "oriel_unpin");
    open += (int) w->nspare;
  }
  ok (open == 0, "8 slots of %u KiB: none is given up before it is wanted",
      slot / 1024);
  orl_sys.mmap = no_extent;
  for (i = 0; rc == 0 && i < pages; i++) { /* until one is in no slot */
    rc = oriel_pin (file, i, ORIEL_OPTIMISTIC, &page);
    if (rc == 0)
      must (oriel_unpin (&page), "oriel_unpin");
  }
  is_rc (rc, -ENOMEM, "mappings fail: a pin");
  is_int (w->nspare, 1, "then a slot is given up");
  ok (!accessible (w->base + ((uint64_t) w->spare[0] << w->slot_shift)),
      "and cannot be accessed");
  orl_sys.mmap = real.mmap;
  is_rc (oriel_pin (file, i - 1, ORIEL_OPTIMISTIC, &page), 0,
         "they do not any more: a pin");
  is_int (w->nspare, 0, "the slot is in use again");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  real = orl_sys;
  make_stamped_file (scratch_file ("data"), 4096, 16, 0, 1);
  orl_sys.madvise_many = count_guards;
  for (size_t b = 0; b < COUNT (swapping_backends); b++) {
    try (swapping_backends[b], 64 << 10);
    guarded = 0;
    try (swapping_backends[b], 512 << 10);
    is_int (guarded, 0, "large slots get no guard pages");
  }
  few (512 << 10);
  orl_sys.madvise_many = no_guards;
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b], 64 << 10);
  few (64 << 10);
  return done_testing ();
}

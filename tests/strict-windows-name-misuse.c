/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With ORIEL_RETIRE use after unpin faults, with ORIEL_PROTECT a write through a
 * pin for reading does; with guard pages and userfaultfd, and where the kernel
 * has neither.  What is allowed works.
 */
#include "sys.h"
#include "window.h"

#include <dlfcn.h>

#define PAGES 300

enum misuse { READ_AFTER_UNPIN, WRITE_THROUGH_READ };

struct try {
  uint32_t backend;
  uint32_t flags;
  enum misuse misuse;
};

static ssize_t
no_advice (const struct iovec *iov, int n, int advice)
{
  (void) iov, (void) n, (void) advice;
  return -ENOSYS;
}

static int (*real_madvise) (void *at, size_t n, int advice);

static int
no_guards (void *at, size_t n, int advice)
{
  return advice == ORL_GUARD_INSTALL ? -EINVAL : real_madvise (at, n, advice);
}

static int
no_uffd (int flags)
{
  (void) flags;
  return -EPERM;
}

static void
old_kernel (void)
{
  orl_sys.madvise_many = no_advice;
  orl_sys.madvise = no_guards;
  orl_sys.userfaultfd = no_uffd;
}

static oriel_pool *
open_strict (const struct try *t)
{
  oriel_options opt = test_options ();

  opt.slot_size = 16384;
  opt.window_size = 16 * 16384;
  opt.pool_size = 2 * PAGES * 4096;
  opt.flags = t->flags;
  return open_window (&opt, t->backend);
}

/* Everything that is allowed, checked.  False: the kernel lacks the backend. */
static int
work (const struct try *t)
{
  oriel_pool *pool = open_strict (t);
  uint64_t seed = test_seed ();
  char bytes[10000];
  oriel_stats stats;
  oriel_file *file;
  int good = 0;

  if (!pool)
    return 0;
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i += 3)
    stamp_page (pool, file, i, 1);
  for (int i = 0; i < 1000; i++) {
    uint64_t n[3];
    oriel_page page[3];

    for (int k = 0; k < 3; k++)
      n[k] = next_random (&seed) % PAGES;
    must (oriel_pin_many (file, n, 3, i % 2 ? ORIEL_READ : ORIEL_OPTIMISTIC,
                          page),
          "oriel_pin_many");
    for (int k = 0; k < 3; k++)
      good += is_stamped (page[k].data, 4096, 1, n[k]);
    for (int k = 0; k < 3; k++)
      must (oriel_unpin (&page[k]), "oriel_unpin");
  }
  is_int (good, 3000, "pins show their pages");
  must (oriel_write (file, 5 * 4096 + 7, "hello", 5), "oriel_write");
  must (oriel_read (file, 5 * 4096, bytes, sizeof bytes, NULL), "oriel_read");
  ok (memcmp (bytes + 7, "hello", 5) == 0, "copies work");
  must (oriel_file_truncate (file, PAGES * 4096 - 100), "oriel_file_truncate");
  must (oriel_sync (file), "oriel_sync");
  stats = get_stats (pool);
  ok (stats.swaps > 100, "slots were swapped");
  diag ("%d VMAs for %d slots", (int) stats.vmas, (int) stats.slots);
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  return 1;
}

static int
misuse (void *arg)
{
  const struct try *t = arg;
  oriel_pool *pool = open_strict (t);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, 77, ORIEL_READ), other;
  volatile char *data = page.data;

  other = must_pin (file, 78, ORIEL_WRITE);
  ((char *) other.data)[9] ^= 0; /* its neighbour may be written */
  if (t->misuse == READ_AFTER_UNPIN) {
    must (oriel_unpin (&page), "oriel_unpin");
    fprintf (stderr, "now\n");
    return data[8] & 1;
  }
  fprintf (stderr, "now\n");
  data[8] = 1;
  return 0;
}

/* The file that this code is in, or, of a static program, where an address is. */
static const char *
own_name (void)
{
  Dl_info info;

  return dladdr (scratch_file, &info) && info.dli_fname ? "strict-windows"
                                                        : " from 0x";
}

static void
try (struct try t, const char *how)
{
  char text[4096];
  int code = in_child_stderr (misuse, &t, text, sizeof text);

  ok (code == 128 + SIGSEGV || code == 128 + SIGBUS, "%s, %s: it faults (%d)",
      how,
      t.misuse == READ_AFTER_UNPIN ? "use after unpin"
                                   : "write through a pin for reading",
      code);
  ok (strstr (text, "now") && strstr (text, "page 77") && strstr (text, "data")
          && strstr (text, own_name ()),
      "and is named with page, file and where it was pinned");
  diag ("stderr: %s", text);
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
}

static void
try_all (const char *how)
{
  static const uint32_t flags[]
      = { ORIEL_RETIRE, ORIEL_PROTECT, ORIEL_RETIRE | ORIEL_PROTECT };

  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    for (size_t f = 0; f < COUNT (flags); f++) {
      struct try t = { .backend = swapping_backends[b], .flags = flags[f] };

      if (t.backend == ORIEL_BACKEND_NATIVE)
        continue; /* never strict */
      if (!work (&t))
        continue;
      if (flags[f] & ORIEL_RETIRE)
        try (t, how);
      t.misuse = WRITE_THROUGH_READ;
      if (flags[f] & ORIEL_PROTECT)
        try (t, how);
    }
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  real_madvise = orl_sys.madvise;
  try_all ("as this kernel can");
  old_kernel ();
  try_all ("without guard pages and userfaultfd");
  opt.flags = ORIEL_RETIRE;
  opt.backend = ORIEL_BACKEND_LINEAR;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "a linear window cannot be strict");
  opt.backend = ORIEL_BACKEND_NATIVE;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL, "nor a native one");
  return done_testing ();
}

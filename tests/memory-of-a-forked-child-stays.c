/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a forked child maps before Oriel's handler runs in it, where the parent's
 * window is, stays its own: a debugger's, a sanitizer's or another library's
 * handler may run first.  Where the window could not be kept from the child, the
 * child has no part of it all the same, and does not keep its parent alive.
 */
#include "sys.h"
#include "window.h"

static unsigned char *inside;   /* an address within the window */
static int mapped;              /* by the child: it was free */

static void
come_first (void)
{
  if (!inside)
    return;
  mapped = mmap (inside, 65536, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)
           == inside;
  if (mapped)
    memset (inside, 7, 65536);
}

/* Handlers of children run in the order in which they were installed: this comes
 * before the library's. */
__attribute__ ((constructor (101))) static void
install (void)
{
  pthread_atfork (NULL, NULL, come_first);
}

/* 0: it is as it was; 1: it is not; 2: nothing could be mapped. */
static int
looks (void *unused)
{
  (void) unused;
  if (!mapped)
    return 2;
  for (int i = 0; i < 65536; i++)
    if (inside[i] != 7)
      return 1;
  inside[0] = 8;
  return 0;
}

/* 0: no mapping of the pool's file is left. */
static int
has_no_part (void *unused)
{
  FILE *maps = fopen ("/proc/self/maps", "r");
  char line[512];
  int found = 0;

  (void) unused;
  while (maps && fgets (line, sizeof line, maps))
    found |= strstr (line, "/oriel-test") && strstr (line, "rw-s");
  if (maps)
    fclose (maps);
  return found || mapped;
}

static int (*real_madvise) (void *at, size_t n, int advice);

static int
not_kept (void *at, size_t n, int advice)
{
  return advice == MADV_DONTFORK ? -ENOMEM : real_madvise (at, n, advice);
}

static void
with_backend (uint32_t backend, size_t window)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;

  opt.window_size = window;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("backend %s", oriel_backend_name (backend));
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  page = must_pin (file, 3, ORIEL_WRITE | ORIEL_FRESH);
  inside = (unsigned char *) ((uintptr_t) page.data & ~(uintptr_t) 65535);
  is_int (in_child (looks, NULL), 0, "the child's memory stays");

  real_madvise = orl_sys.madvise;
  orl_sys.madvise = not_kept;
  is_int (in_child (has_no_part, NULL), 0, "no child has a part of the window");
  orl_sys.madvise = real_madvise;
  inside = NULL;
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  with_backend (ORIEL_BACKEND_MMAP, MiB);
  with_backend (ORIEL_BACKEND_EMULATED, MiB);
  with_backend (ORIEL_BACKEND_NATIVE, MiB);
  with_backend (ORIEL_BACKEND_LINEAR, 4 * MiB);
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a strict window a slot that was mapped but could not be protected shows
 * nothing, even when the kernel refuses new mappings too.
 */
#include "util.h"

#include "layout.h"
#include "sys.h"

static struct orl_sys real;
static int failing;

static int
no_ioctl (int fd, unsigned long request, void *arg)
{
  return failing ? -ENOMEM : real.ioctl (fd, request, arg);
}

static int
no_guards (void *at, size_t n, int advice)
{
  return failing && advice == ORL_GUARD_INSTALL ? -ENOMEM
                                                : real.madvise (at, n, advice);
}

static void *
no_new_mapping (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  if (failing && fd < 0 && (flags & MAP_FIXED)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return real.mmap (at, n, prot, flags, fd, off);
}

/* Mappings of the pool's pages that can be accessed. */
static int
accessible (void)
{
  FILE *maps = fopen ("/proc/self/maps", "r");
  unsigned long long at;
  char line[512], access[8];
  int n = 0;

  while (maps && fgets (line, sizeof line, maps))
    if (sscanf (line, "%*x-%*x %7s %llx", access, &at) == 2 && at > 0
        && strstr (line, "oriel-test") && strstr (line, "/oriel-strict"))
      n += access[0] == 'r' || access[1] == 'w';
  if (maps)
    fclose (maps);
  return n;
}

static void
strict (const char *what, unsigned flags)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  int before, rc;

  diag ("%s", what);
  opt.window_size = 256 * KiB;
  opt.slot_size = 16 * KiB;
  opt.flags |= flags;
  if (oriel_pool_open ("strict", &opt, &pool) < 0) {
    skip ("no such window here");
    return;
  }
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  before = accessible ();
  failing = 1;
  orl_sys.ioctl = no_ioctl;
  orl_sys.madvise = no_guards;
  orl_sys.mmap = no_new_mapping;
  rc = oriel_pin (file, 0, ORIEL_WRITE | ORIEL_FRESH, &page);
  failing = 0;
  orl_sys = real;
  if (rc == 0) { /* by mprotect(), for which the rest is no matter */
    must (oriel_unpin (&page), "oriel_unpin");
    skip ("slots are protected in another way here");
  } else
    is_rc (rc, -ENOMEM, "pin");
  ok (rc == 0 || accessible () == before,
      "nothing more can be accessed than before");
  is_rc (oriel_pin (file, 0, ORIEL_WRITE | ORIEL_FRESH, &page), 0,
         "then it can be pinned");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("strict", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  real = orl_sys;
  strict ("retire", ORIEL_RETIRE);
  strict ("protect", ORIEL_PROTECT);
  return done_testing ();
}

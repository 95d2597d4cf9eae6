/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy by orl_guard_copy() is guarded in all of its bytes, in no other, and no
 * longer than it takes, whether it fails or not: any other touch of memory that is
 * missing is the signal that it is.
 */
#include "util.h"

#include <alloca.h>

#include "guard.h"

#define PAGES 4
#define STACK 65536             /* more than a copy and a signal take */

static char *map, to[PAGES * 4096];
static int fd;

static bool
copy (unsigned page, unsigned n)
{
  return orl_guard_copy (memcpy, to, map + page * 4096, n * 4096,
                         map + page * 4096);
}

static void
resize (unsigned pages)
{
  if (ftruncate (fd, (off_t) pages * 4096) < 0)
    bail_out ("no resize");
}

/* Copy all, and touch the last page, which is missing by then.  A guard that was
 * left lies whole on the stack, beyond what is in use from there on; a jump to it
 * comes back from the copy once more. */
static int
touches_after (void *whole)
{
  static volatile int copies;
  volatile char *beyond;
  bool good;

  alarm (20);
  good = copy (0, PAGES);
  if (copies++ > 0)
    return 1;
  beyond = alloca (STACK);
  beyond[0] = 1;
  if (whole)
    resize (PAGES - 1);
  return good + *(volatile char *) (map + (PAGES - 1) * 4096) + beyond[0] == 5;
}

/* As memcpy(), and one byte more. */
static void *
copies_more (void *target, const void *from, size_t n)
{
  memcpy (target, from, n);
  return (void *) ((uintptr_t) target + ((const volatile char *) from)[n]);
}

static int
goes_too_far (void *arg)
{
  (void) arg;
  alarm (20);
  return orl_guard_copy (copies_more, to, map, (PAGES - 1) * 4096, map);
}

int
main (void)
{
  oriel_pool *pool;

  if (sanitized ())
    skip_all ("sanitizers end the process in their own way");
  pool = test_pool ();
  fd = open (scratch_file ("mapped"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  resize (PAGES);
  map = mmap (NULL, PAGES * 4096, PROT_READ, MAP_SHARED, fd, 0);
  if (fd < 0 || map == MAP_FAILED)
    bail_out ("no mapping");

  ok (copy (0, PAGES), "a copy of what is there");
  is_int (in_child (touches_after, map), 128 + SIGBUS,
          "a touch after it of what is missing is a signal");
  resize (PAGES - 1);
  ok (!copy (0, PAGES), "a copy fails whose last page is missing");
  is_int (in_child (touches_after, NULL), 128 + SIGBUS,
          "a touch after that is a signal, too");
  ok (!copy (PAGES - 1, 1) && !copy (PAGES - 1, 1), "copies fail again");
  ok (copy (0, PAGES - 1), "a copy of the pages before does not");
  is_int (in_child (goes_too_far, NULL), 128 + SIGBUS,
          "what is behind the bytes of a copy is not guarded");

  munmap (map, PAGES * 4096);
  close (fd);
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

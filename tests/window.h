/* SPDX-License-Identifier: BSD-2-Clause */
/* window.h - for tests of windows that are smaller than their pool */
#ifndef WINDOW_H
#define WINDOW_H

#include "util.h"

#include <sys/syscall.h>

static const uint32_t swapping_backends[] = {
  ORIEL_BACKEND_NATIVE, ORIEL_BACKEND_EMULATED, ORIEL_BACKEND_MMAP
};

/* Has the kernel mlock2() (4.4), without which onfault is locked? */
UTIL int
locks_on_fault (void)
{
#ifdef SYS_mlock2
  static char page[8192] __attribute__ ((aligned (4096)));
  int can = syscall (SYS_mlock2, page, sizeof page, 1) == 0
            || (errno != ENOSYS && errno != EINVAL);

  munlock (page, sizeof page);
  return can;
#else
  return 0;
#endif
}

/* Open, or return NULL after a skip where the kernel lacks the backend. */
UTIL oriel_pool *
open_window (oriel_options *opt, uint32_t backend)
{
  oriel_pool *pool;
  int rc;

  opt->backend = backend;
  rc = open_with_room ("test", opt, &pool);
  if (rc == -EOPNOTSUPP) {
    skip ("the kernel lacks this backend");
    return NULL;
  }
  must (rc, "oriel_pool_open");
  return pool;
}

/* Close and destroy, so that the next one starts anew. */
UTIL void
end_window (oriel_pool *pool)
{
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

#endif /* WINDOW_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/* window.h - for tests of windows that are smaller than their pool */
#ifndef WINDOW_H
#define WINDOW_H

#include "util.h"

static const uint32_t swapping_backends[] = {
  ORIEL_BACKEND_NATIVE, ORIEL_BACKEND_EMULATED, ORIEL_BACKEND_MMAP
};

/* Open, or return NULL after a skip where the kernel lacks the backend. */
UTIL oriel_pool *
open_window (oriel_options *opt, uint32_t backend)
{
  oriel_pool *pool;
  int rc;

  opt->backend = backend;
  rc = oriel_pool_open ("test", opt, &pool);
  if (rc == -EOPNOTSUPP) {
    must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
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

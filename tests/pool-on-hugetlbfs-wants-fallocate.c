/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where hugetlbfs has no fallocate() (before Linux 4.3) a pool there is refused,
 * and the error says so, and not that there is no room.
 */
#include "util.h"

#include "sys.h"

static int (*real_space) (int fd, uint64_t *free_bytes, uint32_t *block);

static int
space_of_huge_pages (int fd, uint64_t *free_bytes, uint32_t *block)
{
  int r = real_space (fd, free_bytes, block);

  *block = 2 * MiB;
  return r;
}

static int
no_fallocate (int fd, int mode, off_t at, off_t n)
{
  (void) fd, (void) mode, (void) at, (void) n;
  return -EOPNOTSUPP;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  real_space = orl_sys.space;
  orl_sys.space = space_of_huge_pages;
  orl_sys.fallocate = no_fallocate;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EOPNOTSUPP, "it is refused");
  ok (strstr (oriel_error (), "fallocate() ") != NULL, "and is told why");
  diag ("%s", oriel_error ());
  is_int (access (pool_path ("test"), F_OK), -1, "no file is left");
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Huge pages of a tmpfs are found also by a kernel that cannot be told to touch a
 * page (before Linux 5.14), and where one of them has a hole, looking for them
 * does not fill it.
 */
#include "util.h"

#include <sched.h>
#include <sys/mount.h>

#include "sys.h"

#define HUGE (2 * MiB)

static struct orl_sys real;

static int
refuse_populate (void *at, size_t n, int advice)
{
  return advice == ORL_POPULATE_READ ? -EINVAL : real.madvise (at, n, advice);
}

/* Is the pool found to be on huge pages? */
static uint64_t
found (const oriel_options *opt)
{
  oriel_pool *pool = must_open_pool ("test", opt);
  uint64_t huge = get_stats (pool).huge_page;

  must (oriel_pool_close (pool), "oriel_pool_close");
  return huge;
}

int
main (void)
{
  char *mount_point = strdup (scratch_file ("huge"));
  struct stat before, after;
  oriel_options opt;
  off_t page;
  int fd;

  if (unshare (CLONE_NEWNS) < 0
      || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mkdir (mount_point, 0700) < 0
      || mount ("none", mount_point, "tmpfs", 0, "size=96m,huge=always") < 0)
    skip_all ("no private mount with huge pages here");
  oriel_options_init (&opt);
  opt.directory = mount_point;
  opt.pool_size = 32 * MiB;
  opt.window_size = 16 * MiB;
  if (found (&opt) != HUGE)
    skip_all ("no huge pages of 2 MiB on tmpfs");
  real = orl_sys;
  orl_sys.madvise = refuse_populate;
  is_int ((long long) found (&opt), (long long) HUGE, "they are found");

  fd = open (path_in (mount_point, "oriel-test"), O_RDWR);
  /* The second page of the pages' first MiB. */
  page = lseek (fd, 0, SEEK_END) - (off_t) opt.pool_size + 4096;
  if (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, 4096) < 0)
    skip ("no holes can be punched here");
  else {
    fstat (fd, &before);
    is_int ((long long) found (&opt), 0, "one with a hole is none");
    fstat (fd, &after);
    is_int ((long long) after.st_blocks, (long long) before.st_blocks,
            "and the hole is not filled");
  }
  close (fd);
  orl_sys = real;
  must (oriel_pool_destroy ("test", mount_point, 0), "oriel_pool_destroy");
  umount2 (mount_point, MNT_DETACH);
  free (mount_point);
  return done_testing ();
}

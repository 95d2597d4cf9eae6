/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool on hugetlbfs works, with slots of a huge page by default. */
#include "util.h"

#include <sched.h>
#include <sys/mount.h>

#define SYSCTL "/proc/sys/vm/nr_hugepages"
#define PAGES 3000

static char mount_point[300];
static long nr_before = -1;

static long
get_number (const char *path)
{
  char text[32] = "";

  plain_read (path, 0, text, sizeof text - 1);
  return atol (text);
}

static int
set_number (long number)
{
  FILE *f = fopen (SYSCTL, "w");

  return !f || fprintf (f, "%ld\n", number) < 0 || fclose (f) ? -1 : 0;
}

static void
restore (void)
{
  umount2 (mount_point, MNT_DETACH);
  if (nr_before >= 0)
    set_number (nr_before);
}

/* Can a file there be given its memory? */
static int
can_allocate (void)
{
  char path[320];
  int fd, can;

  snprintf (path, sizeof path, "%s/try", mount_point);
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  can = fd >= 0 && fallocate (fd, 0, 0, 2 * MiB) == 0;
  close (fd);
  unlink (path);
  return can;
}

int
main (void)
{
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  if (geteuid () != 0 || access (SYSCTL, W_OK) < 0)
    skip_all ("only root can reserve huge pages");
  if (unshare (CLONE_NEWNS) < 0
      || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    skip_all ("no private mounts here");
  scratch ();
  snprintf (mount_point, sizeof mount_point, "%s", scratch_file ("huge"));
  mkdir (mount_point, 0700);
  nr_before = get_number (SYSCTL);
  atexit (restore);
  if (set_number (nr_before + 12) < 0
      || get_number (SYSCTL) < nr_before + 12)
    skip_all ("12 huge pages can't be had");
  if (mount ("none", mount_point, "hugetlbfs", 0, "pagesize=2M") < 0)
    skip_all ("no hugetlbfs of 2 MiB pages");

  if (!can_allocate ())
    skip_all ("hugetlbfs has fallocate() since Linux 4.3");

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 9);
  oriel_options_init (&opt);
  opt.directory = mount_point;
  opt.pool_size = 8 * MiB;
  opt.window_size = 4 * MiB;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "a pool opens");
  is_int ((long long) get_stats (pool).slot_size, 2 * MiB,
          "its slots are huge pages");
  is_int ((long long) get_stats (pool).huge_page, 2 * MiB, "and told as such");
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 9);
  is_int (good, PAGES, "all pages of a larger file are right");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 10);
  good = 0;
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 10);
  is_int (good, PAGES, "and after all were written");
  is_rc (oriel_file_close (file), 0, "the file closes");
  is_rc (oriel_pool_close (pool), 0, "the pool closes");
  is_rc (oriel_pool_destroy ("test", mount_point, 0), 0, "and is destroyed");

  opt.pool_size = 256 * MiB;
  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOSPC,
         "more than there are huge pages is -ENOSPC");
  return done_testing ();
}

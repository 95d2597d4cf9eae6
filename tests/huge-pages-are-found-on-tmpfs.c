/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On a tmpfs with huge pages slots are huge pages by default, mapped as such,
 * and the statistics say so; where none are had slots are small.
 */
#include "util.h"

#include <sched.h>
#include <sys/mount.h>

#define HUGE (2 * MiB)

static char mount_point[300];

/* KiB of the pool's mappings, but its tables, that are mapped by huge pages. */
static unsigned long
huge_kib (void)
{
  FILE *maps = fopen ("/proc/self/smaps", "r");
  unsigned long from, to, at, kib, sum = 0;
  char line[512];
  int mine = 0;

  while (maps && fgets (line, sizeof line, maps))
    if (sscanf (line, "%lx-%lx %*s %lx", &from, &to, &at) == 3)
      mine = at > 0 && strstr (line, "/oriel-test") != NULL;
    else if (mine && sscanf (line, "ShmemPmdMapped: %lu kB", &kib) == 1)
      sum += kib;
  if (maps)
    fclose (maps);
  return sum;
}

static int
mounted (const char *huge)
{
  char how[64];

  umount2 (mount_point, MNT_DETACH);
  snprintf (how, sizeof how, "size=96m,huge=%s", huge);
  return mount ("none", mount_point, "tmpfs", 0, how) == 0;
}

/* 1 if a huge page is to be had from the mount at all, without Oriel. */
static int
plain_is_huge (void)
{
  char *at = mmap (NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
  int fd = open (path_in (mount_point, "oriel-test-plain"), O_RDWR | O_CREAT,
                 0600);
  int huge = 0;

  at = (char *) (((uintptr_t) at + HUGE - 1) & ~(uintptr_t) (HUGE - 1));
  if (fd >= 0 && posix_fallocate (fd, 0, 2 * HUGE) == 0
      && mmap (at, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
               HUGE)
             != MAP_FAILED) {
    *at = 1;
    huge = huge_kib () > 0;
  }
  munmap (at, HUGE);
  close (fd);
  unlink (path_in (mount_point, "oriel-test-plain"));
  return huge;
}

static void
opens (const char *what, uint64_t pool_size, uint64_t window, uint32_t slot,
       uint64_t want_slot, uint64_t want_huge)
{
  oriel_options opt;
  oriel_pool *pool;
  oriel_file *file;
  uint64_t pages = pool_size / 4096, good = 0;
  oriel_stats stats;

  diag ("%s", what);
  oriel_options_init (&opt);
  opt.directory = mount_point;
  opt.pool_size = pool_size;
  opt.window_size = window;
  opt.slot_size = slot;
  pool = must_open_pool ("test", &opt);
  stats = get_stats (pool);
  is_int ((long long) stats.huge_page, (long long) want_huge, "huge_page");
  is_int ((long long) stats.slot_size, (long long) want_slot, "slot_size");
  unlink (scratch_file ("data"));
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < pages; i++)
    stamp_page (pool, file, i, 7);
  for (uint64_t i = 0; i < pages; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 7);
  is_int ((long long) good, (long long) pages, "every page is right");
  ok ((huge_kib () >= want_slot / KiB) == (want_huge && want_slot == HUGE),
      "%lu KiB are mapped by huge pages", huge_kib ());
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", mount_point, 0), "oriel_pool_destroy");
}

int
main (void)
{
  static const char *const kinds[] = { "always", "within_size" };

  if (unshare (CLONE_NEWNS) < 0
      || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    skip_all ("no private mounts here");
  snprintf (mount_point, sizeof mount_point, "%s", scratch_file ("huge"));
  mkdir (mount_point, 0700);
  if (!mounted ("always") || !plain_is_huge ())
    skip_all ("no huge pages of 2 MiB on tmpfs");

  for (size_t i = 0; i < COUNT (kinds); i++) {
    if (!mounted (kinds[i])) {
      skip ("no such mount");
      continue;
    }
    diag ("huge=%s", kinds[i]);
    opens ("swapped", 32 * MiB, 16 * MiB, 0, HUGE, HUGE);
    opens ("linear", 32 * MiB, 0, 0, HUGE, HUGE);
    opens ("small slots, as asked", 32 * MiB, 16 * MiB, 65536, 65536, HUGE);
    opens ("a window of few huge pages", 32 * MiB, 8 * MiB, 0, 65536, HUGE);
    opens ("a pool smaller than one", 1 * MiB, 512 * KiB, 0, 65536, 0);
  }
  if (mounted ("never"))
    opens ("huge=never", 32 * MiB, 16 * MiB, 0, 65536, 0);
  umount2 (mount_point, MNT_DETACH);
  return done_testing ();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory with too little room is -ENOSPC at open, with the room named;
 * the default size makes do with half of it. */
#include "util.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

static uint64_t
free_bytes (const char *directory)
{
  struct statvfs fs;

  if (statvfs (directory, &fs) < 0)
    bail_out ("statvfs: %s", strerror (errno));
  return (uint64_t) fs.f_bavail * fs.f_frsize;
}

int
main (void)
{
  oriel_options opt;
  oriel_pool *pool;
  char mount_point[300], number[32];
  uint64_t room;

  if (unshare (CLONE_NEWNS) < 0
      || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    skip_all ("no private mounts here");
  snprintf (mount_point, sizeof mount_point, "%s", scratch ());
  if (mount ("none", mount_point, "tmpfs", 0, "size=8m") < 0)
    skip_all ("no tmpfs can be mounted here");

  oriel_options_init (&opt);
  opt.directory = mount_point;
  opt.pool_size = 64 * MiB;
  room = free_bytes (mount_point);
  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOSPC,
         "64 MiB on a file system of 8 MiB");
  snprintf (number, sizeof number, "%llu", (unsigned long long) room);
  ok (strstr (oriel_error (), number) != NULL,
      "the text names the %s free bytes: %s", number, oriel_error ());
  is_int ((long long) free_bytes (mount_point), (long long) room,
          "nothing is left behind");

  opt.pool_size = 0;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "the default size fits");
  ok (oriel_pool_frames (pool) * 4096 <= room / 2
      && oriel_pool_frames (pool) * 4096 > room / 8,
      "and is at most half of the room: %llu frames",
      (unsigned long long) oriel_pool_frames (pool));
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_rc (oriel_pool_destroy ("test", mount_point, 0), 0, "destroy");
  is_int ((long long) free_bytes (mount_point), (long long) room,
          "gives all back");

  opt.pool_size = 2 * MiB;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "2 MiB fit");
  must (oriel_pool_close (pool), "oriel_pool_close");
  umount2 (mount_point, MNT_DETACH);
  return done_testing ();
}

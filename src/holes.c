/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holes.c - have holes of a memory file fault where it is mapped
 *
 * The words are those of <linux/userfaultfd.h>, which not every C library comes
 * with.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "holes.h"
#include "sys.h"

#define VERSION 0xaa
#define FEATURE_SIGBUS (1u << 7)
#define USER_MODE_ONLY 1
#define MODE_MISSING 1

struct api {
  uint64_t version;
  uint64_t features;
  uint64_t ioctls;
};

struct registration {
  uint64_t start;
  uint64_t bytes;
  uint64_t mode;
  uint64_t ioctls;
};

#define SET_API _IOWR (0xaa, 0x3f, struct api)
#define REGISTER _IOWR (0xaa, 0x00, struct registration)

int
orl_holes_open (void)
{
  struct api api = { .version = VERSION, .features = FEATURE_SIGBUS };
  int fd = orl_sys.userfaultfd (O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY);

  if (fd < 0)
    return -1;
  if (orl_sys.ioctl (fd, SET_API, &api) == 0)
    return fd;
  orl_sys.close (fd);
  return -1;
}

void
orl_holes_watch (int fd, void *at, size_t n)
{
  struct registration r
      = { .start = (uintptr_t) at, .bytes = n, .mode = MODE_MISSING };

  if (fd >= 0)
    orl_sys.ioctl (fd, REGISTER, &r);
}

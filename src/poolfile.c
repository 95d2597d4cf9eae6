/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poolfile.c - the file that a pool is
 *
 * A pool is built under another name, PATH.building, and gets its own by a
 * rename when it is whole, so no one ever sees half a pool, and whoever loses
 * the race finds the winner's.  The builder holds the gate, an OFD lock, of
 * PATH.building: what is there without it was left by one that died.  That is
 * removed and never built upon: where there is only link() in place of the
 * rename, it may be a pool that others are attached to.
 *
 * No one removes a name without the gate of the file that has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "error.h"
#include "mapping.h"
#include "point.h"
#include "poolfile.h"
#include "sys.h"

#define DIRECTORY "/dev/shm"
#define SIZE_DEFAULT (UINT64_C (128) << 20)
#define PAGE_DEFAULT 4096
#define PROCS_DEFAULT 128
#define THREADS_DEFAULT 256
#define FILES_DEFAULT 256

#define GATE ((off_t) 1 << 59)  /* below the bytes of proc.c */

/* How long another's building of the same pool is waited for: filling 64 GiB
 * takes about 20 s. */
#define BUILD_ROUNDS 60000      /* of 1 ms */

const char *
orl_poolfile_directory (const char *directory)
{
  if (!directory)
    directory = getenv ("ORIEL_DIR");
  return directory && *directory ? directory : DIRECTORY;
}

int
orl_poolfile_path (const char *name, const char *directory, char **path)
{
  int n;

  if (!name || !*name || strlen (name) > 4000)
    return orl_fail (-EINVAL, "a pool's name must have 1 to 4000 characters");
  if (strchr (name, '/'))
    *path = strdup (name);
  else
    {
      directory = orl_poolfile_directory (directory);
      n = snprintf (NULL, 0, "%s/" ORL_POOL_PREFIX "%s", directory, name) + 1;
      *path = malloc ((size_t) n);
      if (*path)
        snprintf (*path, (size_t) n, "%s/" ORL_POOL_PREFIX "%s", directory,
                  name);
    }
  return *path ? 0 : orl_fail (-ENOMEM, "%s: no memory", name);
}

/* Is this a file that we may trust as far as its owner and mode go? */
static int
check_owner (int fd, const char *path, struct stat *st)
{
  int r = orl_sys.fstat (fd, st);

  if (r < 0)
    return orl_fail (r, "%s: cannot be looked at", path);
  if (!S_ISREG (st->st_mode))
    return orl_fail (-EPROTO, "%s: not a regular file, so no pool", path);
  if (st->st_uid != geteuid ())
    return orl_fail (-EPERM,
                     "%s: belongs to user %u and not to %u; choose another "
                     "pool name",
                     path, (unsigned) st->st_uid, (unsigned) geteuid ());
  if ((st->st_mode & 07777) != 0600)
    return orl_fail (-EPERM,
                     "%s: its mode is %04o and must be 0600: others could have "
                     "changed it; destroy it",
                     path, (unsigned) st->st_mode & 07777);
  return 0;
}

/* We may not open it: because it is another user's? */
static int
refused (const char *path)
{
  int fd = orl_sys.open (path, O_PATH | O_NOFOLLOW, 0);
  struct stat st;
  int r = -EACCES;

  if (fd >= 0)
    {
      r = check_owner (fd, path, &st);
      orl_sys.close (fd);
      if (r < 0)
        return r;
      r = -EACCES;
    }
  return orl_fail (r, "%s: the pool cannot be opened", path);
}

int
orl_poolfile_open (const char *path, struct orl_super *super, int *fd)
{
  struct stat st;
  ssize_t n;
  int r;

  *fd = -1;
  r = orl_sys.open (path, O_RDWR | O_NOFOLLOW, 0);
  if (r == -EACCES)
    return refused (path);
  if (r < 0)
    return orl_fail (r, r == -ELOOP ? "%s: is a symbolic link, which a pool "
                                      "must not be; remove it"
                                    : "%s: the pool cannot be opened",
                     path);
  *fd = r;
  memset (super, 0, sizeof *super);
  r = check_owner (*fd, path, &st);
  if (r < 0)
    return r;
  n = orl_sys.pread (*fd, super, sizeof *super, 0);
  if (n < 0)
    return orl_fail ((int) n, "%s: cannot be read", path);
  if ((size_t) n < sizeof *super)
    return orl_fail (-EPROTO, "%s: has %zd bytes, which is no pool; remove it",
                     path, n);
  return orl_layout_check (super, (uint64_t) st.st_size, path);
}

/* Magic numbers: tmpfs, ramfs, hugetlbfs. */
static bool
is_in_memory (int fd)
{
  struct statfs fs;
  uint32_t type;

  if (fstatfs (fd, &fs) < 0)
    return false;
  type = (uint32_t) fs.f_type;
  return type == 0x01021994 || type == 0x858458f6 || type == 0x958458f6;
}

int
orl_poolfile_age (int fd, const struct orl_super *super)
{
  char ours[sizeof super->boot_id];
  int r = orl_layout_boot_id (ours);

  if (r < 0)
    return r;
  if (strcmp (ours, ORL_NO_BOOT_ID) != 0
      && strncmp (super->boot_id, ORL_NO_BOOT_ID, sizeof ours) != 0)
    return strncmp (super->boot_id, ours, sizeof ours) == 0 ? ORL_THIS_BOOT
                                                            : ORL_OTHER_BOOT;
  return is_in_memory (fd) ? ORL_THIS_BOOT : ORL_UNKNOWN_BOOT;
}

int
orl_poolfile_enter_gate (int fd)
{
  struct stat st;
  int r;

  for (unsigned round = 0;; round++)
    {
      r = orl_sys.lock (fd, F_WRLCK, GATE);
      if (r != -EAGAIN && r != -EACCES)
        break;
      orl_backoff (round);
    }
  if (r < 0)
    return r == -EINVAL ? -EOPNOTSUPP : r; /* a file system without locks */
  r = orl_sys.fstat (fd, &st);
  if (r == 0 && st.st_nlink == 0)
    r = -ENOENT;
  if (r < 0)
    orl_poolfile_leave_gate (fd);
  return r;
}

void
orl_poolfile_leave_gate (int fd)
{
  orl_sys.lock (fd, F_UNLCK, GATE);
}

/* The options' numbers, with defaults, as a geometry. */
static int
choose (const char *path, int fd, const oriel_options *opt, bool fence,
        struct orl_geometry *geo)
{
  uint64_t room = 0;
  uint64_t size = opt->pool_size;
  int r;

  memset (geo, 0, sizeof *geo);
  r = orl_sys.space (fd, &room, &geo->block);
  if (r < 0)
    return orl_fail (r, "%s: its file system cannot be asked for room", path);
  if (geo->block > ORL_BLOCK_MAX)
    return orl_fail (-EINVAL,
                     "%s: on huge pages of %u bytes; those of up to %u can be "
                     "used",
                     path, geo->block, ORL_BLOCK_MAX);
  geo->page_size = opt->page_size ? opt->page_size : PAGE_DEFAULT;
  if (size == 0)
    size = room / 2 < SIZE_DEFAULT ? room / 2 : SIZE_DEFAULT;
  geo->made = size / geo->page_size;
  geo->nframes = opt->max_size ? opt->max_size / geo->page_size : geo->made;
  if (geo->nframes < geo->made)
    return orl_fail (-EINVAL,
                     "%s: a pool of %llu bytes cannot have a max_size of %llu",
                     path, (unsigned long long) size,
                     (unsigned long long) opt->max_size);
  geo->nprocs = opt->max_processes ? opt->max_processes : PROCS_DEFAULT;
  geo->nthreads = opt->max_threads ? opt->max_threads : THREADS_DEFAULT;
  geo->nfiles = opt->max_files ? opt->max_files : FILES_DEFAULT;
  geo->flags = fence || (opt->flags & ORIEL_FENCE) ? ORL_POOL_FENCE : 0;
  if (orl_layout_compute (geo) < 0)
    return orl_fail (-EINVAL,
                     "%s: a pool of %llu bytes in pages of %u, %u processes, "
                     "%u threads, %u files: out of range (at least %d pages; "
                     "see oriel.h)",
                     path, (unsigned long long) size, geo->page_size,
                     geo->nprocs, geo->nthreads, geo->nfiles, ORL_MIN_FRAMES);
  return 0;
}

/* Beyond the limit a write is a signal before it is an error. */
int
orl_poolfile_may_write (const char *path, const struct orl_geometry *geo)
{
  struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

  getrlimit (RLIMIT_FSIZE, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || geo->file_bytes <= limit.rlim_cur)
    return 0;
  return orl_fail (-EFBIG,
                   "%s: a pool's file of %llu bytes is larger than this process "
                   "may write (RLIMIT_FSIZE is %llu bytes); raise that (ulimit "
                   "-f), or make the pool smaller",
                   path, (unsigned long long) geo->file_bytes,
                   (unsigned long long) limit.rlim_cur);
}

#define ZEROES (64u << 10)
#define PARTS 16                /* of one write */

static int
write_zeroes (int fd, uint64_t at, uint64_t n)
{
  static const char zeroes[ZEROES];

  while (n > 0)
    {
      struct iovec iov[PARTS];
      uint64_t left = n;
      int parts = 0;
      ssize_t w;

      for (; parts < PARTS && left > 0; left -= iov[parts++].iov_len)
        {
          iov[parts].iov_base = (void *) (uintptr_t) zeroes;
          iov[parts].iov_len = left < ZEROES ? left : ZEROES;
        }
      w = orl_sys.pwritev (fd, iov, parts, (off_t) at);

      if (w <= 0)
        return w < 0 ? (int) w : -ENOSPC;
      at += (uint64_t) w;
      n -= (uint64_t) w;
    }
  return 0;
}

/* Give [at, at + n) its blocks.  They are written, too, since what is reserved
 * and was never touched looks like a hole (lost-copy.c), and since Linux 6.18
 * forgets what is put into such a huge page after MADV_COLLAPSE (mapping.c).  That
 * takes a GiB from 0.2 s to 0.5.  hugetlbfs does not write, and is not asked. */
int
orl_poolfile_allocate (int fd, const struct orl_geometry *geo, uint64_t at,
                       uint64_t n)
{
  int r = orl_sys.fallocate (fd, 0, (off_t) at, (off_t) n);

  /* Sandboxes that do not know the call say EPERM. */
  if (r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM)
    return geo->block > 4096 ? -EOPNOTSUPP : write_zeroes (fd, at, n);
  if (r == 0 && geo->block == 4096)
    r = write_zeroes (fd, at, n);
  return r;
}

static int
write_super (int fd, const struct orl_geometry *geo)
{
  char boot_id[40];
  int r = orl_layout_boot_id (boot_id);
  void *at;

  if (r < 0)
    return r;
  at = orl_mapping_tables (fd, geo, PROT_READ | PROT_WRITE);
  if (at == MAP_FAILED)
    return -errno;
  orl_mapping_make_huge (at, geo);
  orl_layout_stamp (at, geo, boot_id);
  orl_sys.munmap (at, orl_mapping_bytes (geo));
  return 0;
}

/* Fill the new file.  What lies between metadata and pages stays a hole. */
static int
build (const char *path, int fd, const oriel_options *opt, bool fence)
{
  struct orl_geometry geo;
  struct orl_range tables[ORL_RANGES];
  uint64_t room = 0, data, huge, sum = 0;
  uint32_t block;
  int r = choose (path, fd, opt, fence, &geo);

  if (r == 0)
    r = orl_poolfile_may_write (path, &geo);
  if (r < 0)
    return r;
  data = orl_data_bytes (&geo, geo.made);
  orl_layout_ranges (&geo, geo.made, tables);
  ORL_POINT ("create.locked");
  r = orl_sys.ftruncate (fd, (off_t) geo.file_bytes);
  ORL_POINT ("create.sized");
  for (int i = 0; i < ORL_RANGES; i++)
    {
      uint64_t n = tables[i].to - tables[i].from;

      sum += n;
      if (r == 0 && n > 0)
        r = orl_poolfile_allocate (fd, &geo, tables[i].from, n);
    }
  if (r == 0)
    {
      huge = orl_mapping_fill_huge (fd, &geo);
      if (huge < data)
        r = orl_poolfile_allocate (fd, &geo, geo.data + huge, data - huge);
    }
  ORL_POINT ("create.filled");
  if (r == 0)
    r = write_super (fd, &geo);
  if (r == 0)
    return 0;
  orl_sys.ftruncate (fd, 0);
  if (r == -EOPNOTSUPP)
    return orl_fail (r,
                     "%s: a pool on hugetlbfs cannot be allocated: there is no "
                     "fallocate() for it, which Linux has from 4.3 on; use a "
                     "directory on tmpfs",
                     path);
  orl_sys.space (fd, &room, &block);
  return orl_fail (r,
                   "%s: a pool of %llu bytes (with %llu for its tables) cannot "
                   "be allocated, %llu bytes are free there; make the pool "
                   "smaller or use another directory",
                   path, (unsigned long long) (data + sum),
                   (unsigned long long) sum,
                   (unsigned long long) room);
}

/* PATH.building is there: wait until no one builds, and remove what is left. */
static int
discard (const char *path)
{
  struct stat st, named;
  int fd = orl_sys.open (path, O_RDWR | O_NOFOLLOW, 0);
  int look = -1;
  int r;

  if (fd == -ENOENT)
    return 0;
  if (fd < 0)
    return orl_fail (fd, "%s: cannot be opened", path);
  r = check_owner (fd, path, &st);
  if (r == 0 && (r = orl_poolfile_enter_gate (fd)) == -EOPNOTSUPP)
    orl_fail (r, "%s: its file system has no locks", path);
  if (r < 0)
    goto out;
  look = orl_sys.open (path, O_PATH | O_NOFOLLOW, 0);
  if (look >= 0 && orl_sys.fstat (look, &named) == 0
      && named.st_dev == st.st_dev && named.st_ino == st.st_ino)
    {
      ORL_POINT ("create.discard");
      orl_sys.unlink (path);
    }
  orl_poolfile_leave_gate (fd);
out:
  if (look >= 0)
    orl_sys.close (look);
  orl_sys.close (fd);
  return r == -ENOENT ? 0 : r;
}

/* Make PATH.building and lock it.  -EAGAIN: another process was building. */
static int
open_new (const char *path, int *fd)
{
  int r = orl_sys.open (path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);

  if (r == -EEXIST)
    {
      r = discard (path);
      return r < 0 ? r : -EAGAIN;
    }
  if (r == -ENOENT)
    return orl_fail (r, "%s: cannot be created: there is no such directory",
                     path);
  if (r < 0)
    return orl_fail (r, "%s: cannot be created", path);
  *fd = r;
  ORL_POINT ("create.opened");
  r = orl_poolfile_enter_gate (*fd);
  if (r == -ENOENT)
    r = -EAGAIN;
  else if (r == -EOPNOTSUPP)
    orl_fail (r, "%s: its file system has no locks", path);
  if (r < 0)
    orl_sys.close (*fd);
  return r;
}

int
orl_poolfile_create (const char *path, const oriel_options *opt, bool fence)
{
  size_t n = strlen (path) + sizeof ORL_POOL_BUILDING;
  char *new = malloc (n);
  int fd = -1;
  int r = -EAGAIN;

  if (!new)
    return orl_fail (-ENOMEM, "%s: no memory", path);
  snprintf (new, n, "%s" ORL_POOL_BUILDING, path);
  for (unsigned round = 0; r == -EAGAIN && round < BUILD_ROUNDS; round++)
    {
      r = open_new (new, &fd);
      if (r == -EAGAIN)
        orl_backoff (round);
    }
  if (r < 0)
    goto out;
  /* While we hold the gate no one else builds; but someone may have ended just
   * before we took it. */
  r = access (path, F_OK) == 0 ? -EEXIST : build (path, fd, opt, fence);
  ORL_POINT ("create.built");
  if (r == 0 && (r = orl_sys.rename (new, path)) < 0 && r != -EEXIST)
    orl_fail (r, "%s: cannot be given its name", path);
  ORL_POINT ("create.named");
  if (r < 0)
    orl_sys.unlink (new);
  if (r == -EEXIST)
    r = 0;
  else if (r == 0)
    r = 1;
  orl_poolfile_leave_gate (fd);
  orl_sys.close (fd);
out:
  free (new);
  return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-files.c - database files as the parent handles them: by plain calls,
 * while no child has them open, for closing a descriptor drops POSIX locks
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql-base.h"

static int
copy_bytes (int in, int out)
{
  static char buffer[1 << 20];
  ssize_t n, done, put;

  while ((n = read (in, buffer, sizeof buffer)) > 0)
    for (done = 0; done < n; done += put)
      {
        put = write (out, buffer + done, (size_t) (n - done));
        if (put < 0)
          return -errno;
      }
  return n < 0 ? -errno : 0;
}

/* The copy is on disk when this returns, so that no run pays for it. */
int
sql_file_copy (const char *from, const char *to)
{
  int in, out = -1, err = 0;

  in = open (from, O_RDONLY | O_CLOEXEC);
  if (in >= 0)
    out = open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (in < 0 || out < 0)
    {
      err = -errno;
      goto out;
    }
  err = copy_bytes (in, out);
  if (err == 0 && fsync (out) != 0)
    err = -errno;
 out:
  if (in >= 0)
    close (in);
  if (out >= 0)
    {
      close (out);
      if (err != 0)
        unlink (to);
    }
  return err;
}

/* Write the file out and drop it from the page cache, so that a run starts
 * cold, and what it reads is charged to its own cgroup. */
int
sql_file_uncache (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  int err = 0;

  if (fd < 0)
    return -errno;
  if (fdatasync (fd) != 0)
    err = -errno;
  else
    err = -posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
  return err;
}

long long
sql_file_size (const char *path, const char *suffix)
{
  char name[PATH_MAX + 16];
  struct stat st;

  snprintf (name, sizeof name, "%s%s", path, suffix);
  return stat (name, &st) == 0 ? (long long) st.st_size : -1;
}

void
sql_file_remove (const char *database)
{
  static const char *const suffix[] = { "", "-wal", "-shm", "-journal" };
  char path[PATH_MAX + 16];
  size_t i;

  for (i = 0; i < sizeof suffix / sizeof *suffix; i++)
    {
      snprintf (path, sizeof path, "%s%s", database, suffix[i]);
      unlink (path);
    }
}

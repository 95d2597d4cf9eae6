/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys-lock.c - what OFD locks do, made of POSIX locks
 *
 * A POSIX lock is the process's: it does not exclude its own threads, F_GETLK
 * does not show it to them, and closing any descriptor of the file drops it.  An
 * OFD lock is the descriptor's.  So this keeps a list of the locks that the
 * process has, and by which descriptor, and answers from it what concerns the
 * process itself.  A descriptor of a file with locks in the list is not closed
 * but kept until the last of these is given up; whoever opens the file again
 * gets it.
 *
 * What remains is the kernel's: the locks go when the process has ended, after
 * its last thread has left the kernel, or when it executes another program.
 *
 * What cannot be had: no one else in the process, nor a second copy of this
 * library, may open and close a pool's file.
 *
 * Lock: one of this file, a leaf.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys-lock.h"
#include "sys.h"

struct entry {
  dev_t dev;
  ino_t ino;
  off_t at;                     /* the byte locked, or KEPT */
  int fd;
};

#define KEPT ((off_t) -1)       /* fd is to be closed when no lock is left */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct entry *list;      /* under mutex */
static size_t nlist, room;
static _Atomic size_t count;    /* nlist, for who looks without the mutex */

static bool
is_of (const struct entry *e, const struct stat *st)
{
  return e->dev == st->st_dev && e->ino == st->st_ino;
}

/* Make room for one more. */
static int
reserve (void)
{
  size_t more = room ? 2 * room : 16;
  struct entry *p;

  if (nlist < room)
    return 0;
  p = realloc (list, more * sizeof *p);
  if (!p)
    return -ENOMEM;
  list = p;
  room = more;
  return 0;
}

static void
add (const struct stat *st, off_t at, int fd)
{
  list[nlist++] = (struct entry){ st->st_dev, st->st_ino, at, fd };
  atomic_store (&count, nlist);
}

static void
drop (size_t i)
{
  list[i] = list[--nlist];
  atomic_store (&count, nlist);
}

/* The lock of the byte, or NULL. */
static struct entry *
find (const struct stat *st, off_t at)
{
  for (size_t i = 0; i < nlist; i++)
    if (is_of (&list[i], st) && list[i].at == at)
      return &list[i];
  return NULL;
}

static bool
has_locks (const struct stat *st)
{
  for (size_t i = 0; i < nlist; i++)
    if (is_of (&list[i], st) && list[i].at != KEPT)
      return true;
  return false;
}

/* Ask the kernel; type F_UNLCK cannot fail. */
static int
set (int fd, int type, off_t at)
{
  struct flock fl
      = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

  return orl_sys.fcntl_lock (fd, F_SETLK, &fl);
}

/* With no lock of the file left, close what was kept. */
static void
close_kept (const struct stat *st)
{
  if (has_locks (st))
    return;
  for (size_t i = nlist; i-- > 0;)
    if (is_of (&list[i], st))
      {
        int was = orl_cancel_off ();

        close (list[i].fd);
        orl_cancel_back (was);
        drop (i);
      }
}

static int
take (int fd, const struct stat *st, off_t at)
{
  const struct entry *e = find (st, at);
  int r;

  if (e)
    return e->fd == fd ? 0 : -EAGAIN;
  if ((r = reserve ()) < 0 || (r = set (fd, F_WRLCK, at)) < 0)
    return r;
  add (st, at, fd);
  return 0;
}

static int
give (int fd, const struct stat *st, off_t at)
{
  struct entry *e = find (st, at);

  if (!e || e->fd != fd)
    return 0;
  set (fd, F_UNLCK, at);
  drop ((size_t) (e - list));
  close_kept (st);
  return 0;
}

int
orl_posix_lock (int fd, int type, off_t at)
{
  struct stat st;
  int r = orl_sys.fstat (fd, &st);

  if (r < 0)
    return r;
  pthread_mutex_lock (&mutex);
  r = type == F_UNLCK ? give (fd, &st, at) : take (fd, &st, at);
  pthread_mutex_unlock (&mutex);
  return r;
}

int
orl_posix_locked (int fd, off_t at)
{
  struct flock fl
      = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
  const struct entry *e;
  struct stat st;
  int r = orl_sys.fstat (fd, &st);

  if (r < 0)
    return r;
  pthread_mutex_lock (&mutex);
  e = find (&st, at);
  r = e ? e->fd != fd : orl_sys.fcntl_lock (fd, F_GETLK, &fl);
  pthread_mutex_unlock (&mutex);
  if (e || r < 0)
    return r;
  return fl.l_type != F_UNLCK;
}

/* Closing one that is only a path's drops no locks. */
static bool
is_path (int fd)
{
  return fcntl (fd, F_GETFL) & O_PATH;
}

bool
orl_posix_keep (int fd)
{
  struct stat st;
  bool keep = false;

  if (atomic_load (&count) == 0 || orl_sys.fstat (fd, &st) < 0
      || is_path (fd))
    return false;
  pthread_mutex_lock (&mutex);
  for (size_t i = nlist; i-- > 0;)
    if (is_of (&list[i], &st) && list[i].fd == fd && list[i].at != KEPT)
      {
        set (fd, F_UNLCK, list[i].at);
        drop (i);
      }
  close_kept (&st);
  /* Without room to note it, rather leak it than lose locks. */
  keep = has_locks (&st);
  if (keep && reserve () == 0)
    add (&st, KEPT, fd);
  pthread_mutex_unlock (&mutex);
  return keep;
}

int
orl_posix_reopen (const char *path, int flags)
{
  struct stat st;
  int fd = -1;

  if (atomic_load (&count) == 0 || (flags & (O_CREAT | O_PATH))
      || lstat (path, &st) < 0)
    return -1;
  pthread_mutex_lock (&mutex);
  for (size_t i = 0; i < nlist && fd < 0; i++)
    if (is_of (&list[i], &st) && list[i].at == KEPT
        && (fcntl (list[i].fd, F_GETFL) & O_ACCMODE) == (flags & O_ACCMODE))
      {
        fd = list[i].fd;
        drop (i);
      }
  pthread_mutex_unlock (&mutex);
  return fd;
}

void
orl_posix_before_fork (void)
{
  pthread_mutex_lock (&mutex);
}

void
orl_posix_after_fork (bool child)
{
  if (child)
    {
      for (size_t i = 0; i < nlist; i++)
        if (list[i].at == KEPT)
          close (list[i].fd);
      nlist = 0;
      atomic_store (&count, 0);
    }
  pthread_mutex_unlock (&mutex);
}

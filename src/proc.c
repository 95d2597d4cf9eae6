/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.c - attached processes and whether they live
 *
 * A place's token is written after its lock was taken and cleared before the
 * lock goes, so a token without a lock names a process that died.  Whoever
 * takes such a place repairs what the dead one left before it writes its own
 * token (pool.c): until then the places's old token stays and names the dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "point.h"
#include "proc.h"
#include "sys.h"

/* Far behind any byte that the file has, and the same on 32 bits. */
#define LOCK_BASE ((off_t) 1 << 60)

static int
enter (struct orl_shm *shm, uint32_t i, uint64_t *dead)
{
  int r = orl_sys.lock (shm->fd, F_WRLCK, LOCK_BASE + i);

  if (r < 0)
    return r;
  ORL_POINT ("attach.place.locked");
  shm->proc = i;
  shm->token = (atomic_fetch_add (&shm->super->serial, 1) + 1) << 16 | (i + 1);
  *dead = atomic_load (&shm->procs[i].token);
  return 0;
}

int
orl_proc_enter (struct orl_shm *shm, uint64_t *dead)
{
  /* First places that were left clean: a repair is for who needs the room. */
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 0; i < shm->geo.nprocs; i++)
      {
        int r;

        if (pass == 0 && atomic_load (&shm->procs[i].token) != 0)
          continue;
        r = enter (shm, i, dead);
        if (r != -EAGAIN && r != -EACCES)
          return r;
      }
  return -EUSERS;
}

void
orl_proc_leave (struct orl_shm *shm)
{
  atomic_store (&shm->procs[shm->proc].token, 0);
  ORL_POINT ("detach.place.left");
  orl_sys.lock (shm->fd, F_UNLCK, LOCK_BASE + shm->proc);
  ORL_POINT ("detach.place.unlocked");
}

bool
orl_proc_alive (const struct orl_shm *shm, uint64_t token)
{
  uint32_t i = (uint32_t) (token & 0xffff) - 1;

  if (i >= shm->geo.nprocs || atomic_load (&shm->procs[i].token) != token)
    return false;
  if (token == shm->token)
    return true;
  return orl_sys.locked (shm->fd, LOCK_BASE + i) != 0;
}

int
orl_proc_count (int fd, uint32_t nprocs)
{
  int n = 0;

  for (uint32_t i = 0; i < nprocs; i++)
    {
      int r = orl_sys.locked (fd, LOCK_BASE + i);

      if (r < 0)
        return r;
      n += r;
    }
  return n;
}

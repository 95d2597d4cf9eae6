/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.c - attached processes and whether they live
 *
 * A place's token is written after its lock was taken and cleared before the
 * lock goes, so a token without a lock names a process that died.  Whoever
 * takes such a place writes its own token over it, and so the old one names the
 * dead for good; the process's ledger becomes its own, and it puts right what
 * the dead left there (orl_recover_place()).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "point.h"
#include "proc.h"
#include "sys.h"

/* Far behind any byte that the file has, and the same on 32 bits. */
#define LOCK_BASE ((off_t) 1 << 60)
#define READS_BASE (LOCK_BASE + ORL_MAX_PROCS)
#define WRITES_BASE (READS_BASE + ORL_MAX_PROCS)

/* Rounds of orl_backoff() for places that others are just putting right, or to
 * which a dead one's transfers still come: some 180 ms. */
#define ROUNDS 300

static int
enter (struct orl_shm *shm, uint32_t i, bool (*claim) (struct orl_shm *shm))
{
  int r = orl_sys.lock (shm->fd, F_WRLCK, LOCK_BASE + i);

  if (r < 0)
    return r;
  if (orl_sys.locked (shm->fd, READS_BASE + i)
      || orl_sys.locked (shm->fd, WRITES_BASE + i))
    {
      orl_sys.lock (shm->fd, F_UNLCK, LOCK_BASE + i);
      return -EBUSY;
    }
  ORL_POINT ("attach.place.locked");
  shm->proc = i;
  shm->token = (atomic_fetch_add (&shm->super->serial, 1) + 1) << 16 | (i + 1);
  if (claim (shm))
    return 0;
  orl_sys.lock (shm->fd, F_UNLCK, LOCK_BASE + i);
  return -EBUSY;
}

/* Any place; clean: only one that was left clean. */
static int
enter_any (struct orl_shm *shm, bool clean, bool (*claim) (struct orl_shm *shm))
{
  int result = -EUSERS;

  for (uint32_t i = 0; i < shm->geo.nprocs; i++)
    {
      int r;

      if (clean && atomic_load (&shm->procs[i].token) != 0)
        continue;
      r = enter (shm, i, claim);
      if (r == -EBUSY)
        result = r;
      else if (r != -EAGAIN && r != -EACCES)
        return r;
    }
  return result;
}

int
orl_proc_enter (struct orl_shm *shm, bool (*claim) (struct orl_shm *shm))
{
  /* First places that were left clean: a repair is for who needs the room. */
  int r = enter_any (shm, true, claim);

  if (r == -EUSERS || r == -EBUSY)
    r = enter_any (shm, false, claim);
  for (unsigned round = 0; r == -EBUSY && round < ROUNDS; round++)
    {
      orl_backoff (round);
      r = enter_any (shm, false, claim);
    }
  return r == -EBUSY ? -EUSERS : r;
}

void
orl_proc_leave (struct orl_shm *shm)
{
  atomic_store (&shm->procs[shm->proc].token, 0);
  ORL_POINT ("detach.place.left");
  orl_sys.lock (shm->fd, F_UNLCK, LOCK_BASE + shm->proc);
  ORL_POINT ("detach.place.unlocked");
}

int
orl_proc_io_open (const struct orl_shm *shm, enum orl_proc_io kind)
{
  struct flock none = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int r = orl_sys.fcntl_lock (shm->fd, F_OFD_GETLK, &none);
  char path[40];
  int fd;

  if (r < 0)
    return r;
  snprintf (path, sizeof path, "/proc/self/fd/%d", shm->fd);
  fd = orl_sys.open (path, O_RDWR, 0);
  if (fd < 0)
    return fd;
  r = orl_sys.lock (fd, F_WRLCK,
                    (kind == ORL_PROC_READS ? READS_BASE : WRITES_BASE)
                        + shm->proc);
  if (r < 0)
    orl_sys.close (fd);
  return r < 0 ? r : fd;
}

/* Who takes the place of a dead one has waited for its transfers. */
bool
orl_proc_writes_go_on (const struct orl_shm *shm, uint64_t token)
{
  uint32_t i = (uint32_t) (token & 0xffff) - 1;

  return i < shm->geo.nprocs && token != shm->token
         && orl_sys.locked (shm->fd, WRITES_BASE + i) != 0
         && atomic_load (&shm->procs[i].token) == token;
}

bool
orl_proc_io_is_on (const struct orl_shm *shm, uint32_t ledger)
{
  if (ledger >= shm->geo.nledgers)
    return false;
  if (ledger >= shm->geo.nthreads
      && orl_sys.locked (shm->fd, READS_BASE + (ledger - shm->geo.nthreads))
             != 0)
    return true;
  return (atomic_load (&shm->ledgers[ledger].locks) & ORL_HAS_WRITES)
         && orl_proc_writes_go_on (shm, atomic_load (&shm->tokens[ledger]));
}

void
orl_proc_settle (const struct orl_shm *shm)
{
  for (uint32_t i = 0; i < shm->geo.nprocs; i++)
    {
      uint64_t token = atomic_load (&shm->procs[i].token);

      if (token == 0 || token == shm->token)
        continue;
      for (unsigned round = 0; orl_proc_writes_go_on (shm, token)
                               && !orl_proc_alive (shm, token);
           round++)
        orl_backoff (round);
    }
}

bool
orl_proc_dead_write (const struct orl_shm *shm)
{
  for (uint32_t i = 0; i < shm->geo.nprocs; i++)
    {
      uint64_t token = atomic_load (&shm->procs[i].token);

      if (token != 0 && token != shm->token
          && orl_proc_writes_go_on (shm, token) && !orl_proc_alive (shm, token))
        return true;
    }
  return false;
}

void
orl_proc_settle_file (int fd, uint32_t nprocs)
{
  for (uint32_t i = 0; i < nprocs; i++)
    for (unsigned round = 0; orl_sys.locked (fd, WRITES_BASE + i) == 1
                             && orl_sys.locked (fd, LOCK_BASE + i) == 0;
         round++)
      orl_backoff (round);
}

bool
orl_proc_place_is_locked (const struct orl_shm *shm, uint32_t place)
{
  return place == shm->proc || orl_sys.locked (shm->fd, LOCK_BASE + place) != 0;
}

bool
orl_proc_alive (const struct orl_shm *shm, uint64_t token)
{
  uint32_t i = (uint32_t) (token & 0xffff) - 1;

  if (i >= shm->geo.nprocs || atomic_load (&shm->procs[i].token) != token)
    return false;
  if (token == shm->token)
    return true;
  return orl_proc_locked (shm->fd, i);
}

bool
orl_proc_locked (int fd, uint32_t proc)
{
  return orl_sys.locked (fd, LOCK_BASE + proc) != 0;
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

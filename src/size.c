/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * size.c - how large a pool is, while that changes
 *
 * Lock: super.resizer.  It is held across I/O, and so it is tried and never
 * waited for.
 */
#include <errno.h>
#include <fcntl.h>

#include "lock.h"
#include "point.h"
#include "size.h"
#include "sys.h"

void
orl_size_punch (const struct orl_shm *shm)
{
  uint64_t from = orl_backed_bytes (shm);
  uint64_t end = orl_data_bytes (&shm->geo, shm->geo.nframes);

  if (from < end)
    orl_sys.fallocate (shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       (off_t) (shm->geo.data + from), (off_t) (end - from));
}

/* With the word taken. */
static void
put_right (const struct orl_shm *shm)
{
  ORL_POINT ("size.repair.begin");
  orl_size_punch (shm);
  ORL_POINT ("size.repair.punched");
  atomic_store (&shm->super->frames, atomic_load (&shm->super->backed));
  ORL_POINT ("size.repair.done");
}

int
orl_size_take (const struct orl_shm *shm, uint32_t owner)
{
  orl_a32 *word = &shm->super->resizer;
  uint32_t w = 0;

  while (!atomic_compare_exchange_strong (word, &w, owner))
    if (w != 0 && w != owner && orl_owner_alive (shm, w))
      return -EBUSY;
    else if (w != 0 && atomic_compare_exchange_strong (word, &w, owner))
      {
        put_right (shm);
        return 0;
      }
    else
      w = 0;
  ORL_POINT ("size.taken");
  return 0;
}

void
orl_size_give (const struct orl_shm *shm)
{
  ORL_POINT ("size.give");
  atomic_store (&shm->super->resizer, 0);
}

void
orl_size_repair (const struct orl_shm *shm, uint32_t owner, uint32_t dead)
{
  uint32_t w = dead;

  if (atomic_load (&shm->super->resizer) != dead
      || !atomic_compare_exchange_strong (&shm->super->resizer, &w, owner))
    return;
  put_right (shm);
  orl_size_give (shm);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.c - what of an attachment more than one module needs
 */
#include <errno.h>

#include "attach.h"
#include "error.h"

struct oriel_file *
orl_file_hold (struct oriel_pool *pool, uint32_t index)
{
  struct oriel_file *file;

  pthread_mutex_lock (&pool->lock);
  file = pool->files[index];
  if (file && file->opens == 0)
    file = NULL; /* it is being closed */
  if (file)
    file->holds++;
  pthread_mutex_unlock (&pool->lock);
  return file;
}

void
orl_file_unhold (struct oriel_file *file)
{
  struct oriel_pool *pool = file->pool;

  pthread_mutex_lock (&pool->lock);
  file->holds--;
  pthread_mutex_unlock (&pool->lock);
}

int
orl_pool_gone (const struct oriel_pool *pool)
{
  switch (atomic_load (&pool->gone))
    {
    case ORL_GONE_TABLES:
      return orl_fail (-EIO,
                       "%s: the pool's tables were cut away by someone; pages "
                       "not yet written are lost; abandon the files, close the "
                       "pool, destroy it and open it again",
                       pool->path);
    case ORL_GONE_ROOM:
      return orl_fail (-EIO,
                       "%s: pages of the pool were cut away by someone, and "
                       "its file system has no room to replace them; abandon "
                       "the files, close the pool, make room and open it again",
                       pool->path);
    }
  return 0;
}

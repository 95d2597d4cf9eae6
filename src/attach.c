/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.c - keep a file from being closed while another one's pin writes it
 */
#include "attach.h"

struct oriel_file *
orl_file_hold (struct oriel_pool *pool, uint32_t index)
{
  struct oriel_file *file;

  pthread_mutex_lock (&pool->lock);
  file = pool->files[index];
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

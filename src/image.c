/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image.c - before-images of pages that are being changed
 *
 * The copies lie beside the metadata, mapped in every process, so taking one
 * needs no slot.  A place is claimed by CAS of owner, filled, and only then
 * tied to its frame: a stranger uses a place that names the frame and no other.
 * Owners start their search in different places, two for each.  The copy has the
 * page's lsns with it: a change that is undone needs no log.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "image.h"
#include "point.h"

static uint32_t
start (const struct orl_shm *shm, uint32_t owner)
{
  return 2 * owner % shm->geo.nimages;
}

static unsigned char *
data (const struct orl_shm *shm, uint32_t i)
{
  return shm->map + shm->geo.image_data + ((uint64_t) i << shm->geo.page_shift);
}

int
orl_image_take (const struct orl_shm *shm, uint32_t owner, uint32_t frame,
                const void *content)
{
  uint32_t n = shm->geo.nimages;

  for (uint32_t k = 0, i = start (shm, owner); k < n; k++, i = (i + 1) % n)
    {
      struct orl_image *im = &shm->images[i];
      uint32_t none = 0;

      if (atomic_load_explicit (&im->owner, memory_order_relaxed) != 0
          || !atomic_compare_exchange_strong (&im->owner, &none, owner))
        continue;
      ORL_POINT ("image.claimed");
      memcpy (data (shm, i), content, shm->geo.page_size);
      atomic_store (&im->lsn, atomic_load (&shm->frames[frame].lsn));
      atomic_store (&im->first, atomic_load (&shm->firsts[frame]));
      ORL_POINT ("image.copied");
      atomic_fetch_add (&shm->ledgers[owner - 1].images, 1);
      ORL_POINT ("image.counted");
      atomic_store_explicit (&im->frame, frame + 1, memory_order_release);
      ORL_POINT ("image.tied");
      return 0;
    }
  return -ENOBUFS;
}

/* The place where owner keeps the frame; n if nowhere. */
static uint32_t
find (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  uint32_t n = shm->geo.nimages;

  for (uint32_t k = 0, i = start (shm, owner); k < n; k++, i = (i + 1) % n)
    if (atomic_load_explicit (&shm->images[i].owner, memory_order_relaxed)
            == owner
        && atomic_load_explicit (&shm->images[i].frame, memory_order_acquire)
               == frame + 1)
      return i;
  return n;
}

static void
release (struct orl_image *im)
{
  atomic_store_explicit (&im->frame, 0, memory_order_release);
  ORL_POINT ("image.untied");
  atomic_store_explicit (&im->owner, 0, memory_order_release);
  ORL_POINT ("image.released");
}

void
orl_image_end (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  orl_a32 *images = &shm->ledgers[owner - 1].images;
  uint32_t i;

  if (atomic_load_explicit (images, memory_order_relaxed) == 0)
    return;
  i = find (shm, owner, frame);
  if (i < shm->geo.nimages)
    {
      release (&shm->images[i]);
      atomic_fetch_sub (images, 1);
    }
}

void *
orl_image_find (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  uint32_t i = find (shm, owner, frame);

  return i < shm->geo.nimages ? data (shm, i) : NULL;
}

void
orl_image_lsns (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  uint32_t i = find (shm, owner, frame);

  if (i == shm->geo.nimages)
    return;
  atomic_store (&shm->frames[frame].lsn, atomic_load (&shm->images[i].lsn));
  ORL_POINT ("image.lsn");
  /* Only from 0 did the change itself move it; who wrote a copy meanwhile may
   * have, since the store has that now. */
  if (atomic_load (&shm->images[i].first) == 0)
    atomic_store (&shm->firsts[frame], 0);
}

void
orl_image_end_all (const struct orl_shm *shm, uint32_t owner)
{
  for (uint32_t i = 0; i < shm->geo.nimages; i++)
    if (atomic_load (&shm->images[i].owner) == owner)
      release (&shm->images[i]);
  atomic_store (&shm->ledgers[owner - 1].images, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - from (file, page) to frame
 *
 * Reading takes no lock and writes nothing.  The table only hints: the frame
 * holds the key, and what the frame says is believed.  Changes lock the
 * partition that the key falls into.
 */
#ifndef ORL_TABLE_H
#define ORL_TABLE_H

#include "frame.h"

/* A file's key in a frame: its index and the epoch in which it was loaded. */
static inline uint64_t
orl_file_key (uint32_t file, uint32_t epoch)
{
  return (uint64_t) epoch << 32 | file;
}

/* Spread a key over 64 bits (the finaliser of MurmurHash3). */
static inline uint64_t
orl_hash (uint64_t file, uint64_t page)
{
  uint64_t h = page * UINT64_C (0x9e3779b97f4a7c15) ^ file;

  h = (h ^ h >> 33) * UINT64_C (0xff51afd7ed558ccd);
  h = (h ^ h >> 33) * UINT64_C (0xc4ceb9fe1a85ec53);
  return h ^ h >> 33;
}

/* The frame that holds the page in any state in which it has a key and is not
 * STALE, and its state word; ORL_NO_FRAME if none was seen.  A page that is
 * just being inserted may be missed. */
uint32_t orl_table_find (const struct orl_shm *shm, uint64_t file,
                         uint64_t page, uint64_t *state);

/* Give a RESERVED frame of the caller's the key, make it LOADING and findable.
 * -EEXIST: another frame, *other, has the page; nothing was done.
 * -ENOBUFS: no room in the partition. */
int orl_table_insert (const struct orl_shm *shm, uint32_t owner,
                      uint32_t frame, uint64_t file, uint64_t page,
                      uint32_t *other);

/* Take the frame's entry out, if it is there. */
void orl_table_remove (const struct orl_shm *shm, uint32_t owner,
                       uint32_t frame);

/* With the partition's lock taken over from a dead owner: put it right. */
void orl_table_repair (const struct orl_shm *shm, uint32_t part);

#endif /* ORL_TABLE_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-room.h - room for a page: a frame, an entry of the page table, a slot
 *
 * What is full is not always full for good.  Frames that are being read, written
 * or evicted are about to be given back, by their owners, and the room with them;
 * what the user has pinned is not.  So who finds no room asks here whether to look
 * again, which waits for such a frame, and is refused only when there is none.
 *
 * The caller owns no frame in such a state, but those of a run that it loads, and
 * so no two wait for each other.
 */
#ifndef ORL_LOAD_ROOM_H
#define ORL_LOAD_ROOM_H

#include "doubt.h"
#include "thread.h"

/* What one who finds no room has waited for; zero at first. */
struct orl_wait
{
  uint64_t since;               /* ns; 0: not yet */
  uint32_t frame;
  unsigned round;               /* looks that found no one to wait for */
  struct orl_doubt doubt;
};

/* Something for the thread's stash, by eviction, or by writing first.  0, -ENOBUFS
 * or the error of a write, with the text. */
int orl_room_make (struct orl_thread *me);

/* The page table had no room for the page: look again?  Forgotten pages in its
 * way are evicted. */
bool orl_room_in_table (struct orl_thread *me, struct orl_wait *wait,
                        uint64_t key, uint64_t page);

/* Many entries lie in the page's way: evict some that are of forgotten pages, if
 * they are not pinned.  all: look until one is not.  False: none were. */
bool orl_room_clear (struct orl_thread *me, uint64_t key, uint64_t page,
                     bool all);

/* The window had no slot: look again?  Or, for who may not wait, would it be of
 * use later? */
bool orl_room_in_window (struct orl_thread *me, struct orl_wait *wait);
bool orl_room_comes (const struct orl_thread *me);

#endif /* ORL_LOAD_ROOM_H */

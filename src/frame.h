/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - the states of a frame
 *
 *            orl_frame_claim()            orl_frame_publish()
 *     FREE ---------------------> RESERVED ----------------> LOADING
 *      ^     (evict.c)             |  ^  ^     (table.c)        |
 *      +---------------------------+  |  +----------------------+ load failed,
 *            orl_frame_free()         |     orl_frame_reserve() | removed first
 *                                     |                         |
 *                     orl_frame_reserve()      orl_frame_settle()
 *                                     |                         v
 *     WRITING <------------------- EVICTING <--------------- VALID
 *        |      (flush.c)             |   orl_frame_take()   ^  |
 *        |                            +----------------------+  |
 *        +---------------------- orl_frame_settle() -------------+
 *
 * RESERVED, LOADING, WRITING and EVICTING name their owner, who alone leaves
 * them and who has the frame in its ledger's work.  VALID and FREE are
 * everybody's, by CAS.  What a stranger does if the owner is dead is in
 * recover.c.
 *
 * The flags DIRTY, STALE and INDOUBT may be set by others at any time in VALID,
 * WRITING and EVICTING; every move keeps them unless it says otherwise.  STALE:
 * the key no longer counts; no new pin finds the frame and its content goes
 * nowhere.  INDOUBT, always with DIRTY: the content is half of a change whose
 * writer died; it is not read, and not written, until indoubt.c has settled it.
 * LOST, always with STALE: its memory was taken away while it had content, so
 * whoever has it pinned is told (lost.c).
 *
 * The key (page, file) changes only in RESERVED, and each change comes with a
 * new generation in the state's upper half: a state word seen twice with the
 * same generation had the same key all the time between.
 */
#ifndef ORL_FRAME_H
#define ORL_FRAME_H

#include <stdatomic.h>

#include "layout.h"

enum orl_frame_state {
  ORL_FREE,
  ORL_RESERVED,
  ORL_LOADING,
  ORL_VALID,
  ORL_WRITING,
  ORL_EVICTING
};

#define ORL_DIRTY 0x10u
#define ORL_STALE 0x20u
#define ORL_WAITERS 0x40u
#define ORL_INDOUBT 0x80u
#define ORL_LOST 0x100u
#define ORL_FLAGS (ORL_DIRTY | ORL_STALE | ORL_INDOUBT | ORL_LOST)

#define ORL_NO_FRAME UINT32_MAX

/* orl_frame.ahead: the page was loaded before it was wanted, and has not been
 * wanted since.  Its first hit clears this and is none to the eviction (heat.h). */
#define ORL_AHEAD 1
#define ORL_AHEAD_STRIDE 2      /* and goes on with a stream that steps, */
#define ORL_AHEAD_MARK 3        /* or with a window of 1 << (ahead - this) pages */

static inline enum orl_frame_state
orl_state (uint64_t word)
{
  return (enum orl_frame_state) (word & 0xf);
}

static inline uint32_t
orl_state_owner (uint64_t word)
{
  return (uint32_t) (word >> 16) & 0xffff;
}

static inline uint32_t
orl_state_gen (uint64_t word)
{
  return (uint32_t) (word >> 32);
}

/* May content be read, and does the key count? */
static inline bool
orl_state_usable (uint64_t word)
{
  uint64_t s = word & (0xf | ORL_STALE | ORL_INDOUBT);

  return s == ORL_VALID || s == ORL_WRITING;
}

static inline uint64_t
orl_state_word (uint32_t gen, uint32_t owner, enum orl_frame_state state,
                uint32_t flags)
{
  return (uint64_t) gen << 32 | (uint64_t) owner << 16 | flags | state;
}

/* Go from word, which was read from the frame, to state, owned by owner (0 for
 * VALID and FREE), with the flags set and cleared.  False: it has changed, and
 * *word is what it is now. */
bool orl_frame_move (struct orl_frame *frame, uint64_t *word,
                     enum orl_frame_state state, uint32_t owner, uint32_t set,
                     uint32_t clear);

/* Likewise from a state that the caller owns, so it cannot fail; wakes those
 * who wait for it. */
void orl_frame_settle (struct orl_frame *frame, enum orl_frame_state state,
                       uint32_t owner, uint32_t set, uint32_t clear);

/* Give a RESERVED frame its key and make it LOADING, with a new generation. */
void orl_frame_key (struct orl_frame *frame, uint32_t owner, uint64_t file,
                    uint64_t page);

/* Set a flag whatever the state is. */
void orl_frame_flag (struct orl_frame *frame, uint32_t flag);

/* Wait until the state may have changed from word; at most some ms. */
void orl_frame_wait (struct orl_frame *frame, uint64_t word);

/* The bit that makes a dirty frame easy to find.  It is set before DIRTY and
 * cleared before it, under the page's latch; alone it means nothing. */
void orl_frame_mark_dirty (const struct orl_shm *shm, uint32_t frame, bool on);

/* Can this be a state that the code above makes? */
bool orl_frame_is_valid (const struct orl_shm *shm, uint32_t frame);

#endif /* ORL_FRAME_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin.h - make a page resident, protect it, and give it back
 */
#ifndef ORL_PIN_H
#define ORL_PIN_H

#include "frame.h"
#include "thread.h"

/* As oriel_pin() and oriel_unpin(). */
int orl_pin (struct orl_thread *me, struct oriel_file *file, uint64_t number,
             unsigned flags, oriel_page *page);

/* The same, with ORIEL_READ or ORIEL_OPTIMISTIC, of a page that is most likely in
 * the frame, which is below orl_span(); or not where this thread remembers it. */
int orl_pin_again (struct orl_thread *me, struct oriel_file *file,
                   uint64_t number, uint32_t frame, unsigned flags,
                   oriel_page *page);
int orl_pin_look (struct orl_thread *me, struct oriel_file *file,
                  uint64_t number, unsigned flags, oriel_page *page);

/* As oriel_pin_hint(). */
int orl_pin_hint (struct orl_thread *me, struct oriel_file *file,
                  uint64_t number, uint32_t hint, unsigned flags,
                  oriel_page *page);
/* me: this thread's part of the pool, or NULL if that is not at hand. */
int orl_unpin (struct orl_thread *me, oriel_page *page);

/* As oriel_pin_many(); n is at most ORL_PINS. */
int orl_pin_many (struct orl_thread *me, struct oriel_file *file,
                  const uint64_t *number, uint32_t n, unsigned flags,
                  oriel_page *page);

/* In oriel_page.flags, beside ORIEL_*: data is a copy, and the rest from
 * ORL_PAGE_SHIFT on says which; or there is a grant to be ended. */
#define ORL_PAGE_COPY 0x40u
#define ORL_PAGE_GRANT 0x80u
#define ORL_PAGE_SHIFT 8

/* A page held in this thread's ledger. */
struct orl_hold {
  uint32_t frame;
  int entry;                    /* of me->ledger */
  bool fresh;                   /* ORIEL_FRESH, and the page was not there: with
                                   ORL_HOLD_COPY its content is undefined */
};

/* A flag beside those of oriel_pin(): the page is wanted to be copied from or
 * to, so it needs no slot. */
#define ORL_HOLD_COPY 0x80000000u

/* Make the page resident and hold it, by ORIEL_* flags of oriel_pin().  Its
 * address is another matter: orl_hold_show().  Errors as oriel_pin(). */
int orl_hold (struct orl_thread *me, struct oriel_file *file, uint64_t page,
              unsigned flags, struct orl_hold *hold);

/* Turn a held page's entry into one with a latch (pin-latch.c).  -EDEADLK,
 * -EAGAIN by ORIEL_NOWAIT in flags, -ENOBUFS; then it is held as before. */
int orl_pin_shared (struct orl_thread *me, struct oriel_file *file,
                    const struct orl_hold *hold, unsigned flags);
int orl_pin_exclusive (struct orl_thread *me, struct oriel_file *file,
                       const struct orl_hold *hold, unsigned flags);

/* The mode in which this thread itself holds the frame, beside entry. */
uint32_t orl_own_mode (const struct orl_thread *me, uint32_t frame, int entry);

/* A wait for a latch or a state of owner's has passed: repair it if it is
 * dead. */
void orl_pin_waited (struct orl_thread *me, uint32_t owner);

/* Let its user reach a page that is held; at: where it is shown, or NULL.  After
 * an error it is not held any more. */
int orl_pin_reach (struct orl_thread *me, struct oriel_file *file,
                   uint64_t number, unsigned flags,
                   const struct orl_hold *hold, void *at, oriel_page *page);

/* The page's address in the window, for the library itself, until
 * orl_hold_end().  -ENOBUFS; -ENOMEM in a strict window. */
int orl_hold_show (struct orl_thread *me, struct oriel_file *file,
                   const struct orl_hold *hold, void **at);

/* Give up the latch and keep the pin, in the ledger that entry lies in. */
void orl_hold_unlatch (const struct orl_shm *shm, orl_a32 *entry);

/* Give up latch and pin, likewise. */
void orl_hold_end (const struct orl_shm *shm, orl_a32 *entry);

/* The same where it was held for nothing: of a fresh page, whose content may be
 * that of another that had the frame, nothing stays. */
void orl_hold_drop (struct orl_thread *me, const struct orl_hold *hold);

/* A page held with ORIEL_WRITE has changed; the file is at least end bytes
 * long now. */
void orl_hold_dirty (struct oriel_file *file, uint32_t frame, uint64_t end,
                     uint64_t lsn);

/* Version for optimistic reading: waits while a writer has the page.  Odd if the
 * page is gone: look for it anew. */
uint64_t orl_read_begin (struct oriel_pool *pool, uint32_t frame);

static inline bool
orl_read_validate (const struct orl_shm *shm, uint32_t frame, uint64_t version)
{
  const struct orl_frame *f = &shm->frames[frame];

  atomic_thread_fence (memory_order_acquire);
  return !(version & 1)
         && atomic_load_explicit (&f->version, memory_order_relaxed) == version
         && !(atomic_load_explicit (&f->state, memory_order_relaxed)
              & ORL_LOST);
}

#endif /* ORL_PIN_H */

/* SPDX-License-Identifier: BSD-2-Clause */
/* window-grant.h - strict windows, in which only what is pinned can be accessed */
#ifndef ORL_WINDOW_GRANT_H
#define ORL_WINDOW_GRANT_H

#include "window.h"

/* Who pinned last what a granule shows. */
struct orl_grant_last {
  const char *module;           /* the program or library that called; NULL if
                                   that is not known */
  uintptr_t offset;             /* of the call, in the module */
  uint64_t page;
  uint32_t file;                /* index */
  uint32_t tid;
};

/* If flags have ORIEL_PROTECT or ORIEL_RETIRE make w, whose shm is set, strict.
 * -EOPNOTSUPP: can't be on huge pages; -ENOMEM; with the thread's error text. */
int orl_grants_open (struct orl_window *w, uint32_t flags);
int orl_grants_size (struct orl_window *w); /* when the slots are known */
void orl_grants_close (struct orl_window *w);

/* VMAs that a slot may become. */
uint32_t orl_grants_vmas (const struct orl_window *w, uint32_t slot_size);

/* n slots from slot on are about to be remapped; then: have been, and no one has
 * a grant.  Between orl_window_enter() and orl_window_leave(). */
void orl_grants_clear (struct orl_window *w, uint32_t slot, uint32_t n);
int orl_grants_begin (struct orl_window *w, uint32_t slot, uint32_t n);

/* Let the frame, which is shown and pinned, be accessed.  caller: the address
 * that called Oriel.  -ENOMEM: the kernel refuses. */
int orl_grant (struct orl_window *w, uint32_t frame, bool write, uint32_t file,
               uint64_t page, const void *caller);
/* The same pin's end. */
void orl_grant_end (struct orl_window *w, uint32_t frame, bool write);

/* What the offset in the window shows was pinned last by; NULL if by no one.
 * Async-signal-safe. */
const struct orl_grant_last *orl_grant_last (const struct orl_window *w,
                                             uint64_t offset);

#endif /* ORL_WINDOW_GRANT_H */

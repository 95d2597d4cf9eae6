/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h - bring a page into a frame
 */
#ifndef ORL_LOAD_H
#define ORL_LOAD_H

#include "thread.h"

/* Load the page, which no frame had when the caller looked, under the file key
 * given; fresh: make it zeroes, dirty and latched exclusively, instead of
 * reading.  shown: in the window; else it need not be, and a fresh one has no
 * content yet.  On success it is held by *entry of this thread's ledger.
 * -EEXIST: another loads it or has it now, look again.  Else errors as
 * oriel_pin(), with text. */
int orl_load (struct orl_thread *me, struct oriel_file *file, uint64_t key,
              uint64_t page, bool fresh, bool shown, uint32_t *frame,
              int *entry);

/* Load what is missing of count pages from page on, or begin to, in long runs;
 * nothing stays held.  It stops without error behind the end of the file, and
 * when no frame is free or cold.  Errors as oriel_prefetch(). */
int orl_load_ahead (struct orl_thread *me, struct oriel_file *file,
                    uint64_t page, uint64_t count);

/* The same for a list. */
int orl_load_list (struct orl_thread *me, struct oriel_file *file,
                   const uint64_t *number, size_t count);

/* The page in the frame is LOADING, as word says: wait until that may have
 * changed; nowait: end what has come. */
void orl_load_wait (struct orl_thread *me, uint32_t frame, uint64_t word,
                    bool nowait);

/* Wait until nothing of the file is being read that no one waits for. */
void orl_load_drain (struct orl_thread *me, struct oriel_file *file);

/* The same, or until someone says that the file is stable. */
void orl_load_settle (struct orl_thread *me, struct oriel_file *file);

/* A page that was loaded ahead, in this frame, is wanted for the first time
 * (frame.h: ahead). */
void orl_load_marked (struct orl_thread *me, struct oriel_file *file,
                      uint64_t page, uint32_t frame);

#endif /* ORL_LOAD_H */

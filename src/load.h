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

/* Load what is missing of count pages from page on, in long runs; nothing stays
 * held.  It stops without error behind the end of the file.  Errors as oriel_pin(). */
int orl_load_ahead (struct orl_thread *me, struct oriel_file *file,
                    uint64_t page, uint64_t count);

#endif /* ORL_LOAD_H */

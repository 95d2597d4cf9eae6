/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen.h - is the store's file still what the pool last made of it?
 */
#ifndef ORL_SEEN_H
#define ORL_SEEN_H

#include "attach.h"

enum orl_seen { ORL_SEEN_SAME, ORL_SEEN_OTHER, ORL_SEEN_UNKNOWN };

/* Around each change that this process makes to the store's file. */
void orl_seen_begin (struct oriel_file *file);
void orl_seen_end (struct oriel_file *file);

/* Held against what the file is now; no one has it open. */
enum orl_seen orl_seen_compare (const struct orl_frec *rec,
                                const struct orl_store_id *id);

/* What the file is now is what the pool knows; no one else has it open. */
void orl_seen_reset (struct orl_frec *rec, const struct orl_store_id *id);

/* Make all clean pages of the file STALE, and those that are being loaded, by a
 * look at every frame.  What is being written is dirty until that is done. */
void orl_seen_drop_clean (const struct orl_shm *shm, uint32_t index);

#endif /* ORL_SEEN_H */

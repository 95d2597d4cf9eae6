/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - no page reaches its store before its log
 *
 * A page's lsn, in its frame, is that of its last change; a file's durable lsn,
 * in its record, says how far the log is.  Who writes pages looks at both when
 * no one can change the page any more, and has the log flushed first, with no
 * latch of its own held.
 *
 * firsts[frame] is the lsn of the first change that the store has not: where
 * recovery would have to begin for this page.  A writer sets it if it is 0,
 * under the exclusive latch; who writes the page back changes it while the state
 * is WRITING, and makes it 0 under a shared latch, when the store has all.
 */
#ifndef ORL_LOG_H
#define ORL_LOG_H

#include "frame.h"
#include "thread.h"

/* Is the file's log durable up to lsn? */
static inline bool
orl_log_is_durable (const struct orl_frec *rec, uint64_t lsn)
{
  return lsn <= atomic_load (&rec->durable);
}

/* It is; what was said before stays true. */
void orl_log_tell (struct orl_frec *rec, uint64_t lsn);

/* Can this thread have the log of the file with this index flushed?  Not while
 * it is doing so. */
bool orl_log_can_flush (const struct orl_thread *me, uint32_t file);

/* The lsn of the file's page, if the frame has it; else 0. */
uint64_t orl_log_of (const struct oriel_file *file, uint32_t frame,
                     uint64_t page);

/* May, or could, the thread write the dirty page in the frame, as far as the log
 * goes? */
bool orl_log_lets (const struct orl_thread *me, uint32_t frame);

/* Have the log flushed, so that it is durable up to lsn; no latch is held.
 * -ENOTCONN: this process cannot, with the text; errors of the callback. */
int orl_log_flush (struct orl_thread *me, struct oriel_file *file,
                   uint64_t lsn);

/* What a look at the file's dirty pages from number first on finds. */
struct orl_log_range {
  uint64_t last;                /* the greatest lsn; 0: none */
  uint64_t first;               /* the least of firsts[]; UINT64_MAX: none */
};
struct orl_log_range orl_log_look (const struct oriel_file *file,
                                   uint64_t first);

/* As oriel_file_on_flush_log(). */
void orl_log_on_flush (struct oriel_file *file,
                       int (*flush) (void *arg, uint64_t lsn), void *arg);

#endif /* ORL_LOG_H */
